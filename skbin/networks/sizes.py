"""Sizes of layers and kernels that can be built."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from sklearn.utils import check_scalar


def require_sizes(*, at_least: int = 1, **sizes: Any) -> None:
    """Refuse what is no whole number, or too small for a layer.

    Parameters
    ----------
    at_least : int, default=1
        The smallest that is right.
    **sizes : int or sequence of int
        Sizes by the name of the parameter that gave them.

    Raises
    ------
    TypeError
        For other types.
    ValueError
        For smaller numbers.

    Examples
    --------
    >>> require_sizes(hidden_units=(8, 4), embedding_dim=3)
    """
    for name, given in sizes.items():
        for size in given if isinstance(given, list | tuple) else [given]:
            check_scalar(size, name, Integral, min_val=at_least)


def require_shares(**shares: Any) -> None:
    """Refuse what is no number in [0, 1].

    Parameters
    ----------
    **shares : float
        Shares, such as of dropped units, by the name of the parameter that gave them.

    Raises
    ------
    TypeError
        For other types.
    ValueError
        For other numbers.

    Examples
    --------
    >>> require_shares(dropout=0.5)
    """
    for name, share in shares.items():
        check_scalar(share, name, Real, min_val=0, max_val=1)
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {share!r}.")


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
