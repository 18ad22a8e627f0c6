"""Metrics or the expected cost against the cutoff: `ThresholdDisplay`."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skbin.cutoffs.choice import ThresholdChoice
from skbin.cutoffs.choice_mark import mark_choice, require_choice, threshold_of
from skbin.cutoffs.kept_rows import chosen_by, costs_chosen_by, rows_out_of_fold
from skbin.cutoffs.look import (
    curve_style,
    has_a_place,
    make_axes,
    put_legend_below,
    show_probabilities,
)
from skbin.cutoffs.reliability import Reliability, draw_reliability
from skbin.cutoffs.scored_curves import COST, Outcomes, curves_of_scores, spread_places
from skbin.cutoffs.searched_curves import curves_of_search
from skbin.cutoffs.threshold_page import costs_of, write_page
from skbin.data.labels import find_labels
from skbin.nesting import chosen_positive_label, innermost, input_of_innermost

_MOST_POINTS_DRAWN = 5_000


class ThresholdDisplay:
    """Metrics, or the expected cost, against the cutoff.

    Use `from_estimator`, `from_predictions` or `from_search` to make one.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Cutoffs as probabilities, ascending.
    values : dict of str to ndarray of shape (n_thresholds,)
        Each metric, if scores of at least `thresholds` are called positive.
    bands : dict of str to ndarray of shape (2, n_thresholds), default=None
        Lower and upper end of a band around `values`.
    outcomes : tuple of four ndarray of shape (n_thresholds,), default=None
        Weights of true negatives, false positives, false negatives and true positives,
        for `to_html`.
    reliability : tuple of four ndarray, default=None
        Mean probability, share of positives, and lower and upper end of its interval,
        for groups of similar scores; for `plot_reliability`.
    choice : ThresholdChoice or float, default=None
        The chosen cutoff, with its interval if it is from `select_threshold`.
    cost_matrix : array-like of shape (2, 2), default=None
        The initial costs on the page that `to_html` writes.
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
    choice_line_ : matplotlib Line2D or None
        The chosen cutoff.

    See Also
    --------
    skbin.select_threshold : Chooses a cutoff.

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
        bands: dict[str, NDArray[np.float64]] | None = None,
        outcomes: Outcomes | None = None,
        reliability: Reliability | None = None,
        choice: ThresholdChoice | float | None = None,
        cost_matrix: Any = None,
        estimator_name: str | None = None,
    ) -> None:
        self.thresholds = thresholds
        self.values = values
        self.bands = bands
        require_choice(choice)
        self.outcomes = outcomes
        self.reliability = reliability
        self.choice = choice
        self.cost_matrix = cost_matrix
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
        groups: Any = None,
        pos_label: Any = None,
        n_bootstraps: int = 200,
        confidence_level: float = 0.95,
        random_state: Any = None,
        scale: str = "logit",
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ThresholdDisplay":
        """Plot a fitted classifier on data that it was not fitted on.

        Parameters
        ----------
        estimator : estimator instance
            Has `predict_proba`; may be a Pipeline or a search.
        X, y : array-like, default=None
            Samples and their labels. None: the training rows of a `CrossFitClassifier`,
            with their out-of-fold scores and its choice.
        metrics, cost_matrix, choice, sample_weight, groups, n_bootstraps, \
confidence_level, random_state, scale, ax, **kwargs
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
            If a `BinaryNetClassifier` was trained on these rows, and in the same cases
            as `select_threshold`.
        """
        check_is_fitted(estimator)
        net = innermost(estimator)
        costs = cost_matrix
        if X is None:
            rows = rows_out_of_fold(estimator, y, sample_weight, groups, pos_label)
            choice = chosen_by(estimator) if choice is None else choice
            costs = costs_chosen_by(estimator) if cost_matrix is None else costs
            name = name or type(estimator).__name__
        else:
            if pos_label is None:
                pos_label = chosen_positive_label(estimator)
            labels = find_labels(np.asarray(estimator.classes_), pos_label)
            is_positive = labels.encode(y) == 1
            if hasattr(net, "_warn_if_trained_on"):
                net._warn_if_trained_on(input_of_innermost(estimator, X), is_positive)
            rows = {
                "y_true": y,
                "y_score": estimator.predict_proba(X)[:, labels.positive_index],
                "sample_weight": sample_weight,
                "groups": groups,
                "pos_label": pos_label,
            }
        curves = curves_of_scores(
            **rows,
            metrics=metrics,
            cost_matrix=cost_matrix,
            n_bootstraps=n_bootstraps,
            confidence_level=confidence_level,
            random_state=random_state,
        )
        name = name or type(net).__name__
        display = cls(**curves, choice=choice, cost_matrix=costs, estimator_name=name)
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
        groups: Any = None,
        pos_label: Any = None,
        n_bootstraps: int = 200,
        confidence_level: float = 0.95,
        random_state: Any = None,
        scale: str = "logit",
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ThresholdDisplay":
        """Plot from labels and probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The labels.
        y_score : array-like of shape (n_samples,)
            Probabilities of the positive class.
        metrics : sequence of str or callable, default=("precision", "recall", "f1")
            Metrics of decisions, as for `select_threshold`.
        cost_matrix : array-like of shape (2, 2), default=None
            If given, the expected cost is plotted instead of the metrics.
        choice : ThresholdChoice or float, default=None
            A cutoff to mark, with its interval if it has one.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.
        groups : array-like of shape (n_samples,), default=None
            The patient, machine or account of each sample, for the bands.
        pos_label : object, default=None
            Label of the positive class. None: the second label in sorted order.
        n_bootstraps : int, default=200
            Number of bootstrap samples for the bands, as in `select_threshold`; 0 for
            no bands. There are none if a class has fewer than ten samples, nor for
            metrics that are not a function of the four counts.
        confidence_level : float in (0, 1), default=0.95
            Probability with which a band, at one cutoff, covers the value in the
            population from which the samples were drawn.
        random_state : int, numpy.random.RandomState or None, default=None
            Seeds the bootstrap.
        scale : {"logit", "probability"}, default="logit"
            Spacing of the cutoffs: by their log-odds, which spreads out the small ones
            of a rare class, or evenly. The tick labels are probabilities.
        name : str, default=None
            Title.
        ax : matplotlib Axes, default=None
            Axes to plot on. None: a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : ThresholdDisplay

        Warns
        -----
        UserWarning
            In the same cases as `select_threshold`.
        """
        curves = curves_of_scores(
            y_true,
            y_score,
            metrics=metrics,
            cost_matrix=cost_matrix,
            sample_weight=sample_weight,
            groups=groups,
            pos_label=pos_label,
            n_bootstraps=n_bootstraps,
            confidence_level=confidence_level,
            random_state=random_state,
        )
        display = cls(
            **curves, choice=choice, cost_matrix=cost_matrix, estimator_name=name
        )
        return display.plot(ax=ax, scale=scale, **kwargs)

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        scale: str = "logit",
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ThresholdDisplay":
        """Plot a fitted search over ``threshold``; other parameters at their best.

        The curve is the mean over the folds, the band their standard deviation.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or HalvingGridSearchCV
            A fitted search over a parameter whose name ends in ``threshold``.
        scale, ax, **kwargs
            As for `from_predictions`.
        name : str, default=None
            Title; None: the class of the estimator.

        Returns
        -------
        display : ThresholdDisplay

        Raises
        ------
        ValueError
            If the search is not over a threshold.
        """
        check_is_fitted(search)
        name = name or type(innermost(search)).__name__
        display = cls(**curves_of_search(search), estimator_name=name)
        return display.plot(ax=ax, scale=scale, **kwargs)

    def plot(
        self, ax: Any = None, *, scale: str = "logit", **kwargs: Any
    ) -> "ThresholdDisplay":
        """Plot the curves.

        Parameters
        ----------
        scale, ax, **kwargs
            As for `from_predictions`.

        Returns
        -------
        display : ThresholdDisplay
        """
        if scale not in ("probability", "logit"):
            raise ValueError(f"scale must be 'probability' or 'logit', got {scale!r}.")
        self.ax_, self.figure_ = make_axes(ax)
        drawn = self._drawn(scale)
        x = self.thresholds[drawn]
        self.lines_ = []
        # Folds give a metric at the searched cutoffs only, data also between them.
        is_searched = self.outcomes is None and self.bands is not None
        style = {"marker": "."} if is_searched else {"drawstyle": "steps-pre"}
        for number, (name, values) in enumerate(self.values.items()):
            style_of_line = {**curve_style(number), **style, **kwargs}
            # matplotlib's legend leaves out names that begin with an underscore.
            label = name.lstrip("_") or name
            self.lines_ += self.ax_.plot(x, values[drawn], label=label, **style_of_line)
            if self.bands and name in self.bands:
                color = self.lines_[-1].get_color()
                ends = self.bands[name][:, drawn]
                self.ax_.fill_between(x, *ends, color=color, alpha=0.15, linewidth=0)
        self.choice_line_ = mark_choice(self.choice, self.ax_)
        by_cost = list(self.values) == [COST]
        self.ax_.set(
            xlabel="cutoff (probability)",
            ylabel="expected cost for each sample" if by_cost else "value",
            title=self.estimator_name or "",
        )
        marked = [] if self.choice is None else [float(threshold_of(self.choice))]
        show_probabilities(self.ax_.xaxis, scale, np.r_[x, marked])
        put_legend_below(self.ax_)
        return self

    def _drawn(self, scale: str) -> NDArray[np.intp]:
        is_inside = has_a_place(self.thresholds) | (scale == "probability")
        drawn = np.flatnonzero(is_inside)
        if self.outcomes is None:
            return drawn
        found = self.outcomes.true_positives[drawn]
        return drawn[spread_places(found, _MOST_POINTS_DRAWN)]

    def plot_reliability(self, ax: Any = None, *, scale: str = "logit") -> Any:
        """Plot observed shares of positives against predicted probabilities.

        Rows with similar scores form a group; a point shows the share of positives in a
        group against its mean probability, with a Clopper-Pearson interval at the
        confidence level of the bands. Calibrated probabilities lie on the diagonal.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None: a new figure.
        scale : {"logit", "probability"}, default="logit"
            As for `from_predictions`, here for both axes.

        Returns
        -------
        ax : matplotlib Axes

        Raises
        ------
        ValueError
            After `from_search`, which has no probabilities.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from skbin import ThresholdDisplay
        >>> _, (left, right) = plt.subplots(1, 2)
        >>> display = ThresholdDisplay.from_predictions([0, 1], [0.2, 0.9], ax=left)
        >>> display.plot_reliability(right).get_xlabel()
        'mean probability'
        >>> plt.close()
        """
        ax, _ = make_axes(ax)
        draw_reliability(self._kept("reliability"), ax, scale)
        return ax

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        cost_of_miss: float | None = None,
        cost_of_alarm: float | None = None,
    ) -> None:
        """Write a page on which to change the cutoff, the costs and the prior.

        The page is one file that works offline in any browser. It shows precision,
        recall and F1 against the cutoff, the four outcomes, the alarms per 1,000
        samples, and the cost. A slider moves the cutoff; the costs and the share of
        positives are input fields. Another share of positives reweights the classes,
        assuming that the scores within each class stay as they are.

        Parameters
        ----------
        path : str or os.PathLike
            The file, such as ``"cutoffs.html"``. An existing file is replaced.
        cost_of_miss, cost_of_alarm : float, default=None
            Initial costs of a missed positive and of a false alarm, in excess of the
            right decision. None: those of the plotted cost matrix, or of the one by
            which a `CrossFitClassifier` chose its cutoff, else 10 and 1.

        Raises
        ------
        ValueError
            After `from_search`, which has no outcomes; and without costs if those of
            the cost matrix differ by sample.
        """
        write_page(
            path,
            self.thresholds,
            self._kept("outcomes"),
            None if self.choice is None else float(threshold_of(self.choice)),
            costs_of(self.cost_matrix, cost_of_miss, cost_of_alarm),
            self.estimator_name,
        )

    def _kept(self, name: str) -> Any:
        kept = getattr(self, name)
        if kept is not None:
            return kept
        raise ValueError(
            f"This display holds no {name}: a search keeps only scores of decisions. "
            "Make the display by from_estimator or from_predictions."
        )
