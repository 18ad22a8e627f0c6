"""Epochs as subtasks of ``fit``, in scikit-learn's callback protocol."""

import copy
from typing import Any

from sklearn.callback import CallbackContext
from skorch.callbacks import Callback


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
