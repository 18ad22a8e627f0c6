"""
When is the shift by ``prior`` right?
=====================================

Positives are repeated until both classes are equally frequent, or weighted equally.
Both raise each logit by the log of the factor, and ``prior`` lowers it by the same
amount. This is right for a network that has learned the share of positives among
similar rows, and wrong for one that has memorised its positives.

For one data set with much noise (``make_classification``) and one with hardly any (the
eights among scikit-learn's digits, half of them removed) this trains a network for 1 to
50 epochs and prints, on rows that were not trained on, medians over the seeds of

- log loss with nothing resampled or weighted,
- log loss with the shift by ``prior``, and without it,
- the shift with the lowest log loss, next to that of the formula.

Run it with ``python examples/benchmarks/prior_after_resampling.py``.
"""

import argparse

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skbin import BinaryNetClassifier, DenseNet


def noisy_table(seed):
    return make_classification(
        4000, 20, n_informative=6, weights=[0.95], flip_y=0.03, random_state=seed
    )


def rare_digit(seed):
    X, digit = load_digits(return_X_y=True)
    y = (digit == 8).astype(int)
    kept = (y == 0) | (np.random.default_rng(seed).random(len(y)) < 0.5)
    return X[kept], y[kept]


def a_net(n_epochs, seed, **parameters):
    return BinaryNetClassifier(
        DenseNet, max_epochs=n_epochs, random_state=seed, **parameters
    )


def loss_of(logits, y, shift=0.0):
    return log_loss(y, expit(logits + shift))


def measure(make_rows, n_epochs, seed):
    X, y = make_rows(seed)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    plain = a_net(n_epochs, seed).fit(X, y).decision_function(X_test)
    repeated = make_pipeline(
        RandomOverSampler(random_state=seed), a_net(n_epochs, seed)
    ).fit(X, y)
    weighted = a_net(n_epochs, seed, pos_weight="balanced").fit(X, y)
    formula = logit(y.mean())  # from equal shares, or equal weights, to the data's
    row = [loss_of(plain, y_test), formula]
    for model in (repeated, weighted):
        logits = model.decision_function(X_test)
        best = minimize_scalar(
            lambda shift, logits=logits: loss_of(logits, y_test, shift),
            bounds=(-15, 15),
            method="bounded",
        ).x
        row += [loss_of(logits, y_test), loss_of(logits, y_test, formula), best]
    return row


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, dest="n_seeds")
    options = parser.parse_args()
    print(f"Medians over {options.n_seeds} seeds; log loss on rows not trained on")
    for make_rows in (noisy_table, rare_digit):
        print(f"\n{make_rows.__name__.replace('_', ' ')}")
        print(
            f"{'':>7}{'neither':>9} | {'repeated':>9}{'prior':>8}{'best shift':>12} |"
            f"{'weighted':>9}{'prior':>8}{'best shift':>12} |{'formula':>9}"
        )
        for n_epochs in (1, 3, 10, 20, 50):
            rows = [measure(make_rows, n_epochs, s) for s in range(options.n_seeds)]
            plain, formula, *rest = np.median(rows, axis=0)
            print(
                f"{n_epochs:>4} ep{plain:>9.4f} | {rest[0]:>9.4f}{rest[1]:>8.4f}"
                f"{rest[2]:>+12.2f} |{rest[3]:>9.4f}{rest[4]:>8.4f}{rest[5]:>+12.2f} |"
                f"{formula:>+9.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
