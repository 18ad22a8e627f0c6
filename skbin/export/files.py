"""A trained estimator in one file that cannot run code: `save` and `load`."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.export.building import estimator_from
from skbin.export.description import describe
from skbin.machine.devices import require_device, resolve_device
from skbin.machine.extras import import_optional


def save(estimator: BinaryNetClassifier, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to one file, without a pickle.

    Weights are written as safetensors, the rest as JSON in their header. The file holds
    what prediction needs, and the parameters but those that whoever loads it chooses:
    `device`, `memory`, `torch_load_kwargs`, ``compile__options`` and
    ``module__device``. It does not hold the optimizer's state.

    Parameters
    ----------
    estimator : BinaryNetClassifier
        Fitted.
    path : str or path-like
        The file. It is replaced as a whole, or not at all.

    Raises
    ------
    TypeError
        If it is no `BinaryNetClassifier`, or of a class derived from it; for
        pipelines see skops. If JSON cannot hold what prediction needs, such as a
        function as `predict_nonlinearity` or a loss given as an instance, or what was
        recorded in the history.
    sklearn.exceptions.NotFittedError
        If it is not fitted. To be initialized is not enough.

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
    if type(estimator) is not BinaryNetClassifier:
        raise TypeError(_what_else_to_do(estimator))
    check_is_fitted(estimator, ["module_", "_class_totals"])
    safetensors = import_optional("safetensors.torch", "files")
    text, tensors = describe(estimator)
    header = {"skbin": text, "sha256": _digest(text, tensors)}
    path = Path(path)
    # Beside its place, or it could not be moved there in one step.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".skbin-") as folder:
        written = Path(folder, path.name)
        safetensors.save_file(tensors, written, metadata=header)
        os.replace(written, path)


def _what_else_to_do(estimator: object) -> str:
    kind = type(estimator).__name__
    if isinstance(estimator, BinaryNetClassifier):
        return (
            f"save writes a BinaryNetClassifier and nothing derived from it, got {kind}"
            ": load would give a BinaryNetClassifier, which may predict otherwise. Use "
            "joblib.dump, whose files run code when they are read."
        )
    return (
        f"save writes a BinaryNetClassifier, got {kind}. Of a Pipeline save the last "
        "step, or the whole of it with skops.io.dump."
    )


def load(
    path: str | os.PathLike[str],
    *,
    module: nn.Module | None = None,
    trusted: Sequence[str | type] = (),
    device: str = "cpu",
) -> BinaryNetClassifier:
    """Read an estimator that `save` has written.

    No code of the file is run, and nothing is imported that the file names, unless it
    is in `trusted`. A network of skbin or torch is built only if the weights in the
    file fill it, so that loading takes memory in proportion to the file.

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
        Where to load it: any device of torch's, or "auto".

    Returns
    -------
    BinaryNetClassifier
        Fitted.

    Raises
    ------
    ValueError
        If the file is none of ours, truncated, altered or of a later format, names
        what is not trusted, or describes no estimator that `save` can have written; if
        the device is not there.
    FileNotFoundError
        If there is none.

    See Also
    --------
    save : Writes it.

    Examples
    --------
    See `save`.
    """
    require_device(resolve_device(device))
    text, tensors = _read(Path(path))
    try:
        return estimator_from(
            text, tensors, module=module, trusted=trusted, device=device
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # there is no end to what a stranger can write
        cause = f"it does not describe an estimator that can be built: {error!r}"
        if type(error) is ValueError:
            cause = str(error)
        raise ValueError(f"{path} cannot be loaded: {cause}") from error


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
    return text, tensors


def _digest(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # NumPy has no bfloat16, but all numbers are bytes.
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
