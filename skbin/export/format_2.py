"""Files of formats 1 and 2: they named private modules, and how data are loaded."""

import warnings
from typing import Any

from skbin.machine.callers import stacklevel_of_user

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


_OF_ROWS = [{"import": "skbin:ConvNet"}, {"import": "skbin:DenseNet"}]


def _n_bins_of_0_1(shape: Any) -> int | None:
    """Give what None meant then: 16 intervals of each column, of 256 at most."""
    if not isinstance(shape, list) or len(shape) != 2:
        return None
    return 16 if shape[1] <= 256 else 0


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
        warnings.warn(
            f"The file sets {', '.join(left_out)}, which is ignored: a file does not "
            "choose how data are loaded. Set it by set_params if you need it.",
            UserWarning,
            stacklevel=stacklevel_of_user(),
        )
    for name, value in params.items():
        if isinstance(value, dict) and "import" in value:
            named = value["import"]
            params[name] = {**value, "import": _NAMES.get(named, named)}
    if params.get("module", {}) in _OF_ROWS and params.get("module__n_bins") is None:
        params["module__n_bins"] = _n_bins_of_0_1(described["input_shape"])
    if params.get("module") == {"import": "skbin:DenseNet"}:
        params["module__n_members"] = 1
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
