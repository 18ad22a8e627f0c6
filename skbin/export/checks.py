"""How a description that nobody has written by `save` is refused."""

import reprlib
from typing import Any


def require(is_right: bool, wanted: str, got: Any) -> None:
    """Raise ValueError with what was wanted and what the file holds."""
    if not is_right:
        raise ValueError(f"it needs {wanted}, got {reprlib.repr(got)}.")
