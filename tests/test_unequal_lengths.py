"""Signals of unequal lengths, from the door to the network."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict
from torch import nn

from skbin import BinaryNetClassifier, ConvNet, DenseNet, SignalNet
from skbin.cross_fit.members import default_member
from skbin.data.signals import pad_signals


def make_net(*args, **params):
    settings = {"max_epochs": 3, "random_state": 0, **params}
    return BinaryNetClassifier(*args, **settings)


@pytest.fixture(scope="module")
def signals():
    """60 signals of 2 channels and 10 to 30 steps; the rare ones hold a peak."""
    rng = np.random.default_rng(0)
    y = (rng.random(60) < 0.3).astype(int)
    lengths = rng.integers(10, 31, size=60)
    X = [rng.normal(scale=0.3, size=(2, length)) for length in lengths]
    for signal, label in zip(X, y, strict=True):
        if label:
            start = rng.integers(0, signal.shape[1] - 4)
            signal[0, start : start + 4] += 3
    return X, y


def masked(X):
    padded = pad_signals(X)
    return np.ma.MaskedArray(np.nan_to_num(padded), mask=np.isnan(padded))


def as_object_array(X):
    array = np.empty(len(X), dtype=object)
    array[:] = X
    return array


@pytest.mark.parametrize(
    "form",
    [
        pad_signals,
        masked,
        tuple,
        as_object_array,
        lambda X: [torch.from_numpy(signal) for signal in X],
        lambda X: torch.from_numpy(pad_signals(X)),
    ],
    ids=["nan", "masked", "tuple", "object array", "tensors", "nan tensor"],
)
def test_all_forms_give_the_same_network(signals, form):
    X, y = signals
    expected = make_net().fit(X, y).predict_proba(X)
    assert_array_equal(make_net().fit(form(X), y).predict_proba(form(X)), expected)


def test_signals_are_learnt_whatever_their_length(signals):
    X, y = signals
    net = make_net(max_epochs=30).fit(X[:40], y[:40])
    assert net.score(X[40:], y[40:]) == 1.0


@given(
    num_blocks=st.sampled_from([0, 1, 3]),
    kernel_sizes=st.sampled_from([(3, 5, 1.0), (1,), (20,), (0.5,)]),
    n_more=st.integers(1, 40),
    length=st.integers(1, 40),
)
def test_padding_never_changes_a_prediction(num_blocks, kernel_sizes, n_more, length):
    torch.manual_seed(0)
    net = ConvNet(2, 25, num_blocks=num_blocks, kernel_sizes=kernel_sizes).eval()
    X = torch.randn(3, 2, length)
    X[1, :, (length + 1) // 2 :] = torch.nan
    padded = nn.functional.pad(X, (0, n_more), value=torch.nan)
    with torch.no_grad():
        torch.testing.assert_close(net(padded), net(X))


@pytest.mark.parametrize("num_blocks", [0, 3])
def test_padding_never_changes_training(num_blocks):
    X = torch.randn(8, 2, 20)
    X[::2, :, 12:] = torch.nan
    gradients = []
    for n_more in (0, 15):
        torch.manual_seed(0)
        net = ConvNet(2, 20, num_blocks=num_blocks, dropout=0.0)
        net(
            nn.functional.pad(X, (0, n_more), value=torch.nan)
        ).square().sum().backward()
        gradients.append([p.grad for p in net.parameters()])
    torch.testing.assert_close(*gradients)


def test_a_signal_alone_is_predicted_as_among_others(signals):
    X, y = signals
    net = make_net().fit(X, y)
    together = net.predict_proba(X)
    assert_array_equal(np.vstack([net.predict_proba([x]) for x in X]), together)


def test_a_longer_signal_than_any_in_training_is_taken(signals):
    X, y = signals
    net = make_net().fit(X, y)
    assert net.predict_proba([np.zeros((2, 100)), X[0]]).shape == (2, 2)


def test_the_scale_is_taken_from_values_and_not_from_padding(signals):
    X, y = signals
    net = make_net().fit([10 + signal for signal in X], y)
    values = 10 + np.concatenate(X, axis=1)
    mean = net.module_.input_scale.mean.ravel()
    np.testing.assert_allclose(mean, values.mean(axis=1), rtol=1e-5)


def test_searches_and_splits_take_lists(signals, tmp_path):
    X, y = signals
    search = GridSearchCV(
        make_net(memory=str(tmp_path)), {"threshold": [0.2, 0.5]}, cv=3
    ).fit(X, y)
    assert search.cv_results_["mean_test_score"].shape == (2,)
    assert cross_val_predict(clone(make_net()), X, y, cv=3).shape == y.shape


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ((0, 0, 3), r"first in X\[0\]"),  # a gap in one channel
        ((4, slice(None), 3), r"first in X\[4\]"),  # a gap in all
        ((5, 1, slice(-2, None)), r"first in X\[5\]"),  # one channel ends early
        ((6, slice(None), slice(None)), r"first in X\[6\]"),  # nothing there
    ],
)
def test_gaps_are_refused(place, word):
    X = np.zeros((20, 2, 8))
    X[place] = np.nan
    with pytest.raises(ValueError, match=f"NaN before the end of a signal, {word}"):
        make_net().fit(X, [0, 1] * 10)


def test_infinity_is_refused_beside_padding():
    X = np.zeros((20, 1, 8))
    X[0, :, 5:], X[1, 0, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        make_net().fit(X, [0, 1] * 10)


def test_signals_must_agree_in_channels():
    with pytest.raises(ValueError, match=r"X\[1\] has \(3, 4\)"):
        make_net().fit([np.zeros((2, 4)), np.zeros((3, 4))], [0, 1])


def test_networks_for_one_length_say_so(signals):
    with pytest.raises(ValueError, match="unequal lengths, which DenseNet does not"):
        make_net(DenseNet).fit(*signals)


def test_masked_values_in_a_table_are_not_taken_for_values():
    X = np.ma.MaskedArray(np.zeros((20, 3)), mask=np.zeros((20, 3), dtype=bool))
    X[0, 0] = np.ma.masked
    net = make_net().fit(X, [0, 1] * 10)
    assert_array_equal(net.predict_proba(X), net.predict_proba(X.filled(np.nan)))
    with pytest.raises(ValueError, match="Input X contains NaN, and ConvNet"):
        make_net(ConvNet).fit(X, [0, 1] * 10)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (np.complex64, "complex64"),
        ("datetime64[s]", r"datetime64\[s\]"),
        ("timedelta64[s]", r"timedelta64\[s\]"),
        (str, "<U1"),
        (object, "object"),
    ],
)
def test_signals_must_be_real_numbers(dtype, name):
    X = [np.zeros((1, 4)), np.zeros((1, 3), dtype=dtype)]
    with pytest.raises(ValueError, match=rf"X\[1\] has dtype {name}.*as channels"):
        make_net().fit(X, [0, 1])


@pytest.mark.parametrize("dtype", [np.complex64, "datetime64[s]"])
def test_masked_signals_must_be_real_numbers(dtype):
    X = np.ma.MaskedArray(np.zeros((20, 1, 8), dtype=dtype))
    X[0, 0, 5:] = np.ma.masked
    with pytest.raises(ValueError, match="X has dtype"):
        make_net().fit(X, [0, 1] * 10)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float64])
def test_signals_may_hold_any_real_numbers(dtype):
    signals = [np.ones((1, 3), dtype=dtype), np.ones((1, 2), dtype=dtype)]
    masked_signals = np.ma.MaskedArray(np.ones((2, 1, 3), dtype=dtype))
    masked_signals[1, 0, 2:] = np.ma.masked
    held = np.float64 if dtype in (np.int64, np.float64) else np.float32
    expected = np.array([[[1, 1, 1]], [[1, 1, np.nan]]], dtype=held)
    assert_array_equal(pad_signals(signals), expected, strict=True)
    assert_array_equal(pad_signals(masked_signals), expected, strict=True)


def test_a_list_of_masked_signals_ends_where_they_are_masked():
    signal = np.ma.MaskedArray([[1, 2, 3]], mask=[[0, 0, 1]])
    assert_array_equal(pad_signals([signal]), [[[1, 2, np.nan]]])


def test_tensors_that_need_gradients_are_taken_without():
    signals = [torch.ones(1, 3, requires_grad=True), torch.ones(1, 2)]
    assert_array_equal(pad_signals(signals), [[[1, 1, 1]], [[1, 1, np.nan]]])


def test_values_beyond_float32_are_infinity():
    X = [np.full((1, 3), 1e300), np.zeros((1, 2))]
    with pytest.raises(ValueError, match="contains infinity"):
        make_net().fit(X, [0, 1])


@pytest.mark.parametrize("as_given", [list, tuple, pd.Series])
@pytest.mark.parametrize("n_signals", [1, 3])
def test_signals_of_one_channel_and_one_length_are_signals_after_fit(
    as_given, n_signals
):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=length) for length in rng.integers(5, 9, size=40)]
    net = make_net().fit(X, np.arange(40) % 4 == 0)
    X_new = [rng.normal(size=6) for _ in range(n_signals)]
    X_new.append(rng.normal(size=7))
    among_others = net.predict_proba(X_new)[:n_signals]
    alone = net.predict_proba(as_given(X_new[:n_signals]))
    assert_array_equal(alone, among_others)
    as_lists = as_given([signal.tolist() for signal in X_new[:n_signals]])
    assert_array_equal(net.predict_proba(as_lists), among_others)


def test_rows_of_a_table_are_rows_after_fit():
    X = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 1.0]]
    net = make_net().fit(X, [0, 0, 1, 1])
    assert net.predict(X[:1]).shape == (1,)


@pytest.mark.parametrize("form", ["list", "array of objects", "Series"])
def test_a_cross_fit_knows_signals_of_one_channel_by_their_lengths(form):
    signals = [np.arange(20.0 + place % 5) for place in range(40)]
    X = pd.Series(signals)
    X = {"list": signals, "array of objects": X.to_numpy(), "Series": X}[form]
    member = default_member(X)
    assert clone(member).set_params(max_epochs=1).fit(X, [0, 1] * 20)
    assert member.get_params()["max_epochs"] == "auto"


@pytest.mark.parametrize("library", [pd, pl])
def test_truth_values_may_be_a_channel_of_a_frame(library):
    rng = np.random.default_rng(0)
    frames = [
        library.DataFrame({"value": rng.normal(size=9), "is on": rng.random(9) < 0.5})
        for _ in range(4)
    ]
    expected = [np.stack([f["value"], f["is on"]]).astype(float) for f in frames]
    np.testing.assert_array_equal(pad_signals(frames), np.stack(expected))


def test_rows_that_end_early_are_told_to_become_signals():
    X = np.ones((20, 9))
    X[:5, 6:] = np.nan
    with pytest.raises(ValueError, match=r"Pass X\[:, np.newaxis\]"):
        BinaryNetClassifier(SignalNet).fit(X, [0, 1] * 10)


def test_words_in_lists_are_told_to_become_texts():
    words = [["win", "a", "prize"], ["see", "you"]] * 10
    with pytest.raises(ValueError, match=r"the words of a text as one string"):
        BinaryNetClassifier().fit(words, [0, 1] * 10)


@pytest.mark.parametrize("shape", [(40, 60, 1), (40, 60, 3)])
def test_channels_behind_the_steps_are_warned_of(shape):
    X, y = np.random.default_rng(0).normal(size=shape), np.arange(40) % 2
    net = BinaryNetClassifier(ConvNet, max_epochs=1)
    fix = f"{shape[2]} channels of 60 steps, pass X.transpose"
    with pytest.warns(UserWarning, match=fix):
        net.fit(X, y)
    net.fit(X.transpose(0, 2, 1), y)


@pytest.mark.parametrize("steps", [np.arange(12), 5 - np.arange(12) / 10])
@pytest.mark.parametrize("equal", [True, False])
def test_a_channel_that_counts_the_steps_is_warned_of(steps, equal):
    rng, y = np.random.default_rng(0), np.arange(40) % 2
    ends = np.full(40, 12) if equal else rng.integers(6, 13, size=40)
    X = [
        pd.DataFrame({"at": steps[:end] + start, "v": rng.normal(size=end)})
        for start, end in enumerate(ends)
    ]
    net = make_net(ConvNet, max_epochs=1)
    with pytest.warns(UserWarning, match="The channel 'at' grows by the same number"):
        net.fit(X, y)
    net.fit([signal[["v"]] for signal in X], y)
    constant = [signal.assign(at=place) for place, signal in enumerate(X)]
    net.fit(constant, y)  # as the age of a patient


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[0], r"shape \(2, 20\). If it is one signal, pass it in a list"),
        (lambda X: pd.DataFrame(X[0].T), r"shape \(20, 2\). If it is one signal"),
        (lambda X: X.transpose(0, 2, 1), r"20 channels of 2 .* X.transpose\(0, 2, 1\)"),
        (lambda X: X[:, :1], r"fit saw 2 channels of 20 steps, but X has 1 channels"),
    ],
)
def test_signals_of_other_channels_are_refused_with_the_fix(change, message):
    X = np.random.default_rng(0).normal(size=(40, 2, 20)).astype(np.float32)
    net = make_net(ConvNet, max_epochs=1).fit(X, np.arange(40) % 2)
    with pytest.raises(ValueError, match=message):
        net.predict(change(X))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.date_range("2026-01-01", periods=12), r"the column 'at' of X\[0\]"),
        (["on"] * 12, r"the column 'at' of X\[0\]"),
    ],
    ids=["times", "strings"],
)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_column_that_is_no_channel_is_named(column, message, make):
    y = [0, 0, 1] * 4
    X = [make({"v": np.arange(12.0), "at": column}) for _ in y]
    with pytest.raises((TypeError, ValueError), match=message):
        make_net().fit(X, y)
