"""What to expect on new rows, from scores of rows not trained on: `Report`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

_N_BOOTSTRAPS = 200
_OF_SCORES: dict[str, Callable[..., float]] = {
    "average precision": metrics.average_precision_score,
    "ROC AUC": metrics.roc_auc_score,
    "log loss": metrics.log_loss,
    "Brier score": metrics.brier_score_loss,
}
_OF_DECISIONS: dict[str, Callable[..., float]] = {
    "precision": partial(metrics.precision_score, zero_division=np.nan),
    "recall": metrics.recall_score,
    "F1": metrics.f1_score,
}


class Estimate(NamedTuple):
    """A value, and the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Report:
    """What to expect of a fitted `CrossFitClassifier` on new rows.

    Each row of the training data was scored by members that had not been trained on it.
    An interval covers, with `confidence_level`, what one member reaches on very many
    new rows of the same kind. All members together are usually a little better.

    Parameters
    ----------
    estimates : dict of str to (value, low, high)
        "average precision", "ROC AUC", "log loss" and "Brier score" of probabilities;
        "precision", "recall", "F1" and "alarms per 1000" of decisions at `threshold`.
    threshold : float
        The cutoff of the decisions.
    confidence_level : float
        Confidence level of the intervals, which come from a bootstrap within classes.
    n_positives, n_negatives : int
        Rows that were scored.
    """

    estimates: dict[str, Estimate]
    threshold: float
    confidence_level: float
    n_positives: int
    n_negatives: int

    def __getitem__(self, name: str) -> Estimate:
        return self.estimates[name]

    def __str__(self) -> str:
        lines = [
            f"On {self.n_positives} positives and {self.n_negatives} negatives, each "
            "scored by members not trained on it;",
            f"decisions at {self.threshold:.4g}; {self.confidence_level:.0%} intervals "
            "of what a member reaches on new rows:",
        ]
        for name, (value, low, high) in self.estimates.items():
            lines.append(f"  {name:18}{value:8.4g}   {low:.4g} to {high:.4g}")
        return "\n".join(lines)


def report_on(
    y_true: NDArray[Any],
    y_score: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    pos_label: Any,
    threshold: float,
    rng: np.random.RandomState,
    confidence_level: float = 0.95,
) -> Report:
    """Compute the metrics, and again on rows drawn with replacement in each class."""
    y, score = (y_true == pos_label).astype(np.int64), y_score
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    decided = (score >= threshold).astype(np.int64)
    of_class = [np.flatnonzero(y == label) for label in (0, 1)]
    values = _values(y, score, decided, weight)
    replicates = []
    for _ in range(_N_BOOTSTRAPS):
        drawn = np.concatenate([rng.choice(rows, len(rows)) for rows in of_class])
        times = np.bincount(drawn, minlength=len(y))
        replicates.append(_values(y, score, decided, weight * times))
    tail = (1 - confidence_level) / 2
    low, high = np.nanquantile(replicates, [tail, 1 - tail], axis=0)
    names = [*_OF_SCORES, *_OF_DECISIONS, "alarms per 1000"]
    estimates = {
        name: Estimate(*(float(part) for part in parts))
        for name, *parts in zip(names, values, low, high, strict=True)
    }
    return Report(
        estimates,
        threshold,
        confidence_level,
        n_positives=len(of_class[1]),
        n_negatives=len(of_class[0]),
    )


def _values(
    y: NDArray[np.int64],
    score: NDArray[np.float64],
    decided: NDArray[np.int64],
    weight: NDArray[Any],
) -> list[float]:
    return [
        *(metric(y, score, sample_weight=weight) for metric in _OF_SCORES.values()),
        *(
            metric(y, decided, sample_weight=weight)
            for metric in _OF_DECISIONS.values()
        ),
        1000 * float(np.average(decided, weights=weight)),
    ]
