"""Losses and scores by epoch: `HistoryDisplay`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skbin.cutoffs.look import curve_style, make_axes, put_legend_below
from skbin.nesting import innermost


class HistoryDisplay:
    """Losses and scores by epoch.

    Use `from_estimator` to make one.

    Parameters
    ----------
    values : dict of str to ndarray of shape (n_epochs,)
        Losses or scores, by the name of their column in the history.
    estimator_name : str, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    lines_ : list of matplotlib Line2D
        The curves.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import make_classification
    >>> from skbin import BinaryNetClassifier, HistoryDisplay
    >>> X, y = make_classification(random_state=0)
    >>> net = BinaryNetClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_estimator(net)
    >>> len(display.lines_[0].get_xdata())
    5
    >>> plt.close()
    """

    def __init__(
        self,
        *,
        values: dict[str, NDArray[np.float64]],
        estimator_name: str | None = None,
    ) -> None:
        self.values = values
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        metrics: Sequence[str] | None = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "HistoryDisplay":
        """Plot the history of a fitted net.

        Parameters
        ----------
        estimator : skorch net, or a Pipeline or search that holds one
            Fitted.
        metrics : sequence of str, default=None
            Columns of the history, such as ``"valid_average_precision"``. None: the
            losses.
        name : str, default=None
            Title; None: the class of the net.
        ax : matplotlib Axes, default=None
            Axes to plot on. None: a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        TypeError
            If the estimator has no history.
        ValueError
            If the history has no column of a name in `metrics`.
        """
        check_is_fitted(estimator)
        net = innermost(estimator)
        if not hasattr(net, "history"):
            raise TypeError(
                "HistoryDisplay needs a skorch net, or a Pipeline or search that holds "
                f"one, got {type(net).__name__}, which has no history."
            )
        known = [
            column
            for column, value in (net.history[0] if net.history else {}).items()
            if isinstance(value, float) and column != "dur"
        ]
        losses = [column for column in ("train_loss", "valid_loss") if column in known]
        chosen = losses if metrics is None else list(metrics)
        unknown = [column for column in chosen if column not in known]
        if unknown or not chosen:
            raise ValueError(
                f"metrics must be among the columns of the history, {sorted(known)}, "
                f"got {unknown or chosen}."
            )
        values = {column: np.array(net.history[:, column]) for column in chosen}
        display = cls(values=values, estimator_name=name or type(net).__name__)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> "HistoryDisplay":
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None: a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : HistoryDisplay
        """
        self.ax_, self.figure_ = make_axes(ax)
        self.lines_ = []
        for number, (name, values) in enumerate(self.values.items()):
            epochs = np.arange(1, len(values) + 1)
            style = {**curve_style(number), **kwargs}
            self.lines_ += self.ax_.plot(epochs, values, label=name, **style)
        are_losses = all(name.endswith("loss") for name in self.values)
        self.ax_.set(
            xlabel="epoch",
            ylabel="loss" if are_losses else "value",
            title=self.estimator_name or "",
        )
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        put_legend_below(self.ax_)
        return self
