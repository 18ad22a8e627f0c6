"""Rows as tensors on the device: `TensorRows`, cut into `Batch` objects."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from skorch.dataset import Dataset
from torch.utils.data import Subset

from skbin.machine.devices import has_room_for

_ROWS_SHOWN, _FEWEST_ROWS_SHOWN = 10_000, 100
_VALUES_SHOWN = 10_000_000
_VALUES_HASHED_AT_ONCE = 131_072  # they stay in the caches


class Batch(tuple):
    """Samples and targets, `(X, y)`, the form of a batch in skorch's callbacks.

    Beside them it holds the weights of the rows, or None, and whether no value is
    missing, as at the end of a signal. Where equal rows were merged, `unmerged` says
    which of the batch's rows each row that was given has become.
    """

    sample_weight: torch.Tensor | None
    unmerged: torch.Tensor | None
    _whole_at_version: int | None

    def __new__(  # noqa: D102  the class says what it takes
        cls,
        X: Any,
        y: torch.Tensor,
        sample_weight: torch.Tensor | None = None,
        is_whole: bool = False,
        unmerged: torch.Tensor | None = None,
    ) -> "Batch":
        batch = super().__new__(cls, (X, y))
        batch.sample_weight = sample_weight
        batch.unmerged = unmerged
        batch._whole_at_version = _version_of(X) if is_whole else None
        return batch

    @property
    def is_whole(self) -> bool:
        """Whether no value is missing; unknown once a callback has written to X."""
        version = self._whole_at_version
        return version is not None and version == _version_of(self[0])


def _version_of(X: Any) -> int | None:
    if not isinstance(X, torch.Tensor) or X.is_inference():
        return None
    return X._version


class TensorRows(Dataset):
    """Samples in memory: dense ones as tensors on the device, sparse ones as CSR.

    Samples that a GPU has no room for stay in the machine's memory, and their batches
    are sent one by one, as those of a sparse matrix are. Integers become `integers`:
    int64 where a network takes ids, else float32.

    Examples
    --------
    >>> rows = TensorRows(np.eye(3, dtype=np.float32), y=[0, 0, 1])
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
        integers: torch.dtype = torch.float32,
    ) -> None:
        self.device = device
        self.integers = integers
        parts = X if isinstance(X, dict) else {"": X}
        first = next(iter(parts.values()))
        self.shape = tuple(first.shape)
        n_bytes = sum(part.nbytes for part in parts.values() if _is_dense(part))
        is_sparse = not all(_is_dense(part) for part in parts.values())
        fits = not is_sparse and has_room_for(n_bytes, device)
        self.home = device if fits else "cpu"
        tensors = {name: self._at_home(part) for name, part in parts.items()}
        self.is_whole = not _may_end_early(first, tensors)
        if y is not None:
            y = as_tensor(y).to(device=self.home, dtype=torch.float32)
        self.exact_weight: NDArray[np.float64] | None = None
        self.sample_weight: torch.Tensor | None = None
        if sample_weight is not None:
            self.exact_weight = np.asarray(sample_weight, dtype=np.float64)
            weight = torch.tensor(self.exact_weight, dtype=torch.float32)
            self.sample_weight = weight.to(self.home)
        super().__init__(
            tensors if isinstance(X, dict) else tensors[""], y, length=self.shape[0]
        )

    def _at_home(self, part: Any) -> Any:
        if not _is_dense(part):
            return part.astype(np.float32)
        tensor = as_tensor(part)
        return tensor.to(device=self.home, dtype=self._dtype_of(tensor))

    def _dtype_of(self, tensor: torch.Tensor) -> torch.dtype:
        if tensor.dtype in (torch.float32, torch.bool):
            return tensor.dtype
        return torch.float32 if tensor.is_floating_point() else self.integers

    @property
    def encoded_targets(self) -> NDArray[np.float32] | None:
        """The targets in the machine's memory."""
        return None if self.y is None else self.y.cpu().numpy()

    @property
    def n_values(self) -> int:
        """Numbers in a sample, of the first input of a dict."""
        return math.prod(self.shape[1:])

    def __getitem__(self, i: Any) -> tuple[Any, torch.Tensor]:
        i = range(len(self))[i]
        X, y = self.batch(slice(i, i + 1))
        X = {k: v[0] for k, v in X.items()} if isinstance(X, dict) else X[0]
        return X, y[0]

    def batch(self, index: Any) -> Batch:
        """Cut a batch by a slice, or by a tensor of row numbers that lies at `home`."""
        X = self.dense(index)
        first = next(iter(X.values())) if isinstance(X, dict) else X
        y, weight = torch.zeros(len(first)), None
        if self.y is not None:
            y = to_device(take(self.y, index), self.device)
        if self.sample_weight is not None:
            weight = to_device(take(self.sample_weight, index), self.device)
        return Batch(X, y, weight, self.is_whole)

    def dense(self, index: Any) -> Any:
        """Cut the samples of a batch."""
        if isinstance(self.X, dict):
            return {name: self._dense(part, index) for name, part in self.X.items()}
        return self._dense(self.X, index)

    def _dense(self, part: Any, index: Any) -> torch.Tensor:
        if isinstance(part, torch.Tensor):
            return to_device(take(part, index), self.device)
        rows = index if isinstance(index, slice) else index.cpu().numpy()
        return to_device(torch.from_numpy(part[rows].toarray()), self.device)

    def row_keys(self) -> NDArray[np.int64]:
        """Hash each row, target included: equal for equal rows, 0.0 and -0.0 alike.

        Different rows collide about once in 2**60 pairs.
        """
        generator = torch.Generator().manual_seed(0)
        n_columns = sum(part.shape[1] for part in self._columns(slice(0, 1)))
        factors = torch.randint(2**62, (n_columns,), generator=generator)
        factors = (2 * factors + 1).to(self.device)
        n_rows = max(_VALUES_HASHED_AT_ONCE // n_columns, 1)
        # Small results kept between large temporary arrays would fragment the memory.
        keys = torch.empty(len(self), dtype=torch.int64, device=self.device)
        for start in range(0, len(self), n_rows):
            part = slice(start, start + n_rows)
            keys[part] = _hash_rows(self._columns(part), factors)
        return keys.cpu().numpy()

    def _columns(self, index: slice) -> list[torch.Tensor]:
        X, y = self.batch(index)
        parts = list(X.values()) if isinstance(X, dict) else [X]
        columns = [part.reshape(len(part), -1) for part in parts]
        return [*columns, y.to(columns[0].device).unsqueeze(1)]


def _is_dense(part: Any) -> bool:
    return not sparse.issparse(part)


def _may_end_early(first: Any, tensors: dict[str, Any]) -> bool:
    if len(first.shape) != 3 or not _is_dense(first):
        return False
    return bool(torch.isnan(next(iter(tensors.values())).sum()))


def as_tensor(values: Any) -> torch.Tensor:
    """Share the memory of an array with torch, or copy it where torch cannot."""
    if isinstance(values, torch.Tensor):
        return values
    array = np.asarray(values)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    view = array if array.flags.writeable else _writable_view(array)
    try:
        return torch.from_numpy(view)
    except ValueError:  # steps backwards, or not in whole numbers
        return torch.from_numpy(array.copy())


def _writable_view(array: NDArray[Any]) -> NDArray[Any]:
    """View read-only memory, a file mapped into it perhaps, as torch wants to see it.

    torch warns of arrays that it could change. Batches are copies, so it does not.
    """
    return np.asarray(_Writable(array))


class _Writable:
    def __init__(self, array: NDArray[Any]) -> None:
        address, _ = array.__array_interface__["data"]
        is_read_only = False
        self.array = array  # lives as long as the view does
        self.__array_interface__ = {
            **array.__array_interface__,
            "data": (address, is_read_only),
        }


def to_device(batch: torch.Tensor, device: Any) -> torch.Tensor:
    """Bring a batch to the device; from pinned memory Python does not wait for it."""
    on_gpu = device is not None and torch.device(device).type == "cuda"
    if on_gpu and not batch.is_cuda:
        batch = batch.pin_memory()
    return batch.to(device=device, non_blocking=True)


def take(values: torch.Tensor, index: Any) -> torch.Tensor:
    """Copy rows, because a module may change them in place."""
    if isinstance(index, slice):
        return values[index].clone()
    return values.index_select(0, index)  # several times faster than values[index]


def _hash_rows(columns: list[torch.Tensor], factors: torch.Tensor) -> torch.Tensor:
    keys = torch.zeros(len(columns[0]), dtype=torch.int64, device=factors.device)
    start = 0
    for column in columns:
        if column.dtype == torch.float32:
            column = (column + 0.0).view(torch.int32)  # -0.0 becomes 0.0
        bits = column.to(torch.int64)
        bits = bits ^ (bits >> 16)  # numbers of few digits have no low bits as float32
        keys += (bits * factors[start : start + column.shape[1]]).sum(dim=1)
        start += column.shape[1]
    return keys


# ---- rows behind torch's subsets


def resolve(dataset: Any) -> tuple[Any, NDArray[Any] | None]:
    """Return the dataset inside nested subsets, and which of its rows they hold."""
    index: NDArray[Any] | None = None
    while isinstance(dataset, Subset):
        inner = np.asarray(dataset.indices)
        index = inner if index is None else inner[index]
        dataset = dataset.dataset
    return dataset, index


def is_in_memory(dataset: Any) -> bool:
    """Whether batches of a dataset can be cut from `TensorRows`."""
    return isinstance(resolve(dataset)[0], TensorRows)


def weights_of(dataset: Any) -> NDArray[np.float64] | None:
    """Return the weights of the rows of a dataset, None if all are equal."""
    root, index = resolve(dataset)
    weight = getattr(root, "exact_weight", None)
    return weight if weight is None or index is None else weight[index]


def targets_of(dataset: Any) -> NDArray[Any] | None:
    """Return the targets 0.0 and 1.0 of a dataset, None if they are not known yet."""
    root, index = resolve(dataset)
    target = getattr(root, "encoded_targets", None)
    return target if target is None or index is None else target[index]


def some_rows(dataset: Any) -> Any:
    """Return enough samples to estimate the distribution of the data, by weight.

    Examples
    --------
    >>> len(some_rows(TensorRows(np.zeros((50_000, 2), np.float32))))
    10000
    """
    root, _ = resolve(dataset)
    if isinstance(root, TensorRows):
        n_values = root.n_values
    else:
        n_values = int(np.prod(getattr(dataset[0][0], "shape", ())))
    n = min(len(dataset), n_rows_to_show(n_values))
    weight = weights_of(dataset)
    if weight is None:
        index = np.linspace(0, len(dataset) - 1, n).astype(int)
    else:
        index = rows_by_weight(weight, n)
    return Subset(dataset, index.tolist())


def n_rows_to_show(n_values: int) -> int:
    """Return how many rows suffice to estimate a distribution."""
    n = max(_VALUES_SHOWN // max(n_values, 1), _FEWEST_ROWS_SHOWN)
    return min(n, _ROWS_SHOWN)


def rows_by_weight(weight: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Return the numbers of `n` rows, each as often as its weight says.

    Examples
    --------
    >>> rows_by_weight(np.array([1.0, 0.0, 3.0]), 4)
    array([0, 2, 2, 2])
    """
    # At a third, so that sums of whole weights, rounded, fall between the places.
    places = (np.arange(n) + 1 / 3) / n
    cumulative = np.cumsum(weight)
    return np.searchsorted(cumulative / cumulative[-1], places, side="right")
