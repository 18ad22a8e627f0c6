"""Filters that slide over an input; the strongest response of each is used."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.layers import require_sizes


def kernel_width(kernel_size: int | float, length: int) -> int:
    """Return the width of a kernel in steps; a float is a fraction of `length`."""
    if isinstance(kernel_size, Integral) and kernel_size >= 1:
        return int(kernel_size)
    if isinstance(kernel_size, float) and 0 < kernel_size <= 1:
        return max(1, round(kernel_size * length))
    raise ValueError(
        "kernel_sizes must hold positive integers (steps) or floats in (0, 1] (a "
        f"fraction of the input's length), got {kernel_size!r}."
    )


def filters_of_each_width(
    num_filters: int | Sequence[int], kernel_sizes: Sequence[int | float]
) -> list[int]:
    """Return the number of filters of each width."""
    if not kernel_sizes:
        raise ValueError(
            f"kernel_sizes must hold at least one width, got {kernel_sizes!r}."
        )
    require_sizes(num_filters=num_filters)
    if not isinstance(num_filters, Sequence):
        return [int(num_filters)] * len(kernel_sizes)
    if len(num_filters) == len(kernel_sizes):
        return list(num_filters)
    raise ValueError(
        "num_filters must be an int or give one number for each of "
        f"kernel_sizes={tuple(kernel_sizes)!r}, got {num_filters!r}."
    )


def strongest(
    convolution: nn.Conv1d, X: torch.Tensor, is_there: torch.Tensor | None = None
) -> torch.Tensor:
    """Return each filter's strongest response, (n, channels, time) -> (n, filters)."""
    (width,) = convolution.kernel_size
    missing = max(0, width - X.shape[2])
    if missing:
        X = F.pad(X, (0, missing))
    n_positions = X.shape[2] - width + 1
    if n_positions == 1:
        weight = convolution.weight.flatten(1)
        responses = F.linear(X.flatten(1), weight, convolution.bias).unsqueeze(1)
    else:
        responses = _slid(convolution, X)
    # ReLU is monotone: after the maximum it gives the same and costs less. Windows that
    # reach beyond the end of a signal give 0, the least that ReLU returns.
    if is_there is not None:
        last = (is_there.sum(dim=2) - width).clamp(min=0)  # (n, 1)
        position = torch.arange(n_positions, device=X.device)
        responses = responses * (position <= last).unsqueeze(2)
    return F.relu(responses.amax(dim=1))


def _slid(convolution: nn.Conv1d, X: torch.Tensor) -> torch.Tensor:
    """Convolve, (n, channels, length) -> (n, positions, filters)."""
    # With a dozen channels a CPU is a quarter to a half faster in this memory format
    # than with conv1d, otherwise about as fast: examples/benchmarks/convolutions.py.
    layout = torch.channels_last
    weight = convolution.weight.unsqueeze(2).contiguous(memory_format=layout)
    X = X.unsqueeze(2).contiguous(memory_format=layout)  # (n, channels, 1, length)
    return F.conv2d(X, weight, convolution.bias).squeeze(2).transpose(1, 2)
