"""Notices when torch's threads wait for cores that other processes use."""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from skbin.machine.callers import warn_user

try:
    import resource
except ImportError:  # Windows; to mypy the name is that of the module
    resource: Any = None  # type: ignore[no-redef]

# Measured with two threads on two cores. Alone they use 98 % of their time and are
# interrupted 30 times a second. With one other busy process it is 62 % and 190, and
# training takes 4 times as long; with two, 25 % and 130, and 100 times.
_LEAST_SECONDS = 2.0
_LEAST_SHARE = 0.8
_MOST_INTERRUPTIONS_PER_SECOND = 60


class Used(NamedTuple):
    """Time and processor seconds of this process, and how often it lost a core."""

    at: float
    cpu: float
    interruptions: int


def used() -> Used:
    """Read the counters of the operating system."""
    counted = resource.getrusage(resource.RUSAGE_SELF)
    cpu = counted.ru_utime + counted.ru_stime
    return Used(time.monotonic(), cpu, counted.ru_nivcsw)


@dataclass
class Contention:
    """Watches one training, and warns once."""

    _since: Used | None = field(default_factory=lambda: used() if resource else None)

    def look(self, device: Any) -> None:
        """Warn if threads on the CPU mostly waited since the last call."""
        n_threads = torch.get_num_threads()
        if self._since is None or n_threads == 1 or str(device) != "cpu":
            return
        now = used()
        seconds = now.at - self._since.at
        if seconds < _LEAST_SECONDS:
            return
        share = (now.cpu - self._since.cpu) / (seconds * n_threads)
        interruptions = (now.interruptions - self._since.interruptions) / seconds
        self._since = now
        if share > _LEAST_SHARE or interruptions < _MOST_INTERRUPTIONS_PER_SECOND:
            return
        self._since = None
        warn_user(
            f"Other processes use the cores on which torch trains with {n_threads} "
            f"threads: the threads were computing for only {share:.0%} of the time and "
            f"lost a core {interruptions:.0f} times a second. Threads that wait for "
            "each other can make training 30 times slower. Call "
            "torch.set_num_threads(1), or set OMP_NUM_THREADS=1 before Python starts.",
            about="threads that fight",
        )
