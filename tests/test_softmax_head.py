"""fold_softmax_head: the same probabilities from one logit."""

import copy
import pickle
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from skbin import BinaryNetClassifier, fold_softmax_head


class Network(nn.Module):
    """A user's own network; `end` is what its forward does with the two logits."""

    def __init__(self, end=lambda logits, self: logits):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Dropout(0.5))
        self.output = nn.Linear(4, 2)
        self.softmax = nn.Softmax(dim=1)
        self.end = end

    def forward(self, X):
        return self.end(self.output(self.hidden(X)), self)


def two_logits_of(network, X):
    return network.output(network.hidden(X))


ENDS = {
    "two logits": lambda logits, self: logits,
    "a softmax module": lambda logits, self: self.softmax(logits),
    "F.softmax": lambda logits, self: F.softmax(logits, dim=1),
    "F.log_softmax": lambda logits, self: F.log_softmax(logits, dim=-1),
    "torch.softmax by name": lambda logits, self: torch.softmax(input=logits, dim=1),
    "a method": lambda logits, self: logits.log_softmax(1),
    "log-softmax twice": lambda logits, self: logits.log_softmax(1).log_softmax(1),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("end", ENDS)
def test_probabilities_stay_to_float_precision(end, training):
    network = Network(ENDS[end]).eval()
    X = torch.randn(50, 8)
    expected = F.softmax(two_logits_of(network, X), dim=1)[:, 1]
    folded = fold_softmax_head(network.train(training))
    assert folded.training == training
    output = folded.eval()(X)
    assert output.shape == (50, 1)
    torch.testing.assert_close(output.sigmoid()[:, 0], expected)


@given(
    weight=st.lists(
        st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=2, max_size=2
    ),
    has_bias=st.booleans(),
)
def test_a_linear_layer_becomes_the_difference_of_its_rows(weight, has_bias):
    linear = nn.Linear(3, 2, bias=has_bias, dtype=torch.float64)
    linear.weight.data = torch.tensor(weight, dtype=torch.float64)
    folded = fold_softmax_head(linear)
    assert (folded.bias is None) == (not has_bias)
    X = torch.randn(4, 3, dtype=torch.float64)
    expected = F.softmax(linear(X), dim=1)[:, 1]
    torch.testing.assert_close(folded(X).sigmoid()[:, 0], expected)


@pytest.mark.parametrize("end", [None, nn.Softmax(1), nn.LogSoftmax(-1), nn.Identity()])
def test_the_head_is_found_in_nested_containers(end):
    layers = [nn.Linear(8, 4), nn.Tanh(), nn.Sequential(nn.Sequential(nn.Linear(4, 2)))]
    network = nn.Sequential(*layers, *([] if end is None else [end]))
    folded = fold_softmax_head(network)
    X = torch.randn(6, 8)
    expected = F.softmax(nn.Sequential(*layers)(X), dim=1)[:, 1]
    torch.testing.assert_close(folded(X).sigmoid()[:, 0], expected)


def test_what_comes_before_the_head_may_branch_on_its_data():
    class Branches(nn.Module):
        def forward(self, X):
            return X if X.sum() > 0 else -X

    folded = fold_softmax_head(nn.Sequential(Branches(), nn.Linear(8, 2)))
    assert folded(torch.randn(3, 8)).shape == (3, 1)


@pytest.mark.parametrize("end", ["a softmax module", "F.log_softmax"])
def test_the_original_is_not_changed(end):
    network = Network(ENDS[end]).eval()
    before = copy.deepcopy(network.state_dict())
    folded = fold_softmax_head(network)
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.zero_()
    assert network(torch.zeros(3, 8)).shape == (3, 2)
    assert isinstance(network.softmax, nn.Softmax)
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


def test_what_is_frozen_stays_frozen_and_the_class_is_kept():
    network = Network()
    network.output.weight.requires_grad_(False)
    folded = fold_softmax_head(network)
    assert type(folded) is Network
    assert not folded.output.weight.requires_grad
    assert folded.output.bias.requires_grad


REFUSED = {
    "three outputs": (nn.Linear(4, 3), "its last layer has 3 outputs"),
    "an activation": (nn.Sequential(nn.Linear(4, 2), nn.ReLU()), "it ends in ReLU()"),
    "no linear layer": (nn.Conv1d(4, 2, 1), "it ends in Conv1d"),
    "softmax over the rows": (
        nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=0)),
        "its softmax runs along dim=0",
    ),
    "two softmaxes": (
        nn.Sequential(nn.Linear(4, 2), nn.Softmax(1), nn.LogSoftmax(1)),
        "it applies a softmax twice",
    ),
    "two results": (Network(lambda z, self: (z, z)), "not one tensor"),
    "a sum": (Network(lambda z, self: z + 1), "it ends in <built-in function add>"),
    "a layer used twice": (
        Network(lambda z, self: self.output(torch.cat([z, z], dim=1))),
        "it uses 'output' more than once",
    ),
    "a computed weight": (
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)),
        "a ParametrizedLinear, whose weight is computed",
    ),
    "a branch in its own forward": (
        Network(lambda z, self: z if z.sum() > 0 else -z),
        "cannot tell how this module ends",
    ),
    "a function that depends on the mode": (
        Network(lambda z, self: F.log_softmax(F.dropout(z, 0.5, self.training), 1)),
        "it ends in <function dropout",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_ends_are_refused_with_the_reason(name):
    network, message = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        fold_softmax_head(network)


def test_a_softmax_function_in_code_that_depends_on_the_mode_is_refused():
    class MnistExample(nn.Module):
        def __init__(self):
            super().__init__()
            self.output = nn.Linear(4, 2)

        def forward(self, X):
            X = F.dropout(X, training=self.training)
            return F.log_softmax(self.output(X), dim=1)

    with pytest.raises(ValueError, match=r"its forward depends on self\.training"):
        fold_softmax_head(MnistExample())


def test_shared_parts_are_refused():
    shared = nn.Linear(4, 2)
    inner = nn.Sequential(nn.Linear(2, 4), shared)
    with pytest.raises(ValueError, match=r"more than once|shares"):
        fold_softmax_head(nn.Sequential(shared, inner))
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[0].weight = tied[1].weight
    with pytest.raises(ValueError, match="it shares '1' with another"):
        fold_softmax_head(tied)


def test_only_modules_are_taken(rare):
    net = BinaryNetClassifier(max_epochs=1).fit(*rare)
    with pytest.raises(TypeError, match=re.escape("pass net.module_")):
        fold_softmax_head(net)


def test_a_folded_network_goes_on_training_as_the_module_of_the_estimator(rare):
    X, y = rare
    torch.manual_seed(0)
    two = BinaryNetClassifier(
        nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), max_epochs=5
    ).fit(X, y)
    folded = fold_softmax_head(two.module_)
    one = BinaryNetClassifier(folded, max_epochs=1, lr=1e-12, random_state=0).fit(X, y)
    torch.testing.assert_close(
        torch.tensor(one.predict_proba(X)),
        torch.tensor(two.predict_proba(X)),
        rtol=0,
        atol=1e-5,
    )
    pickle.loads(pickle.dumps(one)).predict(X)
