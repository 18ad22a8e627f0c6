"""The state of a training between two epochs, for one that is killed to go on from."""

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

from skbin.machine.randomness import RandomState

# Writing takes about this share of the time at most, and trainings of a second none.
# The first writing tells how long one takes, so it alone may take a larger share.
_SHARE_OF_TIME = 0.05
_FIRST_AFTER = 1.0


class Checkpoints:
    """The last state that a training has left, and how to leave another one.

    Parameters
    ----------
    keep : callable
        Writes a state. Returns None, or the error that it met.
    left : dict, default=None
        The state that a killed training has left.

    Attributes
    ----------
    random_state_before : RandomState
        That of the training's begin, which it sets.

    Examples
    --------
    >>> kept = []
    >>> checkpoints = Checkpoints(kept.append)
    >>> checkpoints.offer(lambda: {"epoch": 1})  # too early
    >>> kept
    []
    """

    def __init__(
        self,
        keep: Callable[[dict[str, Any]], Exception | None],
        left: dict[str, Any] | None = None,
    ) -> None:
        self.left = left
        self.random_state_before: RandomState | None = None
        self._keep = keep
        self._next_at = time.monotonic() + _FIRST_AFTER

    def offer(self, make_state: Callable[[], dict[str, Any]]) -> None:
        """Keep a state, if it is time to.

        The first one is written at the end of an epoch after a second of training,
        however long that takes; each other one when 20 times as long has passed as the
        one before it took. After a failure, which is warned of, none is written.

        Parameters
        ----------
        make_state : callable
            Gives the state.
        """
        begin = time.monotonic()
        if begin < self._next_at:
            return
        error = self._keep(make_state())
        if error is not None:
            self._next_at = math.inf
            _warn_that_nobody_can_go_on(error)
            return
        end = time.monotonic()
        self._next_at = end + (end - begin) / _SHARE_OF_TIME


def _warn_that_nobody_can_go_on(error: Exception) -> None:
    warnings.warn(
        "The state of this training cannot be written to memory, so that one that is "
        f"killed begins anew: {type(error).__name__}: {error}. Let the module and the "
        "callbacks leave out of their __getstate__ what pickle refuses, such as locks "
        "and open files, or make room in the folder.",
        stacklevel=2,
    )
