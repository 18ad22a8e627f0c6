"""The code behind a value: what is installed, and what the user's functions read."""

import dis
import functools
import hashlib
import importlib
import sys
import sysconfig
import types
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def joined(parts: Iterable[str]) -> str:
    """Hash several strings as one, so that their borders count."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(f"{len(part)}:{part}".encode())
    return whole.hexdigest()


def read_by(function: types.FunctionType) -> dict[str, Any]:
    """Name and value of the globals, members of modules and imports that it reads."""
    codes = list(_codes_within(function.__code__))
    names = sorted({name for code in codes for name in code.co_names})
    known = function.__globals__
    read: dict[str, Any] = {}
    for code in codes:
        instructions = [
            i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"
        ]
        for place, instruction in enumerate(instructions):
            name = instruction.argval
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and name in known:
                read[name] = known[name]
            if instruction.opname == "IMPORT_NAME":
                level, members = (i.argval for i in instructions[place - 2 : place])
                name = "." * level + name
                read[f"import {name}"] = _imported(name, members or (), known)
    for name in list(read):
        if isinstance(read[name], types.ModuleType):
            read[name] = _members(read[name], names, seen=set())
    return dict(sorted(read.items()))


def _codes_within(code: types.CodeType) -> Iterable[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes_within(constant)


def _imported(
    name: str, members: Iterable[str], known: dict[str, Any]
) -> types.ModuleType | None:
    """Return the module of an import statement with its submodules, None if missing."""
    try:
        module = importlib.import_module(name, known.get("__package__"))
    except ImportError:
        return None
    for member in members:
        if not hasattr(module, member):
            with suppress(ImportError):
                importlib.import_module(f"{module.__name__}.{member}")
    return module


def _members(module: types.ModuleType, names: list[str], seen: set[str]) -> Any:
    """Return what can be read from a module by these names, submodules included."""
    if is_installed(module.__name__) or module.__name__ in seen:
        return installed(module.__name__, "")
    seen.add(module.__name__)
    members = {name: vars(module)[name] for name in names if name in vars(module)}
    return {
        name: _members(value, names, seen)
        if isinstance(value, types.ModuleType)
        else value
        for name, value in members.items()
    }


def is_installed(module_name: str | None) -> bool:
    """Whether a module is of Python or of a package, so that its version tells all."""
    module = sys.modules.get(module_name or "")
    # A class sent to a worker from the main program names a module that the worker
    # lacks, or another module of the same name.
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


def installed(module_name: str, qualname: str) -> str:
    """Hash installed code: its name and its version."""
    package = module_name.partition(".")[0]
    return joined(["installed", module_name, qualname, version_of(package)])


@functools.cache
def version_of(package: str) -> str:
    """Return the version of a package, and for skbin also its source."""
    module = sys.modules.get(package) or importlib.import_module(package)
    version = str(getattr(module, "__version__", ""))
    if not version:
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(package)
    if package != __name__.partition(".")[0]:
        return version
    # A checkout under development has many states with one version.
    sources = sorted(Path(__file__).parent.parent.rglob("*.py"))
    return joined([version, *(source.read_text("utf-8") for source in sources)])
