"""Are limits kept in the population, where a guarantee says so? Where it is known.

    python examples/benchmarks/guarantees.py --samples 2000

Samples are drawn from the distributions of ``cutoffs.py``. For each limit this prints
in how many of them the chosen cutoff breaks it in the population, without and with a
guarantee of 0.9; for how many no cutoff can be guaranteed; and the metric that the
guaranteed cutoff reaches, as a share of the best within the limit in the population.
"""

import argparse
import warnings

import numpy as np
from cutoffs import CLASSES, CUTOFFS

from skbin import select_threshold

LIMITS = {
    "precision >= 0.8": ("recall", {"min_precision": 0.8}),
    "recall >= 0.8": ("precision", {"min_recall": 0.8}),
    "specificity >= 0.98": ("recall", {"min_specificity": 0.98}),
    "alarms <= 50 per 1000": ("recall", {"max_alarms_per_1000": 50}),
    "recall >= 0.5, precision >= 0.5": (
        "f1",
        {"min_recall": 0.5, "min_precision": 0.5},
    ),
}


def in_population(positives, negatives, ratio):
    tp, fp = positives.at_least(CUTOFFS), ratio * negatives.at_least(CUTOFFS)
    return {
        "precision": tp / np.maximum(tp + fp, 1e-300),
        "recall": tp,
        "specificity": 1 - fp / ratio,
        "f1": 2 * tp / (tp + fp + 1),
        "max_alarms_per_1000": 1000 * (tp + fp) / (1 + ratio),
    }


def is_kept(values, limits):
    kept = np.ones(len(CUTOFFS), dtype=bool)
    for name, bound in limits.items():
        if name.startswith("max"):
            kept &= values[name] <= bound
        else:
            kept &= values[name.removeprefix("min_")] >= bound
    return kept


def measure(name, classes, n_rows, n_samples, rng):
    positives, negatives, ratio = classes
    metric, limits = LIMITS[name]
    values = in_population(*classes)
    kept = is_kept(values, limits)
    if not kept.any():
        return
    best = values[metric][kept].max()
    broken, reached, n_refused = [0, 0], [], 0
    for _ in range(n_samples):
        n_positives = rng.binomial(n_rows, 1 / (1 + ratio))
        y = np.repeat([1, 0], [n_positives, n_rows - n_positives])
        scores = np.concatenate(
            [
                positives.draw(n_positives, rng),
                negatives.draw(n_rows - n_positives, rng),
            ]
        )
        for place, guarantee in enumerate((None, 0.9)):
            try:
                choice = select_threshold(
                    y,
                    scores,
                    metric,
                    scale="logit",
                    guarantee=guarantee,
                    n_bootstraps=0,
                    **limits,
                )
            except ValueError:
                n_refused += place
                continue
            at = np.searchsorted(CUTOFFS, choice.logit)
            broken[place] += not kept[min(at, len(CUTOFFS) - 1)]
            if place:
                reached.append(np.interp(choice.logit, CUTOFFS, values[metric]))
    share = np.mean(reached) / best if reached else np.nan
    print(
        f"{name:34} {broken[0] / n_samples:8.1%} {broken[1] / n_samples:8.1%} "
        f"{n_refused / n_samples:8.1%} {share:8.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=3000)
    given = parser.parse_args()
    warnings.filterwarnings("ignore", "y_true has")
    for kind, classes in CLASSES.items():
        rng = np.random.RandomState(0)
        print(f"{kind}, {given.rows} rows: broken without, with, refused, value kept")
        for name in LIMITS:
            measure(name, classes, given.rows, given.samples, rng)


if __name__ == "__main__":
    main()
