"""What `save` writes: a trained estimator as JSON and tensors."""

import json
import warnings
from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.data.batches import iterate_batches

# 1 had one place for arrays and tensors: "parameters/".
FORMAT = 2
WEIGHT, ARRAY, TENSOR = "weights/", "parameters/", "tensor_parameters/"
NUMBERS = ("pos_weight_", "train_prior_", "batch_prior_", "n_features_in_")
_CALLERS = (
    "device",
    "memory",
    "torch_load_kwargs",
    "module__device",
    "criterion__device",
)
_NEEDED = ("module", "criterion", "dataset", "iterator_valid")  # and what is below them
_NEEDED_ALONE = ("predict_nonlinearity", "threshold", "prior", "pos_label")


def is_callers(name: str) -> bool:
    """Whether a parameter is the choice of whoever loads a file.

    A file must not choose a folder or a way of reading that unpickles, the programs
    that a compiler runs, or where to compute.

    Parameters
    ----------
    name : str
        Name of a parameter.

    Returns
    -------
    is_callers : bool

    Examples
    --------
    >>> is_callers("compile__backend"), is_callers("lr")
    (True, False)
    """
    return name in _CALLERS or name.partition("__")[0] == "compile"


def describe(estimator: BinaryNetClassifier) -> tuple[str, dict[str, torch.Tensor]]:
    """Write down what prediction needs, and the parameters.

    Parameters
    ----------
    estimator : BinaryNetClassifier
        Fitted.

    Returns
    -------
    text : str
        JSON.
    tensors : dict of tensor
        Weights, and parameters that are arrays or tensors.

    Raises
    ------
    TypeError
        If JSON cannot hold the history, the labels, or a parameter that prediction
        needs.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> text, tensors = describe(
    ...     BinaryNetClassifier(max_epochs=1, random_state=0).fit(X, X[:, 0] > 0)
    ... )
    >>> json.loads(text)["classes"]
    ['|b1', [False, True]]
    """
    params, arrays = _described_params(estimator)
    seen = vars(estimator)
    labels = estimator._seen_labels()
    shape = seen["_input_shape"]
    numbers = {name: float(seen[name]) for name in NUMBERS if name in seen}
    names = seen.get("feature_names_in_")
    if numbers.get("n_features_in_") != count_features(shape):
        # A fit to a Dataset leaves what an earlier one to arrays has set.
        numbers.pop("n_features_in_", None)
        names = None
    text = json.dumps(
        {
            "parameters": params,
            "format": FORMAT,
            "module_is_instance": _name_if_instance(estimator.module),
            "classes": [
                labels.classes.dtype.str,
                [_encoded(label) for label in labels.classes.tolist()],
            ],
            "positive_index": int(labels.positive_index),
            "class_totals": [float(total) for total in seen["_class_totals"]],
            "input_shape": shape,
            "largest_id": seen["_largest_id"],
            "numbers": numbers,
            "feature_names_in": None if names is None else names.tolist(),
            "history": _described_history(estimator.history),
        }
    )
    return text, {**_described_weights(estimator), **arrays}


def _described_params(
    estimator: BinaryNetClassifier,
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Parameters as JSON, and those that are arrays."""
    params: dict[str, Any] = {}
    arrays: dict[str, torch.Tensor] = {}
    left_out = []
    for name, value in estimator.get_params(deep=False).items():
        if is_callers(name) or (name == "module" and _name_if_instance(value)):
            continue
        try:
            if isinstance(value, torch.Tensor):
                arrays[TENSOR + name] = _own_memory(value)
            elif isinstance(value, np.ndarray):
                arrays[ARRAY + name] = torch.tensor(_plain(value))
            else:
                params[name] = _encoded(value)
        except TypeError:
            left_out.append(name)
    needed = [name for name in left_out if _is_needed(name)]
    if needed:
        raise TypeError(
            f"save cannot write {', '.join(needed)}, which predictions depend on. "
            "Pass numbers, strings, lists, arrays or classes: criterion=nn.BCELoss and "
            "criterion__reduction='sum' instead of an instance."
        )
    if left_out:
        warnings.warn(
            f"save leaves out {', '.join(left_out)}: objects that JSON cannot hold. "
            "The loaded estimator predicts the same, and has their defaults.",
            UserWarning,
            stacklevel=4,
        )
    return params, arrays


def _name_if_instance(module: Any) -> str:
    return type(module).__name__ if isinstance(module, nn.Module) else ""


def _is_needed(name: str) -> bool:
    return name.partition("__")[0] in _NEEDED or name in _NEEDED_ALONE


def _described_weights(estimator: BinaryNetClassifier) -> dict[str, torch.Tensor]:
    module = bare_module(estimator.module_)
    weights = module.state_dict()
    others = [k for k, v in weights.items() if not isinstance(v, torch.Tensor)]
    if others:
        raise TypeError(
            f"save cannot write {', '.join(others)} of {type(module).__name__}, which "
            "are no tensors. Register them as buffers."
        )
    return {WEIGHT + name: _own_memory(value) for name, value in weights.items()}


def _own_memory(tensor: torch.Tensor) -> torch.Tensor:
    # safetensors refuses tensors that share memory.
    return tensor.detach().cpu().contiguous().clone()


def _plain(array: np.ndarray) -> np.ndarray:
    # torch knows no other order of bytes, and no steps backwards.
    return array.astype(array.dtype.newbyteorder("="), order="C")


def _described_history(history: Any) -> Any:
    try:
        return json.loads(json.dumps(history, default=np.generic.item))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"save cannot write the history, in which something was recorded that is "
            f"neither a number nor a string: {error}. Record numbers: loss.item()."
        ) from error


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (Real, Decimal)) and not isinstance(value, Integral):
        return float(value)
    if isinstance(value, np.generic):
        return _encoded(value.item())
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encoded(item) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encoded(item) for key, item in value.items()}}
    if isinstance(value, type) or value is iterate_batches:
        return {"import": path_of(value)}
    raise TypeError(f"save cannot write {value!r}, which JSON cannot hold.")


def path_of(kind: Any) -> str:
    """Name a class, or a function, by where it is defined.

    Parameters
    ----------
    kind : type or function
        What is named.

    Returns
    -------
    path : str
        As `load` takes it in `trusted`.

    Examples
    --------
    >>> path_of(iterate_batches)
    'skbin.data.rows:iterate_batches'
    """
    return f"{kind.__module__}:{kind.__qualname__}"


def count_features(shape: Sequence[int] | None) -> int | None:
    """Read what scikit-learn counts as features from the shape of the data.

    Parameters
    ----------
    shape : sequence of int or None
        Shape of the data, the first axis counting samples.

    Returns
    -------
    n_features : int or None
        Size of the second axis, if there is one.

    Examples
    --------
    >>> count_features((500, 12, 29))
    12
    """
    return shape[1] if shape is not None and len(shape) > 1 else None


def bare_module(module: Any) -> Any:
    """Take off what torch.compile puts around a module.

    Parameters
    ----------
    module : torch.nn.Module
        Compiled or not.

    Returns
    -------
    module : torch.nn.Module
        The same layers.

    Examples
    --------
    >>> bare_module(nn.Linear(3, 1))
    Linear(in_features=3, out_features=1, bias=True)
    """
    return getattr(module, "_orig_mod", module)
