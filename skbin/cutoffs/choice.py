"""The choice of a cutoff from scores, with its uncertainty: `select_threshold`."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skbin.cutoffs.curve import Objective, read_rows


@dataclass(frozen=True)
class ThresholdChoice:
    """A cutoff, why it was chosen and how sure it is.

    Attributes
    ----------
    threshold : float
        The cutoff as a probability: positive is what scores this or more.
    logit : float
        The same cutoff as a logit, ``log(threshold / (1 - threshold))``.
    value : float
        What the metric reaches there, or the expected cost for each sample. On the
        data that the cutoff was chosen on, so it flatters.
    objective : str
        What was maximised or minimised, and within which limits.
    threshold_interval, logit_interval, value_interval : tuple of two float
        Bootstrap percentile intervals: of the cutoffs chosen on resampled data, and
        of the value that `threshold` has on them. NaN without bootstrap.
    confidence_level : float
        Confidence level of the intervals.

    Examples
    --------
    >>> from skbin import select_threshold
    >>> choice = select_threshold([0, 0, 1, 1], [0.1, 0.9, 0.9, 0.95], random_state=0)
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

    Every distinct score is considered, and a cutoff above all of them. Of cutoffs that
    are equally good the highest is taken, which raises the fewest alarms. Use scores
    that the model was not trained on, such as those of ``cross_val_predict``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The labels.
    y_score : array-like of shape (n_samples,)
        Probability (or logit, see `scale`) of the positive class.
    metric : str or callable, default="f1"
        What to maximise: a name of :func:`sklearn.metrics.get_scorer_names` that needs
        no more than decisions, ``"specificity"``, a function ``metric(y_true,
        y_pred)`` of :mod:`sklearn.metrics` or of your own, which sees 0 and 1, or a
        scorer. Common metrics, such as ``"f1"`` and ``partial(fbeta_score, beta=2)``,
        take ``n log n`` steps; others are called once for each distinct score.
    cost_matrix : array-like of shape (2, 2), default=None
        If given, the expected cost for each sample is minimised, and `metric` plays no
        part. Rows are the true class (negative, positive), columns the decision, as in
        :func:`sklearn.metrics.confusion_matrix`. An entry may be an array of shape
        (n_samples,), such as the amounts that are lost with missed frauds.
    min_precision, min_recall : float in [0, 1], default=None
        Only cutoffs that reach this, to rounding.
    max_alarms_per_1000 : float, default=None
        Only cutoffs at which at most so many of 1,000 samples are called positive.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, non-negative.
    pos_label : object, default=None
        Label of the positive class. None: 1, or the second label in sorted order.
    scale : {"probability", "logit"}, default="probability"
        What `y_score` is.
    n_bootstraps : int, default=200
        Number of resampled data sets for the intervals; 0 for none. Above 4,096
        distinct scores replicates choose among 4,096 of them, half of them drawn from
        the positives'.
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
        says which cutoff comes nearest.

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
    rows = read_rows(y_true, y_score, sample_weight, pos_label, scale, cost_matrix)
    limits = {
        "precision": min_precision,
        "recall": min_recall,
        "alarms per 1000": max_alarms_per_1000,
    }
    objective = Objective(
        metric,
        {name: value for name, value in limits.items() if value is not None},
        by_cost=cost_matrix is not None,
        highest_cutoff=1 if scale == "probability" else np.inf,
        score_type=_float_type(y_score),
    )
    curve = objective.curve(rows)
    if not curve.is_allowed.any():
        raise ValueError(objective.what_is_nearest(curve))
    best = curve.best()
    cutoff = curve.thresholds[best]
    intervals = np.full((2, 2), np.nan)
    if n_bootstraps:
        rng = check_random_state(random_state)
        found = objective.replicates(rows, cutoff, n_bootstraps, rng)
        tail = (1 - confidence_level) / 2
        # A metric may be undefined on a replicate.
        intervals = np.nanquantile(found, [tail, 1 - tail], axis=0, method="nearest")
    cutoffs = np.r_[cutoff, intervals[:, 0]]
    is_logit = scale == "logit"
    threshold, low, high = (expit(cutoffs) if is_logit else cutoffs).tolist()
    as_logit, low_logit, high_logit = (cutoffs if is_logit else logit(cutoffs)).tolist()
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


def _float_type(y_score: ArrayLike) -> Any:
    dtype = np.asarray(y_score).dtype
    return dtype if dtype.kind == "f" else np.dtype(np.float64)
