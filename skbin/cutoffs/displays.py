"""Pictures of cutoffs and of training, in scikit-learn's Display convention."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skbin.cutoffs.choice import ThresholdChoice
from skbin.cutoffs.curve import Objective, read_rows
from skbin.data.seen import warn_if_trained_on

# Okabe and Ito: told apart by people who are colour-blind; the dashes by everybody.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))


def last_step(estimator: Any) -> Any:
    """Give the last step of a Pipeline, or the estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def make_axes(ax: Any) -> tuple[Any, Any]:
    """Give axes and their figure, new ones where `ax` is None."""
    check_matplotlib_support("skbin's displays")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax, ax.figure


def look_of_curve(number: int) -> dict[str, Any]:
    """Color and dashes of the curve of this number."""
    return {
        "color": _COLORS[number % len(_COLORS)],
        "linestyle": _DASHES[number % len(_DASHES)],
    }


def put_legend_below(ax: Any) -> None:
    """Put the legend where it covers no curve."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)


_MOST_POINTS_DRAWN = 5_000


class ThresholdDisplay:
    """Metrics, or the expected cost, against the cutoff.

    Use `from_estimator`, `from_predictions` or `from_search` to make one.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Cutoffs as probabilities, ascending.
    values : dict of str to ndarray of shape (n_thresholds,)
        What each metric is where a score of `thresholds` or more is called positive.
    spread : dict of str to ndarray of shape (n_thresholds,), default=None
        Half the width of a band around `values`, such as the deviation of folds.
    choice : ThresholdChoice or float, default=None
        The chosen cutoff, with its interval if `select_threshold` has chosen it.
    estimator_name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of matplotlib Line2D
        The curves.
    choice_line_ : matplotlib Line2D or None
        The chosen cutoff.

    See Also
    --------
    select_threshold : Makes the choice.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skbin import ThresholdDisplay, select_threshold
    >>> y_true = [0, 0, 0, 1, 0, 1, 1, 1]
    >>> y_score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9]
    >>> choice = select_threshold(y_true, y_score, random_state=0)
    >>> display = ThresholdDisplay.from_predictions(y_true, y_score, choice=choice)
    >>> [line.get_label() for line in display.lines_]
    ['precision', 'recall', 'f1']
    >>> plt.close()
    """

    def __init__(
        self,
        *,
        thresholds: NDArray[np.float64],
        values: dict[str, NDArray[np.float64]],
        spread: dict[str, NDArray[np.float64]] | None = None,
        choice: ThresholdChoice | float | None = None,
        estimator_name: str | None = None,
    ) -> None:
        self.thresholds = thresholds
        self.values = values
        self.spread = spread
        self.choice = choice
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, name: str | None = None, **kwargs: Any
    ) -> "ThresholdDisplay":
        """Draw from a fitted classifier, and data that it was not fitted on.

        Parameters
        ----------
        estimator : estimator instance
            With `predict_proba`; a Pipeline too.
        X, y : array-like
            Samples and their labels.
        name : str, default=None
            Title; None: the class of the estimator.
        **kwargs : dict
            As for `from_predictions`.

        Returns
        -------
        display : ThresholdDisplay

        Warns
        -----
        UserWarning
            If a `BinaryNetClassifier` was trained on these rows.
        """
        check_is_fitted(estimator)
        pos_label = kwargs.pop("pos_label", None)
        if pos_label is None:
            pos_label = getattr(last_step(estimator), "pos_label", None)
        classes = list(estimator.classes_)
        positive = 1 if pos_label is None else classes.index(pos_label)
        is_positive = np.asarray(y) == classes[positive]
        warn_if_trained_on(estimator, X, is_positive, stacklevel=2)
        return cls.from_predictions(
            y,
            estimator.predict_proba(X)[:, positive],
            pos_label=classes[positive],
            name=name or type(last_step(estimator)).__name__,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_score: Any,
        *,
        metrics: Sequence[Any] = ("precision", "recall", "f1"),
        cost_matrix: Any = None,
        choice: ThresholdChoice | float | None = None,
        sample_weight: Any = None,
        pos_label: Any = None,
        scale: str = "probability",
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ThresholdDisplay":
        """Draw from labels and probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The labels.
        y_score : array-like of shape (n_samples,)
            Probabilities of the positive class.
        metrics : sequence of str or callable, default=("precision", "recall", "f1")
            Metrics of decisions, as for `select_threshold`.
        cost_matrix : array-like of shape (2, 2), default=None
            If given, the expected cost is drawn in place of the metrics.
        choice : ThresholdChoice or float, default=None
            A cutoff to mark, with its interval if it has one.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.
        pos_label : object, default=None
            Label of the positive class.
        scale : {"probability", "logit"}, default="probability"
            Scale of the horizontal axis.
        name : str, default=None
            Title.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : ThresholdDisplay
        """
        rows = read_rows(
            y_true, y_score, sample_weight, pos_label, "probability", cost_matrix
        )
        by_cost = cost_matrix is not None
        values = {}
        for metric in ("cost",) if by_cost else metrics:
            objective = Objective(metric, {}, by_cost=by_cost, highest_cutoff=1)
            curve = objective.curve(rows)
            values[objective.name] = objective.sign * curve.values[::-1]
        thresholds = curve.thresholds[::-1]
        # Above all scores precision, of no alarms, would fall to 0.
        shown = thresholds <= rows.score[rows.weight > 0].max()
        display = cls(
            thresholds=thresholds[shown],
            values={metric: value[shown] for metric, value in values.items()},
            choice=choice,
            estimator_name=name,
        )
        return display.plot(ax=ax, scale=scale, **kwargs)

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        scale: str = "probability",
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ThresholdDisplay":
        """Draw from a fitted search over ``threshold``, all else at its best.

        The curve is the mean of the folds, the band their standard deviation.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or HalvingGridSearchCV
            Fitted, over a parameter whose name ends in ``threshold``.
        scale : {"probability", "logit"}, default="probability"
            Scale of the horizontal axis.
        name : str, default=None
            Title; None: the class of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : ThresholdDisplay

        Raises
        ------
        ValueError
            If the search was not over a threshold.
        """
        check_is_fitted(search)
        results = search.cv_results_
        best = results["params"][search.best_index_]
        parameters = [key for key in best if key.split("__")[-1] == "threshold"]
        if len(parameters) != 1:
            raise ValueError(
                "The search must be over one threshold, got the parameters "
                f"{sorted(best)}."
            )
        (parameter,) = parameters
        rest = {key: value for key, value in best.items() if key != parameter}
        rows = [
            row
            for row, params in enumerate(results["params"])
            if {key: params[key] for key in rest} == rest
        ]
        thresholds = np.array([results["params"][row][parameter] for row in rows])
        order = np.argsort(thresholds)
        rows = np.array(rows)[order].tolist()
        scores = {
            key.removeprefix("mean_test_"): key
            for key in results
            if key.startswith("mean_test_")
        }
        label = search.scoring if isinstance(search.scoring, str) else "score"
        named = {label if score == "score" else score: score for score in scores}
        display = cls(
            thresholds=thresholds[order].astype(float),
            values={
                new: results[f"mean_test_{old}"][rows] for new, old in named.items()
            },
            spread={
                new: results[f"std_test_{old}"][rows] for new, old in named.items()
            },
            choice=float(best[parameter]),
            estimator_name=name or type(last_step(search.estimator)).__name__,
        )
        return display.plot(ax=ax, scale=scale, **kwargs)

    def plot(
        self, ax: Any = None, *, scale: str = "probability", **kwargs: Any
    ) -> "ThresholdDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.
        scale : {"probability", "logit"}, default="probability"
            Scale of the horizontal axis.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : ThresholdDisplay
        """
        if scale not in ("probability", "logit"):
            raise ValueError(f"scale must be 'probability' or 'logit', got {scale!r}.")
        self.ax_, self.figure_ = make_axes(ax)
        positions = _positions(self.thresholds, scale)
        drawn = np.flatnonzero(np.isfinite(positions))
        drawn = drawn[:: len(drawn) // _MOST_POINTS_DRAWN + 1]
        x = positions[drawn]
        self.lines_ = []
        # Folds know a metric at the searched cutoffs, data at each cutoff between.
        style = {"drawstyle": "steps-pre"} if self.spread is None else {"marker": "."}
        for number, (name, values) in enumerate(self.values.items()):
            look = {**look_of_curve(number), **style, **kwargs}
            self.lines_ += self.ax_.plot(x, values[drawn], label=name, **look)
            if self.spread is not None:
                half = self.spread[name][drawn]
                self.ax_.fill_between(
                    x,
                    values[drawn] - half,
                    values[drawn] + half,
                    color=self.lines_[-1].get_color(),
                    alpha=0.15,
                    linewidth=0,
                )
        self._mark_choice(scale)
        self._describe(scale)
        return self

    def _mark_choice(self, scale: str) -> None:
        self.choice_line_ = None
        if self.choice is None:
            return
        threshold, interval, level = self.choice, None, 0.0
        if isinstance(self.choice, ThresholdChoice):
            threshold = self.choice.threshold
            interval = self.choice.threshold_interval
            level = self.choice.confidence_level
        number = float(threshold)  # type: ignore[arg-type]
        label = f"chosen cutoff {number:.3g} (logit {logit(number):.3g})"
        (position,) = _positions(np.array([number]), scale)
        self.choice_line_ = self.ax_.axvline(position, color="black", label=label)
        if interval is None or np.isnan(interval[0]):
            return
        low, high = _positions(np.array(interval), scale)
        self.ax_.axvspan(
            low,
            high,
            color="0.85",
            zorder=0,
            label=f"{level:.0%} interval {interval[0]:.3g} to {interval[1]:.3g}",
        )

    def _describe(self, scale: str) -> None:
        by_cost = list(self.values) == ["cost"]
        self.ax_.set(
            xlabel=f"cutoff ({scale})",
            ylabel="expected cost for each sample" if by_cost else "value",
            title=self.estimator_name or "",
        )
        if scale == "probability":
            self.ax_.set_xlim(-0.02, 1.02)
        put_legend_below(self.ax_)


def _positions(thresholds: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    return logit(thresholds) if scale == "logit" else thresholds


class HistoryDisplay:
    """Losses and scores by epoch.

    Use `from_estimator` to make one.

    Parameters
    ----------
    values : dict of str to ndarray of shape (n_epochs,)
        Losses or scores.
    estimator_name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Its figure.
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
        keys: Sequence[str] | None = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "HistoryDisplay":
        """Draw from the history of a fitted net.

        Parameters
        ----------
        estimator : skorch net, or a Pipeline that ends in one
            Fitted.
        keys : sequence of str, default=None
            Columns of the history, such as ``"valid_average_precision"``. None: the
            losses.
        name : str, default=None
            Title; None: the class of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        ValueError
            If the history has no such column.
        """
        check_is_fitted(estimator)
        net = last_step(estimator)
        known = [
            key
            for key, value in (net.history[0] if net.history else {}).items()
            if isinstance(value, float) and key != "dur"
        ]
        chosen = keys or [key for key in ("train_loss", "valid_loss") if key in known]
        unknown = [key for key in chosen if key not in known]
        if unknown or not chosen:
            raise ValueError(
                f"The history has no columns {unknown}, but {sorted(known)}."
            )
        values = {key: np.array(net.history[:, key]) for key in chosen}
        display = cls(values=values, estimator_name=name or type(net).__name__)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> "HistoryDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.
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
            look = {**look_of_curve(number), **kwargs}
            self.lines_ += self.ax_.plot(epochs, values, label=name, **look)
        are_losses = all(name.endswith("loss") for name in self.values)
        self.ax_.set(
            xlabel="epoch",
            ylabel="loss" if are_losses else "value",
            title=self.estimator_name or "",
        )
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        put_legend_below(self.ax_)
        return self
