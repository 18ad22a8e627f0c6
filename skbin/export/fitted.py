"""What a fitted estimator stores about its training data, as JSON and back."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skbin.classifier import BinaryNetClassifier
from skbin.data.fitted import FittedData
from skbin.data.labels import BinaryLabels
from skbin.export.table import (
    describe_table,
    names_in_json,
    require,
    table_from,
)

_MOST_BYTES_OF_A_LABEL = 2**16
# Lists of signals are padded to the length of training when they are predicted.
_MOST_VALUES_OF_A_SAMPLE, _MOST_VALUES_PER_WEIGHT = 2**16, 100


def describe_fitted(estimator: BinaryNetClassifier) -> dict[str, Any]:
    """Write down `FittedData` and scikit-learn's attributes of a fitted estimator."""
    check_is_fitted(estimator, "module_")
    data = estimator._data
    if data is None:
        raise NotFittedError(
            "save needs a fitted estimator, but this one has only weights. Call fit."
        )
    names = vars(estimator).get("feature_names_in_")
    return {
        "classes": [data.labels.classes.dtype.str, data.labels.classes.tolist()],
        "positive_index": int(data.labels.positive_index),
        "shape": None if data.shape is None else list(data.shape),
        "largest_id": data.largest_id,
        "offset": _plain(data.offset),
        "inputs": None if data.inputs is None else list(data.inputs),
        "channels": names_in_json(data.channels),
        "table": describe_table(data.table),
        "input_columns": {
            name: names_in_json(columns)
            for name, columns in (data.input_columns or {}).items()
        }
        or None,
        "class_totals": [float(total) for total in data.class_totals],
        "pos_weight": float(data.pos_weight),
        "batch_prior": float(data.batch_prior),
        "prior_hidden_by": data.prior_hidden_by,
        "n_features_in": vars(estimator).get("n_features_in_"),
        "feature_names_in": None if names is None else names.tolist(),
    }


def set_fitted(estimator: BinaryNetClassifier, described: dict[str, Any]) -> None:
    """Check what `describe_fitted` wrote, and set it."""
    shape = _shape_from(described["shape"])
    largest_id, inputs = described["largest_id"], described["inputs"]
    is_id = largest_id is None or (type(largest_id) is int and largest_id >= 0)
    require(is_id, "largest_id to be a token id or null", largest_id)
    is_dict = inputs is None or _are_strings(inputs)
    require(is_dict, "inputs to be names of arrays or null", inputs)
    totals = _totals_from(described["class_totals"])
    hidden_by = described["prior_hidden_by"]
    is_name = hidden_by is None or isinstance(hidden_by, str)
    require(is_name, "prior_hidden_by to be a name or null", hidden_by)
    table = table_from(described["table"], shape)
    estimator._data = FittedData(
        labels=_labels_from(described["classes"], described["positive_index"]),
        shape=shape,
        largest_id=largest_id,
        offset=_offset_from(described["offset"], shape, inputs),
        inputs=None if inputs is None else tuple(inputs),
        channels=_names_from(described["channels"]),
        table=table,
        input_columns=_input_columns_from(described["input_columns"], inputs),
        class_totals=totals,
        pos_weight=_weight_from(described["pos_weight"]),
        batch_prior=_batch_prior_from(described["batch_prior"], totals, hidden_by),
        prior_hidden_by=hidden_by,
    )
    n_features, names = described["n_features_in"], described["feature_names_in"]
    if n_features is not None:
        n_columns = shape[1] if shape is not None and len(shape) > 1 else None
        n_columns = n_columns if table is None else len(table.columns)
        is_size = n_features == n_columns
        require(is_size, f"n_features_in to fit the shape {shape}", n_features)
        estimator.n_features_in_ = n_features
    if names is not None:
        are_names = _are_strings(names) and len(names) == n_features
        require(are_names, f"{n_features} names of columns, or null", names)
        estimator.feature_names_in_ = np.array(names, dtype=object)


def require_shape_for_weights(shape: Any, n_weights: int) -> None:
    """Raise if samples are larger than a network with so few weights can have seen."""
    n_values = 0 if shape is None else int(np.prod(shape[1:], dtype=object))
    most = max(_MOST_VALUES_OF_A_SAMPLE, _MOST_VALUES_PER_WEIGHT * n_weights)
    if n_values > most:
        raise ValueError(
            f"samples of shape {tuple(shape[1:])} are too large for a network of "
            f"{n_weights} weights: a file may have up to {most} values per sample, so "
            "that a small file cannot fill the memory of its reader. Shorten the "
            "samples, or use joblib.dump."
        )


def _names_from(names: Any) -> tuple[Any, ...] | None:
    are_names = names is None or (
        isinstance(names, list) and all(type(name) in (str, int) for name in names)
    )
    require(are_names, "names of columns to be strings, integers or null", names)
    return None if names is None else tuple(names)


def _input_columns_from(columns: Any, inputs: Any) -> dict[str, Any] | None:
    if columns is None:
        return None
    is_known = isinstance(columns, dict) and {*columns} <= {*(inputs or [])}
    require(is_known, f"input_columns of the inputs {inputs}", columns)
    return {name: _names_from(names) for name, names in columns.items()}


def _shape_from(shape: Any) -> tuple[int, ...] | None:
    if shape is None:
        return None
    is_shape = isinstance(shape, list) and len(shape) > 0
    is_shape = is_shape and all(type(size) is int and size > 0 for size in shape)
    require(is_shape, "shape to be a list of positive integers or null", shape)
    return tuple(shape)


def _plain(offset: Any) -> Any:
    """Turn arrays into lists, those of a dict of inputs too."""
    if isinstance(offset, dict):
        return {name: _plain(part) for name, part in offset.items()}
    return None if offset is None else np.asarray(offset).tolist()


def _offset_from(
    offset: Any, shape: tuple[int, ...] | None, inputs: list[str] | None
) -> Any:
    if offset is None:
        return None
    if isinstance(offset, dict):
        require(inputs == list(offset), f"offsets of the inputs {inputs}", offset)
        arrays = {
            name: None if part is None else np.array(part, dtype=np.float64)
            for name, part in offset.items()
        }
        are_finite = all(np.isfinite(a).all() for a in arrays.values() if a is not None)
        require(are_finite, "offsets to be finite numbers", offset)
        return arrays
    # One for each column, or for each channel of signals.
    wanted = shape and (shape[1:2] if len(shape) == 2 else (shape[1], 1))
    array = np.array(offset, dtype=np.float64)
    is_offset = array.shape == wanted and bool(np.isfinite(array).all())
    require(is_offset, f"offset to be finite numbers of shape {wanted}", offset)
    return array


def _totals_from(given: Any) -> tuple[float, float]:
    wanted = "class_totals to be two weights, or two NaN for a Dataset without y"
    is_pair = isinstance(given, list) and len(given) == 2 and _are_numbers(given)
    require(is_pair, wanted, given)
    totals = np.array(given, dtype=float)
    are_weights = np.isfinite(totals).all() and totals.min() >= 0 and totals.any()
    require(bool(are_weights or np.isnan(totals).all()), wanted, given)
    return float(totals[0]), float(totals[1])


def _weight_from(pos_weight: Any) -> float:
    is_weight = _are_numbers([pos_weight]) and 0 < pos_weight < np.inf
    require(is_weight, "pos_weight to be positive and finite", pos_weight)
    return float(pos_weight)


def _batch_prior_from(
    batch_prior: Any, totals: tuple[float, float], hidden_by: str | None
) -> float:
    # BalancedBatches draw another share, even if that of the data is unknown.
    is_share = _are_numbers([batch_prior]) and (
        0 <= batch_prior <= 1
        or bool(np.isnan([batch_prior, *totals]).all())
        or bool(np.isnan(batch_prior) and hidden_by is not None)
    )
    require(is_share, "batch_prior to be a share", batch_prior)
    return float(batch_prior)


def _labels_from(classes: Any, positive_index: Any) -> BinaryLabels:
    dtype, values = classes
    require(isinstance(values, list), "classes to be a list", values)
    n_bytes = np.dtype(dtype).itemsize
    require(n_bytes <= _MOST_BYTES_OF_A_LABEL, "labels of at most 64 KB", dtype)
    given = np.array(values, dtype=dtype)
    are_labels = all(isinstance(value, (bool, int, float, str)) for value in values)
    are_two = given.shape == (2,) and np.array_equal(np.unique(given), given)
    require(are_labels and are_two, "two sorted classes", values)
    is_index = type(positive_index) is int and positive_index in (0, 1)
    require(is_index, "positive_index to be 0 or 1", positive_index)
    return BinaryLabels(given, positive_index)


def _are_strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)
