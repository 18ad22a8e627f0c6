"""How a network is trained where the user says nothing: base rate, learning rate."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logit
from skorch.callbacks import Callback, LRScheduler
from torch import nn

from skbin import BinaryNetClassifier, ConvNet, DenseNet, TextConvNet


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


@pytest.mark.parametrize("pos_weight", [None, "balanced", 3.0])
@pytest.mark.parametrize("module", [ConvNet, DenseNet, TextConvNet])
def test_a_new_network_begins_at_the_weighted_base_rate(rare, module, pos_weight):
    X, y = rare
    X = (X > 0).astype(int) + 1 if module is TextConvNet else X
    net = make_net(module, pos_weight=pos_weight, max_epochs=0).fit(X, y)
    *_, bias = net.module_.parameters()
    expected = logit(y.mean()) + np.log(net.pos_weight_)
    assert bias.item() == pytest.approx(expected, abs=1e-6)


def test_a_network_of_the_user_begins_as_it_was_made(rare):
    network = nn.Linear(rare[0].shape[1], 1)
    net = make_net(network, max_epochs=0).fit(*rare)
    assert net.module_.bias.item() == network.bias.item()


def test_partial_fit_does_not_set_the_bias_again(rare):
    net = make_net(DenseNet).fit(*rare)
    *_, bias = net.module_.parameters()
    trained = bias.item()
    net.set_params(max_epochs=0).partial_fit(*rare)
    assert bias.item() == trained
