"""One hash of everything that a training depends on: values, and the code behind them.

`joblib.hash` knows arrays by their values but functions and classes only by their
names. Here they are known by what they do: installed code by its version, the user's
by its bytecode, wherever it was defined: a notebook, a script or a module.
"""

import dis
import functools
import hashlib
import importlib
import platform
import sys
import sysconfig
import types
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from scipy import sparse

_LIBRARIES = ("numpy", "scipy", "sklearn", "skorch", "torch", "skbin")
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
# Of a class these say nothing about what it does, or nothing that is not said already.
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
    """The hash of a value, and the user's classes and functions found in it.

    Parameters
    ----------
    value : object
        Numbers, strings, arrays, tensors, modules, functions, classes, and containers
        and instances of them.

    Attributes
    ----------
    key : str
        Equal for equal values in any process; else different.
    code : list
        The user's classes and functions in the order in which they were met, the same
        for equal keys. Pickles can name them by their place.

    Raises
    ------
    TypeError
        If something in `value` can be known neither by value nor by code.

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
        versions = [f"{name} {_version(name)}" for name in _LIBRARIES]
        setting = [platform.python_version(), str(torch.get_default_dtype())]
        self.key = _joined([*setting, *versions, self._of(value)])
        self._known.clear()

    def _of(self, value: Any) -> str:
        is_of_user = not _is_installed(type(value).__module__)
        if isinstance(value, _BY_REPR) and not is_of_user:
            return _joined([type(value).__qualname__, repr(value)])
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
        return _joined([kind, *(self._of(value) for value in values)])

    def _of_compound(self, value: Any) -> str:
        if isinstance(value, type):
            return self._of_class(value)
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, _BUILT_IN_CODE):
            return self._of_built_in(value)
        if isinstance(value, types.CodeType):
            return self._of_code(value)
        if not _is_installed(type(value).__module__):
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
        content: Any = None
        kind: Any
        for kind in (dict, list, tuple, int, float, complex, str, bytes):
            if isinstance(value, kind):
                content = list(value.items()) if kind is dict else kind(value)
                break
        if isinstance(value, set | frozenset):
            content = set(value)
        if isinstance(value, np.ndarray):
            content = np.asarray(value)
        if isinstance(value, torch.Tensor):
            content = value.as_subclass(torch.Tensor)
        parts = (type(value), value.__getstate__(), content)
        return self._of_all("instance", parts)

    def _of_data(self, value: Any) -> str:
        kind = type(value).__qualname__
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return _joined([kind, str(value.dtype), str(value.shape), _hash(value)])
        if isinstance(value, np.ndarray):
            return self._of_all(f"{kind} {value.shape}", value.ravel().tolist())
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
            return _joined([kind, *sorted(self._of(part) for part in ordered)])
        if isinstance(value, torch.Generator):
            return self._of_all(kind, (value.device, value.get_state()))
        return self._of_instance(value)

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
        if type(value).__module__ != "builtins" and hasattr(value, "__dict__"):
            return self._of_all("instance", (type(value), value.__getstate__()))
        try:
            return _joined([type(value).__qualname__, joblib.hash(value)])
        except Exception as error:
            raise TypeError(
                f"{value!r} of type {type(value).__qualname__} cannot be told apart "
                f"from others of its kind ({error})"
            ) from error

    def _of_class(self, cls: type) -> str:
        if _is_installed(cls.__module__):
            return _installed(cls.__module__, cls.__qualname__)
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
        if _is_installed(function.__module__):
            name = _installed(function.__module__, function.__qualname__)
            # What a library has made for this call is known by what it was made of.
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
            _read_by(function),
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


def _joined(parts: Iterable[str]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(f"{len(part)}:{part}".encode())
    return whole.hexdigest()


def _of_tensor(tensor: torch.Tensor) -> str:
    values = tensor.detach().cpu().flatten().view(torch.uint8).numpy()
    kind = (type(tensor).__qualname__, tensor.dtype, tuple(tensor.shape))
    place = (tensor.device, tensor.requires_grad)
    return _joined([str(kind), str(place), _hash(values)])


def _hash(array: np.ndarray) -> str:
    values: Any = np.ascontiguousarray(array).reshape(-1).view("u1")
    return hashlib.sha256(values).hexdigest()


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading an empty cell is the only test for it
    except ValueError:
        return False
    return True


def _read_by(function: types.FunctionType) -> dict[str, Any]:
    """Name and value of the globals, members of modules and imports that it reads."""
    codes = list(_codes_within(function.__code__))
    names = sorted({name for code in codes for name in code.co_names})
    known = function.__globals__
    read: dict[str, Any] = {}
    for code in codes:
        for instruction in dis.get_instructions(code):
            name = instruction.argval
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and name in known:
                read[name] = known[name]
            if instruction.opname == "IMPORT_NAME":
                read[f"import {name}"] = _imported(name, known.get("__package__"))
    for name in list(read):
        if isinstance(read[name], types.ModuleType):
            read[name] = _members(read[name], names, seen=set())
    return dict(sorted(read.items()))


def _codes_within(code: types.CodeType) -> Iterable[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes_within(constant)


def _imported(name: str, package: str | None) -> types.ModuleType:
    for candidate in (name, f"{package}.{name}" if package and name else package):
        if candidate in sys.modules:
            return sys.modules[candidate]
    return importlib.import_module(name)


def _members(module: types.ModuleType, names: list[str], seen: set[str]) -> Any:
    """Give what can be read from a module by these names, submodules included."""
    if _is_installed(module.__name__) or module.__name__ in seen:
        return _installed(module.__name__, "")
    seen.add(module.__name__)
    members = {name: vars(module)[name] for name in names if name in vars(module)}
    return {
        name: _members(value, names, seen)
        if isinstance(value, types.ModuleType)
        else value
        for name, value in members.items()
    }


def _is_installed(module_name: str | None) -> bool:
    module = sys.modules.get(module_name or "")
    # A class that a worker was sent from the main program names a module that the
    # worker does not have, or has another one of.
    if module is None or module_name is None or module_name == "__main__":
        return False
    if module_name.partition(".")[0] == __name__.partition(".")[0]:
        return True
    file = getattr(module, "__file__", None)
    if file is None:
        origin = getattr(getattr(module, "__spec__", None), "origin", None)
        return origin in ("built-in", "frozen")
    return _is_in_libraries(file)


@functools.cache
def _is_in_libraries(file: str) -> bool:
    path = Path(file)
    folders = {"site-packages", "dist-packages"}
    return bool(folders.intersection(path.parts)) or path.is_relative_to(
        _STANDARD_LIBRARY
    )


def _installed(module_name: str, qualname: str) -> str:
    package = module_name.partition(".")[0]
    return _joined(["installed", module_name, qualname, _version(package)])


@functools.cache
def _version(package: str) -> str:
    module = sys.modules.get(package) or importlib.import_module(package)
    version = str(getattr(module, "__version__", ""))
    if not version:
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(package)
    if package != __name__.partition(".")[0]:
        return version
    # One version stands for many states of a checkout that is worked on.
    sources = sorted(Path(__file__).parent.parent.rglob("*.py"))
    return _joined([version, *(source.read_text("utf-8") for source in sources)])
