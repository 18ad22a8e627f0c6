"""What `load` builds: the estimator that untrusted JSON and tensors describe."""

import json
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints
from skorch.history import History
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.export.description import (
    ARRAY,
    FORMAT,
    TENSOR,
    WEIGHT,
    is_chosen_by_reader,
)
from skbin.export.fitted import require_shape_for_weights, set_fitted
from skbin.export.format_2 import in_format_3
from skbin.export.names import NETWORKS, find_class
from skbin.export.table import require
from skbin.machine.randomness import seeded
from skbin.training.module import make_module

_COMPILED = "_orig_mod."
# Each counts modules: at most one per weight, or a small file would take much memory.
_COUNTS_OF_LAYERS = ("hidden_units", "kernel_sizes", "num_blocks", "num_filters")
# Checked here, because predictions would notice too late.
_CONSTRAINTS = {"predict_nonlinearity": [StrOptions({"auto"}), callable, None]}


def build_estimator(
    text: str,
    tensors: Mapping[str, torch.Tensor],
    *,
    module: nn.Module | None = None,
    trusted: Sequence[str | type] = (),
    device: Any = "cpu",
) -> BinaryNetClassifier:
    """Build the estimator that `describe` wrote, checking every part of it.

    Raises an exception of any type if the description is not valid.

    Examples
    --------
    >>> build_estimator('{"format": 99}', {})
    Traceback (most recent call last):
        ...
    ValueError: it has format 99, but this version of skbin reads formats up to 3. \
Install a later version.
    """
    described = _in_this_format(json.loads(text))
    weights = {
        name.removeprefix(_COMPILED): tensor
        for name, tensor in _under(WEIGHT, tensors).items()
    }
    params = _params_from(described["parameters"], tensors, trusted)
    if described["instance_of"]:
        params["module"] = _given_module(described["instance_of"], module)
    estimator = BinaryNetClassifier(**params, device=device)
    estimator._check_parameters()
    set_fitted(estimator, described["fitted"])
    n_weights = sum(weight.numel() for weight in weights.values())
    require_shape_for_weights(described["fitted"]["shape"], n_weights)
    # Weights are drawn and then replaced, without changing a global generator.
    with seeded(0, estimator.device):
        _require_network_of_weights(estimator, weights)
        estimator.initialize()
    estimator._remember_made_parts()
    estimator._bare_module().load_state_dict(weights)
    estimator.history_ = _history_from(described["history"])
    # Layers are switched one by one, which must be done before threads predict.
    estimator._set_training(False)
    return estimator


def require_known_format(described: Any) -> int:
    """Return the format of a description, and refuse those of later versions."""
    written = described.get("format") if isinstance(described, dict) else None
    if type(written) is not int or written < 1:
        raise ValueError(f"it names no format: {reprlib.repr(written)}.")
    if written > FORMAT:
        raise ValueError(
            f"it has format {written}, but this version of skbin reads formats up to "
            f"{FORMAT}. Install a later version."
        )
    return written


def _in_this_format(described: Any) -> dict[str, Any]:
    written = require_known_format(described)
    return described if written == FORMAT else in_format_3(described)


def _params_from(
    described: dict[str, Any],
    tensors: Mapping[str, torch.Tensor],
    trusted: Sequence[str | type],
) -> dict[str, Any]:
    arrays = {name: t.numpy() for name, t in _under(ARRAY, tensors).items()}
    params = {**described, **arrays, **_under(TENSOR, tensors)}
    _check_names(params)
    params = {
        name: _decode(value, name, trusted)
        for name, value in params.items()
        if not is_chosen_by_reader(name)
    }
    validate_parameter_constraints(_CONSTRAINTS, params, "BinaryNetClassifier")
    return params


def _check_names(params: Mapping[str, Any]) -> None:
    chosen = [
        name
        for name, value in params.items()
        # Earlier formats wrote the default values of some.
        if is_chosen_by_reader(name) and value is not None and value is not False
    ]
    if chosen:
        raise ValueError(
            f"it sets {', '.join(chosen)}, which only you may choose: otherwise a file "
            "could have other files unpickled or programs run. save writes none of "
            "them; call set_params on what load returns."
        )
    # skorch would store any attribute.
    known = BinaryNetClassifier()._get_param_names()
    unknown = [name for name in params if name.partition("__")[0] not in known]
    require(not unknown, "parameters of BinaryNetClassifier", unknown)


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _decode(value: Any, parameter: str, trusted: Sequence[str | type]) -> Any:
    if not isinstance(value, dict):
        return value
    require(len(value) == 1, f"one type for {parameter}", value)
    ((kind, content),) = value.items()
    if kind == "import":
        return find_class(content, parameter, trusted)
    if kind == "dict":
        return {k: _decode(item, parameter, trusted) for k, item in content.items()}
    require(kind in ("list", "tuple"), f"a known type for {parameter}", kind)
    # skorch makes objects of classes in a list, such as callbacks.
    items = [_decode(item, f"an item of {parameter}", trusted) for item in content]
    return tuple(items) if kind == "tuple" else items


def _given_module(name: str, module: nn.Module | None) -> nn.Module:
    if module is not None:
        return module
    raise ValueError(
        f"it holds the weights of a {name} that was given as an instance. Pass one of "
        "the same layers: load(path, module=...)."
    )


def _history_from(rows: Any) -> History:
    is_history = isinstance(rows, list) and all(
        isinstance(row, dict)
        and isinstance(row.get("batches"), list)
        and all(isinstance(batch, dict) for batch in row["batches"])
        for row in rows
    )
    require(is_history, "history to be a list of epochs with their batches", rows)
    return History(rows)


def _require_network_of_weights(
    estimator: BinaryNetClassifier, weights: Mapping[str, torch.Tensor]
) -> None:
    """Refuse a network that a file chooses and the weights do not fill."""
    network = estimator._module_for_data()
    if network not in NETWORKS:
        return  # the caller's, or trusted
    params = estimator.get_params_for("module")
    for name in _COUNTS_OF_LAYERS:
        value = params.get(name)
        count = len(value) if isinstance(value, (list, tuple)) else value
        is_count = isinstance(value, (list, tuple)) or name == "num_blocks"
        if is_count and count is not None and count > len(weights):
            raise ValueError(f"it has more {name} than weights.")
    # On this device a layer takes no memory, however large it is.
    with torch.device("meta"):
        sketch = make_module(network, params, estimator._data)
    sketch.to("meta").load_state_dict(
        {name: tensor.to("meta") for name, tensor in weights.items()}
    )
