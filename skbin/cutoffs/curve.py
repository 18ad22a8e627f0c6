"""What each cutoff gives: a metric or the cost, and the limits that it keeps."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix_at_thresholds, metric_at_thresholds
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from skbin.cutoffs.metrics import (
    Counts,
    from_counts,
    from_decisions,
    precision,
    recall,
)
from skbin.cutoffs.resampling import (
    ScoredRows,
    grid_of_scores,
    resampled_groups,
    resampled_rows,
)
from skbin.data.labels import find_labels

# Cutoffs that a bootstrap replicate chooses among: enough that the grid is finer than
# the interval, few enough that ten million scores cost no more than ten thousand.
_REPLICATE_CUTOFFS = 4096
_REPLICATE_CUTOFFS_OF_A_SLOW_METRIC = 100
_ROUNDING = 1e-12


def _warn_of_labels(y_score: NDArray[Any], scale: str) -> None:
    if scale != "probability" or y_score.dtype.kind not in "biu":
        return
    warnings.warn(
        f"y_score holds {y_score.dtype.name}, as predict gives labels, which leave no "
        "cutoff to choose. Pass predict_proba(X)[:, 1].",
        UserWarning,
        stacklevel=4,
    )


def read_rows(
    y_true, y_score, sample_weight, pos_label, scale, cost_matrix
) -> ScoredRows:
    """Check what the user gave, and turn it into rows.

    Parameters
    ----------
    y_true, y_score, sample_weight, pos_label, scale, cost_matrix
        As for `skbin.select_threshold`.

    Returns
    -------
    rows : ScoredRows

    Raises
    ------
    ValueError
        For unusable input.
    """
    if np.ndim(y_score) == 2 and np.shape(y_score)[1] == 2:
        raise ValueError(
            "y_score must be 1d, the score of the positive class, but got an array of "
            f"shape {np.shape(y_score)}. Pass one column, as predict_proba(X)[:, 1]."
        )
    _warn_of_labels(np.asarray(y_score), scale)
    y_true, score = column_or_1d(y_true), column_or_1d(y_score).astype(np.float64)
    check_consistent_length(y_true, score)
    if not len(score):
        raise ValueError("A choice needs scores, got 0 samples.")
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


class Curve(NamedTuple):
    """What each cutoff gives, from the highest cutoff down.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Descending: distinct scores, and one above them where there can be one.
    values : ndarray of shape (n_thresholds,)
        Higher is better.
    shortage : ndarray of shape (n_thresholds,)
        By how much the limits are missed.
    """

    thresholds: NDArray[np.float64]
    values: NDArray[np.float64]
    shortage: NDArray[np.float64]

    @property
    def is_allowed(self) -> NDArray[np.bool_]:
        """Whether each cutoff keeps to the limits."""
        return self.shortage <= 0

    def best(self) -> int:
        """Index of the best cutoff within the limits, or of the nearest to them."""
        nearest = self.shortage <= max(float(self.shortage.min()), 0.0)
        values = np.where(nearest, self.values, -np.inf)
        if np.isnan(values[nearest]).all():
            raise ValueError("The metric is NaN at every cutoff that is allowed.")
        best = np.nanmax(values)
        # Of equal ones the first; sums in another order may differ by rounding.
        return int(np.argmax(values >= best - _ROUNDING * abs(best)))

    def at(self, threshold: float) -> float:
        """Value of the cutoff that decides as `threshold` does."""
        n_not_below = int(np.count_nonzero(self.thresholds >= threshold))
        return float(self.values[max(n_not_below - 1, 0)])


class Objective:
    """What is sought, and within which limits.

    Parameters
    ----------
    metric : str or callable
        What is maximised.
    limits : dict
        The least ``"precision"`` and ``"recall"``, the most ``"alarms per 1000"``.
    by_cost : bool
        Whether the expected cost is minimised in place of the metric.
    highest_cutoff : float
        1 for probabilities, infinity for logits.
    score_type : dtype, default=float64
        Type of the scores that the user gave.
    """

    def __init__(
        self,
        metric: Any,
        limits: dict[str, float],
        *,
        by_cost: bool,
        highest_cutoff: float,
        score_type: Any = np.float64,
    ) -> None:
        self.score_type = np.dtype(score_type)
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

    def curve(self, rows: ScoredRows) -> Curve:
        """Compute what each cutoff gives on `rows`."""
        *counts, thresholds = confusion_matrix_at_thresholds(
            rows.y, rows.score, pos_label=1, sample_weight=rows.weight
        )
        # Differences of sums of weights may fall below 0 by rounding.
        tn, fp, fn, tp = (np.maximum(count, 0.0) for count in counts)
        # In the type of the scores, or a comparison would round it down to them.
        highest = thresholds[0].astype(self.score_type)
        above_all = float(np.nextafter(highest, self.score_type.type(np.inf)))
        if above_all <= self.highest_cutoff:
            thresholds = np.r_[above_all, thresholds]
            tn, fp = np.r_[tn[0] + fp[0], tn], np.r_[0.0, fp]
            fn, tp = np.r_[fn[0] + tp[0], fn], np.r_[0.0, tp]
        values = self._values(rows, thresholds, (tn, fp, fn, tp))
        return Curve(thresholds, values, self._shortage(tn, fp, fn, tp))

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
            missed = wanted - reached[name]
            missed[missed <= _ROUNDING * max(limit, 1)] = 0.0
            shortage = np.maximum(shortage, missed)
        return shortage

    def what_is_nearest(self, curve: Curve) -> str:
        """Say which cutoff comes nearest to the limits."""
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
