"""A warning if no network in `memory` can ever be reused."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from skbin.machine.callers import warn_user
from skbin.memory.fingerprint import Fingerprint

# Folds of a cross-validation may have targets in common, but seldom more than 10 do.
_MOST_WITHOUT_REUSE = 10
_warned: set[Path] = set()
_noted: set[tuple[Path, str]] = set()


class Reuse:
    """Whether a training like this one, but for the values in X, was ever reused.

    Known by empty files in a folder inside `root`, which all processes share.
    """

    def __init__(self, root: Path, key: str, depends_on: Mapping[str, Any]) -> None:
        self.root = root
        self.key = key
        self._depends_on = depends_on

    @cached_property
    def folder(self) -> Path:
        """Of all trainings that are like this one."""
        X, *others = self._depends_on["data"]
        alike = {**self._depends_on, "data": [_shapes(X), *others]}
        return self.root / Fingerprint(alike).key

    def note_reused(self) -> None:
        """Remember that one was."""
        if (self.root, self.key) not in _noted:
            _noted.add((self.root, self.key))
            self._note("reused")

    def note_trained(self) -> None:
        """Remember one more, and warn if there are many and none was reused."""
        _noted.discard((self.root, self.key))  # the folder has been cleared
        self._note(self.key)
        n_trained = len(list(self.folder.glob("*")))
        was_reused = Path(self.folder, "reused").exists()
        if was_reused or n_trained <= _MOST_WITHOUT_REUSE or self.root in _warned:
            return
        _warned.add(self.root)
        warn_user(
            f"memory has trained {n_trained} networks with the same parameters and "
            "targets, on X of one shape but with other values each time, and could "
            "reuse none of them. If a step before the net draws random numbers, each "
            "fit gets other rows: give it a random_state, as in SMOTE(random_state=0) "
            "or TargetEncoder(cv=StratifiedKFold(5, shuffle=True, random_state=0)).",
            UserWarning,
        )

    def _note(self, name: str) -> None:
        with suppress(OSError):  # a folder that cannot be written keeps no entries
            self.folder.mkdir(parents=True, exist_ok=True)
            Path(self.folder, name).touch()


def _shapes(X: Any) -> Any:
    if isinstance(X, Mapping):
        return {name: _shapes(part) for name, part in X.items()}
    return getattr(X, "shape", None)
