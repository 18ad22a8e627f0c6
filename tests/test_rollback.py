"""A call that fails leaves the estimator as it was before, whatever the error."""

import copy
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn

from skbin import BinaryNetClassifier, DenseNet


def quick(*args, **kwargs):
    return BinaryNetClassifier(*args, **{"max_epochs": 2, "random_state": 0, **kwargs})


class Raises(Callback):
    """Raises an error, in the fifth epoch or wherever it is asked to."""

    def __init__(self, error=RuntimeError, method="on_epoch_end", armed=True):
        self.error, self.method, self.armed = error, method, armed

    def _raise(self, method):
        if self.armed and method == self.method:
            raise self.error("the power is off")

    def on_train_begin(self, net, **kwargs):
        self._raise("on_train_begin")

    def on_batch_end(self, net, **kwargs):
        self._raise("on_batch_end")

    def on_epoch_end(self, net, **kwargs):
        self._raise("on_epoch_end")

    def on_train_end(self, net, **kwargs):
        self._raise("on_train_end")


def attributes_of(net):
    # skorch copies two lists of its class when scikit-learn deletes an attribute.
    copied = {"prefixes_", "cuda_dependent_attributes_"}
    return {name: value for name, value in vars(net).items() if name not in copied}


def assert_same_objects(attributes, before):
    assert attributes.keys() == before.keys()
    assert [k for k in before if attributes[k] is not before[k]] == []


def state_of(net, X):
    return {
        "proba": net.predict_proba(X),
        "classes": net.classes_.tolist(),
        "history": len(net.history),
        "pos_weight": net.pos_weight_,
        "prior": net.train_prior_,
        "optimizer": copy.deepcopy(net.optimizer_.state_dict()),
    }


def assert_unchanged(net, X, before):
    after = state_of(net, X)
    assert_array_equal(after.pop("proba"), before["proba"])
    of_optimizer = after.pop("optimizer")
    for place, state in before["optimizer"]["state"].items():
        for name, value in state.items():
            assert torch.equal(of_optimizer["state"][place][name], value)
    assert after == {name: before[name] for name in after}
    assert not net.module_.training


METHODS = ["on_train_begin", "on_batch_end", "on_epoch_end", "on_train_end"]
# skorch takes a KeyboardInterrupt inside its loop as a wish to end the training.
ERRORS = [RuntimeError, ValueError, SystemExit, GeneratorExit]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("call", ["fit", "partial_fit", "warm start"])
def test_a_call_that_fails_leaves_the_network_as_it_was(rare, method, error, call):
    X, y = rare
    raises = Raises(error, method, armed=False)
    net = quick(callbacks=[raises], pos_weight="balanced").fit(X, y)
    before, attributes = state_of(net, X), attributes_of(net)
    raises.armed = True
    net.warm_start = call == "warm start"
    labels = np.where(y == 1, "b", "a") if call == "fit" else y
    again = net.partial_fit if call == "partial_fit" else net.fit
    with pytest.raises(error, match="the power is off"):
        again(X[:100], labels[:100])
    net.warm_start = False
    assert_same_objects(attributes_of(net), attributes)
    assert_unchanged(net, X, before)


@pytest.mark.parametrize("method", ["on_train_begin", "on_train_end"])
def test_ctrl_c_outside_of_the_epochs_leaves_the_network_as_it_was(rare, method):
    X, y = rare
    raises = Raises(KeyboardInterrupt, method, armed=False)
    net = quick(callbacks=[raises]).fit(X, y)
    before, attributes = state_of(net, X), attributes_of(net)
    raises.armed = True
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, 1 - y)
    assert_same_objects(attributes_of(net), attributes)
    assert_unchanged(net, X, before)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", ERRORS)
def test_a_first_fit_that_fails_leaves_the_estimator_unfitted(rare, method, error):
    X, y = rare
    net = quick(callbacks=[Raises(error, method)])
    before = attributes_of(net)
    with pytest.raises(error):
        net.fit(X, y)
    assert_same_objects(attributes_of(net), before)
    with pytest.raises(NotFittedError):
        net.predict(X)
    assert not hasattr(net, "classes_")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory": 3.5}, "memory"),
        ({"threshold": 7}, "threshold must be a probability"),
        ({"device": "cuda:99"}, "was requested"),
        ({"pos_weight": [1, 9]}, "use pos_weight=9"),
        ({"module__hidden_units": (0,)}, "hidden_units"),
    ],
)
def test_a_refit_that_is_refused_keeps_weights_and_labels(rare, change, message):
    X, y = rare
    net = quick(DenseNet, memory=None, module__hidden_units=(16,)).fit(X, y)
    before = state_of(net, X)
    old = {name: net.get_params()[name] for name in change}
    net.set_params(**change)
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        net.fit(X[:, :5], np.where(y == 1, "b", "a"))
    assert_unchanged(net.set_params(**old), X, before)
    assert net.n_features_in_ == 8


def test_callbacks_are_as_they_were(rare):
    X, y = rare
    stop, raises = EarlyStopping(), Raises(armed=False)
    net = quick(
        callbacks=[stop, raises],
        train_split=ValidSplit(3, stratified=True),
        max_epochs=4,
    ).fit(X, y)
    before = dict(vars(stop))
    raises.armed = True
    with pytest.raises(RuntimeError):
        net.partial_fit(X, y)
    assert vars(stop) == before


def test_after_a_call_that_failed_training_goes_on_as_if_it_had_not_been(rare):
    X, y = rare
    raises = Raises(armed=False)
    net = quick(callbacks=[raises]).fit(X, y)
    raises.armed = True
    with pytest.raises(RuntimeError):
        net.partial_fit(X, y)
    raises.armed = False
    expected = quick().fit(X, y).partial_fit(X, y).predict_proba(X)
    assert_array_equal(net.partial_fit(X, y).predict_proba(X), expected)


def test_what_callbacks_hold_is_put_back_after_a_first_fit_too(rare):
    class Collects(Callback):
        def __init__(self):
            self.seen = []

        def on_epoch_end(self, net, **kwargs):
            self.seen.append(len(net.history))

    collects = Collects()
    net = quick(callbacks=[collects, ("raises", Raises())])
    with pytest.raises(RuntimeError):
        net.fit(*rare)
    assert collects.seen == []


def test_parameters_that_a_callback_set_are_put_back(rare):
    class Widens(Callback):
        def on_train_begin(self, net, **kwargs):
            net.set_params(module__hidden_units=(8,))

    raises = Raises(armed=False)
    net = quick(DenseNet, module__hidden_units=(16,), callbacks=[Widens(), raises])
    raises.armed = True
    with pytest.raises(RuntimeError):
        net.fit(*rare)
    assert net.get_params()["module__hidden_units"] == (16,)


class HoldsMore(nn.Module):
    """Computes with what its state_dict leaves out."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1)
        self.register_buffer("moving", torch.zeros(1), persistent=False)
        self.n_steps, self.seen = 0, []

    def forward(self, X):
        if self.training:
            self.n_steps += 1
            self.moving += 0.1
            self.seen.append(len(X))
        return self.linear(X) + self.moving + 0.01 * self.n_steps


def test_what_a_module_holds_beside_its_weights_is_put_back(rare):
    raises = Raises(armed=False, method="on_epoch_end")
    net = quick(HoldsMore, callbacks=[raises]).fit(*rare)
    before = net.predict_proba(rare[0])
    n_steps, seen = net.module_.n_steps, list(net.module_.seen)
    raises.armed = True
    with pytest.raises(RuntimeError):
        net.partial_fit(*rare)
    assert_array_equal(net.predict_proba(rare[0]), before)
    assert (net.module_.n_steps, net.module_.seen) == (n_steps, seen)


def test_weights_that_a_failed_call_has_frozen_are_trainable_again(rare):
    class Freezes(Raises):
        def on_epoch_end(self, net, **kwargs):
            if self.armed:
                net.module_.requires_grad_(False)
            super().on_epoch_end(net, **kwargs)

    freezes = Freezes(armed=False)
    net = quick(nn.Linear(8, 1), callbacks=[freezes]).fit(*rare)
    freezes.armed = True
    with pytest.raises(RuntimeError):
        net.partial_fit(*rare)
    assert all(weights.requires_grad for weights in net.module_.parameters())
