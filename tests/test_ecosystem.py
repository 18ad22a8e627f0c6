"""The places that the estimator slots into, each with the real thing."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skbin import (
    SKOPS_TRUSTED_TYPES,
    BalancedBatches,
    BinaryNetClassifier,
    CrossFitClassifier,
    DenseNet,
    FocalLoss,
    TableConvNet,
    TextConvNet,
    TokenEncoder,
)

F1 = make_scorer(f1_score, pos_label="spam")
NET = "binarynetclassifier"


@pytest.fixture
def net():
    return BinaryNetClassifier(DenseNet, max_epochs=40, lr=0.01, random_state=0)


def test_pipeline(net, spam):
    X, y = spam
    pipeline = make_pipeline(StandardScaler(), net).fit(X, y)
    assert pipeline.score(X, y) > 0.9
    assert set(pipeline.predict(X)) == {"ham", "spam"}
    pipeline.set_params(**{f"{NET}__threshold": 0.0})
    assert set(pipeline.predict(X)) == {"spam"}


def test_column_transformer_with_a_data_frame(net, spam):
    X, y = spam
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    frame["kind"] = pd.Categorical(np.where(X[:, 0] > 0, "high", "low"))
    columns = make_column_transformer(
        (StandardScaler(), list("abcdefgh")), (OneHotEncoder(), ["kind"])
    )
    pipeline = make_pipeline(columns, net).fit(frame, y)
    assert pipeline.score(frame, y) > 0.9
    assert pipeline[-1].n_features_in_ == 10


def test_set_output_hands_column_names_on(net, spam):
    X, y = spam
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), net)
    pipeline.fit(frame, y)
    assert pipeline[-1].feature_names_in_.tolist() == list("abcdefgh")


def test_grid_search_over_the_threshold(net, spam):
    X, y = spam
    thresholds = [0.02, 0.5, 0.98]
    search = GridSearchCV(net, {"threshold": thresholds}, scoring=F1, cv=3, n_jobs=2)
    search.fit(X, y)
    assert search.best_params_["threshold"] in thresholds
    assert len(set(search.cv_results_["mean_test_score"])) == 3


def test_randomized_search_over_parameters_of_the_module(net, spam):
    X, y = spam
    search = RandomizedSearchCV(
        make_pipeline(StandardScaler(), net),
        {
            f"{NET}__module__hidden_units": [(8,), (16, 8)],
            f"{NET}__module__dropout": [0.0, 0.3],
            f"{NET}__optimizer__weight_decay": [0.0, 0.01],
        },
        n_iter=3,
        scoring=F1,
        cv=3,
        n_jobs=2,
        random_state=0,
    ).fit(X, y)
    best = search.best_params_[f"{NET}__module__hidden_units"]
    first = search.best_estimator_[-1].module_.layers[0]
    assert first.out_features == best[0]


@pytest.mark.parametrize(
    "sampler",
    [
        RandomOverSampler(random_state=0),
        RandomUnderSampler(random_state=0),
        SMOTE(random_state=0),
    ],
)
def test_imbalanced_learn_pipelines_tune_the_threshold(net, spam, sampler):
    X, y = spam
    pipeline = make_imblearn_pipeline(StandardScaler(), sampler, net)
    search = GridSearchCV(pipeline, {f"{NET}__threshold": [0.3, 0.7]}, scoring=F1, cv=3)
    search.fit(X, y)
    assert search.best_score_ > 0.6
    assert search.best_estimator_[-1].train_prior_ == pytest.approx(0.5)


def test_tuned_threshold(net, spam):
    X, y = spam
    tuned = TunedThresholdClassifierCV(net, scoring=F1, cv=3).fit(X, y)
    is_positive = tuned.predict_proba(X)[:, 1] >= tuned.best_threshold_
    assert_array_equal(tuned.predict(X), np.where(is_positive, "spam", "ham"))
    assert tuned.best_score_ > 0.6


def test_fixed_threshold_agrees_with_our_own(net, spam):
    X, y = spam
    fixed = FixedThresholdClassifier(
        net, threshold=0.2, pos_label="spam", response_method="predict_proba"
    ).fit(X, y)
    assert_array_equal(
        fixed.predict(X), net.set_params(threshold=0.2).fit(X, y).predict(X)
    )


def test_calibration(net, spam):
    X, y = spam
    calibrated = CalibratedClassifierCV(net, cv=3).fit(X, y)
    assert calibrated.predict_proba(X).shape == (300, 2)


def test_cross_validation(net, spam):
    X, y = spam
    assert cross_val_predict(net, X, y, cv=3, method="predict_proba").shape == (300, 2)
    scores = cross_validate(net, X, y, cv=3, scoring=["roc_auc", "accuracy"])
    assert scores["test_roc_auc"].mean() > 0.9
    assert cross_val_score(net, X, y, cv=3).mean() > 0.9


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting(net, spam, voting):
    X, y = spam
    members = [("net", net), ("line", LogisticRegression())]
    assert VotingClassifier(members, voting=voting).fit(X, y).score(X, y) > 0.9


def test_stacking(net, spam):
    X, y = spam
    members = [("net", net), ("line", LogisticRegression())]
    assert StackingClassifier(members, cv=3).fit(X, y).score(X, y) > 0.9


def test_bagging(net, spam):
    X, y = spam
    bag = BaggingClassifier(net, n_estimators=3, random_state=0, n_jobs=2).fit(X, y)
    assert bag.score(X, y) > 0.9
    assert len({member.random_state for member in bag.estimators_}) == 3


def test_sample_weight_is_routed_on_request(net, spam):
    X, y = spam
    weight = np.where(y == "spam", 5, 1)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(f1_score, pos_label="spam").set_score_request(
            sample_weight=True
        )
        net.set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, net)
        routed = pipeline.fit(X, y, sample_weight=weight)
        expected = net.fit(StandardScaler().fit_transform(X), y, sample_weight=weight)
        assert_array_equal(
            routed.predict_proba(X),
            expected.predict_proba(StandardScaler().fit_transform(X)),
        )
        search = GridSearchCV(
            pipeline, {f"{NET}__threshold": [0.3]}, scoring=scorer, cv=3
        )
        search.fit(X, y, sample_weight=weight)
        assert search.best_score_ > 0.6


def test_sample_weight_without_a_request_is_refused_by_scikit_learn(net, spam):
    X, y = spam
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, net)
        with pytest.raises(ValueError, match="not explicitly set as requested"):
            pipeline.fit(X, y, sample_weight=np.ones(300))


RARE = np.arange(60) % 3 == 0
NUMBERS = np.random.default_rng(0).normal(size=(60, 4)) + 2 * RARE[:, None]
RAW = pd.DataFrame(
    {
        "amount": NUMBERS[:, 0],
        "country": ["DE", "FR"] * 30,
        "when": pd.date_range("2026-01-01", periods=60),
        "note": [
            f"win a prize {i}" if rare else f"see you {i}"
            for i, rare in enumerate(RARE)
        ],
    }
)


def quick(*args, **parameters):
    return BinaryNetClassifier(*args, max_epochs=1, random_state=0, **parameters)


@pytest.mark.parametrize(
    ("make", "X"),
    [
        (lambda: make_pipeline(StandardScaler(), quick()), NUMBERS),
        (lambda: quick(optimizer=torch.optim.SGD, early_stopping=True), NUMBERS),
        (lambda: quick(TableConvNet, criterion=FocalLoss), NUMBERS),
        (lambda: quick(iterator_train=BalancedBatches, prior="train"), NUMBERS),
        (lambda: quick(text_features=["note"]), RAW),
        (lambda: quick(), RAW["note"]),
        (lambda: quick(), NUMBERS[:, None, :].repeat(9, axis=2)),
        (lambda: make_pipeline(TokenEncoder(), quick(TextConvNet)), RAW["note"]),
        (lambda: CrossFitClassifier(quick(), cv=2, random_state=0), NUMBERS),
    ],
    ids=[
        "pipeline",
        "sgd",
        "focal",
        "balanced",
        "raw",
        "texts",
        "signals",
        "tokens",
        "cross",
    ],
)
def test_skops_reads_every_kind_of_model_by_the_public_list_of_types(make, X):
    skops = pytest.importorskip("skops.io")
    model = make().fit(X, RARE)
    content = skops.dumps(model)
    assert set(skops.get_untrusted_types(data=content)) <= set(SKOPS_TRUSTED_TYPES)
    again = skops.loads(content, trusted=SKOPS_TRUSTED_TYPES)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_mlflow_logs_a_model_in_two_lines(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow.sklearn", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tmp_path.as_uri())
    model = quick().fit(RAW, RARE)
    logged = mlflow.log_model(
        model, name="model", skops_trusted_types=SKOPS_TRUSTED_TYPES
    )
    again = mlflow.load_model(logged.model_uri)
    assert_array_equal(again.predict_proba(RAW), model.predict_proba(RAW))
