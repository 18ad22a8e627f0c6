"""Rows that were trained on are recognized where a cutoff is judged by them."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, train_test_split
from sklearn.preprocessing import StandardScaler
from skorch.dataset import ValidSplit

from skbin import BinaryNetClassifier, ThresholdDisplay
from skbin.data.seen import SeenRows


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@given(n_seen=st.integers(0, 300), seed=st.integers(0, 9), is_binary=st.booleans())
def test_the_share_is_exact_for_small_data(n_seen, seed, is_binary):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(600, 30))
    rows = ((rows > 0) if is_binary else rows).astype(np.float32)
    seen = SeenRows(rows[:300])
    given_rows = np.concatenate([rows[:n_seen], rows[300:]])
    assert seen.share_of(given_rows) == n_seen / len(given_rows)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_the_share_is_estimated_for_large_data(share):
    rows = np.random.default_rng(0).normal(size=(200_000, 4)).astype(np.float32)
    n_new = round(40_000 * (1 - share))
    seen = SeenRows(rows[n_new:])
    assert len(seen.smallest) < 1100
    assert seen.share_of(rows[:40_000]) == pytest.approx(share, abs=0.1)


@pytest.fixture
def held_out():
    X, y = make_classification(600, 8, weights=[0.9], random_state=0)
    return train_test_split(X, y, stratify=y, random_state=0)


def fitted(X, y):
    return BinaryNetClassifier(max_epochs=1, random_state=0).fit(X, y)


def wrapped(X, y):
    pipeline = make_pipeline(
        StandardScaler(),
        RandomOverSampler(random_state=0),
        BinaryNetClassifier(max_epochs=1, random_state=0),
    )
    cutoffs = {"binarynetclassifier__threshold": [0.3, 0.5]}
    return GridSearchCV(pipeline, cutoffs, cv=2).fit(X, y)


@pytest.mark.parametrize("make", [fitted, wrapped])
def test_a_cutoff_judged_by_training_rows_is_warned_of(held_out, make):
    X, X_test, y, y_test = held_out
    estimator = make(X, y)
    with pytest.warns(UserWarning, match=r"was trained on 100% of these") as record:
        ThresholdDisplay.from_estimator(estimator, X, y)
    assert record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ThresholdDisplay.from_estimator(estimator, X_test, y_test)


def test_resampling_before_the_split_is_warned_of():
    X, y = make_classification(600, 8, weights=[0.9], random_state=0)
    X, y = RandomOverSampler(random_state=0).fit_resample(X, y)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    net = fitted(X, y)
    with pytest.warns(UserWarning, match=r"inside an imbalanced-learn Pipeline"):
        ThresholdDisplay.from_estimator(net, X_test, y_test)


def test_labels_of_any_kind_and_other_estimators_are_drawn(held_out):
    X, X_test, y, y_test = held_out
    regression = LogisticRegression().fit(X, y)
    ThresholdDisplay.from_estimator(regression, X, y)
    net = BinaryNetClassifier(max_epochs=1, pos_label="fraud").fit(
        X, np.where(y, "fraud", "ok")
    )
    ThresholdDisplay.from_estimator(net, X_test, np.where(y_test, "fraud", "ok"))


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_rows_held_out_inside_of_fit_are_not_seen(rare, dtype):
    X, y = np.round(1000 * rare[0]).astype(dtype), rare[1]
    last = ValidSplit(PredefinedSplit(np.where(np.arange(300) < 200, -1, 0)))
    net = BinaryNetClassifier(max_epochs=1, random_state=0, train_split=last).fit(X, y)
    with pytest.warns(UserWarning, match="was trained on 100%"):
        ThresholdDisplay.from_estimator(net, X[:200], y[:200])
    ThresholdDisplay.from_estimator(net, X[200:], y[200:])  # warnings are errors
