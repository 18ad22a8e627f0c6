"""
Signals: the default against random convolutions and the published networks
===========================================================================

Each file of ``--data`` is a ``.npz`` with ``X`` of shape (n, channels, length), labels
``y``, ``test`` (1 for a test row) and, if signals end early, ``lengths``, as made from
the UCR and UEA archives. For seeds 0, 1, ... this trains on the training rows and
prints means, on the test rows, of average precision, accuracy, log loss, Brier score
and the seconds of a fit; then the means over the files, the mean rank by average
precision, and the mean accuracy of the published networks (Ismail Fawaz et al. 2019).

- *MiniRocket* and *MultiRocket* are aeon's or sktime's, whichever is installed, with a
  logistic regression behind a scaler; where signals end early they get zeros;
- *ConvNet* has residual blocks and filters of several widths, 50 epochs;
- *BinaryNetClassifier()* and *CrossFitClassifier()* are the defaults.

Run it with ``OMP_NUM_THREADS=1 python examples/benchmarks/signals.py --data folder/*``.
"""

import argparse
import importlib
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skbin import BinaryNetClassifier, ConvNet, CrossFitClassifier

# FCN and ResNet: mean accuracy on the sets' own splits, from results-ucr-128.csv of
# hfawaz/dl-4-tsc: Ismail Fawaz et al., "Deep learning for time series classification:
# a review", 2019.
PUBLISHED = {
    "DistalPhalanxOutlineCorrect": (0.760, 0.770),
    "ECG200": (0.888, 0.874),
    "Earthquakes": (0.725, 0.712),
    "ItalyPowerDemand": (0.963, 0.962),
    "MoteStrain": (0.936, 0.924),
    "Strawberry": (0.975, 0.980),
}
LIBRARIES = (
    "aeon.transformations.collection.convolution_based",
    "sktime.transformations.panel.rocket",
)


def transformer(names, seed):
    for library in LIBRARIES:
        try:
            module = importlib.import_module(library)
        except ImportError:
            continue
        found = next(name for name in names if hasattr(module, name))
        return getattr(module, found)(random_state=seed)
    return None


def without_end(X):
    return np.nan_to_num(X).astype(np.float32)


def make_models(seed):
    models = {}
    rockets = {
        "MiniRocket": ("MiniRocket", "MiniRocketMultivariate"),
        "MultiRocket": ("MultiRocket", "MultiRocketMultivariate"),
    }
    for name, names in rockets.items():
        rocket = transformer(names, seed)
        if rocket is not None:
            models[name] = make_pipeline(
                FunctionTransformer(without_end),
                rocket,
                StandardScaler(),
                LogisticRegression(C=0.001, max_iter=1000),
            )
    models["ConvNet"] = BinaryNetClassifier(ConvNet, random_state=seed)
    models["BinaryNetClassifier()"] = BinaryNetClassifier(random_state=seed)
    models["CrossFitClassifier()"] = CrossFitClassifier(random_state=seed)
    return models


def read(path):
    with np.load(path) as data:
        X, y, is_test = data["X"], data["y"].astype(int), data["test"].astype(bool)
        lengths = data.get("lengths")
    if lengths is not None:
        has_ended = np.arange(X.shape[2]) >= lengths[:, None]
        X = np.where(has_ended[:, None], np.nan, X)
    return X[~is_test], X[is_test], y[~is_test], y[is_test]


def measure(model, X, X_test, y, y_test):
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    probability = np.clip(model.predict_proba(X_test)[:, 1], 1e-7, 1 - 1e-7)
    return [
        average_precision_score(y_test, probability),
        accuracy_score(y_test, probability >= 0.5),
        log_loss(y_test, probability),
        brier_score_loss(y_test, probability),
        seconds,
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3, dest="n_seeds")
    parser.add_argument("--only", nargs="*", help="names of models")
    options = parser.parse_args()
    columns = f"{'AP':>8}{'accuracy':>10}{'log loss':>10}{'Brier':>8}{'s':>7}"
    found = {}
    for path in options.data:
        parts = read(path)
        print(f"\n{path.stem}: {len(parts[2])} to train on, {parts[0].shape[1:]}")
        print(f"{'':<24}{columns}")
        for seed in range(options.n_seeds):
            for name, model in make_models(seed).items():
                if options.only is None or name in options.only:
                    rows = found.setdefault(name, {}).setdefault(path.stem, [])
                    rows.append(measure(model, *parts))
        for name, by_set in found.items():
            show(name, np.mean(by_set[path.stem], axis=0))
        if path.stem in PUBLISHED:
            for name, accuracy in zip(
                ("FCN", "ResNet"), PUBLISHED[path.stem], strict=True
            ):
                print(f"{name + ', published':<24}{'':>8}{accuracy:>10.3f}")
    means = {
        name: np.array([np.mean(rows, axis=0) for rows in by_set.values()])
        for name, by_set in found.items()
    }
    precisions = np.array([table[:, 0] for table in means.values()])
    ranks = (-precisions).argsort(axis=0).argsort(axis=0).mean(axis=1) + 1
    print(f"\nMeans over {len(options.data)} files\n{'':<24}{columns}{'rank':>6}")
    for (name, table), rank in zip(means.items(), ranks, strict=True):
        show(name, table.mean(axis=0), f"{rank:>6.2f}")


def show(name, row, rest=""):
    precision, accuracy, loss, brier, seconds = row
    print(
        f"{name:<24}{precision:>8.3f}{accuracy:>10.3f}{loss:>10.4f}{brier:>8.4f}"
        f"{seconds:>7.1f}{rest}",
        flush=True,
    )


if __name__ == "__main__":
    main()
