"""What training shows: a bar over epochs at ``verbose=1``, a table at 2."""

import sys
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score
from skorch.callbacks import Callback, PrintLog
from skorch.utils import to_numpy
from tqdm.auto import tqdm


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
