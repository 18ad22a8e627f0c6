"""From what a service is given to the inputs of a graph."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from skbin.data.cells import (
    CATEGORY,
    DURATION,
    EMPTY,
    NUMBER,
    TEXT,
    TIME,
    categories_of,
    columns_of,
    is_frame,
    kind_of,
    numbers_of,
    times_of,
    values_of,
)
from skbin.data.texts import TextReader

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
}
_STRINGS = "tensor(string)"
_KINDS_OF_NUMBERS = (NUMBER, DURATION, EMPTY)


class ArrayInput:
    """The one input ``X``: an array of all features, or a table in their order.

    What is right is let through by a few comparisons, because a row is computed in
    less time than scikit-learn takes to validate it.
    """

    def __init__(
        self,
        element_type: str,
        shape: tuple[int, ...],
        names: list[str] | None,
        *,
        takes_missing: bool,
    ) -> None:
        self.dtype = _DTYPES[element_type]
        self.shape = shape  # of one row
        self.names = names
        self.takes_missing = takes_missing

    @property
    def n_features(self) -> int:
        """Number of columns, or of channels."""
        return self.shape[0]

    def read(self, X: Any) -> dict[str, NDArray[Any]]:
        """Give the input of the graph, or say what is wrong with X."""
        if type(X) is not np.ndarray:
            X = self._array_of(X)
        if X.shape[1:] != self.shape or not len(X):
            self._refuse_shape(X.shape)
        if X.dtype != self.dtype:
            X = self._cast(X)
        if self.dtype.kind == "i":
            _refuse_negative(X)
        elif not np.isfinite(X).all():
            self._refuse_values(X)
        return {"X": X}

    def _array_of(self, X: Any) -> NDArray[Any]:
        if _names_columns(X):
            return self._array_of_table(X)
        try:
            return np.asarray(X)
        except ValueError as error:
            raise ValueError(
                f"X must be an array of numbers, but its rows differ in length: {error}"
            ) from error

    def _array_of_table(self, X: Any) -> NDArray[Any]:
        if self.names is None and not is_frame(X):
            raise ValueError(
                "The file does not name its columns, so that X cannot name them "
                "either: pass rows of numbers, in the order of training."
            )
        cells = cells_by_name(X)
        names = list(cells) if self.names is None else self.names
        _refuse_unlike(cells, names)
        columns = [numbers_in(cells[name], name) for name in names]
        return np.column_stack(columns).astype(self._dtype_of_table(columns))

    def _dtype_of_table(self, columns: list[NDArray[np.float64]]) -> Any:
        """Token ids of a table are whole numbers again, unless they are none."""
        are_whole = all((column == np.rint(column)).all() for column in columns)
        return np.int64 if self.dtype.kind == "i" and are_whole else np.float64

    def _refuse_shape(self, shape: tuple[int, ...]) -> NoReturn:
        n_axes = 1 + len(self.shape)
        wanted = ", ".join(["n", *map(str, self.shape)])
        if len(shape) != n_axes:
            raise ValueError(
                f"Expected {n_axes}D array, got {len(shape)}D array instead: X has "
                f"the shape {shape}, and the file takes ({wanted}). Of one row make "
                "X[np.newaxis]."
            )
        if not shape[0]:
            raise ValueError(
                f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is "
                "required."
            )
        if n_axes == 2:
            raise ValueError(
                f"X has {shape[1]} features, but OnnxClassifier is expecting "
                f"{self.shape[0]} features as input."
            )
        raise ValueError(
            f"X has the shape {shape}, and the file takes ({wanted}). Pad shorter "
            "signals with NaN at their ends."
        )

    def _cast(self, X: NDArray[Any]) -> NDArray[Any]:
        if self.dtype.kind == "i":
            if X.dtype.kind in "biu":
                return X.astype(self.dtype)
            raise ValueError(
                f"The file takes token ids, which are whole numbers, but X has dtype "
                f"{X.dtype}. Pass X.astype(np.int64)."
            )
        X = _real_numbers(X)
        with np.errstate(over="ignore"):
            cast = X.astype(self.dtype, copy=False)
        if np.isinf(cast).any() and not np.isinf(X).any():
            raise ValueError(
                "Input X contains infinity or a value too large for dtype('float32')."
            )
        return cast

    def _refuse_values(self, X: NDArray[Any]) -> None:
        if np.isinf(X).any():
            row = int(np.argwhere(np.isinf(X))[0][0])
            raise ValueError(
                f"Input X contains infinity, first in row {row}. Write a number where "
                "it is large."
            )
        if not self.takes_missing:
            row = int(np.argwhere(np.isnan(X))[0][0])
            raise ValueError(
                f"Input X contains NaN, first in row {row}, and the file takes no "
                "missing values. Fill them before, or put a SimpleImputer before the "
                "net and export the pipeline."
            )
        if X.ndim == 3:
            _refuse_gaps(X)


class ColumnInputs:
    """One input for each column, of shape (n, 1), float64 or strings."""

    def __init__(
        self,
        columns: dict[str, tuple[str, str]],
        *,
        takes_missing: bool,
        readers: dict[str, TextReader] | None = None,
    ) -> None:
        self.columns = columns  # kind and type of the input, by name
        self.readers = readers or {}
        self.takes_missing = takes_missing

    @property
    def names(self) -> list[str]:
        """Names of the columns that the graph reads."""
        return list(self.columns)

    @property
    def n_features(self) -> int:
        """Number of columns that the graph reads."""
        return len(self.columns)

    def read(self, X: Any) -> dict[str, NDArray[Any]]:
        """Give the inputs of the graph, or say what is wrong with X."""
        if not _names_columns(X):
            raise ValueError(
                f"X must name its columns, {self.names}: a DataFrame, a dict of lists "
                f"or a list of dicts, got {type(X).__name__}."
            )
        cells = cells_by_name(X)
        _refuse_lack(cells, self.names)
        return {
            name: self._read_column(name, cells[name]).reshape(-1, 1)
            for name in self.columns
        }

    def _read_column(self, name: str, cells: Any) -> NDArray[Any]:
        kind, element_type = self.columns[name]
        if kind == TEXT:
            _refuse_other_kinds(cells, name, (CATEGORY, EMPTY), "texts")
            return self.readers[name].logits(values_of(cells))
        if kind == EMPTY:  # nothing was learned of it
            return np.full(len(cells), np.nan)
        if element_type == _STRINGS:
            return strings_in(cells, name)
        if kind == CATEGORY:
            return codes_in(cells, name)
        numbers = times_in(cells, name) if kind == TIME else numbers_in(cells, name)
        if not self.takes_missing and np.isnan(numbers).any():
            raise ValueError(
                f"Input X contains NaN: column {name!r}, first in row "
                f"{int(np.argmax(np.isnan(numbers)))}, and the file takes no missing "
                "values there. Fill them before, or put a SimpleImputer before the "
                "net and export the pipeline."
            )
        return numbers


# ---- tables as columns


def _names_columns(X: Any) -> bool:
    if isinstance(X, list | tuple):
        return bool(X) and isinstance(X[0], Mapping)
    return isinstance(X, Mapping) or is_frame(X)


def cells_by_name(X: Any) -> dict[str, Any]:
    """Give the cells of each column of a DataFrame, a dict of lists or records."""
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


def _cells_of(name: Any, values: Any) -> NDArray[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(
            f"A dict gives a list for each column, but X[{name!r}] is {values!r}. Of "
            "one record make a list: [record]."
        )
    if isinstance(values, list | tuple):
        # NumPy would make strings of numbers beside strings.
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


def _refuse_lack(cells: dict[str, Any], names: list[str]) -> None:
    lacking = [name for name in names if name not in cells]
    if lacking:
        raise ValueError(
            f"X lacks the columns {lacking}; it has {list(cells)}. Write NaN or None "
            "where a value is missing."
        )


def _refuse_unlike(cells: dict[str, Any], names: list[str]) -> None:
    _refuse_lack(cells, names)
    unknown = [name for name in cells if name not in names]
    if unknown:
        raise ValueError(
            f"X has the columns {unknown}, which were not there in training: leave "
            f"them out. The file takes {names}."
        )


# ---- cells as numbers and strings


def numbers_in(cells: Any, name: str) -> NDArray[np.float64]:
    """Read numbers, truth values and lengths of time in days; None is NaN."""
    _refuse_other_kinds(cells, name, _KINDS_OF_NUMBERS, "numbers")
    try:
        return numbers_of(cells, name)
    except OverflowError as error:  # a whole number of some hundred digits
        raise ValueError(
            f"Column {name!r} takes numbers of float64: {error}."
        ) from error


def times_in(cells: Any, name: str) -> NDArray[np.float64]:
    """Read times as days since 1970 by the wall clock; strings as ISO 8601."""
    _refuse_other_kinds(cells, name, (TIME, EMPTY, CATEGORY), "times")
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


def codes_in(cells: Any, name: str) -> NDArray[np.float64]:
    """Read categories that are numbers or truth values; NaN where one is missing."""
    values = [np.nan if v is None else v for v in categories_of(cells, name)]
    if any(isinstance(value, str) for value in values):
        _refuse_other_kinds(cells, name, _KINDS_OF_NUMBERS, "numbers")
    return np.array(values, dtype=np.float64)


def strings_in(cells: Any, name: str) -> NDArray[Any]:
    """Read strings, "" where one is missing."""
    _refuse_other_kinds(cells, name, (CATEGORY, EMPTY), "strings")
    return np.array([value or "" for value in categories_of(cells, name)], dtype=object)


def _refuse_other_kinds(
    cells: Any, name: str, kinds: tuple[str, ...], wanted: str
) -> None:
    kind = kind_of(cells, name)
    if kind in kinds:
        return
    first = next(value for value in values_of(cells) if value is not None)
    found = "strings" if kind == CATEGORY else f"{kind}s"
    raise ValueError(
        f"Column {name!r} takes {wanted}, and X holds {found} there, such as {first!r}."
    )


def _real_numbers(X: NDArray[Any]) -> NDArray[Any]:
    if X.dtype.kind in "biuf":
        return X
    if X.dtype == object:
        n_strings = sum(isinstance(value, str | bytes) for value in X.flat)
        try:
            if not n_strings:
                return X.astype(np.float64)  # None becomes NaN
        except (OverflowError, TypeError, ValueError):
            pass
    raise ValueError(
        f"X must hold real numbers, but has dtype {X.dtype}, such as {X.flat[0]!r}."
    )


def _refuse_negative(ids: NDArray[Any]) -> None:
    if ids.min() < 0:  # onnxruntime would count from the end
        raise ValueError(f"Token ids are 0 or larger, but X holds {ids.min()}.")


def _refuse_gaps(signals: NDArray[Any]) -> None:
    is_missing = np.isnan(signals)
    n_steps = (~is_missing.any(axis=1)).sum(axis=1)
    has_ended = np.arange(signals.shape[2]) >= n_steps[:, np.newaxis]
    has_gap = (is_missing != has_ended[:, np.newaxis]).any(axis=(1, 2))
    has_gap |= n_steps == 0
    if has_gap.any():
        raise ValueError(
            "Input X contains NaN before the end of a signal, first in "
            f"X[{int(np.argmax(has_gap))}]. NaN in all channels marks the steps after "
            "a signal's end, and each signal needs one step. Fill gaps with values "
            "before."
        )
