"""Does a guarantee keep limits in the population? With known distributions.

    python examples/benchmarks/guarantees.py --samples 2000

Samples are drawn from the distributions of ``cutoffs.py``. For each limit this prints
the share of samples with a cutoff, the share in which it breaks the limit in the
population, and the metric that it reaches, relative to the best within the limit in the
population: without and with a guarantee of 0.9, and for MAPIE, if it is installed.
"""

import argparse
import warnings
from importlib.util import find_spec

import numpy as np
from cutoffs import CLASSES, CUTOFFS, draw
from scipy.special import expit, logit

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


def ours(guarantee):
    def choose(y, logits, metric, limits):
        choice = select_threshold(
            y,
            logits,
            metric,
            scale="logit",
            guarantee=guarantee,
            n_bootstraps=0,
            **limits,
        )
        return choice.logit

    return choose


def mapies(y, logits, metric, limits):
    """Choose by MAPIE's controller, among its 100 thresholds by its own defaults."""
    from mapie.risk_control import BinaryClassificationController

    ((limit, bound),) = limits.items()
    controller = BinaryClassificationController(
        lambda z: np.column_stack([expit(-z[:, 0]), expit(z[:, 0])]),
        limit.removeprefix("min_"),
        bound,
        confidence_level=0.9,
        best_predict_param_choice=metric,
    )
    controller.calibrate(logits[:, np.newaxis], y)
    if controller.best_predict_param is None:
        raise ValueError("No threshold is valid.")
    return logit(controller.best_predict_param)


def measure(name, classes, n_rows, n_samples, rng):
    positives, negatives, ratio = classes
    metric, limits = LIMITS[name]
    values = in_population(*classes)
    kept = is_kept(values, limits)
    if not kept.any():
        return
    best = values[metric][kept].max()
    rules = {"no guarantee": ours(None), "guarantee": ours(0.9)}
    if find_spec("mapie") and limits.keys() <= {"min_precision", "min_recall"}:
        rules |= {"MAPIE": mapies} if len(limits) == 1 else {}
    chosen = {rule: [] for rule in rules}
    for _ in range(n_samples):
        n_positives = rng.binomial(n_rows, 1 / (1 + ratio))
        y = np.repeat([1, 0], [n_positives, n_rows - n_positives])
        scores = draw(positives, negatives, n_positives, n_rows - n_positives, rng)
        for rule, choose in rules.items():
            try:
                chosen[rule].append(choose(y, scores, metric, limits))
            except ValueError:
                continue
    print(name)
    for rule, cutoffs in chosen.items():
        at = np.minimum(np.searchsorted(CUTOFFS, cutoffs), len(CUTOFFS) - 1)
        share = np.mean(np.interp(cutoffs, CUTOFFS, values[metric])) / best
        print(
            f"    {rule:14} given {len(cutoffs) / n_samples:6.1%}   "
            f"broken {np.sum(~kept[at]) / n_samples:6.1%}   value {share:.2f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=3000)
    given = parser.parse_args()
    warnings.filterwarnings("ignore", "y_true has|No predict parameters")
    for kind, classes in CLASSES.items():
        rng = np.random.RandomState(0)
        print(f"\n{kind}, {given.rows} rows")
        for name in LIMITS:
            measure(name, classes, given.rows, given.samples, rng)


if __name__ == "__main__":
    main()
