"""The choice of a cutoff from scores, with its uncertainty: `select_threshold`."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skbin.cutoffs.curve import Objective, float_type
from skbin.cutoffs.limits import Limit
from skbin.cutoffs.positives import warn_if_other_class_is_meant
from skbin.cutoffs.scales import on_both_scales, same_decisions_on_both_scales
from skbin.cutoffs.scored_rows import ScoredRows, read_rows
from skbin.data.labels import BinaryLabels

# With fewer, one bootstrap replicate in twenty or more has none of them: exp(-3) = 5 %.
_FEWEST_FOR_INTERVALS = 4


@dataclass(frozen=True)
class ThresholdChoice:
    """A cutoff, why it was chosen and how sure it is.

    Parameters
    ----------
    threshold : float
        The cutoff as a probability: positive is what scores this or more.
    logit : float
        The cutoff as a logit, ``log(threshold / (1 - threshold))`` to rounding. Both
        make the same decisions.
    value : float
        What the metric reaches there, or the expected cost for each sample. It is
        optimistic, because the cutoff was chosen on the same data.
    objective : str
        What was maximised or minimised, and within which limits.
    threshold_interval, logit_interval, value_interval : tuple of two float
        Bootstrap percentile intervals: of the cutoffs chosen on resampled data, and
        of the value that `threshold` has on them. NaN without bootstrap, and where
        one of the classes has fewer than four samples.
    confidence_level : float
        Confidence level of the intervals.

    Examples
    --------
    >>> from skbin import select_threshold
    >>> choice = select_threshold([0, 0, 1, 1], [0.1, 0.9, 0.9, 0.95], n_bootstraps=0)
    >>> round(choice.threshold, 3), round(choice.logit, 3), round(choice.value, 3)
    (0.9, 2.197, 0.8)
    """

    threshold: float
    logit: float
    value: float
    objective: str
    threshold_interval: tuple[float, float]
    logit_interval: tuple[float, float]
    value_interval: tuple[float, float]
    confidence_level: float

    def __str__(self) -> str:
        chosen = f"threshold {self.threshold:.4g} (logit {self.logit:.4g})"
        reached = f"{self.objective}: {self.value:.4g}"
        if np.isnan(self.threshold_interval[0]):
            return f"{chosen}; {reached}"
        low, high = self.threshold_interval
        lowest, highest = self.value_interval
        return (
            f"{chosen}, {self.confidence_level:.0%} interval {low:.4g} to {high:.4g}; "
            f"{reached}, {lowest:.4g} to {highest:.4g}"
        )


@validate_params(
    {
        "y_true": ["array-like"],
        "y_score": ["array-like"],
        "metric": [str, callable],
        "cost_matrix": ["array-like", None],
        "min_precision": [Interval(Real, 0, 1, closed="both"), None],
        "min_recall": [Interval(Real, 0, 1, closed="both"), None],
        "max_alarms_per_1000": [Interval(Real, 0, 1000, closed="both"), None],
        "sample_weight": ["array-like", None],
        "scale": [StrOptions({"probability", "logit"})],
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
    max_alarms_per_1000: float | None = None,
    sample_weight: ArrayLike | None = None,
    pos_label: Any = None,
    scale: str = "probability",
    n_bootstraps: int = 200,
    confidence_level: float = 0.95,
    random_state: Any = None,
) -> ThresholdChoice:
    """Choose the cutoff that is best on given data, and say how sure it is.

    Every distinct score is considered, and a cutoff above all of them, unless the
    highest is a probability of 1. Of cutoffs that are equally good the highest is
    taken, which raises the fewest alarms. Use scores that the model was not trained on,
    such as those of ``cross_val_predict``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The labels.
    y_score : array-like of shape (n_samples,)
        Probability (or logit, see `scale`) of the positive class.
    metric : str or callable, default="f1"
        What to maximise: a name of :func:`sklearn.metrics.get_scorer_names` that needs
        only decisions, ``"specificity"``, a function ``metric(y_true, y_pred)`` of
        :mod:`sklearn.metrics` or your own, which sees 0 and 1, or a scorer. Common
        metrics, such as ``"f1"`` and ``partial(fbeta_score, beta=2)``, take ``n log n``
        steps; others are called once for each distinct score, and in the bootstrap
        again for each replicate.
    cost_matrix : array-like of shape (2, 2), default=None
        If given, the expected cost for each sample is minimised and `metric` is
        ignored. Rows are the true class (negative, positive), columns the decision, as
        in :func:`sklearn.metrics.confusion_matrix`. An entry may be an array of shape
        (n_samples,), such as the amounts that are lost with missed frauds.
    min_precision, min_recall : float in [0, 1], default=None
        Only cutoffs that reach this, to rounding.
    max_alarms_per_1000 : float, default=None
        Only cutoffs at which at most this many of 1,000 samples are called positive.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, non-negative, in each class some above 0.
    pos_label : object, default=None
        Label of the positive class. None: the second label in sorted order.
    scale : {"probability", "logit"}, default="probability"
        What `y_score` is.
    n_bootstraps : int, default=200
        Number of resampled data sets for the intervals; 0 for none. With more than
        4,096 distinct scores, replicates choose among 4,096 of them, half of them
        scores of positives.
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
        For unusable input, and where no cutoff keeps to the limits. Then the message
        says which cutoff comes nearest, which limits it misses, and by how much.

    Warns
    -----
    UserWarning
        If the positive class seems to be the wrong one: without `pos_label`, the more
        frequent of two strings; or positives score lower than negatives by more than
        chance explains. If the scores are nothing but 0 and 1. If a class has fewer
        than four samples: then there are no intervals. If logits at the cutoff are
        too high to be told apart as probabilities.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : Chooses within a fit.
    skbin.ThresholdDisplay : Shows the choice.

    References
    ----------
    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001. Efron and
    Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.

    Examples
    --------
    >>> from skbin import select_threshold
    >>> y_true = [0, 0, 0, 1, 0, 1, 1, 1]
    >>> y_score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9]
    >>> select_threshold(y_true, y_score, n_bootstraps=0).threshold
    0.4
    >>> select_threshold(y_true, y_score, "recall", min_precision=0.9,
    ...                  n_bootstraps=0).threshold
    0.6
    >>> print(select_threshold(y_true, y_score, cost_matrix=[[0, 1], [9, 0]],
    ...                        random_state=0))
    threshold 0.4 (logit -0.4055), 95% interval 0.4 to 0.8; cost: 0.125, 0 to 0.375
    """
    user = 4  # frames from a function called here to the user, with the validation
    rows, labels = read_rows(
        y_true, y_score, sample_weight, pos_label, scale, cost_matrix, stacklevel=user
    )
    limits = {
        "min_precision": min_precision,
        "min_recall": min_recall,
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
    warn_if_other_class_is_meant(curve, rows, labels, pos_label, stacklevel=user)
    if not curve.is_allowed.any():
        raise ValueError(objective.what_is_nearest(curve))
    best = curve.best()
    cutoff = float(curve.thresholds[best])
    intervals = np.full((2, 2), np.nan)
    if n_bootstraps and _has_enough_rows(rows, labels, stacklevel=user):
        rng = check_random_state(random_state)
        found = objective.replicates(rows, cutoff, n_bootstraps, rng)
        tail = (1 - confidence_level) / 2
        # A metric may be undefined on a replicate.
        intervals = np.nanquantile(found, [tail, 1 - tail], axis=0, method="nearest")
    threshold, as_logit = same_decisions_on_both_scales(
        cutoff, rows.score, scale, objective.score_type, stacklevel=user
    )
    (low, high), (low_logit, high_logit) = on_both_scales(intervals[:, 0], scale)
    return ThresholdChoice(
        threshold=threshold,
        logit=as_logit,
        value=float(objective.sign * curve.values[best]),
        objective=str(objective),
        threshold_interval=(low, high),
        logit_interval=(low_logit, high_logit),
        value_interval=(float(intervals[0, 1]), float(intervals[1, 1])),
        confidence_level=confidence_level,
    )


def _has_enough_rows(
    rows: ScoredRows, labels: BinaryLabels, *, stacklevel: int
) -> bool:
    """Whether a bootstrap says something; warn if not."""
    counts = np.bincount(rows.y[rows.weight > 0], minlength=2)
    if counts.min() >= _FEWEST_FOR_INTERVALS:
        return True
    rarer = labels.positive if counts.argmin() else labels.negative
    warnings.warn(
        f"There are no intervals (they are NaN): y_true has {counts.min()} samples of "
        f"{rarer!r}, and a bootstrap of fewer than {_FEWEST_FOR_INTERVALS} says "
        "nothing. Give more samples, or pass n_bootstraps=0 to silence this warning.",
        UserWarning,
        stacklevel=stacklevel,
    )
    return False
