"""A trained estimator in one file that cannot run code: `save` and `load`."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.estimator import CrossFitClassifier
from skbin.export.building import build_estimator, require_known_format
from skbin.export.cross_fit import KEY, build_cross_fit, describe_cross_fit
from skbin.export.description import describe
from skbin.export.replacing import replaced_file
from skbin.machine.devices import require_device, resolve_device
from skbin.machine.extras import import_optional


def save(
    estimator: BinaryNetClassifier | CrossFitClassifier, path: str | os.PathLike[str]
) -> None:
    """Write a fitted estimator to one file, without a pickle.

    Weights are written as safetensors, the rest as JSON in their header. The file holds
    what predictions need and the parameters, except those that the reader of the file
    chooses: `device`, `memory`, `torch_load_kwargs`, how data are loaded (`dataset`,
    `iterator_train`, `iterator_valid`, ``iterator_valid__num_workers``), options of the
    compiler, and ``module__device``. It does not hold the optimizer's state.

    Parameters
    ----------
    estimator : BinaryNetClassifier or CrossFitClassifier
        A fitted estimator. A cross-fit is written with all members, its calibration,
        its choice, and the label, score, weight and group of each row of `fit`.
    path : str or path-like
        The file. An existing file is replaced only after everything has succeeded.

    Raises
    ------
    TypeError
        If `estimator` is not exactly a `BinaryNetClassifier` or a cross-fit of them
        (use joblib for subclasses, skops for pipelines), or if the file cannot hold
        what predictions need, such as a function as `predict_nonlinearity`, a loss
        given as an instance, a `dataset` of your own, or what was recorded in the
        history.
    sklearn.exceptions.NotFittedError
        If `estimator` is not fitted. An initialized estimator is not enough.
    OSError
        As raised by ``open``, for example if the folder does not exist.

    Warns
    -----
    UserWarning
        For parameters that the file cannot hold and predictions do not need, such as
        callbacks: in the loaded estimator they have their defaults.

    See Also
    --------
    load : Read the file.

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
    if type(estimator) is CrossFitClassifier:
        check_is_fitted(estimator)
        text, tensors = describe_cross_fit(estimator)
    elif type(estimator) is BinaryNetClassifier:
        text, tensors = describe(estimator)
    else:
        raise TypeError(_what_else_to_do(estimator))
    safetensors = import_optional("safetensors.torch", "files")
    header = {"skbin": text, "sha256": _digest(text, tensors)}
    with replaced_file(path) as file:
        file.write(safetensors.save(tensors, metadata=header))


def _what_else_to_do(estimator: object) -> str:
    kind = type(estimator).__name__
    if isinstance(estimator, BinaryNetClassifier):
        return (
            f"save writes a BinaryNetClassifier but no subclass of it, got {kind}: "
            "load would return a BinaryNetClassifier, which may predict differently. "
            "Use joblib.dump, whose files run code when they are read."
        )
    return (
        f"save writes a BinaryNetClassifier or a CrossFitClassifier, got {kind}. Write "
        "a Pipeline with skops.io.dump; its last step alone would lack the steps "
        "before it."
    )


def load(
    path: str | os.PathLike[str],
    *,
    module: nn.Module | None = None,
    trusted: Sequence[str | type] = (),
    device: str = "cpu",
) -> Any:
    """Read an estimator that `save` has written.

    Loading runs no code from the file, and imports nothing that the file names unless
    it is in `trusted`. A network of skbin is built only if the weights in the file
    match it, so that loading takes memory in proportion to the file.

    Parameters
    ----------
    path : str or path-like
        The file.
    module : torch.nn.Module, default=None
        The network that receives the weights, if the estimator was given an instance
        and not a class. It is copied.
    trusted : sequence of str or type, default=()
        Other classes that the file may name, such as ``"my_package.nets:MyNet"``,
        ``torch.nn.LSTM`` or ``torch.optim.LBFGS``. `ConvNet`, `DenseNet`,
        `TextConvNet`, `TableConvNet`; ``BCEWithLogitsLoss``, ``BCELoss``, `FocalLoss`;
        ``Adam``, ``AdamW``, ``SGD`` and ``RMSprop`` need not be listed.
    device : str, default="cpu"
        Where to load the estimator: any device of torch, or "auto".

    Returns
    -------
    BinaryNetClassifier or CrossFitClassifier
        The fitted estimator. The `estimator` of a cross-fit has the first member's
        parameters.

    Raises
    ------
    ValueError
        If the file was not written by `save`, is truncated, altered or of a later
        format, names a class that is not trusted, or describes an estimator that cannot
        be built; if the device is not available.
    OSError
        As raised by ``open``, for example if the file does not exist.

    Warns
    -----
    UserWarning
        If a file of version 0.1 specifies how data are loaded, which is ignored.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    See `save`.
    """
    require_device(resolve_device(device))
    text, tensors = _read(path)
    build = partial(build_estimator, module=module, trusted=trusted, device=device)
    try:
        described = json.loads(text)
        if isinstance(described, dict) and KEY in described:
            require_known_format(described)
            return build_cross_fit(described[KEY], tensors, build)
        return build(text, tensors)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a file from elsewhere may hold anything
        cause = f"it does not describe an estimator that can be built: {error!r}"
        if type(error) is ValueError:
            cause = str(error)
        raise ValueError(f"{path} cannot be loaded: {cause}") from error


def _read(path: str | os.PathLike[str]) -> tuple[str, dict[str, torch.Tensor]]:
    safetensors = import_optional("safetensors", "files")
    with open(path, "rb"):  # its errors say more
        pass
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dict
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path} was not written by skbin.save, or it is truncated: {error}."
        ) from error
    if "skbin" not in header:
        raise ValueError(f"{path} holds tensors, but was not written by skbin.save.")
    text = header["skbin"]
    if header.get("sha256") != _digest(text, tensors):
        raise ValueError(f"{path} has been altered since skbin.save wrote it.")
    return text, tensors


def _digest(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # NumPy has no bfloat16, but all numbers are bytes.
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
