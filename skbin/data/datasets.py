"""torch Datasets as training takes them: targets 0.0 and 1.0, floats of 32 bits."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from skorch.dataset import ERROR_MSG_1_ITEM, unpack_data
from skorch.helper import SliceDataset
from skorch.utils import to_numpy
from torch.utils.data import Dataset, IterableDataset, Subset, get_worker_info

from skbin.data.dicts import as_array, is_dict
from skbin.data.labels import CODES, BinaryLabels
from skbin.data.offsets import can_be_far, learn_offset, numbers_of_some_rows
from skbin.data.rows import resolve


def unpack_sample(sample: Any) -> tuple[Any, Any]:
    """Split a sample into data and target; refuse a single tensor."""
    if not isinstance(sample, (tuple, list)):
        raise ValueError(ERROR_MSG_1_ITEM)
    return unpack_data(sample)


def sample_of(dataset: Any, i: int) -> Any:
    """Read a sample without its target."""
    if isinstance(dataset, SliceDataset):
        return dataset[i]
    X, _ = unpack_sample(dataset[i])
    return X


class _Wrapper:
    """Lets a worker's `worker_init_fn` read and set what belongs to the user's own."""

    _source: Any
    _labels: BinaryLabels | None
    _y: NDArray[Any] | None
    _offset: Any
    encoded_targets: NDArray[np.float32] | None

    def _keep(self, source: Any, labels: Any, y: Any, offset: Any) -> None:
        own = {"_source": source, "_labels": labels, "_y": y, "_offset": offset}
        vars(self).update(own, encoded_targets=None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_source" not in vars(self):
            raise AttributeError(name)
        return getattr(self._source, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._source, name, value)


class EncodedDataset(_Wrapper, Dataset):
    """A Dataset whose targets are encoded by the labels, and compared with `y`.

    Without labels, for predictions, its targets are not used.
    """

    def __init__(
        self,
        source: Any,
        labels: BinaryLabels | None = None,
        y: NDArray[Any] | None = None,
        offset: Any = None,
    ) -> None:
        self._keep(source, labels, y, offset)
        if y is not None and labels is not None:
            vars(self)["encoded_targets"] = labels.encode(y)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, i: int) -> tuple[Any, torch.Tensor]:
        if isinstance(self._source, SliceDataset):
            X, y = self._source[i], None
        else:
            X, y = unpack_sample(self._source[i])
        return to_float32_tensors(X, self._offset), self._target_of(y, i)

    def _target_of(self, y: Any, i: int) -> torch.Tensor:
        if self._labels is None:
            return torch.tensor(0.0)
        if y is None:
            return torch.tensor(self._given(i))
        target = encode_targets(y, self._labels)
        if self.encoded_targets is not None and target.dim() == 0:
            self._require_same(float(target), y, i)
        return target

    def _given(self, i: int) -> float:
        if self.encoded_targets is None:
            raise ValueError("A SliceDataset needs y: fit(X, y).")
        return float(self.encoded_targets[i])

    def _require_same(self, target: float, found: Any, i: int) -> None:
        if self._given(i) != target:
            raise ValueError(differing_targets(self._y, i, found))


class EncodedStream(_Wrapper, IterableDataset):
    """An IterableDataset whose targets are encoded, and compared with `y` in order."""

    def __init__(
        self,
        source: Any,
        labels: BinaryLabels | None = None,
        y: NDArray[Any] | None = None,
        offset: Any = None,
    ) -> None:
        self._keep(source, labels, y, offset)

    def __iter__(self) -> Iterator[tuple[Any, torch.Tensor]]:
        # A worker sees only its part of the stream, not where that part begins.
        given = None if get_worker_info() is not None else self._y
        for i, sample in enumerate(self._source):
            X, y = unpack_sample(sample)
            target = torch.tensor(0.0)
            if self._labels is not None:
                target = encode_targets(y, self._labels)
            if given is not None and self._labels is not None and target.dim() == 0:
                _require_same_in_stream(given, i, float(target), y, self._labels)
            yield to_float32_tensors(X, self._offset), target

    def __len__(self) -> int:
        return len(self._source)


def _require_same_in_stream(
    y: NDArray[Any], i: int, target: float, found: Any, labels: BinaryLabels
) -> None:
    if i >= len(y):
        raise ValueError(
            f"y has {len(y)} labels, but the stream yields more samples. Pass one "
            "label for each sample, or leave y out."
        )
    if float(labels.encode(y[i : i + 1])[0]) != target:
        raise ValueError(differing_targets(y, i, found))


def offset_of_dataset(estimator: Any, X: Any) -> Any:
    """Learn it from some samples; streams and ready batches are taken as they are."""
    if isinstance(X, IterableDataset) or estimator.batch_size is None:
        return None
    first = sample_of(X, 0)
    if is_dict(first):
        offsets = {k: _offset_of_part(X, part, k) for k, part in first.items()}
        return offsets if any(v is not None for v in offsets.values()) else None
    return _offset_of_part(X, first)


def _offset_of_part(X: Any, first: Any, name: str | None = None) -> Any:
    array = as_array(first)
    if not isinstance(array, np.ndarray) or not can_be_far(array.dtype):
        return None
    rows = [sample_of(X, i) for i in numbers_of_some_rows(len(X), array.size)]
    parts = [as_array(row if name is None else row[name]) for row in rows]
    if len({part.shape for part in parts}) > 1:
        return None
    return learn_offset(np.stack(parts))


def encode(
    source: Any, labels: BinaryLabels | None = None, y: Any = None, offset: Any = None
) -> Any:
    """Wrap a Dataset of either kind."""
    is_stream = isinstance(source, IterableDataset)
    return (EncodedStream if is_stream else EncodedDataset)(source, labels, y, offset)


def encoded_part(part: Any, encoded: Any) -> Any:
    """Take rows that a split names in the user's Dataset from the encoded one."""
    root, index = resolve(part)
    if not isinstance(encoded, EncodedDataset) or root is not encoded._source:
        return part
    return encoded if index is None else Subset(encoded, index.tolist())


def encode_targets(y: Any, labels: BinaryLabels) -> torch.Tensor:
    """Turn the target of a sample, or of a ready batch, into 0.0 and 1.0."""
    values = np.asarray(to_numpy(y) if isinstance(y, torch.Tensor) else y).ravel()
    codes = np.array([_code_of(value, labels) for value in values.tolist()], np.float32)
    return torch.from_numpy(codes) if len(codes) > 1 else torch.tensor(codes[0])


def _code_of(value: Any, labels: BinaryLabels) -> float:
    if value == labels.positive:
        return 1.0
    if value == labels.negative:
        return 0.0
    # Targets may already be codes if no label can be mistaken for one.
    if value in (0, 1) and not {0, 1}.intersection(labels.classes.tolist()):
        return float(value)
    if labels is CODES or labels.classes.tolist() == [0, 1]:
        raise ValueError(
            f"Targets from a Dataset must be 0 and 1, got {value!r}. For other labels, "
            "pass y as well: fit(dataset, y)."
        )
    raise ValueError(
        f"A target from a Dataset is {value!r}, but the classes are "
        f"{labels.classes.tolist()}."
    )


def require_same_targets(y: ArrayLike, of_dataset: Any) -> None:
    """Raise unless `y` equals the targets of a Dataset in memory."""
    given, found = np.asarray(y).ravel(), np.asarray(of_dataset).ravel()
    require_same_length(given, len(found))
    differ = given != found
    if differ.any():
        i = int(np.argmax(differ))
        raise ValueError(differing_targets(given, i, found[i]))


def require_same_length(y: ArrayLike, n_samples: int) -> None:
    """Raise unless there is one label for each sample."""
    if len(np.asarray(y)) != n_samples:
        raise ValueError(
            f"y has {len(np.asarray(y))} labels, but the Dataset has {n_samples} "
            "samples. Pass one label for each, or leave y out."
        )


def differing_targets(y: Any, i: int, found: Any) -> str:
    """Return an error that says where `y` and the targets of a Dataset differ."""
    return (
        f"y[{i}] is {_plain(np.asarray(y).ravel()[i])!r}, but the target of "
        f"dataset[{i}] is {_plain(found)!r}: they must be the same, in the same order. "
        "Leave y out to use the Dataset's targets; pass pos_label to choose the "
        "positive class."
    )


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def to_float32_tensors(X: Any, offset: Any = None) -> Any:
    """Cast the floats of a sample, of whatever width, as arrays are cast."""
    if isinstance(X, Mapping):
        offsets = offset if isinstance(offset, Mapping) else {}
        return {k: to_float32_tensors(part, offsets.get(k)) for k, part in X.items()}
    if isinstance(X, (list, tuple)) and not hasattr(X, "_fields"):
        return type(X)(to_float32_tensors(part) for part in X)
    if offset is not None and isinstance(X, (np.ndarray, torch.Tensor)):
        return torch.as_tensor(np.asarray(X, dtype=np.float64) - offset).float()
    if isinstance(X, np.ndarray):
        X = X.astype(np.float32) if X.dtype.kind == "f" else X
        return X.copy() if min(X.strides, default=0) < 0 else X
    if isinstance(X, torch.Tensor) and X.is_floating_point():
        return X.float()
    return X
