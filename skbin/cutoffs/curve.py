"""The result of each cutoff: a metric or the cost, and how far it misses limits."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import auc, confusion_matrix_at_thresholds, metric_at_thresholds

from skbin.cutoffs.limits import Limit
from skbin.cutoffs.metrics import Counts, from_counts, from_decisions, metric_name
from skbin.cutoffs.scored_rows import ScoredRows

ROUNDING = 1e-12


class Curve(NamedTuple):
    """The result of each cutoff, from the highest down; higher values are better.

    `counts` are the weights of true negatives, false positives, false negatives and
    true positives. `shortage` is 0 where a cutoff keeps to the limits.
    """

    thresholds: NDArray[np.float64]
    values: NDArray[np.float64]
    counts: tuple[Counts, Counts, Counts, Counts]
    shortage: NDArray[np.float64]

    @property
    def is_allowed(self) -> NDArray[np.bool_]:
        """Whether each cutoff keeps the limits."""
        return self.shortage <= 0

    def best(self) -> int:
        """Index of the best cutoff within the limits, or of the nearest to them."""
        nearest = self.shortage <= max(float(self.shortage.min()), 0.0)
        values = np.where(nearest, self.values, -np.inf)
        if np.isnan(values[nearest]).all():
            raise ValueError("The metric is NaN at every cutoff that is allowed.")
        best = np.nanmax(values)
        # The first of equal values; sums in another order may differ by rounding.
        return int(np.argmax(values >= best - ROUNDING * abs(best)))

    def index_of(self, thresholds: Any) -> Any:
        """Index of the cutoff with the same decisions as each of `thresholds`."""
        n_below = np.searchsorted(self.thresholds[::-1], thresholds)
        return np.maximum(len(self.thresholds) - n_below - 1, 0)

    def at(self, threshold: float) -> float:
        """Value of the cutoff with the same decisions as `threshold`."""
        return float(self.values[self.index_of(threshold)])

    def roc_auc(self) -> float:
        """Area under the ROC curve."""
        tn, fp, fn, tp = self.counts
        false_alarms, found = fp / (tn + fp), tp / (fn + tp)
        return float(auc(np.r_[0.0, false_alarms], np.r_[0.0, found]))


class Objective:
    """What is maximised, or the cost that is minimised, and within which limits."""

    def __init__(
        self,
        metric: Any,
        limits: Sequence[Limit] = (),
        *,
        by_cost: bool,
        scale: str = "probability",
        score_type: np.dtype[Any] | None = None,
    ) -> None:
        self.limits = limits
        self.by_cost = by_cost
        self.scale = scale
        self.score_type = score_type or np.dtype(np.float64)
        self.name = "cost" if by_cost else metric_name(metric)
        if not by_cost:
            _refuse_loss(metric)
        self.sign = -1 if by_cost else 1
        self.from_counts = from_counts(metric)
        self.is_slow = not by_cost and self.from_counts is None
        self.from_decisions: Any = from_decisions(metric) if self.is_slow else None

    def __str__(self) -> str:
        limits = " and ".join(str(limit) for limit in self.limits)
        return f"{self.name} at {limits}" if limits else self.name

    def curve(self, rows: ScoredRows) -> Curve:
        """Compute the result of each cutoff on `rows`."""
        *counts, thresholds = confusion_matrix_at_thresholds(
            rows.y, rows.score, pos_label=1, sample_weight=rows.weight
        )
        # Differences of sums of weights may fall below 0 by rounding.
        tn, fp, fn, tp = (np.maximum(count, 0.0) for count in counts)
        # In the type of the scores, or a comparison would round it down to them.
        highest = thresholds[0].astype(self.score_type)
        above_all = float(np.nextafter(highest, self.score_type.type(np.inf)))
        if self.scale == "logit" or above_all <= 1:
            thresholds = np.r_[above_all, thresholds]
            tn, fp = np.r_[tn[0] + fp[0], tn], np.r_[0.0, fp]
            fn, tp = np.r_[fn[0] + tp[0], fn], np.r_[0.0, tp]
        values = self._values(rows, thresholds, (tn, fp, fn, tp))
        shortage = self.shortage((tn, fp, fn, tp))
        return Curve(thresholds, values, (tn, fp, fn, tp), shortage)

    def shortage(self, counts: tuple[Counts, ...]) -> NDArray[np.float64]:
        """Compute by how much each cutoff misses the limits."""
        missed = np.zeros(np.shape(counts[0]))
        for limit in self.limits:
            missed = np.maximum(missed, limit.shortage(counts))
        return missed

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

    def what_is_nearest(self, curve: Curve) -> str:
        """Return which cutoff comes nearest to the limits, and what it misses."""
        best = curve.best()
        counts = tuple(count[best : best + 1] for count in curve.counts)
        missed = [
            (limit, limit.reached(counts).item())
            for limit in self.limits
            if limit.shortage(counts).item() > 0
        ]
        cutoff = "logit" if self.scale == "logit" else "threshold"
        misses = " and ".join(limit.miss(reached) for limit, reached in missed)
        relaxed = ", ".join(limit.relaxed_to(reached) for limit, reached in missed)
        return (
            f"No cutoff gives {self}. The nearest is {cutoff} "
            f"{curve.thresholds[best]:.6g}, where {misses}; {self.name} is "
            f"{self.sign * curve.values[best]:.4g} there. To allow it, pass {relaxed}."
        )


def float_type(y_score: ArrayLike) -> np.dtype[Any]:
    """Return the type in which the user's scores are compared with a cutoff."""
    dtype = np.asarray(y_score).dtype
    is_short = dtype.kind == "f" and dtype.itemsize <= 8
    return dtype if is_short else np.dtype(np.float64)


def _expected_cost(
    rows: ScoredRows, thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(rows.score)[::-1]
    change = np.cumsum((rows.cost_if_positive - rows.cost_if_negative)[order])
    n_alarms = np.searchsorted(-rows.score[order], -thresholds, side="right")
    change = np.r_[0.0, change][n_alarms]
    return (rows.cost_if_negative.sum() + change) / rows.weight.sum()


def _refuse_loss(metric: Any) -> None:
    """Refuse a function to be minimised, by scikit-learn's rule for names."""
    name = getattr(getattr(metric, "func", metric), "__name__", "")
    if name.endswith(("_loss", "_error")):
        raise ValueError(
            f"metric={name} is better if lower, but a metric is maximised. Pass a "
            "metric that is better if higher, such as 'accuracy', or lambda y_true, "
            f"y_pred: -{name}(y_true, y_pred)."
        )
