"""Dicts of arrays: the named inputs of a module that takes several."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from skorch.helper import SliceDataset
from skorch.utils import to_numpy

from skbin.data.fitted import FittedData
from skbin.data.signals import column_names, in_order


def is_dict(X: Any) -> bool:
    """Whether X is a dict of arrays, and not a sparse matrix of that format."""
    return isinstance(X, Mapping) and not sparse.issparse(X)


def arrays_of_dict(X: Mapping[str, Any], fitted: FittedData | None) -> dict[str, Any]:
    """Read the array of each input, columns in the order of `fit`."""
    if not X:
        raise ValueError("X is an empty dict. Pass an array for each input.")
    if fitted is not None and fitted.inputs is not None:
        _require_same_inputs(X, fitted.inputs)
    columns = (fitted.input_columns if fitted else None) or {}
    arrays = {
        name: _array_of(name, _by_names(name, value, columns.get(name)))
        for name, value in X.items()
    }
    check_consistent_length(*arrays.values())
    return arrays


def input_columns_of(X: Any) -> dict[str, tuple[Any, ...]] | None:
    """Names of the columns of each input that is a DataFrame."""
    parts = X.items() if is_dict(X) else ()
    columns = {name: column_names(part) for name, part in parts}
    return {name: found for name, found in columns.items() if found} or None


def _by_names(name: str, value: Any, names: tuple[Any, ...] | None) -> Any:
    return value if names is None else in_order(value, names, f"X[{name!r}]", "fit")


def _require_same_inputs(X: Mapping[str, Any], inputs: tuple[str, ...]) -> None:
    missing = [name for name in inputs if name not in X]
    new = [name for name in X if name not in inputs]
    if missing or new:
        raise ValueError(
            f"X must hold the inputs of fit, {list(inputs)}: missing {missing}, "
            f"unknown {new}."
        )


def _array_of(name: str, value: Any) -> Any:
    # A module written for a dict handles missing values itself.
    value = as_array(value)
    if np.ndim(value) == 0:
        raise ValueError(
            f"X[{name!r}] is one value, {value!r}. A dict holds an array for each "
            "input, with an entry for each sample; one row of a table is "
            "pd.DataFrame([X])."
        )
    if np.ma.is_masked(value):
        value = np.ma.filled(value.astype(np.float64), np.nan)
    array = check_array(
        value,
        accept_sparse="csr",
        dtype=None,
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite=False,
        input_name=f"X[{name!r}]",
    )
    if array.dtype == object and not any(isinstance(v, str) for v in array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"X[{name!r}] must hold numbers, got dtype {array.dtype}. A dict is read "
            "as the named inputs of a module; if its entries are columns of a table, "
            "pass pd.DataFrame(X), in which strings need no encoding."
        )
    return array


def labels_beside(y: Any, *arrays: Any) -> NDArray[Any]:
    """Check labels as scikit-learn checks those of an array."""
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: fit(X, y)."
        )
    y = column_or_1d(y, warn=True)
    check_consistent_length(*arrays, y)
    return y


def as_array(values: Any) -> Any:
    """Convert values from torch, and skorch's SliceDataset; return others unchanged."""
    if isinstance(values, SliceDataset):
        return np.array([as_array(values[i]) for i in range(len(values))])
    if not isinstance(values, torch.Tensor):
        return values
    return to_numpy(values.float() if values.dtype == torch.bfloat16 else values)
