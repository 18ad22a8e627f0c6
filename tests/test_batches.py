"""Rows as tensors, and the batches cut from them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.model_selection import PredefinedSplit
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import DataLoader, Subset

from skbin import BalancedBatches, BinaryNetClassifier, ConvNet, DenseNet, TableConvNet
from skbin.data.batches import TensorBatches, iterate_batches
from skbin.data.rows import TensorRows, as_tensor, is_in_memory
from skbin.data.splits import chooses_freely, hold_out, split_rows
from skbin.machine.devices import has_room_for


def numbered(n, **kwargs):
    return TensorRows(np.arange(2.0 * n).reshape(n, 2), y=np.zeros(n), **kwargs)


@given(n=st.integers(1, 50), batch_size=st.integers(1, 20), shuffle=st.booleans())
def test_each_row_comes_once(n, batch_size, shuffle):
    rows = numbered(n)
    batches = TensorBatches(rows, batch_size, shuffle=shuffle)
    seen = torch.cat([X[:, 0] for X, _ in batches]) / 2
    assert sorted(seen.tolist()) == list(range(n))
    assert shuffle or seen.tolist() == list(range(n))
    assert len(list(batches)) == len(batches)


@given(n=st.integers(2, 50), batch_size=st.integers(2, 20))
def test_no_batch_is_a_single_row_and_none_exceeds_the_size_by_more_than_one(
    n, batch_size
):
    sizes = [len(y) for _, y in TensorBatches(numbered(n), batch_size)]
    assert min(sizes) > 1
    assert max(sizes) <= batch_size + 1


def test_each_pass_is_shuffled_anew():
    batches = TensorBatches(numbered(40), 20, shuffle=True)
    (first, _), (second, _) = next(iter(batches)), next(iter(batches))
    assert not torch.equal(first, second)


def test_float32_arrays_are_shared_not_copied():
    X = np.zeros((4, 2), dtype=np.float32)
    rows = TensorRows(X)
    X[0, 0] = 7
    assert rows.X[0, 0] == 7


@pytest.mark.parametrize("index", [slice(0, 2), torch.tensor([0, 1])])
def test_read_only_arrays_are_shared_and_their_batches_are_not(index):
    X = np.zeros((4, 2), dtype=np.float32)
    X.flags.writeable = False
    rows = TensorRows(X)
    assert np.shares_memory(rows.X.numpy(), X)
    rows.batch(index)[0][0, 0] = 7
    assert X[0, 0] == 0


@pytest.mark.parametrize("shuffle", [True, False])
def test_sparse_rows_give_the_same_batches_as_dense_ones(shuffle):
    X = sparse.random(30, 5, density=0.3, format="csr", random_state=0)
    y = np.arange(30) % 2
    order = {}
    for name, data in [("dense", X.toarray()), ("sparse", X)]:
        torch.manual_seed(0)
        order[name] = list(TensorBatches(TensorRows(data, y), 7, shuffle=shuffle))
    for (X1, y1), (X2, y2) in zip(order["dense"], order["sparse"], strict=True):
        assert torch.equal(X1, X2)
        assert torch.equal(y1, y2)
        assert X2.dtype == torch.float32


def test_subsets_of_subsets_are_resolved():
    rows = Subset(Subset(numbered(10), [9, 8, 7, 6]), [1, 3])
    (X, _), *_ = TensorBatches(rows, 2)
    assert (X[:, 0] / 2).tolist() == [8, 6]
    assert is_in_memory(rows)


def test_other_datasets_and_parameters_of_a_loader_use_a_data_loader():
    foreign = torch.utils.data.TensorDataset(torch.zeros(4, 2), torch.zeros(4))
    assert isinstance(iterate_batches(foreign, 2), DataLoader)
    assert isinstance(iterate_batches(numbered(4), 2, num_workers=0), DataLoader)
    sampler = torch.utils.data.SequentialSampler(foreign)
    assert len(iterate_batches(foreign, 2, shuffle=True, sampler=sampler)) == 2
    batch_sampler = torch.utils.data.BatchSampler(sampler, 2, drop_last=False)
    assert len(iterate_batches(foreign, 3, batch_sampler=batch_sampler)) == 2


def test_a_data_loader_can_read_rows_in_memory():
    X, y = next(iter(DataLoader(numbered(4), batch_size=4)))
    assert X.shape == (4, 2)
    assert y.dtype == torch.float32


def weighted_rows(data, n):
    X = data.draw(
        st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=2 * n, max_size=2 * n)
    )
    y = data.draw(st.lists(st.sampled_from([0, 1]), min_size=n, max_size=n))
    weight = data.draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    return np.array(X).reshape(n, 2), np.array(y), np.array(weight)


@given(n=st.integers(1, 12), data=st.data())
def test_one_batch_is_the_same_for_weights_repeats_and_any_arrangement(n, data):
    X, y, weight = weighted_rows(data, n)
    arranged = np.array(data.draw(st.permutations(range(n))))
    weighted = TensorRows(X, y, weight / weight.mean())
    repeated = TensorRows(
        np.repeat(X[arranged], weight[arranged], axis=0),
        np.repeat(y[arranged], weight[arranged]),
    )
    first, second = (
        next(iter(TensorBatches(rows, 1000, shuffle=True)))
        for rows in (weighted, repeated)
    )
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert (first.sample_weight is None) == (second.sample_weight is None)
    if first.sample_weight is not None:
        assert torch.equal(first.sample_weight, second.sample_weight)
    assert len(first[1]) == len(np.unique(np.column_stack([X, y]), axis=0))


def test_merged_rows_count_by_the_sum_of_their_weights():
    X = np.array([[1.0], [0.0], [-0.0], [0.0]])
    rows = TensorRows(X, [1, 0, 0, 1], [1.0, 2.0, 3.0, 4.0])
    batch = next(iter(TensorBatches(rows, 9, shuffle=True)))
    found = zip(batch[0][:, 0].tolist(), batch[1].tolist(), strict=True)
    weight = (batch.sample_weight / batch.sample_weight.sum()).tolist()
    expected = {(1.0, 1.0): 0.1, (0.0, 0.0): 0.5, (0.0, 1.0): 0.4}
    assert dict(zip(found, weight, strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize("shuffle", [False, True])
def test_copies_stay_copies_where_batches_or_the_order_matter(shuffle):
    rows = TensorRows(np.zeros((8, 1)), np.zeros(8))
    sizes = [len(y) for _, y in TensorBatches(rows, 4, shuffle=shuffle)]
    assert sizes == [4, 4]
    assert [len(y) for _, y in TensorBatches(rows, 8)] == [8]


def test_keys_tell_rows_apart_by_value_and_target():
    X = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [1.0, 2.0]])
    keys = TensorRows(X, [0, 0, 1, 0]).row_keys()
    assert keys[0] == keys[3]
    assert len(set(keys.tolist())) == 3


@pytest.mark.parametrize("cv", [4, 0.25])
def test_copies_of_a_row_stay_on_one_side_of_the_validation_split(cv):
    X = np.arange(20.0).reshape(20, 1)
    rows = TensorRows(np.repeat(X, 3, axis=0), np.repeat(np.arange(20) % 2, 3))
    split = ValidSplit(cv, stratified=True)
    train, valid = hold_out(split, rows, random_state=0)
    sides = [
        {x.item() for x, _ in (side[i] for i in range(len(side)))}
        for side in (train, valid)
    ]
    assert not sides[0] & sides[1]
    assert len(train) + len(valid) == 60
    assert len(valid) == 15
    valid_y = [side[1] for side in (valid[i] for i in range(len(valid)))]
    assert 6 <= sum(valid_y) <= 9


def test_copies_of_the_only_row_of_a_class_stay_in_training():
    X = np.r_[np.zeros(30), np.arange(10)][:, np.newaxis]
    rows = TensorRows(X, np.r_[np.ones(30), np.zeros(10)])
    with pytest.warns(UserWarning, match="Class 1 has one distinct row"):
        train, valid = hold_out(ValidSplit(5, stratified=True), rows)
    assert (len(train), len(valid)) == (38, 2)
    assert not rows.encoded_targets[valid.indices].any()


def test_a_split_by_share_follows_the_seed():
    rows = numbered(40)
    rows.y[::2] = 1
    split = ValidSplit(0.25, stratified=True)
    first, again, other = (
        hold_out(split, rows, random_state=seed)[1].indices for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert split.random_state is None


@pytest.mark.parametrize(
    ("train_split", "free"),
    [
        (ValidSplit(5), True),
        (ValidSplit([([0], [1])]), False),
        (lambda dataset, y: (dataset, dataset), False),
    ],
)
def test_only_splits_by_number_choose_rows_freely(train_split, free):
    assert chooses_freely(train_split) == free


@pytest.mark.parametrize("weight", [np.full(30, 3.0), np.arange(30) % 3])
def test_a_split_of_certain_rows_names_the_users_rows_whatever_their_weights(weight):
    rows = numbered(30, sample_weight=weight)
    last = np.arange(30) >= 20
    split = ValidSplit(PredefinedSplit(np.where(last, 0, -1)))
    train, valid = split_rows(split, rows, rows.encoded_targets)
    counted = weight > 0
    assert sorted(train.indices) == np.flatnonzero(~last & counted).tolist()
    assert sorted(valid.indices) == np.flatnonzero(last & counted).tolist()


def test_rows_of_weight_zero_are_neither_trained_on_nor_held_out():
    rows = numbered(30, sample_weight=np.arange(30) % 3)
    rows.y[::2] = 1
    for split in (None, ValidSplit(4, stratified=True)):
        sides = split_rows(split, rows, rows.encoded_targets)
        indices = [i for side in sides if side is not None for i in side.indices]
        assert sorted(indices) == [i for i in range(30) if i % 3]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0)[::-1],
        np.arange(6.0).reshape(2, 3)[:, ::-1],
        np.arange(3.0)[np.newaxis][:1][::-1],
        np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i1"), ("b", "f8")])["b"],
        np.arange(3, dtype=">f8"),
    ],
    ids=["backwards", "columns", "one row", "field", "other bytes"],
)
def test_memory_that_torch_cannot_wrap_is_copied(array):
    assert_array_equal(as_tensor(array).numpy(), array)


# ---- rows that a GPU has no room for


@pytest.fixture
def no_room(monkeypatch):
    """Let rows stay where they are, as if the device were full."""
    monkeypatch.setattr("skbin.data.rows.has_room_for", lambda n_bytes, device: False)


@pytest.mark.parametrize("module", [ConvNet, TableConvNet, DenseNet])
@pytest.mark.parametrize("iterator", ["auto", BalancedBatches])
def test_streamed_rows_give_the_same_network(rare, module, iterator, request):
    X, y = rare
    weight = np.linspace(0.5, 2, len(y)) if iterator == "auto" else None

    def fit():
        net = BinaryNetClassifier(
            module, iterator_train=iterator, max_epochs=2, random_state=0
        )
        return net.fit(X, y, sample_weight=weight).predict_proba(X)

    resident = fit()
    request.getfixturevalue("no_room")
    assert_array_equal(fit(), resident)


def test_a_gpu_predicts_in_larger_batches_than_a_cpu(monkeypatch):
    X = np.zeros((3_000, 4), dtype=np.float32)
    net = BinaryNetClassifier(nn.Linear(4, 1), max_epochs=1).fit(X[:4], [0, 1, 0, 1])
    dataset, n_batches = net.get_dataset(X), []
    for device in ("cpu", "cuda"):
        monkeypatch.setattr(net, "_compute_device", lambda device=device: device)
        n_batches.append(len(net.get_iterator(dataset)))
    assert n_batches == [3, 1]


@pytest.mark.parametrize(
    ("n_bytes", "device", "has_room"),
    [
        (10**12, None, True),
        (10**12, "cpu", True),
        (10**12, "cuda", False),
        (10**9, torch.device("cuda", 0), True),
        (10**6, "cuda:1", True),
    ],
)
def test_a_gpu_holds_what_fits_into_half_of_its_free_memory(
    monkeypatch, n_bytes, device, has_room
):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (3 * 10**9, 10**10))
    assert has_room_for(n_bytes, device) is has_room


@pytest.mark.parametrize(
    ("X", "is_whole"),
    [
        (np.ones((2, 3)), True),
        (np.ones((2, 1, 3)), True),
        (np.array([[[1.0, 2.0]], [[3.0, np.nan]]]), False),
    ],
)
def test_batches_tell_whether_signals_end_early(X, is_whole):
    assert TensorRows(X).batch(slice(0, 1)).is_whole is is_whole


def test_what_was_known_of_a_batch_is_not_of_what_is_written_to_it():
    batch = TensorRows(np.ones((2, 1, 3))).batch(slice(0, 2))
    batch[0][0, :, -1] = torch.nan
    assert not batch.is_whole
    with torch.inference_mode():
        assert not TensorRows(np.ones((2, 1, 3))).batch(slice(0, 2)).is_whole


class CutsSignals(Callback):
    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        if training:
            batch[0][:, :, -3:] = torch.nan


def test_signals_may_be_cut_in_place_by_a_callback():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 1, 12)).astype(np.float32), np.arange(64) % 2
    net = BinaryNetClassifier(max_epochs=1, callbacks=[CutsSignals()], random_state=0)
    assert np.isfinite(net.fit(X, y).predict_proba(X)).all()
