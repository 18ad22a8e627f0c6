"""Numbers far from zero, such as times and ids, brought near it in double precision."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.machine.callers import warn_user

# Steps of float32 in the spread of a column, below which neighbours become equal.
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
    if not can_be_far(X.dtype) or X.ndim not in (1, 2, 3):
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


def can_be_far(dtype: np.dtype[Any]) -> bool:
    """Whether numbers of a type may lose digits in float32."""
    return dtype.kind in "iuf" and dtype.itemsize >= 4 and dtype != np.float32


def refuse_far_columns(X: Any) -> None:
    """Refuse a sparse matrix whose columns float32 cannot tell apart."""
    if not can_be_far(X.dtype):
        return
    offset = learn_offset(_some_rows(X).toarray())
    if offset is None:
        return
    raise ValueError(
        f"The columns {np.flatnonzero(offset).tolist()} of a sparse X hold numbers so "
        "far from zero that float32 cannot distinguish them. Subtract a constant from "
        "them first, or pass X.toarray()."
    )


def warn_of_offset(offset: Any, what: str) -> None:
    """Warn that weights do not contain the constants subtracted from columns."""
    if offset is None:
        return
    warn_user(
        f"Weights are {what} without the constants that fit subtracted from columns "
        "far from zero, such as times and ids; with other constants, predictions are "
        "wrong. Keep the whole estimator (skbin.save, pickle), or bring such columns "
        "near zero yourself, in the same way each time.",
        UserWarning,
    )


def numbers_of_some_rows(n_rows: int, values_per_row: int) -> NDArray[np.int64]:
    """Choose rows that are enough to tell where a column lies."""
    n = min(n_rows, max(_MOST_VALUES // max(values_per_row, 1), _FEWEST_ROWS))
    return np.linspace(0, n_rows - 1, min(n, _MOST_ROWS)).astype(int)


def _some_rows(X: Any) -> Any:
    return X[numbers_of_some_rows(X.shape[0], int(np.prod(X.shape[1:])))]


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
