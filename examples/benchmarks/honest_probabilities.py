"""
Are the probabilities calibrated?
=================================

Weighting and oversampling help a network to notice a rare class, and shift all of its
probabilities. ``prior`` shifts them back. For a synthetic table with 3 % positives, and
for each table given by ``--data`` (a ``.npz`` with ``X`` and ``y``), this trains the
same network in six ways on one half of the rows and prints, on the other half,

- average precision: the ranking, which ``prior`` never changes,
- Brier score and log loss: lower is better; calibrated probabilities have the lowest,
- the mean probability divided by the share of positives: 1 for calibrated
  probabilities,
- the expected cost where a missed positive costs 10 and a false alarm 1, at the cutoff
  of theory, 1 / (1 + 10), as a multiple of the least cost that any cutoff reaches on
  those rows. It is 1 where theory and data agree.

Medians over the seeds. Run it with ``python examples/benchmarks/honest_probabilities.py
--data mammography.npz``; it takes some minutes.
"""

import argparse
from pathlib import Path

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skbin import BinaryNetClassifier, DenseNet, select_threshold

COST_OF_A_MISS = 10
COSTS = [[0, 1], [COST_OF_A_MISS, 0]]
CUTOFF_OF_THEORY = 1 / (1 + COST_OF_A_MISS)


def make_variants(share, max_epochs, seed):
    def net(**params):
        return BinaryNetClassifier(
            DenseNet, max_epochs=max_epochs, random_state=seed, **params
        )

    balanced = make_pipeline(StandardScaler(), net(pos_weight="balanced"))
    smote = SMOTE(random_state=seed)
    return {
        "no weighting": make_pipeline(StandardScaler(), net()),
        'pos_weight="balanced"': balanced,
        'pos_weight="balanced", prior="train"': make_pipeline(
            StandardScaler(), net(pos_weight="balanced", prior="train")
        ),
        "SMOTE": make_pipeline(StandardScaler(), smote, net()),
        "SMOTE, prior=share": make_pipeline(StandardScaler(), smote, net(prior=share)),
        "CalibratedClassifierCV(balanced)": CalibratedClassifierCV(balanced, cv=3),
    }


def expected_cost(y, y_pred):
    return np.mean(COST_OF_A_MISS * (y & ~y_pred) + (~y & y_pred))


def measure(y, probability):
    least = select_threshold(y, probability, cost_matrix=COSTS, n_bootstraps=0).value
    return [
        average_precision_score(y, probability),
        brier_score_loss(y, probability),
        log_loss(y, probability),
        probability.mean() / y.mean(),
        expected_cost(y, probability >= CUTOFF_OF_THEORY) / least,
    ]


def read_tables(paths):
    X, y = make_classification(
        20_000, 20, n_informative=6, weights=[0.97], flip_y=0.01, random_state=0
    )
    yield "make_classification", X, y.astype(bool)
    for path in paths:
        with np.load(path) as data:
            yield Path(path).stem, data["X"], data["y"] == 1


def compare(name, X, y, options):
    found = {}
    for seed in range(options.n_seeds):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.5, stratify=y, random_state=seed
        )
        variants = make_variants(y_train.mean(), options.max_epochs, seed)
        for variant, estimator in variants.items():
            probability = estimator.fit(X_train, y_train).predict_proba(X_test)[:, 1]
            found.setdefault(variant, []).append(measure(y_test, probability))
    print(f"\n{name}: {len(y)} rows, {y.mean():.1%} positives")
    print(
        f"{'':<38}{'AP':>7}{'Brier':>8}{'log loss':>10}{'mean / share':>14}"
        f"{'cost / least':>14}"
    )
    for variant, rows in found.items():
        precision, brier, loss, bias, cost = np.median(rows, axis=0)
        print(
            f"{variant:<38}{precision:>7.3f}{brier:>8.4f}{loss:>10.4f}{bias:>14.2f}"
            f"{cost:>14.2f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="*", default=[], help="files with X and y")
    parser.add_argument("--seeds", type=int, default=3, dest="n_seeds")
    parser.add_argument("--epochs", type=int, default=15, dest="max_epochs")
    options = parser.parse_args()
    print(f"Medians over {options.n_seeds} seeds, {options.max_epochs} epochs")
    for name, X, y in read_tables(options.data):
        compare(name, X, y, options)


if __name__ == "__main__":
    main()
