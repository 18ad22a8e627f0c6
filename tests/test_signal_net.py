"""SignalNet: residual blocks beside a linear model over random convolutions."""

import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import average_precision_score, log_loss

from skbin import (
    BinaryNetClassifier,
    CrossFitClassifier,
    FocalLoss,
    SignalNet,
    load,
    save,
)
from skbin.networks.random_convolutions import N_KERNELS, RandomConvolutions
from skbin.networks.ridge import ridge_logit


def signals(n, length=60, n_channels=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_channels, length)).astype(np.float32)
    y = (rng.random(n) < 0.3).astype(int)
    for row in np.flatnonzero(y):
        start = rng.integers(length - 10)
        X[row, 0, start : start + 10] += 1.5
    return X, y


X, y = signals(150)
X_new, y_new = signals(200, seed=1)


def a_net(**parameters):
    settings = {"max_epochs": 5, "module__n_random": 840, "random_state": 0}
    return BinaryNetClassifier(**{**settings, **parameters})


def test_signals_get_it_by_default():
    net = BinaryNetClassifier(random_state=0).fit(X, y)
    assert isinstance(net.module_, SignalNet)
    score = net.predict_proba(X_new)[:, 1]
    assert average_precision_score(y_new, score) > 0.85
    assert log_loss(y_new, score) < 0.4


def share_by_hand(signal, kernel, dilation, bias, sees_border):
    """Compute one share as the paper says, step by step."""
    half = 4 * dilation
    padded = np.pad(signal, half)
    responses = np.array(
        [
            sum(kernel[place] * padded[step + place * dilation] for place in range(9))
            for step in range(len(signal))
        ]
    )
    if not sees_border and len(signal) > 2 * half:
        responses = responses[half:-half]
    return np.mean(responses > bias)


def test_features_are_shares_of_strong_responses():
    torch.manual_seed(0)
    convolutions = RandomConvolutions(n_channels=1, length=40, n_outputs=4 * N_KERNELS)
    there = torch.ones(10, 1, 40, dtype=torch.bool)
    rows = torch.randn(10, 1, 40)
    convolutions.learn(rows, there)
    found = convolutions(rows, there).numpy()
    column = 0
    for place, n_biases in enumerate(convolutions.n_biases):
        weight = getattr(convolutions, f"weight_{place}").numpy()
        bias = getattr(convolutions, f"bias_{place}").numpy()
        for border in (0, 1):
            for number in range(n_biases):
                for kernel in (border, border + 40):
                    expected = share_by_hand(
                        rows[3, 0].numpy(),
                        weight[kernel, 0],
                        convolutions.dilations[place],
                        bias[kernel, number],
                        sees_border=border == 0,
                    )
                    at = column + kernel // 2
                    assert found[3, at] == pytest.approx(expected, abs=1e-6)
                column += N_KERNELS // 2
    assert column == found.shape[1] == 4 * N_KERNELS


def test_kernels_are_those_of_the_paper():
    convolutions = RandomConvolutions(n_channels=1, length=100, n_outputs=840)
    kernels = convolutions.weight_0[:, 0]
    assert len({tuple(kernel.tolist()) for kernel in kernels}) == 84
    assert torch.equal(kernels.sum(dim=1), torch.zeros(84))
    assert convolutions.dilations[-1] * 8 < 100
    assert sum(convolutions.n_biases) * N_KERNELS == convolutions.n_outputs


@pytest.mark.parametrize("n_channels", [1, 3, 30])
@pytest.mark.parametrize("length", [1, 3, 9, 10, 300])
@pytest.mark.filterwarnings("ignore:X has shape:UserWarning")
def test_signals_of_any_size_are_taken(n_channels, length):
    rows = np.random.default_rng(0).normal(size=(40, n_channels, length))
    net = a_net(max_epochs=2).fit(rows, np.arange(40) % 2)
    assert np.isfinite(net.predict_proba(rows)).all()


def test_the_length_of_the_padding_changes_nothing():
    ragged = X.copy()
    ragged[::3, :, 40:] = np.nan
    net = a_net().fit(ragged, y)
    padded = np.pad(ragged, [(0, 0), (0, 0), (0, 25)], constant_values=np.nan)
    expected = net.decision_function(ragged)
    assert_allclose(net.decision_function(padded), expected, atol=1e-4)
    as_list = [row[:, ~np.isnan(row[0])] for row in ragged]
    assert_allclose(net.decision_function(as_list), expected, atol=1e-4)


def test_a_signal_is_judged_by_itself():
    net = a_net().fit(X, y)
    together = net.decision_function(X_new)
    alone = np.concatenate([net.decision_function(X_new[i : i + 1]) for i in range(20)])
    assert_allclose(alone, together[:20], atol=1e-4)


def test_constant_signals_and_a_constant_channel_are_taken():
    rows = np.concatenate([X, np.ones_like(X)], axis=1)
    rows[0] = 1.0
    net = a_net().fit(rows, y)
    assert np.isfinite(net.predict_proba(rows)).all()


def test_ridge_logits_of_noise_stay_near_the_base_rate():
    rng = np.random.default_rng(0)
    features, target = rng.normal(size=(80, 2000)), (rng.random(80) < 0.2).astype(float)
    weights, bias = ridge_logit(features, target)
    probability = expit(rng.normal(size=(500, 2000)) @ weights + bias)
    assert probability.mean() == pytest.approx(target.mean(), abs=0.1)
    assert probability.std() < 0.2


def test_ridge_logits_are_right_where_the_truth_is_known():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 5))
    truth = features @ [1.0, -1.0, 0.5, 0.0, 0.0] - 1.5
    target = (rng.random(4000) < expit(truth)).astype(float)
    weights, bias = ridge_logit(features, target)
    found = features @ weights + bias
    best = log_loss(target, expit(truth))
    assert log_loss(target, expit(found)) < best + 0.02


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    weight = np.r_[np.zeros(50), np.ones(100)]
    strange = X.copy()
    strange[:50] *= 100
    weighted = a_net(module__linear_share=1.0).fit(strange, y, sample_weight=weight)
    without = a_net(module__linear_share=1.0).fit(X[50:], y[50:])
    for net in (weighted, without):
        assert average_precision_score(y_new, net.decision_function(X_new)) > 0.8


def test_weights_move_the_linear_model():
    weight = np.where(y == 1, 10.0, 1.0)
    plain, weighted = (
        a_net(module__linear_share=1.0)
        .fit(X, y, sample_weight=some)
        .decision_function(X_new)
        .mean()
        for some in (None, weight)
    )
    assert weighted > plain + 1


@pytest.mark.parametrize("pos_weight", ["balanced", 20.0])
def test_prior_undoes_a_weight_in_both_parts(pos_weight):
    plain = a_net(max_epochs=30).fit(X, y).predict_proba(X_new)[:, 1].mean()
    net = a_net(max_epochs=30, pos_weight=pos_weight).fit(X, y)
    shifted = net.predict_proba(X_new)[:, 1].mean()
    undone = net.set_params(prior="train").predict_proba(X_new)[:, 1].mean()
    assert shifted > 1.15 * plain
    assert undone == pytest.approx(plain, rel=0.25)


def test_rows_held_out_are_computed_once_and_forgotten(monkeypatch):
    calls = []
    compute = SignalNet._features

    def counted(self, *given):
        calls.append(self.training)
        return compute(self, *given)

    monkeypatch.setattr(SignalNet, "_features", counted)
    net = a_net(early_stopping=True, max_epochs=12).fit(X, y)
    assert len(net.history) > 2
    assert len(calls) == 2  # of the rows to train on, and of those held out
    assert net.module_._known is None
    losses = net.history[:, "averaged_valid_loss"]
    monkeypatch.setattr("skbin.networks.signal_ensemble._MOST_BATCHES_KNOWN", 0)
    again = a_net(early_stopping=True, max_epochs=12).fit(X, y)
    assert len(calls) > 10
    assert again.history[:, "averaged_valid_loss"] == losses


def test_cross_fit_takes_signals():
    model = CrossFitClassifier(a_net(), cv=3, random_state=0).fit(X, y)
    assert average_precision_score(y, model.out_of_fold_) > 0.75
    assert model.score(X_new, y_new) > 0.8


def test_a_stream_of_signals_trains_the_blocks_alone():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from zip(torch.from_numpy(X), y.tolist(), strict=True)

    net = a_net(
        module=SignalNet, module__n_channels=1, module__length=60, max_epochs=2
    ).fit(Stream())
    assert float(net.module_.share) == 0
    blocks = net.decision_function(X)
    net.module_.linear_weight.fill_(1.0)  # of no effect
    assert net.decision_function(X).tolist() == blocks.tolist()


def test_a_dataset_of_signals_gets_the_linear_model_too():
    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, i):
            return torch.from_numpy(X[i]), int(y[i])

    net = a_net(max_epochs=2).fit(Rows())
    score = net.predict_proba(X_new)[:, 1]
    assert average_precision_score(y_new, score) > 0.8


def test_seeds_copies_and_files_keep_the_network(tmp_path):
    net = a_net().fit(X, y)
    expected = net.predict_proba(X_new)
    assert clone(net).fit(X, y).predict_proba(X_new).tolist() == expected.tolist()
    save(net, tmp_path / "net.safetensors")
    loaded = load(tmp_path / "net.safetensors")
    assert loaded.predict_proba(X_new).tolist() == expected.tolist()


def test_the_focal_loss_needs_the_blocks_alone():
    with pytest.raises(ValueError, match="module__linear_share=0"):
        a_net(criterion=FocalLoss).fit(X, y)
    a_net(criterion=FocalLoss, module__linear_share=0.0).fit(X, y)


def test_epochs_suit_the_number_of_signals():
    assert SignalNet.training_for((20, 1, 100)) == (0.001, 200)
    assert SignalNet.training_for((1280, 1, 100)) == (0.001, 20)
    assert SignalNet.training_for((10**6, 1, 100)) == (0.001, 3)


def test_the_blocks_weigh_more_where_there_are_more_rows():
    shares = [
        float(a_net(max_epochs=1).fit(*signals(n, length=20)).module_.share)
        for n in (100, 1500, 5000)
    ]
    assert shares[0] == pytest.approx(0.85)
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] == pytest.approx(0.4)
    fixed = a_net(module__linear_share=0.3, max_epochs=1).fit(X, y)
    assert float(fixed.module_.share) == pytest.approx(0.3)


@pytest.mark.parametrize("n_positives", [1, 2, 3])
def test_a_handful_of_positives_gives_probabilities_near_the_base_rate(n_positives):
    rows = np.random.default_rng(0).normal(size=(200, 2, 30))
    labels = (np.arange(200) < n_positives).astype(int)
    probability = a_net(max_epochs=2).fit(rows, labels).predict_proba(rows)[:, 1]
    assert 1e-4 < np.median(probability) < 0.1


def test_a_part_fit_may_begin_with_one_class():
    net = a_net().partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    assert np.isfinite(net.partial_fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("kind", ["warm start", "instance"])
def test_a_weight_reaches_the_linear_model_however_training_begins(kind):
    weights = {"pos_weight": 20.0, "prior": "train"}
    expected = a_net(max_epochs=20, **weights).fit(X, y).predict_proba(X)[:, 1].mean()
    if kind == "instance":
        net = a_net(module=SignalNet(1, 60, n_random=840), max_epochs=20, **weights)
        net.set_params(module__n_random=840)
    else:
        net = a_net(max_epochs=20, warm_start=True).fit(X, y).set_params(**weights)
    found = net.fit(X, y).predict_proba(X)[:, 1].mean()
    assert found == pytest.approx(expected, rel=0.3)
    assert found == pytest.approx(y.mean(), rel=0.4)


@pytest.mark.parametrize("seed", range(4))
def test_noise_gives_the_base_rate(seed):
    rng = np.random.default_rng(seed)
    noise, labels = rng.normal(size=(400, 1, 30)), rng.random(400) < 0.1
    net = a_net(max_epochs=2).fit(noise[:200], labels[:200])
    share = labels[200:].mean()
    base = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert log_loss(labels[200:], net.predict_proba(noise[200:])) < base + 0.1


@pytest.mark.parametrize(
    ("length", "n_random"), [(60, 2436), (1024, 1176), (9000, 840)]
)
def test_long_signals_have_fewer_features(length, n_random):
    assert SignalNet(1, length).random.n_outputs == n_random


def test_long_signals_fit_into_little_memory():
    net = SignalNet(1, 5000)
    X = torch.randn(60, 1, 5000)
    net.random.learn(X, torch.ones(60, 1, 5000, dtype=torch.bool))  # 26 of the rows
    assert torch.isfinite(net.random.bias_0).all()


def test_signals_of_unseen_lengths_are_not_certain():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3 == 0
    X = [rng.normal(size=(1, rng.integers(60, 180))) for _ in y]
    for signal in (X[place] for place in np.flatnonzero(y)):
        signal[0, 20:40] += 2
    net = BinaryNetClassifier(max_epochs=5, random_state=0).fit(X, y)
    longer = [rng.normal(size=(1, length)) for length in [200, 700, 2000, 9000] * 3]
    assert net.predict_proba(longer)[:, 1].max() < 0.5


def test_metadata_routing_asks_for_no_weights_inside():
    X = np.random.default_rng(0).normal(size=(40, 1, 30))
    with sklearn.config_context(enable_metadata_routing=True):
        BinaryNetClassifier(max_epochs=1).fit(X, np.arange(40) % 2)


def test_the_order_of_summation_does_not_change_random_features():
    rng = np.random.default_rng(0)
    X = torch.tensor(rng.normal(size=(40, 3, 60)), dtype=torch.float32)
    # Where signals rest, many steps have the same response, and so has a bias.
    X[:, :, 20:40] = torch.tensor(rng.normal(size=(1, 3, 1)), dtype=torch.float32)
    is_there = torch.ones(40, 1, 60, dtype=torch.bool)
    torch.manual_seed(0)
    features = RandomConvolutions(n_channels=3, length=60, n_outputs=840)
    features.learn(X, is_there)
    expected = features(X, is_there)
    for name, buffer in features.named_buffers():
        if name.startswith("weight"):
            buffer.copy_(buffer.flip(1))
    assert torch.equal(features(X.flip(1), is_there), expected)
