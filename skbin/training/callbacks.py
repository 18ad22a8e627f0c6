"""Callbacks: learning rate, scores, progress bar, scikit-learn's tasks."""

import copy
import inspect
import math
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.callback import CallbackContext
from sklearn.metrics import average_precision_score, check_scoring
from skorch.callbacks import (
    Callback,
    EpochScoring,
    LRScheduler,
    PassthroughScoring,
    PrintLog,
)
from skorch.utils import to_numpy
from tqdm.auto import tqdm

from skbin.data.rows import weights_of
from skbin.training.amount import suited_epochs


class CosineDecay(Callback):
    """Lower the learning rate from its value to zero along half a cosine [1]_.

    After the training the optimizer has its learning rate back, so that `partial_fit`
    and warm starts begin with it. An ``LRScheduler`` among the callbacks takes its
    place; a learning rate that something else sets during training is kept.

    References
    ----------
    .. [1] Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm
       restarts", ICLR 2017, without the restarts.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier
    >>> net = BinaryNetClassifier(callbacks__cosine_decay=None)  # constant
    """

    def _get_param_names(self) -> list[str]:
        return []

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Check whether there is another schedule."""
        others = (callback for _, callback in net.callbacks_)
        self._is_replaced = any(isinstance(other, LRScheduler) for other in others)
        self._first_epoch = len(net.history)
        self._optimizer: Any = None

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Set the learning rate of this epoch."""
        if net.optimizer_ is not self._optimizer:
            # Read here, because callbacks may set it when training begins.
            self._optimizer = net.optimizer_
            self._rates: list[float | None] = []
            self._set: list[float] = []
        added = net.optimizer_.param_groups[len(self._rates) :]
        self._rates += [group["lr"] for group in added]
        self._set += [group["lr"] for group in added]
        # on_epoch_begin has begun a new row of the history.
        done = (len(net.history) - 1 - self._first_epoch) / max(_epochs_of(net), 1)
        self._scale(net, (1 + math.cos(math.pi * min(done, 1.0))) / 2)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Restore the learning rate."""
        self._scale(net, 1.0)
        self._optimizer = None  # or files of the net would hold it twice

    def _scale(self, net: Any, factor: float) -> None:
        if self._is_replaced or net.optimizer_ is not self._optimizer:
            return
        for place, group in enumerate(net.optimizer_.param_groups[: len(self._rates)]):
            if group["lr"] != self._set[place]:
                self._rates[place] = None  # something else has set it
            rate = self._rates[place]
            if rate is not None:
                group["lr"] = self._set[place] = factor * rate


def _epochs_of(net: Any) -> int:
    run = getattr(net, "_run", None)
    if run is not None:
        return run.n_epochs
    return suited_epochs(None, None) if net.max_epochs == "auto" else net.max_epochs


class EpochLoss(PassthroughScoring):
    """The loss of an epoch: the mean over its rows, by their weights."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record it."""
        prefix = self.name.partition("_")[0]
        batches = net.history[-1]["batches"]
        if not any(f"{prefix}_batch_weight" in batch for batch in batches):
            super().on_epoch_end(net, **kwargs)
            return
        batches = [batch for batch in batches if self.name in batch]
        losses = [batch[self.name] for batch in batches]
        weights = [batch[f"{prefix}_batch_weight"] for batch in batches]
        net.history.record(self.name, float(np.average(losses, weights=weights)))


class WeightedScoring(EpochScoring):
    """A score of the validation rows, by their weights."""

    def on_epoch_end(
        self, net: Any, dataset_train: Any, dataset_valid: Any, **kwargs: Any
    ) -> None:
        """Record it."""
        self._weight = None if dataset_valid is None else weights_of(dataset_valid)
        super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        del self._weight

    def _scoring(self, net: Any, X_test: Any, y_test: Any) -> float:
        if self._weight is None:
            return super()._scoring(net, X_test, y_test)
        scorer = check_scoring(net, self.scoring_)
        if not _takes_weights(scorer):
            return scorer(net, X_test, y_test)
        return scorer(net, X_test, y_test, sample_weight=self._weight)


def _takes_weights(scorer: Any) -> bool:
    """Whether a scorer, or its metric, takes weights; a user's may not."""
    metric = getattr(scorer, "_score_func", scorer)
    parameters = inspect.signature(metric).parameters.values()
    return any(p.name == "sample_weight" or p.kind == p.VAR_KEYWORD for p in parameters)


def refuse_unknown_callbacks(params: Iterable[str], callbacks: Iterable[Any]) -> None:
    """Refuse parameters of callbacks that do not exist."""
    given = {name.partition("__")[0] for name in params}
    known = {name for name, _ in callbacks}
    if given - known:
        raise ValueError(
            f"There are no callbacks named {sorted(given - known)}; there are "
            f"{sorted(known)}. Use one of these names, as in "
            "callbacks__print_log__floatfmt."
        )


class EpochProgress(Callback):
    """A progress bar over epochs with losses and average precision.

    It shows while the net's ``verbose`` is 1. The average precision is that of the
    validation rows or, without them, of the outputs that the training steps made
    on the way.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier
    >>> net = BinaryNetClassifier(callbacks__progress=None)  # never show it
    """

    def initialize(self) -> "EpochProgress":
        """Reset the state."""
        self._outputs: list[Any] = []
        self._bar: Any = None
        return self

    def _get_param_names(self) -> list[str]:
        return []

    def __getstate__(self) -> dict[str, Any]:
        # A checkpoint may be pickled while the bar is open, which no pickle can hold.
        return {"_outputs": [], "_bar": None}

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Open the bar."""
        if net.verbose == 1:
            self._bar = tqdm(total=_epochs_of(net), unit="epoch", file=sys.stderr)

    def go_on_with(self, other: "EpochProgress", n_epochs: int) -> None:
        """Take over the open bar of another callback when a training resumes."""
        self._bar = other._bar
        if self._bar is not None:
            self._bar.update(n_epochs)

    def on_batch_end(
        self, net: Any, batch: Any = None, training: Any = None, **step: Any
    ) -> None:
        """Keep the outputs that the average precision needs."""
        if self._bar is None or not training:
            return
        output = step["y_pred"]
        output = output[0] if isinstance(output, tuple) else output
        weight = getattr(batch, "sample_weight", None)
        self._outputs.append((batch[1], output.detach(), weight))

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Move the bar on by one epoch."""
        if self._bar is None:
            return
        epoch = net.history[-1]
        shown = {
            name: epoch[name] for name in ("train_loss", "valid_loss") if name in epoch
        }
        if "valid_average_precision" in epoch:
            shown["valid_AP"] = epoch["valid_average_precision"]
        else:
            shown["train_AP"] = self._train_average_precision()
        self._outputs = []
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items()})
        self._bar.update()

    def _train_average_precision(self) -> float:
        y_true = np.concatenate([to_numpy(y) for y, _, _ in self._outputs])
        y_score = np.concatenate([to_numpy(output) for _, output, _ in self._outputs])
        weights = [weight for _, _, weight in self._outputs]
        weight = None
        if weights[0] is not None:
            weight = np.concatenate([to_numpy(weight) for weight in weights])
        if not y_true.any():
            return float("nan")
        return float(average_precision_score(y_true, y_score, sample_weight=weight))

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Close the bar, if it is open."""
        if getattr(self, "_bar", None) is not None:
            self._bar.close()
        self.initialize()


class EpochTable(PrintLog):
    """skorch's table of epochs, shown from ``verbose=2`` on.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier
    >>> net = BinaryNetClassifier(verbose=2, callbacks__print_log__floatfmt=".2f")
    """

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Print the row of this epoch."""
        if net.verbose >= 2 or self.sink is not print:
            super().on_epoch_end(net, **kwargs)


class FitTask:
    """One call of ``fit``, as scikit-learn's callbacks see it."""

    def __init__(
        self, context: CallbackContext, estimator: Any, X: Any, y: Any, sample_weight
    ) -> None:
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.context = context
        self.arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}

    def begin(self) -> None:
        """Tell the callbacks that ``fit`` begins."""
        self.context.call_on_fit_task_begin(**self.arguments)

    def end(self) -> None:
        """Tell the callbacks that ``fit`` ends with a fitted estimator."""
        self.context.call_on_fit_task_end(
            **self.arguments, reconstruction_attributes={}
        )

    def begin_epoch(self, number: int) -> CallbackContext:
        """Tell the callbacks that an epoch begins, counted from 1."""
        epoch = self.context.subcontext(task_name=f"epoch {number}")
        epoch.call_on_fit_task_begin(**self.arguments)
        return epoch

    def end_epoch(self, epoch: CallbackContext) -> bool:
        """Tell the callbacks that an epoch ends; True if one of them stops training."""
        net = self.arguments["estimator"]
        return epoch.call_on_fit_task_end(
            **self.arguments,
            # Training continues to change the network, so a callback gets a copy.
            reconstruction_attributes=lambda: {
                "module_": copy.deepcopy(net.module_),
                "_run": None,
            },
        )


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks, set by ``set_callbacks``, of each epoch.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier
    >>> net = BinaryNetClassifier(callbacks__epoch_tasks=None)  # only of the fit
    """

    def _get_param_names(self) -> list[str]:
        return []

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Begin a subtask."""
        task = _task_of(net)
        if task is not None:
            self._epoch = task.begin_epoch(len(net.history))

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """End the subtask, and the training if a callback asks for it."""
        task = _task_of(net)
        if task is not None and task.end_epoch(self.__dict__.pop("_epoch")):
            raise KeyboardInterrupt  # as skorch's EarlyStopping does


def _task_of(net: Any) -> FitTask | None:
    run = getattr(net, "_run", None)
    return None if run is None else run.task
