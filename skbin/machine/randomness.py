"""Random numbers of a fit, separate from all others."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

# torch has one generator for all threads, from which all layers draw. A fit inside a
# fit, in a callback, runs in the same thread and must not wait for itself.
_turn = threading.RLock()


def _begin_with_a_free_turn() -> None:
    # The thread that holds the lock does not exist in the child of a fork.
    global _turn
    _turn = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_with_a_free_turn)


@contextmanager
def turn_of_this_thread() -> Iterator[None]:
    """Wait until no other thread of this process is inside such a block.

    A thread may enter a block inside a block. If it waits inside for threads that also
    need the lock, as joblib's threading backend does, it deadlocks.

    Examples
    --------
    >>> with turn_of_this_thread(), turn_of_this_thread():
    ...     first = torch.rand(3)
    """
    with _turn:
        yield


def draw_seed(random_state: Any, *, else_from_torch: bool = False) -> int | None:
    """Draw the seed of one fit.

    Examples
    --------
    >>> draw_seed(0) == draw_seed(0)
    True
    """
    largest = np.iinfo(np.int32).max
    if random_state is not None:
        return int(check_random_state(random_state).randint(largest))
    if not else_from_torch:
        return None
    with turn_of_this_thread():
        return int(torch.randint(largest, ()))


@contextmanager
def seeded(seed: int | None, device: Any) -> Iterator[None]:
    """Seed torch inside the block and put its generators back afterwards.

    Threads of one process take turns (see `turn_of_this_thread`), because they share
    torch's generators. Predictions draw nothing and need no such block.

    Examples
    --------
    >>> with seeded(0, "cpu"):
    ...     first = torch.rand(3)
    >>> with seeded(0, "cpu"):
    ...     torch.equal(first, torch.rand(3))
    True
    """
    if seed is None:
        yield
        return
    devices = _devices_beside_the_cpu(device)
    # None would make some versions of torch fail if there is another kind of device.
    device_type = devices[0].type if devices else "cpu"
    with (
        turn_of_this_thread(),
        torch.random.fork_rng(devices=devices, device_type=device_type),
    ):
        # torch.manual_seed would also seed the other devices, which are not restored.
        torch.default_generator.manual_seed(seed)
        for one in devices:
            state = torch.Generator(one).manual_seed(seed).get_state()
            torch.get_device_module(one).set_rng_state(state, one)
        yield


def _devices_beside_the_cpu(device: Any) -> list[torch.device]:
    if device is not None:
        device = torch.device(device)
        return [] if device.type in ("cpu", "meta") else [device]
    if not torch.cuda.is_initialized():
        return []
    return [torch.device("cuda", i) for i in range(torch.cuda.device_count())]


class RandomState:
    """The state of torch's generators.

    Examples
    --------
    >>> state = RandomState("cpu")
    >>> first = torch.rand(3)
    >>> state.restore()
    >>> torch.equal(first, torch.rand(3))
    True
    """

    def __init__(self, device: Any) -> None:
        self.device = device
        self.of_cpu = torch.get_rng_state()
        self.of_device = None
        if device is not None and torch.device(device).type == "cuda":
            self.of_device = torch.cuda.get_rng_state(device)

    def restore(self) -> None:
        """Restore the generators."""
        torch.set_rng_state(self.of_cpu)
        if self.of_device is not None:
            torch.cuda.set_rng_state(self.of_device, self.device)
