"""What `save` writes: a trained estimator as JSON and tensors."""

import json
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.export.fitted import describe_fitted, require_shape_for_weights
from skbin.export.names import name_of
from skbin.machine.callers import warn_user

# 1 and 2 named private modules, and chose how data are loaded: see `format_2`.
FORMAT = 3
WEIGHT, ARRAY, TENSOR = "weights/", "parameters/", "tensor_parameters/"
_LOADERS = ("dataset", "iterator_train", "iterator_valid")
_READERS = (
    "device",
    "memory",
    "torch_load_kwargs",
    "module__device",
    "criterion__device",
)
# What predictions depend on, with all that is below the first ones.
_NEEDED = ("module", "criterion", "dataset", "iterator_valid")
_NEEDED_ALONE = ("predict_nonlinearity", "threshold", "prior", "pos_label")


def is_chosen_by_reader(name: str) -> bool:
    """Whether the reader of a file chooses a parameter, which is then never written.

    A file must not choose a folder or a way of reading that unpickles, the programs
    that a compiler runs, how many processes load data, or where to compute.

    Examples
    --------
    >>> is_chosen_by_reader("iterator_valid__num_workers"), is_chosen_by_reader("lr")
    (True, False)
    """
    part = name.partition("__")[0]
    return name in _READERS or part == "compile" or part in _LOADERS


def describe(estimator: BinaryNetClassifier) -> tuple[str, dict[str, torch.Tensor]]:
    """Write down what predictions need, and the parameters: JSON, and tensors."""
    fitted = describe_fitted(estimator)
    params, arrays = _describe_params(estimator)
    _refuse_parameters_set_later(estimator)
    weights = _describe_weights(estimator)
    n_weights = sum(weight.numel() for weight in weights.values())
    require_shape_for_weights(fitted["shape"], n_weights)
    described = {
        "format": FORMAT,
        "parameters": params,
        "instance_of": _name_if_instance(estimator.module),
        "fitted": fitted,
        "history": _describe_history(estimator.history),
    }
    return json.dumps(described), {**weights, **arrays}


def _refuse_parameters_set_later(estimator: BinaryNetClassifier) -> None:
    """Refuse parameters that would make another network or loss than was trained."""
    now = estimator._params_of_made_parts()
    then = estimator._fitted_data("made_from").made_from
    if then is None:
        return
    for name in sorted({*now, *then}):
        if name in now and name in then and _is_same(now[name], then[name]):
            continue
        was = f"{name}={then[name]!r}" if name in then else f"no {name}"
        is_now = f"{name}={now[name]!r}" if name in now else f"no {name}"
        raise ValueError(
            f"save writes the trained net, which has {was}, but now {is_now} is set. "
            "Call fit, or set it back."
        )


def _is_same(value: Any, other: Any) -> bool:
    if value is other:
        return True
    try:
        return type(value) is type(other) and np.array_equal(
            np.asarray(value), np.asarray(other)
        )
    except (TypeError, ValueError):
        return False


def _describe_params(
    estimator: BinaryNetClassifier,
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Describe parameters as JSON, and those that are arrays as tensors."""
    params: dict[str, Any] = {}
    arrays: dict[str, torch.Tensor] = {}
    left_out = []
    for name, value in estimator.get_params(deep=False).items():
        if name == "module" and _name_if_instance(value):
            continue
        if is_chosen_by_reader(name):
            if name.partition("__")[0] in _LOADERS and not _is_plain(value):
                left_out.append(name)
            continue
        try:
            if isinstance(value, torch.Tensor):
                arrays[TENSOR + name] = _own_memory(value)
            elif isinstance(value, np.ndarray):
                arrays[ARRAY + name] = torch.tensor(_in_torchs_order(value))
            else:
                params[name] = _encode(value)
        except TypeError:
            left_out.append(name)
    _report(left_out)
    return params, arrays


def _report(left_out: list[str]) -> None:
    """Raise where predictions depend on what is left out, else warn."""
    needed = [name for name in left_out if _is_needed(name)]
    loaders = [name for name in needed if is_chosen_by_reader(name)]
    if loaders:
        raise TypeError(
            f"save cannot write {', '.join(loaders)}, which predictions depend on: a "
            "file does not choose how data are loaded. Save after "
            f"set_params({', '.join(name + '=...' for name in loaders)}) with the "
            "defaults, and set your own again on what load returns."
        )
    if needed:
        raise TypeError(
            f"save cannot write {', '.join(needed)}, which predictions depend on. "
            "Pass numbers, strings, lists, arrays or classes: criterion=nn.BCELoss and "
            "criterion__reduction='sum' instead of an instance."
        )
    if left_out:
        warn_user(
            f"save leaves out {', '.join(left_out)}. The loaded estimator predicts the "
            "same, and has their defaults; set them again before you train it.",
            UserWarning,
        )


def _is_needed(name: str) -> bool:
    return name.partition("__")[0] in _NEEDED or name in _NEEDED_ALONE


def _name_if_instance(module: Any) -> str:
    return type(module).__name__ if isinstance(module, nn.Module) else ""


def _describe_weights(estimator: BinaryNetClassifier) -> dict[str, torch.Tensor]:
    module = estimator._bare_module()
    weights = module.state_dict()
    others = [k for k, v in weights.items() if not isinstance(v, torch.Tensor)]
    if others:
        raise TypeError(
            f"save cannot write {', '.join(others)} of {type(module).__name__}, which "
            "are not tensors. Register them as buffers."
        )
    return {WEIGHT + name: _own_memory(value) for name, value in weights.items()}


def _own_memory(tensor: torch.Tensor) -> torch.Tensor:
    # safetensors refuses tensors that share memory.
    return tensor.detach().cpu().contiguous().clone()


def _in_torchs_order(array: np.ndarray) -> np.ndarray:
    # torch supports neither another byte order nor negative strides.
    return array.astype(array.dtype.newbyteorder("="), order="C")


def _describe_history(history: Any) -> Any:
    try:
        return json.loads(json.dumps(history, default=np.generic.item))
    except (TypeError, ValueError) as error:
        raise TypeError(
            "save cannot write the history, which holds something other than numbers "
            f"and strings: {error}. Record numbers: loss.item()."
        ) from error


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _encode(value: Any) -> Any:
    if _is_plain(value):
        return value
    if isinstance(value, (Real, Decimal)) and not isinstance(value, Integral):
        return float(value)
    if isinstance(value, np.generic):
        return _encode(value.item())
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(item) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encode(item) for key, item in value.items()}}
    if isinstance(value, type):
        return {"import": name_of(value)}
    raise TypeError(f"save cannot write {value!r}, which JSON cannot hold.")
