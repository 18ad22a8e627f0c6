"""Score distributions of the classes, smoothed by a kernel on the logit."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit, logit

from skbin.cutoffs.curve import ROUNDING, Curve, Objective
from skbin.cutoffs.metrics import Counts
from skbin.cutoffs.scored_rows import ScoredRows

_N_CUTOFFS = 1024
_REACH = 4.0  # bandwidths beyond the scores, where the kernel has vanished
_LEAST_REACH, _TINY = 1e-6, 1e-300
_MOST_WIDTHS = 10.0  # of the central scores, to which outlying ones are moved
_IQR_OF_NORMAL = 1.349  # standard deviations
# Chosen by the regret on four distributions, 10 to 200 positives, F1 and cost: see
# examples/benchmarks/cutoffs.py. Silverman's rule for densities has 0.9.
_BANDWIDTH = 0.7
_LEAST_BANDWIDTH = 0.1  # cells


class ScoreDistributions(NamedTuple):
    """Weights, and costs of alarms, of each class in cells of a grid of logits.

    `weight` and `change` have the shape (2, n_cells): negatives and positives. `change`
    is by how much an alarm changes the cost, `cost_without_alarms` that of each class.
    `bandwidth` is in cells, and so is `position`, that of each row.
    """

    logits: NDArray[np.float64]
    weight: NDArray[np.float64]
    change: NDArray[np.float64]
    cost_without_alarms: NDArray[np.float64]
    bandwidth: NDArray[np.float64]
    position: NDArray[np.float64]

    def of_rows(
        self, rows: ScoredRows, position: NDArray[np.float64]
    ) -> "ScoreDistributions":
        """Add up rows in their cells."""
        # A row is called positive at all cutoffs up to its score.
        cell = np.clip(position.astype(np.int64), 0, _N_CUTOFFS - 1)
        cell += rows.y * _N_CUTOFFS
        columns = rows.weight, rows.cost_if_positive - rows.cost_if_negative
        weight, change = (
            np.bincount(cell, column, minlength=2 * _N_CUTOFFS).astype(np.float64)
            for column in columns
        )
        without_alarms = np.bincount(rows.y, rows.cost_if_negative, minlength=2)
        return self._replace(
            weight=weight.reshape(2, -1),
            change=change.reshape(2, -1),
            cost_without_alarms=without_alarms.astype(np.float64),
        )

    def smoothed(self, share: float = 1.0) -> "ScoreDistributions":
        """Spread each class by a share of its bandwidth."""
        return self._replace(
            weight=_spread(self.weight, share * self.bandwidth),
            change=_spread(self.change, share * self.bandwidth),
        )

    def of_sizes(self, sizes: NDArray[np.float64]) -> "ScoreDistributions":
        """Give the classes other weights, the distributions as they are."""
        factor = sizes / self.weight.sum(axis=1)
        return self._replace(
            weight=self.weight * factor[:, np.newaxis],
            change=self.change * factor[:, np.newaxis],
            cost_without_alarms=self.cost_without_alarms * factor,
        )

    def counts(self) -> tuple[Counts, Counts, Counts, Counts]:
        """Weigh the four outcomes where a cell's logit or more is called positive."""
        fp, tp = _at_least(self.weight)
        negative, positive = self.weight.sum(axis=-1)
        # Differences of sums may fall below 0 by rounding.
        tn, fn = np.maximum(negative - fp, 0.0), np.maximum(positive - tp, 0.0)
        return tn, np.maximum(fp, 0.0), fn, np.maximum(tp, 0.0)

    def cost(self) -> NDArray[np.float64]:
        """Return the expected cost for each sample, at each cutoff."""
        changed = _at_least(self.change.sum(axis=0))
        return (self.cost_without_alarms.sum() + changed) / self.weight.sum()


def distributions_of(rows: ScoredRows, scale: str) -> ScoreDistributions:
    """Sort rows into cells of a grid of logits."""
    scores = rows.score
    if scale == "probability":
        with np.errstate(divide="ignore"):
            scores = logit(scores)
    scores = _without_outliers(scores, rows)
    bandwidth = np.array([_bandwidth(scores, rows, label) for label in (0, 1)])
    reach = max(_REACH * bandwidth.max(), _LEAST_REACH * np.abs(scores).max(), _TINY)
    logits = np.linspace(scores.min() - reach, scores.max() + reach, _N_CUTOFFS)
    step = logits[1] - logits[0]
    empty = np.zeros((2, _N_CUTOFFS))
    found = ScoreDistributions(
        logits,
        empty,
        empty,
        np.zeros(2),
        bandwidth / step,
        (scores - logits[0]) / step,
    )
    return found.of_rows(rows, found.position)


def _without_outliers(
    logits: NDArray[np.float64], rows: ScoredRows
) -> NDArray[np.float64]:
    """Move far or infinite scores nearer, because a grid must contain them all."""
    ends = [
        np.quantile(logits[rows.y == label], [0.01, 0.99], method="nearest")
        for label in (0, 1)
    ]
    is_finite = np.isfinite(ends)
    if not is_finite.any():
        return np.clip(logits, -1.0, 1.0)
    low = np.min(ends, where=is_finite, initial=np.inf)
    high = np.max(ends, where=is_finite, initial=-np.inf)
    width = _MOST_WIDTHS * max(high - low, 1.0)
    return np.clip(logits, low - width, high + width)


def _bandwidth(logits: NDArray[np.float64], rows: ScoredRows, label: int) -> float:
    chosen = (rows.y == label) & (rows.weight > 0)
    scores, weight = logits[chosen], rows.weight[chosen]
    mean = np.average(scores, weights=weight)
    spread = np.sqrt(np.average((scores - mean) ** 2, weights=weight))
    quarter, three_quarters = np.quantile(
        scores, [0.25, 0.75], weights=weight, method="inverted_cdf"
    )
    if three_quarters > quarter:
        spread = min(spread, (three_quarters - quarter) / _IQR_OF_NORMAL)
    return float(_BANDWIDTH * spread * effective_size(weight) ** (-1 / 5))


def effective_size(weight: NDArray[np.float64]) -> float:
    """Return the effective number of rows (Kish)."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def _spread(
    weight: NDArray[np.float64], bandwidth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Smooth the cells of both classes, (..., 2, n_cells)."""
    classes = [
        gaussian_filter1d(weight[..., label, :], width, mode="constant", axis=-1)
        # A kernel within one cell moves nothing, and one of width 0 does not exist.
        if width > _LEAST_BANDWIDTH
        else weight[..., label, :]
        for label, width in enumerate(bandwidth)
    ]
    return np.stack(classes, axis=-2)


def _at_least(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the cells from each one on, (..., n_cells)."""
    return np.flip(np.cumsum(np.flip(weight, axis=-1), axis=-1), axis=-1)


def values_of(objective: Objective, found: ScoreDistributions) -> NDArray[np.float64]:
    """Compute the metric, or the cost as a negative number, at each cutoff."""
    if objective.by_cost:
        return -found.cost()
    formula: Any = objective.from_counts
    return formula(*found.counts())


def best_of(values: NDArray[np.float64], shortage: NDArray[np.float64]) -> int:
    """Find the best cell within the limits, or nearest to them; of equal ones the last.

    The last is the highest cutoff, which raises the fewest alarms.
    """
    nearest = shortage <= max(float(shortage.min()), 0.0)
    judged = np.where(nearest & ~np.isnan(values), values, -np.inf)
    best = judged.max()
    return int(np.flatnonzero(judged >= best - ROUNDING * abs(best))[-1])


def smoothed_best(
    objective: Objective, found: ScoreDistributions, curve: Curve
) -> float:
    """Choose the cutoff that is best in the smoothed classes.

    Whether a cutoff keeps the limits is determined on the rows themselves.
    """
    cutoffs = _on_scale(found.logits, objective)
    if objective.limits:
        # The cutoff that only just keeps a limit is a score.
        cutoffs = np.union1d(cutoffs, curve.thresholds[curve.is_allowed])
    values = smoothed_values(objective, found, cutoffs)
    place = curve.index_of(cutoffs)
    best = best_of(values, curve.shortage[place])
    # Where the classes are far apart, the middle between them is the safest.
    is_as_good = values >= values[best] - ROUNDING * abs(values[best])
    alike = cutoffs[(place == place[best]) & is_as_good]
    return float(alike[len(alike) // 2])


def smoothed_values(
    objective: Objective, found: ScoreDistributions, cutoffs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the metric, or the negative cost, of the smoothed classes at cutoffs."""
    values = values_of(objective, found.smoothed())
    return np.interp(cutoffs, _on_scale(found.logits, objective), values)


def _on_scale(logits: NDArray[np.float64], objective: Objective) -> NDArray[np.float64]:
    if objective.scale == "logit":
        return logits
    return expit(logits).astype(objective.score_type).astype(np.float64)
