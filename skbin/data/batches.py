"""Batches of any dataset: `iterate_batches`, `TensorBatches`."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from skbin.data.rows import (
    Batch,
    is_in_memory,
    n_rows_to_show,
    resolve,
    rows_by_weight,
    weights_of,
)


class TensorBatches:
    """Iterate over batches that are slices of `TensorRows`, never row by row.

    A last batch of one row joins the one before it, because batch normalization has no
    variance of one row. With `shuffle` each pass has a new order, drawn from torch's
    generator. If all rows fit into one batch there is no order to draw: equal rows are
    then merged into one with the sum of their weights.

    `part` of `n_parts` is for processes that train together: parts are of equal length,
    and some rows come twice where the number of rows asks for it.

    Examples
    --------
    >>> from skbin.data.rows import TensorRows
    >>> rows = TensorRows(np.zeros((7, 2), np.float32), y=np.zeros(7))
    >>> [len(y) for _, y in TensorBatches(rows, batch_size=3)]
    [3, 4]
    """

    part = 0
    n_parts = 1

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = False) -> None:
        self.rows, index = resolve(dataset)
        self.index = None
        if index is not None:
            self.index = torch.from_numpy(index).to(self.rows.home)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.n_samples = len(dataset)

    def __len__(self) -> int:
        return len(self._bounds()) - 1

    def __iter__(self) -> Iterator[Batch]:
        if self.is_merged:
            yield self._merged()
            return
        index = self._part_of(self._order())
        for start, stop in pairwise(self._bounds()):
            part = slice(start, stop)
            yield self.rows.batch(part if index is None else index[part])

    @property
    def is_merged(self) -> bool:
        """Whether all rows are one batch, of which equal rows are merged."""
        return self.shuffle and self.n_parts == 1 and len(self) == 1

    def rows_to_show(self) -> Any:
        """Rows of the merged batch, as often as their weights say; None of a dict."""
        (X, _) = batch = self._merged()
        if isinstance(X, dict) or batch.sample_weight is None:
            return None if isinstance(X, dict) else X
        weight = batch.sample_weight.double().cpu().numpy()
        index = rows_by_weight(weight, n_rows_to_show(self.rows.n_values))
        return X[torch.from_numpy(index).to(X.device)]

    def _merged(self) -> Batch:
        """Return all rows as one batch, independent of their order and of copies."""
        keys = self.rows.row_keys()
        index = np.arange(self.n_samples)
        if self.index is not None:
            index = self.index.cpu().numpy()
        _, first, group = np.unique(keys[index], return_index=True, return_inverse=True)
        at_home = torch.from_numpy(index[first]).to(self.rows.home)
        batch = self.rows.batch(at_home)
        weight = self.rows.exact_weight
        merged = np.bincount(group, weights=None if weight is None else weight[index])
        X, y = batch
        unmerged = torch.from_numpy(group).to(y.device)
        if (merged == merged[0]).all():
            return Batch(X, y, None, batch.is_whole, unmerged)
        counts = torch.tensor(merged / merged.mean(), dtype=torch.float32)
        return Batch(X, y, counts.to(y.device), batch.is_whole, unmerged)

    def _part_of(self, order: torch.Tensor | None) -> torch.Tensor | None:
        if self.n_parts == 1:
            return order
        if order is None:
            order = torch.arange(self.n_samples, device=self.rows.home)
        missing = -len(order) % self.n_parts
        again = torch.arange(missing) % len(order)  # there may be more parts than rows
        return torch.cat([order, order[again]])[self.part :: self.n_parts]

    def _bounds(self) -> list[int]:
        n_samples = math.ceil(self.n_samples / self.n_parts)
        bounds = [*range(0, n_samples, self.batch_size), n_samples]
        if len(bounds) > 2 and bounds[-1] - bounds[-2] == 1 < self.batch_size:
            del bounds[-2]
        return bounds

    def _order(self) -> torch.Tensor | None:
        if not self.shuffle:
            return self.index
        permutation = torch.randperm(self.n_samples).to(self.rows.home)
        return permutation if self.index is None else self.index[permutation]


def as_given(batch: Any, y_pred: Any) -> tuple[Any, Any]:
    """Expand a batch and its outputs to the rows that were merged into it."""
    index = getattr(batch, "unmerged", None)
    if index is None:
        return batch, y_pred
    X, y = batch
    if isinstance(X, dict):
        X = {name: part[index] for name, part in X.items()}
    else:
        X = X[index]
    outputs = y_pred if isinstance(y_pred, tuple) else (y_pred,)
    outputs = tuple(
        part[index] if part.dim() and len(part) == len(y) else part for part in outputs
    )
    y_pred = outputs if isinstance(y_pred, tuple) else outputs[0]
    weight = batch.sample_weight
    if weight is not None:
        weight = (weight / torch.bincount(index))[index]
    return Batch(X, y[index], weight), y_pred


def iterate_batches(
    dataset: Any, batch_size: int | None = None, shuffle: bool = False, **kwargs: Any
) -> Any:
    """Batches of any dataset: cut if it is in memory, else by torch's DataLoader.

    `kwargs` are the DataLoader's; with any of them a DataLoader is used. An
    ``IterableDataset`` has no order to shuffle.

    Examples
    --------
    >>> from skbin.data.rows import TensorRows
    >>> type(iterate_batches(TensorRows(np.eye(2)), batch_size=2)).__name__
    'TensorBatches'
    """
    if is_in_memory(dataset) and not kwargs and batch_size is not None:
        return TensorBatches(dataset, batch_size=batch_size, shuffle=shuffle)
    if "batch_sampler" in kwargs:
        return load_batches(dataset, **kwargs)
    if isinstance(dataset, IterableDataset) or "sampler" in kwargs:
        shuffle = False
    return load_batches(dataset, batch_size=batch_size, shuffle=shuffle, **kwargs)


def load_batches(dataset: Any, **kwargs: Any) -> Any:
    """Make a DataLoader whose batches include the weights of the rows."""
    weight = weights_of(dataset)
    if weight is None:
        return DataLoader(dataset, **kwargs)
    collate = kwargs.pop("collate_fn", None) or default_collate
    weighted = _WithWeights(dataset, torch.tensor(weight, dtype=torch.float32))
    return _WeightedBatches(
        DataLoader(weighted, collate_fn=_Collate(collate), **kwargs)
    )


class _WithWeights(Dataset):
    def __init__(self, dataset: Any, weight: torch.Tensor) -> None:
        self.dataset = dataset
        self.weight = weight

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> tuple[Any, torch.Tensor]:
        return self.dataset[i], self.weight[i]


class _Collate:
    """Collates samples by the user's function, and weights separately."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, rows: list[Any]) -> tuple[Any, torch.Tensor]:
        samples, weights = zip(*rows, strict=True)
        return self.collate(list(samples)), torch.stack(weights)


class _WeightedBatches:
    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        for (X, y), weight in self.loader:
            yield Batch(X, y, weight)
