"""
Quality of the defaults against scikit-learn's MLPClassifier
============================================================

How good is the estimator if you set no parameter? Each of the following gets columns
scaled by `StandardScaler`, and is scored by average precision in 3 stratified folds,
once for each of five seeds, which determine the folds and the networks:

- `BinaryNetClassifier` with its defaults, which use DenseNet,
- `BinaryNetClassifier` with TableConvNet,
- `MLPClassifier` with its defaults.

The data: breast cancer; digits, one against the rest; and `make_classification` with 5%
positives, drawn anew for each seed.

Run it with ``python examples/benchmarks/default_quality.py``, which takes a few
minutes; ``--digits`` chooses the digits and ``--seeds`` the number of seeds.

The script prints the mean and the standard deviation over the seeds, and the difference
of the means from MLPClassifier, next to the goal; the exit status does not depend on
it.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbin import BinaryNetClassifier, TableConvNet

GOAL = -0.02
REFERENCE = "MLPClassifier"
ESTIMATORS = {
    "skbin, DenseNet": BinaryNetClassifier,
    "skbin, TableConvNet": partial(BinaryNetClassifier, TableConvNet),
    REFERENCE: MLPClassifier,
}


def breast_cancer(seed):
    return load_breast_cancer(return_X_y=True)


def one_digit(seed, digit):
    X, y = load_digits(return_X_y=True)
    return X, (y == digit).astype(int)


def rare_class(seed):
    return make_classification(n_samples=2000, weights=[0.95], random_state=seed)


def make_data_sets(digits):
    """Functions from a seed to ``X, y``."""
    data_sets = {"breast cancer": breast_cancer}
    for digit in digits:
        data_sets[f"digit {digit} against rest"] = partial(one_digit, digit=digit)
    return {**data_sets, "make_classification, 5%": rare_class}


def average_precision(make_estimator, make_data, seed):
    """Mean over the folds of one seed."""
    X, y = make_data(seed)
    pipeline = make_pipeline(StandardScaler(), make_estimator(random_state=seed))
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    scores = cross_val_score(pipeline, X, y, cv=folds, scoring="average_precision")
    return scores.mean()


def print_data_set(name, make_data, n_seeds):
    scores = {
        estimator: [
            average_precision(make_estimator, make_data, seed)
            for seed in range(n_seeds)
        ]
        for estimator, make_estimator in ESTIMATORS.items()
    }
    reference = np.mean(scores[REFERENCE])
    for estimator, by_seed in scores.items():
        compared = f"{np.mean(by_seed) - reference:+12.4f}{f'>= {GOAL}':>10}"
        print(
            f"{name:<26}{estimator:<18}"
            f"{np.mean(by_seed):8.4f}{np.std(by_seed):8.4f}"
            f"{'' if estimator == REFERENCE else compared}",
            flush=True,
        )


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--digits", type=int, nargs="*", default=[3, 8], choices=range(10)
    )
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


def main():
    options = parse_options()
    start = time.perf_counter()
    print(
        f"{'average precision':<26}{'estimator':<18}{'mean':>8}{'std':>8}"
        f"{'difference':>12}{'goal':>10}"
    )
    # MLPClassifier stops at its default number of epochs, converged or not.
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, make_data in make_data_sets(options.digits).items():
        print_data_set(name, make_data, options.seeds)
    print(f"{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()
