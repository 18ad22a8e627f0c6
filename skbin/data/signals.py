"""Signals of any form as one array, NaN after the end of each signal."""

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from skbin.data.cells import is_frame
from skbin.machine.callers import warn_user

# Arrays of hundreds of sensors with dozens of steps are common, and no mistake.
_CHANNELS_PER_STEP = 8
_SIGNALS_LOOKED_AT, _FEWEST_STEPS, _ROUNDING = 50, 5, 1e-2


def pad_signals(X: Any, fitted_shape: tuple[int, ...] | None = None) -> Any:
    """Turn a list of signals, or a masked array, into one array; keep all else.

    A signal is an array of shape (n_channels, length), a DataFrame of shape (length,
    n_channels), or a series of one channel. NaN stands after each signal's end. Of
    signals as long as each other only the shape of those of `fit` tells that they are
    no rows of a table.

    Examples
    --------
    >>> pad_signals([np.array([[1.0, 2.0, 3.0]]), np.array([[4.0]])])
    array([[[ 1.,  2.,  3.]],
    <BLANKLINE>
           [[ 4., nan, nan]]])
    """
    if isinstance(X, np.ma.MaskedArray):
        return (
            np.ma.filled(_real(X, name="X"), np.nan) if np.ma.is_masked(X) else X.data
        )
    if not _is_list(X):
        return X
    least_length, had_one_channel = 0, False
    if fitted_shape is not None and len(fitted_shape) == 3:
        _, n_fitted, least_length = fitted_shape
        had_one_channel = n_fitted == 1
    if not _are_signals(X, had_one_channel):
        return np.stack(list(X)) if _holds_objects(X) else X
    signals = [_as_signal(signal, name=f"X[{place}]") for place, signal in enumerate(X)]
    n_channels = signals[0].shape[0]
    for place, signal in enumerate(signals):
        if signal.shape[0] != n_channels:
            raise ValueError(
                "Signals must have the same number of channels: X[0] has shape "
                f"{signals[0].shape}, but X[{place}] has {signal.shape}. Give each as "
                "(n_channels, length)."
            )
    longest = max(least_length, *(signal.shape[1] for signal in signals))
    dtype = np.result_type(np.float32, *{signal.dtype for signal in signals})
    padded = np.full((len(signals), n_channels, longest), np.nan, dtype=dtype)
    for row, signal in zip(padded, signals, strict=True):
        row[:, : signal.shape[1]] = signal
    return padded


def warn_if_channels_last(shape: tuple[int, ...] | None) -> None:
    """Warn about signals that seem to have their channels behind their steps."""
    if shape is None or len(shape) != 3 or shape[1] < _CHANNELS_PER_STEP * shape[2]:
        return
    _, n_channels, n_steps = shape
    warn_user(
        f"X has shape {tuple(shape)}, which is read as {n_channels} channels of "
        f"{n_steps} steps. If these are {n_steps} channels of {n_channels} steps, pass "
        "X.transpose(0, 2, 1)."
    )


def warn_if_a_channel_counts(X: Any, names: tuple[Any, ...] | None) -> None:
    """Warn about a channel that only counts the steps, as an index does."""
    if not isinstance(X, np.ndarray) or X.ndim != 3:
        return
    if X.shape[1] == 1 or X.shape[2] < _FEWEST_STEPS:
        return
    places = np.linspace(0, len(X) - 1, min(len(X), _SIGNALS_LOOKED_AT)).astype(int)
    change = np.diff(X[places].astype(np.float64), axis=2)
    step = change[:1, :, :1]  # NaN after the end of a signal
    differs = np.abs(change - step) > _ROUNDING * np.abs(step)
    grows = np.isfinite(step) & (step != 0) & ~differs.any(axis=(0, 2), keepdims=True)
    for channel in np.flatnonzero(grows):
        name = int(channel) if names is None else names[channel]
        warn_user(
            f"The channel {name!r} grows by the same number at each step of each "
            "signal, like an index or a clock, which says nothing about a signal. "
            "Leave it out."
        )


def require_fitted_channels(X: Any, fitted_shape: tuple[int, ...] | None) -> None:
    """Refuse one signal for many, and signals of other channels than those of `fit`."""
    if fitted_shape is None or len(fitted_shape) != 3 or not hasattr(X, "shape"):
        return
    _, n_channels, n_steps = fitted_shape
    if len(X.shape) == 2:
        raise ValueError(
            f"fit saw signals of {n_channels} channels, but X is one array or "
            f"DataFrame of shape {tuple(X.shape)}. If it is one signal, pass it in a "
            "list: [X]."
        )
    if len(X.shape) != 3 or X.shape[1] == n_channels:
        return
    fix = " Pass X.transpose(0, 2, 1)." if X.shape[2] == n_channels else ""
    raise ValueError(
        f"fit saw {n_channels} channels of {n_steps} steps, but X has {X.shape[1]} "
        f"channels of {X.shape[2]} steps.{fix}"
    )


def channel_names(X: Any) -> tuple[Any, ...] | None:
    """Names of the channels, where X is a sequence of DataFrames.

    Or of the columns of one DataFrame, where they are not the strings that scikit-learn
    knows columns by.
    """
    if is_frame(X):
        names = column_names(X) or ()
        return None if all(isinstance(name, str) for name in names) else names
    if not (isinstance(X, list | tuple) or _holds_objects(X)) or not len(X):
        return None
    return column_names(next(iter(X)))


def column_names(frame: Any) -> tuple[Any, ...] | None:
    """Names of the columns, where there are any."""
    if not is_frame(frame):
        return None
    return tuple(nw.from_native(frame, eager_only=True).columns)


def by_channel_names(X: Any, names: tuple[Any, ...] | None) -> Any:
    """Bring the columns of each DataFrame into one order; refuse other columns."""
    if names is None or channel_names(X) is None:
        return X
    if is_frame(X):
        return in_order(X, names, "X", "fit")
    return [
        in_order(frame, names, f"X[{place}]", "the first signal of fit")
        for place, frame in enumerate(X)
    ]


def in_order(frame: Any, names: tuple[Any, ...], name: str, model: str) -> Any:
    """Bring the columns of a DataFrame into the order of `names`."""
    found = column_names(frame)
    if found is None or found == names:
        return frame
    if {*found} == {*names} and len(found) == len(names):
        ordered = [found.index(column) for column in names]
        return nw.from_native(frame, eager_only=True)[:, ordered].to_native()
    raise ValueError(
        f"{name} has the columns {list(found)}, but {model} has {list(names)}. Give "
        "both the same columns."
    )


def _is_list(X: Any) -> bool:
    """Whether X is a list, or an array or Series of objects, with sequences in it."""
    if not isinstance(X, (list, tuple)) and not _holds_objects(X):
        return False
    return len(X) > 0 and all(_is_sequence(part) for part in X)


def _holds_objects(X: Any) -> bool:
    return getattr(X, "ndim", 0) == 1 and getattr(X.dtype, "kind", "") == "O"


def _is_sequence(part: Any) -> bool:
    is_array = isinstance(part, Sequence) or getattr(part, "ndim", 0) > 0
    return is_array or is_frame(part)


def _are_signals(X: Any, had_one_channel: bool) -> bool:
    """Whether parts are tables of time, or series that differ in length."""
    first = next(iter(X))
    if is_frame(first) or getattr(first, "ndim", 0) == 2:
        return True
    if had_one_channel and len(first) and np.ndim(next(iter(first))) == 0:
        return True
    if getattr(first, "ndim", 1) > 2:
        return False
    if len({len(part) for part in X}) > 1:
        return True
    return isinstance(first, Sequence) and _is_ragged(X)


def _is_ragged(X: Any) -> bool:
    """Whether lists of channels, equal in number, differ in length."""
    lengths = {
        len(channel) if _is_sequence(channel) else 1
        for signal in X
        if not isinstance(signal, str)
        for channel in signal
    }
    return len(lengths) > 1


def _as_signal(signal: Any, name: str) -> NDArray[Any]:
    """Turn one signal into real numbers of shape (n_channels, length)."""
    if hasattr(signal, "detach"):  # a tensor; services read signals without torch
        signal = signal.detach().cpu().float().numpy()
    has_columns = is_frame(signal)
    values = _by_columns(signal, name) if has_columns else _as_array(signal, name)
    values = np.ma.filled(_real(values, name), np.nan)
    if values.ndim == 1:
        return values[np.newaxis]
    if values.ndim != 2:
        raise ValueError(
            f"Each signal has the shape (n_channels, length), or (length,) for one "
            f"channel, but {name} has {values.shape}."
        )
    return values.T if has_columns else values


def _by_columns(frame: Any, name: str) -> NDArray[Any]:
    """Read each column separately: NumPy makes objects of numbers and booleans."""
    columns = nw.from_native(frame, eager_only=True).iter_columns()
    return np.column_stack(
        [
            _real(column.to_numpy(), f"the column {column.name!r} of {name}")
            for column in columns
        ]
    )


def _as_array(signal: Any, name: str) -> NDArray[Any]:
    try:
        return np.asanyarray(signal)
    except ValueError as error:
        raise ValueError(
            f"The channels of {name} differ in length, but they must end together."
        ) from error


def _real(values: Any, name: str) -> Any:
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"Signals must be real numbers, but {name} has dtype {values.dtype}. Give "
            "the real and imaginary parts of complex numbers as channels, times as "
            "seconds since a start, the words of a text as one string, and all else as "
            "float."
        )
    dtype = np.result_type(values.dtype, np.float32)  # float64 for large integers
    return values.astype(dtype, copy=False)


def has_short_signals(X: Any) -> bool:
    """Whether an array holds signals of which some end before the last step.

    Examples
    --------
    >>> has_short_signals(np.array([[[1.0, 2.0, 3.0]], [[4.0, np.nan, np.nan]]]))
    True
    """
    if not isinstance(X, np.ndarray) or X.ndim != 3 or X.dtype.kind != "f":
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):  # needs no memory if nothing is missing
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
        "all channels marks the steps after the end of a signal, and each signal needs "
        "at least one step. Fill gaps with values first."
    )
