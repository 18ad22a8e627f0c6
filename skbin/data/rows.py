"""Rows that live as tensors on the device, and the batches cut from them."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from skorch.dataset import Dataset
from torch.utils.data import DataLoader, IterableDataset, Subset

from skbin.machine.devices import has_room_for

# Above this many rows drawn for each row given, integer weights weigh the loss
# instead: amounts of money are not counts of copies.
_MOST_COPIES_ON_AVERAGE = 10
_ROWS_SHOWN, _FEWEST_ROWS_SHOWN = 10_000, 100
_VALUES_SHOWN = 10_000_000
_VALUES_HASHED_AT_ONCE = 131_072  # they stay in the caches


class TensorRows(Dataset):
    """Samples in memory: dense ones as a tensor on the device, sparse ones as CSR.

    Samples that a GPU has no room for stay in the machine's memory, and their batches
    are sent one by one, as those of a sparse matrix are.

    Parameters
    ----------
    X : ndarray, tensor or CSR matrix of shape (n_samples, ...)
        The samples. A sparse matrix stays sparse and is made dense batch by batch.
    y : array-like of shape (n_samples,), default=None
        Targets 0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Positive weights. Whole numbers repeat rows (see `training_order`), others
        weigh the loss.
    device : str or torch.device, default=None
        Where dense batches live.
    dtype : torch.dtype, default=torch.float32
        Type of the batches.

    Attributes
    ----------
    home : str or torch.device
        Where the rows are, and where indices of them are looked up.
    is_whole : bool
        Whether no value is missing, as at the end of a signal.

    Examples
    --------
    >>> rows = TensorRows(np.eye(3), y=[0, 0, 1])
    >>> X, y = rows.batch(slice(1, 3))
    >>> y
    tensor([0., 1.])
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        device: Any = None,
        dtype: torch.dtype | None = torch.float32,
    ) -> None:
        self.dtype = dtype
        self.device = device
        self.shape = tuple(X.shape)
        self.copies: NDArray[np.int64] | None = None
        self.sample_weight: torch.Tensor | None = None
        self.home = "cpu"
        self.is_whole = True
        if not sparse.issparse(X):
            X = _as_tensor(X)
            if has_room_for(X.nbytes, device):
                self.home = device
                X = X.to(device=device, dtype=dtype)
            self.is_whole = X.dim() != 3 or not bool(torch.isnan(X.sum()))
        if y is not None:
            y = _as_tensor(y).to(device=self.home, dtype=torch.float32)
        if sample_weight is not None:
            self._set_weight(np.asarray(sample_weight))
        super().__init__(X, y, length=self.shape[0])

    def _set_weight(self, weight: NDArray[Any]) -> None:
        whole = bool(np.all(weight == np.round(weight)))
        if whole and weight.sum() <= _MOST_COPIES_ON_AVERAGE * len(weight):
            self.copies = weight.astype(np.int64)
            return
        self.sample_weight = _as_tensor(weight).to(self.home, torch.float32)

    def batch(self, index: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Cut a batch.

        Parameters
        ----------
        index : slice or tensor of int
            Which rows. A tensor lies at `home`.

        Returns
        -------
        X : tensor of shape (batch_size, ...)
            Its attribute ``whole_at_version`` saves a network a look for missing
            values, for which a GPU is waited for; see `is_known_to_be_whole`.
        y : tensor of shape (batch_size,)
            Its attribute ``sample_weight`` holds the rows' weights, or None. Zeros
            where there are no targets.
        """
        X: Any = self._dense(index)
        X.whole_at_version = _version_of(X) if self.is_whole else None
        y: Any = torch.zeros(len(X))
        if self.y is not None:
            y = _sent(_take(self.y, index), self.device)
        y.sample_weight = None
        if self.sample_weight is not None:
            y.sample_weight = _sent(_take(self.sample_weight, index), self.device)
        return X, y

    def _dense(self, index: Any) -> torch.Tensor:
        if isinstance(self.X, torch.Tensor):
            return _sent(_take(self.X, index), self.device, self.dtype)
        rows = index if isinstance(index, slice) else index.numpy()
        dense = torch.from_numpy(self.X[rows].toarray())
        return _sent(dense, self.device, self.dtype)

    def training_order(self, *, keep_order: bool) -> NDArray[np.int64] | None:
        """Row numbers to train on, a row of integer weight k standing k times.

        Parameters
        ----------
        keep_order : bool
            True: as the rows were given. False: in an order that only depends on
            what the rows hold. Then a seeded shuffle of it draws the same batches
            however the rows were arranged, repeated or weighted.

        Returns
        -------
        index : ndarray of int or None
            None if it would be 0, 1, 2, ...
        """
        if keep_order:
            order = None if self.copies is None else np.arange(len(self))
        else:
            order = self._order_by_content()
        if order is None or self.copies is None:
            return order
        return np.repeat(order, self.copies[order])

    def _order_by_content(self) -> NDArray[np.int64]:
        keys = self.row_keys()
        if self.sample_weight is None:
            return np.argsort(keys)
        return np.lexsort((self.sample_weight.cpu().numpy(), keys))

    def row_keys(self) -> NDArray[np.int64]:
        """Hash each row, target included.

        Returns
        -------
        keys : ndarray of int64 of shape (n_samples,)
            Equal for equal rows; different ones collide about once in 2**60 pairs.
        """
        n_columns = int(np.prod(self.shape[1:]))
        generator = torch.Generator().manual_seed(0)
        factors = torch.randint(2**62, (n_columns + 1,), generator=generator)
        factors = (2 * factors + 1).to(self.device)
        n_rows = max(_VALUES_HASHED_AT_ONCE // max(n_columns, 1), 1)
        # Small results kept between large temporary arrays would leave holes in memory.
        keys = torch.empty(len(self), dtype=torch.int64, device=self.device)
        for start in range(0, len(self), n_rows):
            part = slice(start, start + n_rows)
            keys[part] = _hash_rows(self._columns(part), factors)
        return keys.cpu().numpy()

    def _columns(self, index: slice) -> list[torch.Tensor]:
        X = self._dense(index).flatten(1)
        return [X] if self.y is None else [X, self.y[index].to(X.device).unsqueeze(1)]


def _sent(
    batch: torch.Tensor, device: Any, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """Bring a batch to the device; from pinned memory nobody waits for it."""
    on_gpu = device is not None and torch.device(device).type == "cuda"
    if on_gpu and not batch.is_cuda:
        batch = batch.pin_memory()
    return batch.to(device=device, dtype=dtype, non_blocking=True)


def _take(values: torch.Tensor, index: Any) -> torch.Tensor:
    if isinstance(index, slice):
        return values[index].clone()  # a module may work in place, on a user's array
    return values.index_select(0, index)  # several times faster than values[index]


def _hash_rows(columns: list[torch.Tensor], factors: torch.Tensor) -> torch.Tensor:
    keys = torch.zeros(len(columns[0]), dtype=torch.int64, device=factors.device)
    start = 0
    for column in columns:
        if column.dtype == torch.float32:
            column = column.contiguous().view(torch.int32)
        bits = column.to(torch.int64)
        bits = bits ^ (bits >> 16)  # short numbers have no low bits as float32
        keys += (bits * factors[start : start + column.shape[1]]).sum(dim=1)
        start += column.shape[1]
    return keys


def _as_tensor(values: Any) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values
    array = np.asarray(values)
    return torch.from_numpy(array if array.flags.writeable else _lent(array))


def _lent(array: NDArray[Any]) -> NDArray[Any]:
    """View read-only memory, a file mapped into it perhaps, as torch wants to see it.

    torch warns of arrays that it could change. Batches are copies, so it does not.
    """
    return np.asarray(_Lent(array))


class _Lent:
    def __init__(self, array: NDArray[Any]) -> None:
        address, _ = array.__array_interface__["data"]
        is_read_only = False
        self.array = array  # lives as long as the view does
        self.__array_interface__ = {
            **array.__array_interface__,
            "data": (address, is_read_only),
        }


class TensorBatches:
    """Iterate over batches that are sliced from `TensorRows`, never row by row.

    Parameters
    ----------
    dataset : TensorRows, or nested torch.utils.data.Subset of one
        The rows.
    batch_size : int
        Rows for each batch. A last batch of one row joins the one before it,
        because batch normalization has no variance of one row.
    shuffle : bool, default=False
        Draw a new order for each pass, from torch's generator.

    Attributes
    ----------
    part : int, default=0
        Which of the parts of each pass to go through.
    n_parts : int, default=1
        Parts of equal length, for processes that train together. Some rows come twice
        where the number of rows asks for it.

    Examples
    --------
    >>> rows = TensorRows(np.zeros((7, 2)), y=np.zeros(7))
    >>> [len(y) for _, y in TensorBatches(rows, batch_size=3)]
    [3, 4]
    """

    part = 0
    n_parts = 1

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = False) -> None:
        self.rows, self.index = _resolve(dataset)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.n_samples = len(dataset)

    def __len__(self) -> int:
        return len(self._bounds()) - 1

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        index = self._part_of(self._order())
        bounds = self._bounds()
        for start, stop in pairwise(bounds):
            part = slice(start, stop)
            yield self.rows.batch(part if index is None else index[part])

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


def _resolve(dataset: Any) -> tuple[TensorRows, torch.Tensor | None]:
    index: NDArray[Any] | None = None
    while isinstance(dataset, Subset):
        inner = np.asarray(dataset.indices)
        index = inner if index is None else inner[index]
        dataset = dataset.dataset
    if index is None:
        return dataset, None
    return dataset, torch.from_numpy(np.asarray(index)).to(dataset.home)


def _version_of(X: torch.Tensor) -> int | None:
    return None if X.is_inference() else X._version


def is_known_to_be_whole(X: torch.Tensor) -> bool:
    """Whether no value of a batch is missing, without a look at the values.

    Parameters
    ----------
    X : tensor
        A batch.

    Returns
    -------
    is_known_to_be_whole : bool
        False where nothing is known: of tensors that `TensorRows` has not cut, or that
        have been written to since.

    Examples
    --------
    >>> X, _ = TensorRows(np.zeros((2, 1, 3))).batch(slice(0, 2))
    >>> is_known_to_be_whole(X), is_known_to_be_whole(X.mul_(2))
    (True, False)
    """
    version = getattr(X, "whole_at_version", None)
    return version is not None and version == _version_of(X)


def lives_in_memory(dataset: Any) -> bool:
    """Whether batches of `dataset` can be sliced from tensors.

    Parameters
    ----------
    dataset : torch Dataset
        Any.

    Returns
    -------
    lives_in_memory : bool
        True for `TensorRows` and subsets of them.

    Examples
    --------
    >>> lives_in_memory(TensorRows(np.eye(2)))
    True
    """
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return isinstance(dataset, TensorRows)


def comes_from_tensor_rows(batch: Any) -> bool:
    """Whether a batch was cut from `TensorRows`.

    Parameters
    ----------
    batch : pair
        Samples and targets.

    Returns
    -------
    comes_from_tensor_rows : bool

    Examples
    --------
    >>> rows = TensorRows(np.eye(2))
    >>> comes_from_tensor_rows(rows.batch(slice(0, 1)))
    True
    """
    return hasattr(batch[1], "sample_weight")


def some_rows(dataset: Any) -> Any:
    """Enough samples to tell how the data are distributed, evenly spread.

    Parameters
    ----------
    dataset : torch Dataset
        The samples.

    Returns
    -------
    rows : torch.utils.data.Subset
        Not more than there are.

    Examples
    --------
    >>> len(some_rows(TensorRows(np.zeros((50_000, 2)))))
    10000
    """
    n_values = max(_values_per_row(dataset), 1)
    n = max(_VALUES_SHOWN // n_values, _FEWEST_ROWS_SHOWN)
    n = min(len(dataset), _ROWS_SHOWN, n)
    return Subset(dataset, np.linspace(0, len(dataset) - 1, n).astype(int).tolist())


def _values_per_row(dataset: Any) -> int:
    if lives_in_memory(dataset):
        rows, _ = _resolve(dataset)
        return int(np.prod(rows.shape[1:]))
    return int(np.prod(getattr(dataset[0][0], "shape", ())))


def iterate_batches(
    dataset: Any, batch_size: int, shuffle: bool = False, **kwargs: Any
) -> TensorBatches | DataLoader:
    """Batches of any dataset: sliced if it lives in memory, else by a DataLoader.

    Parameters
    ----------
    dataset : torch Dataset
        The samples.
    batch_size : int
        Rows for each batch.
    shuffle : bool, default=False
        Draw a new order for each pass. Ignored for an ``IterableDataset``, which
        has no order to change.
    **kwargs : dict
        Further parameters of :class:`torch.utils.data.DataLoader`. With any of
        them a DataLoader is used.

    Returns
    -------
    batches : TensorBatches or torch.utils.data.DataLoader

    Examples
    --------
    >>> type(iterate_batches(TensorRows(np.eye(2)), batch_size=2)).__name__
    'TensorBatches'
    """
    if lives_in_memory(dataset) and not kwargs:
        return TensorBatches(dataset, batch_size=batch_size, shuffle=shuffle)
    if "batch_sampler" in kwargs:
        return DataLoader(dataset, **kwargs)
    if isinstance(dataset, IterableDataset) or "sampler" in kwargs:
        shuffle = False
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, **kwargs)
