"""What a module's output means."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from skbin import BinaryNetClassifier
from skbin.training.output import positive_logit, single_output, takes_token_ids


@given(st.lists(st.tuples(*[st.floats(-30, 30)] * 2), min_size=1, max_size=9))
def test_two_logits_become_the_logit_of_their_softmax(rows):
    two = torch.tensor(rows, dtype=torch.float64)
    expected = F.softmax(two, dim=1)[:, 1]
    torch.testing.assert_close(torch.sigmoid(positive_logit(two)), expected)
    log_softmax = F.log_softmax(two, dim=1)
    torch.testing.assert_close(torch.sigmoid(positive_logit(log_softmax)), expected)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_one_logit_is_flattened(shape):
    assert positive_logit(torch.ones(shape)).shape == (4,)
    assert single_output(torch.ones(shape)).shape == (4,)


@pytest.mark.parametrize("shape", [(4, 3), (4, 1, 1), (4, 2, 5), ()])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(f"got {shape} instead")):
        positive_logit(torch.ones(shape))


def test_two_probabilities_are_refused_where_one_is_expected():
    with pytest.raises(ValueError, match=re.escape("got (4, 2) instead")):
        single_output(torch.ones(4, 2))


class Ends(nn.Module):
    def __init__(self, n_outputs, end):
        super().__init__()
        self.linear = nn.Linear(8, n_outputs)
        self.end = end

    def forward(self, X):
        return self.end(self.linear(X))


SQUASHED = {
    "Sigmoid module": (1, nn.Sigmoid(), "Sigmoid"),
    "sigmoid function": (1, torch.sigmoid, "Sigmoid"),
    "sigmoid, then squeezed": (1, lambda z: z.sigmoid().squeeze(1), "Sigmoid"),
    "sigmoid, then indexed": (1, lambda z: z.sigmoid()[:, 0], "Sigmoid"),
    "Softmax module": (2, nn.Softmax(dim=1), "Softmax"),
    "one column of a softmax": (2, lambda z: z.softmax(1)[:, 1], "Softmax"),
    "log-sigmoid": (1, nn.LogSigmoid(), "LogSigmoid"),
    "log-softmax over one": (1, nn.LogSoftmax(dim=1), "LogSoftmax"),
}


@pytest.mark.parametrize("name", SQUASHED)
def test_a_squashed_output_is_refused_with_the_reason(rare, name):
    n_outputs, end, layer = SQUASHED[name]
    net = BinaryNetClassifier(Ends(n_outputs, end), max_epochs=1)
    with pytest.raises(ValueError, match=f"The module ends in {layer}") as error:
        net.fit(*rare)
    assert "squashed twice" in str(error.value)
    keeps_it = "or keep it and pass criterion=torch.nn.BCELoss" in str(error.value)
    assert keeps_it == ("ends in Sigmoid" in str(error.value))


ACCEPTED = {
    "one logit": (1, nn.Identity()),
    "two logits": (2, nn.Identity()),
    "log-softmax of two": (2, nn.LogSoftmax(dim=1)),
    "a gate inside": (1, lambda z: torch.sigmoid(z) * z),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_logits_are_accepted(rare, name):
    n_outputs, end = ACCEPTED[name]
    net = BinaryNetClassifier(Ends(n_outputs, end), max_epochs=1)
    assert net.fit(*rare).predict_proba(rare[0]).shape == (300, 2)


def test_a_sigmoid_works_with_bce_loss(rare):
    X, y = rare
    net = BinaryNetClassifier(
        Ends(1, nn.Sigmoid()), criterion=nn.BCELoss, max_epochs=30, lr=0.05
    ).fit(X, y)
    assert net.score(X, y) > 0.9
    shifted = net.decision_function(X) - net.set_params(prior=0.5).decision_function(X)
    assert shifted.std() < 1e-6
    assert shifted.mean() < 0


def test_bce_loss_has_no_pos_weight(rare):
    net = BinaryNetClassifier(
        Ends(1, nn.Sigmoid()), criterion=nn.BCELoss, pos_weight=2.0
    )
    with pytest.raises(ValueError, match="BCELoss takes no pos_weight"):
        net.fit(*rare)


def test_a_module_with_a_table_of_embeddings_takes_ids():
    assert takes_token_ids(nn.Sequential(nn.Embedding(9, 2), nn.Flatten()))
    assert not takes_token_ids(nn.Linear(9, 2))
