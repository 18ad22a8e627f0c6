"""Habits of skorch's users that its own tests leave out, because there they differ."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from skorch.callbacks import Callback
from torch import nn

from skbin import BinaryNetClassifier


@pytest.fixture(scope="module")
def data():
    return make_classification(200, 5, weights=[0.8], random_state=0)


class SetOnce(Callback):
    """Set parameters of the net after its first epoch."""

    def __init__(self, **params):
        self.params = params

    def on_epoch_end(self, net, **_):
        if len(net.history) == 1:
            net.set_params(**self.params)

    def _get_param_names(self):
        return []


def initialized(data, params):
    return BinaryNetClassifier(nn.Linear(5, 1)).initialize().set_params(**params)


def fitted(data, params):
    return BinaryNetClassifier(max_epochs=1).fit(*data).set_params(**params)


def in_training(data, params):
    net = BinaryNetClassifier(max_epochs=3, callbacks=[SetOnce(**params)])
    return net.fit(*data).set_params(callbacks=None)


@pytest.mark.parametrize("set_params", [initialized, fitted, in_training])
def test_what_is_set_at_any_time_counts_in_the_next_fit(data, set_params):
    params = {
        "optimizer__weight_decay": 0.5,
        "callbacks__print_log__floatfmt": ".1f",
        "lr": 0.25,
    }
    net = set_params(data, params)
    assert net.get_params().items() >= params.items()
    assert vars(net).keys().isdisjoint(params.keys() - {"lr"})
    net.set_params(max_epochs=1, callbacks__cosine_decay=None).fit(*data)
    (group,) = net.optimizer_.param_groups
    assert (group["weight_decay"], group["lr"]) == (0.5, 0.25)
    assert dict(net.callbacks_)["print_log"].floatfmt == ".1f"


def test_parameters_of_callbacks_set_in_a_training_leave_its_schedule_as_it_is(data):
    rates = []

    class Listen(SetOnce):
        def on_epoch_begin(self, net, **_):
            rates.append(net.optimizer_.param_groups[0]["lr"])

        def on_batch_begin(self, net, **_):
            rates[-1] = net.optimizer_.param_groups[0]["lr"]

    setting = Listen(callbacks__print_log__floatfmt=".1f")
    BinaryNetClassifier(lr=1.0, max_epochs=4, callbacks=[setting]).fit(*data)
    np.testing.assert_allclose(rates, (1 + np.cos(np.pi * np.arange(4) / 4)) / 2)


def test_set_params_gives_an_initialized_net_other_parts_and_a_fitted_one_no_others(
    data,
):
    net = BinaryNetClassifier(nn.Linear, module__in_features=5, module__out_features=1)
    weights = net.initialize().module_.weight
    net.set_params(module__out_features=2)
    assert net.module_.weight is not weights
    assert net.module_.out_features == 2

    weights = net.set_params(max_epochs=1).fit(*data).module_.weight
    net.set_params(module__out_features=1)
    assert net.module_.weight is weights
    assert net.fit(*data).module_.out_features == 1


@pytest.mark.parametrize(
    ("module", "criterion"),
    [
        (nn.Linear(5, 1), nn.BCEWithLogitsLoss),
        (nn.Sequential(nn.Linear(5, 1), nn.Sigmoid()), nn.BCELoss),
    ],
)
def test_a_trimmed_net_gives_the_same_probabilities(data, module, criterion):
    net = BinaryNetClassifier(module, criterion=criterion, max_epochs=1).fit(*data)
    expected = net.predict_proba(data[0])
    net.trim_for_prediction()
    np.testing.assert_array_equal(net.predict_proba(data[0]), expected)


@pytest.mark.parametrize("weight", ["by rows", {"a": 1.0}, 3])
def test_a_loss_may_call_anything_its_weight(data, weight):
    class Loss(nn.BCEWithLogitsLoss):
        def __init__(self):
            super().__init__()
            del self.weight
            self.weight = weight

        def forward(self, output, target):
            return torch.nn.functional.binary_cross_entropy_with_logits(output, target)

    net = BinaryNetClassifier(criterion=Loss, max_epochs=1).fit(*data)
    assert net.criterion_.weight == weight
