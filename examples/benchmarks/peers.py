"""The estimators that `real_data.py` compares, for each kind of data.

Each function takes the training inputs, for sizes, and a seed, and returns estimators
by name. Peers from packages that are not installed are left out, with a message.
"""

import warnings
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch import NeuralNetBinaryClassifier

from skbin import (
    BinaryNetClassifier,
    ConvNet,
    CrossFitClassifier,
    DenseNet,
    TableConvNet,
    TextConvNet,
    TokenEncoder,
)

# Those whose ranks the goal compares: "best mean rank of all neural peers".
NEURAL = {
    "skbin",
    "skbin cross-fit",
    "skbin TableConvNet",
    "ConvNet",
    "plain skorch",
    "MLP",
    "RealMLP",
    "TabM",
}

balanced_regression = partial(
    LogisticRegression, class_weight="balanced", max_iter=5000
)


def plain_skorch(module, y, seed, **sizes):
    """Make skorch with our module, the usual optimizer and weight, and no more.

    Epochs, rate and batch size are those of `BinaryNetClassifier`.
    """
    torch.manual_seed(seed)
    weight = (len(y) - y.sum()) / y.sum()
    return NeuralNetBinaryClassifier(
        module,
        max_epochs=50,
        lr=0.001,
        batch_size=128,
        optimizer=torch.optim.Adam,
        criterion__pos_weight=torch.tensor(weight, dtype=torch.float32),
        train_split=None,
        verbose=0,
        **sizes,
    )


def as_float32(X):
    return np.nan_to_num(np.asarray(X, dtype=np.float32))


class FloatTargets:
    """Let plain skorch take integer labels, which BCEWithLogitsLoss refuses."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator.fit(X, y.astype(np.float32))
        return self

    def predict_proba(self, X):
        return self.estimator.predict_proba(X)


class Prepared:
    """A sktime classifier, which scikit-learn's Pipeline cannot hold."""

    def __init__(self, prepare, estimator):
        self.prepare = prepare
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator.fit(self.prepare(X), y)
        return self

    def predict_proba(self, X):
        return self.estimator.predict_proba(self.prepare(X))


class MiniRocket(TransformerMixin, BaseEstimator):
    """sktime's MiniRocket as scikit-learn's Pipeline can hold it."""

    def __init__(self, seed):
        self.seed = seed

    def fit(self, X, y=None):
        from sktime.transformations.panel.rocket import MiniRocketMultivariate

        self.rocket_ = MiniRocketMultivariate(random_state=self.seed).fit(X)
        return self

    def transform(self, X):
        return self.rocket_.transform(X)


def is_there(package, peer):
    if find_spec(package):
        return True
    warnings.warn(f"{peer} is left out: {package} is not installed.", stacklevel=2)
    return False


def for_tables(X, y, seed):
    peers = {
        "skbin": BinaryNetClassifier(random_state=seed),
        "skbin cross-fit": CrossFitClassifier(random_state=seed),
        "skbin TableConvNet": BinaryNetClassifier(TableConvNet, random_state=seed),
        "plain skorch": FloatTargets(
            make_pipeline(
                StandardScaler(),
                plain_skorch(DenseNet, y, seed, module__n_features=X.shape[1]),
            )
        ),
        "MLP": make_pipeline(StandardScaler(), MLPClassifier(random_state=seed)),
        "logistic regression": make_pipeline(StandardScaler(), balanced_regression()),
        "gradient boosting": HistGradientBoostingClassifier(random_state=seed),
    }
    if is_there("pytabkit", "RealMLP"):
        from pytabkit import RealMLP_TD_Classifier

        peers["RealMLP"] = RealMLP_TD_Classifier(
            random_state=seed, device="cpu", n_threads=torch.get_num_threads()
        )
    return peers


def encoder(X):
    """Encode as a user of scikit-learn does today, for what needs numbers alone."""
    is_number = [dtype.kind in "biuf" for dtype in X.dtypes]
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False
    )
    return make_column_transformer(
        (numbers, X.columns[is_number]),
        (categories, X.columns[np.logical_not(is_number)]),
    )


def plainly_named(X):
    """Name columns by their place: LightGBM refuses brackets and commas."""
    return X.set_axis([f"column{place}" for place in range(X.shape[1])], axis=1)


class Frames(ClassifierMixin, BaseEstimator):
    """A peer that wants its columns of strings named, typed or filled."""

    def __init__(self, make, *, dtype="category", names=None, fills_numbers=False):
        self.make = make
        self.dtype = dtype
        self.names = names
        self.fills_numbers = fills_numbers

    def fit(self, X, y):
        X = plainly_named(X)
        self.strings_ = [n for n in X.columns if X[n].dtype.kind not in "biuf"]
        self.numbers_ = [n for n in X.columns if n not in self.strings_]
        self.median_ = X[self.numbers_].median()
        self.types_ = {
            name: pd.CategoricalDtype(sorted(X[name].dropna().unique()))
            for name in self.strings_
        }
        self.estimator_ = self.make()
        named = {} if self.names is None else {self.names: self.strings_}
        self.estimator_.fit(self._prepared(X), y, **named)
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        return self.estimator_.predict_proba(self._prepared(X))

    def _prepared(self, X):
        X = plainly_named(X)
        if self.fills_numbers:
            missing = X[self.numbers_].isna()
            X[self.numbers_] = X[self.numbers_].fillna(self.median_)
            for name in missing.columns[missing.any()]:
                X[f"{name} is missing"] = missing[name].astype(float)
        if self.dtype == "category":
            return X.astype(self.types_)
        return X.fillna(dict.fromkeys(self.strings_, "missing")).astype(
            dict.fromkeys(self.strings_, "str")
        )


def for_frames(X, y, seed):
    peers = {
        "skbin": BinaryNetClassifier(random_state=seed),
        "skbin cross-fit": CrossFitClassifier(random_state=seed),
        "MLP": make_pipeline(encoder(X), MLPClassifier(random_state=seed)),
        "logistic regression": make_pipeline(
            encoder(X), LogisticRegression(max_iter=5000)
        ),
        "gradient boosting": Frames(
            partial(
                HistGradientBoostingClassifier,
                categorical_features="from_dtype",
                random_state=seed,
            )
        ),
    }
    if is_there("catboost", "CatBoost"):
        from catboost import CatBoostClassifier

        peers["CatBoost"] = Frames(
            partial(
                CatBoostClassifier,
                random_seed=seed,
                thread_count=torch.get_num_threads(),
                verbose=False,
                allow_writing_files=False,
            ),
            dtype="str",
            names="cat_features",
        )
    if is_there("lightgbm", "LightGBM"):
        from lightgbm import LGBMClassifier

        peers["LightGBM"] = Frames(
            partial(
                LGBMClassifier,
                random_state=seed,
                n_jobs=torch.get_num_threads(),
                verbose=-1,
            )
        )
    if is_there("pytabkit", "RealMLP and TabM"):
        from pytabkit import RealMLP_TD_Classifier, TabM_D_Classifier

        settings = {
            "random_state": seed,
            "device": "cpu",
            "n_threads": torch.get_num_threads(),
            "val_metric_name": "cross_entropy",
        }
        for name, make in (
            ("RealMLP", partial(RealMLP_TD_Classifier, use_ls=False, **settings)),
            ("TabM", partial(TabM_D_Classifier, **settings)),
        ):
            peers[name] = Frames(make, names="cat_col_names", fills_numbers=True)
    return peers


def for_sequences(X, y, seed):
    flat = FunctionTransformer(lambda X: as_float32(X).reshape(len(X), -1))
    filled = FunctionTransformer(as_float32)
    _, n_channels, length = X.shape
    sizes = {"module__n_channels": n_channels, "module__length": length}
    peers = {
        "skbin": BinaryNetClassifier(random_state=seed),
        "ConvNet": BinaryNetClassifier(ConvNet, random_state=seed),
        "plain skorch": FloatTargets(
            make_pipeline(filled, plain_skorch(ConvNet, y, seed, **sizes))
        ),
        "MLP": make_pipeline(flat, StandardScaler(), MLPClassifier(random_state=seed)),
        "logistic regression": make_pipeline(
            flat, StandardScaler(), balanced_regression()
        ),
        "gradient boosting": make_pipeline(
            flat, HistGradientBoostingClassifier(random_state=seed)
        ),
    }
    if is_there("sktime", "MiniRocket and 1-NN-DTW"):
        from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier

        peers["MiniRocket"] = make_pipeline(
            filled, MiniRocket(seed), StandardScaler(), balanced_regression(C=0.01)
        )
        peers["1-NN-DTW"] = Prepared(
            lambda X: np.float64(as_float32(X)),
            KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw"),
        )
    return peers


def for_texts(X, y, seed):
    encoder = TokenEncoder(max_features=20_000)
    return {
        "skbin": make_pipeline(
            TokenEncoder(), BinaryNetClassifier(TextConvNet, random_state=seed)
        ),
        "plain skorch": FloatTargets(
            make_pipeline(
                encoder,
                plain_skorch(TextConvNet, y, seed, module__vocab_size=20_002),
            )
        ),
        "MLP": make_pipeline(
            TfidfVectorizer(sublinear_tf=True),
            MLPClassifier(random_state=seed, early_stopping=True),
        ),
        "logistic regression": make_pipeline(
            TfidfVectorizer(sublinear_tf=True), balanced_regression()
        ),
        "gradient boosting": make_pipeline(
            TfidfVectorizer(max_features=500),
            FunctionTransformer(lambda X: X.toarray(), accept_sparse=True),
            HistGradientBoostingClassifier(random_state=seed),
        ),
    }
