"""Reading of all inputs: X, y and sample_weight become `Samples`, in one place."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _check_sample_weight
from skorch.dataset import Dataset as SkorchDataset
from skorch.helper import SliceDataset
from skorch.utils import is_dataset
from torch.utils.data import DataLoader, IterableDataset

from skbin.data.arrays import (
    cast,
    has_missing_values,
    in_order_of_fit,
    offset_of_rows,
    rows_of,
    table_of,
    with_logits_of_texts,
)
from skbin.data.cells import is_frame, is_missing
from skbin.data.datasets import (
    encode,
    offset_of_dataset,
    require_same_length,
    require_same_targets,
    unpack_sample,
)
from skbin.data.dicts import (
    arrays_of_dict,
    as_array,
    input_columns_of,
    is_dict,
    labels_beside,
)
from skbin.data.fitted import FittedData
from skbin.data.labels import CODES, BinaryLabels, find_labels
from skbin.data.order import warn_if_reordered
from skbin.data.signals import (
    channel_names,
    has_short_signals,
    warn_if_a_channel_counts,
    warn_if_channels_last,
)
from skbin.data.tables import Table, refuse_named_columns
from skbin.data.which_texts import texts_as_column


@dataclass(frozen=True)
class Samples:
    """What one call was given, admitted: rows in the user's order.

    `X` is an array of float32 or integers, a CSR matrix, a dict of arrays or an encoded
    torch Dataset. `weight` has a mean of 1; None where all rows count alike.
    """

    X: Any
    labels: BinaryLabels = CODES
    target: NDArray[np.float32] | None = None
    weight: NDArray[np.float64] | None = None
    total_weight: float = 1.0
    shape: tuple[int, ...] | None = None
    offset: Any = None
    largest_id: int | None = None
    has_short_signals: bool = False
    has_missing: bool = False
    channels: tuple[Any, ...] | None = None
    table: Table | None = None
    input_columns: dict[str, tuple[Any, ...]] | None = None
    logits_in_predictions: NDArray[np.float32] | None = None  # of texts

    @property
    def is_dataset(self) -> bool:
        """Whether samples are read one by one."""
        return is_dataset(self.X)

    @property
    def holds_integers(self) -> bool:
        """Whether an array is of integers, which may be token ids."""
        parts = self.X.values() if is_dict(self.X) else [self.X]
        return any(part.dtype.kind in "iu" for part in parts)

    def rows_to_recognise(self, index: Any = None) -> Any:
        """Return rows also in the form of predictions, some of them or all."""
        rows = self.X
        if self.table is not None and self.logits_in_predictions is not None:
            rows = rows.copy()
            rows[:, self.table.places_of_logits()] = self.logits_in_predictions
        return _counted(rows, self.weight) if index is None else rows[index]

    def class_totals(self) -> NDArray[np.float64]:
        """Weight of the negative and of the positive class, NaN where unknown."""
        if self.target is None:
            return np.full(2, np.nan)
        return count_classes(self.target, self.weight) * self.total_weight


def count_classes(
    target: NDArray[Any], weight: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """Sum the weights of negatives and positives."""
    return np.bincount(target.astype(int), weights=weight, minlength=2).astype(float)


def admit(
    estimator: Any,
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    fitted: FittedData | None = None,
    classes: Any = None,
    fits_again: bool = False,
) -> Samples:
    """Admit what `fit` was given; `fitted` is what an earlier call has learned.

    `fits_again`: these rows are trained on once more, as in a warm start.
    """
    warn_if_reordered(X, y=y, sample_weight=sample_weight)
    X, y = _unwrapped(X, y)
    if goes_by_sample(X):
        return _admit_dataset(estimator, X, y, sample_weight, fitted, classes)
    X = texts_as_column(X, fitted)
    if is_dict(X):
        refuse_named_columns(X, getattr(estimator, "categorical_features", None))
        arrays, shape, table = arrays_of_dict(X, fitted), None, None
        y = labels_beside(y, *arrays.values())
        _forget_columns(estimator, fitted)
    else:
        X, table = table_of(estimator, X, fitted, sample_weight)
        arrays, y = rows_of(estimator, X, y, fitted, table)
        shape = arrays.shape
        if fitted is None:
            warn_if_channels_last(shape)
            warn_if_a_channel_counts(arrays, channel_names(X))
    weight, total_weight = _relative_weights(sample_weight, arrays)
    labels, target = _encoded(estimator, y, weight, fitted, classes)
    seen_later = None
    if table is not None and table.has_texts and (fitted is None or fits_again):
        table, seen_later = with_logits_of_texts(
            table, X, arrays, target, weight, anew=fitted is None
        )
    counted = _counted(arrays, weight)
    offset = fitted.offset if fitted else offset_of_rows(counted, table)
    return Samples(
        cast(arrays, offset),
        labels,
        target,
        weight,
        total_weight,
        shape,
        offset,
        _largest_id(counted),
        has_short_signals(arrays),
        has_missing_values(arrays),
        channel_names(X),
        table,
        input_columns_of(X),
        seen_later,
    )


def admit_for_prediction(
    estimator: Any, X: Any, fitted: FittedData | None = None
) -> Samples:
    """Admit samples without labels, by what `fit` has learned."""
    X, _ = _unwrapped(X, None)
    if goes_by_sample(X):
        return Samples(encode(X, offset=fitted.offset if fitted else None))
    X = texts_as_column(X, fitted)
    table = None
    if is_dict(X):
        arrays, shape = arrays_of_dict(X, fitted), None
    else:
        table = fitted.table if fitted else None
        X = in_order_of_fit(estimator, X, fitted)
        arrays = rows_of(estimator, X, "no_validation", fitted, table, predicts=True)
        shape = arrays.shape
    return Samples(
        cast(arrays, fitted.offset if fitted else None),
        shape=shape,
        has_short_signals=has_short_signals(arrays),
        has_missing=has_missing_values(arrays),
        table=table,
    )


# ---- what X is


def goes_by_sample(X: Any) -> bool:
    """Whether X is a torch Dataset, whose samples are read one by one."""
    return is_dataset(X) or isinstance(X, SliceDataset)


def _unwrapped(X: Any, y: Any) -> tuple[Any, Any]:
    """Take arrays out of skorch's Dataset and tensors out of torch."""
    if isinstance(X, DataLoader):
        raise ValueError(
            "X is a DataLoader, which makes its own batches. Pass its Dataset, "
            "loader.dataset, and its options as parameters: batch_size, "
            "iterator_train__num_workers and so on."
        )
    if type(X) is SkorchDataset and _holds_arrays(X):
        if y is not None and X.y is not None:
            require_same_targets(as_array(y), as_array(X.y))
        X, y = X.X, X.y if y is None else y
    if isinstance(X, torch.Tensor):
        X = as_array(X)
    if isinstance(y, (torch.Tensor, SliceDataset)):
        y = as_array(y)
    if hasattr(X, "collect_schema") and not hasattr(X, "shape"):
        raise TypeError("X is a LazyFrame, which holds no rows yet. Pass X.collect().")
    if hasattr(X, "to_struct_array") and not is_frame(X):
        raise TypeError("X is a RecordBatch. Pass pyarrow.Table.from_batches([X]).")
    if hasattr(X, "iloc") and np.ndim(X) == 1 and len(X) and not _may_be_text(X):
        raise ValueError(
            "X is a Series. One row of a DataFrame is df.iloc[[row]], one column "
            "df[[name]]."
        )
    if isinstance(X, list | tuple) and X and all(isinstance(row, dict) for row in X):
        raise ValueError("X is a list of dicts. Pass the table pd.DataFrame(X).")
    if y is not None:
        _refuse_missing_labels(y)
    return X, y


def _holds_arrays(dataset: SkorchDataset) -> bool:
    X = dataset.X
    return is_dict(X) or hasattr(X, "dtype") or hasattr(X, "columns")


def _may_be_text(X: Any) -> bool:
    """Whether a Series starts as one of texts does, or of signals."""
    first: Any = next((value for value in X if not is_missing(value)), None)
    return isinstance(first, str) or np.ndim(first) > 0 or first is None


def _refuse_missing_labels(y: Any) -> None:
    if _is_nullable(y):
        is_missing = np.asarray(y.isna())
    else:
        y = np.asarray(y)
        is_missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(0, dtype=bool)
    if is_missing.any():
        raise ValueError(
            f"Input y contains NaN: there is no label for {is_missing.sum()} of "
            f"{len(y)} samples, the first is y[{int(is_missing.argmax())}]. Leave "
            "these samples out: X[keep], y[keep]."
        )


def _is_nullable(y: Any) -> bool:
    """Whether labels are numbers of pandas that may be missing."""
    dtype = getattr(y, "dtype", None)
    return hasattr(dtype, "na_value") and getattr(dtype, "kind", "O") in "biuf"


def _forget_columns(estimator: Any, fitted: FittedData | None) -> None:
    """Drop what an earlier fit to arrays has stored about its columns."""
    if fitted is None:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)


def _largest_id(arrays: Any) -> int | None:
    if not isinstance(arrays, np.ndarray) or arrays.dtype.kind not in "iu":
        return None
    return int(arrays.max()) if arrays.min() >= 0 else None


# ---- weights and labels


def _relative_weights(
    sample_weight: Any, X: Any
) -> tuple[NDArray[np.float64] | None, float]:
    """Divide weights by their mean: only their ratios count."""
    if sample_weight is None:
        return None, 1.0
    rows = next(iter(X.values())) if is_dict(X) else X
    weight = _check_sample_weight(
        sample_weight, rows, dtype=np.float64, ensure_non_negative=True
    )
    largest = float(weight.max())
    if largest == 0:
        return weight, 1.0
    relative = weight / largest  # so that no sum overflows
    mean = float(relative.mean())
    if relative.min() == 1.0:
        return None, largest
    return relative / mean, mean * largest


def _counted(X: Any, weight: NDArray[np.float64] | None) -> Any:
    """Leave out the rows of weight zero."""
    if weight is None or weight.min() > 0:
        return X
    if is_dict(X):
        return {name: part[weight > 0] for name, part in X.items()}
    return X[weight > 0]


def _encoded(
    estimator: Any,
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    fitted: FittedData | None,
    classes: Any,
) -> tuple[BinaryLabels, NDArray[np.float32]]:
    counted = slice(None) if weight is None else weight > 0
    labels = _labels(estimator, y[counted], fitted, classes)
    target = np.zeros(len(y), dtype=np.float32)
    target[counted] = labels.encode(y[counted])
    return labels, target


def _labels(
    estimator: Any, y: Any, fitted: FittedData | None, classes: Any
) -> BinaryLabels:
    if fitted is not None:
        if classes is not None:
            fitted.labels.require_same(classes)
        pos_label = estimator.pos_label
        if pos_label is not None and pos_label != fitted.labels.positive:
            raise ValueError(
                f"pos_label={pos_label!r} was set after training had begun with "
                f"{fitted.labels.positive!r} as the positive class. Call fit with "
                "warm_start=False to start again."
            )
        return fitted.labels
    if y is None and classes is None:
        return _codes_of_dataset(estimator.pos_label)
    known = y if classes is None else np.asarray(classes)
    return find_labels(known, estimator.pos_label)


# ---- torch Datasets


def _codes_of_dataset(pos_label: Any) -> BinaryLabels:
    if pos_label is None:
        return CODES
    if pos_label not in (0, 1):
        raise ValueError(
            f"pos_label={pos_label!r}, but without y the labels of a Dataset are 0 and "
            "1. Pass the labels as well, fit(dataset, y), or leave out pos_label."
        )
    return find_labels(CODES.classes, pos_label)


def _admit_dataset(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    fitted: FittedData | None,
    classes: Any,
) -> Samples:
    if sample_weight is not None:
        raise ValueError(
            f"sample_weight works for arrays and dicts of them, but X is a "
            f"{type(X).__name__}. Repeat or resample its rows instead."
        )
    if y is not None:
        y = column_or_1d(as_array(y), warn=True)
        if not isinstance(X, IterableDataset) and hasattr(X, "__len__"):
            require_same_length(y, len(X))
    if len_or_none(X) == 0:
        raise ValueError(f"X is a {type(X).__name__} without samples.")
    labels = _labels(estimator, y, fitted, classes)
    _forget_columns(estimator, fitted)
    target = None if y is None else labels.encode(y)
    offset = fitted.offset if fitted else offset_of_dataset(estimator, X)
    encoded = encode(X, labels, y, offset)
    return Samples(encoded, labels, target, shape=_shape_of_first(X), offset=offset)


def len_or_none(X: Any) -> int | None:
    """Count the samples, where a Dataset knows how many there are."""
    try:
        return len(X)
    except TypeError:
        return None


def _shape_of_first(X: Any) -> tuple[int, ...] | None:
    if isinstance(X, (IterableDataset, SliceDataset)):
        sample: Any = X[0] if isinstance(X, SliceDataset) else None
    else:
        sample, _ = unpack_sample(X[0])
    return (1, *sample.shape) if hasattr(sample, "shape") else None
