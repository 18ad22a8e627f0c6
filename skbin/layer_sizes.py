"""Sizes of layers that can be built."""

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
