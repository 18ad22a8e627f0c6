"""What people pass as X and y is read as they mean it, or refused with the fix."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.metrics import average_precision_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import SliceDataset, predefined_split
from torch import nn
from torch.utils.data import Subset, TensorDataset

from skbin import (
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    SignalNet,
    TextConvNet,
    TextNet,
    load,
    save,
)
from skbin.data.offsets import learn_offset, to_float32
from skbin.data.signals import pad_signals


def quick(*args, **kwargs):
    return BinaryNetClassifier(*args, **{"max_epochs": 3, "random_state": 0, **kwargs})


# ---- the default network


@pytest.mark.parametrize(
    ("convert", "network"),
    [
        (lambda X: X, DenseNet),
        (pd.DataFrame, DenseNet),
        (sparse.csr_array, DenseNet),
        (lambda X: X.reshape(-1, 2, 4), SignalNet),
        (list, DenseNet),
        (lambda X: [row.reshape(1, 8) for row in X], SignalNet),
        (lambda X: [f"{row[0]:.0f} a text" for row in X], TextNet),
    ],
)
def test_the_default_network_fits_the_data(rare, convert, network):
    X, y = rare
    assert type(quick(max_epochs=1).fit(convert(X), y).module_) is network


def test_a_wide_table_costs_the_default_network_no_more_than_the_dense_one():
    X = sparse.random(60, 20_000, density=0.001, format="csr", random_state=0)
    net = quick(max_epochs=1).fit(X, np.arange(60) % 2)
    n_weights = sum(weights.numel() for weights in net.module_.parameters())
    assert n_weights < 300 * 20_000


# ---- memory that torch cannot wrap


REARRANGED = {
    "rows backwards": lambda X: X[::-1],
    "columns backwards": lambda X: X[:, ::-1],
    "frame backwards": lambda X: pd.DataFrame(X).iloc[::-1],
    "every other": lambda X: X[::2],
    "transposed": lambda X: np.asfortranarray(X),
    "field": lambda X: _structured(X)["rows"],
    "read-only": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "other bytes": lambda X: X.astype(X.dtype.newbyteorder(">")),
}


def _structured(X):
    made = np.zeros(len(X), dtype=[("id", "i1"), ("rows", X.dtype, X.shape[1])])
    made["rows"] = X
    return made


@pytest.mark.parametrize("arrange", REARRANGED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16])
def test_memory_may_be_arranged_in_any_way(rare, arrange, dtype):
    X = (10 * rare[0] + 100).astype(dtype)
    given = REARRANGED[arrange](X)
    y = rare[1][: len(given)]
    net = quick().fit(given, y)
    plain = np.array(given, dtype=dtype, order="C")
    assert_array_equal(net.predict_proba(given), net.predict_proba(plain))
    assert_array_equal(
        net.predict_proba(plain), quick().fit(plain, y).predict_proba(plain)
    )
    one_row = np.ascontiguousarray(plain)[:1][::-1]
    assert_array_equal(net.predict_proba(one_row), net.predict_proba(plain[:1]))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int32", "uint8"])
def test_torch_tensors_of_any_type_are_taken(rare, dtype):
    X = torch.tensor(10 * rare[0] + 100).to(getattr(torch, dtype))
    y = torch.tensor(rare[1])
    net = quick().fit(X, y)
    expected = quick().fit(X.float().numpy(), rare[1])
    assert_array_equal(net.predict_proba(X), expected.predict_proba(X.float().numpy()))


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.int32, np.int64]
)
def test_integers_of_any_width_are_token_ids(dtype):
    X = np.random.default_rng(0).integers(0, 50, size=(60, 6))
    y = np.arange(60) % 2
    net = quick(TextConvNet).fit(X.astype(dtype), y)
    expected = quick(TextConvNet).fit(X, y)
    assert_array_equal(net.predict_proba(X.astype(dtype)), expected.predict_proba(X))


def test_zero_and_minus_zero_are_equal_data(rare):
    X, y = np.abs(np.round(rare[0])), rare[1]
    minus = np.where(X == 0, -0.0, X)
    assert np.signbit(minus).any()
    for size in (300, 64):
        plain = quick(batch_size=size).fit(X, y).predict_proba(X)
        assert_array_equal(quick(batch_size=size).fit(minus, y).predict_proba(X), plain)


# ---- numbers far from zero


FAR = {
    "ids": 4e9,
    "milliseconds": 1_700_000_000_000.0,
    "metres": 5_400_000.0,
    "negative": -4e9,
}


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize(
    ("module", "dtype"),
    [
        (DenseNet, np.float64),
        (DenseNet, np.int64),
        (partial(nn.Linear, 8, 1), np.float64),
    ],
)
def test_numbers_far_from_zero_lose_nothing(rare, far, module, dtype):
    near = np.round(10 * rare[0])
    X, y = (FAR[far] + near).astype(dtype), rare[1]
    net = quick(module, max_epochs=30, lr=0.01).fit(X, y)
    found = average_precision_score(y, net.predict_proba(X)[:, 1])
    scaled = make_pipeline(StandardScaler(), quick(module, max_epochs=30, lr=0.01))
    expected = average_precision_score(y, scaled.fit(X, y).predict_proba(X)[:, 1])
    assert found > expected - 0.05


def test_a_far_column_is_as_good_as_a_near_one_and_the_others_stay(rare):
    near = rare[0].copy()
    near[:, 3] = np.round(1000 * near[:, 3])
    far = near.copy()
    far[:, 3] += 1e12
    frame = pd.DataFrame(far).astype({3: np.int64})
    linear = partial(nn.Linear, 8, 1)
    net = quick(linear).fit(frame, rare[1])
    assert np.flatnonzero(net._data.offset).tolist() == [3]
    assert_allclose(net.predict_proba(far), net.predict_proba(frame), rtol=1e-6)
    centered = near - [0, 0, 0, np.median(near[:, 3]), 0, 0, 0, 0]
    expected = quick(linear).fit(centered, rare[1]).predict_proba(centered)
    assert_allclose(net.predict_proba(far), expected, rtol=1e-5)


def test_a_far_channel_of_signals_loses_nothing():
    rng = np.random.default_rng(0)
    signals, y = np.round(rng.normal(size=(60, 2, 20)), 2), np.arange(60) % 2
    far = signals + np.array([[1e9], [0.0]])
    expected = quick().fit(signals, y).predict_proba(signals)
    assert_allclose(quick().fit(far, y).predict_proba(far), expected, atol=0.02)


@given(
    rows=hnp.arrays(np.float64, (30, 2), elements=st.integers(-1000, 1000)),
    center=st.sampled_from([0.0, 1.0, 1e5, 1e8, 1e12, -1e15]),
)
def test_different_rows_stay_different_in_float32(rows, center):
    X = center + rows
    cast = to_float32(X, learn_offset(X))
    for column, given_column in zip(cast.T, X.T, strict=True):
        low, high = np.quantile(given_column, [0.25, 0.75])
        if high > low:
            kept = len(np.unique(column)) / len(np.unique(given_column))
            assert kept > 0.9


@given(hnp.arrays(np.float64, (20, 3), elements=st.floats(-1e3, 1e3)))
def test_columns_that_float32_holds_are_left_as_they_are(X):
    X = np.where(np.abs(X) < 1, 0, X)
    X[:10] = np.arange(30).reshape(10, 3) * 97 % 11
    assert learn_offset(X) is None


# ---- signals


def test_a_list_of_frames_is_read_as_time_by_channels():
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(40, 2, 15))
    frames = [pd.DataFrame(signal.T, columns=["a", "b"]) for signal in signals]
    assert_array_equal(pad_signals(frames), signals)
    shorter = [frame.iloc[: 10 + i % 5] for i, frame in enumerate(frames)]
    padded = pad_signals(shorter)
    assert padded.shape == (40, 2, 14)
    assert_array_equal(padded[0, :, :10], signals[0, :, :10])
    assert np.isnan(padded[0, :, 10:]).all()


SERIES = [[1.0, 2.0, 3.0], [4.0], [5.0, 6.0]]


@pytest.mark.parametrize(
    "make",
    [
        lambda s: s,
        lambda s: [np.array(x) for x in s],
        lambda s: [torch.tensor(x) for x in s],
        lambda s: pd.Series([np.array(x) for x in s]),
        lambda s: [pd.Series(x) for x in s],
        lambda s: tuple(map(tuple, s)),
    ],
)
def test_series_of_unequal_length_are_signals_of_one_channel(make):
    expected = [[[1, 2, 3]], [[4, np.nan, np.nan]], [[5, 6, np.nan]]]
    assert_array_equal(pad_signals(make(SERIES)), expected)


def test_nested_lists_of_unequal_signals_are_read():
    signals = [[[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0]]]
    padded = pad_signals(signals)
    assert_array_equal(padded, [[[1, 2], [3, 4]], [[5, np.nan], [6, np.nan]]])


def test_channels_of_one_signal_that_differ_in_length_are_refused():
    with pytest.raises(ValueError, match=re.escape("of X[0] differ in length")):
        pad_signals([[[1.0, 2.0], [3.0]], [[5.0], [6.0]]])


def test_vectors_of_one_length_are_rows(rare):
    X, y = rare
    series = pd.Series(list(X))
    net = quick().fit(series, y)
    assert_array_equal(net.predict_proba(series), quick().fit(X, y).predict_proba(X))


def test_a_column_of_vectors_is_refused_with_the_fix(rare):
    frame = pd.DataFrame({"vector": list(rare[0])})
    with pytest.raises(ValueError, match=re.escape("np.stack(X['vector'])")):
        quick().fit(frame, rare[1])


# ---- what cannot be read


def test_columns_without_numbers_are_named_where_a_network_takes_none(rare):
    X, y = rare
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    frame["d"] = np.where(y == 1, "m129", "m2")
    frame["e"] = pd.Categorical(frame["d"])
    with pytest.raises(ValueError, match=re.escape("in the columns ['d', 'e']")):
        quick(ConvNet).fit(frame, y)


def test_columns_of_numbers_in_objects_are_numbers(rare):
    X, y = rare
    frame = pd.DataFrame(X).astype({0: object, 1: "Float64"})
    assert_array_equal(
        quick().fit(frame, y).predict_proba(frame), quick().fit(X, y).predict_proba(X)
    )


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([0, 1] * 150, dtype=object), "y.astype(int)"),
        (np.array([0, 1] * 149 + [0, None], dtype=object), "the first is y[299]"),
        (np.array(["a", "b"] * 149 + ["a", np.nan], dtype=object), "contains NaN"),
        (np.array(["a", 1] * 150, dtype=object), "holds int, str"),
    ],
)
def test_labels_in_objects_are_refused_with_the_fix(rare, y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        quick().fit(rare[0], y)


def test_sparse_data_of_one_axis_are_refused_with_the_fix():
    X = sparse.coo_array(np.arange(4.0))
    with pytest.raises(ValueError, match=re.escape("X.reshape(-1, 1)")):
        quick().fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize("label", ["fraud", "ok", 7])
def test_a_positive_label_that_was_numbered_before_is_explained(rare, label):
    with pytest.raises(
        ValueError, match=re.escape(f"y = (y == {label!r}).astype(int)")
    ):
        quick(pos_label=label).fit(*rare)


def test_channels_of_frames_are_known_by_name():
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame(rng.normal(size=(12, 2)), columns=["a", "b"]) for _ in "x" * 40
    ]
    net = quick().fit(frames, np.arange(40) % 2)
    turned = [frame[["b", "a"]] for frame in frames]
    assert_array_equal(net.predict_proba(turned), net.predict_proba(frames))
    mixed = [frames[0], *turned[1:]]
    assert_array_equal(
        quick().fit(mixed, np.arange(40) % 2).predict_proba(frames),
        net.predict_proba(frames),
    )
    with pytest.raises(ValueError, match=re.escape("X[0] has the columns ['a', 'c']")):
        net.predict([frame.rename(columns={"b": "c"}) for frame in frames])


@pytest.mark.parametrize("shape", [(60, 1, 4, 4), (60, 2, 2, 2, 2)])
def test_the_default_network_is_asked_for_by_name_beyond_signals(shape):
    with pytest.raises(ValueError, match="arrays of two and three axes"):
        quick().fit(np.zeros(shape), np.arange(60) % 2)


# ---- names of columns, wherever frames are


def frames_of(rng, names=("a", "b")):
    return [
        pd.DataFrame(rng.normal([0, 10], size=(20, 2)), columns=list(names))
        for _ in range(60)
    ]


def as_objects(frames):
    objects = np.empty(len(frames), dtype=object)
    objects[:] = frames
    return objects


@pytest.mark.parametrize("kind", [list, tuple, as_objects, pd.Series])
def test_channels_are_known_by_name_in_any_sequence_and_in_files(kind, tmp_path):
    frames = frames_of(np.random.default_rng(0))
    other = [frame[["b", "a"]] for frame in frames]
    net = quick(max_epochs=1).fit(kind(frames), np.arange(60) % 2)
    expected = net.predict_proba(frames)
    save(net, tmp_path / "net.skbin")
    for one in (net, load(tmp_path / "net.skbin")):
        assert_allclose(one.predict_proba(kind(other)), expected)
        with pytest.raises(ValueError, match="has the columns"):
            one.predict_proba(
                kind([frame.rename(columns={"a": "c"}) for frame in frames])
            )


def test_columns_of_frames_in_a_dict_are_known_by_name(rare, tmp_path):
    frame = pd.DataFrame(rare[0] * np.arange(1, 9), columns=list("abcdefgh"))
    other = frame[list("hgfedcba")]
    net = quick(
        OfTable, train_split=predefined_split(Dataset({"table": other}, rare[1]))
    )
    net.fit({"table": frame}, rare[1])
    assert net.history[-1, "valid_loss"] == pytest.approx(
        log_loss(rare[1], net.predict_proba({"table": frame})[:, 1]), rel=1e-4
    )
    expected = net.predict_proba({"table": frame})
    save(net.set_params(train_split=None), tmp_path / "net.skbin")
    loaded = load(tmp_path / "net.skbin", trusted=[OfTable])
    for one in (net, loaded):
        assert_allclose(one.predict_proba({"table": other}), expected)
        with pytest.raises(ValueError, match=r"X\['table'\] has the columns"):
            one.predict_proba({"table": frame.drop(columns="a")})


# ---- numbers far from zero, wherever they are


class OfTable(nn.Module):
    def __init__(self, n_inputs=8):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(n_inputs), nn.Linear(n_inputs, 1)

    def forward(self, table):
        return self.linear(self.norm(table.reshape(len(table), -1)))


class Lazy(torch.utils.data.Dataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


WAYS_IN = {
    "array": lambda X, y: X,
    "dict": lambda X, y: {"table": X},
    "dict of one axis": lambda X, y: {"table": X[:, 0]},
    "dataset": Lazy,
    "tensors": lambda X, y: TensorDataset(torch.tensor(X), torch.tensor(y)),
    "subset": lambda X, y: Subset(Lazy(X, y), range(len(X))),
    "dataset of dicts": lambda X, y: Lazy([{"table": row} for row in X], y),
    "slice": lambda X, y: SliceDataset(Lazy(X, y)),
}


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_far_numbers_lose_nothing_by_any_way_in(rare, way, dtype):
    y = rare[1]
    seconds = (np.round(1000 * (rare[0][:, :1] + 3 * y[:, None])) + 1.7e12).astype(
        dtype
    )
    X = WAYS_IN[way](seconds, y)
    net = quick(partial(OfTable, 1), max_epochs=20, lr=0.05).fit(X, y)
    expected = average_precision_score(y, seconds[:, 0])
    assert average_precision_score(y, net.predict_proba(X)[:, 1]) == pytest.approx(
        expected
    )


def test_far_numbers_in_a_sparse_matrix_are_refused(rare):
    far = sparse.csr_array(np.c_[rare[0][:, 0], rare[0][:, 1] + 1e9])
    with pytest.raises(ValueError, match=r"columns \[1\] of a sparse X"):
        quick().fit(far, rare[1])


def test_float32_rows_given_inside_a_callback_are_moved_as_well(rare):
    X = 5e7 + 100 * rare[0][:, :1]
    seen = []

    class Looks(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen[:] = [net.predict_proba(X.astype(np.float32)), net.predict_proba(X)]

    quick(partial(OfTable, 1), callbacks=[Looks()], lr=0.05).fit(X, rare[1])
    assert_allclose(seen[0], seen[1], atol=0.05)


def test_masked_values_in_a_dict_are_missing(rare):
    masked = np.ma.masked_greater(rare[0], 1.0)
    seen = []

    class SeesMissing(OfTable):
        def forward(self, table):
            seen.append(bool(torch.isnan(table).any()))
            return super().forward(torch.nan_to_num(table))

    quick(SeesMissing).fit({"table": masked}, rare[1])
    assert all(seen)
