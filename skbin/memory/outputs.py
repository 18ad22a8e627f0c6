"""What a network that is kept says of rows that were scored a moment ago."""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pickle import PicklingError
from types import FunctionType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.modules import module as torch_module

from skbin.data.rows import TensorRows
from skbin.memory.fingerprint import Fingerprint
from skbin.memory.pickles import Pickler

# The folds of a search over cutoffs several times over: 128 MB at most. Fewer rows are
# scored faster than the network is hashed, and so are those of a very large network.
_MOST_CALLS = 32
_FEWEST_ROWS, _MOST_ROWS = 50, 2**19
_MOST_WEIGHTS_PER_VALUE = 10
_DETERMINISTIC = ("_codecs", "builtins", "collections", "numpy", "skbin", "torch")
_kept: OrderedDict[str, NDArray[np.float64]] = OrderedDict()

Compute = Callable[[Any], NDArray[np.float64]]


def outputs_of(net: Any, dataset: Any, compute: Compute) -> NDArray[np.float64]:
    """Give what `compute` makes of rows, from this process's memory if it is there.

    A search loads one network for each of its cutoffs, and each scores the same rows.
    Network and rows are compared by their content, whatever objects hold them.
    """
    if not _is_worth_keeping(net, dataset) or _is_patched(net):
        return compute(dataset)
    try:
        key = _key(net, dataset)
    except Exception:  # objects of a user may raise anything
        return compute(dataset)
    outputs = _kept.pop(key, None)
    if outputs is None:
        outputs = compute(dataset)
        outputs.flags.writeable = False
    _kept[key] = outputs
    if len(_kept) > _MOST_CALLS:
        with suppress(KeyError):  # another thread was faster
            _kept.popitem(last=False)
    return outputs


def _is_worth_keeping(net: Any, dataset: Any) -> bool:
    if not isinstance(dataset, TensorRows) or not isinstance(dataset.X, torch.Tensor):
        return False  # a Dataset of a user's own may read files or draw random numbers
    if not _FEWEST_ROWS <= len(dataset) <= _MOST_ROWS:
        return False
    n_weights = sum(weights.numel() for weights in net.module_.parameters())
    return n_weights <= _MOST_WEIGHTS_PER_VALUE * dataset.X.numel()


def _is_patched(net: Any) -> bool:
    """Whether somebody wants to see each pass, as skorch's scorers do in training."""
    methods = ("evaluation_step", "forward_iter", "get_iterator", "infer")
    hooks = torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks
    return bool(hooks) or any(name in vars(net) for name in methods)


def _key(net: Any, dataset: TensorRows) -> str:
    """Hash all that the outputs depend on."""
    file = io.BytesIO()
    how = [net.iterator_valid, net.dataset, net.batch_size, str(net.device)]
    how += [net.get_params_for(name) for name in ("iterator_valid", "dataset")]
    _DeterministicPickler(file, []).dump([type(net), net.module_, net._data, how])
    return hashlib.sha256(file.getbuffer()).hexdigest() + Fingerprint(dataset.X).key


class _DeterministicPickler(Pickler):
    """Refuses code of a user's, which may draw random numbers or read a file."""

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
