"""Threads that wait for each other are noticed and named."""

import itertools

import numpy as np
import pytest
import torch

from skbin import BinaryNetClassifier
from skbin.machine import contention
from skbin.machine.contention import Used

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def rows():
    X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def _two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def count(monkeypatch, *, cpu, interruptions, seconds=3.0):
    """Let each look see so many seconds of computing, and losses of a core, more."""
    numbers = itertools.count()

    def used():
        n = next(numbers)
        return Used(n * seconds, n * cpu, n * interruptions)

    monkeypatch.setattr(contention, "used", used)


def fit(rows, **params):
    net = BinaryNetClassifier(max_epochs=4, module__n_members=1, **params)
    return net.fit(*rows)


def test_a_fit_that_waits_for_cores_is_told_once(rows, monkeypatch):
    count(monkeypatch, cpu=1.5, interruptions=450)
    with pytest.warns(UserWarning, match="with 2 threads.*25% .*150 times") as caught:
        fit(rows)
    assert [warning.filename for warning in caught] == [__file__]
    assert "OMP_NUM_THREADS=1" in str(caught[0].message)


@pytest.mark.parametrize(
    "readings",
    [
        {"cpu": 5.9, "interruptions": 450},
        {"cpu": 1.5, "interruptions": 60},
        {"cpu": 0.2, "interruptions": 60, "seconds": 0.4},
    ],
    ids=["computes all the time", "waits for data", "too short to tell"],
)
def test_a_fit_that_has_its_cores_is_not(rows, monkeypatch, readings):
    count(monkeypatch, **readings)
    fit(rows)  # warnings are errors


def test_one_thread_waits_for_no_other(rows, monkeypatch):
    count(monkeypatch, cpu=0.75, interruptions=450)
    torch.set_num_threads(1)
    fit(rows)


def test_where_nothing_is_counted_nothing_is_told(rows, monkeypatch):
    monkeypatch.setattr(contention, "resource", None)
    fit(rows)
