"""Networks that `memory` has loaded score the same rows once."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.utils.data import Dataset

from skbin import BinaryNetClassifier, DenseNet
from skbin.memory import outputs


@pytest.fixture
def rare():
    X, y = make_classification(400, 6, weights=[0.8], random_state=0)
    return X.astype(np.float32), y


@pytest.fixture
def n_passes(monkeypatch):
    """How often rows went through a network."""
    passes = []
    forward_iter = BinaryNetClassifier.forward_iter

    def counted(self, X, **kwargs):
        passes.append(len(X))
        return forward_iter(self, X, **kwargs)

    monkeypatch.setattr(BinaryNetClassifier, "forward_iter", counted)
    monkeypatch.setattr(outputs, "_kept", type(outputs._kept)())
    return passes


def make_net(folder, **params):
    params = {"module": DenseNet, "max_epochs": 2, "random_state": 0, **params}
    if params["module"] is DenseNet:
        params = {"module__hidden_units": (8,), "module__n_members": 1, **params}
    return BinaryNetClassifier(memory=str(folder), **params)


def as_frame(X):
    kind = np.where(X[:, 0] > 0, "left", None)
    return pd.DataFrame(X).rename(columns=str).assign(kind=kind)


@pytest.mark.parametrize("as_kind", [np.asarray, as_frame, lambda X: X.astype(float)])
def test_a_search_over_cutoffs_scores_each_fold_once(rare, tmp_path, n_passes, as_kind):
    X, y = rare
    cutoffs = np.linspace(0.05, 0.95, 10)
    kept = GridSearchCV(make_net(tmp_path), {"threshold": cutoffs}, cv=3, scoring="f1")
    kept.fit(as_kind(X), y)
    # Once by the network that was trained, once by those that were loaded.
    assert len(n_passes) <= 2 * 3
    plain = make_net(tmp_path).set_params(memory=None)
    plain = GridSearchCV(plain, {"threshold": cutoffs}, cv=3, scoring="f1")
    plain.fit(as_kind(X), y)
    for name, values in plain.cv_results_.items():
        if "test" in name:
            np.testing.assert_array_equal(kept.cv_results_[name], values)


def test_other_weights_or_rows_in_the_same_objects_are_seen(rare, tmp_path, n_passes):
    X, y = rare
    net = make_net(tmp_path).fit(X, y)
    before = net.predict_proba(X)
    X[:, 0] *= -1
    assert not np.allclose(net.predict_proba(X), before)
    X[:, 0] *= -1
    np.testing.assert_array_equal(net.predict_proba(X), before)
    assert len(n_passes) == 2
    for weights in net.module_.parameters():
        weights.data.mul_(0.5)
    assert not np.allclose(net.predict_proba(X), before)


def test_what_is_given_may_be_written_to(rare, tmp_path):
    X, y = rare
    net = make_net(tmp_path).fit(X, y)
    before = net.predict_proba(X).copy()
    for method in (net.predict_proba, net.decision_function, net.predict_log_proba):
        for _ in range(2):
            method(X)[:] = 7
    np.testing.assert_array_equal(net.predict_proba(X), before)


class Noisy(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.linear = nn.Linear(n_features, 1)

    def forward(self, X):
        return self.linear(X) + torch.randn(len(X), 1)


def test_a_network_of_a_users_own_may_answer_otherwise_each_time(rare, tmp_path):
    X, y = rare
    net = make_net(tmp_path, module=Noisy).fit(X, y)
    assert not np.allclose(net.predict_proba(X), net.predict_proba(X))


def test_hooks_are_called_each_time(rare, tmp_path):
    X, y = rare
    net = make_net(tmp_path).fit(X, y)
    n_calls = []
    net.module_.register_forward_hook(lambda *_: n_calls.append(1))
    net.predict(X)
    net.predict(X)
    assert len(n_calls) == 2


class ReadsAFile(Dataset):
    def __init__(self, path, n_rows):
        self.path, self.n_rows = path, n_rows

    def __len__(self):
        return self.n_rows

    def __getitem__(self, i):
        return np.load(self.path)[i], 0.0


def test_a_dataset_of_a_users_own_is_read_each_time(rare, tmp_path):
    X, y = rare
    path = tmp_path / "rows.npy"
    np.save(path, X)
    net = make_net(tmp_path).fit(X, y)
    rows = ReadsAFile(str(path), len(X))
    before = net.predict_proba(rows)
    np.save(path, -X)
    assert not np.allclose(net.predict_proba(rows), before)


def test_rows_one_by_one_are_not_kept(rare, tmp_path, n_passes):
    X, y = rare
    net = make_net(tmp_path).fit(X, y)
    net.predict(X[:1])
    net.predict(X[:1])
    assert len(n_passes) == 2
    assert not outputs._kept


def test_only_the_last_calls_are_kept(rare, tmp_path, n_passes):
    X, y = rare
    net = make_net(tmp_path).fit(X, y)
    for start in range(outputs._MOST_CALLS + 10):
        net.predict(X[start : start + 60])
    assert len(outputs._kept) == outputs._MOST_CALLS
    n_before = len(n_passes)
    net.predict(X[start : start + 60])
    assert len(n_passes) == n_before
    net.predict(X[:60])
    assert len(n_passes) == n_before + 1


def test_a_network_with_many_weights_for_few_rows_is_not_hashed(rare, tmp_path):
    X, y = rare
    net = make_net(tmp_path, module__hidden_units=(512,)).fit(X, y)
    outputs._kept.clear()
    net.predict(X[:60])
    assert not outputs._kept
    net.predict(np.tile(X, (20, 1)))
    assert len(outputs._kept) == 1


def test_what_admission_warns_of_is_told_each_time(rare, tmp_path):
    X, y = rare
    net = make_net(tmp_path).fit(as_frame(X)[["0", "1"]], y)
    for _ in range(2):
        with pytest.warns(UserWarning, match="valid feature names"):
            net.predict(X[:, :2])


def test_methods_of_one_instance_are_called_each_time(rare, tmp_path):
    X, y = rare
    net = make_net(tmp_path).fit(X, y)
    n_calls = []
    infer = net.infer

    def counted(X, **kwargs):
        n_calls.append(1)
        return infer(X, **kwargs)

    net.infer = counted
    net.predict(X)
    net.predict(X)
    assert len(n_calls) == 2
