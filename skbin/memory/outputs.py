"""Recent outputs of cached networks, so that rows are not scored again."""

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from pickle import PicklingError
from types import FunctionType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse

from skbin.data.cells import is_frame
from skbin.memory.fingerprint import Fingerprint
from skbin.memory.pickles import Pickler

# Enough for the folds of a search over cutoffs, not for the rows of a service.
_MOST_CALLS = 64
_MOST_BYTES = 64 * 1024**2
_FEWEST_ROWS = 50
_DETERMINISTIC = ("_codecs", "builtins", "collections", "numpy", "skbin", "torch")
_kept: OrderedDict[str, NDArray[np.float64]] = OrderedDict()
_lock = threading.Lock()

Compute = Callable[[Any], NDArray[np.float64]]


def outputs_of(net: Any, X: Any, compute: Compute) -> NDArray[np.float64]:
    """Return `compute(X)`, from the memory of this process if possible.

    A search loads one network for each of its cutoffs, and each scores the same rows.
    Network and rows are compared by their content, whatever objects hold them.
    """
    if not _is_worth_keeping(X):
        return compute(X)
    try:
        key = _key(net, X)
    except Exception:  # objects of a user may raise anything
        return compute(X)
    with _lock:
        outputs = _kept.pop(key, None)
    if outputs is None:
        outputs = compute(X)
        outputs.flags.writeable = False
    _keep(key, outputs)
    return outputs


def _is_worth_keeping(X: Any) -> bool:
    """Whether X holds its values itself, and more rows than are hashed in vain."""
    if not isinstance(X, np.ndarray | list) and not issparse(X) and not is_frame(X):
        return False  # a Dataset, say, which may read files or draw random numbers
    n_rows = len(X) if isinstance(X, list) else X.shape[0]
    return n_rows >= _FEWEST_ROWS


def _key(net: Any, X: Any) -> str:
    """Hash all that the outputs depend on."""
    file = io.BytesIO()
    how = [net.iterator_valid, net.dataset, net.batch_size, str(net.device)]
    how += [net.get_params_for(name) for name in ("iterator_valid", "dataset")]
    _DeterministicPickler(file, []).dump([type(net), net.module_, net._data, how])
    return hashlib.sha256(file.getbuffer()).hexdigest() + Fingerprint(X).key


class _DeterministicPickler(Pickler):
    """Refuses the user's code, which may draw random numbers or read a file."""

    def reducer_override(self, obj: Any) -> Any:
        """Write a part; see `pickle`."""
        if isinstance(obj, type | FunctionType):
            made_by = obj.__module__.partition(".")[0]
            if made_by not in _DETERMINISTIC:
                raise PicklingError(f"{obj!r} may answer otherwise each time")
        reduced = super().reducer_override(obj)
        if isinstance(obj, torch.Tensor) and reduced is NotImplemented:
            return str, (Fingerprint(obj).key,)  # torch would write where it lies, too
        return reduced


def _keep(key: str, outputs: NDArray[np.float64]) -> None:
    with _lock:
        _kept[key] = outputs
        while _is_too_much():
            _kept.popitem(last=False)


def _is_too_much() -> bool:
    n_bytes = sum(outputs.nbytes for outputs in _kept.values())
    return len(_kept) > _MOST_CALLS or n_bytes > _MOST_BYTES
