"""The snippets of docs/user_guide/other_tools.rst, which shows them from here."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from skbin import SKOPS_TRUSTED_TYPES, BinaryNetClassifier, CrossFitClassifier

# Other projects' warnings are theirs to fix; ours are tested everywhere else.
pytestmark = [
    pytest.mark.ecosystem,
    pytest.mark.filterwarnings("default"),
    pytest.mark.filterwarnings("error:::skbin"),
]


@pytest.fixture(scope="module")
def split():
    X, y = make_classification(
        1200, 8, n_informative=4, weights=[0.85], class_sep=1.5, random_state=0
    )
    return train_test_split(X, y, stratify=y, random_state=0)


def test_mlflow(split, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    X_train, X_test, y_train, _ = split
    # [mlflow]
    net = BinaryNetClassifier(max_epochs=5, random_state=0)
    with mlflow.start_run() as run:
        net.fit(X_train, y_train)
        mlflow.log_params({"max_epochs": 5, "pos_weight": net.pos_weight})
        for step, loss in enumerate(net.loss_curve_):
            mlflow.log_metric("train_loss", loss, step=step)
        logged = mlflow.sklearn.log_model(
            net, name="model", skops_trusted_types=SKOPS_TRUSTED_TYPES
        )
    loaded = mlflow.sklearn.load_model(logged.model_uri)
    # [end mlflow]
    assert_allclose(loaded.predict_proba(X_test), net.predict_proba(X_test))
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "train_loss")
    assert [metric.value for metric in history] == list(net.loss_curve_)


def test_optuna(split):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    X, _, y, _ = split
    folds = StratifiedKFold(3, shuffle=True, random_state=0)

    # [optuna]
    def objective(trial):
        net = BinaryNetClassifier(
            lr=trial.suggest_float("lr", 3e-4, 3e-3, log=True),
            module__dropout=trial.suggest_float("dropout", 0.2, 0.6),
            max_epochs=5,
            random_state=0,
        )
        return cross_val_score(net, X, y, cv=folds, scoring="average_precision").mean()

    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=4)
    best = study.best_params
    net = BinaryNetClassifier(
        lr=best["lr"], module__dropout=best["dropout"], max_epochs=5, random_state=0
    ).fit(X, y)
    # [end optuna]
    assert len(study.trials) == 4
    assert study.best_value > 2 * y.mean()
    assert net.lr == best["lr"]


def test_optuna_prunes_by_the_fold(split):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    X, _, y, _ = split
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))

    # [optuna pruning]
    def objective(trial):
        lr = trial.suggest_float("lr", 1e-5, 1e-2, log=True)
        net = BinaryNetClassifier(lr=lr, max_epochs=5, random_state=0)
        scores = []
        for fold in folds:
            scores += list(
                cross_val_score(net, X, y, cv=[fold], scoring="average_precision")
            )
            trial.report(float(np.mean(scores)), step=len(scores))
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(scores))

    # [end optuna pruning]
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0),
    )
    study.enqueue_trial({"lr": 5e-3})
    study.enqueue_trial({"lr": 3e-3})
    study.enqueue_trial({"lr": 1e-5})
    study.optimize(objective, n_trials=3)
    assert study.trials[2].state == optuna.trial.TrialState.PRUNED


def test_mapie(split):
    pytest.importorskip("mapie")
    X_train, X_test, y_train, y_test = split
    # [mapie]
    from mapie.classification import SplitConformalClassifier
    from mapie.risk_control import BinaryClassificationController

    X_fit, X_held, y_fit, y_held = train_test_split(
        X_train, y_train, stratify=y_train, random_state=0
    )
    net = BinaryNetClassifier(max_epochs=15, random_state=0).fit(X_fit, y_fit)
    conformal = SplitConformalClassifier(net, confidence_level=0.9, prefit=True)
    conformal.conformalize(X_held, y_held)
    labels, sets = conformal.predict_set(X_test)

    controller = BinaryClassificationController(
        net.predict_proba, risk="recall", target_level=0.6, confidence_level=0.9
    )
    controller.calibrate(X_held, y_held)
    net.set_params(threshold=controller.best_predict_param)
    # [end mapie]
    assert (labels == net.set_params(threshold=0.5).predict(X_test)).mean() > 0.95
    in_set = sets[np.arange(len(y_test)), y_test, 0]
    assert in_set.mean() > 0.8
    found = net.set_params(threshold=controller.best_predict_param).predict(X_test)
    assert found[y_test == 1].mean() > 0.5


def test_skore(split):
    skore = pytest.importorskip("skore")
    X, _, y, _ = split
    net = BinaryNetClassifier(max_epochs=10, random_state=0)
    # [skore]
    report = skore.CrossValidationReport(
        net, X, y, splitter=StratifiedKFold(3), pos_label=1
    )
    report.metrics.add("average_precision")
    metrics = report.metrics.summarize().frame()
    # [end skore]
    means = metrics.iloc[:, 0]
    assert {"average_precision", "precision", "recall", "log_loss"} <= set(means.index)
    assert len(report.reports_) == 3
    ours = cross_val_score(
        net, X, y, cv=StratifiedKFold(3), scoring="average_precision"
    )
    assert means["average_precision"] == pytest.approx(ours.mean())


def test_fairlearn(split):
    pytest.importorskip("fairlearn")
    X_train, X_test, y_train, y_test = split
    X_fit, X_held, y_fit, y_held = train_test_split(
        X_train, y_train, stratify=y_train, random_state=0
    )
    group = np.where(X_test[:, 0] > 0, "a", "b")
    group_held = np.where(X_held[:, 0] > 0, "a", "b")
    # [fairlearn]
    from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate
    from fairlearn.postprocessing import ThresholdOptimizer

    net = BinaryNetClassifier(max_epochs=15, random_state=0).fit(X_fit, y_fit)
    by_group = MetricFrame(
        metrics={"recall": true_positive_rate, "false alarms": false_positive_rate},
        y_true=y_test,
        y_pred=net.predict(X_test),
        sensitive_features=group,
    ).by_group

    equal = ThresholdOptimizer(
        estimator=net,
        constraints="true_positive_rate_parity",
        prefit=True,
        predict_method="predict_proba",
    ).fit(X_held, y_held, sensitive_features=group_held)
    decisions = equal.predict(X_test, sensitive_features=group, random_state=0)
    # [end fairlearn]
    assert set(by_group.index) == {"a", "b"}
    assert by_group["recall"].between(0, 1).all()
    assert set(decisions) <= {0, 1}
    assert (decisions == y_test).mean() > 0.8


def test_skrub():
    pytest.importorskip("skrub")
    rng = np.random.default_rng(0)
    n = 400
    amount = rng.gamma(2, 50, n)
    frame = pd.DataFrame(
        {
            "paid": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(rng.integers(0, 90 * 24, n), unit="h"),
            "country": rng.choice(["DE", "FR", "IT"], n),
            "shop": rng.choice([f"shop {i} street {i % 7}" for i in range(80)], n),
            "amount": np.where(rng.random(n) < 0.1, np.nan, amount),
        }
    )
    y = ((amount > 150) | (frame["paid"].dt.hour < 2)).astype(int)
    # [skrub]
    from skrub import TableVectorizer, ToCategorical

    model = make_pipeline(
        TableVectorizer(low_cardinality=ToCategorical()),
        BinaryNetClassifier(max_epochs=20, random_state=0),
    )
    model.fit(frame, y)
    # [end skrub]
    vectorized = model[0].transform(frame)
    assert isinstance(vectorized["country"].dtype, pd.CategoricalDtype)
    assert vectorized["amount"].isna().any()
    score = cross_val_score(model, frame, y, cv=3, scoring="average_precision")
    assert score.mean() > 1.5 * y.mean()


def test_sktime():
    pytest.importorskip("sktime")
    # [sktime]
    from sktime.datasets import load_unit_test
    from sktime.datatypes import convert_to

    X_train, y_train = load_unit_test(split="train", return_type="nested_univ")
    X_test, y_test = load_unit_test(split="test", return_type="nested_univ")
    net = BinaryNetClassifier(pos_label="2", random_state=0)
    net.fit(convert_to(X_train, "numpy3D"), y_train)
    probability = net.predict_proba(convert_to(X_test, "numpy3D"))[:, 1]
    # [end sktime]
    assert len(probability) == len(y_test)
    assert (net.predict(convert_to(X_test, "numpy3D")) == y_test).mean() > 0.7


def test_cross_fit_in_mapie(split):
    pytest.importorskip("mapie")
    from mapie.classification import SplitConformalClassifier

    X_train, X_test, y_train, y_test = split
    X_fit, X_held, y_fit, y_held = train_test_split(
        X_train, y_train, stratify=y_train, random_state=0
    )
    model = CrossFitClassifier(
        BinaryNetClassifier(max_epochs=5), cv=3, random_state=0
    ).fit(X_fit, y_fit)
    conformal = SplitConformalClassifier(model, confidence_level=0.9, prefit=True)
    _, sets = conformal.conformalize(X_held, y_held).predict_set(X_test)
    assert sets[np.arange(len(y_test)), y_test, 0].mean() > 0.8
