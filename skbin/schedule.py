"""The learning rate over the epochs of a fit."""

import math
from typing import Any

from skorch.callbacks import Callback, LRScheduler


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
