"""Random numbers of a fit, apart from everybody else's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state


def draw_seed(random_state: Any, *, else_from_torch: bool = False) -> int | None:
    """Draw the seed of one fit.

    Parameters
    ----------
    random_state : None, int or numpy.random.RandomState
        As everywhere in scikit-learn.
    else_from_torch : bool, default=False
        Whether to draw the seed from torch's generator if `random_state` is None.

    Returns
    -------
    seed : int or None
        None for None: then torch's own generator goes on as it is.

    Examples
    --------
    >>> draw_seed(0) == draw_seed(0)
    True
    """
    largest = np.iinfo(np.int32).max
    if random_state is not None:
        return int(check_random_state(random_state).randint(largest))
    return int(torch.randint(largest, ())) if else_from_torch else None


@contextmanager
def seeded(seed: int | None, device: Any) -> Iterator[None]:
    """Seed torch inside the block and put its generators back afterwards.

    Parameters
    ----------
    seed : int or None
        None leaves the generators alone.
    device : str, torch.device or None
        The device whose generator is used beside the CPU's.

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
    on_cuda = device is not None and torch.device(device).type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.manual_seed(seed)
        yield
