"""A cross-fit of Pipelines is exported whole, with the steps of each member."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skbin import (
    BinaryNetClassifier,
    ConvNet,
    CrossFitClassifier,
    DenseNet,
    export_onnx,
    load_onnx,
)

pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

N = 600


def quick(module=DenseNet, **params):
    params = {"module__n_members": 1, **params} if module is DenseNet else params
    return BinaryNetClassifier(module, max_epochs=2, random_state=0, **params)


@pytest.fixture(scope="module")
def table():
    """Hold a category that only some folds train on."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "amount": rng.lognormal(size=N),
            "n_before": np.where(rng.random(N) < 0.1, np.nan, rng.poisson(4, N)),
            "country": rng.choice(["DE", "FR", "US"], N),
        }
    )
    X.loc[0, "country"] = "IS"
    y = np.where(X["amount"] + rng.normal(size=N) > 2.5, "fraud", "ok")
    return X, y


def columns_by_name():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore")
    return make_column_transformer(
        (numbers, ["amount", "n_before"]), (categories, ["country"])
    )


@pytest.fixture(
    scope="module",
    params=[
        lambda: make_pipeline(columns_by_name(), quick()),
        lambda: make_pipeline(columns_by_name(), StandardScaler(), quick()),
        lambda: GridSearchCV(
            make_pipeline(columns_by_name(), quick(pos_label="fraud")),
            {"columntransformer__pipeline__simpleimputer__strategy": ["median"]},
            cv=2,
        ),
    ],
    ids=["one step", "two steps", "a search"],
)
def served(request, table, tmp_path_factory):
    X, y = table
    model = CrossFitClassifier(
        request.param(), cv=3, cutoff=0.3, pos_label="fraud", random_state=0
    )
    model.fit(X, y)
    path = tmp_path_factory.mktemp("members") / "model.onnx"
    export_onnx(model, path)
    return model, load_onnx(path)


def test_members_may_have_steps_of_their_own(served, table):
    model, loaded = served
    nets = [getattr(m, "best_estimator_", m)[-1] for m in model.estimators_]
    assert len({net.n_features_in_ for net in nets}) == 2
    assert_array_equal(loaded.classes_, model.classes_)
    assert loaded.threshold == model.threshold_ == 0.3
    X, _ = table
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-6)
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_unknown_missing_and_extreme_values_agree(served):
    model, loaded = served
    rng = np.random.default_rng(1)
    X = pd.DataFrame(
        {
            "amount": rng.choice([np.nan, -1e6, 0, 1e-9, 1e6], 3000),
            "n_before": rng.normal(scale=100, size=3000),
            "country": rng.choice(["DE", "FR", "US", "IS", "new", ""], 3000),
        }
    )
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-5)
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_arrays_behind_steps(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    y = (X[:, 0] + rng.normal(size=N) > 1).astype(int)
    model = CrossFitClassifier(make_pipeline(StandardScaler(), quick()), cv=2)
    export_onnx(model.fit(X, y), tmp_path / "model.onnx")
    loaded = load_onnx(tmp_path / "model.onnx")
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-6)


def test_other_members_are_refused_by_name(tmp_path, table):
    model = CrossFitClassifier(DummyClassifier(), cv=2, pos_label="fraud")
    model.fit(*table)
    with pytest.raises(TypeError, match="got DummyClassifier"):
        export_onnx(model, tmp_path / "model.onnx")


class Signals(FunctionTransformer):
    """Takes a table, and returns one signal for each row."""

    def transform(self, X):
        return X[:, np.newaxis]


def test_signals_behind_steps_are_refused_by_name(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 8))
    model = CrossFitClassifier(make_pipeline(Signals(), quick(ConvNet)), cv=2)
    model.fit(X, np.arange(60) % 2)
    with pytest.raises(ValueError, match=r"'signals'.*cannot be exported.*only tables"):
        export_onnx(model, tmp_path / "model.onnx")
