"""The state of a training between two epochs, from which to resume after a kill."""

import math
import time
from collections.abc import Callable
from typing import Any

from skbin.machine.callers import warn_user
from skbin.machine.randomness import RandomState

# Saving takes at most this fraction of the time; trainings shorter than a second save
# nothing. The first save shows how long one takes, so only it may take longer.
_SHARE_OF_TIME = 0.05
_FIRST_AFTER = 1.0


class Checkpoints:
    """The last saved state, `left`, and how to save another one."""

    def __init__(
        self,
        keep: Callable[[dict[str, Any]], Exception | None],
        left: dict[str, Any] | None = None,
    ) -> None:
        self.left = left
        # The training sets it when it begins.
        self.random_state_before: RandomState | None = None
        self._keep = keep
        self._next_at = time.monotonic() + _FIRST_AFTER

    def offer(self, make_state: Callable[[], dict[str, Any]]) -> None:
        """Write a state if it is due; after a failure, no other is written."""
        begin = time.monotonic()
        if begin < self._next_at:
            return
        error = self._keep(make_state())
        if error is not None:
            self._next_at = math.inf
            _warn_cannot_resume(error)
            return
        end = time.monotonic()
        self._next_at = end + (end - begin) / _SHARE_OF_TIME


def _warn_cannot_resume(error: Exception) -> None:
    warn_user(
        "The state of this training cannot be written to memory. If it is killed, it "
        f"starts again from the beginning: {type(error).__name__}: {error}. Remove "
        "what pickle refuses, such as locks and open files, in __getstate__ of the "
        "module and the callbacks, or free space in the folder.",
    )
