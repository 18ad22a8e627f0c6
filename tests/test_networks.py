"""The networks by themselves."""

import copy
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

from skbin import ConvNet, DenseNet, TableConvNet, TextConvNet
from skbin.networks.columns import ColumnScale, edges_of
from skbin.networks.layers import Dropout
from skbin.training.module import input_sizes


@pytest.mark.parametrize("length", [1, 2, 4, 7, 64])
def test_conv_net_takes_inputs_of_any_length(length):
    net = ConvNet(n_channels=3, length=20, kernel_sizes=(3, 5, 1.0)).eval()
    assert net(torch.randn(4, 3, length)).shape == (4,)


def test_conv_net_reads_two_axes_as_one_channel():
    net = ConvNet(n_channels=1, length=20).eval()
    X = torch.randn(4, 20)
    assert torch.equal(net(X), net(X.unsqueeze(1)))


@pytest.mark.parametrize("width", [1, 3, 16, 17, 40, 1.0, 0.5])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_each_width_is_the_plain_convolution_with_max_over_time(width, n_channels):
    net = ConvNet(n_channels, 40, num_blocks=0, num_filters=5, kernel_sizes=(width,))
    (convolution,) = net.convolutions
    X = torch.randn(6, n_channels, 40)
    pooled = []
    net.head.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    net(X)
    torch.testing.assert_close(pooled[0], F.relu(convolution(X)).amax(dim=2))


def test_each_width_may_have_its_own_number_of_filters():
    net = ConvNet(1, 20, num_blocks=0, num_filters=(4, 6), kernel_sizes=(2, 3))
    assert [c.out_channels for c in net.convolutions] == [4, 6]
    assert net.head[0].num_features == 10


@pytest.mark.parametrize("kernel_size", [0, -1, 1.5, 0.0, "3", None])
def test_kernel_sizes_are_steps_or_shares(kernel_size):
    with pytest.raises(ValueError, match="kernel_sizes must hold positive integers"):
        ConvNet(1, 20, kernel_sizes=(kernel_size,))


def test_numbers_of_filters_must_match_the_widths():
    with pytest.raises(ValueError, match=re.escape("got (4, 6)")):
        ConvNet(1, 20, num_filters=(4, 6), kernel_sizes=(3,))


@pytest.mark.parametrize(
    ("hidden_units", "dropout", "n_linear"),
    [((), 0.0, 1), ((8,), 0.0, 2), ((8, 4), 0.5, 3)],
)
def test_dense_net_has_a_layer_for_each_width(hidden_units, dropout, n_linear):
    net = DenseNet(6, hidden_units=hidden_units, dropout=dropout)
    assert sum(isinstance(m, nn.Linear) for m in net.modules()) == n_linear
    assert net(torch.randn(5, 6)).shape == (5,)


def test_dense_net_flattens_further_axes():
    assert DenseNet(12)(torch.randn(5, 3, 4)).shape == (5,)


class WantsFeatures(nn.Module):
    def __init__(self, n_features, length=3):
        super().__init__()


@pytest.mark.parametrize(
    ("module", "shape", "expected"),
    [
        (ConvNet, (9, 20), {"n_channels": 1, "length": 20}),
        (ConvNet, (9, 4, 20), {"n_channels": 4, "length": 20}),
        (TableConvNet, (9, 20), {"n_features": 20}),
        (DenseNet, (9, 4, 20), {"n_features": 80}),
        (WantsFeatures, (9, 4), {"n_features": 4}),
        (nn.Identity, (9, 4), {}),
    ],
)
def test_required_sizes_are_read_from_the_data(module, shape, expected):
    assert input_sizes(module, shape, {}) == expected


def test_a_size_that_is_given_is_left_alone():
    assert input_sizes(DenseNet, (9, 4), {"n_features": 7}) == {}


def test_without_data_the_missing_sizes_are_named():
    with pytest.raises(ValueError, match="module__n_channels, module__length"):
        input_sizes(ConvNet, None, {})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_dropout_keeps_the_share_and_the_mean_that_torch_does(p, dtype):
    X = torch.ones(100_000, dtype=dtype)
    ours = Dropout(p)(X)
    assert ours.dtype == dtype
    ours, torchs = ours.float(), nn.Dropout(p)(X.float())
    torch.testing.assert_close(ours.max(), torchs.max(), rtol=0.005, atol=0)
    # Five standard deviations of a share.
    tolerance = 5 * (p * (1 - p) / len(X)) ** 0.5
    assert (ours == 0).float().mean().item() == pytest.approx(p, abs=tolerance)
    assert ours.mean().item() == pytest.approx(1, rel=0.005 + tolerance / (1 - p))


@pytest.mark.parametrize(("p", "expected"), [(0, 1.0), (1, 0.0)])
def test_dropout_of_nothing_and_of_all(p, expected):
    assert (Dropout(p)(torch.ones(10)) == expected).all()


def test_dropout_is_for_training_alone():
    X = torch.randn(10)
    assert torch.equal(Dropout(0.5).eval()(X), X)


def test_gradients_flow_through_what_dropout_kept():
    X = torch.ones(100, requires_grad=True)
    out = Dropout(0.5)(X)
    out.sum().backward()
    assert torch.equal(X.grad, out.detach())


def test_what_lies_farther_out_is_never_bent_back():
    scale = ColumnScale(1)
    scale.learn(torch.linspace(0, 1e-6, 101).unsqueeze(1))
    far = scale(torch.logspace(-7, 38, 46).unsqueeze(1)).ravel()
    assert (far.diff() >= 0).all()
    assert far[-1] == 3


# ---- what a network takes from the training rows before the first step

PREPARED = {
    "table": (DenseNet, {"n_features": 4}, (9, 4)),
    "filters over a table": (TableConvNet, {"n_features": 4}, (9, 4)),
    "signals": (ConvNet, {"n_channels": 2, "length": 4}, (9, 2, 4)),
}


@pytest.fixture(params=PREPARED)
def untrained(request):
    """A network and rows for it, far from a scale of 1."""
    module, sizes, shape = PREPARED[request.param]
    return module(**sizes), 1e4 + 1e3 * torch.randn(shape)


def same_state(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_network_learns_the_scale_of_its_inputs_once(untrained):
    net, X = untrained
    assert net.input_scale(X).abs().max() > 1000
    net.prepare(X, base_logit=None)
    assert net.input_scale(X).abs().max() < 10
    before = copy.deepcopy(net)
    net.prepare(7 * X, base_logit=None)
    assert same_state(net, before)


def test_a_scale_that_was_loaded_stays(untrained):
    net, X = untrained
    trained = copy.deepcopy(net)
    trained.prepare(X, base_logit=None)
    net.load_state_dict(trained.state_dict())
    net.prepare(7 * X, base_logit=None)
    assert same_state(net, trained)


def test_without_rows_or_a_base_rate_nothing_changes(untrained):
    net, X = untrained
    before = copy.deepcopy(net)
    net.prepare(None, base_logit=None)
    assert same_state(net, before)
    net.prepare(X, base_logit=None)  # the rows of a later call are still welcome
    assert not same_state(net, before)


@pytest.mark.parametrize("name", [*PREPARED, "texts"])
def test_the_base_rate_becomes_the_last_bias_and_nothing_else(name):
    texts = TextConvNet, {"vocab_size": 9}, ()
    module, sizes, _ = {**PREPARED, "texts": texts}[name]
    net = module(**sizes)
    before = copy.deepcopy(net)
    net.prepare(None, base_logit=-3.0)
    changed = [
        name
        for name, value in net.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    ]
    (bias,) = changed
    assert set(net.state_dict()[bias].tolist()) == {-3.0}
    *_, last = (m for m in net.modules() if isinstance(m, nn.Linear))
    assert last.bias is dict(net.named_parameters())[bias]


def test_token_ids_have_no_scale():
    net = TextConvNet(vocab_size=9)
    before = copy.deepcopy(net)
    net.prepare(torch.randint(0, 9, (5, 4)), base_logit=None)
    assert same_state(net, before)


# ---- signals of which no value is missing


@pytest.mark.parametrize("shape", [(6, 2, 30), (6, 30)])
def test_signals_known_to_be_whole_give_the_same_logits(shape):
    net = ConvNet(n_channels=2 if len(shape) == 3 else 1, length=30).eval()
    X = torch.randn(shape)
    assert torch.equal(net(X, is_whole=True), net(X))


def test_signals_known_to_be_whole_are_not_searched_for_missing_values():
    net = ConvNet(n_channels=2, length=30).eval()
    X = torch.randn(6, 2, 30)
    X[0, :, 20:] = torch.nan
    assert net(X).isfinite().all()
    assert net(X, is_whole=True).isnan()[0]
    # A branch that reads the data would break the graph.
    compiled = torch.compile(copy.deepcopy(net), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(X[1:], is_whole=True), net(X[1:]))


@pytest.mark.parametrize("n_members", [1, 4])
def test_predictions_are_the_mean_of_the_members(n_members):
    torch.manual_seed(0)
    net = DenseNet(3, hidden_units=(8,), n_members=n_members).eval()
    X = torch.randn(5, 3)
    alone = []
    for member in range(n_members):
        one = DenseNet(3, hidden_units=(8,), n_members=1).eval()
        weights = {k: v for k, v in net.state_dict().items() if k != "member_scale"}
        for name in ("output.weight", "output.bias"):
            weights[name] = weights[name][[member]]
        one.load_state_dict(weights)
        if n_members > 1:
            first = one.layers[0].weight
            first.data *= net.member_scale[member]
        alone.append(one(X).sigmoid())
    together = torch.stack(alone).mean(0).detach()
    assert_allclose(net(X).sigmoid().detach(), together, rtol=1e-5)


def test_in_training_each_row_goes_through_one_member():
    torch.manual_seed(0)
    net = DenseNet(3, hidden_units=(), n_members=4).train()
    X = torch.randn(1, 3).repeat(200, 1)
    logits = net(X).detach().unique()
    assert len(logits) == 4


@pytest.mark.parametrize(
    ("column", "n_bins", "edges"),
    [
        ([0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 3, [0, 1, 3, 4]),
        ([5, 5, 5], 4, [5]),
        ([1, 2], 4, [1, 2]),
        ([0, 1, np.nan, 2], 4, [0, 1, 2]),
        ([], 4, []),
        ([np.nan], 4, []),
        (range(101), 4, [0, 25, 50, 75, 100]),
    ],
)
def test_edges_lie_where_rows_lie(column, n_bins, edges):
    column = torch.tensor([*map(float, column)])
    assert edges_of(column, n_bins).tolist() == edges


@given(
    st.lists(st.integers(-3, 3) | st.floats(-1e6, 1e6, width=32), max_size=60),
    st.integers(1, 9),
)
def test_edges_are_at_most_so_many_and_rise(column, n_bins):
    column = torch.tensor(column, dtype=torch.float32)
    edges = edges_of(column, n_bins)
    assert len(edges) <= n_bins + 1
    assert (edges.diff() > 0).all()
    if len(column):
        assert (edges[0], edges[-1]) == (column.min(), column.max())


@pytest.mark.parametrize("n_categories", [(3, 0), (0, 0), (2, 5)])
def test_columns_of_categories_have_vectors_of_their_own(n_categories):
    torch.manual_seed(0)
    net = DenseNet(2, n_categories=n_categories).eval()
    X = torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    assert len(net(X).unique()) == 3
    with pytest.raises(ValueError, match="one number for each of 3 columns, got 2"):
        DenseNet(3, n_categories=(3, 0))


@pytest.mark.parametrize("n_features", [5, 20, 300])
def test_members_give_the_same_logit_together_and_in_turn(n_features):
    torch.manual_seed(0)
    net = DenseNet(n_features).eval()
    X = torch.randn(256, n_features)
    with torch.no_grad():
        few = torch.cat([net(part) for part in X.split(16)])
        assert torch.equal(few, net(X))
