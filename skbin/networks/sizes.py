"""Sizes of layers and kernels that can be built."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from sklearn.utils import check_scalar


def require_sizes(*, at_least: int = 1, **sizes: Any) -> None:
    """Raise unless each parameter is an integer, or integers, of `at_least` or more."""
    for name, given in sizes.items():
        for size in given if isinstance(given, list | tuple) else [given]:
            check_scalar(size, name, Integral, min_val=at_least)


def require_fractions(**fractions: Any) -> None:
    """Raise unless each parameter is a number in [0, 1]."""
    for name, fraction in fractions.items():
        check_scalar(fraction, name, Real, min_val=0, max_val=1)
        if not 0 <= fraction <= 1:  # check_scalar accepts NaN
            raise ValueError(f"{name} must be in [0, 1], got {fraction!r}.")


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
