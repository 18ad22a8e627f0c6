"""Faster ways to do what skorch and torch do: fused optimizers, fewer look-ups."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from skorch.callbacks import Callback

# Others have no such kernel, or, as SGD, take sparse gradients that it cannot.
_FUSED = (torch.optim.Adam, torch.optim.AdamW)
_DEVICES = ("cpu", "cuda")
# Parameters that select another implementation, or rule this one out.
_CHOICES = {"foreach", "fused", "differentiable", "capturable"}


def can_be_fused(
    optimizer: Any, groups: Iterable[Mapping[str, Any]], kwargs: Mapping[str, Any]
) -> bool:
    """Whether torch can update these weights in one pass over the memory.

    It computes the same steps, with another rounding in the last bits, and saves a
    tenth of the training of a network for tables on a CPU. See ``torch.optim``, "How to
    select the implementation".

    Examples
    --------
    >>> weights = [{"params": [torch.zeros(3)]}]
    >>> can_be_fused(torch.optim.Adam, weights, {"lr": 0.1})
    True
    >>> can_be_fused(torch.optim.Adam, weights, {"lr": 0.1, "fused": False})
    False
    """
    if optimizer not in _FUSED or not _CHOICES.isdisjoint(kwargs):
        return False
    groups = list(groups)
    if not all(_CHOICES.isdisjoint(group) for group in groups):
        return False
    return all(
        weights.is_floating_point() and weights.device.type in _DEVICES
        for group in groups
        for weights in group["params"]
    )


def needs_no_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer evaluates the loss once for each step."""
    # Of torch's own optimizers, only LBFGS evaluates it more often.
    of_torch = type(optimizer).__module__.startswith("torch.optim.")
    return of_torch and not isinstance(optimizer, torch.optim.LBFGS)


def can_be_read_at_once(value: torch.Tensor) -> bool:
    """Whether a number can be read without waiting for a GPU."""
    return value.is_cpu


def read_numbers(batches: list[dict[str, Any]], name: str) -> None:
    """Turn what an epoch recorded of its batches from tensors into numbers, at once."""
    batches = [batch for batch in batches if isinstance(batch.get(name), torch.Tensor)]
    if not batches:
        return
    numbers = torch.stack([batch[name] for batch in batches]).flatten().tolist()
    for batch, number in zip(batches, numbers, strict=True):
        batch[name] = number


def listens(callback: Any, method_name: str) -> bool:
    """Whether a callback overrides a method, by its class or as an attribute."""
    method = getattr(callback, method_name, None)
    inherited = getattr(Callback, method_name, None)
    return method is not None and getattr(method, "__func__", method) is not inherited
