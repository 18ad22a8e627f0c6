"""A training that was killed goes on, and ends as if nothing had been."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler
from skorch.dataset import ValidSplit

from skbin import (
    BalancedBatches,
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
)
from skbin.memory import cache, checkpoints
from skbin.memory.checkpoints import Checkpoints


class Fails(Callback):
    """Ends a training in its fourth epoch, while the environment says so."""

    def on_batch_end(self, net, training=True, **kwargs):
        if len(net.history) == 4 and os.environ.get("FAILS"):
            raise RuntimeError("the power is off")


class CountEpochs(Callback):
    def __init__(self, file):
        self.file = file

    def on_epoch_begin(self, net, **kwargs):
        with open(self.file, "a") as file:
            file.write("one\n")


@pytest.fixture
def _after_each_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "_FIRST_AFTER", 0)
    monkeypatch.setattr(checkpoints, "_SHARE_OF_TIME", np.inf)


@pytest.mark.usefixtures("_after_each_epoch")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"module": ConvNet, "pos_weight": "balanced"},
        {"iterator_train": BalancedBatches, "prior": "train"},
        {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "random_state": 5},
        {
            "train_split": ValidSplit(5, stratified=True),
            "callbacks__stop": EarlyStopping(patience=4, threshold=0.5),
        },
        {"train_split": ValidSplit(0.3)},
        {"early_stopping": True, "max_epochs": 12, "lr": 0.01},
        {"callbacks__rate": LRScheduler("StepLR", step_size=2)},
        {"callbacks__score": EpochScoring("f1", on_train=True, use_caching=True)},
        {"verbose": 1},
    ],
    ids=lambda params: "-".join(params) or "default",
)
def test_a_training_that_failed_goes_on_and_ends_as_if_nothing_had_been(
    rare, tmp_path, monkeypatch, params
):
    epochs = tmp_path / "epochs.txt"
    net = BinaryNetClassifier(
        DenseNet,
        max_epochs=6,
        callbacks=[
            ("fails", Fails()),
            ("count", CountEpochs(str(epochs))),
            ("stop", None),
            ("rate", None),
            ("score", None),
        ],
        random_state=0,
    ).set_params(**params)
    whole = clone(net).fit(*rare)
    net.set_params(memory=str(tmp_path))
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(RuntimeError, match="the power is off"):
        clone(net).fit(*rare)
    monkeypatch.delenv("FAILS")
    epochs.unlink()
    resumed = clone(net).fit(*rare)
    assert len(epochs.read_text().splitlines()) == len(whole.history) - 3
    assert_same_training(whole, resumed)
    assert_same_training(whole, clone(net).fit(*rare))
    for part in (whole, resumed):  # and both go on alike
        part.partial_fit(*rare)
    assert_same_training(whole, resumed)
    assert len(list(tmp_path.rglob("output.pkl*"))) == 1


@pytest.mark.usefixtures("_after_each_epoch")
def test_the_bar_of_a_training_that_goes_on_counts_the_epochs_before(
    rare, tmp_path, monkeypatch, capsys
):
    net = BinaryNetClassifier(
        DenseNet,
        max_epochs=6,
        callbacks=[Fails()],
        random_state=0,
        memory=str(tmp_path),
        verbose=1,
    )
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(RuntimeError, match="the power is off"):
        clone(net).fit(*rare)
    monkeypatch.delenv("FAILS")
    capsys.readouterr()
    clone(net).fit(*rare)
    shown = capsys.readouterr().err
    assert "3/6" in shown
    assert "6/6" in shown


def assert_same_training(first, second):
    rows = [
        [{k: v for k, v in epoch.items() if k != "dur"} for epoch in net.history]
        for net in (first, second)
    ]
    assert rows[0] == rows[1]
    states = [net.module_.state_dict() for net in (first, second)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert vars(first).keys() == vars(second).keys()


SCRIPT = """
import sys
from sklearn.datasets import make_classification
from skbin import BinaryNetClassifier

X, y = make_classification(4000, weights=[0.9], random_state=0)
net = BinaryNetClassifier(
    max_epochs=12, memory=sys.argv[1], verbose=2, callbacks__print_log__sink=print,
    random_state=0,
).fit(X, y)
print(net.predict_proba(X)[:, 1].sum().hex())
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-u", "-c", SCRIPT, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def epochs_of(lines):
    numbers = (line.split()[0] for line in lines if line.split())
    return [int(number) for number in numbers if number.isdigit()]


def test_a_killed_process_leaves_what_the_next_one_goes_on_from(tmp_path):
    killed = start(tmp_path / "killed")
    for _ in killed.stdout:
        if list((tmp_path / "killed").rglob("*_unfinished/output.pkl")):
            break
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    resumed, errors = start(tmp_path / "killed").communicate(timeout=300)
    whole, _ = start(tmp_path / "whole").communicate(timeout=300)
    assert errors == ""
    assert resumed.splitlines()[-1] == whole.splitlines()[-1]
    assert epochs_of(whole.splitlines()) == list(range(1, 13))
    assert epochs_of(resumed.splitlines())[0] > 1


@pytest.mark.usefixtures("_after_each_epoch")
def test_a_checkpoint_that_cannot_be_read_is_begun_anew_with_a_warning(
    rare, tmp_path, monkeypatch
):
    net = BinaryNetClassifier(
        max_epochs=6, callbacks=[Fails()], memory=str(tmp_path), random_state=0
    )
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(RuntimeError, match="the power is off"):
        clone(net).fit(*rare)
    monkeypatch.delenv("FAILS")
    (file,) = tmp_path.rglob("output.pkl")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="cannot be read .* trained again"):
        resumed = clone(net).fit(*rare)
    assert_same_training(clone(net).set_params(memory=None).fit(*rare), resumed)
    assert [Path(file).name for file in tmp_path.rglob("output.pkl*")] == ["output.pkl"]


@pytest.mark.usefixtures("_after_each_epoch")
@pytest.mark.parametrize("fails_at", [4, 7], ids=["fourth epoch", "end"])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError("No space left on device")], ids=repr
)
def test_a_state_is_kept_until_a_later_one_is_written(
    rare, tmp_path, monkeypatch, fails_at, error
):
    epochs = tmp_path / "epochs.txt"
    net = BinaryNetClassifier(
        DenseNet,
        max_epochs=6,
        callbacks=[CountEpochs(str(epochs))],
        memory=str(tmp_path / "memory"),
        random_state=0,
    )
    n_written = []

    def dump(value, file, **kwargs):
        n_written.append(1)
        file.write(b"half")
        if len(n_written) >= fails_at:
            raise error
        file.seek(0)
        original(value, file, **kwargs)

    original = joblib.numpy_pickle.dump
    monkeypatch.setattr("joblib.numpy_pickle.dump", dump)
    told = contextlib.nullcontext()
    if isinstance(error, OSError):
        told = pytest.warns(UserWarning, match="No space left on device")
    elif fails_at == 7:
        told = pytest.raises(KeyboardInterrupt)
    with told:
        clone(net).fit(*rare)
    monkeypatch.undo()
    epochs.write_text("")
    resumed = clone(net).fit(*rare)
    n_left = fails_at - 1
    assert len(epochs.read_text().splitlines()) == 6 - n_left
    assert_same_training(clone(net).set_params(memory=None).fit(*rare), resumed)
    assert [file.name for file in tmp_path.rglob("output.pkl*")] == ["output.pkl"]


@pytest.mark.usefixtures("_after_each_epoch")
def test_a_kill_right_after_the_end_leaves_one_entry(rare, tmp_path, monkeypatch):
    def kill(self):
        raise KeyboardInterrupt

    net = BinaryNetClassifier(
        DenseNet, max_epochs=2, memory=str(tmp_path), random_state=0
    )
    monkeypatch.setattr("skbin.memory.cache._Entry._clear_unfinished", kill)
    with pytest.raises(KeyboardInterrupt):
        clone(net).fit(*rare)
    monkeypatch.undo()
    assert len(list(tmp_path.rglob("*_unfinished"))) == 1
    net.fit(*rare)
    assert len(list(tmp_path.rglob("output.pkl*"))) == 1
    assert not list(tmp_path.rglob("*_unfinished"))


class Diverges(Callback):
    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == 4:
            for parameter in net.module_.parameters():
                parameter.data.fill_(np.nan)


@pytest.mark.usefixtures("_after_each_epoch")
def test_a_training_that_would_fail_again_leaves_nothing(rare, tmp_path):
    net = BinaryNetClassifier(
        DenseNet, max_epochs=6, callbacks=[Diverges()], memory=str(tmp_path)
    )
    with pytest.raises(ValueError, match="NaN or infinite in epoch 4"):
        net.fit(*rare)
    assert not list(tmp_path.rglob("output.pkl*"))


class HoldsALock(Callback):
    def on_train_begin(self, net, **kwargs):
        self.lock = threading.Lock()


@pytest.mark.usefixtures("_after_each_epoch")
def test_a_state_that_cannot_be_written_is_told_once_and_not_tried_again(
    rare, tmp_path, monkeypatch
):
    n_tries = []

    def pickled(*args):
        n_tries.append(1)
        return original(*args)

    original = cache.pickled
    monkeypatch.setattr(cache, "pickled", pickled)
    net = BinaryNetClassifier(
        DenseNet, max_epochs=5, callbacks=[HoldsALock()], memory=str(tmp_path)
    )
    with pytest.warns(UserWarning, match="pickle '_thread.lock'") as caught:
        net.fit(*rare)
    of_checkpoints = [w for w in caught if "If it is killed" in str(w.message)]
    assert len(of_checkpoints) == 1
    assert len(caught) == 2  # and one that the trained network is not kept either
    assert len(n_tries) == 2


def test_checkpoints_take_a_small_share_of_the_time(monkeypatch):
    now = [0.0]
    kept = []
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])

    def keep_slowly(state):
        kept.append(now[0])
        now[0] += 2

    offered = Checkpoints(keep_slowly)
    while now[0] < 1000:
        offered.offer(dict)
        now[0] += 0.5
    assert kept[0] >= 1
    assert 2 * len(kept) <= 0.06 * 1000
    assert len(kept) > 10
