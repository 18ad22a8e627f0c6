"""What belongs to rows, in the order of the rows: `warn_if_reordered`, and by time."""

from typing import Any

import narwhals.stable.v2 as nw
from narwhals.stable.v2 import selectors

from skbin.data.cells import is_frame
from skbin.machine.callers import warn_user


def warn_if_reordered(rows: Any, /, **beside: Any) -> None:
    """Warn of a Series with the labels of the rows in another order.

    Like scikit-learn, we match by position, so each row would get the value of another.
    """
    if not hasattr(rows, "iloc"):
        return
    for name, values in beside.items():
        if not hasattr(values, "iloc") or len(values) != len(rows):
            continue
        if rows.index.equals(values.index) or not rows.index.is_unique:
            continue
        if values.index.is_unique and rows.index.isin(values.index).all():
            warn_user(
                f"{name} has the index of the rows in another order, but rows are "
                f"matched by position. Pass {name}.loc[index of the rows], or "
                f"{name}.to_numpy() if the order is meant."
            )


def warn_if_not_by_time(X: Any) -> None:
    """Warn of a DataFrame with times of which none ascends."""
    if not is_frame(X):
        return
    times = nw.from_native(X).select(selectors.by_dtype(nw.Datetime, nw.Date))
    columns = [column.drop_nulls() for column in times.iter_columns()]
    if columns and not any(column.is_sorted() for column in columns):
        warn_user(
            "cv splits by time, so the rows must stand in the order of time, but X "
            f"ascends in none of {times.columns}. Sort the rows, and y with them."
        )
