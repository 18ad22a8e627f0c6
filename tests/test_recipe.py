"""How a network is trained where the user says nothing: base rate, learning rate."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.special import logit
from sklearn.metrics import average_precision_score
from skorch.callbacks import Callback, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import Subset

from skbin import (
    BalancedBatches,
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    TableConvNet,
    TextConvNet,
)
from skbin.data.rows import TensorRows, some_rows


class RecordRates(Callback):
    def initialize(self):
        self.rates = []
        return self

    def on_batch_begin(self, net, training=None, **kwargs):
        if len(self.rates) < len(net.history):
            self.rates.append([group["lr"] for group in net.optimizer_.param_groups])


def make_net(*args, **params):
    settings = {
        "max_epochs": 4,
        "random_state": 0,
        "callbacks": [("record", RecordRates())],
        **params,
    }
    return BinaryNetClassifier(*args, **settings)


def rates_of(net):
    return np.array(dict(net.callbacks_)["record"].rates)[:, 0]


def test_learning_rate_falls_along_half_a_cosine(rare):
    net = make_net(lr=0.01).fit(*rare)
    halves = (1 + np.cos(np.pi * np.array([0, 1, 2, 3]) / 4)) / 2
    assert_allclose(rates_of(net), 0.01 * halves)


def test_each_group_of_parameters_falls_from_its_own_rate(rare):
    net = make_net(DenseNet, optimizer__param_groups=[("layers.0*", {"lr": 0.1})])
    rates = np.array(dict(net.fit(*rare).callbacks_)["record"].rates)
    assert_allclose(rates[0], [0.1, 0.001])
    assert_allclose(rates[2], [0.05, 0.0005])


def test_the_optimizer_has_its_rate_back_after_training(rare):
    net = make_net(lr=0.01).fit(*rare)
    assert net.optimizer_.param_groups[0]["lr"] == 0.01
    first = rates_of(net)
    net.partial_fit(*rare)
    assert_allclose(rates_of(net)[4:], first)


def test_a_scheduler_of_the_user_takes_the_place(rare):
    scheduler = ("mine", LRScheduler("StepLR", step_size=2, gamma=0.5))
    net = make_net(lr=0.01, callbacks=[("record", RecordRates()), scheduler])
    assert_allclose(rates_of(net.fit(*rare)), [0.01, 0.01, 0.005, 0.005])


def test_the_rate_is_constant_on_request(rare):
    net = make_net(lr=0.01, callbacks__cosine_decay=None).fit(*rare)
    assert_allclose(rates_of(net), 0.01)


class RecordFirstBias(Callback):
    """Remember the bias of the output, the last parameter, before the first step."""

    def initialize(self):
        self.bias = None
        return self

    def on_batch_begin(self, net, **kwargs):
        if self.bias is None:
            *_, bias = net.module_.parameters()
            self.bias = bias.detach().numpy().copy()


def first_bias(net):
    return dict(net.callbacks_)["record"].bias


def make_recording_net(*args, **params):
    return make_net(*args, callbacks=[("record", RecordFirstBias())], **params)


@pytest.mark.parametrize("pos_weight", [None, "balanced", 3.0])
@pytest.mark.parametrize("module", [ConvNet, TableConvNet, DenseNet, TextConvNet])
def test_a_new_network_begins_at_the_weighted_base_rate(rare, module, pos_weight):
    X, y = rare
    X = (X > 0).astype(int) + 1 if module is TextConvNet else X
    net = make_recording_net(module, pos_weight=pos_weight, max_epochs=1).fit(X, y)
    expected = logit(y.mean()) + np.log(net.pos_weight_)
    assert_allclose(first_bias(net), expected, atol=1e-6)


def test_with_balanced_batches_it_begins_at_the_share_that_they_draw(rare):
    net = make_recording_net(iterator_train=BalancedBatches, max_epochs=1).fit(*rare)
    assert_allclose(first_bias(net), 0, atol=1e-6)


@pytest.mark.parametrize("network", [nn.Linear(8, 1), DenseNet(8)])
def test_a_network_of_the_user_begins_as_it_was_made(rare, network):
    net = make_recording_net(network, max_epochs=1).fit(*rare)
    *_, bias = network.parameters()
    assert_array_equal(first_bias(net), bias.detach())


def test_partial_fit_does_not_set_the_bias_again(rare):
    net = make_net(DenseNet).fit(*rare)
    *_, bias = net.module_.parameters()
    trained = bias.detach().clone()
    net.set_params(callbacks=[("record", RecordFirstBias())], max_epochs=1)
    net.initialize_callbacks().partial_fit(*rare)
    assert_array_equal(first_bias(net), trained)


# ---- the scale of the inputs


@pytest.mark.parametrize("module", [TableConvNet, DenseNet])
def test_the_unit_of_a_column_does_not_matter(rare, module):
    X, y = rare
    units = 2.0 ** np.arange(-20, 20, 5)  # exact in floating point
    # Else rows are shuffled by what they hold.
    settings = {"iterator_train__shuffle": False}
    plain = make_net(module, **settings).fit(X, y).predict_proba(X)
    scaled = make_net(module, **settings).fit(units * X, y).predict_proba(units * X)
    assert_allclose(scaled, plain, rtol=1e-4)


@pytest.mark.parametrize("module", [TableConvNet, DenseNet])
def test_raw_columns_are_learnt_without_a_scaler(rare, module):
    X, y = rare
    X = 1e4 + 100 * X
    net = make_net(module, max_epochs=100).fit(X[:200], y[:200])
    assert average_precision_score(y[200:], net.predict_proba(X[200:])[:, 1]) > 0.8


def test_one_value_far_out_does_not_rule_the_others(rare):
    X, y = rare
    X = X.copy()
    X[0, 0] = 1e9
    net = make_net(DenseNet, max_epochs=100).fit(X, y)
    assert average_precision_score(y, net.predict_proba(X)[:, 1]) > 0.9


def test_each_column_is_embedded_but_wide_tables_are_not():
    assert DenseNet(256).layers[0].in_features == 256 * 8
    assert DenseNet(257).layers[0].in_features == 257
    assert DenseNet(30, n_bins=0).layers[0].in_features == 30
    assert DenseNet(30, n_bins=4, embedding_dim=3).layers[0].in_features == 90


def test_the_scale_is_learnt_from_training_rows_alone(rare):
    X, y = rare
    split = ValidSplit(3, stratified=True)
    net = make_net(module__n_bins=0, train_split=split).fit(X, y)
    n_train = sum(net.history[0, "batches", :, "train_batch_size"])
    assert n_train == 200
    assert not np.allclose(net.module_.input_scale.center, np.median(X, axis=0))


def test_a_scale_that_is_known_stays(rare):
    X, y = rare
    net = make_net(DenseNet).fit(X, y)
    center = net.module_.input_scale.scale.center.clone()
    net.partial_fit(X + 5, y)
    assert torch.equal(net.module_.input_scale.scale.center, center)
    fine_tuned = make_net(net.module_).fit(X + 5, y)
    assert torch.equal(fine_tuned.module_.input_scale.scale.center, center)


def test_a_large_table_is_shown_in_part():
    rows = TensorRows(np.zeros((1000, 50_000), dtype=np.float32), np.zeros(1000))
    assert len(some_rows(rows)) == 200
    assert len(some_rows(Subset(rows, [1, 2, 3]))) == 3


def test_sparse_columns_are_scaled_as_dense_ones(rare):
    X, y = rare
    X = np.where(X > 1, 1000 * X, 0)
    dense = make_net(DenseNet).fit(X, y).predict_proba(X)
    sparse = make_net(DenseNet).fit(csr_matrix(X), y).predict_proba(csr_matrix(X))
    np.testing.assert_array_equal(dense, sparse)
