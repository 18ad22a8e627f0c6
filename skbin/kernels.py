"""Widths and numbers of convolution kernels, as the user gives them."""

from collections.abc import Sequence
from numbers import Integral

from skbin.layer_sizes import require_sizes


def kernel_width(kernel_size: int | float, length: int) -> int:
    """Read the width of a kernel in steps.

    Parameters
    ----------
    kernel_size : int or float
        Steps, or a share of `length` in (0, 1].
    length : int
        Steps of the input.

    Returns
    -------
    width : int
        At least 1.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> kernel_width(5, length=20), kernel_width(0.25, length=20)
    (5, 5)
    """
    if isinstance(kernel_size, Integral) and kernel_size >= 1:
        return int(kernel_size)
    if isinstance(kernel_size, float) and 0 < kernel_size <= 1:
        return max(1, round(kernel_size * length))
    raise ValueError(
        "kernel_sizes must hold positive integers (steps) or floats in (0, 1] (a "
        f"share of the input's length), got {kernel_size!r}."
    )


def filters_of_each_width(
    num_filters: int | Sequence[int], kernel_sizes: Sequence[int | float]
) -> list[int]:
    """Give each width its number of filters.

    Parameters
    ----------
    num_filters : int or sequence of int
        For all widths, or for each its own.
    kernel_sizes : sequence
        The widths.

    Returns
    -------
    num_filters : list of int

    Raises
    ------
    ValueError
        If there are no widths, or not as many numbers as widths.

    Examples
    --------
    >>> filters_of_each_width(8, kernel_sizes=(3, 5))
    [8, 8]
    """
    if not kernel_sizes:
        raise ValueError(
            f"kernel_sizes must hold one width or more, got {kernel_sizes!r}."
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
