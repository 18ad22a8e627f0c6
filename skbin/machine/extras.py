"""Packages that only some users need."""

import importlib
from typing import Any


def import_optional(name: str, extra: str) -> Any:
    """Import a package that an extra installs.

    Examples
    --------
    >>> import_optional("json", "files").__name__
    'json'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"This needs {package}, which is not installed. "
            f'Install it with: pip install "skbin[{extra}]".'
        ) from error
