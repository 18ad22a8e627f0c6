"""Scored samples, and what they could as well have been: bootstrap replicates."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skbin.cutoffs.metrics import share


class ScoredRows(NamedTuple):
    """Scored samples, or groups of them, whose weights and costs are sums.

    Parameters
    ----------
    y : ndarray of int of shape (n_rows,)
        1 for the positive class, else 0.
    score : ndarray of shape (n_rows,)
        Probabilities of the positive class.
    weight : ndarray of shape (n_rows,)
        Sample weights.
    cost_of_silence, cost_of_alarm : ndarray of shape (n_rows,)
        What it costs to call the row negative or positive, times its weight.
    are_alike : bool
        Whether samples of one class have the same weight and costs.
    """

    y: NDArray[np.int64]
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    cost_of_silence: NDArray[np.float64]
    cost_of_alarm: NDArray[np.float64]
    are_alike: bool


def grid_of_scores(
    rows: ScoredRows, threshold: float, n_cutoffs: int
) -> NDArray[np.float64]:
    """Thin out the distinct scores.

    Parameters
    ----------
    rows : ScoredRows
        The samples.
    threshold : float
        A score that must be kept.
    n_cutoffs : int
        How many scores are kept at most: half of them spread over all scores, half
        over those of the positives, where cutoffs for a rare class lie.

    Returns
    -------
    grid : ndarray
        Distinct scores, ascending.
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
    """Draw rows with replacement, and add them up between neighbours of the grid.

    Parameters
    ----------
    rows : ScoredRows
        The samples.
    grid : ndarray
        Ascending scores; a row counts as one of the highest that is not above its own.
    n : int
        Number of replicates.
    rng : numpy.random.RandomState
        Draws them.

    Yields
    ------
    replicate : ScoredRows
        Two rows for each score of the grid. A replicate without weight is left out.
    """
    group = np.searchsorted(grid, rows.score, side="right") - 1
    cell = 2 * group + rows.y
    n_rows, n_cells = len(rows.y), 2 * len(grid)
    y, score = np.tile([0, 1], len(grid)), np.repeat(grid, 2)
    columns = (rows.weight, rows.cost_of_silence, rows.cost_of_alarm)
    n_in_cell = np.bincount(cell, minlength=n_cells)
    if rows.are_alike:
        means = [
            share(np.bincount(cell, column, minlength=n_cells), n_in_cell)
            for column in columns
        ]
    for _ in range(n):
        if rows.are_alike:
            drawn = rng.multinomial(n_rows, n_in_cell / n_rows)
            sums = [drawn * mean for mean in means]
        else:
            times = np.bincount(rng.randint(n_rows, size=n_rows), minlength=n_rows)
            sums = [
                np.bincount(cell, times * column, minlength=n_cells).astype(float)
                for column in columns
            ]
        weight, cost_of_silence, cost_of_alarm = sums
        if weight.any():
            yield ScoredRows(y, score, weight, cost_of_silence, cost_of_alarm, False)


def resampled_rows(
    rows: ScoredRows, grid: NDArray[np.float64], n: int, rng: np.random.RandomState
) -> Iterator[ScoredRows]:
    """Draw rows with replacement.

    Parameters
    ----------
    rows, grid, n, rng
        As for `resampled_groups`.

    Yields
    ------
    replicate : ScoredRows
        As many rows as were given, their scores brought down to the grid.
    """
    score = grid[np.searchsorted(grid, rows.score, side="right") - 1]
    for _ in range(n):
        drawn = rng.randint(len(score), size=len(score))
        yield ScoredRows(
            rows.y[drawn],
            score[drawn],
            rows.weight[drawn],
            rows.cost_of_silence[drawn],
            rows.cost_of_alarm[drawn],
            rows.are_alike,
        )
