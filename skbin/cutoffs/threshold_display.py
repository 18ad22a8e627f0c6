"""Metrics or the expected cost against the cutoff: `ThresholdDisplay`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.utils.validation import check_is_fitted

from skbin.cutoffs.choice import ThresholdChoice
from skbin.cutoffs.curve import Objective
from skbin.cutoffs.look import curve_style, make_axes, put_legend_below
from skbin.cutoffs.metrics import distinct_names
from skbin.cutoffs.positives import warn_if_other_class_is_meant
from skbin.cutoffs.scored_rows import read_rows
from skbin.data.labels import find_labels
from skbin.nesting import chosen_positive_label, innermost, input_of_innermost

_COST = "expected cost"  # no name of a function, which has no space
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
    skbin.select_threshold : Makes the choice.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skbin import ThresholdDisplay, select_threshold
    >>> y_true = [0, 0, 0, 1, 0, 1, 1, 1]
    >>> y_score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9]
    >>> choice = select_threshold(y_true, y_score, n_bootstraps=0)
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
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
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
        """Draw from a fitted classifier and data that it was not fitted on.

        Parameters
        ----------
        estimator : estimator instance
            With `predict_proba`; a Pipeline or a search too.
        X, y : array-like, default=None
            Samples and their labels. None: the training rows of a `CrossFitClassifier`,
            by their scores out of fold, with its choice.
        metrics, cost_matrix, choice, sample_weight, scale, ax, **kwargs
            As for `from_predictions`.
        pos_label : object, default=None
            Label of the positive class. None: the `pos_label` of the estimator or of
            one inside it, else the second of its classes.
        name : str, default=None
            Title; None: the class of the estimator inside pipelines and searches.

        Returns
        -------
        display : ThresholdDisplay

        Warns
        -----
        UserWarning
            If a `BinaryNetClassifier` was trained on these rows, and as
            `select_threshold` does.
        """
        check_is_fitted(estimator)
        net = innermost(estimator)
        if X is None:
            rows = _out_of_fold(estimator, y, sample_weight, pos_label)
            display = cls._from_scores(
                **rows,
                metrics=metrics,
                cost_matrix=cost_matrix,
                choice=_chosen(estimator) if choice is None else choice,
                name=name or type(estimator).__name__,
            )
            return display.plot(ax=ax, scale=scale, **kwargs)
        if pos_label is None:
            pos_label = chosen_positive_label(estimator)
        labels = find_labels(np.asarray(estimator.classes_), pos_label)
        is_positive = labels.encode(y) == 1
        if hasattr(net, "_warn_if_trained_on"):
            net._warn_if_trained_on(
                input_of_innermost(estimator, X), is_positive, stacklevel=3
            )
        display = cls._from_scores(
            y,
            estimator.predict_proba(X)[:, labels.positive_index],
            metrics=metrics,
            cost_matrix=cost_matrix,
            choice=choice,
            sample_weight=sample_weight,
            pos_label=pos_label,
            name=name or type(net).__name__,
        )
        return display.plot(ax=ax, scale=scale, **kwargs)

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
            Label of the positive class. None: the second label in sorted order.
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

        Warns
        -----
        UserWarning
            As `select_threshold` does.
        """
        display = cls._from_scores(
            y_true,
            y_score,
            metrics=metrics,
            cost_matrix=cost_matrix,
            choice=choice,
            sample_weight=sample_weight,
            pos_label=pos_label,
            name=name,
        )
        return display.plot(ax=ax, scale=scale, **kwargs)

    @classmethod
    def _from_scores(
        cls,
        y_true: Any,
        y_score: Any,
        *,
        metrics: Sequence[Any],
        cost_matrix: Any,
        choice: ThresholdChoice | float | None,
        sample_weight: Any,
        pos_label: Any,
        name: str | None,
    ) -> "ThresholdDisplay":
        user = 4  # frames from a function called here to the user
        rows, labels = read_rows(
            y_true,
            y_score,
            sample_weight,
            pos_label,
            "probability",
            cost_matrix,
            stacklevel=user,
        )
        by_cost = cost_matrix is not None
        names = [_COST] if by_cost else distinct_names(metrics)
        if not names:
            raise ValueError("metrics must name at least one metric, got none.")
        values = {}
        for key, metric in zip(names, [None] if by_cost else metrics, strict=True):
            objective = Objective(metric, by_cost=by_cost)
            curve = objective.curve(rows)
            values[key] = objective.sign * curve.values[::-1]
        warn_if_other_class_is_meant(curve, rows, labels, pos_label, stacklevel=user)
        thresholds = curve.thresholds[::-1]
        # Above all scores precision, of no alarms, would fall to 0.
        shown = thresholds <= rows.score[rows.weight > 0].max()
        return cls(
            thresholds=thresholds[shown],
            values={metric: value[shown] for metric, value in values.items()},
            choice=choice,
            estimator_name=name,
        )

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
            estimator_name=name or type(innermost(search)).__name__,
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
            style_of_line = {**curve_style(number), **style, **kwargs}
            self.lines_ += self.ax_.plot(x, values[drawn], label=name, **style_of_line)
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
        threshold: Any = self.choice
        interval, level = None, 0.0
        if isinstance(self.choice, ThresholdChoice):
            threshold = self.choice.threshold
            interval = self.choice.threshold_interval
            level = self.choice.confidence_level
        number = float(threshold)
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
        by_cost = list(self.values) == [_COST]
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


def _out_of_fold(
    estimator: Any, y: Any, sample_weight: Any, pos_label: Any
) -> dict[str, Any]:
    """Give labels, scores and weights of the rows that an estimator has kept."""
    if not hasattr(estimator, "out_of_fold_"):
        raise TypeError(
            f"{type(estimator).__name__} keeps no scores of its training rows. Pass X "
            "and y that it was not trained on."
        )
    given = {"y": y, "sample_weight": sample_weight, "pos_label": pos_label}
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise ValueError(
            f"Without X the rows of fit are drawn, with their own {named}. Leave them "
            "out, or pass X."
        )
    return estimator.out_of_fold_rows()


def _chosen(estimator: Any) -> Any:
    return estimator.threshold_ if estimator.choice_ is None else estimator.choice_
