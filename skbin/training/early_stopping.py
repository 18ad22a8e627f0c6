"""When to stop: by the loss of held-out rows, restoring the best weights."""

import copy
from numbers import Integral
from typing import Any

import numpy as np
import torch
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit

from skbin.data.rows import TensorRows
from skbin.training.output import n_rows_of

# Measured on tables: see docs/benchmarks/tables.rst.
SHARE_HELD_OUT = 0.15
_PATIENCE = 12  # epochs
_AVERAGED = 0.5  # share of the epochs before in the mean of weights
_FEWEST_OF_A_CLASS = 20


def split_to_stop(net: Any, samples: Any, dataset: Any, method: str) -> Any:
    """Return the split whose held-out rows stop `fit`, None if there is none."""
    if not net.early_stopping or method != "fit":
        return None
    if not any(isinstance(callback, BestWeights) for _, callback in net.callbacks_):
        raise ValueError(
            "early_stopping=True needs the callback best_weights, which "
            f"callbacks={net.callbacks!r} or callbacks__best_weights=None has switched "
            "off. Leave it on, or pass early_stopping=False."
        )
    if net.train_split:
        return net.train_split
    if samples.is_dataset and samples.target is None:
        raise ValueError(
            "early_stopping=True holds out rows of both classes, but the labels of a "
            "Dataset are not known. Pass y as well, fit(dataset, y), or a train_split "
            "with a callback EarlyStopping."
        )
    target = samples.target
    if isinstance(dataset, TensorRows):
        # Copies of a row stay on one side of the split.
        places = np.unique(dataset.row_keys(), return_index=True)[1]
        weight = samples.weight
        counted = places if weight is None else places[weight[places] > 0]
        target = target[counted]
    counts = np.bincount(target.astype(int), minlength=2)
    if counts.min() >= _FEWEST_OF_A_CLASS:
        return ValidSplit(SHARE_HELD_OUT, stratified=True)
    rarer = (samples.labels.negative, samples.labels.positive)[counts.argmin()]
    raise ValueError(
        f"early_stopping=True holds out {SHARE_HELD_OUT:.0%} of the rows. The class "
        f"{rarer!r} has {counts.min()} different rows, too few for a reliable loss: at "
        f"least {_FEWEST_OF_A_CLASS} are needed. Pass early_stopping=False, or use "
        "CrossFitClassifier, which uses all rows for this."
    )


class BestWeights(EarlyStopping):
    """Keeps the best weights on held-out rows, and stops when they no longer improve.

    Weights are means over epochs, each counting half as much as the next: those of one
    epoch are noisy while the learning rate is high. Works while the net stops early.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier
    >>> net = BinaryNetClassifier(
    ...     early_stopping=True, callbacks__best_weights__patience=5
    ... )
    """

    monitor = None

    def __init__(self, patience: int = _PATIENCE) -> None:
        self.patience = patience

    def initialize(self) -> "BestWeights":
        """Reset the state."""
        is_number = isinstance(self.patience, Integral)
        if not is_number or isinstance(self.patience, bool) or self.patience < 1:
            raise ValueError(
                "callbacks__best_weights__patience must be a number of epochs of 1 or "
                f"more, got {self.patience!r}."
            )
        self._average: list[dict[str, Any]] = []
        self._best: list[dict[str, Any]] = []
        self._lowest, self._n_worse = np.inf, 0
        return self

    def _get_param_names(self) -> list[str]:
        return ["patience"]

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Forget an earlier training."""
        self.initialize()

    def on_epoch_end(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **_: Any
    ) -> None:
        """Average the weights, and compare their loss with the best so far."""
        if net._run is None or not net._run.stops_early:
            return
        modules = [getattr(net, f"{name}_") for name in net._modules]
        now = [copy.deepcopy(module.state_dict()) for module in modules]
        before = self._average or now
        self._average = [_mean(*states) for states in zip(before, now, strict=True)]
        _load(modules, self._average)
        loss = _mean_loss(net, dataset_valid)
        _load(modules, now)
        is_best = loss < self._lowest
        net.history.record("averaged_valid_loss", loss)
        net.history.record("averaged_valid_loss_best", is_best)
        if is_best:
            self._lowest, self._n_worse, self._best = loss, 0, self._average
            return
        self._n_worse += 1
        if self._n_worse >= self.patience:
            raise KeyboardInterrupt  # as skorch's EarlyStopping does

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Restore the best weights."""
        if self._best:
            _load([getattr(net, f"{name}_") for name in net._modules], self._best)
        self.initialize()  # so that files and pickles of the net do not hold them twice


def _mean(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Average weights; what does not change stays exact, infinite or not a number."""
    return {name: _mean_of(before[name], value) for name, value in after.items()}


def _mean_of(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    if not after.is_floating_point():
        return after
    return torch.where(after == before, after, after.lerp(before, _AVERAGED))


def _load(modules: list[Any], states: list[dict[str, Any]]) -> None:
    for module, state in zip(modules, states, strict=True):
        module.load_state_dict(state)


def _mean_loss(net: Any, dataset: Any) -> float:
    total = n = 0.0
    for batch in net.get_iterator(dataset, training=False):
        weight = net._weight_of(batch)
        loss = float(net.validation_step(batch, **net._says_whole(batch))["loss"])
        size = n_rows_of(batch[0]) if weight is None else float(weight.sum())
        total, n = total + loss * size, n + size
    return total / n
