"""What `load` builds: the estimator that a stranger's JSON and tensors describe."""

import importlib
import json
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from skorch.history import History
from torch import nn
from torch.overrides import TorchFunctionMode

from skbin.classifier import BinaryNetClassifier
from skbin.data.balanced import BalancedBatches
from skbin.data.batches import iterate_batches
from skbin.data.labels import BinaryLabels
from skbin.data.rows import TensorRows
from skbin.export.description import (
    ARRAY,
    FORMAT,
    NUMBERS,
    TENSOR,
    WEIGHT,
    bare_module,
    count_features,
    is_callers,
    path_of,
)
from skbin.machine.randomness import seeded
from skbin.networks.signals import ConvNet
from skbin.networks.tables import DenseNet
from skbin.networks.texts import TextConvNet
from skbin.training.module import input_sizes

_COMPILED = "_orig_mod."
_MOST_BYTES_OF_A_LABEL = 2**16
_CALLS_PER_TENSOR = 100  # layers of torch take 2 to 8


def _classes_of(package: Any, parent: type) -> tuple[type, ...]:
    values = vars(package).values()
    return tuple(v for v in values if isinstance(v, type) and issubclass(v, parent))


# These copy or call the module that they are given, which JSON cannot hold.
_NEED_A_MODULE = (nn.TransformerEncoder, nn.TransformerDecoder, nn.DataParallel)
_MODULES = tuple(m for m in _classes_of(nn, nn.Module) if m not in _NEED_A_MODULE)

_SAFE: dict[str, tuple[Any, ...]] = {
    "module": (ConvNet, DenseNet, TextConvNet, *_MODULES),
    "criterion": _classes_of(nn.modules.loss, nn.modules.loss._Loss),
    "optimizer": _classes_of(torch.optim, torch.optim.Optimizer),
    "dataset": (TensorRows,),
    "iterator_train": (iterate_batches, BalancedBatches),
    "iterator_valid": (iterate_batches, BalancedBatches),
}

_BATCH_SIZE = [
    None,
    Interval(Integral, 1, None, closed="left"),
    Options(Integral, {-1}),
]
# What fit would find out, and a prediction too late.
_CONSTRAINTS = {
    "batch_size": _BATCH_SIZE,
    "iterator_valid__batch_size": _BATCH_SIZE,
    "dataset": [callable],
    "iterator_train": [callable],
    "iterator_valid": [callable],
    "train_split": [callable, None],
    "predict_nonlinearity": [StrOptions({"auto"}), callable, None],
}


def estimator_from(
    text: str,
    tensors: Mapping[str, torch.Tensor],
    *,
    module: nn.Module | None = None,
    trusted: Sequence[str | type] = (),
    device: Any = "cpu",
) -> BinaryNetClassifier:
    """Build the estimator that `describe` has written down.

    The description may be a stranger's: nothing of it is believed.

    Parameters
    ----------
    text : str
        JSON.
    tensors : dict of tensor
        Weights, and parameters that are arrays or tensors.
    module : torch.nn.Module, default=None
        The network, where the estimator was given an instance.
    trusted : sequence of str or type, default=()
        Classes that may be named beside those of skbin and torch.
    device : str, default="cpu"
        Where to build it.

    Returns
    -------
    estimator : BinaryNetClassifier
        Fitted.

    Raises
    ------
    Exception
        Of whatever type, if the description is not one that `describe` has written.

    Examples
    --------
    >>> estimator_from('{"format": 99}', {})
    Traceback (most recent call last):
        ...
    ValueError: it has format 99, and this skbin reads up to 2. Install a later skbin.
    """
    described = json.loads(text)
    _check_format(described)
    params = _params_from(described, tensors, trusted)
    if described["module_is_instance"]:
        params["module"] = _given_module(described["module_is_instance"], module)
    estimator = BinaryNetClassifier(**params, device=device)
    estimator._check_parameters()
    estimator.__dict__.update(_fitted_attributes(described))
    weights = {
        name.removeprefix(_COMPILED): tensor
        for name, tensor in _under(WEIGHT, tensors).items()
    }
    # Weights are drawn first and replaced then; nobody's generator moves.
    with seeded(0, estimator.device):
        _refuse_other_sizes(estimator, weights)
        _refuse_loss_with_weights(estimator)
        estimator.initialize()
    bare_module(estimator.module_).load_state_dict(weights)
    estimator.history_ = _history_from(described["history"])
    # Layers are switched one by one: threads that predict must find it done.
    estimator._set_training(False)
    return estimator


def _require(is_right: bool, wanted: str, got: Any) -> None:
    if not is_right:
        raise ValueError(f"it needs {wanted}, got {reprlib.repr(got)}.")


def _check_format(described: Any) -> None:
    written = described.get("format") if isinstance(described, dict) else None
    if not isinstance(written, int) or written < 1:
        raise ValueError(f"it names no format: {reprlib.repr(written)}.")
    if written > FORMAT:
        raise ValueError(
            f"it has format {written}, and this skbin reads up to {FORMAT}. "
            "Install a later skbin."
        )


def _params_from(
    described: dict[str, Any],
    tensors: Mapping[str, torch.Tensor],
    trusted: Sequence[str | type],
) -> dict[str, Any]:
    params = {
        name: _decoded(value, name, trusted)
        for name, value in described["parameters"].items()
    }
    for name, tensor in _under(ARRAY, tensors).items():
        params[name] = tensor.numpy()
    params.update(_under(TENSOR, tensors))
    _check_names(params)
    validate_parameter_constraints(_CONSTRAINTS, params, "BinaryNetClassifier")
    return {name: value for name, value in params.items() if not is_callers(name)}


def _check_names(params: Mapping[str, Any]) -> None:
    chosen = [
        name
        for name, value in params.items()
        if is_callers(name) and value is not None and value is not False
    ]
    if chosen:
        raise ValueError(
            f"it sets {', '.join(chosen)}, which only you may choose: a file could "
            "have other files unpickled or programs run. save writes none of them; "
            "call set_params on what load gives you."
        )
    # skorch keeps any attribute that it is given.
    known = BinaryNetClassifier()._get_param_names()
    unknown = [name for name in params if name.partition("__")[0] not in known]
    _require(not unknown, "parameters of BinaryNetClassifier", unknown)


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _decoded(value: Any, parameter: str, trusted: Sequence[str | type]) -> Any:
    if not isinstance(value, dict):
        return value
    _require(len(value) == 1, f"one type for {parameter}", value)
    ((kind, content),) = value.items()
    if kind == "import":
        return _looked_up(content, parameter, trusted)
    if kind == "dict":
        return {k: _decoded(item, parameter, trusted) for k, item in content.items()}
    _require(kind in ("list", "tuple"), f"a known type for {parameter}", kind)
    items = [_decoded(item, parameter, trusted) for item in content]
    return tuple(items) if kind == "tuple" else items


def _looked_up(name: Any, parameter: str, trusted: Sequence[str | type]) -> Any:
    # skorch makes objects of the classes in other parameters, such as callbacks.
    part = "module" if parameter.startswith("module__") else parameter
    known: dict[str, Any] = {path_of(kind): kind for kind in _SAFE.get(part, ())}
    for kind in trusted:
        known[kind if isinstance(kind, str) else path_of(kind)] = kind
    if name not in known:
        raise ValueError(
            f"it names {name!r} for {parameter}, which is none of skbin's or torch's "
            f"and could run any code. If you trust it: load(path, trusted=[{name!r}])."
        )
    kind = known[name]
    if not isinstance(kind, str):
        return kind
    module, _, qualname = kind.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _given_module(name: str, module: nn.Module | None) -> nn.Module:
    if module is not None:
        return module
    raise ValueError(
        f"it holds the weights of a {name} that was given as an instance. Pass one of "
        "the same layers: load(path, module=...)."
    )


def _fitted_attributes(described: dict[str, Any]) -> dict[str, Any]:
    shape = _shape_from(described["input_shape"])
    totals = _totals_from(described["class_totals"])
    numbers = _numbers_from(described["numbers"], totals, shape)
    largest_id = described["largest_id"]
    is_id = largest_id is None or (isinstance(largest_id, int) and largest_id >= 0)
    _require(is_id, "largest_id to be a token id or null", largest_id)
    fitted = {
        **numbers,
        "_labels": _labels_from(described["classes"], described["positive_index"]),
        "_class_totals": totals,
        "_input_shape": shape,
        "_largest_id": largest_id,
        "_seen_rows": None,
    }
    names = described["feature_names_in"]
    if names is not None:
        n_features = numbers.get("n_features_in_")
        are_names = isinstance(names, list) and len(names) == n_features
        are_names = are_names and all(isinstance(name, str) for name in names)
        _require(are_names, f"{n_features} names of columns, or null", names)
        fitted["feature_names_in_"] = np.array(names, dtype=object)
    return fitted


def _shape_from(shape: Any) -> tuple[int, ...] | None:
    if shape is None:
        return None
    is_shape = isinstance(shape, list) and len(shape) > 0
    is_shape = is_shape and all(type(size) is int and size > 0 for size in shape)
    _require(is_shape, "input_shape to be a list of positive integers or null", shape)
    return tuple(shape)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _totals_from(given: Any) -> np.ndarray:
    wanted = "class_totals to be two weights, or two NaN for a Dataset without y"
    is_pair = isinstance(given, list) and len(given) == 2 and _are_numbers(given)
    _require(is_pair, wanted, given)
    totals = np.array(given, dtype=float)
    are_weights = np.isfinite(totals).all() and totals.min() >= 0 and totals.any()
    _require(bool(are_weights or np.isnan(totals).all()), wanted, given)
    return totals


def _numbers_from(
    numbers: Any, totals: np.ndarray, shape: tuple[int, ...] | None
) -> dict[str, Any]:
    wanted = f"a number for each of {', '.join(NUMBERS)}, the last for arrays only"
    is_complete = isinstance(numbers, dict) and _are_numbers(numbers.values())
    is_complete = is_complete and {*numbers, "n_features_in_"} == {*NUMBERS}
    _require(is_complete, wanted, numbers)
    pos_weight, train_prior, batch_prior = (numbers[name] for name in NUMBERS[:3])
    is_weight = np.isfinite(pos_weight) and pos_weight > 0
    _require(bool(is_weight), "pos_weight_ to be positive and finite", pos_weight)
    share = totals[1] / totals.sum()
    is_of_totals = np.isclose(train_prior, share, equal_nan=True)
    _require(bool(is_of_totals), f"train_prior_ to be {share:g}", train_prior)
    # BalancedBatches draw a share of their own, also where that of the data is unknown.
    is_share = 0 <= batch_prior <= 1 or np.isnan([batch_prior, share]).all()
    _require(bool(is_share), "batch_prior_ to be a share", batch_prior)
    if "n_features_in_" not in numbers:
        return numbers
    n_features = numbers["n_features_in_"]
    is_size = n_features == count_features(shape)
    _require(is_size, f"n_features_in_ to fit input_shape {shape}", n_features)
    return {**numbers, "n_features_in_": int(n_features)}


def _labels_from(classes: Any, positive_index: Any) -> BinaryLabels:
    dtype, values = classes
    _require(isinstance(values, list), "classes to be a list", values)
    n_bytes = np.dtype(dtype).itemsize
    _require(n_bytes <= _MOST_BYTES_OF_A_LABEL, "labels of at most 64 KB", dtype)
    given = np.array(values, dtype=dtype)
    are_labels = all(isinstance(value, (bool, int, float, str)) for value in values)
    are_two = given.shape == (2,) and np.array_equal(np.unique(given), given)
    _require(are_labels and are_two, "two sorted classes", values)
    is_index = type(positive_index) is int and positive_index in (0, 1)
    _require(is_index, "positive_index to be 0 or 1", positive_index)
    return BinaryLabels(given, positive_index)


def _history_from(rows: Any) -> History:
    is_history = isinstance(rows, list) and all(
        isinstance(row, dict)
        and isinstance(row.get("batches"), list)
        and all(isinstance(batch, dict) for batch in row["batches"])
        for row in rows
    )
    _require(is_history, "history to be a list of epochs with their batches", rows)
    return History(rows)


# ---- a network, and no larger than its weights


class _LimitedCalls(TorchFunctionMode):
    """Refuse a network that calls torch more often than the file has layers for."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.left -= 1
        if self.left < 0:
            raise ValueError("its network has more layers than it has weights for.")
        return func(*args, **(kwargs or {}))


def _refuse_other_sizes(
    estimator: BinaryNetClassifier, weights: Mapping[str, torch.Tensor]
) -> None:
    """Refuse a network that the weights do not fit, before it takes memory."""
    if isinstance(estimator.module, nn.Module):
        return  # the caller's
    given, seen = estimator.get_params_for("module"), vars(estimator)
    most_calls = _CALLS_PER_TENSOR * (len(weights) + 1)
    try:
        sizes = input_sizes(
            estimator.module, seen["_input_shape"], given, seen["_largest_id"]
        )
        with torch.device("meta"), _LimitedCalls(most_calls):
            sketch = estimator.module(**sizes, **given)
    except Exception:
        if estimator.module in _SAFE["module"]:
            raise
        return  # trusted code may need numbers where meta tensors have none
    sketch.to("meta").load_state_dict(
        {name: tensor.to("meta") for name, tensor in weights.items()}
    )


def _refuse_loss_with_weights(estimator: BinaryNetClassifier) -> None:
    if estimator.criterion not in _SAFE["criterion"]:
        return
    with torch.device("meta"):
        sketch = estimator.criterion(**estimator.get_params_for("criterion"))
    names = [name for name, _ in sketch.named_parameters()]
    _require(not names, "a criterion without weights of its own", names)
