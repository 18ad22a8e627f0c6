"""The internal validation split, when it may choose the rows by itself."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.dataset import ValidSplit
from torch.utils.data import Subset

from skbin.data.rows import TensorRows


def chooses_rows_freely(train_split: Any) -> bool:
    """Whether `train_split` asks for a share of the rows, not for certain rows.

    Parameters
    ----------
    train_split : None, False or callable
        The parameter of the estimator.

    Returns
    -------
    free : bool
        True without a split and for a ``ValidSplit`` by number.

    Examples
    --------
    >>> chooses_rows_freely(ValidSplit(0.2, stratified=True))
    True
    """
    if not train_split:
        return True
    return type(train_split) is ValidSplit and (
        train_split.cv is None or isinstance(train_split.cv, (int, float))
    )


def hold_out(
    train_split: ValidSplit,
    rows: TensorRows,
    order: Any,
    *,
    random_state: int | None = None,
) -> tuple[Subset, Subset]:
    """Split off the validation rows, copies of a row staying on one side.

    A row that was oversampled into both sides would be validated on what it was
    trained on. Only if a class has too few distinct rows to split, copies are split.

    Parameters
    ----------
    train_split : skorch.dataset.ValidSplit
        Split by number of folds or by share.
    rows : TensorRows
        The rows, with targets.
    order : ndarray of int of shape (n_drawn,)
        Row numbers, copies repeated.
    random_state : int or None, default=None
        Seed of a split by share which has none of its own.

    Returns
    -------
    train, valid : torch.utils.data.Subset
        Of `rows`.

    Examples
    --------
    >>> rows = TensorRows(np.arange(20).reshape(10, 2), y=[0, 1] * 5)
    >>> train, valid = hold_out(ValidSplit(5, stratified=True), rows, np.arange(10))
    >>> len(train), len(valid)
    (8, 2)
    """
    y = rows.y.cpu().numpy()
    _, first, group = np.unique(
        rows.row_keys()[order], return_index=True, return_inverse=True
    )
    counts = np.bincount(y[order][first].astype(int), minlength=2)
    if not _can_split(train_split.cv, counts):
        first = group = np.arange(len(order))
    split = _seeded(train_split, random_state)
    _, valid = split(Subset(rows, order[first]), y[order][first])
    is_valid = np.isin(group, valid.indices)
    return Subset(rows, order[~is_valid]), Subset(rows, order[is_valid])


def _can_split(cv: int | float | None, counts: NDArray[np.int64]) -> bool:
    if isinstance(cv, float):
        n_valid = np.ceil(cv * counts.sum())
        return counts.min() >= 2 and 2 <= n_valid <= counts.sum() - 2
    return counts.min() >= (5 if cv is None else cv)


def _seeded(train_split: ValidSplit, random_state: int | None) -> ValidSplit:
    by_share = isinstance(train_split.cv, float)
    if random_state is None or train_split.random_state is not None or not by_share:
        return train_split
    seeded = copy.copy(train_split)
    seeded.random_state = random_state
    return seeded
