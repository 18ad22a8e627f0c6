"""The state after a training, cached by joblib; equal trainings run only once."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import joblib
from filelock import FileLock
from joblib.memory import CacheWarning
from sklearn.utils.validation import check_memory

from skbin.machine.callers import warn_user
from skbin.machine.randomness import turn_of_this_thread
from skbin.memory.checkpoints import Checkpoints
from skbin.memory.fingerprint import Fingerprint
from skbin.memory.pickles import pickled, unpickled
from skbin.memory.reuse import Reuse

_FOLDER = "skbin_fits"
# Errors of the machine, such as a full GPU or disk: the next fit may resume. Any other
# error, such as a loss that is NaN, would occur again.
_MAY_PASS = (OSError, MemoryError, RuntimeError)

Train = Callable[[Checkpoints | None], tuple[dict[str, Any], bool]]


def load_or_train(
    memory: Any, depends_on: Mapping[str, Any], train: Train
) -> dict[str, Any]:
    """Return the state after a training, loaded from `memory` if possible.

    `depends_on` is all that the training depends on, with X, y and whatever else is
    data as a list under "data". `train` gets `Checkpoints`, or None where nothing can
    be kept, and returns the state and whether the training came to its end: what was
    interrupted is not kept. Processes that want the same training wait for the one that
    does it, and threads of one process take turns.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> def train(checkpoints):
    ...     print("training")
    ...     return {"weight_": 1.5}, True
    >>> with TemporaryDirectory() as folder:
    ...     load_or_train(folder, {"lr": 0.1, "data": ["X", "y"]}, train)
    ...     load_or_train(folder, {"lr": 0.1, "data": ["X", "y"]}, train)
    training
    {'weight_': 1.5}
    {'weight_': 1.5}
    """
    if isinstance(memory, PathLike):
        memory = fspath(memory)
    try:
        memory = check_memory(memory)
    except OSError as error:
        _warn_not_kept(error)
        return train(None)[0]
    if memory.location is None:
        return train(None)[0]
    try:
        entry = _Entry(memory, depends_on)
    except Exception as error:  # code and objects of a user may raise anything
        _warn_not_kept(error)
        return train(None)[0]
    return entry.load_or(train)


class _Entry:
    """The place of one state in a joblib store."""

    def __init__(self, memory: joblib.Memory, depends_on: Mapping[str, Any]) -> None:
        fingerprint = Fingerprint(depends_on)
        self.store = memory.store_backend
        self.key = fingerprint.key
        self.place = [_FOLDER, self.key]
        self.unfinished = [_FOLDER, f"{self.key}_unfinished"]
        self.code = fingerprint.code
        alike = Path(self.store.location, f"{_FOLDER}_alike")
        self.reuse = Reuse(alike, self.key, depends_on)
        # It stays, empty: if it were removed, a process that waits for it and one that
        # finds no file would train at the same time. `memory.clear()` removes all of
        # them.
        self.lock_file = Path(self.store.location, f"{_FOLDER}_locks", self.key)

    def load_or(self, train: Train) -> dict[str, Any]:
        # An existing entry is complete, so that it can be loaded without waiting.
        with warnings.catch_warnings():
            # An entry that cannot be read is handled below.
            warnings.simplefilter("ignore")
            state = self._load(self.place)
        if state is not None:
            self._clear_unfinished()  # a process may have been killed before doing so
            self.reuse.note_reused()
            return state
        # Always the thread lock before the file lock: in another order, a fit inside a
        # fit could deadlock with another thread.
        with turn_of_this_thread():
            return self._load_or_train_alone(train)

    def _load_or_train_alone(self, train: Train) -> dict[str, Any]:
        lock = FileLock(self.lock_file)
        try:
            self.lock_file.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except (OSError, NotImplementedError) as error:
            state = self._load(self.place)
            if state is not None:
                return state
            _warn_not_kept(error)
            return train(None)[0]
        try:
            state = self._load(self.place)
            if state is None:
                return self._train(train)
            self.reuse.note_reused()
            return state
        finally:
            lock.release()

    def _train(self, train: Train) -> dict[str, Any]:
        checkpoints = Checkpoints(
            lambda state: self._keep(state, self.unfinished),
            left=self._load(self.unfinished),
        )
        try:
            state, is_complete = train(checkpoints)
        except _MAY_PASS:
            raise
        except Exception:
            self._clear_unfinished()
            raise
        if not is_complete:
            return state
        error = self._keep(state, self.place)
        if error is not None:
            _warn_not_kept(error)
            return state
        # Not before: until the entry is written, only the checkpoint survives a kill.
        self._clear_unfinished()
        self.reuse.note_trained()
        return state

    def _clear_unfinished(self) -> None:
        with suppress(OSError):
            self.store.clear_item(self.unfinished)

    def _load(self, place: list[str]) -> dict[str, Any] | None:
        if not self.store.contains_item(place):
            return None
        try:
            digest, written = self.store.load_item(place, verbose=0)
            if hashlib.sha256(written).hexdigest() != digest:
                raise ValueError("its checksum differs")
            state: dict[str, Any] = unpickled(written, self.code)
            return state
        except Exception as error:  # a damaged pickle may raise anything
            warn_user(
                f"An entry of the memory folder {self.store.location} cannot be read "
                f"({type(error).__name__}: {error}). The network is trained again.",
            )
            return None

    def _keep(self, state: dict[str, Any], place: list[str]) -> Exception | None:
        """Write a state, or return the error that prevents it."""
        try:
            written = pickled(state, self.code)
        except Exception as error:  # what cannot be pickled may raise anything
            return error
        digest = hashlib.sha256(written).hexdigest()
        with warnings.catch_warnings():
            warnings.simplefilter("error", CacheWarning)
            try:
                self.store.dump_item(place, (digest, written), verbose=0)
            except CacheWarning as error:
                return error
            finally:
                self._remove_half_written(place)
        return None

    def _remove_half_written(self, place: list[str]) -> None:
        # joblib writes to a file of another name and renames it, so that an entry is
        # whole; such a file is left by a full disk or a killed process.
        for file in Path(self.store.location, *place).glob("output.pkl.*"):
            with suppress(OSError):
                file.unlink()


def _warn_not_kept(error: Exception) -> None:
    warn_user(
        "memory cannot be used, so the network is trained without it: "
        f"{type(error).__name__}: {error}.",
    )
