"""Files of formats 1 and 2: they named private modules, and how data are loaded."""

from collections.abc import Iterable
from typing import Any

from skbin.machine.callers import warn_user

_NAMES = {
    "skbin.conv_net:ConvNet": "skbin:ConvNet",
    "skbin.dense_net:DenseNet": "skbin:DenseNet",
    "skbin.text_conv_net:TextConvNet": "skbin:TextConvNet",
    "torch.nn.modules.loss:BCELoss": "torch.nn:BCELoss",
    "torch.nn.modules.loss:BCEWithLogitsLoss": "torch.nn:BCEWithLogitsLoss",
    "torch.optim.adam:Adam": "torch.optim:Adam",
    "torch.optim.adamw:AdamW": "torch.optim:AdamW",
    "torch.optim.rmsprop:RMSprop": "torch.optim:RMSprop",
    "torch.optim.sgd:SGD": "torch.optim:SGD",
}
_LOADERS = ("dataset", "iterator_train", "iterator_valid")
_DEFAULT_LOADERS = (
    {"import": "skbin.batches:TensorRows"},
    {"import": "skbin.batches:iterate_batches"},
)


_CONV_NET, _DENSE_NET, _TABLE_CONV_NET = (
    {"import": f"skbin:{name}"} for name in ("ConvNet", "DenseNet", "TableConvNet")
)
_ONLY_OF_SIGNALS = ("n_channels", "length", "has_channels", "num_blocks")
_ONLY_OF_TABLES = ("has_channels", "n_bins", "embedding_dim")


def _with_networks_of_0_2(params: dict[str, Any], shape: Any) -> dict[str, Any]:
    """Say what networks of 0.1 were: there `ConvNet` was for tables and signals."""
    module, n_columns = params.get("module"), None
    if isinstance(shape, list) and len(shape) == 2:
        n_columns = shape[1]
    if module == _CONV_NET and n_columns is None:
        left_out = [n for n, value in params.items() if value is None]
        return _without(params, (*_ONLY_OF_TABLES, *_parts_of_module(left_out)))
    if module == _CONV_NET:
        params = _without(params, _ONLY_OF_SIGNALS) | {"module": _TABLE_CONV_NET}
    if module == _DENSE_NET:
        params = {**params, "module__n_members": 1}
    if n_columns and params.get("module__n_bins") is None:
        # None meant 16 intervals of each column, of 256 at most.
        params = {**params, "module__n_bins": 16 if n_columns <= 256 else 0}
    return params


def _parts_of_module(names: Iterable[str]) -> list[str]:
    return [n.removeprefix("module__") for n in names if n.startswith("module__")]


def _without(params: dict[str, Any], of_module: Iterable[str]) -> dict[str, Any]:
    left_out = {f"module__{name}" for name in of_module}
    return {name: value for name, value in params.items() if name not in left_out}


def in_format_3(described: dict[str, Any]) -> dict[str, Any]:
    """Translate a description; how data are loaded is left out, with a warning."""
    params = dict(described["parameters"])
    loaders = {
        name: params.pop(name)
        for name in list(params)
        if name.partition("__")[0] in _LOADERS
    }
    left_out = [k for k, v in loaders.items() if v not in _DEFAULT_LOADERS]
    if left_out:
        warn_user(
            f"The file sets {', '.join(left_out)}, which is ignored: a file does not "
            "choose how data are loaded. Set it by set_params if you need it.",
            UserWarning,
        )
    for name, value in params.items():
        if isinstance(value, dict) and "import" in value:
            named = value["import"]
            params[name] = {**value, "import": _NAMES.get(named, named)}
    if params.get("module") in (_CONV_NET, _DENSE_NET):
        params = _with_networks_of_0_2(params, described["input_shape"])
    numbers = described["numbers"]
    return {
        "format": 3,
        "parameters": params,
        "instance_of": described["module_is_instance"],
        "fitted": {
            "classes": described["classes"],
            "positive_index": described["positive_index"],
            "shape": described["input_shape"],
            "largest_id": described["largest_id"],
            "offset": None,
            "inputs": None,
            "channels": None,
            "table": None,
            "input_columns": None,
            "class_totals": described["class_totals"],
            "pos_weight": numbers["pos_weight_"],
            "batch_prior": numbers["batch_prior_"],
            "prior_hidden_by": None,
            "n_features_in": numbers.get("n_features_in_"),
            "feature_names_in": described["feature_names_in"],
        },
        "history": described["history"],
    }
