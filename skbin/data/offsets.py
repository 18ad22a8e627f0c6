"""Numbers far from zero, such as times and ids, brought near it in double precision."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Steps of float32 in the spread of a column, below which neighbours fall together.
_FEWEST_STEPS = 2**10
_LARGEST_EXACT = 2**24  # whole numbers that float32 holds
_MOST_VALUES, _FEWEST_ROWS, _MOST_ROWS = 2**18, 64, 1000


def learn_offset(X: NDArray[Any]) -> NDArray[np.float64] | None:
    """Find what to subtract from each column (or channel) before the cast to float32.

    Columns that float32 holds well keep 0; None if all of them do.

    Examples
    --------
    >>> learn_offset(np.array([[1.0, 4e9 + 8], [2.0, 4e9 + 9], [3.0, 4e9 + 10]])) - 4e9
    array([-4.e+09,  9.e+00])
    """
    if X.dtype.kind not in "iuf" or X.dtype.itemsize < 4 or X.dtype == np.float32:
        return None
    if X.ndim not in (2, 3):
        return None
    rows = _some_rows(X).astype(np.float64)
    axis = (0, 2) if X.ndim == 3 else 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")  # of a dict's input
        low, quarter, median, three_quarters, high = np.nanquantile(
            rows, [0, 0.25, 0.5, 0.75, 1], axis=axis
        )
    spread = np.where(three_quarters > quarter, three_quarters - quarter, high - low)
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.spacing(np.abs(median).astype(np.float32)).astype(np.float64)
    is_lost = (spread > 0) & (step * _FEWEST_STEPS > spread)
    if X.dtype.kind in "iu":
        is_lost &= np.maximum(abs(low), abs(high)) > _LARGEST_EXACT
    if not is_lost.any():
        return None
    offset = np.where(is_lost, median, 0.0)
    return offset[:, np.newaxis] if X.ndim == 3 else offset


def _some_rows(X: NDArray[Any]) -> NDArray[Any]:
    values_per_row = max(int(np.prod(X.shape[1:])), 1)
    n = min(len(X), max(_MOST_VALUES // values_per_row, _FEWEST_ROWS), _MOST_ROWS)
    return X[np.linspace(0, len(X) - 1, n).astype(int)]


def to_float32(X: NDArray[Any], offset: NDArray[np.float64] | None) -> NDArray[Any]:
    """Cast to float32, the offset taken off before; refuse what is too large for it."""
    if offset is not None:
        X = X.astype(np.float64) - offset
    if X.dtype == np.float32:
        return X
    with np.errstate(over="ignore"):
        cast = X.astype(np.float32)
    if X.dtype.kind == "f" and np.isinf(cast).any():
        raise ValueError(
            "Input X contains infinity or a value too large for dtype('float32')."
        )
    return cast
