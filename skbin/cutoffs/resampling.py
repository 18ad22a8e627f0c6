"""Bootstrap replicates of scored rows."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skbin.cutoffs.metrics import safe_divide
from skbin.cutoffs.scored_rows import ScoredRows


def grid_of_scores(
    rows: ScoredRows, threshold: float, n_cutoffs: int
) -> NDArray[np.float64]:
    """Thin out the distinct scores to at most `n_cutoffs`, and keep `threshold`.

    Half of them are spread over all scores, half over those of the positives, where
    cutoffs for a rare class lie.
    """
    distinct = np.unique(rows.score)
    if len(distinct) <= n_cutoffs:
        return distinct
    shares = np.linspace(0, 1, n_cutoffs // 2 - 1)
    of_all = np.quantile(distinct, shares, method="nearest")
    of_positives = np.quantile(rows.score[rows.y == 1], shares, method="nearest")
    return np.unique(np.r_[of_all, of_positives, min(threshold, distinct[-1])])


def resampled_groups(
    rows: ScoredRows, grid: NDArray[np.float64], n: int, rng: np.random.RandomState
) -> Iterator[ScoredRows]:
    """Draw rows with replacement, and add up those of a class between grid points.

    Gives two rows for each score of the grid. A replicate without weight is left out.
    """
    group = np.searchsorted(grid, rows.score, side="right") - 1
    cell = 2 * group + rows.y
    n_rows, n_cells = len(rows.y), 2 * len(grid)
    y, score = np.tile([0, 1], len(grid)), np.repeat(grid, 2)
    columns = (rows.weight, rows.cost_if_negative, rows.cost_if_positive)
    n_in_cell = np.bincount(cell, minlength=n_cells)
    if rows.is_uniform:
        means = [
            safe_divide(np.bincount(cell, column, minlength=n_cells), n_in_cell)
            for column in columns
        ]
    for _ in range(n):
        if rows.is_uniform:
            drawn = rng.multinomial(n_rows, n_in_cell / n_rows)
            sums = [drawn * mean for mean in means]
        else:
            times = np.bincount(rng.randint(n_rows, size=n_rows), minlength=n_rows)
            sums = [
                np.bincount(cell, times * column, minlength=n_cells).astype(float)
                for column in columns
            ]
        weight, cost_if_negative, cost_if_positive = sums
        if weight.any():
            yield ScoredRows(
                y, score, weight, cost_if_negative, cost_if_positive, False
            )


def resampled_rows(
    rows: ScoredRows, grid: NDArray[np.float64], n: int, rng: np.random.RandomState
) -> Iterator[ScoredRows]:
    """Draw rows with replacement, and bring their scores down to the grid."""
    score = grid[np.searchsorted(grid, rows.score, side="right") - 1]
    for _ in range(n):
        drawn = rng.randint(len(score), size=len(score))
        yield ScoredRows(
            rows.y[drawn],
            score[drawn],
            rows.weight[drawn],
            rows.cost_if_negative[drawn],
            rows.cost_if_positive[drawn],
            rows.is_uniform,
        )
