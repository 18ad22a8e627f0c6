"""Signals of unequal lengths: one array, NaN where a signal has ended."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.utils import to_numpy


def pad_signals(X: Any, least_length: int = 0) -> Any:
    """Put signals of unequal lengths into one array.

    Parameters
    ----------
    X : list or object array of arrays of shape (n_channels, length), masked array of \
shape (n_samples, n_channels, length), or anything else
        Each signal has a length of its own; of a masked array what is masked.
    least_length : int, default=0
        Pad lists at least to this length.

    Returns
    -------
    X : ndarray of float32 of shape (n_samples, n_channels, longest)
        NaN after each signal's end. What is neither a list of signals nor masked comes
        back as it was given.

    Raises
    ------
    ValueError
        If signals differ in their number of channels, or hold no real numbers.

    Examples
    --------
    >>> pad_signals([np.array([[1.0, 2.0, 3.0]]), np.array([[4.0]])])
    array([[[ 1.,  2.,  3.]],
    <BLANKLINE>
           [[ 4., nan, nan]]], dtype=float32)
    """
    if isinstance(X, np.ma.MaskedArray):
        return _as_float32(X, name="X") if np.ma.is_masked(X) else X.data
    if not _is_list_of_signals(X):
        return X
    n_channels = X[0].shape[0]
    for place, signal in enumerate(X):
        if signal.shape[0] != n_channels:
            raise ValueError(
                "Signals must have the same number of channels: X[0] has shape "
                f"{tuple(X[0].shape)}, but X[{place}] has {tuple(signal.shape)}. Give "
                "each as (n_channels, length)."
            )
    longest = max(least_length, *(signal.shape[1] for signal in X))
    padded = np.full((len(X), n_channels, longest), np.nan, dtype=np.float32)
    for place, signal in enumerate(X):
        values = _as_float32(signal, name=f"X[{place}]")
        padded[place, :, : values.shape[1]] = values
    return padded


def _as_float32(signal: Any, name: str) -> NDArray[np.float32]:
    """Turn real numbers into float32, NaN where they are masked."""
    if isinstance(signal, torch.Tensor):
        signal = to_numpy(signal)
    values = np.asanyarray(signal)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"Signals must be real numbers, but {name} has dtype {values.dtype}. Give "
            "the real and imaginary parts of complex numbers as channels, times as "
            "seconds since a start, and all else as float."
        )
    with np.errstate(over="ignore"):  # infinity is refused with the rest of it
        return np.ma.filled(values.astype(np.float32, copy=False), np.nan)


def _is_list_of_signals(X: Any) -> bool:
    if isinstance(X, np.ndarray) and X.dtype != object:
        return False
    if not isinstance(X, (list, tuple, np.ndarray)) or not len(X):
        return False
    return all(getattr(signal, "ndim", 0) == 2 for signal in X)


def end_early(X: Any) -> bool:
    """Whether an array holds signals of which some end before the last step.

    Parameters
    ----------
    X : ndarray or anything else
        The samples.

    Returns
    -------
    end_early : bool
        False for what is no array of three dimensions.

    Raises
    ------
    ValueError
        If NaN stands before the end of a signal, or a signal has no values.

    Examples
    --------
    >>> end_early(np.array([[[1.0, 2.0, 3.0]], [[4.0, np.nan, np.nan]]]))
    True
    """
    if not isinstance(X, np.ndarray) or X.ndim != 3 or X.dtype.kind != "f":
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):  # needs no memory, where nothing is missing
            return False
    is_missing = np.isnan(X)
    if not is_missing.any():
        return False
    _refuse_gaps(is_missing)
    if np.isinf(X).any():
        raise ValueError("Input X contains infinity.")
    return True


def _refuse_gaps(is_missing: NDArray[np.bool_]) -> None:
    has_ended = np.asarray(is_missing.all(axis=1))  # (n_samples, length)
    goes_on = np.diff(has_ended.astype(np.int8), axis=1) < 0
    in_some_channels = is_missing.any(axis=1) & ~has_ended
    has_gap = np.column_stack([has_ended[:, :1], goes_on, in_some_channels]).any(axis=1)
    if not has_gap.any():
        return
    first = int(np.argmax(has_gap))
    raise ValueError(
        f"Input X contains NaN before the end of a signal, first in X[{first}]. NaN in "
        "all channels marks the steps after a signal's end, and each signal needs one "
        "step. Fill gaps with values before."
    )


def refuse_unequal_lengths(module: Any) -> None:
    """Refuse a module that does not know where a signal ends.

    Parameters
    ----------
    module : torch.nn.Module class or instance, or callable
        With ``takes_unequal_lengths = True`` it takes NaN for the end of a signal.

    Raises
    ------
    ValueError
        If it has no such attribute.

    Examples
    --------
    >>> from skbin import ConvNet
    >>> refuse_unequal_lengths(ConvNet)
    """
    if getattr(module, "takes_unequal_lengths", False):
        return
    name = getattr(module, "__name__", type(module).__name__)
    raise ValueError(
        f"X holds signals of unequal lengths, which {name} does not take. Use ConvNet; "
        "or bring the signals to one length; or give the module an attribute "
        "takes_unequal_lengths = True and let it read NaN as the end of a signal."
    )
