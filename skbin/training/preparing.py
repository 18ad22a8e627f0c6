"""What a network gets before the first step: scales and the base rate."""

import inspect
from typing import Any

import numpy as np
import torch
from scipy.special import logit
from torch import nn
from torch.utils.data import IterableDataset, Subset

from skbin.data.rows import is_in_memory, some_rows, targets_of, weights_of
from skbin.training.module import refuse_mixed_scales, uncompiled

_MOST_OF_A_CLASS = 1_000


def prepare_module(net: Any) -> None:
    """Call the method ``prepare`` of a network, if it has one."""
    module = net._bare_module()
    refuse_mixed_scales(module, net._bare_criterion())
    if not hasattr(module, "prepare"):
        return
    if "target" in inspect.signature(module.prepare).parameters:
        module.prepare(*_labelled(net, _base_logit(net)))
        return
    rows = _rows_to_show(net)
    parameter = next(module.parameters(), None)
    if rows is not None and parameter is not None:
        rows = rows.to(parameter.device)
    module.prepare(rows, _base_logit(net))


def tell_shift(net: Any) -> None:
    """Tell a network with a part fitted without weights what they add to logits.

    In each training, because `pos_weight` may have changed.
    """
    module, data = net._bare_module(), net._data
    if not hasattr(module, "take_shift"):
        return
    drawn, share = data.batch_prior, data.train_prior
    if 0 < drawn < 1 and 0 < share < 1:
        added = float(logit(drawn) - logit(share) + np.log(data.pos_weight))
        module.take_shift(added)


def conclude(net: Any) -> None:
    """Call the method ``conclude`` of a network, if it has one."""
    module = uncompiled(vars(net).get("module_"))
    if hasattr(module, "conclude"):
        module.conclude()


def _labelled(net: Any, base_logit: float | None) -> tuple[Any, ...]:
    """Return rows of both classes, with targets and weights, if they can be read."""
    train: Any = getattr(net._run, "train", None)
    target = targets_of(train)
    if isinstance(train, IterableDataset):
        return None, base_logit, None, None
    if target is None or not is_in_memory(train):
        return *_read(net, some_rows(train), base_logit), None
    weight = weights_of(train)
    weight = np.ones(len(target)) if weight is None else weight.copy()
    kept = []
    for label in (0, 1):
        places = np.flatnonzero((target == label) & (weight > 0))
        some = places
        if len(places) > _MOST_OF_A_CLASS:
            spread = np.linspace(0, len(places) - 1, _MOST_OF_A_CLASS)
            some = places[spread.astype(int)]
        weight[some] *= len(places) / max(len(some), 1)
        kept.append(some)
    index = np.sort(np.concatenate(kept))
    X, base_logit, y = _read(net, Subset(train, index.tolist()), base_logit)
    return X, base_logit, y, torch.as_tensor(weight[index], device=y.device)


def _read(net: Any, rows: Any, base_logit: float | None) -> tuple[Any, ...]:
    """Read rows and their targets, onto the device of the network."""
    batches = list(net.get_iterator(rows, training=False))
    device = net._compute_device()
    X = torch.cat([X for X, _ in batches]).to(device)
    return X, base_logit, torch.cat([y for _, y in batches]).float().to(device)


def _rows_to_show(net: Any) -> torch.Tensor | None:
    train: Any = getattr(net._run, "train", None)
    if isinstance(train, IterableDataset):
        return None  # a stream may be readable only once
    batches = net.get_iterator(train, training=True)
    if getattr(batches, "is_merged", False):
        return batches.rows_to_show()
    shown = [X for X, _ in net.get_iterator(some_rows(train), training=False)]
    return torch.cat(shown) if isinstance(shown[0], torch.Tensor) else None


def _base_logit(net: Any) -> float | None:
    """Compute the logit of the weighted share of positives."""
    draws_weights = net._run.is_fresh and not isinstance(net.module, nn.Module)
    if not draws_weights or not 0 < net._data.batch_prior < 1:
        return None
    return float(logit(net._data.batch_prior) + np.log(net._data.pos_weight))
