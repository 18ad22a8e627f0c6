"""torch Datasets, loaders and dicts: their targets are read by the labels of fit."""

import re
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import Dataset as SkorchDataset
from skorch.dataset import ValidSplit
from skorch.helper import SliceDataset, predefined_split
from skorch.history import History
from torch import nn
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from skbin import (
    BalancedBatches,
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    TableConvNet,
    load,
    save,
)
from skbin.data.batches import load_batches
from skbin.data.datasets import encode
from skbin.data.rows import TensorRows


def quick(*args, **kwargs):
    return BinaryNetClassifier(
        *(args or (partial(nn.Linear, 8, 1),)),
        **{"max_epochs": 5, "random_state": 0, "lr": 0.05, **kwargs},
    )


class Samples(Dataset):
    """A user's own Dataset of samples and targets of any kind."""

    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


class Stream(IterableDataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __iter__(self):
        return iter(zip(self.X, self.y, strict=True))


ENCODINGS = {
    "zero positive": (lambda y: 1 - y, 0),
    "strings": (lambda y: np.where(y == 1, "fraud", "ok"), "fraud"),
    "minus one": (lambda y: np.where(y == 1, -1, 1), -1),
}


@pytest.mark.parametrize("kind", [SkorchDataset, Samples, Subset])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_targets_held_out_by_a_user_are_encoded_by_the_labels(rare, kind, encoding):
    X, y = rare[0].astype(np.float32), rare[1]
    encode, pos_label = ENCODINGS[encoding]
    labels = encode(y)
    valid = Samples(X[200:], labels[200:])
    if kind is not Samples:
        valid = SkorchDataset(X[200:], labels[200:])
    if kind is Subset:
        valid = Subset(SkorchDataset(X, labels), range(200, 300))
    net = quick(pos_label=pos_label, train_split=predefined_split(valid))
    net.fit(X[:200], labels[:200])
    proba = net.predict_proba(X[200:])
    column = list(net.classes_).index(pos_label)
    assert net.history[-1, "valid_loss"] == pytest.approx(
        log_loss(y[200:], proba[:, column]), rel=1e-4
    )


@pytest.mark.parametrize("kind", [SkorchDataset, Samples, Stream])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_dataset_beside_labels_learns_what_arrays_learn(rare, kind, encoding):
    X, y = rare[0].astype(np.float32), rare[1]
    encode, pos_label = ENCODINGS[encoding]
    labels = encode(y)
    settings = {"pos_label": pos_label, "iterator_train__shuffle": False}
    net = quick(**settings).fit(kind(X, labels), labels)
    expected = quick(**settings).fit(X, labels)
    assert_array_equal(net.classes_, expected.classes_)
    assert_allclose(net.predict_proba(X), expected.predict_proba(X), rtol=1e-4)


@pytest.mark.parametrize("kind", [SkorchDataset, Samples])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: 1 - y, "they must be the same"),
        (lambda y: y[::-1], "they must be the same"),
        (lambda y: np.r_[y, 0], "y has 301 labels, but the Dataset has 300 samples"),
        (lambda y: y[:-1], "y has 299 labels, but the Dataset has 300 samples"),
    ],
    ids=["opposite", "permuted", "longer", "shorter"],
)
def test_labels_that_contradict_a_dataset_are_refused(rare, kind, change, message):
    X, y = rare
    net = quick()
    with pytest.raises(ValueError, match=re.escape(message)):
        net.fit(kind(X.astype(np.float32), y), change(y))
    assert not net.initialized_


def test_the_positive_label_of_a_dataset_without_labels_is_respected(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    net = quick(pos_label=0, pos_weight=0.7).fit(Samples(X, y))
    expected = quick(pos_label=0, pos_weight=0.7).fit(X, y)
    assert_allclose(
        net.predict_proba(X)[:, 0].mean(), expected.predict_proba(X)[:, 0].mean(), 0.05
    )


@pytest.mark.parametrize(
    "shape", [lambda y: y[:, np.newaxis], torch.tensor, lambda y: y.astype(float)]
)
def test_targets_of_any_shape_and_type_are_zero_and_one(rare, shape):
    X, y = rare[0].astype(np.float32), rare[1]
    net = quick().fit(Samples(X, shape(y)))
    assert_allclose(net.predict_proba(X), quick().fit(Samples(X, y)).predict_proba(X))


def test_targets_that_are_no_labels_are_refused_with_the_fix(rare):
    X, y = rare
    with pytest.raises(ValueError, match=re.escape("fit(dataset, y)")):
        quick().fit(Samples(X.astype(np.float32), np.where(y == 1, "a", "b")))


@pytest.mark.parametrize("cast", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("kind", ["dataset", "skorch", "dict", "tensor"])
def test_floats_of_any_width_are_cast(rare, cast, kind):
    X, y = torch.tensor(rare[0]).to(getattr(torch, cast)), rare[1]
    data = {"input": X} if kind == "dict" else X
    if kind != "tensor":
        data = {
            "dataset": lambda: Samples(X, y),
            "skorch": lambda: SkorchDataset(X, y),
            "dict": lambda: data,
        }[kind]()
    net = quick(iterator_train__shuffle=False).fit(data, y)
    expected = quick(iterator_train__shuffle=False).fit(X.float().numpy(), y)
    assert_allclose(
        net.predict_proba(data), expected.predict_proba(X.float()), rtol=1e-5
    )


def test_a_dict_of_frames_is_learnt_like_arrays(rare):
    import pandas as pd

    X, y = rare
    frame = {"input": pd.DataFrame(X).iloc[::-1]}
    net = quick().fit(frame, y[::-1])
    expected = quick().fit({"input": X[::-1]}, y[::-1])
    assert_array_equal(
        net.predict_proba(frame), expected.predict_proba({"input": X[::-1]})
    )


def test_the_inputs_of_a_dict_are_known_by_name(rare):
    X, y = rare
    net = quick().fit({"input": X}, y)
    with pytest.raises(ValueError, match=r"missing \['input'\], unknown \['inputs'\]"):
        net.predict({"inputs": X})


def test_weights_of_rows_work_for_dicts(rare):
    X, y = rare
    weight = np.where(y == 1, 50.0, 1.0)
    net = quick().fit({"input": X}, y, sample_weight=weight)
    expected = quick().fit(X, y, sample_weight=weight)
    assert_array_equal(net.predict_proba({"input": X}), expected.predict_proba(X))


def test_a_slice_dataset_is_searched_as_in_skorch(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    samples = SliceDataset(Samples(X, y))
    search = GridSearchCV(quick(), {"lr": [0.01, 0.05]}, cv=3, scoring="roc_auc")
    search.fit(samples, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.6
    assert_array_equal(search.predict(samples), search.predict(X))


@pytest.mark.parametrize("parameter", [{"num_workers": 0}, {"pin_memory": False}])
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_rows_pass_a_loader(rare, make, parameter):
    X, y = rare
    parameter = {
        f"iterator_{k}__{n}": v
        for n, v in parameter.items()
        for k in ("train", "valid")
    }
    net = quick(**parameter).fit(make(X), y)
    assert_allclose(net.predict_proba(make(X)), net.predict_proba(X), rtol=1e-6)


# ---- which rows a sampler draws


class SeesRows(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        if training:
            self.seen += batch[0][:, 0].tolist()


@pytest.mark.parametrize("weight", [None, 3.0, "fractions"])
@pytest.mark.parametrize("make", ["indices", "weights", "batches"])
def test_a_sampler_names_rows_of_x(make, weight):
    X = np.arange(60.0).reshape(60, 1)
    y = np.arange(60) % 3 == 0
    named = [7, 50, 21]
    sampler = {
        "indices": lambda: {"sampler": SubsetRandomSampler(named)},
        "weights": lambda: {
            "sampler": WeightedRandomSampler(np.isin(np.arange(60), named), 30)
        },
        "batches": lambda: {"batch_sampler": BatchSampler(named, 2, drop_last=False)},
    }[make]()
    if weight is not None:
        weight = np.full(60, 3.0) if weight == 3 else np.linspace(1, 2, 60)
    sees = SeesRows()
    parameters = {f"iterator_train__{name}": value for name, value in sampler.items()}
    net = quick(nn.Linear(1, 1), callbacks=[sees], lr=1e-3, **parameters)
    net.fit(X, y, sample_weight=weight)
    assert set(sees.seen) == set(map(float, named))


@pytest.mark.parametrize("split", [True, False])
def test_a_sampler_is_refused_where_rows_have_other_numbers(rare, split):
    X, y = rare
    weight = None if split else np.r_[0, np.ones(299)]
    net = quick(
        iterator_train__sampler=SubsetRandomSampler(range(20)),
        train_split=ValidSplit(3, stratified=True) if split else None,
    )
    with pytest.raises(
        ValueError, match="iterator_train__sampler returns row numbers of X"
    ):
        net.fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    "draws",
    [
        lambda sampler: {"iterator_train": BalancedBatches},
        lambda sampler: {"iterator_train__sampler": sampler},
        lambda sampler: {"iterator_train": partial(DataLoader, sampler=sampler)},
        lambda sampler: {
            "iterator_train": lambda rows, **k: DataLoader(rows, sampler=sampler, **k)
        },
    ],
)
def test_weighing_what_a_sampler_balances_is_warned_of(rare, draws):
    X, y = rare
    sampler = WeightedRandomSampler(np.where(y == 1, 5.0, 1.0), 300)
    with pytest.warns(UserWarning, match="weights them twice"):
        net = quick(pos_weight="balanced", **draws(sampler)).fit(X, y)
    assert net.batch_prior_ > 2 * net.train_prior_


def test_without_replacement_a_sampler_of_all_rows_draws_what_there_is(rare):
    X, y = rare
    sampler = WeightedRandomSampler(np.where(y == 1, 5.0, 1.0), 300, replacement=False)
    net = quick(iterator_train__sampler=sampler).fit(X, y)
    assert net.batch_prior_ == pytest.approx(y.mean())


class InOrder(Sampler):
    """A sampler of a user's own, of which nobody knows what it draws."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def test_a_prior_after_an_unknown_sampler_is_refused_for_good(rare, tmp_path):
    X, y = rare
    net = quick(DenseNet, iterator_train__sampler=InOrder(300)).fit(X, y)
    with pytest.warns(UserWarning, match="leaves out iterator_train__sampler"):
        save(net, tmp_path / "net.skbin")
    net.set_params(iterator_train__sampler=None)
    for one in (net, load(tmp_path / "net.skbin")):
        assert one.predict_proba(X).shape == (300, 2)
        with pytest.raises(ValueError, match="share of positives that InOrder draws"):
            one.set_params(prior="train").predict_proba(X)


def test_a_prior_after_balanced_batches_and_rows_without_labels_is_refused(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    net = quick(iterator_train=BalancedBatches).fit(X, y)
    net.set_params(iterator_train="auto", prior="train")
    net.partial_fit(TensorDataset(torch.tensor(X), torch.tensor(y)))
    with pytest.raises(ValueError, match="a Dataset without y draws"):
        net.predict_proba(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"iterator_train__sampler": SubsetRandomSampler(range(301))}, "row 300"),
        ({"iterator_train__sampler": RandomOverSampler()}, "iterator_train=BalancedBa"),
        (
            {"iterator_train": BalancedBatches, "iterator_train__shuffle": False},
            "takes only batch_size and sampler, got shuffle",
        ),
    ],
)
def test_options_that_no_iterator_takes_are_refused(rare, params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(*rare)


def test_balanced_batches_of_one_class_are_refused(rare):
    X, y = rare
    net = quick(iterator_train=BalancedBatches).fit(X, y)
    with pytest.raises(ValueError, match="BalancedBatches draws rows of both classes"):
        net.partial_fit(X[y == 0], y[y == 0])


def test_all_rows_that_balanced_batches_draw_may_be_one_batch(rare):
    net = quick(iterator_train=BalancedBatches, batch_size=-1, max_epochs=1).fit(*rare)
    assert net.history[-1, "train_batch_count"] == 1


def test_the_share_of_balanced_batches_is_that_of_the_mean_weight(rare):
    X, y = rare
    weight = np.ones(300)
    weight[np.flatnonzero(y == 0)[:3]] = 100.0
    net = quick(
        iterator_train=BalancedBatches,
        iterator_train__sampler=RandomUnderSampler(),
        max_epochs=1,
    ).fit(X, y, sample_weight=weight)
    mean = weight[y == 0].mean()
    assert net.batch_prior_ == pytest.approx(1 / (1 + mean), rel=1e-4)


# ---- what a split makes of a Dataset


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_parts_of_the_users_own_dataset_are_encoded_and_counted(rare, encoding):
    X, y = rare[0].astype(np.float32), rare[1]
    encode_labels, pos_label = ENCODINGS[encoding]
    own = Samples(X, encode_labels(y))

    def split(dataset, y=None):
        return Subset(own, range(200)), Subset(own, range(200, 300))

    params = {"pos_label": pos_label, "pos_weight": "balanced", "max_epochs": 10}
    net = quick(train_split=split, **params).fit(own, own.y)
    column = list(net.classes_).index(pos_label)
    assert net.train_prior_ == pytest.approx(y[:200].mean())
    assert net.history[-1, "valid_loss"] < net.history[0, "valid_loss"]
    assert average_precision_score(y, net.predict_proba(X)[:, column]) > 0.5


def test_the_rows_inside_a_wrapped_part_are_counted(rare):
    X, y = rare

    def split(dataset, y=None):
        return Wrapped(Subset(dataset, range(200))), Subset(dataset, range(200, 300))

    net = quick(train_split=split, pos_weight="balanced").fit(X, y)
    assert net.train_prior_ == pytest.approx(y[:200].mean())
    negatives = np.flatnonzero(y == 0)

    def without_positives(dataset, y=None):
        rest = np.setdiff1d(np.arange(300), negatives)
        return Wrapped(Subset(dataset, negatives)), Subset(dataset, rest)

    with pytest.raises(ValueError, match="train_split holds out all samples"):
        quick(train_split=without_positives).fit(X, y)


# ---- samples of another size


@pytest.mark.parametrize("module", [DenseNet, TableConvNet])
def test_samples_with_another_number_of_columns_are_refused(rare, module):
    X, y = torch.tensor(rare[0]).float(), torch.tensor(rare[1])
    net = quick(module).fit(TensorDataset(X, y), y)
    for wrong in (TensorDataset(X[:, :1], y), X[:, :1], X[:, :5]):
        with pytest.raises(ValueError, match=r"made for 8 columns|shape \(8,\)"):
            net.predict_proba(wrong)
    split = predefined_split(TensorDataset(X[:, :1], y))
    with pytest.raises(ValueError, match="made for 8 columns, got 1"):
        quick(module, train_split=split).fit(rare[0], rare[1])


def test_signals_with_another_number_of_channels_are_refused():
    X, y = torch.randn(60, 3, 20), torch.arange(60) % 2
    net = quick(ConvNet, max_epochs=1).fit(TensorDataset(X, y), y)
    with pytest.raises(ValueError, match="made for 3 channels, got 1"):
        net.predict_proba(TensorDataset(X[:, :1], y))


def test_integers_of_a_dataset_are_numbers_where_no_ids_are_taken(rare):
    X, y = np.round(10 * rare[0]).astype(np.int64), rare[1]
    dataset = TensorDataset(torch.tensor(X), torch.tensor(y))
    params = {"iterator_train__shuffle": False}
    net = quick(**params).fit(dataset, y)
    expected = quick(**params).fit(X, y)
    assert_allclose(net.predict_proba(dataset), expected.predict_proba(X), rtol=1e-4)


def test_prior_knows_what_a_weighted_sampler_draws(rare):
    X, y = rare
    weights = np.where(y == 1, 1 / y.sum(), 1 / (1 - y).sum())
    sampler = WeightedRandomSampler(weights, 300)
    net = quick(iterator_train__sampler=sampler, prior="train").fit(X, y)
    assert net.batch_prior_ == pytest.approx(0.5)
    assert net.predict_proba(X)[:, 1].mean() < 1.5 * y.mean()


@pytest.mark.parametrize("name", ["shuffle", "drop_last"])
def test_predictions_in_another_order_are_refused(rare, name):
    with pytest.raises(ValueError, match=f"iterator_valid__{name} would return"):
        quick(**{f"iterator_valid__{name}": True}).fit(*rare).predict(rare[0])


def test_balanced_batches_are_refused_for_validation(rare):
    with pytest.raises(ValueError, match="iterator_train=BalancedBatches"):
        quick(iterator_valid=BalancedBatches).fit(*rare).predict(rare[0])


# ---- nothing to train on


@pytest.mark.parametrize(
    "parameters",
    [
        {"iterator_train__drop_last": True, "batch_size": 512},
        {"iterator_train__batch_sampler": []},
    ],
)
def test_a_training_without_a_step_is_refused(rare, parameters):
    net = quick(**parameters)
    with pytest.raises(ValueError, match="yielded no batch, so that nothing was"):
        net.fit(*rare)
    assert not net.initialized_


def test_an_empty_stream_is_refused():
    with pytest.raises(ValueError, match="yielded no batch"):
        quick().fit(Stream([], []))


def test_positives_that_are_all_held_out_are_refused(rare):
    X, y = rare[0], np.r_[np.ones(5, dtype=int), np.zeros(295, dtype=int)]
    first = ValidSplit(PredefinedSplit(np.where(np.arange(300) < 60, 0, -1)))
    net = quick(train_split=first, pos_weight="balanced")
    with pytest.raises(ValueError, match="holds out all samples of the class 1"):
        net.fit(X, y)


def test_balance_is_counted_in_the_rows_that_are_trained_on(rare):
    X, y = rare
    split = predefined_split(SkorchDataset(X.astype(np.float32), y))
    assert quick(train_split=split, pos_weight="balanced").fit(
        X[:200], y[:200]
    ).pos_weight_ == pytest.approx((1 - y[:200]).sum() / y[:200].sum())


def test_a_last_batch_of_one_row_names_the_parameter_that_leaves_it_out(rare):
    X, y = rare[0][:129].astype(np.float32), rare[1][:129]
    module = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    quick(module).fit({"input": X}, y)
    with pytest.raises(ValueError, match="more than 1 value per channel") as caught:
        quick(module).fit(Samples(X, y))
    assert "iterator_train__drop_last=True" in caught.value.__notes__[-1]
    quick(module, iterator_train__drop_last=True).fit(Samples(X, y))


def test_a_loader_is_refused_with_the_fix(rare):
    loader = DataLoader(TensorDataset(torch.zeros(4, 8), torch.zeros(4)))
    with pytest.raises(ValueError, match=re.escape("Pass its Dataset, loader.dataset")):
        quick().fit(loader, None)


def test_predictions_through_a_loader_draw_no_random_numbers(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    nets = [quick().fit(X, y), quick(iterator_valid=DataLoader).fit(X, y)]
    before = torch.get_rng_state()
    for net in nets:
        net.predict(Samples(X, y))
        net.predict(X)
    assert torch.equal(torch.get_rng_state(), before)


def test_early_stopping_keeps_the_best_epoch_of_labels_that_sort_the_other_way(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    valid = SkorchDataset(X[200:], 1 - y[200:])
    net = quick(
        pos_label=0,
        lr=0.01,
        max_epochs=20,
        train_split=predefined_split(valid),
        callbacks=[EarlyStopping(patience=3, load_best=True)],
    ).fit(X[:200], 1 - y[:200])
    assert len(net.history) > 10


class Wrapped(Dataset):
    """A user's own view of rows."""

    def __init__(self, base):
        self.base = base

    def __len__(self):
        return len(self.base)

    def __getitem__(self, i):
        return self.base[i]


def hold_out_wrapped(wrap):
    def split(dataset, y=None, **kwargs):
        first, last = Subset(dataset, range(200)), Subset(dataset, range(200, 300))
        return first, wrap(last)

    return split


@pytest.mark.parametrize("wrap", [Wrapped, lambda rows: ConcatDataset([rows])])
def test_rows_in_a_wrapper_of_the_users_are_not_encoded_twice(rare, wrap):
    X, y = rare
    settings = {"pos_label": 0}
    net = quick(train_split=hold_out_wrapped(wrap), **settings).fit(X, 1 - y)
    plain = quick(train_split=hold_out_wrapped(lambda s: s), **settings).fit(X, 1 - y)
    assert net.history[-1, "valid_loss"] == pytest.approx(
        plain.history[-1, "valid_loss"], rel=1e-4
    )
    with pytest.raises(ValueError, match="hides their sample_weight"):
        quick(train_split=hold_out_wrapped(wrap)).fit(
            X, y, sample_weight=np.linspace(1, 2, 300)
        )


@pytest.mark.parametrize("name", ["sampler", "batch_sampler", "collate_fn"])
def test_none_for_a_parameter_of_a_loader_is_as_if_it_were_not_given(rare, name):
    X, y = rare
    net = quick(**{f"iterator_train__{name}": None}).fit(X, y)
    assert_array_equal(net.predict_proba(X), quick().fit(X, y).predict_proba(X))


class Ranged(IterableDataset):
    def __init__(self, X, y):
        self.X, self.y, self.start, self.stop = X, y, 0, len(X)

    def __iter__(self):
        rows = range(self.start, self.stop)
        return ((self.X[i], self.y[i]) for i in rows)


def one_half_each(worker):
    info = torch.utils.data.get_worker_info()
    half = len(info.dataset.X) // 2
    info.dataset.start, info.dataset.stop = half * worker, half * (worker + 1)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on one core
def test_workers_of_a_stream_may_be_given_their_part(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    net = quick(
        max_epochs=1,
        iterator_train__num_workers=2,
        iterator_train__worker_init_fn=one_half_each,
    ).fit(Ranged(X, y))
    assert sum(net.history[-1, "batches", :, "train_batch_size"]) == 300


def test_weights_work_with_a_history_of_the_users(rare):
    class OwnHistory(History):
        pass

    X, y = rare
    weight = np.where(y == 1, 30.0, 1.0)
    nets = [quick().fit(X, y, sample_weight=weight), quick()]
    nets[1].history_ = OwnHistory()
    nets[1].fit(X, y, sample_weight=weight)
    assert type(nets[1].history) is OwnHistory
    assert_allclose(nets[1].predict_proba(X), nets[0].predict_proba(X))
    assert nets[1].history[-1, "train_loss"] == nets[0].history[-1, "train_loss"]


@pytest.mark.parametrize("weight", [1e-60, 1e-300])
def test_batches_of_rows_that_hardly_count_give_no_nan(rare, weight):
    X, y = rare
    weights = np.where(np.arange(300) < 290, weight, 1.0)
    net = quick(batch_size=16).fit(X, y, sample_weight=weights)
    assert np.isfinite(net.predict_proba(X)).all()


def test_rows_of_weight_zero_teach_nothing_about_the_data(rare):
    X = 1e12 + np.round(1000 * rare[0])
    y = rare[1]
    more = np.r_[X, np.zeros((900, 8))]
    weight = np.r_[np.ones(300), np.zeros(900)]
    net = quick().fit(more, np.r_[y, np.zeros(900)], sample_weight=weight)
    assert_allclose(net.predict_proba(X), quick().fit(X, y).predict_proba(X), rtol=1e-5)


def test_rows_that_are_held_out_need_weight(rare):
    X, y = rare
    split = ValidSplit(PredefinedSplit(np.where(np.arange(300) < 200, -1, 0)))
    with pytest.raises(ValueError, match="holds out no row of positive weight"):
        quick(train_split=split).fit(
            X, y, sample_weight=(np.arange(300) < 200).astype(float)
        )


def test_a_sampler_of_batches_is_known_to_draw_positives_more_often(rare):
    X, y = rare
    weights = np.where(y == 1, 1 / y.sum(), 1 / (1 - y).sum())
    batches = BatchSampler(WeightedRandomSampler(weights, 300), 50, drop_last=False)
    net = quick(iterator_train__batch_sampler=batches).fit(X, y)
    assert net.batch_prior_ == pytest.approx(0.5)
    short = WeightedRandomSampler(weights[:200], 300)
    with pytest.raises(ValueError, match="one weight for each row"):
        quick(iterator_train__sampler=short).fit(X, y)


def test_one_layer_that_was_switched_to_training_changes_no_prediction(rare):
    net = quick(DenseNet).fit(*rare)
    expected = net.predict_proba(rare[0])
    net.module_.layers[2].train()
    assert_array_equal(net.predict_proba(rare[0]), expected)


class EveryThird(Sampler):
    def __len__(self):
        return 100

    def __iter__(self):
        return iter(range(0, 300, 3))


def test_a_prior_behind_a_sampler_of_unknown_share_is_refused(rare):
    net = quick(iterator_train__sampler=EveryThird(), prior="train").fit(*rare)
    with pytest.raises(ValueError, match="that EveryThird draws, which is not known"):
        net.predict_proba(rare[0])
    assert net.set_params(prior=None).predict_proba(rare[0]).shape == (300, 2)


@pytest.mark.parametrize("kind", [SkorchDataset, Samples, Stream])
def test_numbers_far_from_zero_are_read_alike_from_a_dataset(rare, kind):
    X, y = 1e12 + np.round(1000 * rare[0]), rare[1]
    net = quick().fit(X, y)
    assert_allclose(
        net.predict_proba(kind(X, y)), net.predict_proba(X), rtol=1e-5, atol=1e-7
    )
    valid = kind(X[200:], y[200:])
    net = quick(train_split=predefined_split(valid)).fit(X[:200], y[:200])
    z = net.decision_function(X[200:])
    expected = np.mean(np.logaddexp(0, z) - y[200:] * z)
    assert net.history[-1, "valid_loss"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("change", [lambda y: 1 - y, lambda y: y[:-1]])
def test_labels_that_contradict_a_stream_are_refused(rare, change):
    X, y = rare
    with pytest.raises(ValueError, match=r"the same|yields more"):
        quick().fit(Stream(X.astype(np.float32), y), change(y))


def test_a_sampler_of_one_class_is_refused(rare):
    X, y = rare
    negatives = SubsetRandomSampler(np.flatnonzero(y == 0).tolist())
    with pytest.raises(ValueError, match="the sampler draws rows of one class"):
        quick(iterator_train__sampler=negatives).fit(X, y)


def test_a_loader_that_shuffles_predictions_is_refused(rare):
    with pytest.raises(ValueError, match="another order than the rows of X"):
        quick(iterator_valid=partial(DataLoader, shuffle=True)).fit(*rare).predict(
            rare[0]
        )


def test_rows_that_were_held_out_were_not_trained_on(rare):
    X, y = rare
    last = ValidSplit(PredefinedSplit(np.where(np.arange(300) < 200, -1, 0)))
    net = quick(train_split=last).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net._warn_if_trained_on(X[200:], y[200:] == 1)
    with pytest.warns(UserWarning, match="was trained on 100%"):
        net._warn_if_trained_on(X[:200], y[:200] == 1)


def test_another_positive_label_is_refused_where_training_goes_on(rare):
    net = quick().fit(*rare)
    with pytest.raises(ValueError, match="was set after training had begun"):
        net.set_params(pos_label=0).partial_fit(*rare)


def test_a_softmax_over_one_output_is_refused_under_a_loss_of_probabilities(rare):
    def make():
        return nn.Sequential(nn.Linear(8, 1), nn.Softmax(1))

    with pytest.raises(ValueError, match="which is always 1"):
        quick(make, criterion=nn.BCELoss).fit(*rare)


# ---- what a sample holds


class Items(Samples):
    """Gives what it is told to for each sample."""

    def __init__(self, X, y, items):
        super().__init__(X, y)
        self.items = items

    def __getitem__(self, i):
        return self.items(self.X[i], self.y[i])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (lambda x, y: x, "returns 1 value"),
        (lambda x, y: (x,), "returns 1 value"),
        (lambda x, y: (x, y, 1.0), "returns 3 values"),
    ],
)
def test_samples_of_other_than_two_items_are_refused(rare, items, message):
    X, y = torch.tensor(rare[0]).float(), torch.tensor(rare[1])
    with pytest.raises(ValueError, match=message):
        quick().fit(Items(X, y, items), y)


def test_a_contradiction_is_named_in_numbers_and_not_in_tensors(rare):
    X, y = torch.tensor(rare[0]).float(), torch.tensor(rare[1])
    found, given = y[0].item(), 1 - y[0].item()
    message = f"y[0] is {given}, but the target of dataset[0] is {found}:"
    with pytest.raises(ValueError, match=re.escape(message)):
        quick(iterator_train__shuffle=False).fit(TensorDataset(X, y), 1 - y)


class OfKnownLength(Stream):
    def __len__(self):
        return len(self.X)


def test_the_length_of_a_stream_is_the_users(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    batches = (
        quick(batch_size=64)
        .fit(*rare)
        .get_iterator(encode(OfKnownLength(X, y)), training=False)
    )
    assert len(batches) == 5
    with pytest.raises(TypeError):
        len(encode(Stream(X, y)))


def test_weighted_batches_of_a_loader_can_be_counted(rare):
    rows = TensorRows(rare[0], y=rare[1], sample_weight=np.arange(300))
    assert len(load_batches(rows, batch_size=64)) == 5


def test_prior_knows_what_a_sampler_of_row_numbers_draws(rare):
    X, y = rare
    as_many = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 0)[: (y == 1).sum()]]
    sampler = SubsetRandomSampler(as_many.tolist())
    net = quick(iterator_train__sampler=sampler, prior="train").fit(X, y)
    assert net.batch_prior_ == pytest.approx(0.5)
    assert net.train_prior_ == pytest.approx(y.mean())
    weight = np.where(y == 1, 3.0, 1.0)
    weighted = net.fit(X, y, sample_weight=weight)
    assert weighted.batch_prior_ == pytest.approx(0.75)


@pytest.mark.parametrize("kind", ["dict", "dataset"])
def test_what_has_no_columns_forgets_those_of_an_earlier_fit(rare, kind):
    X, y = rare[0].astype(np.float32), rare[1]
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    net = quick(nn.Linear(8, 1)).fit(frame, y)
    assert net.feature_names_in_.tolist() == list("abcdefgh")
    net.fit({"input": X} if kind == "dict" else SkorchDataset(torch.tensor(X), y), y)
    assert not hasattr(net, "feature_names_in_")
    if kind == "dict":
        assert not hasattr(net, "n_features_in_")


@pytest.mark.parametrize("kind", [SkorchDataset, Samples])
def test_a_dataset_without_samples_is_refused(rare, kind):
    X, y = torch.tensor(rare[0][:0]).float(), torch.tensor(rare[1][:0])
    with pytest.raises(ValueError, match=r"without samples|0 sample"):
        quick().fit(kind(X, y), None)


def test_a_dataset_of_arrays_in_memory_takes_weights_as_arrays_do(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    weight = np.where(y == 1, 9.0, 1.0)
    net = quick().fit(SkorchDataset(X, y), y, sample_weight=weight)
    expected = quick().fit(X, y, sample_weight=weight)
    assert_array_equal(net.predict_proba(X), expected.predict_proba(X))


class OfTwoParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 1), nn.Linear(5, 1)

    def forward(self, parts):
        first, second = parts
        return self.first(first) + self.second(second)


def test_a_dataset_of_several_arrays_is_read_as_by_skorch(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    parts = (X[:, :3], X[:, 3:])
    net = quick(OfTwoParts).fit(SkorchDataset(parts, y), y)
    found = net.predict_proba(SkorchDataset(parts))
    assert found.shape == (300, 2)
    with torch.no_grad():
        logit = net.module_([torch.tensor(part) for part in parts]).flatten()
    assert_allclose(found[:, 1], torch.sigmoid(logit).numpy(), rtol=1e-5)
