"""What to expect on new rows, from scores of rows not trained on: `Report`."""

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix_at_thresholds
from sklearn.utils import check_random_state

from skbin.cutoffs.metrics import recall
from skbin.cutoffs.resampling import FEWEST_FOR_INTERVALS, tail_of, times_drawn
from skbin.cutoffs.scales import in_digits

_N_BOOTSTRAPS = 200


class Estimate(NamedTuple):
    """A value, and the ends of its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.value:.4g} (too few for an interval)"
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Report:
    """The metrics to expect of a fitted `CrossFitClassifier` on new rows.

    Each training row was scored by members that were not trained on it. An interval
    covers, with probability `confidence_level`, the value of one member on very many
    new rows of the same kind. All members together are usually slightly better.

    Parameters
    ----------
    estimates : dict of str to (value, low, high)
        "average precision", "ROC AUC", "log loss" and "Brier score" of probabilities;
        "precision", "recall", "F1" and "alarms per 1000" of decisions at `threshold`.
    threshold : float
        The cutoff of the decisions.
    confidence_level : float
        Confidence level of the intervals, which come from a bootstrap of the rows.
        With fewer than ten rows of a class, or groups that hold it, they are NaN.
    n_positives, n_negatives : int
        Numbers of rows that were scored.
    n_groups : int, default=None
        Number of groups of these rows, if `fit` was given ``groups``. The bootstrap
        then draws whole groups.
    n_unscored : int, default=0
        Number of rows without a score, because no split leaves them out.
    """

    estimates: dict[str, Estimate]
    threshold: float
    confidence_level: float
    n_positives: int
    n_negatives: int
    n_groups: int | None = None
    n_unscored: int = 0

    def __getitem__(self, name: str) -> Estimate:
        if name not in self.estimates:
            raise KeyError(
                f"{name!r} is not in the report, which has {list(self.estimates)}. "
                "What the cutoff was chosen by, such as the cost, is choice_.value."
            )
        return self.estimates[name]

    def __str__(self) -> str:
        groups = f" in {self.n_groups} groups" if self.n_groups else ""
        lines = [
            f"On {self.n_positives} positives and {self.n_negatives} negatives{groups},"
            " each scored by members not trained on it;",
            f"decisions at {in_digits(self.threshold)}; {self.confidence_level:.0%} "
            "intervals of what a member reaches on new rows:",
        ]
        lines += [f"  {name:18} {found}" for name, found in self.estimates.items()]
        if self.n_unscored:
            lines.append(
                f"{self.n_unscored} rows have no score: no split left them out."
            )
        return "\n".join(lines)


def report_on(
    y_true: NDArray[Any],
    y_score: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    pos_label: Any,
    threshold: float,
    rng: int | np.random.RandomState,
    confidence_level: float = 0.95,
    groups: NDArray[np.intp] | None = None,
    n_unscored: int = 0,
) -> Report:
    """Compute the metrics, and again on rows or whole groups drawn with replacement."""
    random: Any = check_random_state(rng)
    rows = _Rows.of(y_true == pos_label, y_score, y_score >= threshold)
    weight = np.ones(len(rows.y)) if sample_weight is None else sample_weight
    of_class = [np.flatnonzero(rows.y == label) for label in (False, True)]
    values = rows.metrics(weight)
    unit = np.arange(len(rows.y)) if groups is None else groups
    fewest = min(len(np.unique(unit[rows.y == label])) for label in (False, True))
    n_replicates = _N_BOOTSTRAPS if fewest >= FEWEST_FOR_INTERVALS else 0
    replicates = [
        list(rows.metrics(weight * times).values())
        for times in times_drawn(rows.y, unit, n_replicates, random)
    ]
    lows = highs = [np.nan] * len(values)
    with warnings.catch_warnings():
        # Precision is undefined in replicates without an alarm.
        warnings.simplefilter("ignore", RuntimeWarning)
        if replicates:
            tail = tail_of(fewest, confidence_level)
            lows, highs = np.nanquantile(replicates, [tail, 1 - tail], axis=0)
    estimates = {
        name: Estimate(value, float(low), float(high))
        for (name, value), low, high in zip(values.items(), lows, highs, strict=True)
    }
    return Report(
        estimates,
        threshold,
        confidence_level,
        n_positives=len(of_class[1]),
        n_negatives=len(of_class[0]),
        n_groups=None if groups is None else len(np.unique(groups)),
        n_unscored=n_unscored,
    )


class _Rows(NamedTuple):
    """Rows, and what they add to a metric, whatever their weights."""

    y: NDArray[np.bool_]
    score: NDArray[np.float64]
    log_loss: NDArray[np.float64]
    squared_error: NDArray[np.float64]
    is_alarm: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        y: NDArray[np.bool_],
        score: NDArray[np.float64],
        is_alarm: NDArray[np.bool_],
    ) -> "_Rows":
        tiny = np.finfo(score.dtype).tiny
        of_truth = np.where(y, score, 1 - score)
        return cls(
            y, score, -np.log(np.maximum(of_truth, tiny)), (y - score) ** 2, is_alarm
        )

    def metrics(self, weight: NDArray[np.float64]) -> dict[str, float]:
        """Compute all of them; sklearn's functions take ten times as long for some."""
        _, false, _, true, _ = confusion_matrix_at_thresholds(
            self.y, self.score, sample_weight=weight
        )
        kinds = 2 * self.y + self.is_alarm
        tn, fp, fn, tp = np.bincount(kinds, weight, minlength=4)
        n, p = tn + fp, fn + tp
        values = {
            # As sklearn's average_precision_score and roc_auc_score, by one sorting.
            "average precision": np.diff(true, prepend=0) @ (true / (true + false)) / p,
            "ROC AUC": np.trapezoid(np.r_[0, true], np.r_[0, false]) / (p * n),
            "log loss": np.average(self.log_loss, weights=weight),
            "Brier score": np.average(self.squared_error, weights=weight),
            "precision": tp / (tp + fp) if tp + fp else np.nan,
            "recall": recall(tn, fp, fn, tp),
            "F1": 2 * tp / (2 * tp + fp + fn),
            "alarms per 1000": 1000 * (tp + fp) / (tn + fp + fn + tp),
        }
        return {name: float(value) for name, value in values.items()}
