"""
Cost of a search over thresholds
================================

A `GridSearchCV` over 99 thresholds in 5 folds needs six different networks: one for
each fold and one for all rows. How much does the whole search cost, relative to
training these six? Compared on the same network and data, each in one process:

- ``six fits``: `BinaryNetClassifier.fit` on the five training folds and on all rows,
- ``skbin``: `GridSearchCV` over ``threshold`` with ``memory``, its folder empty,
- ``tuned``: scikit-learn's `TunedThresholdClassifierCV` around the same estimator
  without memory, which trains as often but tries cutoffs on the scores of the folds,
- ``skorch``: `GridSearchCV` over the ``threshold`` of a plain skorch net, which trains
  496 networks. Only ``--skorch-thresholds`` of the 99 are run, and the time is scaled.

Run it with ``python
examples/benchmarks/search_over_thresholds.py``; it takes some minutes, and ``--quick``
takes seconds. The goal, at most 1.15 times six fits, is printed next to the result.
Then the cost of one fit loaded from memory is printed against the size of X: it is
dominated by the hash of X.
"""

import argparse
import tempfile
import time

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from skorch import NeuralNetBinaryClassifier

from skbin import BinaryNetClassifier, DenseNet

GOAL = 1.15
N_COLUMNS = 30
FOLDS = StratifiedKFold(5)


def make_net(max_epochs, memory=None):
    return BinaryNetClassifier(
        DenseNet, max_epochs=max_epochs, memory=memory, random_state=0
    )


def fit_six(X, y, max_epochs):
    for train, _ in FOLDS.split(X, y):
        make_net(max_epochs).fit(X[train], y[train])
    make_net(max_epochs).fit(X, y)


def search(estimator, X, y, n_thresholds):
    thresholds = np.linspace(0.01, 0.99, n_thresholds)
    GridSearchCV(estimator, {"threshold": thresholds}, cv=FOLDS, scoring="f1").fit(X, y)


def search_with_memory(X, y, max_epochs, n_thresholds):
    with tempfile.TemporaryDirectory() as folder:
        search(make_net(max_epochs, folder), X, y, n_thresholds)


def tune(X, y, max_epochs):
    TunedThresholdClassifierCV(make_net(max_epochs), cv=FOLDS, scoring="f1").fit(X, y)


def search_with_skorch(X, y, max_epochs, n_thresholds):
    net = NeuralNetBinaryClassifier(
        DenseNet,
        module__n_features=N_COLUMNS,
        optimizer=torch.optim.Adam,
        lr=0.001,
        max_epochs=max_epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    search(net, X, y.astype(np.float32), n_thresholds)


def seconds(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def compare_searches(options):
    X, y = make_classification(
        options.n_rows, N_COLUMNS, weights=[0.95], flip_y=0.01, random_state=0
    )
    X = X.astype(np.float32)
    epochs, n_thresholds = options.max_epochs, options.n_thresholds
    make_net(1).fit(X, y)
    times = np.array(
        [
            [
                seconds(fit_six, X, y, epochs),
                seconds(search_with_memory, X, y, epochs, n_thresholds),
                seconds(tune, X, y, epochs),
            ]
            for _ in range(options.n_repetitions)
        ]
    )
    # Three thresholds would train 15 networks and one more, 99 train 495 and one.
    few = options.n_skorch_thresholds
    skorch = seconds(search_with_skorch, X, y, epochs, few)
    skorch *= (5 * n_thresholds + 1) / (5 * few + 1)
    six, ours, tuned = np.median(times, axis=0)
    ratios = times / times[:, :1]
    print(
        f"{options.n_rows} rows, {epochs} epochs, {n_thresholds} thresholds, 5 folds; "
        f"medians of {options.n_repetitions}\n"
    )
    print(f"{'':<38}{'seconds':>9}{'times six fits':>22}")
    print(f"{'six fits':<38}{six:9.1f}{'1':>22}")
    for name, value, ratio in [
        (f"skbin, memory (goal <= {GOAL})", ours, ratios[:, 1]),
        ("skbin, TunedThresholdClassifierCV", tuned, ratios[:, 2]),
    ]:
        spread = f"{np.median(ratio):.2f} ({ratio.min():.2f}-{ratio.max():.2f})"
        print(f"{name:<38}{value:9.1f}{spread:>22}")
    name = f"plain skorch, scaled from {few} thresholds"
    print(f"{name:<38}{skorch:9.1f}{skorch / six:>22.1f}")


def time_recalled_fits(options):
    print(f"\n{'one recalled fit, X of':<38}{'seconds':>9}{'ms per MB of X':>22}")
    for megabytes in options.megabytes:
        n_rows = int(megabytes * 1e6 / 4 / N_COLUMNS)
        generator = np.random.default_rng(0)
        X = generator.standard_normal((n_rows, N_COLUMNS), dtype=np.float32)
        y = generator.random(n_rows) < 0.05
        with tempfile.TemporaryDirectory() as folder:
            net = make_net(0, folder).set_params(batch_size=4096).fit(X, y)
            time_of_a_hit = np.median(
                [seconds(net.fit, X, y) for _ in range(options.n_repetitions)]
            )
        print(
            f"{f'{megabytes} MB':<38}{time_of_a_hit:9.3f}"
            f"{1000 * time_of_a_hit / megabytes:>22.2f}"
        )


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few rows and epochs")
    parser.add_argument(
        "--skorch-thresholds", type=int, default=1, dest="n_skorch_thresholds"
    )
    parser.add_argument("--repetitions", type=int, default=3, dest="n_repetitions")
    parser.set_defaults(
        n_rows=20_000, max_epochs=50, n_thresholds=99, megabytes=(1, 10, 100)
    )
    options = parser.parse_args()
    if options.quick:
        options.n_rows, options.max_epochs, options.n_thresholds = 2_000, 2, 9
        options.n_repetitions, options.megabytes = 1, (1, 10)
    return options


def main():
    options = parse_options()
    compare_searches(options)
    time_recalled_fits(options)


if __name__ == "__main__":
    main()
