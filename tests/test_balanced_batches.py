"""Batches with both classes in a chosen ratio."""

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit
from sklearn.datasets import make_classification
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch.utils.data import TensorDataset

from skbin import BalancedBatches, BinaryNetClassifier
from skbin.data.rows import TensorRows


class RecordBatches(Callback):
    def initialize(self):
        self.epochs = []
        return self

    def on_epoch_begin(self, net, **kwargs):
        self.epochs.append([])

    def on_batch_begin(self, net, batch=None, training=None):
        if training:
            self.epochs[-1].append((batch[0].numpy(), batch[1].numpy()))


def make_net(**params):
    settings = {
        "max_epochs": 3,
        "random_state": 0,
        "iterator_train": BalancedBatches,
        "callbacks": [("record", RecordBatches())],
        **params,
    }
    return BinaryNetClassifier(**settings)


def epochs_of(net):
    return [
        tuple(np.concatenate(part) for part in zip(*batches, strict=True))
        for batches in dict(net.callbacks_)["record"].epochs
    ]


@pytest.mark.parametrize(
    ("sampler", "n_negative", "n_positive"),
    [
        (None, 253, 253),
        (RandomOverSampler(), 253, 253),
        (RandomOverSampler(sampling_strategy=0.5), 253, 126),
        (RandomUnderSampler(), 47, 47),
        (RandomUnderSampler(sampling_strategy=0.25), 188, 47),
    ],
)
def test_each_epoch_holds_both_classes_in_the_ratio(
    rare, sampler, n_negative, n_positive
):
    assert_array_equal(np.bincount(rare[1]), [253, 47])
    net = make_net(iterator_train__sampler=sampler).fit(*rare)
    for _, y in epochs_of(net):
        assert_array_equal(np.bincount(y.astype(int)), [n_negative, n_positive])
    share = n_positive / (n_negative + n_positive)
    assert net.batch_prior_ == pytest.approx(share)
    assert net.train_prior_ == pytest.approx(47 / 300)


def test_targets_stay_with_their_rows(rare):
    X, y = rare
    label = {
        row.tobytes(): target for row, target in zip(np.float32(X), y, strict=True)
    }
    for rows, targets in epochs_of(make_net().fit(X, y)):
        assert [label[row.tobytes()] for row in rows] == targets.tolist()


def test_each_epoch_draws_other_rows(rare):
    net = make_net(iterator_train__sampler=RandomUnderSampler()).fit(*rare)
    drawn = [{row.tobytes() for row in X} for X, _ in epochs_of(net)]
    assert drawn[0] != drawn[1] != drawn[2]


def test_rows_that_are_held_out_are_not_drawn(rare):
    net = make_net(train_split=ValidSplit(3, stratified=True)).fit(*rare)
    drawn = {row.tobytes() for X, _ in epochs_of(net) for row in X}
    assert len(drawn) <= 200
    (n_valid,) = set(net.history[:, "batches", :, "valid_batch_size"][0])
    assert n_valid == 100


def test_the_same_seed_draws_the_same(rare):
    first, second = (make_net().fit(*rare).predict_proba(rare[0]) for _ in range(2))
    assert_array_equal(first, second)


def test_prior_train_undoes_what_batches_draw():
    X, y = make_classification(
        n_samples=3000, n_features=5, weights=[0.95], flip_y=0.02, random_state=0
    )
    net = make_net(max_epochs=20, batch_size=256).fit(X, y)
    balanced = net.predict_proba(X)[:, 1].mean()
    honest = net.set_params(prior="train").predict_proba(X)[:, 1].mean()
    assert balanced > 2 * y.mean()
    assert honest == pytest.approx(y.mean(), rel=0.3)


def test_the_shift_is_that_of_the_odds(rare):
    X, y = rare
    net = make_net(iterator_train__sampler=RandomUnderSampler(), pos_weight=2.0)
    net.fit(X, y)
    trained = net.decision_function(X)
    undone = np.log(2.0) + logit(0.5) - logit(47 / 300)
    assert_allclose(
        net.set_params(prior="train").decision_function(X), trained - undone
    )
    undone = np.log(2.0) + logit(0.5) - logit(0.01)
    assert_allclose(net.set_params(prior=0.01).decision_function(X), trained - undone)


def test_a_recalled_fit_knows_what_was_drawn(rare, tmp_path):
    X, y = rare
    sampler = RandomUnderSampler(sampling_strategy=0.5)
    settings = {"iterator_train__sampler": sampler, "memory": str(tmp_path)}
    fresh = make_net(**settings).fit(X, y)
    recalled = make_net(**settings, prior="train").fit(X, y)
    assert recalled.batch_prior_ == fresh.batch_prior_ == pytest.approx(1 / 3)
    other = make_net(**{**settings, "iterator_train__sampler": None}).fit(X, y)
    assert other.batch_prior_ == 0.5


def test_fractional_weights_weigh_the_drawn_rows(rare):
    X, y = rare
    weight = np.where(y == 1, 0.5, 1.5)
    net = make_net().fit(X, y, sample_weight=weight)
    assert net.batch_prior_ == pytest.approx(0.25)


@pytest.mark.parametrize("sampler", [SMOTE(), RandomOverSampler(shrinkage=1.0), "over"])
def test_samplers_that_make_rows_are_refused(rare, sampler):
    with pytest.raises(ValueError, match="takes a RandomOverSampler without shrinkage"):
        make_net(iterator_train__sampler=sampler).fit(*rare)


def test_datasets_are_refused_with_the_mend(rare):
    X, y = rare
    with pytest.raises(ValueError, match="WeightedRandomSampler"):
        make_net().fit(TensorDataset(torch.tensor(X), torch.tensor(y)), y)


def test_batches_have_the_size_that_was_asked_for():
    rows = TensorRows(np.zeros((50, 2)), y=[1] * 5 + [0] * 45)
    batches = list(BalancedBatches(rows, batch_size=32))
    assert [len(y) for _, y in batches] == [32, 32, 26]
