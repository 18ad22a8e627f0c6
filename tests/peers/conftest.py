"""Fixtures of the peers' tests, and what becomes of those that differ."""

import functools
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from differences import DIFFERENT, NOT_RUN
from sklearn.conftest import global_dtype, pyplot  # noqa: F401  fixtures
from skorch.tests.conftest import *  # noqa: F403  fixtures
from skorch.toy import make_classifier
from stand_ins import SKORCHS, SKORCHS_HOMES, NeuralNetRegressor, standing_in

PEERS = ("imblearn.", "sklearn.", "skorch.")
OF_FIXTURES = "ignore:.*fixtures defined as instance methods:DeprecationWarning"

# These take minutes: `make peers` names them, which counts for more than this.
collect_ignore = [
    "test_imblearn_pipeline.py",
    "test_sklearn_calibration.py",
    "test_sklearn_thresholds.py",
    "test_skorch_net.py",
]


def pytest_configure(config):
    config.addinivalue_line("markers", "thread_unsafe: scikit-learn's own marker")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    not_run = [item for item in here if reason_for(item, NOT_RUN)]
    config.hook.pytest_deselected(items=not_run)
    items[:] = [item for item in items if item not in not_run]
    for item in here:
        if inspect.getmodule(item.obj).__name__.startswith(PEERS):
            item.add_marker(pytest.mark.filterwarnings("default"))
        # skorch writes its fixtures in a way that pytest 10 will refuse.
        item.add_marker(pytest.mark.filterwarnings(OF_FIXTURES))
        if reason_for(item, DIFFERENT):
            item.obj = that_it_differs(item.obj)


def reason_for(item, table):
    """Find the reason under which a table holds a test, with or without parameters."""
    test = item.nodeid.removeprefix("tests/peers/")
    names = {test, test.partition("[")[0]}
    return next((reason for reason, tests in table.items() if names & {*tests}), None)


def that_it_differs(test):
    """Make the test that a peer's test still fails: no entry outlives its reason."""

    @functools.wraps(test)
    def differs(*args, **kwargs):
        with pytest.raises((Exception, pytest.fail.Exception)):
            test(*args, **kwargs)

    return differs


@pytest.fixture(scope="module", autouse=True)
def _ours_for_skorchs():
    with standing_in(SKORCHS, SKORCHS_HOMES):
        yield


@pytest.fixture(autouse=True)
def _files_go_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def classifier_module():
    """skorch's, without the softmax at its end: two logits."""
    return make_classifier(
        input_units=20, hidden_units=10, num_hidden=2, dropout=0.5, output_nonlin=None
    )


@pytest.fixture
def net_cls():
    return NeuralNetRegressor


@pytest.fixture
def data():
    """skorch's four rows, with two classes for the targets of a regression."""
    X = np.array([0, 2, 3, 0]).astype(np.float32).reshape(-1, 1)
    return X, np.array([0, 1, 1, 0])


@pytest.fixture
def train_split():
    """skorch's, for datasets of any class."""

    def halves(dataset, y):
        subset = torch.utils.data.Subset
        return subset(dataset, [0, 1]), subset(dataset, [2, 3])

    return halves


@pytest.fixture
def global_random_seed():
    """scikit-learn's own conftest sets it from the environment; this is its default."""
    return 42
