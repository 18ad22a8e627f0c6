"""Which rows are held out inside of training, and which are trained on."""

import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.dataset import ValidSplit
from torch.utils.data import Subset

from skbin.data.rows import TensorRows, resolve
from skbin.machine.callers import warn_user


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Other rows as a `train_split`: all of X is trained on, these are held out."""

    X: Any
    y: Any
    sample_weight: Any = None

    def __call__(self, dataset: Any, y: Any = None) -> Any:
        """Refuse to split without the net that knows how X is read."""
        raise TypeError("Held-out rows are read by the net that is trained.")


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
    return _subset(root, index[counts[index]])


def chooses_freely(train_split: Any) -> bool:
    """Whether `train_split` asks for a share of the rows, not for certain rows."""
    return type(train_split) is ValidSplit and (
        train_split.cv is None or isinstance(train_split.cv, Real)
    )


def hold_out(
    train_split: ValidSplit, rows: TensorRows, *, random_state: int | None = None
) -> tuple[Subset, Subset]:
    """Split off the validation rows, copies of a row staying on one side.

    A row that was oversampled into both sides would be validated on what it was trained
    on. The copies of a class's only row stay in training.

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
    y: Any = rows.encoded_targets
    _, first, group = np.unique(
        rows.row_keys()[index], return_index=True, return_inverse=True
    )
    if not _can_split(train_split.cv, y[index][first]):
        first = group = np.arange(len(index))  # hardly any row differs from the others
    may_go = np.flatnonzero(~_is_alone(y[index][first]))
    first = index[first[may_go]]
    _, valid = _seeded(train_split, random_state)(_subset(rows, first), y[first])
    is_valid = np.isin(group, may_go[np.asarray(valid.indices)])
    return _subset(rows, index[~is_valid]), _subset(rows, index[is_valid])


def _subset(rows: Any, index: NDArray[Any]) -> Subset:
    indices: Any = index  # an array works as the sequence that torch expects
    return Subset(rows, indices)


def _can_split(cv: int | float | None, y: NDArray[Any]) -> bool:
    n_needed = 2 if isinstance(cv, float) else 5 if cv is None else cv
    return np.bincount(y.astype(int)).max() >= n_needed


def _is_alone(y: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the one distinct row of a class, which cannot be on both sides."""
    counts = np.bincount(y.astype(int), minlength=2)
    if counts.min() > 1:
        return np.zeros(len(y), dtype=bool)
    warn_user(
        f"Class {counts.argmin()} has one distinct row, which stays in training: the "
        "held-out rows contain none of this class.",
        UserWarning,
    )
    return counts[y.astype(int)] == 1


def _seeded(train_split: ValidSplit, random_state: int | None) -> ValidSplit:
    by_share = isinstance(train_split.cv, float)
    if random_state is None or train_split.random_state is not None or not by_share:
        return train_split
    seeded = copy.copy(train_split)
    seeded.random_state = random_state
    return seeded
