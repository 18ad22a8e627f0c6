"""Fixtures of the peers' tests, and the table of what differs."""

import numpy as np
import pytest
import torch
from skorch.tests.conftest import *  # noqa: F403
from skorch.toy import make_classifier
from stand_ins import SKORCHS, SKORCHS_HOMES, NeuralNetRegressor, standing_in


@pytest.fixture(scope="module", autouse=True)
def _ours_for_skorchs():
    with standing_in(SKORCHS, *SKORCHS_HOMES):
        yield


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
    """skorch's four rows, with two classes for its targets of a regression."""
    X = np.array([0, 2, 3, 0]).astype(np.float32).reshape(-1, 1)
    return X, np.array([0, 1, 1, 0])


@pytest.fixture
def train_split():
    def halves(dataset, y):
        subset = torch.utils.data.Subset
        return subset(dataset, [0, 1]), subset(dataset, [2, 3])

    return halves

def pytest_collection_modifyitems(items):
    for item in items:
        if "peers" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings("default"))
