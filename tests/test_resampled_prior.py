"""Behind a sampler ``prior="train"`` would refer to what the sampler has made."""

import warnings

import numpy as np
import pytest
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as sklearn_pipeline
from sklearn.preprocessing import StandardScaler

from skbin import BalancedBatches, BinaryNetClassifier, CrossFitClassifier

X, y = make_classification(400, weights=[0.9], random_state=0)


def a_net(**parameters):
    settings = {"prior": "train", "max_epochs": 1, "random_state": 0, **parameters}
    return BinaryNetClassifier(**settings)


A_THIRD = SMOTE(sampling_strategy=1 / 2, random_state=0)
BEHIND_A_SAMPLER = {
    "pipeline": lambda: make_pipeline(A_THIRD, a_net()),
    "weighed as well": lambda: make_pipeline(A_THIRD, a_net(pos_weight=2.0)),
    "inner pipeline": lambda: make_pipeline(
        A_THIRD, make_pipeline(StandardScaler(), a_net())
    ),
    "search": lambda: GridSearchCV(
        make_pipeline(A_THIRD, a_net()), {"smote__k_neighbors": [3]}, cv=2
    ),
}


@pytest.mark.parametrize("make", BEHIND_A_SAMPLER.values(), ids=BEHIND_A_SAMPLER)
def test_a_sampler_in_a_pipeline_is_named(make):
    with pytest.warns(UserWarning, match="which SMOTE has resampled: 0.33") as record:
        make().fit(X, y)
    assert {warning.filename for warning in record} == {__file__}


def test_a_sampler_inside_an_ensemble_is_named():
    with pytest.warns(UserWarning, match="which RandomUnderSampler has resampled"):
        BalancedBaggingClassifier(a_net(), 2, random_state=0).fit(X, y)


def test_a_network_that_is_recalled_is_warned_of_again(tmp_path):
    pipeline = make_pipeline(A_THIRD, a_net(memory=str(tmp_path)))
    for _ in range(2):
        with pytest.warns(UserWarning, match="SMOTE"):
            pipeline.fit(X, y)


@pytest.mark.parametrize(
    "fit",
    [
        lambda: a_net().fit(X, y),
        lambda: a_net(iterator_train=BalancedBatches).fit(X, y),
        lambda: make_pipeline(StandardScaler(), a_net()).fit(X, y),
        lambda: make_pipeline(A_THIRD, a_net(prior=None)).fit(X, y),
        lambda: make_pipeline(A_THIRD, a_net(prior=float(y.mean()))).fit(X, y),
        lambda: a_net(pos_weight=3.0).fit(*RandomOverSampler().fit_resample(X, y)),
        lambda: a_net().fit(X, np.arange(len(X)) % 2),
    ],
)
def test_what_is_right_is_not_warned_of(fit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit()


def test_a_cross_fit_calibrates_what_a_sampler_has_shifted():
    pipeline = make_pipeline(RandomOverSampler(random_state=0), a_net())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = CrossFitClassifier(pipeline, cv=3, random_state=0).fit(X, y)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.3)
    with pytest.raises(ValueError, match="behind the sampler 'randomoversampler'"):
        CrossFitClassifier(pipeline, cv=3, calibrate=False).fit(X, y)
    given = pipeline.set_params(binarynetclassifier__prior=float(y.mean()))
    model = CrossFitClassifier(given, cv=3, calibrate=False, random_state=0).fit(X, y)
    assert np.isfinite(model.out_of_fold_).all()


def test_a_sampler_before_a_cross_fit_is_named():
    model = CrossFitClassifier(LogisticRegression(), cv=3, random_state=0)
    with pytest.warns(UserWarning, match="SMOTE has resampled the rows") as record:
        make_pipeline(A_THIRD, model).fit(X, y)
    assert [warning.filename for warning in record] == [__file__]


def test_a_sampler_deeper_in_the_pipeline_is_refused_without_calibration():
    inner = make_pipeline(RandomOverSampler(random_state=0), a_net())
    nested = sklearn_pipeline(StandardScaler(), inner)
    with pytest.raises(ValueError, match="behind the sampler 'randomoversampler'"):
        CrossFitClassifier(nested, cv=3, calibrate=False).fit(X, y)


def test_a_net_before_the_sampler_is_not_warned_of():
    selection = SelectFromModel(a_net(), importance_getter=lambda net: np.ones(20))
    pipeline = make_pipeline(selection, A_THIRD, LogisticRegression())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline.fit(X, y)
