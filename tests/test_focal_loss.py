"""FocalLoss: its value, its gradients, and the way back to probabilities."""

import copy
import math
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from torch import nn

from skbin import BinaryNetClassifier, FocalLoss

gammas = st.floats(0, 10)
LOGITS = torch.linspace(-12, 12, 49, dtype=torch.float64)


def focal_loss_of_lin_et_al(z, y, gamma, pos_weight):
    """The formula of the paper, as it stands there, for one row."""
    p = 1 / (1 + math.exp(-z))
    p_t = p if y == 1 else 1 - p
    alpha_t = pos_weight if y == 1 else 1
    return -alpha_t * (1 - p_t) ** gamma * math.log(p_t)


@given(
    z=st.floats(-10, 10),
    y=st.sampled_from([0, 1]),
    gamma=gammas,
    pos_weight=st.floats(0.01, 100),
)
def test_each_row_has_the_loss_of_the_paper(z, y, gamma, pos_weight):
    criterion = FocalLoss(gamma, torch.tensor(pos_weight), reduction="none").double()
    criterion.pos_weight.fill_(pos_weight)  # exactly, and not its float32
    loss = criterion(torch.tensor([z], dtype=torch.float64), torch.tensor([y]).double())
    expected = focal_loss_of_lin_et_al(z, y, gamma, pos_weight)
    assert_allclose(loss.item(), expected, rtol=1e-8)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("pos_weight", [None, 3.0, torch.tensor([3.0])])
def test_gamma_0_is_the_cross_entropy_of_torch(pos_weight, reduction):
    y = (torch.arange(49) % 3 == 0).double()
    theirs = nn.BCEWithLogitsLoss(
        pos_weight=None if pos_weight is None else torch.tensor(3.0),
        reduction=reduction,
    )
    torch.testing.assert_close(
        FocalLoss(0, pos_weight, reduction)(LOGITS, y), theirs(LOGITS, y)
    )


def test_a_target_between_0_and_1_is_a_mixture_of_both_classes():
    criterion = FocalLoss(pos_weight=5.0, reduction="none")
    mixed = criterion(LOGITS, torch.full_like(LOGITS, 0.3))
    negative = criterion(LOGITS, torch.zeros_like(LOGITS))
    positive = criterion(LOGITS, torch.ones_like(LOGITS))
    torch.testing.assert_close(mixed, 0.7 * negative + 0.3 * positive)


def test_reduction_is_read_when_the_loss_is_computed():
    criterion = FocalLoss()
    y = (LOGITS > 3).double()
    mean = criterion(LOGITS, y)
    criterion.reduction = "none"
    losses = criterion(LOGITS, y)
    assert losses.shape == LOGITS.shape
    torch.testing.assert_close(losses.mean(), mean)
    criterion.reduction = "sum"
    torch.testing.assert_close(losses.sum(), criterion(LOGITS, y))
    criterion.reduction = "median"
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none'"):
        criterion(LOGITS, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("gamma", [0, 1e-3, 0.5, 1, 2, 5])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_losses_and_gradients_are_finite_at_extreme_logits(gamma, y, dtype):
    far = [20.0, 90.0, 800.0, 1e30]
    z = torch.tensor([*far, 0.0, *(-x for x in far)], dtype=dtype, requires_grad=True)
    loss = FocalLoss(gamma, pos_weight=100.0, reduction="none")(
        z, torch.full_like(z, y)
    )
    loss.sum().backward()
    assert loss.isfinite().all()
    assert (loss >= 0).all()
    assert z.grad.isfinite().all()


def test_gradients_are_those_of_the_loss():
    z = torch.linspace(-6, 6, 13, dtype=torch.float64, requires_grad=True)
    y = (torch.arange(13) % 2).double()
    for gamma in (0.0, 0.5, 2.0):
        criterion = FocalLoss(gamma, pos_weight=4.0)
        assert torch.autograd.gradcheck(lambda z: criterion(z, y), z)  # noqa: B023  called at once


def test_the_weight_of_positives_moves_is_copied_and_is_saved_with_the_loss():
    criterion = FocalLoss(gamma=1.0, pos_weight=9)
    assert criterion.double().pos_weight.dtype == torch.float64
    assert criterion.state_dict()["pos_weight"] == 9
    for again in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        assert again.pos_weight == 9
        assert again.gamma == 1


def test_a_tensor_that_is_given_is_copied():
    weight = torch.tensor(9.0)
    criterion = FocalLoss(pos_weight=weight)
    criterion.pos_weight.fill_(1.0)
    assert weight == 9


# ---- the way back to probabilities


@given(eta=st.floats(0.01, 0.99), gamma=gammas)
def test_the_inverse_link_finds_the_share_of_positives_that_was_fitted(eta, gamma):
    def expected_loss(q):
        positive = -((1 - q) ** gamma) * math.log(q)
        negative = -(q**gamma) * math.log(1 - q)
        return eta * positive + (1 - eta) * negative

    q = minimize_scalar(
        expected_loss,
        bounds=(1e-9, 1 - 1e-9),
        method="bounded",
        options={"xatol": 1e-9},
    ).x
    found = expit(FocalLoss(gamma).inverse_link(logit(q)))
    assert found == pytest.approx(eta, abs=1e-5 * (1 + gamma))


@given(
    gamma=gammas,
    pair=st.tuples(st.floats(-700, 700), st.floats(-700, 700)),
)
def test_the_inverse_link_keeps_the_order_of_logits(gamma, pair):
    low, high = sorted(pair)
    low_back, high_back = FocalLoss(gamma).inverse_link([low, high])
    rounding = 1e-13 * max(1, abs(low), abs(high))
    assert high_back - low_back >= (high - low) / 2 - rounding


@given(gamma=gammas, z=st.floats(-700, 700))
def test_the_inverse_link_is_odd_and_leads_away_from_0(gamma, z):
    there, mirrored = FocalLoss(gamma).inverse_link([z, -z])
    assert there == -mirrored
    assert abs(there) >= abs(z) - 1e-15


@given(z=st.floats(-700, 700))
def test_gamma_0_needs_no_way_back(z):
    assert FocalLoss(0).inverse_link(np.array([z])).tolist() == [z]
    assert FocalLoss(0).inverse_link(torch.tensor(z)) == torch.tensor(z)


@given(gamma=gammas, z=st.floats(-700, 700))
def test_the_inverse_link_is_stable(gamma, z):
    (found,) = FocalLoss(gamma).inverse_link([z])
    # Between the lines that it approaches at both ends.
    line = (1 + gamma) * abs(z)
    slack = 1e-12 * (1 + line)
    assert line - math.log1p(gamma) - slack <= abs(found) <= line + slack


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_and_arrays_have_the_same_inverse(dtype):
    z = np.array([-np.inf, -700, -90, -40, -1, 0, 1e-3, 2, 40, 90, 700, np.inf])
    criterion = FocalLoss(1.5)
    expected = criterion.inverse_link(z)
    assert expected.dtype == np.float64
    found = criterion.inverse_link(torch.tensor(z, dtype=dtype))
    assert found.dtype == dtype
    rounding = 4 * torch.finfo(dtype).eps
    assert_allclose(found.numpy(), expected, rtol=rounding, atol=rounding)


def test_each_logit_is_mapped_by_itself():
    z = np.random.default_rng(0).normal(size=(31, 3)) * 10
    criterion = FocalLoss(2.0)
    together = criterion.inverse_link(z)
    one_by_one = [[criterion.inverse_link(value).item() for value in row] for row in z]
    assert_array_equal(together, one_by_one)
    assert criterion.inverse_link(z[:0]).shape == (0, 3)


def test_the_weight_of_positives_stays_in_the_logit():
    eta, gamma, weight = 0.2, 2.0, 5.0
    criterion = FocalLoss(gamma, pos_weight=weight)
    targets = torch.tensor([0.0, 1.0]).double()
    shares = torch.tensor([1 - eta, eta]).double()
    criterion.reduction = "none"

    def expected_loss(z):
        z = torch.full((2,), z, dtype=torch.float64)
        return (shares * criterion(z, targets)).sum().item()

    z = minimize_scalar(expected_loss, bounds=(-20, 20), method="bounded").x
    back = criterion.inverse_link(z)
    assert back == pytest.approx(logit(eta) + math.log(weight), abs=1e-3)


# ---- what is refused


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"gamma": -1}, ValueError, "gamma must be 0 or more and finite, got -1"),
        ({"gamma": np.inf}, ValueError, "gamma must be 0 or more and finite"),
        ({"gamma": np.nan}, ValueError, "gamma must be 0 or more and finite"),
        ({"gamma": "2"}, TypeError, "gamma must be a number, got '2'"),
        ({"gamma": None}, TypeError, "gamma must be a number, got None"),
        ({"gamma": True}, TypeError, "gamma must be a number, got True"),
        ({"pos_weight": 0.0}, ValueError, "one positive, finite value, got 0.0"),
        ({"pos_weight": -1.0}, ValueError, "one positive, finite value"),
        ({"pos_weight": torch.tensor([np.nan])}, ValueError, "positive, finite"),
        ({"pos_weight": torch.ones(2)}, ValueError, "use w1 / w0"),
        ({"pos_weight": [1, 9]}, TypeError, "use w1 / w0"),
        ({"pos_weight": "balanced"}, TypeError, "a number or a tensor of one value"),
        ({"pos_weight": True}, TypeError, "a number or a tensor of one value"),
        (
            {"reduction": "max"},
            ValueError,
            "must be 'mean', 'sum' or 'none', got 'max'",
        ),
        ({"reduction": None}, ValueError, "must be 'mean', 'sum' or 'none', got None"),
    ],
)
def test_parameters_that_are_not_allowed_are_refused(params, error, message):
    with pytest.raises(error, match=re.escape(message)):
        FocalLoss(**params)


def test_shapes_that_would_be_broadcast_are_refused():
    with pytest.raises(ValueError, match=re.escape("got (4,) and (4, 1)")):
        FocalLoss()(torch.zeros(4), torch.zeros(4, 1))


def test_the_parameters_are_shown():
    assert repr(FocalLoss(1.5)) == "FocalLoss(gamma=1.5, reduction='mean')"


class OneLayer(torch.nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layer = torch.nn.Linear(n_features, 1)

    def forward(self, X):
        return self.layer(X).squeeze(1)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("pos_weight", [None, 4.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_net_finds_known_shares_of_positives(gamma, pos_weight, weighted):
    shares, n = np.array([0.02, 0.1, 0.3, 0.8]), 100
    kind = np.repeat(np.arange(4), n)
    y = (np.tile(np.arange(n), 4) < n * shares[kind]).astype(int)
    weight = None
    if weighted:  # the same shares from other rows
        y = np.tile(np.arange(n) % 2, 4)
        weight = np.where(y == 1, shares[kind], 1 - shares[kind])
    net = BinaryNetClassifier(
        OneLayer,
        criterion=FocalLoss,
        criterion__gamma=gamma,
        pos_weight=pos_weight,
        prior="train" if pos_weight else None,
        optimizer=torch.optim.Adam,
        lr=0.1,
        batch_size=-1,
        max_epochs=300,
        random_state=0,
    ).fit(np.eye(4)[kind], y, sample_weight=weight)
    found = net.predict_proba(np.eye(4))[:, 1]
    assert found == pytest.approx(shares, abs=2e-3)
