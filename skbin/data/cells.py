"""The cells of one column: whether they are numbers, categories or times."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from numbers import Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

NUMBER, CATEGORY, EMPTY, TEXT = "number", "category", "empty", "text"
TIME, DURATION = "time", "duration"
_MICROSECONDS_PER_DAY = 86_400e6
_LARGEST = float(np.finfo(np.float32).max)
_TIMES = (datetime.date, np.datetime64)  # a datetime is a date
_DURATIONS = (datetime.timedelta, np.timedelta64)
NO_NUMBERS = (str, *_TIMES, *_DURATIONS)
_FAMILIES = (
    (CATEGORY, (str,)),
    (DURATION, _DURATIONS),  # timedelta64 is registered as a number
    (NUMBER, (bool, Real, Decimal, np.bool_)),
    (TIME, _TIMES),
)
_NAMES_OF_MISSING = ("NAType", "NaTType")  # of pandas, which need not be installed


def is_frame(X: Any) -> bool:
    """Whether X is a DataFrame of pandas, polars, pyarrow or what narwhals reads."""
    # Arrays are recognised first: asking narwhals takes longer than a small network.
    return not isinstance(X, np.ndarray) and nw.dependencies.is_into_dataframe(X)


def columns_of(X: Any) -> Iterator[tuple[Any, Any]]:
    """Return the name (else the position) and the cells of each column."""
    if is_frame(X):
        # Not by name: a number would select a row.
        frame = nw.from_native(X, eager_only=True)
        yield from zip(frame.columns, frame.iter_columns(), strict=True)
    else:
        yield from ((place, X[:, place]) for place in range(X.shape[1]))


def has_categorical_dtype(column: Any) -> bool:
    """Whether a column of a DataFrame was declared to hold categories."""
    return isinstance(column, nw.Series) and column.dtype in (nw.Categorical, nw.Enum)


def kind_of(column: Any, name: Any) -> str:
    """Return the kind of the cells of a column; refuse mixtures and other objects."""
    if isinstance(column, nw.Series):
        dtype = column.dtype
        if dtype in (nw.String, nw.Categorical, nw.Enum):
            return CATEGORY if len(column) > column.null_count() else EMPTY
        if dtype.is_numeric() or dtype == nw.Boolean:
            return NUMBER if len(column) > column.null_count() else EMPTY
        if dtype == nw.Duration:
            return DURATION if len(column) > column.null_count() else EMPTY
        if dtype in (nw.Date, nw.Datetime):
            return TIME if len(column) > column.null_count() else EMPTY
    elif column.dtype.kind in "biuf":
        return NUMBER
    elif column.dtype.kind in "mM":
        kind = TIME if column.dtype.kind == "M" else DURATION
        return EMPTY if np.isnat(column).all() else kind
    return _kind_of_values(values_of(column), name)


def _kind_of_values(values: list[Any], name: Any) -> str:
    first, kind = None, EMPTY
    for row, value in enumerate(values):
        if value is None:
            continue
        family = next((k for k, types in _FAMILIES if isinstance(value, types)), "")
        if not family:
            raise ValueError(
                f"Column {name!r} holds a {type(value).__name__} in row {row}, "
                f"{str(value)[:40]!r}. Cells must be numbers, strings, booleans, dates "
                "or categories; convert other values, or drop the column. Vectors of "
                f"equal length belong in a separate array: np.stack(X[{name!r}])."
            )
        if first is None:
            first, kind = (row, value), family
        elif family != kind:
            raise ValueError(
                f"Column {name!r} mixes types: row {first[0]} holds {first[1]!r}, row "
                f"{row} holds {value!r}. Give it one type: numbers by "
                f"pd.to_numeric(X[{name!r}], errors='coerce'), which writes NaN for "
                f"other values, or categories by X[{name!r}].astype(str)."
            )
    return kind


def values_of(column: Any) -> list[Any]:
    """Return the cells as Python objects, None for missing ones."""
    if isinstance(column, nw.Series):
        values = column.to_list()
        is_null = column.is_null().to_numpy()
    else:
        values = column.tolist()
        is_null = np.zeros(len(values), dtype=bool)
    return [
        None if null or is_missing(value) else value
        for value, null in zip(values, is_null, strict=True)
    ]


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in _NAMES_OF_MISSING:
        return True
    # Neither NaN nor NaT equals itself.
    return isinstance(value, (Real, *NO_NUMBERS)) and value != value


def numbers_of(column: Any, name: Any) -> NDArray[np.float64]:
    """Read numbers, booleans and durations (in days); NaN is missing."""
    if isinstance(column, nw.Series) and column.dtype == nw.Duration:
        return column.dt.total_microseconds().to_numpy() / _MICROSECONDS_PER_DAY
    if not isinstance(column, nw.Series) and column.dtype.kind == "m":
        days = column.astype("timedelta64[us]") / np.timedelta64(1, "D")
        return np.asarray(days, dtype=np.float64)
    if isinstance(column, nw.Series) and column.dtype.is_numeric():
        numbers = np.asarray(column.cast(nw.Float64).to_numpy(), dtype=np.float64)
    elif not isinstance(column, nw.Series) and column.dtype.kind in "biuf":
        numbers = column.astype(np.float64)
    else:
        floats = (np.nan if v is None else _as_float(v) for v in values_of(column))
        numbers = np.fromiter(floats, dtype=np.float64)
    if np.isinf(numbers).any():
        row = int(np.argmax(np.isinf(numbers)))
        raise ValueError(
            f"Input X contains infinity: column {name!r}, first in row {row}. Write "
            "NaN if the value is missing, and a finite number if it is large."
        )
    is_huge = np.abs(numbers) > _LARGEST
    if is_huge.any():
        row = int(np.argmax(is_huge))
        raise ValueError(
            f"Input X contains a value too large for float32: column {name!r}, first "
            f"in row {row}, {numbers[row]:.4g}. Write NaN if it stands for a missing "
            "value, or take logarithms of the column."
        )
    return numbers


def _as_float(value: Any) -> float:
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "D"))
    if isinstance(value, datetime.timedelta):
        return value / datetime.timedelta(days=1)
    return float(value)


def categories_of(column: Any, name: Any) -> list[Any]:
    """Read categories as strings or numbers, None where one is missing."""
    values = values_of(column)
    plain = [v if v is None or _is_plain(v) else _in_plain(v) for v in values]
    present = [v for v in plain if v is not None]
    n_strings = sum(isinstance(v, str) for v in present)
    if 0 < n_strings < len(present):
        _kind_of_values(plain, name)
    return plain


def _is_plain(value: Any) -> bool:
    return type(value) in (str, int, float, bool)


def _in_plain(value: Any) -> Any:
    if isinstance(value, np.generic) and _is_plain(value.item()):
        return value.item()
    return str(value)


def times_of(column: Any) -> NDArray[np.float64]:
    """Read times as days since 1970, in local time."""
    if isinstance(column, nw.Series) and column.dtype in (nw.Date, nw.Datetime):
        # Only dates are cast: pyarrow refuses it for times with nanoseconds.
        if column.dtype == nw.Datetime:
            column = column.dt.replace_time_zone(None)
        else:
            column = column.cast(nw.Datetime("us"))
        microseconds = column.dt.timestamp("us").to_numpy()
        return np.asarray(microseconds, dtype=np.float64) / _MICROSECONDS_PER_DAY
    if not isinstance(column, nw.Series) and column.dtype.kind == "M":
        values = column
    else:
        values = np.array(
            [_wall(value) for value in values_of(column)],
            dtype="datetime64[us]",
        )
    microseconds = values.astype("datetime64[us]").astype(np.float64)
    microseconds[np.isnat(values)] = np.nan
    return microseconds / _MICROSECONDS_PER_DAY


def _wall(time: Any) -> Any:
    if time is None:
        return np.datetime64("NaT")
    return time.replace(tzinfo=None) if isinstance(time, datetime.datetime) else time
