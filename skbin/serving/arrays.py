"""The one input of a graph that is an array: `ArrayInput`."""

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skbin.data.cells import is_frame
from skbin.data.signals import by_channel_names, has_short_signals, pad_signals
from skbin.serving.cells import (
    cells_by_name,
    names_columns,
    numbers_in,
    require_columns,
)

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
}


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
        channels: list[Any] | None = None,
    ) -> None:
        self.dtype = _DTYPES[element_type]
        self.shape = shape  # of one row
        self.names = names
        self.takes_missing = takes_missing
        self.channels = None if channels is None else tuple(channels)

    @property
    def n_features(self) -> int:
        """Number of columns, or of channels."""
        return self.shape[0]

    def read(self, X: Any) -> dict[str, NDArray[Any]]:
        """Return the input of the graph, or raise an error about X."""
        if type(X) is not np.ndarray:
            X = self._array_of(X)
        if len(self.shape) == 2:
            X = self._as_long_as_in_training(X)
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
        if sparse.issparse(X):
            return X.toarray()
        if isinstance(X, np.ma.MaskedArray):
            return np.ma.filled(X.astype(np.float64), np.nan)
        if len(self.shape) == 2:
            return self._array_of_signals(X)
        if names_columns(X):
            return self._array_of_table(X)
        try:
            return np.asarray(X)
        except ValueError as error:
            raise ValueError(
                f"X must be an array of numbers, but its rows differ in length: {error}"
            ) from error

    def _array_of_signals(self, X: Any) -> NDArray[Any]:
        signals = pad_signals(
            by_channel_names(X, self.channels), fitted_shape=(1, *self.shape)
        )
        return np.asarray(signals)

    def _array_of_table(self, X: Any) -> NDArray[Any]:
        if self.names is None and not is_frame(X):
            raise ValueError(
                "The file does not name its columns, so that X cannot name them "
                "either: pass rows of numbers, in the order of training."
            )
        cells = cells_by_name(X)
        names = list(cells) if self.names is None else self.names
        require_columns(cells, names)
        columns = [numbers_in(cells[name], name) for name in names]
        return np.column_stack(columns).astype(self._dtype_of_table(columns))

    def _dtype_of_table(self, columns: list[NDArray[np.float64]]) -> Any:
        """Turn token ids from a table back into integers, unless they are not whole."""
        are_whole = all((column == np.rint(column)).all() for column in columns)
        return np.int64 if self.dtype.kind == "i" and are_whole else np.float64

    def _as_long_as_in_training(self, X: NDArray[Any]) -> NDArray[Any]:
        """Pad shorter signals with NaN, which marks the end of a signal."""
        n_missing = self.shape[1] - X.shape[-1] if X.ndim == 3 else 0
        if n_missing <= 0 or not self.takes_missing or X.dtype.kind not in "biuf":
            return X
        X = X.astype(np.result_type(X.dtype, np.float32), copy=False)
        return np.pad(X, [(0, 0), (0, 0), (0, n_missing)], constant_values=np.nan)

    def _refuse_shape(self, shape: tuple[int, ...]) -> NoReturn:
        n_axes = 1 + len(self.shape)
        wanted = ", ".join(["n", *map(str, self.shape)])
        if len(shape) != n_axes:
            raise ValueError(
                f"Expected {n_axes}D array, got {len(shape)}D array instead: X has the "
                f"shape {shape}, and the file takes ({wanted}). If X is one sample, "
                "pass it in a list: [X]."
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
            f"X has the shape {shape}, and the file takes ({wanted}): the "
            "length of signals is at most that of training."
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
                f"Input X contains infinity, first in row {row}. Write a finite number "
                "if the value is large."
            )
        if not self.takes_missing:
            row = int(np.argwhere(np.isnan(X))[0][0])
            raise ValueError(
                f"Input X contains NaN, first in row {row}, and the file takes no "
                "missing values. Fill them first, or put a SimpleImputer before the "
                "net and export the pipeline."
            )
        if X.ndim == 3:
            has_short_signals(X)  # refuses gaps


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
