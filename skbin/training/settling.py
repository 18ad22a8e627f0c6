"""What is counted in the rows that are trained on: `pos_weight` and the priors."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import SubsetRandomSampler, WeightedRandomSampler

from skbin.data.fitted import FittedData
from skbin.data.intake import Samples, count_classes
from skbin.data.rows import resolve, targets_of, weights_of
from skbin.machine.callers import stacklevel_of_user
from skbin.training.loss import (
    pos_weight_in,
    resolve_pos_weight,
    warn_if_pos_weight_inverted,
)


def settle(
    net: Any, samples: Samples, fitted: FittedData | None, method: str
) -> FittedData:
    """Count the classes that are trained on; a first call settles `pos_weight`."""
    totals = _totals(net._run.train, samples)
    is_first = fitted is None
    if is_first:
        _require_both_classes(totals, samples)
    elif method == "partial_fit":
        totals = totals + fitted.totals
    data = net._data if is_first else fitted
    pos_weight = data.pos_weight
    batches = net.get_iterator(net._run.train, training=True)
    # A warm start settles it anew, partial_fit in its first call.
    if is_first or method == "fit":
        pos_weight = _pos_weight(net, data, totals)
        _warn_if_weighed_twice(net, batches)
    if is_first and samples.target is not None:
        stacklevel = stacklevel_of_user() + 1
        warn_if_pos_weight_inverted(pos_weight, *totals, stacklevel=stacklevel)
    return replace(
        data,
        class_totals=(float(totals[0]), float(totals[1])),
        pos_weight=pos_weight,
        batch_prior=_batch_prior(net, batches, totals),
    )


def _totals(train: Any, samples: Samples) -> NDArray[np.float64]:
    target = targets_of(train)
    if target is None and samples.target is not None:
        _, index = resolve(train)  # of a dataset of the user's own class
        target = samples.target if index is None else samples.target[index]
    if target is None:
        return np.full(2, np.nan)
    return count_classes(target, weights_of(train)) * samples.total_weight


def _require_both_classes(totals: NDArray[np.float64], samples: Samples) -> None:
    """Refuse a split that leaves one class for training."""
    of_all = samples.class_totals()
    if not (of_all > 0).all() or (totals > 0).all():
        return
    which = samples.labels.positive if totals[1] == 0 else samples.labels.negative
    raise ValueError(
        f"Samples of two classes are needed to train on, but train_split holds out all "
        f"samples of the class {which!r}. Use ValidSplit(5, stratified=True), or pass "
        "more samples of it."
    )


def _pos_weight(net: Any, data: FittedData, totals: NDArray[np.float64]) -> float:
    pos_weight = net.pos_weight
    in_criterion = pos_weight_in(net._bare_criterion())
    if net._run.is_fresh and in_criterion is not None:
        if pos_weight is not None:
            raise ValueError(
                "pos_weight and criterion__pos_weight are the same thing, got "
                f"{pos_weight!r} and {in_criterion!r}. Pass pos_weight alone."
            )
        pos_weight = in_criterion
    if pos_weight is not None and not net._takes_logits():
        raise ValueError(
            f"{type(net._bare_criterion()).__name__} takes no pos_weight, got "
            f"pos_weight={pos_weight!r}. End the module in a logit and use "
            "BCEWithLogitsLoss (the default), or pass sample_weight to fit."
        )
    return resolve_pos_weight(
        pos_weight,
        negative_weight=totals[0],
        positive_weight=totals[1],
        negative_label=data.labels.negative,
        positive_label=data.labels.positive,
    )


def _warn_if_weighed_twice(net: Any, batches: Any) -> None:
    sampler = net.get_params_for("iterator_train").get("sampler")
    is_balanced = hasattr(batches, "positive_share")
    if not is_balanced and not isinstance(sampler, WeightedRandomSampler):
        return
    if isinstance(net.pos_weight, str):  # "balanced"
        warnings.warn(
            "pos_weight='balanced' beside a sampler that draws positives more often "
            "weighs them twice. Use one of the two.",
            UserWarning,
            stacklevel=stacklevel_of_user(),
        )


def _batch_prior(net: Any, batches: Any, totals: NDArray[np.float64]) -> float:
    """Compute the share of positives that batches draw."""
    train = net._run.train
    if hasattr(batches, "positive_share"):
        return batches.positive_share
    sampler = net.get_params_for("iterator_train").get("sampler")
    target = targets_of(train)
    weight = weights_of(train)
    weight = np.ones(len(train)) if weight is None and target is not None else weight
    if target is None or not isinstance(
        sampler, (WeightedRandomSampler, SubsetRandomSampler)
    ):
        return float(totals[1] / totals.sum())
    if isinstance(sampler, WeightedRandomSampler):
        drawn = sampler.weights.numpy() * weight
    else:
        drawn = np.bincount(sampler.indices, minlength=len(target)) * weight
    return float(np.average(target, weights=drawn))
