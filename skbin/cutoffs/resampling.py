"""Bootstrap replicates: the choice, and its value, on other data."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import norm, t

from skbin.cutoffs.curve import Objective
from skbin.cutoffs.metrics import safe_divide
from skbin.cutoffs.scored_rows import ScoredRows
from skbin.cutoffs.smoothing import ScoreDistributions, best_of, values_of

# The kernel of a bootstrap has to be narrower than that of the choice, or what
# smoothing moves is missing in the intervals: see examples/benchmarks/cutoffs.py.
_SHARE_OF_BANDWIDTH = 0.5
_CUTOFFS_OF_A_SLOW_METRIC = 100
FEWEST_FOR_INTERVALS = 10  # samples of a class


class Replicates(NamedTuple):
    """Chosen cutoffs, as logits, and what the cutoff reaches, on each replicate.

    `optimism` is by how much a cutoff does better on the sample that it was chosen on
    than in the distribution from which the sample was drawn.
    """

    logits: NDArray[np.float64]
    values: NDArray[np.float64]
    optimism: float

    def corrected(self, apparent: float, objective: Objective) -> float:
        """Return what is left of a value without optimism: nothing better than it."""
        optimism = objective.sign * max(objective.sign * self.optimism, 0)
        is_share = objective.from_counts is not None and not objective.by_cost
        value = apparent - optimism
        return max(value, min(apparent, 0.0)) if is_share else value


def smoothed_replicates(
    objective: Objective,
    rows: ScoredRows,
    found: ScoreDistributions,
    cutoff: float,
    n: int,
    rng: np.random.RandomState,
    *,
    is_smooth: bool,
) -> Replicates:
    """Choose again on samples of the smoothed classes, as large as the given one."""
    # Patra, Seijo and Sen, "A consistent bootstrap procedure for the maximum score
    # estimator", Journal of Econometrics 205, 2018: inconsistent without a kernel.
    population = found.smoothed(_SHARE_OF_BANDWIDTH)
    place = min(int(np.searchsorted(found.logits, cutoff)), len(found.logits) - 1)
    if np.isposinf(cutoff):  # scores of 1 were moved nearer, and must stay alarms
        place = int(found.position.max())
    chosen, values, optimism = [], [], []
    for sample in samples_of_smoothed_classes(rows, found, n, rng):
        seen = values_of(objective, sample)
        shortage = objective.shortage(sample.counts())
        narrow = wide = seen
        if is_smooth:
            narrow = values_of(objective, sample.smoothed(_SHARE_OF_BANDWIDTH))
            wide = values_of(objective, sample.smoothed())
        chosen.append(found.logits[best_of(narrow, shortage)])
        values.append(objective.sign * seen[place])
        best = best_of(wide, shortage)
        # At the share of positives of the sample: by how much that is off is chance.
        true_values = values_of(objective, population.of_sizes(sample.weight.sum(1)))
        optimism.append(objective.sign * (seen[best] - true_values[best]))
    return Replicates(np.array(chosen), np.array(values), float(np.nanmean(optimism)))


def tail_of(fewest: int, confidence_level: float) -> float:
    """Return the share of replicates on each side of an interval.

    `fewest` is the number of rows of the rarer class, or of groups that hold it.
    Percentile intervals of few rows are too narrow, as a normal interval is without
    Student's t. Expanded ones: Hesterberg, "What teachers should know about the
    bootstrap", The American Statistician 69, 2015.
    """
    quantile = t.isf((1 - confidence_level) / 2, fewest - 1)
    return float(norm.sf(np.sqrt(fewest / (fewest - 1)) * quantile))


def samples_of_smoothed_classes(
    rows: ScoredRows, found: ScoreDistributions, n: int, rng: np.random.RandomState
) -> Iterator[ScoreDistributions]:
    """Draw samples as large as the given one, from classes smoothed by a kernel.

    The number of positives is drawn as well: their share is an estimate.
    """
    if not rows.is_uniform:
        yield from _samples_of_unlike_rows(rows, found, n, rng)
        return
    sizes = found.weight.sum(axis=1)
    n_rows = round(sizes.sum())
    change_of_a_row = safe_divide(found.change.sum(axis=1), sizes)[:, np.newaxis]
    cost_of_a_row = safe_divide(found.cost_without_alarms, sizes)
    shares = np.maximum(found.smoothed(_SHARE_OF_BANDWIDTH).weight, 0)
    for _ in range(n):
        n_positives = np.clip(rng.binomial(n_rows, sizes[1] / n_rows), 1, n_rows - 1)
        drawn = np.array([n_rows - n_positives, n_positives])
        weight = np.stack(
            [
                rng.multinomial(size, share / share.sum()).astype(float)
                for size, share in zip(drawn, shares, strict=True)
            ]
        )
        yield found._replace(
            weight=weight,
            change=weight * change_of_a_row,
            cost_without_alarms=drawn * cost_of_a_row,
        )


def _samples_of_unlike_rows(
    rows: ScoredRows, found: ScoreDistributions, n: int, rng: np.random.RandomState
) -> Iterator[ScoreDistributions]:
    """Draw rows with their weights and costs, and move each within its kernel."""
    for times in times_drawn(rows.y == 1, rows.group, n, rng):
        drawn = np.repeat(np.arange(len(times)), times)
        sample = rows.at(drawn)
        moved = _SHARE_OF_BANDWIDTH * found.bandwidth[sample.y] * rng.randn(len(drawn))
        yield found.of_rows(sample, found.position[drawn] + moved)


def replicates_of_rows(
    objective: Objective,
    rows: ScoredRows,
    cutoff: float,
    n: int,
    rng: np.random.RandomState,
) -> Replicates:
    """Choose again on rows drawn with replacement, for a metric that needs them all."""
    grid = _grid_of_scores(rows, cutoff)
    score = grid[np.searchsorted(grid, rows.score, side="right") - 1]
    chosen, values, optimism = [], [], []
    population = objective.curve(rows._replace(score=score))
    for times in times_drawn(rows.y == 1, rows.group, n, rng):
        drawn = np.repeat(np.arange(len(times)), times)
        curve = objective.curve(rows.at(drawn)._replace(score=score[drawn]))
        best = curve.best()
        threshold = float(curve.thresholds[best])
        chosen.append(threshold)
        values.append(objective.sign * curve.at(cutoff))
        in_population = population.at(threshold)
        optimism.append(objective.sign * (curve.values[best] - in_population))
    logits = np.array(chosen)
    if objective.scale == "probability":
        logits = logit(np.minimum(logits, 1.0))
    return Replicates(logits, np.array(values), float(np.nanmean(optimism)))


def times_drawn(
    is_positive: NDArray[np.bool_],
    group: NDArray[np.intp],
    n: int,
    rng: np.random.RandomState,
) -> Iterator[NDArray[np.intp]]:
    """Draw groups of rows with replacement; yield how often each row was drawn.

    Not within classes: their shares are estimates as well. A sample that lacks a class
    is drawn again.
    """
    groups, code = np.unique(group, return_inverse=True)
    n_groups, n_drawn = len(groups), 0
    while n_drawn < n:
        drawn = rng.choice(n_groups, n_groups)
        times = np.bincount(drawn, minlength=n_groups)[code]
        if times @ is_positive and times @ ~is_positive:
            n_drawn += 1
            yield times


def _grid_of_scores(rows: ScoredRows, cutoff: float) -> NDArray[np.float64]:
    """Thin out the distinct scores, half of them those of positives; keep `cutoff`.

    Cutoffs for a rare class lie where positives are.
    """
    distinct = np.unique(rows.score)
    if len(distinct) <= _CUTOFFS_OF_A_SLOW_METRIC:
        return distinct
    shares = np.linspace(0, 1, _CUTOFFS_OF_A_SLOW_METRIC // 2 - 1)
    of_all = np.quantile(distinct, shares, method="nearest")
    of_positives = np.quantile(rows.score[rows.y == 1], shares, method="nearest")
    return np.unique(np.r_[of_all, of_positives, min(cutoff, distinct[-1])])
