"""The choice of a cutoff from scores, with its uncertainty: `select_threshold`."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.metrics import confusion_matrix_at_thresholds, metric_at_thresholds
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from skbin.decision_metrics import (
    Counts,
    from_counts,
    from_decisions,
    precision,
    recall,
)
from skbin.labels import find_labels
from skbin.resampling import (
    ScoredRows,
    grid_of_scores,
    resampled_groups,
    resampled_rows,
)

# Cutoffs that a bootstrap replicate chooses among: enough that the grid is finer than
# the interval, few enough that ten million scores cost no more than ten thousand.
_REPLICATE_CUTOFFS = 4096
_REPLICATE_CUTOFFS_OF_A_SLOW_METRIC = 100


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
        Only cutoffs that reach this.
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
    choice : ThresholdChoice
        `threshold`, `logit`, `value` and their intervals.

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
    rows = _read(y_true, y_score, sample_weight, pos_label, scale, cost_matrix)
    limits = {
        "precision": min_precision,
        "recall": min_recall,
        "alarms per 1000": max_alarms_per_1000,
    }
    objective = _Objective(
        metric,
        {name: value for name, value in limits.items() if value is not None},
        by_cost=cost_matrix is not None,
        highest_cutoff=1 if scale == "probability" else np.inf,
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


# ---- reading what was given


def _read(y_true, y_score, sample_weight, pos_label, scale, cost_matrix) -> ScoredRows:
    y_true, score = column_or_1d(y_true), column_or_1d(y_score).astype(np.float64)
    check_consistent_length(y_true, score)
    y = find_labels(y_true, pos_label).encode(y_true).astype(np.int64)
    if not np.isfinite(score).all():
        raise ValueError("y_score must be finite, got NaN or infinity.")
    if scale == "probability" and not ((score >= 0) & (score <= 1)).all():
        raise ValueError(
            "y_score must be probabilities in [0, 1], got values from "
            f"{np.min(score)} to {np.max(score)}. For logits, such as those of "
            "decision_function, pass scale='logit'."
        )
    weight = np.ones(len(y))
    if sample_weight is not None:
        weight = _check_sample_weight(
            sample_weight, score, dtype=np.float64, ensure_non_negative=True
        )
    costs = _costs_by_sample(cost_matrix, len(y))
    of_scalars = cost_matrix is None or all(
        np.ndim(entry) == 0 for row in cost_matrix for entry in row
    )
    return ScoredRows(
        y,
        score,
        weight,
        weight * np.where(y == 1, costs[1][0], costs[0][0]),
        weight * np.where(y == 1, costs[1][1], costs[0][1]),
        are_alike=sample_weight is None and of_scalars,
    )


def _costs_by_sample(cost_matrix: Any, n_samples: int) -> list[list[Any]]:
    if cost_matrix is None:
        return [[0.0, 0.0], [0.0, 0.0]]
    if len(cost_matrix) != 2 or any(
        np.isscalar(row) or len(row) != 2 for row in cost_matrix
    ):
        raise ValueError(
            "cost_matrix must be [[true negative, false positive], [false negative, "
            f"true positive]], got {cost_matrix!r}."
        )
    entries = [
        [np.asarray(entry, dtype=np.float64) for entry in row] for row in cost_matrix
    ]
    for entry in (*entries[0], *entries[1]):
        if entry.shape not in ((), (n_samples,)) or not np.isfinite(entry).all():
            raise ValueError(
                "An entry of cost_matrix must be a finite number or an array of shape "
                f"({n_samples},), got shape {entry.shape} from {np.min(entry)} to "
                f"{np.max(entry)}."
            )
    return entries


# ---- the value of each cutoff, and the best of them


class _Curve(NamedTuple):
    """What each cutoff gives, from the highest cutoff down."""

    thresholds: NDArray[np.float64]
    values: NDArray[np.float64]
    """Higher is better."""
    shortage: NDArray[np.float64]
    """By how much the limits are missed."""

    @property
    def is_allowed(self) -> NDArray[np.bool_]:
        return self.shortage <= 0

    def best(self) -> int:
        """Index of the best cutoff within the limits, or of the nearest to them."""
        nearest = self.shortage <= max(float(self.shortage.min()), 0.0)
        return int(np.nanargmax(np.where(nearest, self.values, -np.inf)))

    def at(self, threshold: float) -> float:
        """Value of the cutoff that decides as `threshold` does."""
        n_not_below = int(np.count_nonzero(self.thresholds >= threshold))
        return float(self.values[max(n_not_below - 1, 0)])


class _Objective:
    """What is sought, and within which limits."""

    def __init__(
        self,
        metric: Any,
        limits: dict[str, float],
        *,
        by_cost: bool,
        highest_cutoff: float,
    ) -> None:
        self.limits = limits
        self.highest_cutoff = highest_cutoff
        self.by_cost = by_cost
        named = getattr(metric, "func", metric)  # a partial function has no name
        self.name = "cost" if by_cost else getattr(named, "__name__", str(named))
        self.sign = -1 if by_cost else 1
        self.from_counts = from_counts(metric)
        self.is_slow = not by_cost and self.from_counts is None
        self.from_decisions: Any = from_decisions(metric) if self.is_slow else None

    def __str__(self) -> str:
        limits = [
            f"{limit} {'<=' if limit.startswith('alarms') else '>='} {value:g}"
            for limit, value in self.limits.items()
        ]
        return f"{self.name} at {' and '.join(limits)}" if limits else self.name

    def curve(self, rows: ScoredRows) -> _Curve:
        *counts, thresholds = confusion_matrix_at_thresholds(
            rows.y, rows.score, pos_label=1, sample_weight=rows.weight
        )
        # Differences of sums of weights may fall below 0 by rounding.
        tn, fp, fn, tp = (np.maximum(count, 0.0) for count in counts)
        above_all = np.nextafter(thresholds[0], np.inf)
        if above_all <= self.highest_cutoff:
            thresholds = np.r_[above_all, thresholds]
            tn, fp = np.r_[tn[0] + fp[0], tn], np.r_[0.0, fp]
            fn, tp = np.r_[fn[0] + tp[0], fn], np.r_[0.0, tp]
        values = self._values(rows, thresholds, (tn, fp, fn, tp))
        return _Curve(thresholds, values, self._shortage(tn, fp, fn, tp))

    def _values(
        self, rows: ScoredRows, thresholds: NDArray[np.float64], counts: Any
    ) -> NDArray[np.float64]:
        if self.by_cost:
            return -_expected_cost(rows, thresholds)
        if self.from_counts is not None:
            return self.from_counts(*counts)
        weighted = rows.weight != 1
        weight = {"sample_weight": rows.weight} if weighted.any() else {}
        values, at_scores = metric_at_thresholds(
            rows.y, rows.score, self.from_decisions, **weight
        )
        if len(at_scores) == len(thresholds):
            return values
        nothing = np.zeros_like(rows.y)
        return np.r_[self.from_decisions(rows.y, nothing, **weight), values]

    def _shortage(self, tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
        shortage = np.zeros_like(tn)
        total = tn + fp + fn + tp
        reached = {
            "precision": precision(tn, fp, fn, tp),
            "recall": recall(tn, fp, fn, tp),
            "alarms per 1000": -1000 * (tp + fp) / total,
        }
        for name, limit in self.limits.items():
            wanted = -limit if name.startswith("alarms") else limit
            shortage = np.maximum(shortage, wanted - reached[name])
        return shortage

    def what_is_nearest(self, curve: _Curve) -> str:
        best = curve.best()
        return (
            f"No cutoff gives {self}. The nearest is threshold "
            f"{curve.thresholds[best]:.6g}, which misses a limit by "
            f"{curve.shortage[best]:.3g}; {self.name} is "
            f"{self.sign * curve.values[best]:.4g} there. Relax the limit."
        )

    def replicates(
        self, rows: ScoredRows, threshold: float, n: int, rng: np.random.RandomState
    ) -> NDArray[np.float64]:
        """Chosen cutoff, and value of `threshold`, on each of `n` resampled data."""
        n_cutoffs, resample = _REPLICATE_CUTOFFS, resampled_groups
        if self.is_slow:
            n_cutoffs, resample = _REPLICATE_CUTOFFS_OF_A_SLOW_METRIC, resampled_rows
        grid = grid_of_scores(rows, threshold, n_cutoffs)
        found = []
        for replicate in resample(rows, grid, n, rng):
            curve = self.curve(replicate)
            chosen = curve.thresholds[curve.best()]
            found.append((chosen, self.sign * curve.at(threshold)))
        return np.array(found)


def _expected_cost(
    rows: ScoredRows, thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(rows.score)[::-1]
    change = np.cumsum((rows.cost_of_alarm - rows.cost_of_silence)[order])
    n_alarms = np.searchsorted(-rows.score[order], -thresholds, side="right")
    change = np.r_[0.0, change][n_alarms]
    return (rows.cost_of_silence.sum() + change) / rows.weight.sum()
