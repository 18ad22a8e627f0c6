"""The choice of a cutoff from scores, with its uncertainty: `select_threshold`."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skbin.cutoffs.curve import Curve, Objective, float_type
from skbin.cutoffs.guarantees import guaranteed, refuse_guarantee, why_none
from skbin.cutoffs.limits import Limit
from skbin.cutoffs.positives import warn_if_other_class_is_meant
from skbin.cutoffs.resampling import (
    FEWEST_FOR_INTERVALS,
    replicates_of_rows,
    smoothed_replicates,
    tail_of,
)
from skbin.cutoffs.scales import (
    in_digits,
    on_both_scales,
    same_decisions_on_both_scales,
)
from skbin.cutoffs.scored_rows import ScoredRows, read_rows
from skbin.cutoffs.smoothing import (
    ScoreDistributions,
    best_of,
    distributions_of,
    smoothed_best,
    smoothed_values,
)
from skbin.data.labels import BinaryLabels
from skbin.machine.callers import warn_user

# Measured by examples/benchmarks/cutoffs.py: below, intervals cover too seldom.
_FEWEST_WITHOUT_A_WARNING = 50


@dataclass(frozen=True)
class ThresholdChoice:
    """A cutoff, with the reason for its choice and its uncertainty.

    Parameters
    ----------
    threshold : float
        The cutoff as a probability: scores of at least this are positive.
    logit : float
        The cutoff as a logit, ``log(threshold / (1 - threshold))`` up to rounding. Both
        make the same decisions.
    value : float
        Estimate of the metric, or of the cost per sample, on new data:
        `apparent_value`, corrected for the optimism that comes from choosing the cutoff
        on the same data, as the bootstrap estimates it. Without a bootstrap it is
        `apparent_value`.
    objective : str
        What was maximised or minimised, and under which limits.
    threshold_interval, logit_interval, value_interval : tuple of two float
        Percentile intervals of the smoothed bootstrap: of the best cutoff, and of the
        value that `threshold` has on new data. NaN without a bootstrap, and if a class
        has fewer than ten samples.
    confidence_level : float
        Confidence level of the intervals.
    apparent_value : float
        The metric, or the cost per sample, on the data given.
    alarms_per_1000 : float
        Number of samples called positive, per 1,000 samples.
    theory_threshold : float or None, default=None
        Elkan's cutoff for `cost_matrix`, which is best if probabilities are calibrated:
        the cost of a false alarm divided by the summed costs of a false alarm and a
        miss. None without a cost matrix, or if costs differ by sample.

    Examples
    --------
    >>> from skbin import select_threshold
    >>> choice = select_threshold([0, 0, 1, 1], [0.1, 0.9, 0.9, 0.95], n_bootstraps=0)
    >>> round(choice.value, 3), choice.alarms_per_1000
    (0.8, 750.0)
    """

    threshold: float
    logit: float
    value: float
    objective: str
    threshold_interval: tuple[float, float]
    logit_interval: tuple[float, float]
    value_interval: tuple[float, float]
    confidence_level: float
    apparent_value: float
    alarms_per_1000: float
    theory_threshold: float | None = None

    def at_same_rate(self, y_score: ArrayLike) -> float:
        """Return the cutoff that calls the same share of other scores positive.

        After a retraining the scores differ, but a team can still review only as many
        alarms as before.

        Parameters
        ----------
        y_score : array-like of shape (n_samples,)
            Scores of the new network.

        Returns
        -------
        threshold : float
            The highest cutoff, on the scale of `y_score`, at which at least
            `alarms_per_1000` of 1,000 samples, to rounding, are called positive.

        Examples
        --------
        >>> from skbin import select_threshold
        >>> choice = select_threshold(
        ...     [0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9], n_bootstraps=0
        ... )
        >>> choice.alarms_per_1000
        500.0
        >>> choice.at_same_rate([0.2, 0.4, 0.6, 0.8])
        0.6
        """
        scores = np.sort(np.asarray(y_score))[::-1]
        n_alarms = round(self.alarms_per_1000 / 1000 * len(scores))
        if not n_alarms:
            return float(np.nextafter(scores[0], np.asarray(np.inf, scores.dtype)))
        return float(scores[n_alarms - 1])

    def __str__(self) -> str:
        chosen = f"threshold {in_digits(self.threshold)} (logit {self.logit:.4g})"
        reached = f"{self.objective}: {self.value:.4g}"
        level = f"{self.confidence_level:.0%} interval "
        if not np.isnan(self.threshold_interval[0]):
            low, high = map(in_digits, self.threshold_interval)
            chosen += f", {level}{low} to {high}"
            level = ""
        if not np.isnan(self.value_interval[0]):
            reached += ", {}{:.4g} to {:.4g}".format(level, *self.value_interval)
        return f"{chosen}; {reached}"


@validate_params(
    {
        "y_true": ["array-like"],
        "y_score": ["array-like"],
        "metric": [str, callable],
        "cost_matrix": ["array-like", None],
        "min_precision": [Interval(Real, 0, 1, closed="both"), None],
        "min_recall": [Interval(Real, 0, 1, closed="both"), None],
        "min_specificity": [Interval(Real, 0, 1, closed="both"), None],
        "max_alarms_per_1000": [Interval(Real, 0, 1000, closed="both"), None],
        "guarantee": [Interval(Real, 0, 1, closed="neither"), None],
        "sample_weight": ["array-like", None],
        "groups": ["array-like", None],
        "scale": [StrOptions({"probability", "logit"})],
        "method": [StrOptions({"smooth", "exact"})],
        "n_bootstraps": [Interval(Integral, 0, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def select_threshold(
    y_true: ArrayLike,
    y_score: ArrayLike,
    metric: str | Callable[..., float] = "f1",
    *,
    cost_matrix: Any = None,
    min_precision: float | None = None,
    min_recall: float | None = None,
    min_specificity: float | None = None,
    max_alarms_per_1000: float | None = None,
    guarantee: float | None = None,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    scale: str = "probability",
    method: str = "smooth",
    n_bootstraps: int = 200,
    confidence_level: float = 0.95,
    random_state: Any = None,
) -> ThresholdChoice:
    """Choose the best cutoff on given data, and estimate its uncertainty.

    If positives are few, the best cutoff of a sample depends strongly on chance. The
    scores of each class are therefore smoothed before the choice, on the logit scale,
    by a Gaussian kernel of width ``0.7 * spread * n ** (-1/5)``, where ``spread`` is
    the standard deviation of the class, or its interquartile range / 1.349 if that is
    less. On four distributions with 20 and 50 positives this lost about half as much as
    the exact rule.

    Among equally good cutoffs the highest is chosen, because it raises the fewest
    alarms. Use scores of rows that the model was not trained on, such as those of
    ``cross_val_predict``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The labels.
    y_score : array-like of shape (n_samples,)
        Probability (or logit, see `scale`) of the positive class.
    metric : str or callable, default="f1"
        What to maximise: a name from :func:`sklearn.metrics.get_scorer_names` of a
        metric of decisions, ``"specificity"``, a function ``metric(y_true, y_pred)`` of
        :mod:`sklearn.metrics` or your own, which receives labels 0 and 1, or a scorer.
        Common metrics, such as ``"f1"`` and ``partial(fbeta_score, beta=2)``, take
        ``n log n`` steps; others are called once for each distinct score, and again for
        each bootstrap replicate.
    cost_matrix : array-like of shape (2, 2), default=None
        If given, the expected cost per sample is minimised and `metric` is ignored.
        Rows are the true class (negative, positive), columns the decision, as in
        :func:`sklearn.metrics.confusion_matrix`. An entry may be an array of shape
        (n_samples,), such as the amounts lost to missed frauds.
    min_precision, min_recall, min_specificity : float in [0, 1], default=None
        Consider only cutoffs that reach this on the data given, up to rounding.
    max_alarms_per_1000 : float, default=None
        Consider only cutoffs that call at most this many of 1,000 samples positive.
    guarantee : float in (0, 1), default=None
        If given, consider only cutoffs that keep the limits in the population from
        which the samples were drawn, with this confidence; several limits share the
        risk of error. Without a guarantee, a limit that is only just kept on the data
        given is missed in the population about half the time. Cannot be combined with
        `sample_weight` or `groups`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights, some of them above 0 in each class.
    groups : array-like of shape (n_samples,), default=None
        The patient, machine or account of each sample, if they have several. Intervals
        and `value` are then those for samples of new groups.
    pos_label : object, default=None
        Label of the positive class. None: the second label in sorted order.
    scale : {"probability", "logit"}, default="probability"
        Whether `y_score` holds probabilities or logits.
    method : {"smooth", "exact"}, default="smooth"
        "smooth": choose on the smoothed scores, see above. "exact": choose the best
        cutoff on the sample itself, among each distinct score and a cutoff above all of
        them, unless the highest is a probability of 1. Metrics that are not a function
        of the four counts always use "exact".
    n_bootstraps : int, default=200
        Number of bootstrap samples for the intervals and for `value`, each as large as
        the given one and drawn from the smoothed classes; 0 for none.
    confidence_level : float in (0, 1), default=0.95
        Confidence level of the intervals.
    random_state : int, numpy.random.RandomState or None, default=None
        Seeds the bootstrap.

    Returns
    -------
    ThresholdChoice
        With `threshold`, `logit`, `value` and their intervals.

    Raises
    ------
    ValueError
        For unusable input, and if no cutoff keeps the limits. The message then says
        which cutoff comes nearest, which limits it misses and by how much, or how many
        samples a guarantee needs.

    Warns
    -----
    UserWarning
        If by `cost_matrix` a mistake costs no more than the right decision. If the
        positive class seems to be the wrong one: `pos_label` is None and the
        second of two string labels is the more frequent one; or positives score lower
        than negatives by more than chance explains. If all scores are 0 or 1. If a
        class has fewer than 50 samples; with fewer than ten there are no intervals. If
        logits at the cutoff are so high that they round to the same probability.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : Chooses a cutoff during fit.
    skbin.ThresholdDisplay : Plots the choice.

    References
    ----------
    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001. Patra, Seijo and
    Sen, "A consistent bootstrap procedure for the maximum score estimator", Journal of
    Econometrics 205, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skbin import select_threshold
    >>> rng = np.random.default_rng(0)
    >>> y_true = np.repeat([0, 1], [900, 100])
    >>> y_score = 1 / (1 + np.exp(2 - rng.normal(2 * y_true)))
    >>> choice = select_threshold(y_true, y_score, random_state=0)
    >>> print(choice)  # doctest: +NORMALIZE_WHITESPACE
    threshold 0.3832 (logit -0.4761), 95% interval 0.3523 to 0.4175;
    f1: 0.5851, 0.5026 to 0.6549
    >>> choice = select_threshold(y_true, y_score, "recall", min_precision=0.8,
    ...                           n_bootstraps=0)
    >>> print(choice)
    threshold 0.5868 (logit 0.3509); recall at precision >= 0.8: 0.24
    >>> choice = select_threshold(y_true, y_score, cost_matrix=[[0, 1], [10, 0]],
    ...                           random_state=0)
    >>> print(choice)  # doctest: +NORMALIZE_WHITESPACE
    threshold 0.2295 (logit -1.211), 95% interval 0.1798 to 0.2944;
    cost: 0.3285, 0.26 to 0.413
    >>> round(choice.theory_threshold, 4)  # these scores are not calibrated
    0.0909
    """
    rows, labels = read_rows(
        y_true, y_score, sample_weight, pos_label, scale, cost_matrix, groups
    )
    limits = {
        "min_precision": min_precision,
        "min_recall": min_recall,
        "min_specificity": min_specificity,
        "max_alarms_per_1000": max_alarms_per_1000,
    }
    objective = Objective(
        metric,
        [Limit(name, bound) for name, bound in limits.items() if bound is not None],
        by_cost=cost_matrix is not None,
        scale=scale,
        score_type=float_type(y_score),
    )
    curve = objective.curve(rows)
    warn_if_other_class_is_meant(curve, rows, labels, pos_label)
    by_counts = objective.by_cost or objective.from_counts is not None
    found = distributions_of(rows, scale) if by_counts else None
    smooth = found if method == "smooth" else None
    if guarantee is not None:
        refuse_guarantee(objective.limits, sample_weight, groups)
        cutoff = _best_guaranteed(objective, rows, curve, smooth, guarantee)
    elif not curve.is_allowed.any():
        raise ValueError(objective.what_is_nearest(curve))
    elif smooth is not None:
        cutoff = smoothed_best(objective, smooth, curve)
    else:
        cutoff = float(curve.thresholds[curve.best()])
    threshold, as_logit = same_decisions_on_both_scales(
        cutoff, rows.score, scale, objective.score_type
    )
    place = curve.index_of(cutoff)
    apparent = float(objective.sign * curve.values[place])
    value, intervals = apparent, np.full((2, 2), np.nan)
    if n_bootstraps:
        rng = check_random_state(random_state)
        if found is None:
            replicates = replicates_of_rows(objective, rows, cutoff, n_bootstraps, rng)
        else:
            replicates = smoothed_replicates(
                objective,
                rows,
                found,
                as_logit,
                n_bootstraps,
                rng,
                is_smooth=smooth is not None,
            )
        if guarantee is None:  # else the value is that at a limit, and not a maximum
            value = replicates.corrected(apparent, objective)
        if _has_enough_rows(rows, labels):
            tail = tail_of(rows.groups_by_class().min(), confidence_level)
            # A metric may be undefined on a replicate.
            intervals = np.nanquantile(
                replicates[:2], [tail, 1 - tail], axis=1, method="nearest"
            )
            # Replicates hardly vary where nearly all rows are alarms, or none.
            intervals[0] = np.minimum(intervals[0], [as_logit, value])
            intervals[1] = np.maximum(intervals[1], [as_logit, value])
    if guarantee is not None:
        intervals[:, 0] = np.nan  # replicates keep the limits without a confidence
    (low, high), (low_logit, high_logit) = on_both_scales(intervals[:, 0], "logit")
    tn, fp, fn, tp = (count[place] for count in curve.counts)
    confidence = "" if guarantee is None else f" with {guarantee:.4g} confidence"
    if guarantee is not None and tp + fp == 0:
        warn_user(
            f"The only cutoff that keeps to {objective}{confidence} lies above all "
            "scores: with it no row is ever positive. Pass more rows, a looser limit, "
            "or a lower guarantee."
        )
    return ThresholdChoice(
        threshold=threshold,
        logit=as_logit,
        value=value,
        apparent_value=apparent,
        objective=str(objective) + confidence,
        threshold_interval=(low, high),
        logit_interval=(low_logit, high_logit),
        value_interval=(float(intervals[0, 1]), float(intervals[1, 1])),
        confidence_level=confidence_level,
        alarms_per_1000=float(1000 * (tp + fp) / (tn + fp + fn + tp)),
        theory_threshold=_theory_threshold(cost_matrix),
    )


def _best_guaranteed(
    objective: Objective,
    rows: ScoredRows,
    curve: Curve,
    smooth: ScoreDistributions | None,
    guarantee: float,
) -> float:
    kept = guaranteed(objective.limits, rows, guarantee)
    cutoffs = kept.among(curve.thresholds)
    if not len(cutoffs):
        raise ValueError(
            f"No cutoff gives {objective} with {guarantee:.4g} confidence: "
            f"{why_none(objective.limits, rows, guarantee)}."
        )
    values = curve.values[curve.index_of(cutoffs)]
    if smooth is not None:
        values = smoothed_values(objective, smooth, cutoffs)
    return float(cutoffs[best_of(values, np.zeros(len(cutoffs)))])


def _theory_threshold(cost_matrix: Any) -> float | None:
    """Return the best cutoff for calibrated probabilities; None for costs by row."""
    if cost_matrix is None or any(np.ndim(cost) for row in cost_matrix for cost in row):
        return None
    (true_negative, false_positive), (false_negative, true_positive) = cost_matrix
    by_alarm = false_positive - true_negative
    by_both = by_alarm + false_negative - true_positive
    return float(np.clip(by_alarm / by_both, 0, 1)) if by_both > 0 else None


def _has_enough_rows(rows: ScoredRows, labels: BinaryLabels) -> bool:
    """Return whether there are enough rows for intervals; warn if there are few."""
    counts = rows.groups_by_class()
    fewest = int(counts.min())
    if fewest >= _FEWEST_WITHOUT_A_WARNING:
        return True
    has_intervals = fewest >= FEWEST_FOR_INTERVALS
    what = "the cutoff and its value are uncertain: look at their intervals"
    if not has_intervals:
        what = f"fewer than {FEWEST_FOR_INTERVALS} give no intervals (they are NaN)"
    rarer = labels.positive if counts.argmin() else labels.negative
    unit = "samples" if len(rows.group) == len(np.unique(rows.group)) else "groups"
    warn_user(
        f"y_true has {fewest} {unit} of {rarer!r}, and {what}. Give more samples, "
        "such as the out-of-fold scores of all rows, or pass n_bootstraps=0 to silence "
        "this warning.",
        about=("few samples", rarer, has_intervals),
    )
    return has_intervals
