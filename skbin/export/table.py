"""The columns of a table that `fit` has learned, as JSON and back."""

import reprlib
from typing import Any

import numpy as np

from skbin.data.cells import CATEGORY, DURATION, EMPTY, NUMBER, TEXT, TIME
from skbin.data.readers_in_json import describe_reader, is_reader, reader_from
from skbin.data.tables import Column, Table

_LIMITS = ("latest", "has_seasons")


def require(is_right: bool, wanted: str, got: Any) -> None:
    """Raise ValueError with what was wanted and what the file holds."""
    if not is_right:
        raise ValueError(f"it needs {wanted}, got {reprlib.repr(got)}.")


def names_in_json(names: tuple[Any, ...] | None) -> list[Any] | None:
    """Write down names of columns; refuse those that JSON does not keep."""
    if names is None:
        return None
    plain = [name.item() if isinstance(name, np.generic) else name for name in names]
    if not all(type(name) in (str, int) for name in plain):
        raise ValueError(
            f"save writes names of columns that are strings or integers, got {names}. "
            "Rename the columns of the DataFrames before fit, or use joblib.dump."
        )
    return plain


def describe_table(table: Table | None) -> list[Any] | None:
    """Write down the columns."""
    if table is None:
        return None
    names = names_in_json(tuple(column.name for column in table.columns)) or []
    return [
        {
            "name": name,
            "kind": c.kind,
            "categories": list(c.categories),
            **({} if c.reader is None else {"reader": describe_reader(c.reader)}),
            **_limits_of_time(c),
        }
        for name, c in zip(names, table.columns, strict=True)
    ]


def table_from(columns: Any, shape: tuple[int, ...] | None) -> Table | None:
    """Check what `describe_table` wrote, and build it."""
    if columns is None:
        return None
    are_columns = isinstance(columns, list) and all(map(_is_column, columns))
    require(are_columns, "table to be columns with a kind and categories", columns)
    table = Table(
        tuple(
            Column(
                c["name"],
                c["kind"],
                tuple(c["categories"]),
                reader_from(c["reader"]) if "reader" in c else None,
                **{key: c[key] for key in _LIMITS if key in c},
            )
            for c in columns
        )
    )
    n_values = sum(column.n_outputs for column in table.columns)
    fits = shape is not None and shape[1:] == (n_values,)
    require(fits, f"a table that becomes samples of the shape {shape}", columns)
    return table


def _limits_of_time(column: Column) -> dict[str, Any]:
    """Write down what files of earlier versions lack: they have no limits."""
    if column.kind != TIME or not np.isfinite(column.latest):
        return {}
    return {key: getattr(column, key) for key in _LIMITS}


def _is_column(column: Any) -> bool:
    keys = {"name", "kind", "categories"}
    if isinstance(column, dict) and column.get("kind") == TEXT:
        keys |= {"reader"}
    if isinstance(column, dict) and column.get("kind") == TIME:
        keys |= {*_LIMITS} & {*column}
    if not isinstance(column, dict) or {*column} != keys:
        return False
    if "reader" in keys and not is_reader(column["reader"]):
        return False
    categories = column["categories"]
    return (
        type(column["name"]) in (str, int)
        and column["kind"] in (NUMBER, CATEGORY, TEXT, TIME, DURATION, EMPTY)
        and _is_finite(column.get("latest", 0.0))
        and isinstance(column.get("has_seasons", True), bool)
        and isinstance(categories, list)
        and all(type(category) in (str, int, float, bool) for category in categories)
        and len({*categories}) == len(categories)
    )


def _is_finite(number: Any) -> bool:
    return type(number) in (int, float) and bool(np.isfinite(number))
