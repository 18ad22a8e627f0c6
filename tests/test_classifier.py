"""Behaviour of the estimator: training, weights, random state, skorch's ways."""

import copy
import io
import pickle
import re
import warnings
from fractions import Fraction
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import PredefinedSplit
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from skorch.history import History
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    TensorDataset,
    default_collate,
)

from skbin import BinaryNetClassifier, ConvNet, DenseNet, SignalNet, TableConvNet


def quick(*args, **kwargs):
    return BinaryNetClassifier(*args, **{"max_epochs": 3, "random_state": 0, **kwargs})


def weights_of(net):
    return {name: t.clone() for name, t in net.module_.state_dict().items()}


def assert_same_weights(first, second):
    first, second = weights_of(first), weights_of(second)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


class PickleEachEpoch(Callback):
    kept: ClassVar[list] = []

    def on_epoch_end(self, net, **kwargs):
        self.kept.append(pickle.dumps(net))


# ---- learning


@pytest.mark.parametrize("module", [TableConvNet, DenseNet])
def test_default_estimator_learns(rare, module):
    X, y = rare
    net = BinaryNetClassifier(module, random_state=0).fit(X[:200], y[:200])
    assert net.score(X[200:], y[200:]) > 0.9


def test_sequences_with_channels_are_learnt():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3, 30))
    y = np.arange(200) % 4 == 0
    X[y, 1, 10:15] += 3
    net = BinaryNetClassifier(max_epochs=20, random_state=0).fit(X[:150], y[:150])
    assert net.score(X[150:], y[150:]) > 0.9
    assert net.predict_proba(X[:, :, :20]).shape == (200, 2)


def test_pos_weight_raises_the_probability_of_the_positive_class(rare):
    X, y = rare
    plain = quick(max_epochs=20).fit(X, y)
    balanced = quick(max_epochs=20, pos_weight="balanced").fit(X, y)
    assert balanced.pos_weight_ == pytest.approx((y == 0).sum() / (y == 1).sum())
    assert balanced.criterion_.pos_weight == pytest.approx(balanced.pos_weight_)
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


def test_balanced_counts_by_sample_weight(rare):
    X, y = rare
    weight = np.where(y == 1, 0.5, 1.5)
    net = quick(pos_weight="balanced").fit(X, y, sample_weight=weight)
    assert net.pos_weight_ == pytest.approx(3 * (y == 0).sum() / (y == 1).sum())
    assert net.train_prior_ == pytest.approx(weight[y == 1].sum() / weight.sum())


def test_pos_weight_of_the_criterion_is_understood(rare):
    ours = quick(pos_weight=5.0).fit(*rare)
    skorchs = quick(criterion__pos_weight=torch.tensor(5.0)).fit(*rare)
    assert skorchs.pos_weight_ == 5.0
    assert_same_weights(ours, skorchs)


def test_threshold_and_prior_change_without_refit(rare):
    X, y = rare
    net = quick().fit(X, y)
    before = weights_of(net)
    net.set_params(threshold=0.01, prior=0.9)
    assert net.predict(X).mean() > 0.9
    after = weights_of(net)
    assert all(torch.equal(before[name], after[name]) for name in before)


# ---- input


@pytest.mark.parametrize(
    "convert",
    [
        np.ndarray.tolist,
        pd.DataFrame,
        torch.from_numpy,
        lambda X: torch.from_numpy(X).float().requires_grad_(),
        sparse.csr_matrix,
        sparse.csc_array,
        np.asfortranarray,
        lambda X: X[::-1][::-1],
        lambda X: pd.DataFrame(X, columns=list("abcdefgh")),
    ],
)
def test_every_kind_of_input_gives_the_same_model(rare, convert):
    X, y = rare
    expected = quick().fit(X, y)
    given = convert(X)
    net = quick().fit(given, y.tolist())
    assert_same_weights(net, expected)
    assert_array_equal(net.predict_proba(given), expected.predict_proba(X))


def test_integers_are_read_as_numbers(rare):
    X, y = rare
    X = np.round(X * 10).astype(np.int64)
    net = quick().fit(X, y)
    assert_array_equal(net.predict_proba(X), net.predict_proba(X.astype(float)))


def test_integers_stay_ids_for_a_table_of_embeddings():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10, 4)
            self.linear = nn.Linear(4, 1)

        def forward(self, X):
            return self.linear(self.embedding(X).mean(dim=1))

    X = np.random.default_rng(0).integers(0, 10, size=(60, 5))
    y = (X == 3).any(axis=1)
    net = BinaryNetClassifier(Bag, lr=0.05, random_state=0).fit(X, y)
    assert net.score(X, y) > 0.9


def test_input_is_never_changed(rare):
    X, y = (part.copy() for part in rare)
    X = X.astype(np.float32)
    weight = np.linspace(0, 2, len(y))
    quick().fit(X, y, sample_weight=weight).predict(X)
    assert_array_equal(X, rare[0].astype(np.float32))
    assert_array_equal(y, rare[1])
    assert_array_equal(weight, np.linspace(0, 2, len(y)))


@pytest.mark.parametrize(
    "make", [Dataset, lambda X, y: TensorDataset(*map(torch.from_numpy, (X, y)))]
)
def test_a_torch_dataset_is_learnt_through_skorchs_path(rare, make):
    X, y = rare
    X = X.astype(np.float32)
    dataset = make(X, y)
    net = quick(max_epochs=20).fit(dataset, y=None)
    assert accuracy_score(y, net.predict(dataset)) > 0.85
    assert_allclose(net.predict_proba(dataset), net.predict_proba(X))


class Stream(IterableDataset):
    """Rows that come one after the other, none of them by number."""

    def __init__(self, X, y):
        self.rows = list(zip(X.astype("float32"), y.astype("float32"), strict=True))

    def __iter__(self):
        return iter(self.rows)

    def __len__(self):
        return len(self.rows)


def test_a_stream_of_rows_is_learnt_in_the_order_in_which_they_come(rare):
    X, y = rare
    net = quick(DenseNet, module__n_features=X.shape[1]).fit(Stream(X, y))
    losses = net.history[:, "train_loss"]
    assert losses[-1] < losses[0]
    assert net.predict(X).shape == (len(X),)


def test_a_dataset_beside_labels_knows_balance_and_prior(rare):
    X, y = rare
    dataset = TensorDataset(torch.from_numpy(X).float(), torch.from_numpy(y))
    net = quick(
        pos_weight="balanced", prior=0.5, train_split=ValidSplit(3, stratified=True)
    )
    net.fit(dataset, y)
    train, _ = ValidSplit(3, stratified=True)(dataset, y)
    trained = y[train.indices]
    assert net.pos_weight_ == pytest.approx((trained == 0).sum() / (trained == 1).sum())
    assert "valid_loss" in net.history[-1]
    assert net.predict_proba(dataset).shape == (300, 2)


def test_a_dict_of_arrays_reaches_the_module_by_name(rare):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 1)

        def forward(self, left, right):
            return self.linear(torch.cat([left, right], dim=1))

    X, y = rare
    X = X.astype(np.float32)
    parts = {"left": X[:, :3], "right": X[:, 3:]}
    net = quick(Two, max_epochs=20, lr=0.05).fit(parts, np.where(y == 1, "x", "n"))
    assert set(net.predict(parts)) <= {"n", "x"}


# ---- sample weights


@settings(max_examples=10)
@given(data=st.data())
def test_a_weight_equals_repeating_the_row_where_one_batch_holds_all_rows(rare, data):
    X, y = rare[0][:40], np.arange(40) % 3 == 0
    weight = np.array(data.draw(st.lists(st.integers(0, 3), min_size=40, max_size=40)))
    weight[:6] = np.maximum(weight[:6], 1)
    arranged = np.random.default_rng(0).permutation(40)
    settings = {"pos_weight": "balanced", "module__dropout": 0.3}
    weighted = quick(DenseNet, **settings).fit(X, y, sample_weight=weight)
    repeated = quick(DenseNet, **settings).fit(
        np.repeat(X[arranged], weight[arranged], axis=0),
        np.repeat(y[arranged], weight[arranged]),
    )
    assert_same_weights(weighted, repeated)


@pytest.mark.parametrize("factor", [10.0, 10.0001, 1e-30, 1e38, 1e300])
def test_only_ratios_of_weights_count(rare, factor):
    X, y = rare
    weight = np.random.default_rng(0).integers(1, 4, 300).astype(float)
    net = quick(pos_weight="balanced").fit(X, y, sample_weight=weight)
    scaled = quick(pos_weight="balanced").fit(X, y, sample_weight=factor * weight)
    assert scaled.history[-1, "train_batch_count"] == 3
    assert_allclose(scaled.predict_proba(X), net.predict_proba(X), rtol=1e-4)


@pytest.mark.parametrize("weight", [10, 10.0001, 1e-30, 1e38])
def test_a_constant_weight_changes_nothing(rare, weight):
    plain = quick().fit(*rare)
    assert_same_weights(plain, quick().fit(*rare, sample_weight=np.full(300, weight)))


@pytest.mark.parametrize(
    "iterator",
    [
        {},
        {"iterator_train__num_workers": 1},
        {"iterator_train__drop_last": True, "batch_size": 100},
        {"iterator_train__collate_fn": default_collate},
        {"iterator_train": DataLoader, "iterator_valid": DataLoader},
    ],
)
def test_weights_travel_with_every_iterator(rare, iterator):
    X, y = rare
    weight = np.where(y == 1, 1000.0, 0.5)
    settings = {"module": nn.Linear(8, 1), "optimizer": torch.optim.SGD, "lr": 1.0}
    weighted = quick(**settings, **iterator).fit(X, y, sample_weight=weight)
    plain = quick(**settings, **iterator).fit(X, y)
    assert weighted.predict_proba(X)[:, 1].mean() > 0.5
    assert plain.predict_proba(X)[:, 1].mean() < 0.5


def test_losses_and_scores_of_the_history_are_weighted_means(rare):
    X, y = rare
    weight = np.random.default_rng(0).uniform(0, 5, 300)
    last = np.arange(300) >= 200
    split = ValidSplit(PredefinedSplit(np.where(last, 0, -1)))
    net = quick(
        nn.Linear(8, 1), lr=0.0, train_split=split, batch_size=64, max_epochs=1
    ).fit(X, y, sample_weight=weight)
    for name, rows in [("train_loss", ~last), ("valid_loss", last)]:
        proba = net.predict_proba(X[rows])
        expected = log_loss(y[rows], proba, sample_weight=weight[rows])
        assert net.history[-1, name] == pytest.approx(expected, rel=1e-5)
    score = net.predict_proba(X[last])[:, 1]
    expected = average_precision_score(y[last], score, sample_weight=weight[last])
    assert net.history[-1, "valid_average_precision"] == pytest.approx(expected)


def test_weights_of_one_change_nothing(rare):
    X, y = rare
    assert_same_weights(
        quick().fit(X, y), quick().fit(X, y, sample_weight=np.ones(300))
    )


def test_fractional_weights_weigh_the_loss(rare):
    X, y = rare
    weight = np.where(y == 1, 7.5, 0.5)
    plain = quick(max_epochs=30).fit(X, y)
    heavy = quick(max_epochs=30).fit(X, y, sample_weight=weight)
    assert (
        heavy.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1
    )


def test_scaling_fractional_weights_changes_nothing_but_rounding(rare):
    X, y = rare
    weight = np.random.default_rng(0).uniform(0.1, 0.9, size=300)
    first = quick().fit(X, y, sample_weight=weight)
    second = quick().fit(X, y, sample_weight=weight / 4)
    assert_allclose(first.predict_proba(X), second.predict_proba(X), atol=1e-3)


def test_score_weighs_samples(rare):
    X, y = rare
    net = quick().fit(X, y)
    weight = np.linspace(0, 1, 300)
    expected = accuracy_score(y, net.predict(X), sample_weight=weight)
    assert net.score(X, y, sample_weight=weight) == expected


# ---- random state


def test_two_fits_with_the_same_seed_are_identical_to_the_bit(rare):
    first, second = (
        quick(module__dropout=0.5).fit(*rare),
        quick(module__dropout=0.5).fit(*rare),
    )
    assert_same_weights(first, second)
    assert first.history[:, "train_loss"] == second.history[:, "train_loss"]
    assert_same_weights(first, first.fit(*rare))


def test_another_seed_gives_other_weights(rare):
    first, second = quick().fit(*rare), quick(random_state=1).fit(*rare)
    assert not torch.equal(
        first.module_.layers[0].weight, second.module_.layers[0].weight
    )


def test_global_generators_are_left_alone(rare):
    torch.manual_seed(3)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  the global one
    quick(train_split=ValidSplit(0.2, stratified=True)).fit(*rare)
    assert torch.equal(torch.get_rng_state(), state)
    assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002  the global one


def test_without_a_seed_torchs_generator_is_used(rare):
    torch.manual_seed(3)
    first = quick(random_state=None).fit(*rare)
    second = quick(random_state=None).fit(*rare)
    torch.manual_seed(3)
    third = quick(random_state=None).fit(*rare)
    assert_same_weights(first, third)
    assert not torch.equal(
        first.module_.layers[0].weight, second.module_.layers[0].weight
    )


def test_the_order_of_rows_that_one_batch_holds_does_not_matter(rare):
    X, y = rare
    order = np.random.default_rng(0).permutation(300)
    first, second = (
        quick(batch_size=300).fit(*rows) for rows in [(X, y), (X[order], y[order])]
    )
    assert_same_weights(first, second)


def test_the_order_is_kept_on_request():
    class Recorder(Callback):
        seen = ()

        def on_batch_begin(self, net, batch=None, training=None, **kwargs):
            Recorder.seen = (*Recorder.seen, *batch[0][:, 0].tolist())

    X = np.arange(12.0).reshape(-1, 1)
    net = quick(
        DenseNet,
        max_epochs=1,
        batch_size=5,
        iterator_train__shuffle=False,
        callbacks=[Recorder],
    )
    net.fit(X, np.arange(12) % 2)
    assert Recorder.seen == tuple(range(12))


# ---- prediction


def test_a_row_has_one_probability_whatever_comes_with_it(rare):
    X, y = rare
    net = quick().fit(X, y)
    together = net.predict_proba(X)
    for n in (1, 2, 15, 17, 200):
        assert_array_equal(net.predict_proba(X[:n]), together[:n])


def test_log_probabilities_do_not_underflow(rare):
    X, y = rare
    net = quick().fit(X, y)
    assert_allclose(np.exp(net.predict_log_proba(X)), net.predict_proba(X))
    assert np.all(np.isfinite(net.predict_log_proba(X * 1000)))


def test_predictions_have_the_type_of_the_labels(spam):
    X, y = spam
    net = quick().fit(X, y)
    assert net.predict(X).dtype == y.dtype
    assert net.classes_.tolist() == ["ham", "spam"]


# ---- positive class


def test_a_frequent_positive_class_of_strings_is_warned_about_once(rare):
    X, y = rare
    labels = np.where(y == 1, "fraud", "ok")
    with pytest.warns(UserWarning, match="pass pos_label='fraud'") as caught:
        quick().fit(X, labels)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("pos_label", ["fraud", "ok"])
def test_naming_the_positive_class_silences_the_warning(rare, pos_label):
    X, y = rare
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = quick(pos_label=pos_label, pos_weight="balanced")
        net.fit(X, np.where(y == 1, "fraud", "ok"))
    ratio = (y == 0).sum() / (y == 1).sum()
    expected = ratio if pos_label == "fraud" else 1 / ratio
    assert net.pos_weight_ == pytest.approx(expected)


# ---- going on: warm_start, partial_fit


def test_warm_start_goes_on_from_the_weights(rare):
    X, y = rare
    net = quick(warm_start=True).fit(X, y)
    before = weights_of(net)
    net.fit(X, y)
    assert len(net.history) == 6
    cold = quick().fit(X, y)
    assert not torch.equal(before["layers.0.weight"], net.module_.layers[0].weight)
    assert torch.equal(before["layers.0.weight"], cold.module_.layers[0].weight)


def test_warm_start_settles_pos_weight_anew(rare):
    X, y = rare
    net = quick(warm_start=True, pos_weight="balanced").fit(X, y)
    keep = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:100]]
    net.fit(X[keep], y[keep])
    assert net.criterion_.pos_weight == pytest.approx(100 / (y == 1).sum())


def test_partial_fit_goes_on_and_may_see_one_class_later(rare):
    X, y = rare
    net = quick(pos_weight="balanced", prior="train", max_epochs=1)
    net.partial_fit(X[:150], y[:150])
    net.partial_fit(X[y == 0][:50], y[y == 0][:50])
    assert len(net.history) == 2
    n_positive = y[:150].sum()
    assert net.pos_weight_ == pytest.approx((150 - n_positive) / n_positive)
    assert net.train_prior_ == pytest.approx(n_positive / 200)


def test_partial_fit_takes_all_classes_where_the_first_rows_have_one(rare):
    X, y = rare
    net = quick(max_epochs=1).partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    net.partial_fit(X[y == 1], y[y == 1])
    assert net.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("prior", [None, "train"])
def test_probabilities_are_numbers_while_one_class_alone_has_been_seen(rare, prior):
    X, y = rare
    net = quick(max_epochs=1, prior=prior, pos_weight=2.0)
    net.partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    assert np.isfinite(net.predict_proba(X)).all()
    with pytest.raises(ValueError, match=re.escape("got train_prior_=0.0")):
        net.set_params(prior=0.1).predict_proba(X)


def test_later_classes_must_be_those_of_the_first_call(rare):
    X, y = rare
    net = quick(max_epochs=1).partial_fit(X, y, classes=[1, 0])
    net.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=re.escape("are not those of the first call")):
        net.partial_fit(X, y, classes=[1, 2])


def test_a_threshold_may_be_any_real_number(rare):
    net = quick(max_epochs=1, threshold=Fraction(1, 50)).fit(*rare)
    expected = net.predict(rare[0])
    assert_array_equal(net.set_params(threshold=0.02).predict(rare[0]), expected)


def test_each_call_of_partial_fit_shuffles_differently(rare):
    X, y = rare
    continued = quick(max_epochs=1).partial_fit(X, y).partial_fit(X, y)
    restarted = quick(max_epochs=1).partial_fit(X, y)
    restarted.history.clear()
    restarted.partial_fit(X, y)
    assert not torch.equal(
        continued.module_.layers[0].weight, restarted.module_.layers[0].weight
    )


# ---- skorch's ways


def test_double_underscore_parameters_reach_the_parts(rare):
    net = quick(
        module__dropout=0.4,
        optimizer__weight_decay=0.1,
        iterator_train__batch_size=50,
        callbacks__valid_acc=None,
    ).fit(*rare)
    assert net.module_.layers[2].p == 0.4
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.1
    assert net.history[-1, "train_batch_count"] == 6
    assert "valid_acc" not in dict(net.callbacks_)


def test_set_params_reaches_the_parts_of_a_fitted_net(rare):
    net = quick().fit(*rare)
    before = weights_of(net)
    net.set_params(lr=0.5, optimizer__weight_decay=0.2, module__dropout=0.1)
    assert net.optimizer_.param_groups[0]["lr"] == 0.5
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.2
    after = weights_of(net)
    assert all(torch.equal(before[name], after[name]) for name in before)
    net.set_params(optimizer=torch.optim.SGD).fit(*rare)
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert net.module_.layers[2].p == 0.1
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.2
    net.set_params(module=ConvNet, optimizer=torch.optim.Adam)
    assert isinstance(net.set_params(module__dropout=0).fit(*rare).module_, ConvNet)


def test_set_params_takes_a_network_itself(rare):
    network = nn.Linear(rare[0].shape[1], 1)
    net = quick().set_params(module=network).fit(*rare)
    assert isinstance(net.module_, nn.Linear)
    assert net.module_ is not network


def test_clone_keeps_every_parameter():
    net = BinaryNetClassifier(
        DenseNet,
        device="auto",
        pos_weight=3.0,
        module__dropout=0.1,
        callbacks=[EarlyStopping()],
        callbacks__print_log__floatfmt=".2f",
    )
    cloned = clone(net)
    params, cloned_params = net.get_params(deep=False), cloned.get_params(deep=False)
    assert params.keys() == cloned_params.keys()
    assert cloned_params["device"] == "auto"
    assert cloned.module__dropout == 0.1
    assert cloned.callbacks__print_log__floatfmt == ".2f"


def test_parameters_are_not_changed_by_fit(rare):
    module = DenseNet(8)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0))
    before = copy.deepcopy(module.state_dict())
    net = quick(module, criterion=criterion).fit(*rare)
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())
    assert net.module is module
    assert net.criterion is criterion
    assert criterion.pos_weight == 4


def test_the_users_own_callback_holds_what_it_found(rare):
    stop = EarlyStopping()
    quick(callbacks=[stop], train_split=ValidSplit(3, stratified=True)).fit(*rare)
    assert stop.best_epoch_ == 3


def test_callbacks_and_scorers_inside_training_see_zero_and_one(rare):
    class Look(Callback):
        seen = ()

        def on_epoch_end(self, net, dataset_valid=None, **kwargs):
            predicted = net.predict(dataset_valid)
            Look.seen = (net.classes_.tolist(), predicted, dataset_valid.indices)

    X, y = rare
    net = quick(
        pos_label="a-spam",
        max_epochs=20,
        lr=0.01,
        train_split=ValidSplit(3, stratified=True),
        callbacks=[Look, EpochScoring("f1", name="valid_f1", lower_is_better=False)],
    )
    labels = np.where(y == 1, "a-spam", "b-ham")
    net.fit(X, labels)
    classes, predicted, held_out = Look.seen
    assert classes == [0, 1]
    assert set(predicted) == {0, 1}
    assert net.history[-1, "valid_f1"] == f1_score(y[held_out], predicted) > 0
    assert net.classes_.tolist() == ["a-spam", "b-ham"]


def test_scoring_without_caching_works(rare):
    X, y = rare[0].astype(np.float32), rare[1]
    callback = EpochScoring("roc_auc", name="auc", use_caching=False)
    split = predefined_split(Dataset(X[200:], y[200:]))
    net = quick(train_split=split, callbacks=[callback]).fit(X[:200], y[:200])
    expected = roc_auc_score(y[200:], net.decision_function(X[200:]))
    assert net.history[-1, "auc"] == pytest.approx(expected)


class AdamOfAUser(torch.optim.Adam):
    """Might evaluate the loss more than once for a step, for all we know."""


def test_steps_with_and_without_a_closure_are_the_same(rare):
    fused = {"optimizer__fused": True}  # a user's optimizer is left as it is
    assert_same_weights(
        quick(**fused).fit(*rare), quick(optimizer=AdamOfAUser, **fused).fit(*rare)
    )


class Linear(nn.Linear):
    def __init__(self, n_features=8):
        super().__init__(n_features, 1)


def test_an_optimizer_that_evaluates_the_loss_repeatedly_finds_the_least_loss(rare):
    net = quick(
        Linear,
        optimizer=torch.optim.LBFGS,
        optimizer__line_search_fn="strong_wolfe",
        optimizer__lr=1.0,
        batch_size=-1,
    ).fit(*rare)
    peer = LogisticRegression(C=np.inf, tol=1e-8).fit(*rare)
    X, y = rare
    assert log_loss(y, net.predict_proba(X)) == pytest.approx(
        log_loss(y, peer.predict_proba(X)), abs=1e-4
    )


class CountsReads(TorchDispatchMode):
    """Count how often a number is read from a tensor: on a GPU each read waits."""

    def __init__(self):
        super().__init__()
        self.n_reads = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.n_reads += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("module", [DenseNet, ConvNet, SignalNet])
@pytest.mark.parametrize("shape", [(-1, 8), (-1, 2, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_batch_waits_for_a_number_from_the_device(
    rare, module, shape, weighted, monkeypatch
):
    monkeypatch.setattr("skbin.training.loop.can_be_read_at_once", lambda value: False)
    X, y = rare
    weight = np.linspace(0.5, 2, len(y)) if weighted else None
    n_reads = []
    for batch_size in [16, 128]:
        with CountsReads() as counts:
            net = quick(module, batch_size=batch_size)
            net.fit(X.reshape(shape), y, sample_weight=weight)
        n_reads.append(counts.n_reads)
    assert n_reads[0] == n_reads[1]


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW])
def test_optimizers_are_fused_with_the_same_result(rare, optimizer):
    # One epoch: what the last bits differ by grows from step to step.
    once = {"optimizer": optimizer, "max_epochs": 1}
    fused = quick(ConvNet, **once).fit(*rare)
    plain = quick(ConvNet, **once, optimizer__fused=False).fit(*rare)
    assert fused.optimizer_.param_groups[0]["fused"] is True
    assert plain.optimizer_.param_groups[0]["fused"] is False
    assert_allclose(
        fused.predict_proba(rare[0]), plain.predict_proba(rare[0]), rtol=1e-4
    )


def test_an_implementation_that_was_chosen_is_not_replaced(rare):
    net = quick(optimizer__foreach=True).fit(*rare)
    assert not net.optimizer_.param_groups[0]["fused"]
    assert (
        "fused"
        not in quick(optimizer=torch.optim.RMSprop)
        .fit(*rare)
        .optimizer_.param_groups[0]
    )
    of_a_group = quick(optimizer__param_groups=[("*", {"foreach": True})]).fit(*rare)
    assert not of_a_group.optimizer_.param_groups[0]["fused"]
    complexes = quick(nn.Linear(8, 1, dtype=torch.complex64)).initialize()
    assert not complexes.optimizer_.param_groups[0]["fused"]


class ReadsLosses(Callback):
    def initialize(self):
        self.seen = []
        return self

    def on_batch_end(self, net, training=True, **kwargs):
        self.seen.append(net.history[-1, "batches", -1, "train_loss"])


def test_a_callback_reads_the_loss_of_each_batch(rare):
    net = quick(max_epochs=1, callbacks=[("reads", ReadsLosses())]).fit(*rare)
    assert (
        dict(net.callbacks_)["reads"].seen == net.history[0, "batches", :, "train_loss"]
    )


def test_losses_are_numbers_after_an_epoch_that_was_interrupted(rare):
    class Interrupts(Callback):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    net = quick(callbacks=[Interrupts()]).fit(*rare)
    assert isinstance(net.history[0, "batches", 0, "train_loss"], float)


class HistoryOfAUser(History):
    """Goes through skorch's own loop."""


@pytest.mark.parametrize("train_split", [None, ValidSplit(5, stratified=True)])
def test_history_records_what_skorchs_own_loop_records(rare, train_split):
    settings = {"module": DenseNet, "train_split": train_split}
    histories = []
    for own_loop in [False, True]:
        net = quick(**settings)
        if own_loop:
            net.initialize_history = lambda net=net: setattr(
                net, "history_", HistoryOfAUser()
            )
        net.fit(*rare)
        for row in net.history:
            del row["dur"]
        histories.append(net.history.to_list())
    assert histories[0] == histories[1]


def test_early_stopping_stops(rare):
    net = quick(
        max_epochs=100,
        lr=0.01,
        train_split=ValidSplit(5, stratified=True),
        callbacks=[EarlyStopping(patience=3)],
    ).fit(*rare)
    assert len(net.history) < 100
    assert {"valid_loss", "valid_acc", "valid_average_precision"} <= set(
        net.history[-1]
    )


def test_a_split_of_certain_rows_sees_the_users_order(rare):
    X, y = rare
    net = quick(train_split=ValidSplit([(np.arange(200), np.arange(200, 300))]))
    net.fit(X, y)
    net.initialize_callbacks()
    _, valid = net.get_split_datasets(net.get_dataset(X, y), y)
    assert_array_equal(np.asarray(valid.indices), np.arange(200, 300))


def test_skorchs_iterator_and_dataset_work(rare):
    X, y = rare
    settings = {"iterator_train": DataLoader, "dataset": Dataset, "max_epochs": 20}
    net = quick(iterator_train__shuffle=True, **settings)
    assert net.fit(X.astype(np.float32), y).score(X, y) > 0.85


def test_save_and_load_params(rare, tmp_path):
    X, y = rare
    net = quick(DenseNet).fit(X, y)
    net.save_params(tmp_path / "weights.pt", f_history=tmp_path / "history.json")
    fresh = quick(DenseNet, module__n_features=8).initialize()
    fresh.load_params(tmp_path / "weights.pt", f_history=tmp_path / "history.json")
    assert_array_equal(fresh.predict_proba(X), net.predict_proba(X))
    assert_array_equal(fresh.predict(X), net.predict(X))
    assert fresh.history[:, "train_loss"] == net.history[:, "train_loss"]


def test_a_net_that_takes_its_sizes_from_data_says_so_without_data():
    with pytest.raises(ValueError, match="DenseNet takes n_features from the data"):
        BinaryNetClassifier(DenseNet).initialize()


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_pickles_predict_alike(rare, device):
    X, y = rare
    net = quick(device=device, pos_weight=2.0, prior=0.1).fit(X, y)
    buffer = io.BytesIO()
    joblib.dump(net, buffer)
    buffer.seek(0)
    for restored in (pickle.loads(pickle.dumps(net)), joblib.load(buffer)):
        assert_array_equal(restored.predict_proba(X), net.predict_proba(X))
        assert restored.get_params(deep=False)["device"] == device
        assert restored.history == net.history
        restored.partial_fit(X, y)


def test_a_pickle_from_a_gpu_opens_on_a_cpu(rare):
    if torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    net = quick().fit(*rare)
    state = net.__getstate__()
    state["device"] = "cuda"
    restored = BinaryNetClassifier.__new__(BinaryNetClassifier)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        restored.__setstate__(state)
    assert "Setting self.device = cpu" in str(caught[-1].message)
    assert str(restored.device) == "cpu"
    assert_array_equal(restored.predict_proba(rare[0]), net.predict_proba(rare[0]))


def test_a_checkpoint_pickled_while_training_loads_as_a_model(spam):
    X, y = spam
    net = quick(verbose=1, max_epochs=1, callbacks=[PickleEachEpoch])
    net.fit(X, y)
    restored = pickle.loads(PickleEachEpoch.kept[-1])
    assert_array_equal(restored.predict(X), net.predict(X))


def test_trimmed_nets_predict(rare):
    net = quick().fit(*rare)
    expected = net.predict_proba(rare[0])
    net.trim_for_prediction()
    assert_array_equal(net.predict_proba(rare[0]), expected)


# ---- what training shows


def test_silent_by_default(rare, capsys):
    quick().fit(*rare)
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


@pytest.mark.parametrize(
    ("train_split", "score"),
    [(None, "train_AP"), (ValidSplit(3, stratified=True), "valid_AP")],
)
def test_verbose_one_shows_a_bar_over_epochs(rare, capsys, train_split, score):
    quick(verbose=1, train_split=train_split).fit(*rare)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3/3" in shown.err
    assert "train_loss=" in shown.err
    assert f"{score}=" in shown.err


def test_verbose_two_shows_skorchs_table(rare, capsys):
    quick(verbose=2).fit(*rare)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["epoch", "train_loss"]
    assert len(lines) == 5


def test_history_does_not_depend_on_verbose(rare):
    names = [set(quick(verbose=v).fit(*rare).history[-1]) for v in (0, 1, 2)]
    assert names[0] == names[1] == names[2]


def test_arrays_may_follow_a_dataset_whose_samples_have_other_axes(rare):
    X, y = rare
    X = X.astype(np.float32)
    images = TensorDataset(torch.from_numpy(X.reshape(-1, 2, 4)), torch.from_numpy(y))
    module = nn.Sequential(nn.Flatten(), nn.Linear(8, 1))
    net = quick(module).fit(X, y)
    net.fit(images, y)
    assert not hasattr(net, "n_features_in_")
    assert_array_equal(net.predict_proba(X), net.predict_proba(images))


def test_a_dataset_of_ready_batches_is_learnt(rare):
    X, y = (torch.from_numpy(part.astype(np.float32)) for part in rare)
    batches = TensorDataset(X.reshape(-1, 10, 8), y.reshape(-1, 10))
    net = quick(nn.Linear(8, 1), batch_size=None).fit(batches)
    assert net.history[-1, "batches", :, "train_batch_size"] == [10] * 30


@pytest.mark.parametrize("stops", [False, True])
def test_epochs_and_losses_are_called_as_in_scikit_learn(stops):
    X = np.random.default_rng(0).normal(size=(200, 3))
    net = BinaryNetClassifier(max_epochs=4, early_stopping=stops, random_state=0)
    with pytest.raises(AttributeError, match="n_iter_"):
        _ = net.n_iter_
    net.fit(X, X[:, 0] > 1)
    assert net.n_iter_ == len(net.history) == len(net.loss_curve_)
    key = "valid_loss" if stops else "train_loss"
    assert net.loss_curve_ == net.history[:, "train_loss"]
    assert net.best_loss_ == min(net.history[:, key])
