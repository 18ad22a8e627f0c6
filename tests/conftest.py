import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import settings
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

# Machines are noisy: how long an example takes says nothing about a law. The same
# examples in each run; others with `pytest --hypothesis-profile=explore`.
settings.register_profile("skbin", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("skbin")

mpl.use("agg")  # tests have no screen
torch.set_num_threads(1)  # in networks this small a second thread only waits


@pytest.fixture(scope="session")
def rare():
    """300 rows, 8 columns, 15 % positives: learnt in a few epochs."""
    X, y = make_classification(
        n_samples=300,
        n_features=8,
        n_informative=4,
        weights=[0.85],
        class_sep=1.5,
        random_state=0,
    )
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="session")
def spam(rare):
    """The same rows, labelled by strings of which the rare one sorts last."""
    X, y = rare
    return X, np.where(y == 1, "spam", "ham")


def pytest_make_parametrize_id(config, val, argname):
    """Name objects by their class: workers must collect the same names."""
    return type(val).__name__ if " at 0x" in repr(val) else None
