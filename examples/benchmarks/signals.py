"""
Signals: the default against random convolutions and the published networks
===========================================================================

Each file of ``--data`` is a ``.npz`` with ``X`` of shape (n, channels, length), labels
``y``, ``test`` (1 for a test row) and, if signals end early, ``lengths``, as made from
the UCR and UEA archives. For seeds 0, 1, ... this trains on the training rows and
prints means, on the test rows, of average precision, accuracy, log loss, Brier score
and the seconds of a fit; then the means over the files, the mean rank by average
precision, and the accuracy of the published networks (sources at `PUBLISHED`).

- *MiniRocket* and *MultiRocket* are aeon's or sktime's, whichever is installed, with a
  scaler and a logistic regression; where signals end early they get zeros;
- *Hydra* is aeon's, with Hydra's own scaler and the same regression, and *MultiRocket +
  Hydra* has the features of both;
- *ConvNet* has residual blocks and filters of several widths, 50 epochs;
- *BinaryNetClassifier()* and *CrossFitClassifier()* are the defaults.

Run it with ``OMP_NUM_THREADS=1 python examples/benchmarks/signals.py --data folder/*``.
"""

import argparse
import importlib
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skbin import BinaryNetClassifier, ConvNet, CrossFitClassifier

# Accuracy on the sets' own splits. FCN and ResNet: mean accuracy, from
# results-ucr-128.csv of hfawaz/dl-4-tsc: Ismail Fawaz et al., "Deep learning for time
# series classification: a review", 2019. InceptionTime: an ensemble of five networks,
# from results-InceptionTime-128.csv of hfawaz/InceptionTime: Ismail Fawaz et al.,
# "InceptionTime: finding AlexNet for time series classification", 2020. LITETime: an
# ensemble of five networks, from results.csv of MSD-IRIMAS/LITE: Ismail-Fawaz et al.,
# "LITE: light inception with boosting techniques for time series classification", 2023.
NETWORKS = ("FCN", "ResNet", "InceptionTime", "LITETime")
PUBLISHED = {
    "DistalPhalanxOutlineCorrect": (0.760, 0.770, 0.783, 0.761),
    "ECG200": (0.888, 0.874, 0.930, 0.920),
    "Earthquakes": (0.725, 0.712, 0.741, 0.734),
    "ItalyPowerDemand": (0.963, 0.962, 0.965, 0.967),
    "MoteStrain": (0.936, 0.924, 0.887, 0.883),
    "Strawberry": (0.975, 0.980, 0.984, 0.984),
}
LIBRARIES = (
    "aeon.transformations.collection.convolution_based",
    "sktime.transformations.panel.rocket",
)


ROCKETS = {
    "MiniRocket": ("MiniRocket", "MiniRocketMultivariate"),
    "MultiRocket": ("MultiRocket", "MultiRocketMultivariate"),
}
# The C with the lowest mean log loss over the eight sets, of the powers of ten tried.
INVERSE_PENALTIES = {
    "MiniRocket": 0.001,
    "MultiRocket": 0.001,
    "Hydra": 0.01,
    "MultiRocket + Hydra": 0.001,
}


class SparseScaler(TransformerMixin, BaseEstimator):
    """Scale the roots of Hydra's counts, and leave 0 what no kernel won.

    So do Hydra's authors; aeon has it within its classifier only.
    """

    def fit(self, X, y=None):
        roots = np.sqrt(np.clip(X, 0, None))
        self.means_ = roots.mean(axis=0)
        # Columns that are mostly 0 would get huge values for the few nonzero rows.
        rarity = (roots == 0).mean(axis=0) ** 4
        self.scales_ = roots.std(axis=0, ddof=1) + rarity + 1e-8
        return self

    def transform(self, X):
        roots = np.sqrt(np.clip(X, 0, None))
        return (roots - self.means_) * (roots != 0) / self.scales_


def transformer(names, **settings):
    for library in LIBRARIES:
        try:
            module = importlib.import_module(library)
        except ImportError:
            continue
        for name in names:
            if hasattr(module, name):
                return getattr(module, name)(**settings)
    return None


def make_features(seed):
    """Make the random convolutions that are installed, each with its scaler."""
    features = {}
    for name, names in ROCKETS.items():
        rocket = transformer(names, random_state=seed)
        if rocket is not None:
            features[name] = make_pipeline(rocket, StandardScaler())
    hydra = transformer(["HydraTransformer"], random_state=seed, output_type="numpy")
    if hydra is not None:
        features["Hydra"] = make_pipeline(hydra, SparseScaler())
    both = [features[name] for name in ("MultiRocket", "Hydra") if name in features]
    if len(both) == 2:
        features["MultiRocket + Hydra"] = make_union(*map(clone, both))
    return features


def without_end(X):
    return np.nan_to_num(X).astype(np.float32)


def make_models(seed):
    models = {
        name: make_pipeline(
            FunctionTransformer(without_end),
            features,
            LogisticRegression(C=INVERSE_PENALTIES[name], max_iter=1000),
        )
        for name, features in make_features(seed).items()
    }
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
            for name, accuracy in zip(NETWORKS, PUBLISHED[path.stem], strict=True):
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
