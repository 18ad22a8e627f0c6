"""A search trains once per fold, and what it takes from memory is what training gives.

Trainings are counted by a callback that writes a line when one begins.
"""

import copy
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  it registers the search
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import TensorDataset

from skbin import BinaryNetClassifier, DenseNet

THRESHOLDS = np.linspace(0.05, 0.95, 19)


class CountTrainings(Callback):
    def __init__(self, file):
        self.file = file

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        with open(self.file, "a") as file:
            file.write("one\n")


class Trainings:
    def __init__(self, folder):
        self.file = str(folder / "trainings.txt")

    def __len__(self):
        file = Path(self.file)
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def trainings(tmp_path):
    return Trainings(tmp_path)


@pytest.fixture
def net(tmp_path, trainings):
    return BinaryNetClassifier(
        DenseNet,
        module__hidden_units=(8,),
        max_epochs=2,
        callbacks=[("count", CountTrainings(trainings.file))],
        memory=str(tmp_path / "memory"),
        random_state=0,
    )


@pytest.fixture(scope="module")
def data():
    return make_classification(200, weights=[0.8], random_state=0)


# ---- counted, not timed


def test_a_grid_of_thresholds_trains_once_per_fold_and_once_more(net, data, trainings):
    GridSearchCV(net, {"threshold": THRESHOLDS}, cv=5, scoring="f1").fit(*data)
    assert len(trainings) == 5 + 1


def test_each_learning_rate_trains_once_per_fold(net, data, trainings):
    grid = {"threshold": THRESHOLDS, "lr": [0.001, 0.01]}
    GridSearchCV(net, grid, cv=5, scoring="f1").fit(*data)
    assert len(trainings) == 10 + 1


def test_workers_that_want_the_same_network_wait_for_one(net, data, trainings):
    grid = {"threshold": THRESHOLDS}
    GridSearchCV(net, grid, cv=2, n_jobs=4, scoring="f1").fit(*data)
    assert len(trainings) == 2 + 1


def test_threads_that_want_the_same_network_wait_for_one(net, data, trainings):
    with joblib.parallel_config("threading"):
        grid = {"threshold": THRESHOLDS}
        GridSearchCV(net, grid, cv=2, n_jobs=4, scoring="f1").fit(*data)
    assert len(trainings) == 2 + 1


@pytest.mark.parametrize("random_state", [None, 0, np.random.RandomState(0)])
def test_any_random_state_profits(net, data, trainings, random_state):
    net.set_params(random_state=random_state)
    GridSearchCV(net, {"threshold": THRESHOLDS}, cv=3, scoring="f1").fit(*data)
    assert len(trainings) == 3 + 1


def test_randomized_search_profits(net, data, trainings):
    search = RandomizedSearchCV(
        net, {"threshold": THRESHOLDS}, n_iter=7, cv=3, scoring="f1", random_state=0
    )
    search.fit(*data)
    assert len(trainings) == 3 + 1


def test_halving_search_trains_once_per_fold_and_number_of_rows(net, data, trainings):
    search = HalvingGridSearchCV(
        net,
        {"threshold": THRESHOLDS},
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
        scoring="f1",
        random_state=0,
        min_resources=50,
    ).fit(*data)
    different = len(set(search.n_resources_))
    assert different > 1
    assert len(trainings) <= 3 * different + 1


def test_cross_validate_and_tuned_threshold_profit(net, data, trainings):
    for _ in range(2):
        cross_validate(net, *data, cv=3)
        TunedThresholdClassifierCV(net, cv=3).fit(*data)
    assert len(trainings) == 3 + 1


def test_pipelines_profit(net, data, trainings):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), net),
        {"binarynetclassifier__threshold": THRESHOLDS},
        cv=3,
        scoring="f1",
    )
    search.fit(*data)
    assert len(trainings) == 3 + 1


def test_imbalanced_pipelines_profit(net, data, trainings):
    pipeline = ImbalancedPipeline(
        [("sample", RandomOverSampler(random_state=0)), ("net", net)]
    )
    GridSearchCV(pipeline, {"net__threshold": THRESHOLDS}, cv=3, scoring="f1").fit(
        *data
    )
    assert len(trainings) == 3 + 1


def with_step(step, net):
    return ImbalancedPipeline([("step", step), ("net", net)])


FIXED = StratifiedKFold(5, shuffle=True, random_state=0)
STEPS = {
    "SMOTE": (SMOTE(), SMOTE(random_state=0)),
    "undersampling": (RandomUnderSampler(), RandomUnderSampler(random_state=0)),
    "TargetEncoder": (TargetEncoder(), TargetEncoder(cv=FIXED)),
}


@pytest.fixture
def binned(data):
    X, y = data
    return np.digitize(X[:, :4], [-1, 0, 1]), y


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_makes_other_rows_in_each_fit_triggers_a_warning(
    net, binned, trainings, name
):
    search = GridSearchCV(
        with_step(STEPS[name][0], net.set_params(max_epochs=1)),
        {"net__threshold": np.linspace(0.1, 0.9, 13)},
        cv=2,
        scoring="f1",
    )
    with pytest.warns(
        UserWarning, match="each fit gets other rows: give it a random_state"
    ) as told:
        search.fit(*binned)
    assert len(told) == 1
    assert len(trainings) == 2 * 13 + 1


@pytest.mark.parametrize("name", STEPS)
def test_a_step_with_a_random_state_trains_once_per_fold(net, binned, trainings, name):
    search = GridSearchCV(
        with_step(STEPS[name][1], net.set_params(max_epochs=1)),
        {"net__threshold": np.linspace(0.1, 0.9, 13)},
        cv=2,
        scoring="f1",
    )
    search.fit(*binned)
    assert len(trainings) == 2 + 1


def test_folds_and_features_trigger_no_warning(net, data, trainings):
    X, y = data
    net.set_params(max_epochs=1)
    of_sorted_rows = np.argsort(y, kind="stable")  # then folds have the same targets
    cross_validate(net, X[of_sorted_rows], y[of_sorted_rows], cv=10)
    for scale in range(1, 15):  # and what is reused is worth keeping
        for _ in range(2):
            clone(net).fit(scale * X, y)
    assert len(trainings) == 10 + 14


def test_a_search_finds_what_it_finds_without_memory(net, data):
    searches = [
        GridSearchCV(estimator, {"threshold": THRESHOLDS}, cv=3, scoring="f1")
        for estimator in (net, clone(net).set_params(memory=None))
    ]
    first, second = (search.fit(*data).cv_results_ for search in searches)
    for name in first:
        if "time" not in name and name != "params":
            assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("kind", [str, Path, joblib.Memory])
def test_memory_is_a_folder_or_a_joblib_memory(net, data, trainings, tmp_path, kind):
    folder = tmp_path / "other"
    memory = joblib.Memory(folder, verbose=0) if kind is joblib.Memory else kind(folder)
    net.set_params(memory=memory).fit(*data)
    clone(net).fit(*data)
    assert len(trainings) == 1
    assert folder.exists()


def test_a_memory_without_a_folder_trains(net, data, trainings):
    net.set_params(memory=joblib.Memory(None)).fit(*data).fit(*data)
    assert len(trainings) == 2


def test_joblib_clears_and_shrinks_the_memory(net, data, trainings, tmp_path):
    memory = joblib.Memory(tmp_path / "other", verbose=0)
    net.set_params(memory=memory).fit(*data)
    memory.reduce_size(items_limit=0)
    net.fit(*data)
    assert len(trainings) == 2
    memory.clear(warn=False)
    net.fit(*data)
    assert len(trainings) == 3


# ---- the same training, and another one


CHANGES = {
    "one value of X": lambda net, X, y, w: (net, _changed(X), y, w),
    "one label": lambda net, X, y, w: (net, X, np.r_[1 - y[0], y[1:]], w),
    "one weight": lambda net, X, y, w: (net, X, y, np.r_[w[0] + 1, w[1:]]),
    "no weights": lambda net, X, y, w: (net, X, y, None),
    "the order of the rows": lambda net, X, y, w: (net, X[::-1], y[::-1], w[::-1]),
    **{
        name: lambda net, X, y, w, params=params: (net.set_params(**params), X, y, w)
        for name, params in {
            "learning rate": {"lr": 0.02},
            "epochs": {"max_epochs": 3},
            "seed": {"random_state": 1},
            "pos_weight": {"pos_weight": 3.0},
            "module": {"module__dropout": 0.5},
            "optimizer": {"optimizer": torch.optim.SGD},
            "weight decay": {"optimizer__weight_decay": 0.1},
            "a callback": {"callbacks__more": EarlyStopping(patience=3)},
            "the split": {"train_split": ValidSplit(4, stratified=True)},
            "pos_label": {"pos_label": 0},
        }.items()
    },
}


def _changed(X):
    X = X.copy()
    X[3, 4] += 1e-3
    return X


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_training_depends_on_trains_anew(net, data, trainings, change):
    X, y = data
    weight = np.ones(len(y))
    weight[:10] = 2.5
    if change == "a callback":
        net.set_params(callbacks=[*net.callbacks, ("more", EarlyStopping(patience=2))])
        net.set_params(train_split=ValidSplit(5, stratified=True))
    net.fit(X, y, sample_weight=weight)
    changed, X, y, weight = CHANGES[change](clone(net), X, y, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        changed.fit(X, y, sample_weight=weight)
    assert len(trainings) == 2


def test_autocast_around_fit_trains_anew(net, data, trainings):
    net.fit(*data)
    with torch.autocast("cpu", torch.bfloat16):
        clone(net).fit(*data)
        clone(net).fit(*data)
    assert len(trainings) == 2


class Prices(Callback):
    def __init__(self, frame):
        self.frame = frame


def test_a_frame_in_a_callback_counts_by_its_values(net, data, trainings):
    for price in (1, 2, 1):
        frame = pd.DataFrame({"price": [price], "kind": ["a"]})
        callbacks = [*net.callbacks, ("prices", Prices(frame))]
        clone(net).set_params(callbacks=callbacks).fit(*data)
    assert len(trainings) == 2


@pytest.mark.parametrize(
    "params",
    [{"batch_size": np.int64(32)}, {"lr": np.float64(0.01)}],
    ids=lambda params: next(iter(params)),
)
def test_a_number_of_numpy_is_the_number(net, data, trainings, params):
    clone(net).set_params(**params).fit(*data)
    python = {name: value.item() for name, value in params.items()}
    clone(net).set_params(**python).fit(*data)
    assert len(trainings) == 1


@pytest.mark.parametrize("package", ["torch", "skorch"])
def test_another_version_trains_anew(net, data, trainings, package, monkeypatch):
    net.fit(*data)
    monkeypatch.setattr(
        "skbin.memory.fingerprint.version_of",
        lambda name: "2" if name == package else "1",
    )
    net.fit(*data)
    assert len(trainings) == 2


@pytest.mark.parametrize(
    "params",
    [{"threshold": 0.9}, {"prior": "train"}, {"prior": 0.1}, {"verbose": 2}],
)
def test_what_training_does_not_depend_on_is_loaded(net, data, trainings, params):
    probability = net.fit(*data).predict_proba(data[0])
    other = clone(net).set_params(**params).fit(*data)
    assert len(trainings) == 1
    other.set_params(prior=None)
    assert_array_equal(other.predict_proba(data[0]), probability)


def test_other_names_of_the_classes_are_loaded_with_their_names(net, data, trainings):
    X, y = data
    net.fit(X, y)
    frame = pd.DataFrame(X).add_prefix("column")
    named = clone(net).fit(frame, np.array(["ham", "spam"])[y])
    assert len(trainings) == 1
    assert named.classes_.tolist() == ["ham", "spam"]
    assert named.feature_names_in_[0] == "column0"
    assert set(named.predict(frame)) <= {"ham", "spam"}


# ---- a loaded fit is a fit


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"train_split": ValidSplit(5, stratified=True), "pos_weight": "balanced"},
        {"module": nn.Sequential(nn.Linear(20, 4), nn.Dropout(), nn.Linear(4, 1))},
        {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9},
    ],
    ids=["default", "split", "instance", "momentum"],
)
def test_a_loaded_fit_is_a_fresh_fit(net, data, trainings, params):
    if "module" in params:
        net = BinaryNetClassifier(
            max_epochs=2, callbacks=net.callbacks, memory=net.memory, random_state=0
        )
    net.set_params(**params)
    fresh, loaded = clone(net).fit(*data), clone(net).fit(*data)
    assert len(trainings) == 1
    uncached = clone(net).set_params(memory=None).fit(*data)
    assert vars(fresh).keys() == vars(loaded).keys() == vars(uncached).keys()
    assert fresh.history.to_list() == loaded.history.to_list()
    for other in (loaded, uncached):
        _assert_same_tensors(fresh.module_.state_dict(), other.module_.state_dict())
        _assert_same_tensors(
            fresh.optimizer_.state_dict()["state"],
            other.optimizer_.state_dict()["state"],
        )
        for name in ("pos_weight_", "train_prior_", "n_features_in_"):
            assert getattr(fresh, name) == getattr(other, name)
        assert type(other.module_) is type(fresh.module_)
        assert_array_equal(
            pickle.loads(pickle.dumps(other)).predict_proba(data[0]),
            fresh.predict_proba(data[0]),
        )


def _assert_same_tensors(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        if isinstance(value, dict):
            _assert_same_tensors(value, second[name])
        else:
            assert torch.equal(value, second[name])


def test_training_goes_on_alike_from_a_loaded_fit(net, data):
    fresh, loaded = clone(net).fit(*data), clone(net).fit(*data)
    for other in (fresh, loaded):
        other.partial_fit(*data)
    _assert_same_tensors(fresh.module_.state_dict(), loaded.module_.state_dict())


@pytest.mark.parametrize("random_state", [None, 0, "instance"])
def test_the_random_numbers_that_follow_are_the_same(net, data, random_state):
    following = []
    for _ in range(2):
        torch.manual_seed(3)
        shared = np.random.RandomState(5)
        net.set_params(random_state=shared if random_state == "instance" else 0)
        if random_state is None:
            net.set_params(random_state=None)
        net.fit(*data)
        following.append((torch.rand(1).item(), shared.rand(), None))
    assert following[0] == following[1]


def test_estimators_that_share_an_entry_share_nothing_else(net, data):
    first, second = clone(net).fit(*data), clone(net).fit(*data)
    before = copy.deepcopy(second.module_.state_dict())
    first.partial_fit(*data)
    _assert_same_tensors(before, second.module_.state_dict())


def test_a_failed_fit_is_not_kept(net, data, trainings):
    net.set_params(lr=1e30)
    for _ in range(2):
        with pytest.raises(ValueError, match="NaN or infinite"):
            net.fit(*data)
    assert len(trainings) == 2


def test_partial_fit_warm_starts_and_datasets_always_train(net, data, trainings):
    X, y = data
    net.set_params(warm_start=True).fit(X, y).fit(X, y)
    net.partial_fit(X, y).partial_fit(X, y)
    dataset = TensorDataset(torch.tensor(X).float(), torch.tensor(y).float())
    other = clone(net).set_params(warm_start=False, module__n_features=X.shape[1])
    other.fit(dataset, y).fit(dataset, y)
    assert len(trainings) == 6


def test_no_memory_writes_nothing(net, data, tmp_path):
    net.set_params(memory=None).fit(*data)
    assert [path.name for path in tmp_path.iterdir()] == ["trainings.txt"]


# ---- what goes wrong


def entries(folder):
    return sorted(Path(folder).rglob("output.pkl"))


@pytest.mark.parametrize("damage", ["truncated", "empty", "one bit", "something else"])
def test_a_damaged_entry_is_trained_again_with_a_warning(net, data, trainings, damage):
    expected = net.fit(*data).predict_proba(data[0])
    (entry,) = entries(net.memory)
    content = entry.read_bytes()
    middle = len(content) // 2
    entry.write_bytes(
        {
            "truncated": content[:middle],
            "empty": b"",
            "one bit": content[:middle]
            + bytes([content[middle] ^ 1])
            + content[middle + 1 :],
            "something else": pickle.dumps({"module_": None}),
        }[damage]
    )
    with pytest.warns(UserWarning, match="cannot be read .* trained again") as caught:
        net.fit(*data)
    assert len(caught) == 1
    assert_array_equal(net.predict_proba(data[0]), expected)
    net.fit(*data)
    assert len(trainings) == 2


def test_each_changed_byte_of_an_entry_is_noticed(net, data):
    expected = net.fit(*data).predict_proba(data[0])
    (entry,) = entries(net.memory)
    content = entry.read_bytes()
    for place in np.random.default_rng(0).integers(len(content), size=40):
        entry.write_bytes(
            content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            net.fit(*data)
        assert_array_equal(net.predict_proba(data[0]), expected)


SCRIPT = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn
from skbin import BinaryNetClassifier

folder = Path(sys.argv[1])
what = sys.argv[2]

class Watch(Callback):
    def __init__(self, folder):
        self.folder = folder

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        with open(os.path.join(self.folder, "trainings.txt"), "a") as file:
            file.write("one\\n")

    def on_epoch_end(self, net, **kwargs):
        if os.environ.get("DIE") == "while training":
            os.kill(os.getpid(), signal.SIGKILL)

class Network(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features, 4), nn.Linear(4, 1))

    def forward(self, X):
        return self.layers(X)

if __name__ == "__main__":
    if os.environ.get("DIE") == "while writing":
        import joblib.numpy_pickle
        def dump(value, file, *args, **kwargs):
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        joblib.numpy_pickle.dump = dump
    if what == "full disk":
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
    X, y = make_classification(200, weights=[0.8], random_state=0)
    net = BinaryNetClassifier(
        Network, max_epochs=2, callbacks=[Watch(str(folder))],
        memory=folder / "memory", random_state=0,
    )
    if what == "search":
        grid = {"threshold": np.linspace(0.05, 0.95, 9)}
        net = GridSearchCV(net, grid, cv=3, scoring="f1", n_jobs=2)
    net.fit(X, y)
    print(net.predict_proba(X)[:, 1].sum().hex())
    if what == "fit":
        assert type(net.module_) is Network
"""


def started(tmp_path, what, die=""):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, script, tmp_path, what],
        env={**os.environ, "DIE": die},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output, errors


def test_what_a_script_defines_is_loaded_by_the_next_run(tmp_path, trainings):
    first, second = (outcome(started(tmp_path, "fit")) for _ in range(2))
    assert first == second
    assert len(trainings) == 1


@pytest.mark.parametrize("when", ["while training", "while writing"])
def test_a_killed_process_leaves_nothing_half_written(tmp_path, trainings, when):
    killed = started(tmp_path, "fit", die=when)
    killed.communicate(timeout=300)
    assert killed.returncode == -9
    assert not entries(tmp_path)
    _, errors = outcome(started(tmp_path, "fit"))
    assert errors == ""
    assert len(trainings) == 2
    assert len(list((tmp_path / "memory").rglob("output.pkl*"))) == 1


def test_two_searches_share_one_folder_at_once(tmp_path, trainings):
    searches = [started(tmp_path, "search") for _ in range(2)]
    first, second = (outcome(search) for search in searches)
    assert first == second
    assert len(trainings) == 3 + 1


def test_a_full_disk_does_without_memory_and_says_so_once(tmp_path, trainings):
    output, errors = outcome(started(tmp_path, "full disk"))
    assert errors.count("memory cannot be used") == 1
    assert "File too large" in errors
    assert not list((tmp_path / "memory").rglob("output.pkl*"))
    assert outcome(started(tmp_path, "fit"))[0] == output
    assert len(trainings) == 2


def test_a_folder_that_cannot_be_made_does_without_memory(net, data, trainings):
    Path(trainings.file).write_text("")
    net.set_params(memory=str(Path(trainings.file) / "below a file"))
    with pytest.warns(UserWarning, match="memory cannot be used") as caught:
        net.fit(*data)
    assert len(caught) == 1
    assert len(trainings) == 1


def test_a_folder_without_locks_still_gives_what_it_holds(
    net, data, trainings, monkeypatch
):
    net.fit(*data)

    def refuse(*args, **kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr("filelock.BaseFileLock.acquire", refuse)
    clone(net).fit(*data)
    assert len(trainings) == 1
    with pytest.warns(UserWarning, match="PermissionError: read-only"):
        clone(net).set_params(lr=0.5).fit(*data)
    assert len(trainings) == 2


def test_what_cannot_be_told_apart_trains_with_a_warning(net, data, trainings):
    net.callbacks[0][1].rows = (row for row in data[0])
    with pytest.warns(UserWarning, match="memory cannot be used"):
        net.fit(*data)


def test_a_memory_that_is_none_is_refused(net, data):
    with pytest.raises(ValueError, match="memory"):
        net.set_params(memory=3).fit(*data)


class StopAt(Callback):
    """Ends a training from outside of skorch's knowledge, as Ctrl-C does."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch and os.environ.get("PRESSED"):
            raise KeyboardInterrupt


def test_an_interrupted_training_is_not_kept(net, data, trainings, monkeypatch):
    net.set_params(callbacks=[*net.callbacks, ("stop", StopAt(1))])
    monkeypatch.setenv("PRESSED", "1")
    assert len(clone(net).fit(*data).history) == 1
    monkeypatch.delenv("PRESSED")
    assert len(clone(net).fit(*data).history) == 2
    assert len(trainings) == 2


def test_early_stopping_is_kept(net, data, trainings):
    stop = EarlyStopping(patience=1, threshold=10, threshold_mode="abs")
    net.set_params(
        callbacks=[*net.callbacks, ("stop", stop)],
        train_split=ValidSplit(5, stratified=True),
        max_epochs=20,
    )
    first, second = clone(net).fit(*data), clone(net).fit(*data)
    assert len(first.history) == len(second.history) < 20
    assert len(trainings) == 1


def test_what_a_callback_of_scikit_learn_has_stopped_is_not_kept(net, data, trainings):
    class Stop:
        def setup(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch 1"

        def teardown(self, estimator, context): ...

    assert len(clone(net).set_callbacks(Stop()).fit(*data).history) == 1
    assert len(clone(net).fit(*data).history) == 2


def test_an_estimator_that_was_fitted_before_keeps_a_whole_entry(net, data, trainings):
    net.set_params(memory=None).fit(*data)
    memory = str(Path(trainings.file).parent / "memory")
    net.set_params(memory=memory, lr=0.01).fit(*data)
    loaded = clone(net).fit(*data)
    assert len(trainings) == 2
    assert_array_equal(loaded.predict_proba(data[0]), net.predict_proba(data[0]))
    assert vars(loaded).keys() == vars(net).keys()


def test_what_breaks_the_fingerprint_trains_with_a_warning(net, data, trainings):
    lazy = nn.Sequential(nn.LazyLinear(1))
    net = BinaryNetClassifier(lazy, max_epochs=1, memory=net.memory)
    with (
        pytest.warns(UserWarning, match="memory cannot be used"),
        warnings.catch_warnings(),
    ):
        net.fit(*data)
    assert net.predict(data[0]).shape == (200,)


class Refers(Callback):
    def __init__(self, other):
        self.other = other


def test_callbacks_that_hold_each_other_do_so_after_loading(rare, tmp_path):
    nets = []
    for _ in range(2):
        stop = EarlyStopping(monitor="train_loss")
        net = BinaryNetClassifier(
            callbacks=[stop, Refers(stop)],
            memory=tmp_path,
            max_epochs=2,
            random_state=0,
        )
        nets.append(net.fit(*rare))
    loaded = dict(nets[1].callbacks_)
    assert loaded["Refers"].other is loaded["EarlyStopping"]
    assert loaded["EarlyStopping"].best_epoch_ == 2


def test_counts_are_in_the_units_of_each_callers_weights(rare, tmp_path):
    X, y = rare
    weight = np.where(y == 1, 3.0, 1.0)
    for factor in (1, 100):
        net = BinaryNetClassifier(memory=tmp_path, max_epochs=1, random_state=0)
        net.fit(X, y, sample_weight=factor * weight)
        net.partial_fit(X[:50], y[:50], sample_weight=np.full(50, 1.0))
        plain = BinaryNetClassifier(max_epochs=1, random_state=0)
        plain.fit(X, y, sample_weight=factor * weight)
        plain.partial_fit(X[:50], y[:50], sample_weight=np.full(50, 1.0))
        assert net.train_prior_ == pytest.approx(plain.train_prior_)


STEERED = {
    "monitor": {
        "callbacks": [EarlyStopping("valid_acc", lower_is_better=False, patience=3)]
    },
    "monitor of another name": {
        "callbacks": [("stop", EarlyStopping(lower_is_better=False, patience=3))],
        "callbacks__stop__monitor": "valid_acc",
    },
    "score": {"callbacks": [EpochScoring("f1", name="valid_f1")]},
    "score of probabilities": {"callbacks": [EpochScoring("neg_brier_score")]},
}


@pytest.mark.parametrize("callbacks", STEERED)
@pytest.mark.parametrize("change", [{"threshold": 0.05}, {"prior": 0.5}])
def test_a_training_that_looks_at_decisions_is_kept_for_these_alone(
    rare, tmp_path, callbacks, change
):
    def fitted(memory, **params):
        return BinaryNetClassifier(
            DenseNet,
            max_epochs=20,
            random_state=0,
            train_split=ValidSplit(5, stratified=True),
            memory=memory,
            **copy.deepcopy(STEERED[callbacks]),
            **params,
        ).fit(*rare)

    fitted(str(tmp_path))
    found = fitted(str(tmp_path), **change).history
    expected = fitted(None, **change).history
    assert len(found) == len(expected)
    own = {"dur", "event_cp"}
    for one, other in zip(found, expected, strict=True):
        names = {k for k in other if k not in own and k != "batches"}
        assert {k: one[k] for k in names} == {k: other[k] for k in names}


@pytest.mark.parametrize("scoring", ["average_precision", "roc_auc"])
def test_a_score_by_rank_lets_cutoffs_share_a_training(rare, tmp_path, scoring):
    net = BinaryNetClassifier(
        DenseNet,
        max_epochs=2,
        random_state=0,
        train_split=ValidSplit(5, stratified=True),
        memory=str(tmp_path),
        callbacks=[EpochScoring(scoring), EarlyStopping("valid_average_precision")],
    )
    for threshold in (0.2, 0.6):
        clone(net).set_params(threshold=threshold).fit(*rare)
    assert len(list(tmp_path.rglob("output.pkl"))) == 1


def test_reuse_is_counted_again_after_the_folder_was_cleared(rare, tmp_path):
    X, y = rare
    net = BinaryNetClassifier(
        DenseNet, module__hidden_units=(2,), max_epochs=1, memory=str(tmp_path)
    )
    for _ in range(2):
        for shift in range(12):
            for _ in range(2):  # warnings are errors: each network is used again
                clone(net).set_params(random_state=0).fit(X + shift, y)
        joblib.Memory(tmp_path, verbose=0).clear(warn=False)
