"""One array or table, read as rows of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _check_sample_weight, validate_data

from skbin.data.cells import is_frame
from skbin.data.dicts import is_dict, labels_beside
from skbin.data.fitted import FittedData
from skbin.data.ngrams import each_text_read_once
from skbin.data.offsets import learn_offset, refuse_far_columns, to_float32
from skbin.data.signals import (
    by_channel_names,
    channel_names,
    has_short_signals,
    pad_signals,
    require_fitted_channels,
)
from skbin.data.tables import (
    Table,
    in_fitted_order,
    learn_table,
    needs_table,
    require_distinct_columns,
    require_numbers,
    rows_of_lists,
)
from skbin.data.which_texts import refuse_named_texts


def table_of(
    estimator: Any, X: Any, fitted: FittedData | None, sample_weight: Any
) -> tuple[Any, Table | None]:
    """Return X in the order of `fit`, and a table if columns hold more than numbers."""
    if fitted is not None:
        return in_order_of_fit(estimator, X, fitted), fitted.table
    require_distinct_columns(X)
    named = estimator.categorical_features
    X = rows_of_lists(X, is_table=named is not None and not isinstance(named, str))
    texts = getattr(estimator, "text_features", "auto")
    if not needs_table(X, named):
        refuse_named_texts(X, texts)
        return X, None
    weight = None
    if sample_weight is not None:
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    return X, learn_table(X, weight, named, texts)


def with_logits_of_texts(
    table: Table, X: Any, rows: Any, target: Any, weight: Any, *, anew: bool
) -> tuple[Table, NDArray[np.float32]]:
    """Fill in what training rows need of their texts; `anew`: learn from them.

    Return what predictions will use instead as well.
    """
    X = X if is_frame(X) else np.asarray(rows_of_lists(X, is_table=True))
    with each_text_read_once():
        table = table.learn_texts(X, rows, target, weight, anew=anew)
        return table, table.logits_of_texts(X).astype(np.float32)


def in_order_of_fit(estimator: Any, X: Any, fitted: FittedData | None) -> Any:
    """Bring the columns of a DataFrame, known by name, into the order of `fit`."""
    if fitted is None or not is_frame(X):
        return X
    require_distinct_columns(X)
    names = vars(estimator).get("feature_names_in_")
    if names is None and fitted.table is not None and fitted.table.text is None:
        names = [column.name for column in fitted.table.columns]
    return X if names is None else in_fitted_order(X, names)


def rows_of(
    estimator: Any,
    X: Any,
    y: Any,
    fitted: FittedData | None,
    table: Table | None,
    *,
    predicts: bool = False,
) -> Any:
    """Read the columns of a table, or validate what is one array."""
    if table is None:
        return _validated(estimator, X, y, fitted, predicts=predicts)
    reset = fitted is None and not predicts
    X = X if is_frame(X) else np.asarray(rows_of_lists(X, is_table=True))
    checked = X
    if table.text is not None and not reset and not _knows_names(estimator):
        checked = np.empty((len(X), 1))  # one column of texts may have any name
    validate_data(estimator, checked, reset=reset, skip_check_array=True)
    if not len(X):
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )
    rows = table.encode(X)
    return rows if predicts else (rows, labels_beside(y, rows))


def _validated(
    estimator: Any,
    X: Any,
    y: Any,
    fitted: FittedData | None,
    *,
    predicts: bool = False,
) -> Any:
    _refuse_shapes(X)
    shape = fitted.shape if fitted else None
    X = by_channel_names(X, fitted.channels if fitted else channel_names(X))
    X = pad_signals(X, shape)
    if _knows_columns(estimator):
        require_fitted_channels(X, shape)
    validated = validate_data(
        estimator,
        X,
        y,
        reset=fitted is None and not predicts,
        accept_sparse="csr",
        dtype="numeric",
        allow_nd=True,
        ensure_all_finite=False if has_short_signals(X) else "allow-nan",
    )
    rows = validated[0] if isinstance(validated, tuple) else validated
    may_be_missing = isinstance(rows, np.ndarray) and rows.ndim in (2, 3)
    if not may_be_missing or (rows.ndim == 3 and not has_short_signals(rows)):
        _refuse_missing_in_sparse(rows)
        assert_all_finite(rows, input_name="X")
    if 0 in rows.shape:
        raise ValueError(
            f"Found array of shape {rows.shape}, whose samples hold no values. Each "
            "axis needs a minimum of 1."
        )
    return validated


def _knows_names(estimator: Any) -> bool:
    return "feature_names_in_" in vars(estimator)


def _knows_columns(estimator: Any) -> bool:
    """Whether `fit` saw arrays: samples of a Dataset may have other axes."""
    return "n_features_in_" in vars(estimator)


def _refuse_missing_in_sparse(rows: Any) -> None:
    if sparse.issparse(rows) and np.isnan(rows.data).any():
        raise ValueError(
            "Input X contains NaN, which only dense tables may hold. Pass X.toarray(), "
            "or set sparse_threshold=0 in a ColumnTransformer."
        )


def _refuse_shapes(X: Any) -> None:
    """Refuse what scikit-learn would refuse with a misleading message."""
    if sparse.issparse(X) and X.ndim != 2:
        raise ValueError(
            f"A sparse X must have two axes, got shape {X.shape}. "
            "Pass X.reshape(1, -1) for one sample, X.reshape(-1, 1) for one column."
        )
    if is_frame(X):
        require_numbers(X)


def offset_of_rows(arrays: Any, table: Table | None = None) -> Any:
    """Find what to subtract from numbers far from zero, in an array or a dict."""
    if is_dict(arrays):
        offsets = {name: offset_of_rows(part) for name, part in arrays.items()}
        return offsets if any(v is not None for v in offsets.values()) else None
    if sparse.issparse(arrays):
        refuse_far_columns(arrays)
        return None
    offset = learn_offset(arrays)
    if offset is None or table is None:
        return offset
    return np.where(table.n_categories, 0.0, offset)  # codes are not shifted


def cast(arrays: Any, offset: Any) -> Any:
    """Cast floats to float32; integers stay, since they may be token ids."""
    if is_dict(arrays):
        offset = offset or {}
        return {name: cast(part, offset.get(name)) for name, part in arrays.items()}
    if sparse.issparse(arrays):
        return arrays.astype(np.float32)
    if offset is None and arrays.dtype.kind in "iu":
        fits = arrays.min() >= -(2**31) and arrays.max() < 2**31
        return arrays.astype(np.int32 if fits else np.int64, copy=False)
    return to_float32(arrays, offset)


def has_missing_values(arrays: Any) -> bool:
    """Whether a value is missing in a table."""
    if not isinstance(arrays, np.ndarray) or arrays.dtype.kind != "f":
        return False
    if arrays.ndim != 2:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return not np.isfinite(arrays.sum()) and bool(np.isnan(arrays).any())
