"""Whether probabilities are calibrated: groups of similar scores."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from skbin.cutoffs.look import curve_style, show_probabilities
from skbin.cutoffs.scored_rows import ScoredRows
from skbin.cutoffs.smoothing import effective_size

_MOST_GROUPS = 10
_FEWEST_POSITIVES_OF_A_GROUP = 5
_ROUNDING = 1e-9


class Reliability(NamedTuple):
    """Mean probability and share of positives of groups of similar scores.

    `low` and `high` are the ends of Clopper-Pearson intervals of the share.
    """

    probability: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def reliability_of(rows: ScoredRows, confidence_level: float) -> Reliability:
    """Group the rows by score, and compare each group's share with its probability."""
    group = _groups(rows)
    numbers = np.unique(group)
    columns = [_of_group(rows, group == number, confidence_level) for number in numbers]
    return Reliability(*np.array(columns).T)


def _groups(rows: ScoredRows) -> NDArray[np.intp]:
    """Return the number of each row's group.

    Groups hold equal parts of both classes together, each class counted as one half.
    Groups of equally many rows would leave all positives of a rare class in the last.
    """
    positive = rows.y == 1
    n_groups = int(
        np.clip(positive.sum() // _FEWEST_POSITIVES_OF_A_GROUP, 1, _MOST_GROUPS)
    )
    total = np.bincount(rows.y, weights=rows.weight, minlength=2)
    edges = np.quantile(
        rows.score,
        np.arange(1, n_groups) / n_groups - _ROUNDING,
        weights=rows.weight / total[rows.y],
        method="inverted_cdf",
    )
    return np.searchsorted(edges, rows.score)


def _of_group(rows: ScoredRows, chosen: Any, confidence_level: float) -> list[float]:
    weight, y = rows.weight[chosen], rows.y[chosen]
    probability = float(np.average(rows.score[chosen], weights=weight))
    share = float(np.average(y, weights=weight))
    n = effective_size(weight)
    tail = (1 - confidence_level) / 2
    low = beta.ppf(tail, share * n, (1 - share) * n + 1) if share > 0 else 0.0
    high = beta.isf(tail, share * n + 1, (1 - share) * n) if share < 1 else 1.0
    return [probability, share, float(low), float(high)]


def draw_reliability(found: Reliability, ax: Any, scale: str) -> None:
    """Draw the share of positives of each group at its mean probability."""
    ends = np.r_[found.probability, found.low, found.high]
    show_probabilities(ax.xaxis, scale, ends)
    show_probabilities(ax.yaxis, scale, ends)
    bottom, top = ax.get_ylim()
    ax.plot([bottom, top], [bottom, top], color="0.5", linestyle=":")
    color = curve_style(0)["color"]
    # A share of 0 or 1 has no log-odds, but one end of its interval can be drawn.
    low, high = np.maximum(found.low, bottom), np.minimum(found.high, top)
    ax.vlines(found.probability, low, high, color=color)
    ax.plot(found.probability, found.share, "o", color=color)
    ax.set(xlabel="mean probability", ylabel="share of positives")
