"""A file that is replaced as a whole or not at all, where `open` would write it."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replaced_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write to a file in the same folder, which replaces the target after the block.

    Links, permissions and errors are those of `open`, and come before the block runs.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a pipe; a folder is refused
        with open(path, "wb") as file:
            yield file
        return
    beside = target.with_name(f".skbin-{uuid.uuid4().hex}")
    try:
        file = open(beside, "xb")  # noqa: SIM115  closed below, in its own block
    except OSError as error:
        error.filename = os.fspath(path)
        raise
    try:
        with file:
            yield file
        if target.exists():
            shutil.copymode(target, beside)
        os.replace(beside, target)
    finally:
        with suppress(OSError):
            beside.unlink()
