"""One hash of everything that a training depends on: values, and the code behind them.

`joblib.hash` knows arrays by their values but functions and classes only by their
names. Here they are known by what they do: installed code by its version, the user's
by its bytecode, wherever it was defined: in a notebook, a script or a module.
"""

import functools
import hashlib
import platform
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from skbin.memory.code import installed, is_installed, joined, read_by, version_of

_LIBRARIES = ("numpy", "scipy", "sklearn", "skorch", "torch", "skbin")
# Attributes of a class that do not affect it, or are included elsewhere.
_NAMES_LEFT_OUT = {
    "__abstractmethods__",
    "__annotations__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__qualname__",
    "__static_attributes__",
    "__weakref__",
    "_abc_impl",
}
_BY_REPR = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    type(Ellipsis),
    type(NotImplemented),
    np.generic,
    np.dtype,
    torch.device,
    torch.dtype,
    range,
    slice,
    Path,
    types.GenericAlias,
    types.UnionType,
)
# float32 stays separate, because results computed from it are rounded to float32.
_AS_IN_PYTHON = (np.integer, np.bool_, np.str_, np.bytes_)
_AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")
_BUILT_IN_CODE = (
    types.BuiltinFunctionType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    np.ufunc,
)


class Fingerprint:
    """The hash of a value, `key`, and the user's code met in it, in order, `code`.

    What can be known neither by value nor by code is a TypeError.

    Examples
    --------
    >>> def double(x):
    ...     return 2 * x
    >>> def triple(x):
    ...     return 3 * x
    >>> key = Fingerprint({"lr": 0.1, "f": double}).key
    >>> key == Fingerprint({"lr": 0.1, "f": double}).key
    True
    >>> key == Fingerprint({"lr": 0.1, "f": triple}).key
    False
    """

    def __init__(self, value: Any) -> None:
        self.code: list[Any] = []
        self._known: dict[int, str] = {}
        self._open: dict[int, int] = {}
        versions = [f"{name} {version_of(name)}" for name in _LIBRARIES]
        settings = [platform.python_version(), repr(_torch_settings())]
        self.key = joined([*settings, *versions, self._of(value)])
        self._known.clear()

    def _of(self, value: Any) -> str:
        value = _plain(value)
        is_of_user = not is_installed(type(value).__module__)
        if isinstance(value, _BY_REPR) and not is_of_user:
            return joined([type(value).__qualname__, repr(value)])
        if id(value) in self._open:
            return f"the enclosing number {self._open[id(value)]}"
        if id(value) in self._known:
            return self._known[id(value)]
        self._open[id(value)] = len(self._open)
        try:
            found = self._of_compound(value)
        finally:
            del self._open[id(value)]
        if isinstance(value, type | types.FunctionType):
            self._known[id(value)] = found
        return found

    def _of_all(self, kind: str, values: Iterable[Any]) -> str:
        return joined([kind, *(self._of(value) for value in values)])

    def _of_compound(self, value: Any) -> str:
        if isinstance(value, type):
            return self._of_class(value)
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, _BUILT_IN_CODE):
            return self._of_built_in(value)
        if isinstance(value, types.CodeType):
            return self._of_code(value)
        if not is_installed(type(value).__module__):
            return self._of_instance_of_user(value)
        return self._of_data(value)

    def _of_built_in(self, value: Any) -> str:
        if isinstance(value, np.ufunc) and getattr(np, value.__name__, None) != value:
            raise TypeError(f"{value!r} cannot be told apart from other ufuncs")
        owner = getattr(value, "__self__", None)
        parts = (
            getattr(value, "__module__", None),
            getattr(value, "__qualname__", repr(value)),
            getattr(value, "__objclass__", None),
            None if isinstance(owner, types.ModuleType) else owner,
        )
        return self._of_all("built in", parts)

    def _of_instance_of_user(self, value: Any) -> str:
        content = _builtin_content(value)
        state = value.__getstate__()
        if content is None:
            _require_state(value, state)
        return self._of_all("instance", (type(value), state, content))

    def _of_data(self, value: Any) -> str:
        kind = type(value).__qualname__
        if isinstance(value, np.ma.MaskedArray):
            masked = (value.data, np.ma.getmaskarray(value), value.fill_value)
            return self._of_all(kind, masked)
        if isinstance(value, np.ndarray):
            return self._of_array(value)
        if isinstance(value, torch.Tensor):
            return _of_tensor(value)
        if sparse.issparse(value):
            csr = value.tocsr()
            parts = (value.format, csr.shape, csr.data, csr.indices, csr.indptr)
            return self._of_all("sparse", parts)
        if isinstance(value, dict):
            return self._of_all(kind, (part for item in value.items() for part in item))
        if isinstance(value, list | tuple):
            return self._of_all(kind, value)
        if isinstance(value, set | frozenset):
            # In one order in each process, for the places in `code`.
            ordered = sorted(value, key=lambda p: getattr(p, "__qualname__", repr(p)))
            return joined([kind, *sorted(self._of(part) for part in ordered)])
        if isinstance(value, torch.Generator):
            return self._of_all(kind, (value.device, value.get_state()))
        return self._of_instance(value)

    def _of_array(self, array: np.ndarray) -> str:
        # joblib gives its workers large arrays as memory maps.
        is_map = isinstance(array, np.memmap)
        kind = "ndarray" if is_map else type(array).__qualname__
        if array.dtype.hasobject:
            return self._of_all(f"{kind} {array.shape}", array.ravel().tolist())
        return joined([kind, str(array.dtype), str(array.shape), _hash(array)])

    def _of_instance(self, value: Any) -> str:
        if isinstance(value, types.MethodType):
            return self._of_all("method", (value.__func__, value.__self__))
        if isinstance(value, staticmethod | classmethod):
            return self._of_all(type(value).__name__, (value.__func__,))
        if isinstance(value, property):
            return self._of_all("property", (value.fget, value.fset, value.fdel))
        if isinstance(value, functools.cached_property):
            return self._of_all("cached_property", (value.func,))
        if isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            return self._of_all("partial", parts)
        if isinstance(value, types.ModuleType):
            return installed(value.__name__, "")
        pandas_parts = _pandas_parts(value)
        if pandas_parts is not None:
            return self._of_all("pandas", (type(value), *pandas_parts))
        return self._of_pickled(value)

    def _of_pickled(self, value: Any) -> str:
        """Hash what pickle would write: the maker, its arguments and the state."""
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            raise _cannot_be_told_apart(value, error) from error
        if isinstance(reduced, str):
            return joined(["named", type(value).__module__, reduced])
        maker, args, *rest = reduced
        state = [list(part) if isinstance(part, Iterator) else part for part in rest]
        if not any(part is not type(value) for part in args):
            _require_state(value, next(iter(state), None), *state[1:])
        # Of cython's functions only the name is known.
        name = f"{maker.__module__}:{maker.__qualname__}"
        known = name if is_installed(maker.__module__) else maker
        return self._of_all("object", (type(value), known, args, state))

    def _of_class(self, cls: type) -> str:
        if is_installed(cls.__module__):
            return installed(cls.__module__, cls.__qualname__)
        self.code.append(cls)
        attributes = {
            name: value
            for name, value in sorted(vars(cls).items())
            if name not in _NAMES_LEFT_OUT
        }
        return self._of_all("class", (cls.__qualname__, cls.__bases__, attributes))

    def _of_function(self, function: types.FunctionType) -> str:
        cells = function.__closure__ or ()
        enclosed = [cell.cell_contents for cell in cells if _is_filled(cell)]
        if is_installed(function.__module__):
            name = installed(function.__module__, function.__qualname__)
            # A function made by a library for this call is identified by what it
            # encloses.
            made = "<locals>" in function.__qualname__
            return self._of_all("function", (name, enclosed)) if made else name
        self.code.append(function)
        parts = (
            function.__qualname__,
            function.__code__,
            function.__defaults__,
            function.__kwdefaults__,
            vars(function),
            enclosed,
            read_by(function),
        )
        return self._of_all("function", parts)

    def _of_code(self, code: types.CodeType) -> str:
        parts = (
            code.co_code,
            code.co_consts,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            code.co_flags,
            code.co_exceptiontable,
        )
        return self._of_all("code", parts)


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's where they mean the same: np.int64(2) is 2."""
    if type(value) is np.ndarray and value.ndim == 0:
        value = value[()]
    if type(value) is np.float64 or isinstance(value, _AS_IN_PYTHON):
        return value.item()
    return value


def _torch_settings() -> list[Any]:
    """Read what is set for all of torch and changes what a training computes."""
    backends: Any = torch.backends  # mypy knows few of its attributes
    precisions = [
        part.fp32_precision
        for part in (
            backends.cuda.matmul,
            backends.cudnn.conv,
            backends.cudnn.rnn,
            backends.mkldnn.matmul,
            backends.mkldnn.conv,
            backends.mkldnn.rnn,
        )
    ]
    autocast = [
        (device, torch.get_autocast_dtype(device))
        for device in _AUTOCAST_DEVICES
        if torch.is_autocast_enabled(device)
    ]
    return [
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_deterministic_debug_mode(),
        autocast,
        # "none" means not set by the user; resetting it to the default gives "ieee".
        ["ieee" if precision == "none" else precision for precision in precisions],
        backends.cuda.matmul.allow_fp16_reduced_precision_reduction,
        backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        backends.cudnn.enabled,
        backends.cudnn.deterministic,
        backends.cudnn.benchmark,
        backends.mkldnn.enabled,
        backends.mkldnn.deterministic,
    ]


def _builtin_content(value: Any) -> Any:
    """Return what an instance holds besides its attributes, as the parent type."""
    kind: Any
    for kind in (dict, list, tuple, int, float, complex, str, bytes):
        if isinstance(value, kind):
            return list(value.items()) if kind is dict else kind(value)
    if isinstance(value, set | frozenset):
        return set(value)
    if isinstance(value, np.ma.MaskedArray):
        return value.view(np.ma.MaskedArray)
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if isinstance(value, torch.Tensor):
        return value.as_subclass(torch.Tensor)
    return None


def _pandas_parts(value: Any) -> tuple[Any, ...] | None:
    """Return values and labels of a pandas object, however its blocks lie in memory."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    if isinstance(value, pandas.DataFrame):
        columns = [value.iloc[:, place].array for place in range(value.shape[1])]
        return value.index, value.columns, columns
    if isinstance(value, pandas.Series):
        return value.index, value.name, value.array
    if isinstance(value, pandas.arrays.ArrowExtensionArray):
        # Arrow's buffers hold more than the values.
        return str(value.dtype), value.to_numpy(dtype=object)
    return None


def _require_state(value: Any, *state: Any) -> None:
    """Refuse an object that keeps what it holds to itself."""
    containers = dict | list | tuple
    if any(
        part if isinstance(part, containers) else part is not None for part in state
    ):
        return
    is_custom = type(value).__getstate__ is not object.__getstate__
    if is_custom or getattr(value, "__dict__", None):
        raise _cannot_be_told_apart(value, "its __getstate__ gives nothing")


def _cannot_be_told_apart(value: Any, reason: Any) -> TypeError:
    return TypeError(
        f"{value!r} of type {type(value).__qualname__} cannot be told apart from "
        f"others of its kind ({reason})"
    )


def _of_tensor(tensor: torch.Tensor) -> str:
    values = tensor.detach().cpu().flatten().view(torch.uint8).numpy()
    kind = (type(tensor).__qualname__, tensor.dtype, tuple(tensor.shape))
    place = (tensor.device, tensor.requires_grad)
    return joined([str(kind), str(place), _hash(values)])


def _hash(array: np.ndarray) -> str:
    values: Any = np.ascontiguousarray(array).reshape(-1).view("u1")
    return hashlib.sha256(values).hexdigest()


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading an empty cell is the only test for it
    except ValueError:
        return False
    return True
