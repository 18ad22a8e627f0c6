"""One helper finds the estimator inside pipelines, searches and other wrappers."""

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skbin import BinaryNetClassifier
from skbin.nesting import (
    chosen_positive_label,
    innermost,
    input_of_innermost,
    layers,
    steps_before_innermost,
)


def search(estimator, refit=True):
    return GridSearchCV(estimator, {}, cv=2, refit=refit)


WRAPPERS = {
    "nothing": lambda inner: inner,
    "Pipeline": lambda inner: make_pipeline(None, inner),
    "imblearn Pipeline": lambda inner: make_imblearn_pipeline(
        RandomUnderSampler(random_state=0), inner
    ),
    "search": search,
    "search without refit": lambda inner: search(inner, refit=False),
    "TunedThresholdClassifierCV": lambda inner: TunedThresholdClassifierCV(inner, cv=2),
    "FixedThresholdClassifier": FixedThresholdClassifier,
    "CalibratedClassifierCV": lambda inner: CalibratedClassifierCV(inner, cv=2),
    "CalibratedClassifierCV of one": lambda inner: CalibratedClassifierCV(
        inner, cv=2, ensemble=False
    ),
    "BaggingClassifier": lambda inner: BaggingClassifier(inner, 2),
    "AdaBoostClassifier": lambda inner: AdaBoostClassifier(inner, n_estimators=2),
    "three at once": lambda inner: search(
        make_pipeline(StandardScaler(), CalibratedClassifierCV(inner, cv=2))
    ),
}


@pytest.fixture(scope="module")
def data():
    return make_classification(60, 4, random_state=0)


@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_the_innermost_estimator_is_found_fitted_or_not(data, wrap, is_fitted):
    estimator = wrap(LogisticRegression())
    if is_fitted:
        estimator.fit(*data)
    found = innermost(estimator)
    assert isinstance(found, LogisticRegression)
    is_refitted = is_fitted and getattr(estimator, "refit", True)
    assert hasattr(found, "coef_") == is_refitted


def test_a_frozen_estimator_is_opened(data):
    forest = RandomForestClassifier(2).fit(*data)
    assert innermost(FrozenEstimator(forest)) is forest
    calibrated = CalibratedClassifierCV(FrozenEstimator(forest)).fit(*data)
    assert innermost(calibrated) is forest


@pytest.mark.parametrize(
    "ensemble",
    [
        RandomForestClassifier(2),
        VotingClassifier(
            [("a", LogisticRegression()), ("b", RandomForestClassifier())]
        ),
        AdaBoostClassifier(n_estimators=2).set_params(estimator=None),
    ],
    ids=lambda ensemble: type(ensemble).__name__,
)
def test_an_ensemble_that_wraps_no_single_estimator_is_innermost(ensemble):
    assert layers(ensemble)[0] is ensemble
    assert innermost(ensemble) is ensemble


def test_a_fitted_forest_is_not_one_of_its_trees(data):
    forest = RandomForestClassifier(2).fit(*data)
    assert innermost(forest) is forest
    tree = innermost(AdaBoostClassifier(n_estimators=2).fit(*data))
    assert isinstance(tree, DecisionTreeClassifier)


@pytest.mark.parametrize("thing", [None, "passthrough", 3, object()])
def test_what_is_no_estimator_is_its_own_innermost(thing):
    assert innermost(thing) is thing


def test_input_passes_fitted_steps_but_no_sampler(data):
    X, y = data
    inner = make_pipeline(MinMaxScaler(), "passthrough", LogisticRegression())
    pipeline = make_imblearn_pipeline(
        StandardScaler(), RandomUnderSampler(random_state=0), inner
    )
    fitted = search(pipeline).fit(X, y).best_estimator_
    steps = steps_before_innermost(search(pipeline))
    assert [name for name, _ in steps] == ["standardscaler", "minmaxscaler"]
    transformed = input_of_innermost(fitted, X)
    assert transformed.shape == X.shape
    assert np.array_equal(
        innermost(fitted).predict_proba(transformed), fitted.predict_proba(X)
    )


@pytest.mark.parametrize(
    "wrap",
    [
        wrap
        for name, wrap in WRAPPERS.items()
        if name not in ("search without refit", "AdaBoostClassifier")
    ],
)
def test_input_is_what_the_innermost_was_fitted_on(data, wrap):
    X, y = data
    seen = []

    class Spy(LogisticRegression):
        def decision_function(self, X):
            seen.append(X)
            return super().decision_function(X)

    estimator = wrap(make_pipeline(MinMaxScaler(), Spy())).fit(X, y)
    seen.clear()
    estimator.predict_proba(X)
    assert np.array_equal(input_of_innermost(estimator, X), seen[0])


@pytest.mark.parametrize("freeze", [False, True])
def test_input_has_the_columns_of_the_member(data, freeze):
    X, y = data
    bagging = BaggingClassifier(LogisticRegression(), 3, max_features=2).fit(X, y)
    features = bagging.estimators_features_[0]
    estimator = FrozenEstimator(bagging) if freeze else bagging
    assert np.array_equal(input_of_innermost(estimator, X), X[:, features])


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_input_has_the_names_that_the_innermost_knows(data, wrap):
    X, y = data
    X = pd.DataFrame(X, columns=list("abcd"))
    estimator = wrap(LogisticRegression()).fit(X, y)
    if getattr(estimator, "refit", True):
        # Unknown names, or none where there were some, are a warning.
        innermost(estimator).predict(input_of_innermost(estimator, X))


class PositiveIs(LogisticRegression):
    """Logistic regression that knows which class is positive."""

    def __init__(self, pos_label=None):
        super().__init__()
        self.pos_label = pos_label


@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_the_positive_label_is_found_in_any_wrapping(data, wrap, is_fitted):
    X, y = data
    labels = np.where(y == 1, "fraud", "ok")
    estimator = wrap(PositiveIs("fraud"))
    if is_fitted:
        estimator.fit(X, labels)
    assert chosen_positive_label(estimator) == "fraud"
    assert chosen_positive_label(wrap(PositiveIs())) is None


def test_the_outermost_positive_label_counts():
    inner = PositiveIs("ok")
    assert chosen_positive_label(FixedThresholdClassifier(inner, pos_label="a")) == "a"
    assert chosen_positive_label(FixedThresholdClassifier(inner)) == "ok"


@pytest.mark.parametrize("labels", [["fraud", "ok"], [1, 2], [False, True], [-1, 0]])
@pytest.mark.parametrize("code", [0, 1])
def test_a_code_for_a_label_is_decoded(data, labels, code):
    X, y = data
    bagging = BaggingClassifier(PositiveIs(code), 2).fit(X, np.array(labels)[y])
    assert chosen_positive_label(bagging) == labels[code]


def test_the_positive_label_of_an_unfitted_net_is_found():
    net = BinaryNetClassifier(pos_label="fraud")
    assert (
        chosen_positive_label(search(make_pipeline(StandardScaler(), net))) == "fraud"
    )
