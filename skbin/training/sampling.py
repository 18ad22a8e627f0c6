"""What batches draw: the sampler behind them, and the share of positives."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from skbin.data.batches import TensorBatches
from skbin.data.rows import targets_of, weights_of
from skbin.machine.callers import warn_user


class Drawn(NamedTuple):
    """Share of positives in the batches; NaN with the name of what hides it."""

    share: float
    hidden_by: str | None = None


def sampler_of(batches: Any) -> Any:
    """Return the sampler of batches, None if each row comes once, in order."""
    if isinstance(batches, TensorBatches):
        return None
    loader = getattr(batches, "loader", batches)
    if not isinstance(loader, DataLoader):
        return batches
    if isinstance(loader.dataset, IterableDataset):
        return None
    sampler = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    while True:
        inner = getattr(sampler, "sampler", getattr(sampler, "batch_sampler", None))
        if inner is None:
            break
        sampler = inner
    return None if type(sampler) is SequentialSampler else sampler


def drawn_by(batches: Any, train: Any, totals: NDArray[np.float64]) -> Drawn:
    """Compute the share of positives that batches draw."""
    if hasattr(batches, "positive_share"):
        return Drawn(batches.positive_share)
    sampler = sampler_of(batches)
    if sampler is None or isinstance(sampler, RandomSampler):
        return Drawn(float(totals[1] / totals.sum()))
    target = targets_of(train)
    times = None if target is None else _times_drawn(sampler, len(target))
    if target is None or times is None:
        return Drawn(np.nan, hidden_by=type(sampler).__name__)
    weight = weights_of(train)
    times = times if weight is None else times * weight
    return Drawn(float(np.average(target, weights=times)))


def _times_drawn(sampler: Any, n_rows: int) -> NDArray[Any] | None:
    """Return how often each row is drawn, up to a factor; None if unknown."""
    if isinstance(sampler, SubsetRandomSampler):
        if len(sampler.indices) and max(sampler.indices) >= n_rows:
            raise ValueError(
                f"The SubsetRandomSampler draws row {max(sampler.indices)}, but there "
                f"are {n_rows} rows to draw from, numbered from 0."
            )
        return np.bincount(sampler.indices, minlength=n_rows)
    if not isinstance(sampler, WeightedRandomSampler):
        return None
    if len(sampler.weights) != n_rows:
        raise ValueError(
            f"The WeightedRandomSampler has {len(sampler.weights)} weights, but there "
            f"are {n_rows} rows to draw from. Give it one weight for each row."
        )
    if sampler.replacement:
        return sampler.weights.numpy()
    return np.ones(n_rows) if sampler.num_samples == n_rows else None


def warn_if_weighed_twice(
    pos_weight: Any, drawn: Drawn, totals: NDArray[np.float64]
) -> None:
    """Warn about "balanced" if batches hold more positives than the rows do."""
    share = totals[1] / totals.sum()
    if not isinstance(pos_weight, str) or not drawn.share > share * (1 + 1e-6):
        return
    warn_user(
        "pos_weight='balanced' together with a sampler that draws positives more often "
        "weights them twice. Use one of the two.",
        UserWarning,
    )
