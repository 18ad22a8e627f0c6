"""Cutoffs that keep limits in the population, with a confidence: `guaranteed`."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from skbin.cutoffs.limits import Limit
from skbin.cutoffs.scored_rows import ScoredRows

# Two sequences of tests, each at half of the risk: one begins where few alarms are
# raised and precision is high, one where more rows carry more information. Chosen among
# 16 starting points by the recall that remains: see examples/benchmarks/guarantees.py.
_ALARMS_PER_POSITIVE, _FACTOR = (1 / 6, 2 / 3), 1.1


class Guaranteed(NamedTuple):
    """Cutoffs from `low` to `high` keep to the limits; of these `only`, if given.

    Cutoffs count as "score > low": `low` itself is left out.
    """

    low: float = -np.inf
    high: float = np.inf
    only: NDArray[np.float64] | None = None

    def among(self, cutoffs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the `cutoffs` that keep the limits, or the ones tested instead."""
        known = np.append(cutoffs, self.high) if self.only is None else self.only
        known = known[np.isfinite(known)]
        return np.unique(known[(known > self.low) & (known <= self.high)])


def refuse_guarantee(limits: Sequence[Any], sample_weight: Any, groups: Any) -> None:
    """Refuse a guarantee without a limit, and one on rows that are not independent."""
    if not limits:
        raise ValueError(
            "guarantee is the confidence in a limit, but no limit is given. Pass one, "
            "such as min_precision=0.9."
        )
    if sample_weight is not None:
        raise ValueError(
            "guarantee assumes equally weighted samples, and cannot be combined with "
            "sample_weight. Leave out one of them."
        )
    if groups is not None:
        raise ValueError(
            "guarantee assumes independent samples, and cannot be combined with "
            "groups, whose samples are alike. Leave out the guarantee and set a "
            "stricter limit, or give one sample for each group."
        )


def guaranteed(
    limits: Sequence[Limit],
    rows: ScoredRows,
    guarantee: float,
) -> Guaranteed:
    """Find the cutoffs at which all limits hold with at least this confidence.

    Recall, specificity and alarms rise or fall with the cutoff, and the share of a
    distribution above an order statistic of a sample is Beta distributed. Precision
    does not: it is tested (Clopper and Pearson) at numbers of alarms that are fixed
    beforehand, one after the other, until a test fails. Above the score of rank m the
    others are a sample of what is above it.
    """
    risk = (1 - guarantee) / len(limits)
    found = Guaranteed()
    for limit in limits:
        kept = _kept(limit, rows, risk)
        found = Guaranteed(
            max(found.low, kept.low),
            min(found.high, kept.high),
            found.only if kept.only is None else kept.only,
        )
    return found


def _kept(limit: Limit, rows: ScoredRows, risk: float) -> Guaranteed:
    if limit.bound <= 0 and not limit.is_most:
        return Guaranteed()
    if limit.parameter == "min_recall":
        return Guaranteed(high=_highest(rows.score[rows.y == 1], limit.bound, risk))
    if limit.parameter == "min_specificity":
        return Guaranteed(low=_lowest(rows.score[rows.y == 0], 1 - limit.bound, risk))
    if limit.parameter == "max_alarms_per_1000":
        return Guaranteed(low=_lowest(rows.score, limit.bound / 1000, risk))
    return Guaranteed(only=_precise(rows, limit.bound, risk))


def _highest(scores: NDArray[np.float64], share: float, risk: float) -> float:
    """Return the highest cutoff that at least this share of the population reaches."""
    ranks = np.arange(1, len(scores) + 1)
    # The share of the population above the score of a rank is Beta(rank, n - rank + 1).
    is_enough = beta.sf(share, ranks, len(scores) - ranks + 1) >= 1 - risk
    if not is_enough.any():
        return -np.inf
    return float(np.sort(scores)[::-1][is_enough.argmax()])


def _lowest(scores: NDArray[np.float64], share: float, risk: float) -> float:
    """Return the lowest score above which is at most this share of the population."""
    if share >= 1:
        return -np.inf
    ranks = np.arange(1, len(scores) + 1)
    is_few = beta.cdf(share, ranks, len(scores) - ranks + 1) >= 1 - risk
    if not is_few.any():
        return np.inf
    return float(np.sort(scores)[::-1][is_few.sum() - 1])


def _precise(rows: ScoredRows, least: float, risk: float) -> NDArray[np.float64]:
    """Return cutoffs at which precision is at least this."""
    order = np.argsort(rows.score)[::-1]
    scores, positives = rows.score[order], np.cumsum(rows.y[order])
    kept = []
    for start in _starts(int(positives[-1]), n_needed(least, risk / 2)):
        for rank in _ranks(start, len(scores)):
            n_above = int(np.searchsorted(-scores, -scores[rank - 1]))
            n_right = int(positives[n_above - 1]) if n_above else 0
            if binom.sf(n_right - 1, n_above, least) > risk / 2:
                break
            # With equal scores the next higher one is the cutoff that was tested.
            is_tied = n_above < rank - 1 or scores[rank - 1] in scores[rank : rank + 1]
            kept.append(scores[n_above - 1 if is_tied else rank - 1])
    return np.unique(kept)


def _starts(n_positives: int, n_least: float) -> list[int]:
    """Return numbers of alarms that hardly depend on how many positives were drawn."""
    rounded = [
        2 ** (round(2 * math.log2(share * n_positives)) / 2)
        for share in _ALARMS_PER_POSITIVE
    ]
    if n_least == math.inf:
        return []
    return [max(int(n_least), round(start)) + 1 for start in rounded]


def _ranks(start: int, n_rows: int) -> Iterator[int]:
    rank = start
    while rank <= n_rows:
        yield rank
        rank = max(rank + 1, int(rank * _FACTOR))


def n_needed(share: float, risk: float) -> float:
    """Return how many correct samples show that at least a share is correct.

    Examples
    --------
    >>> n_needed(0.9, risk=0.1)
    22
    """
    if share >= 1:
        return math.inf
    return math.ceil(math.log(risk) / math.log(share))


def why_none(
    limits: Sequence[Limit],
    rows: ScoredRows,
    guarantee: float,
) -> str:
    """Return which limits cannot be guaranteed, and how many samples that needs."""
    risk = (1 - guarantee) / len(limits)
    n_positives, n_rows = int(rows.y.sum()), len(rows.y)
    counts = {
        "min_recall": (n_positives, "positives"),
        "min_specificity": (n_rows - n_positives, "negatives"),
        "max_alarms_per_1000": (n_rows, "samples"),
        "min_precision": (n_positives, "positives"),
    }
    parts = []
    for limit in limits:
        n_given, what = counts[limit.parameter]
        reached = "can be kept on its own"
        if not len(_kept(limit, rows, risk).among(rows.score)):
            share = 1 - limit.bound / 1000 if limit.is_most else limit.bound
            is_precision = limit.parameter == "min_precision"
            n_least = n_needed(share, risk / 2 if is_precision else risk)
            reached = f"needs at least {n_least} {what}"
            if is_precision:
                reached += " above all negatives, and more if some score lower"
        parts.append(f"{limit} {reached} (there are {n_given})")
    return "; ".join(parts)
