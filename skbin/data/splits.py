"""Which rows are held out inside of training, and which are trained on."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.dataset import ValidSplit
from torch.utils.data import Subset

from skbin.data.rows import TensorRows, resolve


def split_rows(
    train_split: Any,
    rows: TensorRows,
    target: NDArray[Any] | None,
    *,
    random_state: int | None = None,
    **split_params: Any,
) -> tuple[Any, Any]:
    """Split rows in the user's order, then leave out those of weight zero.

    The second part is None without `train_split`.
    """
    if not train_split:
        return _without_zero_weights(rows), None
    if chooses_freely(train_split) and not split_params:
        return hold_out(train_split, rows, random_state=random_state)
    train, valid = train_split(rows, target, **split_params)
    return _without_zero_weights(train), _without_zero_weights(valid)


def _without_zero_weights(dataset: Any) -> Any:
    root, index = resolve(dataset)
    if not isinstance(root, TensorRows) or root.exact_weight is None:
        return dataset
    counts = root.exact_weight > 0
    if counts.all():
        return dataset
    index = np.arange(len(root)) if index is None else index
    return Subset(root, index[counts[index]])  # type: ignore[arg-type]


def chooses_freely(train_split: Any) -> bool:
    """Whether `train_split` asks for a share of the rows, not for certain rows."""
    return type(train_split) is ValidSplit and (
        train_split.cv is None or isinstance(train_split.cv, (int, float))
    )


def hold_out(
    train_split: ValidSplit, rows: TensorRows, *, random_state: int | None = None
) -> tuple[Subset, Subset]:
    """Split off the validation rows, copies of a row staying on one side.

    A row that was oversampled into both sides would be validated on what it was
    trained on. Only if a class has too few distinct rows to split, copies are split.

    Examples
    --------
    >>> X = np.arange(20, dtype=np.float32).reshape(10, 2)
    >>> rows = TensorRows(X, y=[0, 1] * 5)
    >>> train, valid = hold_out(ValidSplit(5, stratified=True), rows)
    >>> len(train), len(valid)
    (8, 2)
    """
    _, index = resolve(_without_zero_weights(rows))
    index = np.arange(len(rows)) if index is None else index
    y: Any = rows.target
    _, first, group = np.unique(
        rows.row_keys()[index], return_index=True, return_inverse=True
    )
    counts = np.bincount(y[index][first].astype(int), minlength=2)
    if not _can_split(train_split.cv, counts):
        first = group = np.arange(len(index))
    split = _seeded(train_split, random_state)
    _, valid = split(Subset(rows, index[first]), y[index][first])  # type: ignore[arg-type]
    is_valid = np.isin(group, valid.indices)
    return Subset(rows, index[~is_valid]), Subset(rows, index[is_valid])  # type: ignore[arg-type]


def _can_split(cv: int | float | None, counts: NDArray[np.int64]) -> bool:
    if isinstance(cv, float):
        n_valid = np.ceil(cv * counts.sum())
        return counts.min() >= 2 and 2 <= n_valid <= counts.sum() - 2
    # scikit-learn warns where the smaller class has fewer rows than there are folds.
    return counts.min() >= 2 and counts.max() >= (5 if cv is None else cv)


def _seeded(train_split: ValidSplit, random_state: int | None) -> ValidSplit:
    by_share = isinstance(train_split.cv, float)
    if random_state is None or train_split.random_state is not None or not by_share:
        return train_split
    seeded = copy.copy(train_split)
    seeded.random_state = random_state
    return seeded
