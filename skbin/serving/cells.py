"""The cells of a column in a service's request, for the input of a graph."""

import datetime
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from skbin.data.cells import (
    CATEGORY,
    DURATION,
    EMPTY,
    NUMBER,
    TIME,
    categories_of,
    columns_of,
    is_frame,
    kind_of,
    numbers_of,
    times_of,
    values_of,
)


def names_columns(X: Any) -> bool:
    """Whether X is a DataFrame, a dict of columns or a list of records."""
    if isinstance(X, list | tuple):
        return bool(X) and isinstance(X[0], Mapping)
    return isinstance(X, Mapping) or is_frame(X)


def cells_by_name(X: Any) -> dict[str, Any]:
    """Return the cells of each column of a DataFrame, a dict of lists or records."""
    if is_frame(X):
        columns = {str(name): cells for name, cells in columns_of(X)}
    elif isinstance(X, Mapping):
        columns = {str(name): _cells_of(name, values) for name, values in X.items()}
    else:
        columns = _columns_of_records(X)
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The columns of X differ in length: {lengths}.")
    if not any(lengths.values()):
        raise ValueError(
            "Found array with 0 sample(s) in X while a minimum of 1 is required."
        )
    return columns


def _cells_of(name: Any, values: Any) -> Any:
    if nw.dependencies.is_into_series(values):
        return nw.from_native(values, series_only=True)
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(
            f"A dict must hold a list for each column, but X[{name!r}] is {values!r}. "
            "For one record, pass a list: [record]."
        )
    if isinstance(values, list | tuple):
        # NumPy would turn numbers among strings into strings.
        return np.fromiter(values, dtype=object, count=len(values))
    cells = np.asarray(values)
    if cells.ndim != 1:
        raise ValueError(
            f"X[{name!r}] has the shape {cells.shape}, and a column has one axis."
        )
    return cells


def _columns_of_records(records: Any) -> dict[str, Any]:
    names = list(records[0])
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise ValueError(
                f"X is a list of dicts, but row {row} is a {type(record).__name__}."
            )
        if record.keys() != records[0].keys():
            differ = sorted(map(str, record.keys() ^ records[0].keys()))
            raise ValueError(
                f"Row {row} of X does not have the same columns as row 0: {differ}. "
                "Write None where a value is missing."
            )
    return {
        str(name): _cells_of(name, [record[name] for record in records])
        for name in names
    }


def refuse_lack(cells: dict[str, Any], names: list[str]) -> None:
    """Refuse cells that lack a column."""
    lacking = [name for name in names if name not in cells]
    if lacking:
        raise ValueError(
            f"X lacks the columns {lacking}; it has {list(cells)}. Write NaN or None "
            "where a value is missing."
        )


def require_columns(cells: dict[str, Any], names: list[str]) -> None:
    """Refuse cells that lack a column or have another one."""
    refuse_lack(cells, names)
    unknown = [name for name in cells if name not in names]
    if unknown:
        raise ValueError(
            f"X has the columns {unknown}, which did not exist in training: leave them "
            f"out. The file takes {names}."
        )


# ---- cells as numbers and strings

# The kind of a column of categories without known categories.
ANYTHING = "anything"
_IN_WORDS = {
    CATEGORY: "strings",
    DURATION: "durations",
    NUMBER: "numbers",
    TIME: "times",
}
# What no category is: the graph takes an empty string for a missing one.
_UNKNOWN = "\0"


def numbers_in(cells: Any, name: str) -> NDArray[np.float64]:
    """Read numbers and booleans; None is NaN."""
    _require_kind(cells, name, (NUMBER, EMPTY), "numbers")
    return _numbers_of(cells, name)


def durations_in(cells: Any, name: str) -> NDArray[np.float64]:
    """Read durations, which JSON writes as a number of days."""
    _require_kind(cells, name, (DURATION, NUMBER, EMPTY), "durations")
    return _numbers_of(cells, name)


def _numbers_of(cells: Any, name: str) -> NDArray[np.float64]:
    try:
        return numbers_of(cells, name)
    except OverflowError as error:  # a whole number of some hundred digits
        raise ValueError(
            f"Column {name!r} takes numbers of float64: {error}."
        ) from error


def times_in(cells: Any, name: str) -> NDArray[np.float64]:
    """Read times as days since 1970 in local time; strings as ISO 8601."""
    _require_kind(cells, name, (TIME, EMPTY, CATEGORY), "times")
    values = values_of(cells)
    is_written = any(isinstance(value, str) for value in values)
    return times_of(_parsed(values, name) if is_written else cells)


def _parsed(values: list[Any], name: str) -> NDArray[Any]:
    """JSON has no times, and writes them as strings."""
    times = np.full(len(values), None, dtype=object)
    for row, value in enumerate(values):
        try:
            if value is not None:
                times[row] = datetime.datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(
                f"Column {name!r} takes times, and row {row} holds {value!r}. Write "
                "them as in '2026-11-27T08:30:00'."
            ) from error
    return times


def texts_in(cells: Any, name: str) -> Any:
    """Return texts; refuse everything else."""
    _require_kind(cells, name, (CATEGORY, EMPTY), "texts")
    return cells


def strings_in(cells: Any, name: str) -> NDArray[Any]:
    """Read categories as strings, "" where one is missing."""
    _require_kind(cells, name, (CATEGORY, TIME, EMPTY), "strings")
    return _as_strings(categories_of(cells, name))


def presence_in(cells: Any) -> NDArray[Any]:
    """Return which cells hold a value, if the column held none in training."""
    return _as_strings([None if v is None else _UNKNOWN for v in values_of(cells)])


def _as_strings(values: list[Any]) -> NDArray[Any]:
    strings = ["" if v is None else str(v) or _UNKNOWN for v in values]
    return np.array(strings, dtype=object)


def codes_in(cells: Any, name: str) -> NDArray[np.float64]:
    """Read categories that are numbers or booleans; NaN for missing ones."""
    values = categories_of(cells, name)
    if any(isinstance(value, str) for value in values):
        raise _other_kind(values, name, "numbers")
    return np.fromiter(map(_as_float, values), dtype=np.float64, count=len(values))


def _as_float(value: Any) -> float:
    try:
        return np.nan if value is None else float(value)
    except OverflowError:
        return np.inf  # which is not a category


def _require_kind(cells: Any, name: str, kinds: tuple[str, ...], wanted: str) -> None:
    if kind_of(cells, name) not in kinds:
        raise _other_kind(values_of(cells), name, wanted)


def _other_kind(values: list[Any], name: str, wanted: str) -> ValueError:
    first = next(value for value in values if value is not None)
    found = _IN_WORDS[kind_of(np.array([first], dtype=object), name)]
    return ValueError(
        f"Column {name!r} takes {wanted}, and X holds {found} there, such as "
        f"{reprlib.repr(first)}."
    )
