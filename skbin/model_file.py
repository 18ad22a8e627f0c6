"""A trained estimator in one file that cannot run code: `save` and `load`."""

import hashlib
import importlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from skorch.history import History
from torch import nn

from skbin.balanced_batches import BalancedBatches
from skbin.batches import TensorRows, iterate_batches
from skbin.classifier import BinaryNetClassifier
from skbin.conv_net import ConvNet
from skbin.dense_net import DenseNet
from skbin.labels import BinaryLabels
from skbin.optional import import_optional
from skbin.randomness import seeded
from skbin.text_conv_net import TextConvNet

_FORMAT = 1
_WEIGHT, _PARAMETER = "weights/", "parameters/"
_NUMBERS = ("pos_weight_", "train_prior_", "batch_prior_", "n_features_in_")
_OWN: tuple[Any, ...] = (
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    TextConvNet,
    TensorRows,
    BalancedBatches,
    iterate_batches,
)


def save(estimator: BinaryNetClassifier, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to one file, without a pickle.

    Weights are written as safetensors, the rest as JSON in their header. The file holds
    what prediction needs, and the parameters. It does not hold the optimizer's state.

    Parameters
    ----------
    estimator : BinaryNetClassifier
        Fitted.
    path : str or path-like
        The file. It is replaced as a whole, or not at all.

    Raises
    ------
    TypeError
        If it is no `BinaryNetClassifier`. For pipelines see skops.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Warns
    -----
    UserWarning
        For parameters that JSON cannot hold and prediction does not need, such as
        callbacks: the loaded estimator has their defaults.

    See Also
    --------
    load : Reads it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import make_classification
    >>> from skbin import BinaryNetClassifier, load, save
    >>> X, y = make_classification(random_state=0)
    >>> net = BinaryNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     save(net, f"{folder}/net.skbin")
    ...     again = load(f"{folder}/net.skbin")
    >>> bool((again.predict_proba(X) == net.predict_proba(X)).all())
    True
    """
    if not isinstance(estimator, BinaryNetClassifier):
        raise TypeError(
            f"save writes a BinaryNetClassifier, got {type(estimator).__name__}. Of a "
            "Pipeline save the last step, or the whole of it with skops.io.dump."
        )
    check_is_fitted(estimator)
    safetensors = import_optional("safetensors.torch", "files")
    params, arrays = _described_params(estimator)
    tensors = {
        name: torch.as_tensor(value).detach().cpu().contiguous().clone()
        for name, value in {
            **{_WEIGHT + k: v for k, v in estimator.module_.state_dict().items()},
            **{_PARAMETER + k: v for k, v in arrays.items()},
        }.items()
    }
    text = json.dumps({"parameters": params, **_described(estimator)})
    header = {"skbin": text, "sha256": _digest(text, tensors)}
    path = Path(path)
    # Beside its place, or it could not be moved there in one step.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".skbin-") as folder:
        written = Path(folder, path.name)
        safetensors.save_file(tensors, written, metadata=header)
        os.replace(written, path)


def load(
    path: str | os.PathLike[str],
    *,
    module: nn.Module | None = None,
    trusted: Sequence[str | type] = (),
    device: str = "cpu",
) -> BinaryNetClassifier:
    """Read an estimator that `save` has written.

    No code of the file is run, and nothing is imported that the file names, unless it
    is in `trusted`.

    Parameters
    ----------
    path : str or path-like
        The file.
    module : torch.nn.Module, default=None
        The network that the weights go into, where the estimator was given an instance
        and not a class. It is copied.
    trusted : sequence of str or type, default=()
        Classes of your own that the file may name, such as ``"my_package.nets:MyNet"``
        or the class itself. Networks of skbin, and the modules and optimizers of torch,
        need no word.
    device : str, default="cpu"
        Where to load it.

    Returns
    -------
    BinaryNetClassifier
        Fitted.

    Raises
    ------
    ValueError
        If the file is none of ours, truncated, altered or of a later format, or names
        what is not trusted.
    FileNotFoundError
        If there is none.

    See Also
    --------
    save : Writes it.

    Examples
    --------
    See `save`.
    """
    text, tensors = _read(Path(path))
    try:
        return _estimator_of(text, tensors, module, trusted, device, path)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"{path} does not describe an estimator that can be built: {error!r}"
        ) from error


def _estimator_of(text, tensors, module, trusted, device, path):
    described = json.loads(text)
    known = {_path_of(kind): kind for kind in _safe_kinds()}
    for kind in trusted:
        known[kind if isinstance(kind, str) else _path_of(kind)] = kind
    params = {
        name: _decoded(value, known, path)
        for name, value in described["parameters"].items()
    }
    for name, tensor in _under(_PARAMETER, tensors).items():
        params[name] = tensor.numpy()
    if described["module_is_instance"]:
        if module is None:
            raise ValueError(
                f"{path} holds the weights of a {described['module_is_instance']} that "
                "was given as an instance. Pass one of the same layers: "
                "load(path, module=...)."
            )
        params["module"] = module
    estimator = BinaryNetClassifier(**params, device=device)
    _fill(estimator, described)
    # Weights are drawn first and replaced then; nobody's generator moves.
    with seeded(0, estimator.device):
        estimator.initialize()
    estimator.module_.load_state_dict(_under(_WEIGHT, tensors))
    estimator.history_ = History(described["history"])
    return estimator


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _read(path: Path) -> tuple[str, dict[str, torch.Tensor]]:
    safetensors = import_optional("safetensors", "files")
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path} is no file of skbin.save, or it is truncated: {error}."
        ) from error
    if "skbin" not in header:
        raise ValueError(f"{path} holds tensors, but was not written by skbin.save.")
    text = header["skbin"]
    if header.get("sha256") != _digest(text, tensors):
        raise ValueError(f"{path} has been altered since skbin.save wrote it.")
    described = json.loads(text)
    written = described.get("format") if isinstance(described, dict) else None
    if not isinstance(written, int) or written < 1:
        raise ValueError(f"{path} names no format: {written!r}.")
    if written > _FORMAT:
        raise ValueError(
            f"{path} has format {written}, and this skbin reads up to {_FORMAT}. "
            "Install a later skbin."
        )
    return text, tensors


def _digest(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        as_bytes = tensor.contiguous().flatten().view(torch.uint8).numpy()
        digest.update(as_bytes.tobytes())
    return digest.hexdigest()


# ---- an estimator as JSON


def _described_params(
    estimator: BinaryNetClassifier,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters as JSON, and those that are arrays."""
    params: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    left_out = []
    for name, value in estimator.get_params(deep=False).items():
        is_module = name == "module" and isinstance(value, nn.Module)
        if is_module or name in ("device", "memory"):
            continue  # the caller's, this machine's, this process's
        if isinstance(value, (np.ndarray, torch.Tensor)):
            arrays[name] = value
            continue
        try:
            params[name] = _encoded(value)
        except TypeError:
            left_out.append(name)
    needed = [name for name in left_out if name.startswith("module")]
    if needed:
        raise TypeError(
            f"save cannot write {', '.join(needed)}, which the network is made with. "
            "Pass numbers, strings, lists, arrays or classes."
        )
    if left_out:
        warnings.warn(
            f"save leaves out {', '.join(left_out)}: objects that JSON cannot hold. "
            "The loaded estimator predicts the same, and has their defaults.",
            UserWarning,
            stacklevel=3,
        )
    return params, arrays


def _described(estimator: BinaryNetClassifier) -> dict[str, Any]:
    is_instance = isinstance(estimator.module, nn.Module)
    seen = vars(estimator)
    labels = estimator._seen_labels()
    names = seen.get("feature_names_in_")
    return {
        "format": _FORMAT,
        "module_is_instance": type(estimator.module).__name__ if is_instance else "",
        "classes": [labels.classes.dtype.str, labels.classes.tolist()],
        "positive_index": int(labels.positive_index),
        "class_totals": [float(total) for total in seen["_class_totals"]],
        "input_shape": seen["_input_shape"],
        "largest_id": seen["_largest_id"],
        "numbers": {name: float(seen[name]) for name in _NUMBERS if name in seen},
        "feature_names_in": None if names is None else names.tolist(),
        "history": estimator.history,
    }


def _fill(estimator: BinaryNetClassifier, described: dict[str, Any]) -> None:
    dtype, classes = described["classes"]
    names, shape = described["feature_names_in"], described["input_shape"]
    numbers = described["numbers"]
    if "n_features_in_" in numbers:
        numbers["n_features_in_"] = int(numbers["n_features_in_"])
    fitted = {
        **numbers,
        "_labels": BinaryLabels(
            np.array(classes, dtype=dtype), described["positive_index"]
        ),
        "_class_totals": np.array(described["class_totals"]),
        "_input_shape": None if shape is None else tuple(shape),
        "_largest_id": described["largest_id"],
        "_seen_rows": None,
    }
    if names is not None:
        fitted["feature_names_in_"] = np.array(names, dtype=object)
    estimator.__dict__.update(fitted)


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return _encoded(value.item())
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_encoded(item) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encoded(item) for key, item in value.items()}}
    if isinstance(value, type) or value is iterate_batches:
        return {"import": _path_of(value)}
    raise TypeError(f"JSON cannot hold {value!r}.")


def _decoded(value: Any, known: Mapping[str, Any], path: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "import":
        return _looked_up(content, known, path)
    if kind == "dict":
        return {key: _decoded(item, known, path) for key, item in content.items()}
    items = [_decoded(item, known, path) for item in content]
    return tuple(items) if kind == "tuple" else items


def _looked_up(name: str, known: Mapping[str, Any], path: Any) -> Any:
    if name not in known:
        raise ValueError(
            f"{path} names {name!r}, which would run code that is not skbin's or "
            f"torch's. If you trust it: load(path, trusted=[{name!r}])."
        )
    kind = known[name]
    if not isinstance(kind, str):
        return kind
    module, _, qualname = kind.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _path_of(kind: Any) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _safe_kinds() -> Iterator[Any]:
    yield from _OWN
    for package, parent in ((nn, nn.Module), (torch.optim, torch.optim.Optimizer)):
        for value in vars(package).values():
            if isinstance(value, type) and issubclass(value, parent):
                yield value
