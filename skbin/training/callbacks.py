"""What happens at a time in training: the schedule, the bar, scikit-learn's tasks."""

import copy
import math
import sys
from typing import Any

import numpy as np
from sklearn.callback import CallbackContext
from sklearn.metrics import average_precision_score
from skorch.callbacks import Callback, LRScheduler, PrintLog
from skorch.utils import to_numpy
from tqdm.auto import tqdm


class CosineDecay(Callback):
    """Lower the learning rate from its value to zero along half a cosine [1]_.

    After the training the optimizer has its learning rate back, so that `partial_fit`
    and warm starts begin with it. An ``LRScheduler`` among the callbacks takes its
    place.

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
        """Remember where to begin."""
        others = (callback for _, callback in net.callbacks_)
        self._is_replaced = any(isinstance(other, LRScheduler) for other in others)
        self._first_epoch = len(net.history)
        self._rates = [group["lr"] for group in net.optimizer_.param_groups]

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Set the learning rate of this epoch."""
        # on_epoch_begin has begun a new row of the history.
        done = (len(net.history) - 1 - self._first_epoch) / max(net.max_epochs, 1)
        self._scale(net, (1 + math.cos(math.pi * min(done, 1.0))) / 2)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Put the learning rate back."""
        self._scale(net, 1.0)

    def _scale(self, net: Any, factor: float) -> None:
        if self._is_replaced:
            return
        for group, rate in zip(net.optimizer_.param_groups, self._rates, strict=True):
            group["lr"] = factor * rate


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
        """Start anew."""
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
            self._bar = tqdm(total=net.max_epochs, unit="epoch", file=sys.stderr)

    def go_on_with(self, other: "EpochProgress", n_epochs: int) -> None:
        """Take the open bar of another one, for a training that was killed.

        Parameters
        ----------
        other : EpochProgress
            The one whose bar is open.
        n_epochs : int
            Epochs that are done.
        """
        self._bar = other._bar
        if self._bar is not None:
            self._bar.update(n_epochs)

    def on_batch_end(
        self, net: Any, batch: Any = None, training: Any = None, **step: Any
    ) -> None:
        """Keep the outputs that the average precision needs."""
        if self._bar is not None and training:
            self._outputs.append((batch[1], step["y_pred"]))

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
        y_true = np.concatenate([to_numpy(y) for y, _ in self._outputs])
        y_score = np.concatenate([to_numpy(output) for _, output in self._outputs])
        if not y_true.any():
            return float("nan")
        return float(average_precision_score(y_true, y_score))

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
    """One call of ``fit``, as scikit-learn's callbacks see it.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The root context of the fit.
    estimator : estimator instance
        The one that is fitted.
    X, y, sample_weight : array-like
        What the user gave to ``fit``.
    """

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
        """Tell the callbacks that an epoch begins.

        Parameters
        ----------
        number : int
            Which one, from 1.

        Returns
        -------
        epoch : sklearn.callback.CallbackContext
        """
        epoch = self.context.subcontext(task_name=f"epoch {number}")
        epoch.call_on_fit_task_begin(**self.arguments)
        return epoch

    def end_epoch(self, epoch: CallbackContext) -> bool:
        """Tell the callbacks that an epoch ends.

        Parameters
        ----------
        epoch : sklearn.callback.CallbackContext
            What `begin_epoch` returned.

        Returns
        -------
        stop : bool
            Whether one of them wants no more epochs.
        """
        net = self.arguments["estimator"]
        return epoch.call_on_fit_task_end(
            **self.arguments,
            # The network goes on being trained, so a callback gets one of its own.
            reconstruction_attributes=lambda: {
                "module_": copy.deepcopy(net.module_),
                "_is_training": False,
            },
        )


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks, set by ``set_callbacks``, of each epoch.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier
    >>> net = BinaryNetClassifier(callbacks__epoch_tasks=None)  # of the fit alone
    """

    def _get_param_names(self) -> list[str]:
        return []

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Begin a subtask."""
        task = vars(net).get("_fit_task")
        if task is not None:
            self._epoch = task.begin_epoch(len(net.history))

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """End the subtask, and the training if a callback asks for it."""
        task = vars(net).get("_fit_task")
        if task is not None and task.end_epoch(self.__dict__.pop("_epoch")):
            raise KeyboardInterrupt  # as skorch's EarlyStopping does
