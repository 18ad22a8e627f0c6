"""The question: which output layer, which loss, and where do the weights go?

Each claim of docs/user_guide/output_layer.rst is proved here.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

logits = st.lists(
    st.tuples(st.floats(-30, 30), st.floats(-30, 30), st.integers(0, 1)),
    min_size=1,
    max_size=20,
)
weights = st.tuples(st.floats(0.1, 20), st.floats(0.1, 20))


def unpacked(rows):
    z0, z1, y = (
        torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)
    )
    return torch.stack([z0, z1], dim=1), y


@given(rows=logits, w=weights)
def test_two_weighted_logits_are_one_logit_with_pos_weight(rows, w):
    """(a) and (e): up to the total by which the two losses divide."""
    two, y = unpacked(rows)
    class_weight = torch.tensor(w, dtype=torch.float64)
    of_two = F.cross_entropy(two, y.long(), weight=class_weight)
    of_one = F.binary_cross_entropy_with_logits(
        two[:, 1] - two[:, 0], y, pos_weight=class_weight[1] / class_weight[0]
    )
    total = class_weight[y.long()].sum()  # cross_entropy divides by it, the other by n
    torch.testing.assert_close(of_two * total / (w[0] * len(y)), of_one)


@given(rows=logits, w=weights)
def test_their_gradients_are_the_same_too(rows, w):
    two, y = unpacked(rows)
    class_weight = torch.tensor(w, dtype=torch.float64)
    two.requires_grad_()
    F.cross_entropy(two, y.long(), weight=class_weight, reduction="sum").backward()
    z = (two[:, 1] - two[:, 0]).detach().requires_grad_()
    F.binary_cross_entropy_with_logits(
        z, y, pos_weight=class_weight[1] / class_weight[0], reduction="sum"
    ).backward()
    torch.testing.assert_close(two.grad[:, 1], w[0] * z.grad)
    torch.testing.assert_close(two.grad[:, 0], -w[0] * z.grad)


@given(rows=logits)
def test_the_softmax_of_two_is_the_sigmoid_of_their_difference(rows):
    two, _ = unpacked(rows)
    torch.testing.assert_close(
        F.softmax(two, dim=1)[:, 1], torch.sigmoid(two[:, 1] - two[:, 0])
    )


@given(rows=logits)
def test_log_softmax_twice_is_once(rows):
    """(c): so CrossEntropyLoss on log-softmax scores is NLLLoss on them."""
    two, y = unpacked(rows)
    scores = F.log_softmax(two, dim=1)
    torch.testing.assert_close(F.log_softmax(scores, dim=1), scores)
    torch.testing.assert_close(
        F.cross_entropy(scores, y.long()), F.nll_loss(scores, y.long())
    )
    torch.testing.assert_close(
        F.cross_entropy(two, y.long()), F.nll_loss(scores, y.long())
    )


@given(z=st.floats(-50, 50))
def test_a_softmax_fed_to_cross_entropy_can_neither_be_sure_nor_learn_from_errors(z):
    """(b): squashed twice, the probability stays within [0.27, 0.73]."""
    two = torch.tensor([[0.0, z]], dtype=torch.float64, requires_grad=True)
    once = F.softmax(two, dim=1)
    twice = F.softmax(once, dim=1)[0, 1].item()
    sure = 1 / (1 + math.exp(-1))
    assert 1 - sure - 1e-12 <= twice <= sure + 1e-12
    loss = F.cross_entropy(once, torch.tensor([0]))
    assert math.log(1 + math.exp(-1)) - 1e-12 <= loss.item()
    assert loss.item() <= math.log(1 + math.e) + 1e-12
    loss.backward()
    p = once[0, 1].item()
    # Once squashed it would be p: the factor p * (1 - p) is gone for sure errors.
    assert two.grad[0, 1].item() == pytest.approx(2 * p * (1 - p) * twice, abs=1e-12)


def test_the_double_softmax_flattens_the_gradient_where_the_error_is_largest():
    """A negative with logit 10: the gradient is 1, and 0.00007 squashed twice."""
    two = torch.tensor([[0.0, 10.0]], requires_grad=True)
    F.cross_entropy(F.softmax(two, dim=1), torch.tensor([0])).backward()
    flat = two.grad[0, 1].item()
    two.grad = None
    F.cross_entropy(two, torch.tensor([0])).backward()
    assert two.grad[0, 1].item() == pytest.approx(1.0, abs=1e-4)
    assert flat == pytest.approx(6.6e-5, rel=0.02)


@given(z=st.floats(-10, 10), y=st.integers(0, 1))
def test_sigmoid_and_bce_are_the_same_loss_while_the_sigmoid_is_exact(z, y):
    """(d), in double precision."""
    z, y = (torch.tensor([float(value)], dtype=torch.float64) for value in (z, y))
    torch.testing.assert_close(
        F.binary_cross_entropy(torch.sigmoid(z), y),
        F.binary_cross_entropy_with_logits(z, y),
    )


def first_logit_where(fails):
    grid = np.arange(10, 120, 0.01, dtype=np.float32)
    return next(float(z) for z in grid if fails(torch.tensor(z)))


def test_in_float32_the_sigmoid_is_1_from_logit_17_and_the_gradient_is_gone():
    """(d): beyond 24 * log(2) = 16.6 a wrong "surely positive" is never mended."""
    is_one = first_logit_where(lambda z: torch.sigmoid(z) == 1)
    assert is_one == pytest.approx(24 * math.log(2), abs=0.75)
    z = torch.tensor([is_one + 1], requires_grad=True)
    y = torch.zeros(1)
    loss = F.binary_cross_entropy(torch.sigmoid(z), y)
    loss.backward()
    assert loss.item() == 100  # torch's own limit, and no longer the loss
    assert z.grad.item() == 0
    z.grad = None
    loss = F.binary_cross_entropy_with_logits(z, y)
    loss.backward()
    assert loss.item() == pytest.approx(is_one + 1, rel=1e-6)
    assert z.grad.item() == pytest.approx(1)


def test_in_float32_the_other_side_lasts_until_the_sigmoid_is_0():
    """A sure "negative" keeps its digits until logit -88, and is 0 from -104."""
    is_zero = first_logit_where(lambda z: torch.sigmoid(-z) == 0)
    assert 88 < is_zero < 105


@given(rows=logits, w=weights)
def test_a_pair_of_weights_is_their_ratio_and_a_learning_rate(rows, w):
    """(f): the ratio says which class counts; the rest scales every gradient."""
    two, y = unpacked(rows)
    z = (two[:, 1] - two[:, 0]).requires_grad_()
    pair = torch.where(y == 1, w[1], w[0])
    F.binary_cross_entropy_with_logits(z, y, weight=pair).backward()
    of_pair = z.grad.clone()
    z.grad = None
    ratio = torch.tensor(w[1] / w[0], dtype=torch.float64)
    F.binary_cross_entropy_with_logits(z, y, pos_weight=ratio).backward()
    torch.testing.assert_close(of_pair, w[0] * z.grad)


def test_adam_does_not_see_the_rest_of_a_pair():
    """(f): it divides by the size of the gradients."""
    X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    y = (X[:, 0] > 1).float()
    trained = []
    for w0, w1 in [(1.0, 9.0), (100.0, 900.0)]:
        linear = nn.Linear(3, 1)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        optimizer = torch.optim.Adam(linear.parameters(), eps=0)
        for _ in range(20):
            optimizer.zero_grad()
            pair = torch.where(y == 1, w1, w0)
            loss = F.binary_cross_entropy_with_logits(linear(X)[:, 0], y, weight=pair)
            loss.backward()
            optimizer.step()
        trained.append(linear.weight.detach().clone())
    torch.testing.assert_close(trained[0], trained[1])


@given(cutoff=st.floats(0.001, 0.999), z=st.floats(-10, 10))
def test_a_cutoff_on_probabilities_is_its_logit_on_logits(cutoff, z):
    """0.9 as a probability is log(0.9 / 0.1) = 2.197 as a logit."""
    as_logit = math.log(cutoff / (1 - cutoff))
    if abs(z - as_logit) > 1e-9:
        assert (1 / (1 + math.exp(-z)) >= cutoff) == (z >= as_logit)
