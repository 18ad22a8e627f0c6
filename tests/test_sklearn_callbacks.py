"""scikit-learn's callbacks see an epoch as a subtask of fit; skorch's go on working."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, Checkpoint, EarlyStopping
from skorch.dataset import ValidSplit

from skbin import BinaryNetClassifier, DenseNet


@pytest.fixture(scope="module")
def data():
    return make_classification(200, weights=[0.8], random_state=0)


def make_net(**params):
    settings = {"max_epochs": 3, "random_state": 0, **params}
    return BinaryNetClassifier(DenseNet, **settings)


class Record:
    """Writes down what it is told, as any callback of a user might."""

    stop_at = None

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.calls.append(("begin", context.task_name))
        self.metadata = metadata

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator=None):
        self.calls.append(("end", context.task_name))
        self.labels = fitted_estimator.predict(X)
        self.kept = [*getattr(self, "kept", []), fitted_estimator]
        self.X = X
        return context.task_name == self.stop_at

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name))


def test_each_epoch_is_a_subtask_of_fit(data):
    record = Record()
    make_net().set_callbacks(record).fit(*data)
    epochs = [
        (what, f"epoch {number}") for number in (1, 2, 3) for what in ("begin", "end")
    ]
    assert record.calls == [
        ("setup", "fit"),
        ("begin", "fit"),
        *epochs,
        ("end", "fit"),
        ("teardown", "fit"),
    ]


def test_callbacks_are_torn_down_after_a_failed_fit(data):
    record = Record()
    with pytest.raises(ValueError, match="NaN or infinite"):
        make_net(lr=1e30).set_callbacks(record).fit(*data)
    assert record.calls[-1] == ("teardown", "fit")


def test_callbacks_change_nothing_in_training(data):
    watched = make_net(module__dropout=0.5).set_callbacks(Record()).fit(*data)
    alone = make_net(module__dropout=0.5).fit(*data)
    assert np.array_equal(watched.predict_proba(data[0]), alone.predict_proba(data[0]))
    assert watched.history[:, "train_loss"] == alone.history[:, "train_loss"]


def test_a_callback_gets_the_users_labels_and_an_estimator_of_its_own(data):
    X, y = data
    record = Record()
    labels = np.array(["ham", "spam"])[y]
    net = make_net().set_callbacks(record).fit(X, labels, sample_weight=y + 0.5)
    assert set(record.labels) <= {"ham", "spam"}
    assert np.array_equal(record.metadata["sample_weight"], y + 0.5)
    scores = [kept.predict_proba(X)[:, 1] for kept in record.kept]
    assert not np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[-1], net.predict_proba(X)[:, 1])


def test_a_callback_can_stop_training(data):
    record = Record()
    record.stop_at = "epoch 2"
    net = make_net().set_callbacks(record).fit(*data)
    assert len(net.history) == 2
    assert record.calls[-2:] == [("end", "fit"), ("teardown", "fit")]


def test_scoring_monitor_records_scores_by_epoch(data):
    monitor = ScoringMonitor(scoring="average_precision")
    net = make_net().set_callbacks(monitor).fit(*data)
    log = monitor.get_logs().data_as_pandas
    by_epoch = log.loc[log.task_name.str.startswith("epoch"), "average_precision"]
    assert len(by_epoch) == 3
    expected = average_precision_score(data[1], net.predict_proba(data[0])[:, 1])
    assert by_epoch.iloc[-1] == pytest.approx(expected)


def make_search(net, n_jobs):
    pipeline = make_pipeline(StandardScaler(), net)
    grid = {"binarynetclassifier__lr": [0.001, 0.01]}
    return GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_sees_each_epoch_of_each_fit_of_a_search(data, n_jobs):
    monitor = ScoringMonitor(scoring="average_precision")
    make_search(make_net().set_callbacks(monitor), n_jobs).fit(*data)
    log = monitor.get_logs(include_lineage=True).data_as_pandas
    epochs = log[log.task_name.str.startswith("epoch")]
    assert len(epochs) == (2 * 2 + 1) * 3
    assert epochs.average_precision.notna().all()
    assert {"GridSearchCV", "Pipeline"} < set(log.estimator_name)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar_nests_candidates_folds_and_epochs(
    data, n_jobs, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "250")
    search = make_search(make_net(), n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*data)
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if "100%" in line]
    assert lines[0].startswith("GridSearchCV - fit")
    nets = [line for line in lines if "BinaryNetClassifier - fit" in line]
    assert len(nets) == 2 * 2 + 1


class CountEpochs(Callback):
    epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs += 1


def test_skorchs_callbacks_work_beside(data, tmp_path):
    record = Record()
    net = make_net(
        max_epochs=50,
        lr=0.1,
        train_split=ValidSplit(5, stratified=True),
        callbacks=[
            ("count", CountEpochs()),
            ("stop", EarlyStopping(patience=2)),
            ("keep", Checkpoint(dirname=tmp_path, f_pickle="net.pkl")),
        ],
    ).set_callbacks(record, ProgressBar())
    net.fit(*data)
    n_epochs = len(net.history)
    assert n_epochs < 50
    assert dict(net.callbacks_)["count"].epochs == n_epochs
    assert record.calls.count(("end", f"epoch {n_epochs}")) == 1
    kept = pickle.loads((tmp_path / "net.pkl").read_bytes())
    assert kept.predict(data[0]).shape == (200,)


def test_a_clone_and_a_pickle_keep_working(data):
    net = make_net().set_callbacks(ProgressBar()).fit(*data)
    clone(net).fit(*data)
    pickle.loads(pickle.dumps(net)).fit(*data)


def test_a_recalled_fit_is_one_task_without_epochs(data, tmp_path):
    net = make_net(memory=str(tmp_path)).fit(*data)
    record = Record()
    clone(net).set_callbacks(record).fit(*data)
    assert [what for what, _ in record.calls] == ["setup", "begin", "end", "teardown"]
