"""`CrossFitClassifier`: no row is lost, and what it says of itself is true."""

import pickle
import re
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, logit
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import estimator_checks_generator
from skorch.dataset import ValidSplit
from torch import as_tensor, nn
from torch.utils.data import TensorDataset

from skbin import (
    BinaryNetClassifier,
    CrossFitClassifier,
    DenseNet,
    ThresholdDisplay,
    load,
    save,
    select_threshold,
)
from skbin.cross_fit.members import default_member
from skbin.cross_fit.splits import splits_of
from skbin.data.labels import BinaryLabels
from skbin.nesting import innermost


def quick(**params):
    """Give a net that is trained in a moment."""
    settings = {"max_epochs": 3, "module__n_members": 1, "module__hidden_units": (8,)}
    return BinaryNetClassifier(DenseNet, **{**settings, **params})


def cross_fit(estimator=None, **params):
    estimator = LogisticRegression() if estimator is None else estimator
    return CrossFitClassifier(estimator, **{"random_state": 0, **params})


@pytest.fixture(scope="module")
def data():
    return make_classification(600, 8, weights=[0.8], flip_y=0.1, random_state=0)


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 400), "city": None})
    frame["city"] = rng.choice(["Bonn", "Köln", None], 400)
    return frame, (rng.random(400) < expit((frame["age"] - 45) / 5)).to_numpy()


# ---- scikit-learn's checks

CHECKED = {
    "a linear model": CrossFitClassifier(LogisticRegression()),
    "a net": CrossFitClassifier(quick(max_epochs=30), cv=3),
}


def all_checks():
    for name, estimator in CHECKED.items():
        for number, (one, check) in enumerate(estimator_checks_generator(estimator)):
            label = f"{name}-{number}-{check.func.__name__}"
            yield pytest.param(one, check, id=label)


@pytest.mark.filterwarnings("ignore:The positive class is", "ignore:A column-vector y")
@pytest.mark.filterwarnings("ignore:y has . rows of", "ignore:Class . has one distinct")
@pytest.mark.parametrize(("estimator", "check"), all_checks())
def test_it_passes_every_check_of_scikit_learn(estimator, check):
    check(estimator)


# ---- no row is scored by what was trained on it


def test_scores_of_training_rows_come_from_members_that_have_not_seen_them():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)), rng.integers(0, 2, 400)
    model = cross_fit(KNeighborsClassifier(1), calibrate=False).fit(X, y)
    by_heart = [member.score(X, y) for member in model.estimators_]
    assert min(by_heart) > 0.85  # four fifths of the rows, and half of the others
    assert abs(np.mean((model.out_of_fold_ >= 0.5) == y) - 0.5) < 0.1


def test_scores_are_those_of_cross_val_predict_in_the_order_of_the_rows(data):
    X, y = data
    cv = StratifiedKFold(4, shuffle=True, random_state=1)
    model = cross_fit(cv=cv, calibrate=False).fit(X, y)
    expected = cross_val_predict(
        LogisticRegression(), X, y, cv=cv, method="predict_proba"
    )
    assert_allclose(model.out_of_fold_, expected[:, 1], atol=1e-8)


def test_rows_that_several_splits_leave_out_have_the_mean_logit(data):
    X, y = data
    cv = ShuffleSplit(6, test_size=0.4, random_state=0)
    model = cross_fit(cv=cv, calibrate=False).fit(X, y)
    row = 17
    logits = [
        member.decision_function(X[[row]])[0]
        for member, (train, _) in zip(model.estimators_, cv.split(X), strict=True)
        if row not in train
    ]
    assert len(logits) > 1
    assert_allclose(logit(model.out_of_fold_[row]), np.mean(logits), rtol=1e-4)


def test_rows_that_no_split_leaves_out_have_no_score(data):
    X, y = data
    model = cross_fit(cv=TimeSeriesSplit(3), cutoff="f1").fit(X, y)
    assert_array_equal(np.isnan(model.out_of_fold_), np.arange(600) < 150)
    assert model.report_.n_positives == y[150:].sum()
    assert not np.isnan(model.predict_proba(X)).any()


def test_repeats_divide_the_rows_anew(data):
    model = cross_fit(cv=3, n_repeats=2).fit(*data)
    assert len(model.estimators_) == 6
    assert not np.isnan(model.out_of_fold_).any()


def test_groups_that_leave_a_fold_without_positives_are_named():
    rng = np.random.default_rng(0)
    X, hospital = rng.normal(size=(300, 3)), np.repeat(["a", "b", "c"], 100)
    y = (rng.random(300) < 0.2) & (hospital != "b")
    with pytest.warns(UserWarning, match=r"groups \['b'\]\) leaves out no row of True"):
        cross_fit(LogisticRegression(), cv=GroupKFold(3)).fit(X, y, groups=hospital)
    alone = (rng.random(300) < 0.2) & (hospital == "b")
    with pytest.raises(ValueError, match=r"groups \['b'\]\) trains on no row of True"):
        cross_fit(LogisticRegression(), cv=GroupKFold(3)).fit(X, alone, groups=hospital)


def test_groups_stay_on_one_side(data):
    X, y = data
    groups = np.arange(600) // 10
    # Within a group all rows are alike, so a neighbour knows the label by heart.
    X = np.repeat(np.random.default_rng(0).normal(size=(60, 3)), 10, axis=0)
    y = np.repeat(np.random.default_rng(1).integers(0, 2, 60), 10)
    scores = {}
    for cv in (KFold(5, shuffle=True, random_state=0), StratifiedGroupKFold(5)):
        takes_groups = isinstance(cv, StratifiedGroupKFold)
        params = {"groups": groups} if takes_groups else {}
        model = cross_fit(KNeighborsClassifier(1), cv=cv, calibrate=False)
        model.fit(X, y, **params)
        scores[takes_groups] = np.mean((model.out_of_fold_ >= 0.5) == y)
    assert scores[False] == 1
    assert scores[True] < 0.75


def test_the_prediction_is_the_mean_of_the_logits_calibrated(data):
    X, y = data
    model = cross_fit(quick()).fit(X, y)
    slope, intercept = model.calibration_
    logits = [member.decision_function(X) for member in model.estimators_]
    expected = slope * np.mean(logits, axis=0) + intercept
    assert_allclose(model.decision_function(X), expected)
    assert_allclose(model.predict_proba(X)[:, 1], expit(expected))
    assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


# ---- nets stop by the rows left out


def stopped(net):
    return "averaged_valid_loss" in net.history[0]


def test_a_net_stops_by_the_rows_left_out_and_trains_on_all_others(data):
    X, y = data
    model = cross_fit(quick(), cv=3).fit(X, y)
    for member in model.estimators_:
        assert stopped(member)
        assert sum(member._data.class_totals) == 400
        assert member.train_split is None
        assert not member.early_stopping


def test_a_train_split_of_the_users_is_kept(data):
    net = quick(train_split=ValidSplit(4, stratified=True))
    model = cross_fit(net, cv=2).fit(*data)
    assert sum(model.estimators_[0]._data.class_totals) == 225
    assert not stopped(model.estimators_[0])


def test_what_only_rows_left_out_hold_is_new_to_the_member(people):
    X, y = people
    X = X.assign(city=np.where(np.arange(400) < 200, "early", "late"))
    halves = [
        (np.arange(200), np.arange(200, 400)),
        (np.arange(200, 400), np.arange(200)),
    ]
    model = cross_fit(quick(), cv=halves).fit(X, y)
    known = [
        repr(member._data.table.columns[-1].categories) for member in model.estimators_
    ]
    assert "early" in known[0]
    assert "late" not in known[0]


def test_a_pipeline_learns_from_the_rows_trained_on_and_its_net_stops(data):
    X, y = data
    pipe = make_pipeline(StandardScaler(), quick())
    model = cross_fit(pipe, cv=KFold(3)).fit(X, y)
    for place, member in enumerate(model.estimators_):
        train = np.arange(600) // 200 != place
        assert_allclose(member[0].mean_, X[train].mean(axis=0))
        assert stopped(member[-1])
        assert sum(member[-1]._data.class_totals) == 400
    assert_array_equal(model.predict(X).shape, y.shape)


def test_a_sampler_sees_the_rows_trained_on_alone(data):
    X, y = data
    pipe = make_imblearn_pipeline(RandomOverSampler(random_state=0), quick())
    model = cross_fit(pipe, cv=KFold(3)).fit(X, y)
    for place, member in enumerate(model.estimators_):
        of_training = y[np.arange(600) // 200 != place]
        n_negatives = np.sum(of_training == 0)
        assert_array_equal(member[-1]._data.class_totals, [n_negatives, n_negatives])
        assert stopped(member[-1])
    # Resampling shifts what the net says; calibration brings it back to the data.
    assert abs(model.predict_proba(X)[:, 1].mean() - y.mean()) < 0.05


@pytest.mark.parametrize("n_positives", [3, 6])
def test_few_positives_are_enough(n_positives):
    rng = np.random.default_rng(0)
    y = np.arange(200) < n_positives
    X = rng.normal(size=(200, 2)) + 3 * y[:, np.newaxis]
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        model = cross_fit(quick(max_epochs=60)).fit(X, y)
    assert len(model.estimators_) == min(n_positives, 5)
    assert len(record) == (n_positives < 5)
    assert all(f"{n_positives} rows of True" in str(each.message) for each in record)
    assert all(each.filename == __file__ for each in record)
    assert average_precision_score(y, model.out_of_fold_) > 0.5


def test_the_default_is_a_net_for_tables_or_for_signals(people):
    X, y = people
    model = CrossFitClassifier(cv=2, random_state=0).fit(X, y)
    assert type(model.estimators_[0].module_).__name__ == "DenseNet"
    signals = np.random.default_rng(0).normal(size=(40, 2, 20))
    model = CrossFitClassifier(cv=2, random_state=0).fit(signals, np.arange(40) % 2)
    assert type(model.estimators_[0].module_).__name__ == "SignalNet"


# ---- probabilities


def test_calibration_undoes_what_pos_weight_shifts(data):
    X, y = data
    net = quick(pos_weight="balanced", max_epochs=20)
    raw = cross_fit(net, calibrate=False).fit(X, y)
    calibrated = cross_fit(net).fit(X, y)
    assert_allclose(calibrated.out_of_fold_.mean(), y.mean(), rtol=1e-3)
    assert raw.out_of_fold_.mean() > 1.3 * y.mean()
    assert log_loss(y, calibrated.out_of_fold_) < log_loss(y, raw.out_of_fold_)
    assert_array_equal(
        np.argsort(calibrated.out_of_fold_), np.argsort(raw.out_of_fold_)
    )


@pytest.mark.parametrize("n", [40, 300])
def test_calibration_of_right_probabilities_costs_no_more_than_noise(n):
    rng = np.random.default_rng(0)
    lost = []
    for _ in range(40):
        X = rng.normal(size=(20_000 + n, 1))
        y = rng.random(len(X)) < expit(2 * X[:, 0] - 2)
        new, y_new = X[n:], y[n:]
        if not y[:n].sum() >= 5:
            continue
        losses = [
            log_loss(y_new, model.predict_proba(new)[:, 1])
            for model in (
                cross_fit(KnownLogit(), calibrate=calibrate).fit(X[:n], y[:n])
                for calibrate in (False, True)
            )
        ]
        lost.append(losses[1] - losses[0])
    # Two parameters cost one nat per n rows, on average.
    assert np.mean(lost) < 1.5 / n


class KnownLogit(ClassifierMixin, BaseEstimator):
    """A model that knows the truth."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return 2 * X[:, 0] - 2

    def predict_proba(self, X):
        p = expit(self.decision_function(X))
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20, random_state=0),
        LinearSVC(),
        RidgeClassifier(),
        DummyClassifier(),
        make_pipeline(StandardScaler(), LinearSVC()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_any_classifier_gives_finite_probabilities_of_the_right_mean(estimator, data):
    X, y = data
    model = cross_fit(estimator).fit(X, y)
    assert_allclose(model.out_of_fold_.mean(), y.mean(), rtol=0.01)
    assert np.isfinite(model.predict_log_proba(X)).all()


def test_classes_that_are_apart_keep_finite_probabilities():
    y = np.repeat([0, 1], 50)
    model = cross_fit().fit(y[:, np.newaxis] * 10.0, y)
    assert np.isfinite(model.predict_log_proba([[0.0], [10.0]])).all()
    assert_array_equal(model.predict([[0.0], [10.0]]), [0, 1])


# ---- the cutoff


@pytest.mark.parametrize(
    ("cutoff", "objective"),
    [
        ("f1", "f1"),
        (f1_score, "f1_score"),
        ({"cost_matrix": [[0, 1], [10, 0]]}, "cost"),
        ({"metric": "recall", "min_precision": 0.5}, "recall at precision >= 0.5"),
    ],
    ids=["name", "function", "cost", "limit"],
)
def test_the_cutoff_is_chosen_by_the_scores_out_of_fold(cutoff, objective, data):
    X, y = data
    model = cross_fit(cutoff=cutoff).fit(X, y)
    arguments = cutoff if isinstance(cutoff, dict) else {"metric": cutoff}
    expected = select_threshold(
        y, model.out_of_fold_, **arguments, random_state=model._seed
    )
    assert model.choice_ == expected
    assert model.choice_.objective == objective
    assert model.threshold_ == expected.threshold
    decided = model.predict_proba(X)[:, 1] >= expected.threshold
    assert_array_equal(model.predict(X), decided)


def test_another_cutoff_can_be_chosen_without_training(data):
    model = cross_fit().fit(*data)
    choice = select_threshold(**model.out_of_fold_rows(), metric="f1", random_state=0)
    assert choice.threshold == pytest.approx(
        select_threshold(data[1], model.out_of_fold_, random_state=0).threshold
    )


@pytest.mark.parametrize(
    ("estimator", "cutoff", "expected"),
    [
        (LogisticRegression(), None, 0.5),
        (quick(threshold=0.2), None, 0.2),
        (make_pipeline(StandardScaler(), quick(threshold=0.2)), None, 0.2),
        (quick(threshold=0.2), 0.3, 0.3),
        (LogisticRegression(), 1, 1.0),
    ],
)
def test_without_a_rule_the_threshold_is_the_given_one(
    estimator, cutoff, expected, data
):
    model = cross_fit(estimator, cutoff=cutoff, cv=2).fit(*data)
    assert model.threshold_ == expected
    assert model.choice_ is None


def test_costs_of_single_rows_belong_to_the_rows_with_a_score(data):
    X, y = data
    amounts = np.random.default_rng(0).lognormal(size=600)
    model = cross_fit(
        cv=TimeSeriesSplit(3), cutoff={"cost_matrix": [[0, 1], [amounts, 0]]}
    ).fit(X, y)
    expected = select_threshold(
        y[150:],
        model.out_of_fold_[150:],
        cost_matrix=[[0, 1], [amounts[150:], 0]],
        n_bootstraps=0,
    )
    assert model.threshold_ == expected.threshold


def test_few_positives_for_a_cutoff_are_warned_of_once_at_the_users_line():
    X, y = make_classification(300, weights=[0.93], random_state=0)
    with pytest.warns(UserWarning, match="y_true has") as record:
        cross_fit(cutoff="f1").fit(X, y)
    assert [warning.filename for warning in record] == [__file__]


@pytest.mark.parametrize("labels", [["fraud", "ok"], [False, True], [2, 1]])
def test_the_positive_class_can_be_named(labels, data):
    X, y = data
    positive, negative = labels
    named = np.array([negative, positive])[y]
    for estimator in (LogisticRegression(), quick(max_epochs=20)):
        model = cross_fit(estimator, pos_label=positive, cutoff="f1", cv=2)
        model.fit(X, named)
        assert recall_score(y, model.predict(X) == positive) > 0.5
        column = list(model.classes_).index(positive)
        chosen = model.predict_proba(X)[:, column] >= model.threshold_
        assert_array_equal(model.predict(X) == positive, chosen)
        assert average_precision_score(y, model.out_of_fold_) > 0.5


def test_a_frequent_positive_class_is_warned_of_once(data):
    X, y = data
    named = np.where(y == 1, "fraud", "ok")
    with pytest.warns(UserWarning, match="The positive class is 'ok'") as record:
        cross_fit(quick(max_epochs=1), cv=2).fit(X, named)
    assert [warning.filename for warning in record] == [__file__]


# ---- what to expect


def test_the_report_holds_the_metrics_of_the_scores(data):
    X, y = data
    model = cross_fit(cutoff=0.3).fit(X, y)
    report = model.report_
    assert report is model.report_
    decided = model.out_of_fold_ >= 0.3
    for name, expected in [
        ("average precision", average_precision_score(y, model.out_of_fold_)),
        ("ROC AUC", roc_auc_score(y, model.out_of_fold_)),
        ("log loss", log_loss(y, model.out_of_fold_)),
        ("recall", recall_score(y, decided)),
        ("F1", f1_score(y, decided)),
        ("alarms per 1000", 1000 * decided.mean()),
    ]:
        value, low, high = report[name]
        assert value == pytest.approx(expected)
        assert low < value < high
        assert name in str(report)


def test_intervals_of_the_report_cover_what_is_reached_on_new_rows():
    rng = np.random.default_rng(0)

    def draw(n):
        y = (rng.random(n) < 0.2).astype(int)
        return rng.normal(size=(n, 3)) + y[:, np.newaxis], y

    new, y_new = draw(8000)
    n_trials, covered = 40, []
    for _ in range(n_trials):
        model = cross_fit(cutoff=0.4).fit(*draw(400))
        score = model.predict_proba(new)[:, 1]
        truth = {
            "average precision": average_precision_score(y_new, score),
            "log loss": log_loss(y_new, score),
            "recall": recall_score(y_new, score >= 0.4),
        }
        covered.append(
            [
                model.report_[name].low <= value <= model.report_[name].high
                for name, value in truth.items()
            ]
        )
    assert (np.mean(covered, axis=0) >= 0.85).all()


def test_a_display_draws_the_scores_out_of_fold(data):
    X, y = data
    model = cross_fit(cutoff="f1").fit(X, y)
    drawn = ThresholdDisplay.from_estimator(model)
    expected = ThresholdDisplay.from_predictions(y, model.out_of_fold_)
    assert drawn.choice == model.choice_
    assert drawn.estimator_name == "CrossFitClassifier"
    assert_array_equal(drawn.values["f1"], expected.values["f1"])
    fixed = ThresholdDisplay.from_estimator(cross_fit(cutoff=0.3).fit(X, y))
    assert fixed.choice == 0.3
    with pytest.raises(ValueError, match="the display uses the rows of fit"):
        ThresholdDisplay.from_estimator(model, y=y)
    with pytest.raises(TypeError, match="LogisticRegression keeps no scores"):
        ThresholdDisplay.from_estimator(LogisticRegression().fit(X, y))


# ---- weights and routing


def test_weights_reach_members_calibration_and_choice(data):
    X, y = data
    weight = np.random.default_rng(0).integers(0, 3, 600)
    kept = np.repeat(np.arange(600), weight)
    halves = np.arange(600) % 2
    splits = [
        (np.flatnonzero(halves == k), np.flatnonzero(halves != k)) for k in (0, 1)
    ]
    repeated = [
        (np.flatnonzero(halves[kept] == k), np.flatnonzero(halves[kept] != k))
        for k in (0, 1)
    ]
    by_weight = cross_fit(cv=splits, cutoff={"metric": "f1", "method": "exact"})
    by_weight.fit(X, y, sample_weight=weight)
    by_copies = clone(by_weight).set_params(cv=repeated).fit(X[kept], y[kept])
    assert_allclose(by_weight.predict_proba(X), by_copies.predict_proba(X), rtol=1e-3)
    assert by_weight.threshold_ == pytest.approx(by_copies.threshold_, rel=1e-3)


@pytest.mark.parametrize(
    "estimator",
    [quick(), make_pipeline(StandardScaler(), quick())],
    ids=["net", "pipe"],
)
def test_weights_reach_a_net_and_the_rows_that_stop_it(estimator, data):
    X, y = data
    weight = np.where(np.arange(600) < 300, 1.0, 0.0)
    model = cross_fit(estimator, cv=KFold(3, shuffle=True, random_state=0))
    model.fit(X, y, sample_weight=weight)
    for member in model.estimators_:
        net = innermost(member)
        assert stopped(net)
        assert sum(net._data.class_totals) <= 300


def test_weights_for_an_estimator_that_takes_none_are_refused(data):
    with pytest.raises(ValueError, match=r"KNeighborsClassifier.fit takes no sample_w"):
        cross_fit(KNeighborsClassifier()).fit(*data, sample_weight=np.ones(600))


def test_metadata_is_routed_as_requested(data):
    X, y = data
    groups = np.arange(600) // 6
    weight = np.random.default_rng(0).uniform(size=600)
    plain = cross_fit(cv=GroupKFold(3)).fit(X, y, sample_weight=weight, groups=groups)
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        routed = cross_fit(inner, cv=GroupKFold(3)).set_fit_request(sample_weight=True)
        routed.fit(X, y, sample_weight=weight, groups=groups)
        assert_allclose(routed.predict_proba(X), plain.predict_proba(X))
        scores = cross_val_score(routed, X, y, cv=2, params={"groups": groups})
        assert len(scores) == 2


# ---- the same again, elsewhere


@pytest.mark.parametrize("estimator", [None, quick()], ids=["linear", "net"])
def test_members_in_processes_are_those_of_one_process(estimator, data):
    X, y = data
    alone = cross_fit(estimator, cv=2).fit(X, y)
    together = cross_fit(estimator, cv=2, n_jobs=2).fit(X, y)
    assert_array_equal(alone.predict_proba(X), together.predict_proba(X))
    assert_array_equal(alone.out_of_fold_, together.out_of_fold_)


def test_a_random_state_seeds_folds_and_members(data):
    X, y = data
    first, second, other = (
        cross_fit(quick(), random_state=seed, cv=2).fit(X, y) for seed in (0, 0, 1)
    )
    assert_array_equal(first.out_of_fold_, second.out_of_fold_)
    assert (first.out_of_fold_ != other.out_of_fold_).any()
    seeds = {member.random_state for member in first.estimators_}
    assert len(seeds) == 2


def test_members_are_recalled_from_their_memory(data, tmp_path):
    X, y = data
    net = quick(memory=str(tmp_path))
    first = cross_fit(net, cv=2).fit(X, y)
    n_kept = len(list(tmp_path.rglob("*.pkl")))
    again = cross_fit(net, cv=2, cutoff="f1").fit(X, y)
    assert n_kept
    assert len(list(tmp_path.rglob("*.pkl"))) == n_kept
    assert_array_equal(first.out_of_fold_, again.out_of_fold_)


def test_it_is_cloned_pickled_searched_and_put_into_pipelines(data):
    X, y = data
    model = cross_fit(quick(), cv=2)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {"crossfitclassifier__cutoff": [0.2, "f1"]},
        scoring="f1",
        cv=2,
    ).fit(X, y)
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    assert_array_equal(again.predict_proba(X), best.predict_proba(X))
    assert str(again[-1].report_) == str(best[-1].report_)


@pytest.mark.filterwarnings("ignore:y_true has")
def test_frames_sparse_matrices_lists_and_dicts_are_split(people, data):
    X, y = people
    by_pandas = cross_fit(quick(), cv=2).fit(X, y)
    by_polars = cross_fit(quick(), cv=2).fit(pl.from_pandas(X), y)
    assert_array_equal(by_pandas.out_of_fold_, by_polars.out_of_fold_)
    assert_array_equal(by_pandas.feature_names_in_, ["age", "city"])
    rows, target = data
    by_csr = cross_fit(cv=2).fit(sparse.coo_array(rows), target)
    assert_allclose(by_csr.out_of_fold_, cross_fit(cv=2).fit(*data).out_of_fold_)
    signals = [np.zeros((1, 5 + k % 3)) + k % 2 for k in range(20)]
    net = BinaryNetClassifier(max_epochs=1)
    assert cross_fit(net, cv=2).fit(signals, np.arange(20) % 2).predict(signals).shape
    net = BinaryNetClassifier(TwoInputs, max_epochs=1)
    named = {"a": rows[:, :4], "b": rows[:, 4:]}
    assert cross_fit(net, cv=2).fit(named, target).predict(named).shape == (600,)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 1)

    def forward(self, a, b):
        return self.layer(as_tensor(np.hstack([a, b])))


@pytest.mark.parametrize("cutoff", ["f1", 0.3, {"cost_matrix": [[0, 1], [5, 0]]}])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_file_holds_the_whole(cutoff, weighted, people, tmp_path):
    X, y = people
    weight = np.linspace(1, 2, 400) if weighted else None
    model = cross_fit(quick(), cv=3, cutoff=cutoff).fit(X, y, sample_weight=weight)
    save(model, tmp_path / "model.skbin")
    again = load(tmp_path / "model.skbin")
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(again.out_of_fold_, model.out_of_fold_)
    assert again.choice_ == model.choice_
    assert str(again.report_) == str(model.report_)
    assert again.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    assert again.cutoff == cutoff
    clone(again).fit(X, y)


def test_a_file_cannot_hold_what_is_not_ours(data, tmp_path):
    with pytest.raises(TypeError, match="got one of LogisticRegression"):
        save(cross_fit().fit(*data), tmp_path / "model.skbin")


def test_a_file_leaves_out_a_splitter_with_a_warning(data, tmp_path):
    model = cross_fit(quick(), cv=KFold(2)).fit(*data)
    with pytest.warns(UserWarning, match="save leaves out cv=KFold"):
        save(model, tmp_path / "model.skbin")
    assert load(tmp_path / "model.skbin").cv == 5


@pytest.mark.parametrize("positive", [0, 1])
def test_onnx_holds_the_whole(positive, data, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    from skbin import export_onnx

    X, y = data
    X = X.astype(np.float32)
    model = cross_fit(quick(), cv=3, cutoff="f1", pos_label=positive).fit(X, y)
    export_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    probability, label = session.run(["probabilities", "label"], {"X": X})
    assert_allclose(probability, model.predict_proba(X), atol=1e-6)
    assert_array_equal(label, model.predict(X))


# ---- what is refused, before any training


class Untouchable(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise AssertionError("This was to be refused before.")


class Weighted(Untouchable):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"cutoff": 1.5}, r"probability in \[0, 1\], got 1.5.*sigmoid, 0.8176"),
        ({"cutoff": "f3"}, "The metric of cutoff: 'f3'"),
        ({"cutoff": {"metrics": "f1"}}, r"names \['metrics'\]"),
        ({"cutoff": {"min_precision": 90}}, "min_precision"),
        ({"cutoff": {"cost_matrix": [[0, 1], [np.ones(3), 0]]}}, r"shape \(600,\)"),
        ({"cutoff": {"cost_matrix": [1, 2]}}, "true negative, false positive"),
        ({"n_repeats": 2, "cv": KFold(2)}, "needs cv as a number"),
        ({"n_repeats": 0}, "n_repeats"),
        ({"cv": 1}, "Got 1 instead"),
        ({"pos_label": "fraud"}, "not one of the classes"),
        ({"calibrate": "platt"}, "calibrate"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "-".join(value),
)
def test_bad_parameters_are_refused_before_training(params, message, data):
    with pytest.raises(ValueError, match=message):
        cross_fit(Untouchable(), **params).fit(*data)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cut_off", "Did you mean 'cutoff'?"),
        ("threshold", "It is 'cutoff' here."),
        ("max_epochs", "BinaryNetClassifier(max_epochs=...)"),
        ("epochs", "BinaryNetClassifier(max_epochs=...)"),
        ("class_weight", "BinaryNetClassifier(class_weight=...)"),
        ("hidden_layer_sizes", "BinaryNetClassifier(module__hidden_units=...)"),
        ("colour", "unexpected argument 'colour'."),
    ],
)
def test_parameters_of_others_are_refused_with_their_place(name, hint):
    with pytest.raises(TypeError, match=re.escape(hint)):
        CrossFitClassifier(**{name: 1})


def test_the_report_names_its_metrics(data):
    report = cross_fit(LogisticRegression(), cutoff="f1").fit(*data).report_
    with pytest.raises(KeyError, match=r"'cost' is not in the report.*choice_.value"):
        report["cost"]


def test_costs_by_row_in_a_cross_validation_say_what_to_do(data):
    X, y = data
    costs = [[0, 1], [np.full(len(y), 5.0), 1]]
    model = cross_fit(LogisticRegression(), cutoff={"cost_matrix": costs})
    with pytest.raises(
        ValueError, match=r"one cost for each row given.*bayes_decisions"
    ):
        cross_val_score(model, X, y, cv=2, error_score="raise")


def test_a_split_without_a_class_to_train_on_is_refused(data):
    X, y = data
    order = np.argsort(y)
    with pytest.raises(ValueError, match="Split 0 of cv trains on no row of 1"):
        cross_fit(Untouchable(), cv=TimeSeriesSplit(3)).fit(X[order], y[order])


def test_one_row_of_a_class_is_refused():
    with pytest.raises(ValueError, match="two rows of each class, got 1 of True"):
        cross_fit(Untouchable()).fit(np.zeros((9, 1)), np.arange(9) == 3)


def test_a_prior_that_calibration_would_undo_is_refused(data):
    with pytest.raises(ValueError, match=r"prior=0.01, but calibration"):
        cross_fit(quick(prior=0.01)).fit(*data)
    model = cross_fit(quick(prior=0.01), calibrate=False, cv=2).fit(*data)
    assert model.predict_proba(data[0])[:, 1].mean() < 0.1


def test_two_positive_labels_are_refused(data):
    with pytest.raises(ValueError, match="that of estimator is 1"):
        cross_fit(quick(pos_label=1), pos_label=0).fit(*data)


def test_a_dataset_is_refused(data):
    X, y = data
    with pytest.raises(TypeError, match="got a TensorDataset"):
        cross_fit().fit(TensorDataset(as_tensor(X)), y)


def test_a_fit_that_fails_leaves_the_model_as_it_was(data):
    X, y = data
    model = cross_fit(cutoff="f1").fit(X, y)
    before = model.predict_proba(X)
    model.set_params(cutoff={"metric": "f1", "min_precision": 1, "min_recall": 1})
    with pytest.raises(ValueError, match="No cutoff gives"):
        model.fit(X[::2], y[::2])
    assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    "params", [{"callbacks": "disable"}, {"callbacks__best_weights": None}], ids=str
)
def test_a_net_without_the_callback_that_stops_trains_to_its_end(params, data):
    model = cross_fit(quick(**params), cv=2).fit(*data)
    assert [len(member.history) for member in model.estimators_] == [3, 3]
    assert sum(model.estimators_[0]._data.class_totals) == 300


@pytest.mark.parametrize("factor", [1e-12, 1e-3, 1.0, 1e12])
def test_weights_of_any_unit_shift_the_probabilities_to_the_weighted_mean(factor, data):
    X, y = data
    weight = factor * np.where(y == 1, 3.0, 1.0)
    model = cross_fit(LogisticRegression(C=1e6)).fit(X, y, sample_weight=weight)
    mean = np.average(model.out_of_fold_, weights=weight)
    assert_allclose(mean, np.average(y, weights=weight), rtol=1e-3)


def test_splits_that_overlap_or_are_used_up_are_refused(data):
    rows = np.arange(600)
    with pytest.raises(ValueError, match="Split 0 of cv leaves out rows that it"):
        cross_fit(Untouchable(), cv=[(rows, rows[:100])]).fit(*data)
    with pytest.raises(ValueError, match="A generator is used up by one fit"):
        cross_fit(Untouchable(), cv=[]).fit(*data)


def test_a_row_of_weight_zero_may_have_another_label(data):
    X, y = data
    weight = np.r_[0.0, np.ones(599)]
    model = cross_fit(cv=KFold(3)).fit(X, np.r_[7, y[1:]], sample_weight=weight)
    assert_array_equal(model.classes_, [0, 1])


def test_weights_that_add_up_to_one_calibrate_as_those_of_one_row_each(data):
    X, y = data
    net = quick(pos_weight="balanced")
    plain = cross_fit(net, cv=2).fit(X, y, sample_weight=np.ones(600))
    small = cross_fit(net, cv=2).fit(X, y, sample_weight=np.full(600, 1 / 600))
    assert_allclose(small.calibration_, plain.calibration_, rtol=1e-4)


def test_logits_without_a_mean_are_refused(data):
    class Infinite(KnownLogit):
        def decision_function(self, X):
            return np.full(len(X), np.inf)

    with pytest.raises(ValueError, match="returns infinite logits or NaN"):
        cross_fit(Infinite()).fit(*data)


def test_splits_that_leave_out_one_class_alone_are_refused(data):
    X, y = data
    negatives = 300 + np.flatnonzero(y[300:] == 0)
    with pytest.raises(ValueError, match="all of one class"):
        cross_fit(Untouchable(), cv=[(np.arange(300), negatives)]).fit(X, y)


def test_what_cannot_end_well_is_refused_before_training(data):
    X, y = data
    with pytest.raises(ValueError, match=r"no predict_proba.*calibrate=True"):
        cross_fit(Untouchable(), calibrate=False).fit(X, y)
    model = cross_fit(Weighted(), cutoff={"min_recall": 0.5, "guarantee": 0.9})
    for name in ("sample_weight", "groups"):
        with pytest.raises(ValueError, match=f"cannot be combined with {name}"):
            model.fit(X, y, **{name: np.ones(600)})
    model = cross_fit(Untouchable(), cutoff={"metric": "recall", "guarantee": 0.9})
    with pytest.raises(ValueError, match="no limit is given"):
        model.fit(X, y)


def test_routed_weights_reach_the_net_of_a_pipeline_and_the_rows_that_stop_it(data):
    X, y = data
    weight = np.where(y == 1, 3.0, 1.0)
    named = cross_fit(make_pipeline(StandardScaler(), quick()), cv=2)
    named.fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            quick().set_fit_request(sample_weight=True),
        )
        routed = cross_fit(pipe, cv=2).set_fit_request(sample_weight=True)
        routed.fit(X, y, sample_weight=weight)
    assert_array_equal(routed.out_of_fold_, named.out_of_fold_)
    losses = [
        model.estimators_[0][-1].history[:, "averaged_valid_loss"]
        for model in (named, routed)
    ]
    assert losses[0] == losses[1]


def test_groups_stay_whole_in_folds_that_are_counted():
    X, machine = np.arange(400.0)[:, None] % 7, np.repeat(np.arange(40), 10)
    y = np.isin(machine, np.arange(0, 40, 4))
    model = cross_fit(LogisticRegression(), cv=4, n_repeats=2)
    splits = splits_of(
        4,
        2,
        X,
        y,
        np.ones(400),
        BinaryLabels(np.array([False, True]), 1),
        {"groups": machine},
        np.random.RandomState(0),
    )
    assert len(splits) == 8
    for train, left_out in splits:
        assert not set(machine[train]) & set(machine[left_out])
    assert model.fit(X, y, groups=machine).report_.n_groups == 40


def test_intervals_of_groups_are_as_wide_as_groups_are_few():
    rng = np.random.default_rng(0)
    machine = np.repeat(np.arange(40), 10)  # of which all rows are the same
    y = np.isin(machine, np.arange(0, 40, 4))
    X = rng.normal(size=40)[machine][:, None] + 1.5 * y[:, None]
    by_rows = cross_fit(LogisticRegression(), cv=4).fit(X, y).report_
    by_groups = cross_fit(LogisticRegression(), cv=4).fit(X, y, groups=machine).report_
    widths = [
        found["ROC AUC"][2] - found["ROC AUC"][1] for found in (by_rows, by_groups)
    ]
    assert widths[1] > 2 * widths[0]
    assert "in 40 groups" in str(by_groups)


@pytest.mark.parametrize("by_group", [False, True])
def test_a_report_on_fewer_than_ten_positives_gives_no_intervals(by_group):
    y = np.repeat([0, 1], [200, 18 if by_group else 9])
    X = np.random.default_rng(0).normal(size=(len(y), 2)) + y[:, None]
    groups = {"groups": np.arange(len(y)) // 2} if by_group else {}
    model = cross_fit(LogisticRegression(), cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = model.fit(X, y, **groups).report_
    assert np.isnan(np.array(list(report.estimates.values()))[:, 1:]).all()
    assert f"{report['ROC AUC'].value:.4g} (too few for an interval)" in str(report)


def test_the_choice_and_the_display_know_the_groups():
    rng = np.random.default_rng(0)
    machine = np.repeat(np.arange(240), 6)  # of which all rows are the same
    y = np.isin(machine, np.arange(0, 240, 4))
    X = rng.normal(size=240)[machine][:, None] + 1.5 * y[:, None]
    model = cross_fit(LogisticRegression(), cv=4, cutoff="f1").fit(X, y, groups=machine)
    rows = model.out_of_fold_rows()
    by_rows = select_threshold(**{**rows, "groups": None}, random_state=0)
    by_groups = select_threshold(**rows, random_state=0)
    for choice in (model.choice_, by_groups):
        assert np.ptp(choice.value_interval) > 2 * np.ptp(by_rows.value_interval)
    bands = ThresholdDisplay.from_estimator(model, random_state=0).bands["recall"]
    narrow = ThresholdDisplay.from_predictions(
        **{**rows, "groups": None}, random_state=0
    ).bands["recall"]
    assert np.median(bands[1] - bands[0]) > 1.5 * np.median(narrow[1] - narrow[0])


def test_groups_that_hold_both_classes_count_for_both():
    y = np.tile([0, 0, 0, 1], 60)
    X = np.random.default_rng(0).normal(size=(len(y), 2)) + y[:, None]
    groups = np.arange(len(y)) // 20
    report = cross_fit(LogisticRegression(), cv=3).fit(X, y, groups=groups).report_
    assert report.n_groups == 12
    low, high = report["ROC AUC"][1:]
    assert low < high


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_of_every_library_are_tables(library):
    frame = library.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)})
    assert default_member(frame).get_params()["max_epochs"] == 40


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_bar_counts_the_members(data, capsys, n_jobs):
    model = cross_fit(n_jobs=n_jobs, cv=3, verbose=1).fit(*data)
    assert "3/3" in capsys.readouterr().err
    quiet = cross_fit(n_jobs=n_jobs, cv=3).fit(*data)
    assert capsys.readouterr().err == ""
    assert_array_equal(model.out_of_fold_, quiet.out_of_fold_)


def test_a_cluster_that_gives_members_at_the_end_shows_no_bar(data, capsys):
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        cross_fit(cv=3, verbose=1).fit(*data)
    assert capsys.readouterr().err == ""
