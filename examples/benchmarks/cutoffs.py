"""Is the chosen cutoff good, and are its value and intervals right? A known optimum.

    python examples/benchmarks/cutoffs.py --repetitions 200

Scores are drawn from four pairs of distributions on the logit scale, whose best cutoff
for F1 and for costs of 10 to 1 is known. Each sample has its own number of positives,
as data have. For 10 to 200 positives on average this prints, as means over the
repetitions,

- ``regret``: by how much the exact rule's cutoff is worse than the best one, in % of
  the best value, and how much of that the smoothed rule saves;
- ``optimism``: by how much the exact rule's value, and `value` of `select_threshold`,
  is overestimated;
- ``cover``: how often the 95 % intervals contain the best cutoff, and the value that
  the chosen cutoff has on new data, of the samples that have intervals.
"""

import argparse
import warnings

import numpy as np
from scipy.stats import gumbel_r, norm, t

from skbin import select_threshold


class Mixture:
    """Distributions, each with its share."""

    def __init__(self, *parts):
        self.parts = parts

    def draw(self, n, rng):
        counts = rng.multinomial(n, [share for share, _ in self.parts])
        drawn = [
            distribution.rvs(count, random_state=rng)
            for count, (_, distribution) in zip(counts, self.parts, strict=True)
        ]
        return np.concatenate(drawn)

    def at_least(self, cutoff):
        return sum(
            share * distribution.sf(cutoff) for share, distribution in self.parts
        )


# Positives, negatives, and negatives for each positive.
CLASSES = {
    "normal": (Mixture((1, norm(1.5, 1))), Mixture((1, norm(-1, 1))), 20),
    "two kinds of positives": (
        Mixture((0.4, norm(3, 0.7)), (0.6, norm(-0.5, 1))),
        Mixture((0.9, norm(-2.5, 1)), (0.1, norm(0, 1))),
        20,
    ),
    "skew": (Mixture((1, gumbel_r(0, 0.8))), Mixture((1, gumbel_r(-3, 1))), 50),
    "heavy tails": (Mixture((1, t(3, 1.5))), Mixture((1, t(3, -1.5, 0.8))), 20),
}
OBJECTIVES = {"f1": {"metric": "f1"}, "cost": {"cost_matrix": [[0, 1], [10, 0]]}}
CUTOFFS = np.linspace(-12, 12, 8001)


def draw(positives, negatives, n_positives, n_negatives, rng):
    """Draw scores, those of the positives first."""
    return np.concatenate(
        [positives.draw(n_positives, rng), negatives.draw(n_negatives, rng)]
    )


def value_of(objective, positives, negatives, n_positives, n_negatives):
    """Compute the objective in the population at each of ``CUTOFFS``."""
    tp = n_positives * positives.at_least(CUTOFFS)
    fp = n_negatives * negatives.at_least(CUTOFFS)
    if objective == "f1":
        return 2 * tp / (tp + fp + n_positives)
    return (10 * (n_positives - tp) + fp) / (n_positives + n_negatives)


def measure(objective, positives, negatives, n_positives, n_negatives, n, rng):
    values = value_of(objective, positives, negatives, n_positives, n_negatives)
    sign = 1 if objective == "f1" else -1
    best = np.argmax(sign * values)
    n_rows = n_positives + n_negatives
    rows = []
    for _ in range(n):
        n_drawn = max(rng.binomial(n_rows, n_positives / n_rows), 1)
        y = np.repeat([1, 0], [n_drawn, n_rows - n_drawn])
        scores = draw(positives, negatives, n_drawn, n_rows - n_drawn, rng)
        settings = {**OBJECTIVES[objective], "scale": "logit", "random_state": 0}
        exact = select_threshold(y, scores, method="exact", n_bootstraps=0, **settings)
        smooth = select_threshold(y, scores, **settings)
        by_exact, by_smooth = np.interp([exact.logit, smooth.logit], CUTOFFS, values)
        (low, high), (lowest, highest) = smooth.logit_interval, smooth.value_interval
        rows.append(
            [
                sign * (values[best] - by_exact) / values[best],
                sign * (values[best] - by_smooth) / values[best],
                sign * (exact.value - by_exact),
                sign * (smooth.value - by_smooth),
                low <= CUTOFFS[best] <= high if np.isfinite(low) else np.nan,
                lowest <= by_smooth <= highest if np.isfinite(low) else np.nan,
            ]
        )
    return np.nanmean(rows, axis=0)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.filterwarnings("ignore", "y_true has")  # few positives are the point
    rng = np.random.RandomState(given.seed)
    print(f"{'objective, positives, classes':42}  regret, saved   optimism       cover")
    for objective in OBJECTIVES:
        for n_positives in (10, 20, 50, 200):
            found = []
            for name, (positives, negatives, ratio) in CLASSES.items():
                found.append(
                    measure(
                        objective,
                        positives,
                        negatives,
                        n_positives,
                        n_positives * ratio,
                        given.repetitions,
                        rng,
                    )
                )
                report(f"{objective}, {n_positives}, {name}", found[-1])
            report(f"{objective}, {n_positives}, mean of the four", np.mean(found, 0))


def report(name, measured):
    regret, smooth_regret, optimism, smooth_optimism, cutoff, value = measured
    print(
        f"{name:42} {100 * regret:5.1f} %  {1 - smooth_regret / regret:5.0%}  "
        f"{optimism:+.3f} {smooth_optimism:+.3f}  {cutoff:.2f} {value:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
