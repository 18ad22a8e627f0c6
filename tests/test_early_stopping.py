"""When a training stops: by rows held out, with the best weights back."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from skorch.callbacks import Callback
from skorch.helper import predefined_split
from torch import nn
from torch.utils.data import TensorDataset

from skbin import BinaryNetClassifier, DenseNet
from skbin.data.rows import TensorRows
from skbin.training.early_stopping import SHARE_HELD_OUT, BestWeights


@pytest.fixture(scope="module")
def noisy():
    """Labels of which a quarter are wrong: a long training learns them by heart."""
    return make_classification(
        600, 8, weights=[0.7], flip_y=0.5, random_state=0, class_sep=1.5
    )


def quick(*args, **params):
    return BinaryNetClassifier(
        *args, **{"random_state": 0, "early_stopping": True, **params}
    )


def n_trained_on(net):
    return sum(net._data.class_totals)


def stops_early(net):
    return "averaged_valid_loss" in net.history[0]


class Plain(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layer = nn.Linear(n_features, 1)

    def forward(self, X):
        return self.layer(X)


def test_training_stops_and_the_probabilities_are_better_for_it(noisy):
    X, y = make_classification(
        3000, 8, weights=[0.7], flip_y=0.5, random_state=0, class_sep=1.5
    )
    params = {"max_epochs": 60, "module__dropout": 0.0, "module__n_members": 1}
    stopped = quick(**params).fit(X[:600], y[:600])
    full = quick(early_stopping=False, **params).fit(X[:600], y[:600])
    assert len(stopped.history) < len(full.history) == 60
    losses = [
        log_loss(y[600:], net.predict_proba(X[600:])[:, 1]) for net in (stopped, full)
    ]
    assert losses[0] < 0.9 * losses[1]


def test_rows_are_held_out_of_each_class_alike(noisy):
    X, y = noisy
    net = quick(max_epochs=2).fit(X, y)
    assert n_trained_on(net) == pytest.approx((1 - SHARE_HELD_OUT) * len(y), abs=1)
    assert net.train_prior_ == pytest.approx(y.mean(), abs=0.005)


def test_the_weights_of_the_lowest_loss_come_back(noisy):
    class Remember(Callback):
        def on_epoch_end(self, net, dataset_valid=None, **kwargs):
            self.valid = dataset_valid

    remember = Remember()
    net = quick(max_epochs=40, callbacks=[remember]).fit(*noisy)
    losses = net.history[:, "averaged_valid_loss"]
    X, y = remember.valid.dataset.batch(torch.as_tensor(remember.valid.indices))
    logit = net.module_.eval()(X)
    loss = nn.functional.binary_cross_entropy_with_logits(logit, y)
    assert loss.item() == pytest.approx(min(losses), rel=1e-5)
    assert losses[-1] > min(losses)
    best = net.history[:, "averaged_valid_loss_best"]
    assert np.flatnonzero(best)[-1] == np.argmin(losses)


class HeldOutRows(Callback):
    """Keeps the places of the rows that are held out in each training."""

    def __init__(self):
        self.rows = []

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.rows.append(np.asarray(net._run.valid.indices))


def test_the_loss_of_rows_held_out_is_their_weighted_mean(noisy):
    X, y = noisy
    weight = np.where(y == 1, 5.0, 0.5)
    look = HeldOutRows()
    net = quick(Plain, max_epochs=1, iterator_valid__batch_size=7, callbacks=[look])
    net.fit(X, y, sample_weight=weight)
    (rows,) = look.rows
    expected = log_loss(
        y[rows], net.predict_proba(X[rows])[:, 1], sample_weight=weight[rows]
    )
    assert net.history[-1, "averaged_valid_loss"] == pytest.approx(expected, rel=1e-5)


DATASET = lambda X, y: TensorDataset(  # noqa: E731  short
    torch.tensor(X, dtype=torch.float32), torch.tensor(y)
)


def test_nothing_is_held_out_unasked(noisy):
    assert not stops_early(BinaryNetClassifier(max_epochs=2).fit(*noisy))


def test_training_that_goes_on_holds_nothing_out(noisy):
    assert not stops_early(quick(max_epochs=2).partial_fit(*noisy))


@pytest.mark.parametrize("copies", [1, 5])
def test_too_few_positives_to_judge_by_are_refused(noisy, copies):
    X, y = noisy
    keep = np.r_[np.repeat(np.flatnonzero(y)[:19], copies), np.flatnonzero(y == 0)]
    with pytest.raises(ValueError, match="class 1 has 19 different rows"):
        quick().fit(X[keep], y[keep])


@pytest.mark.parametrize("module", [Plain, DenseNet])
@pytest.mark.parametrize(
    "as_given", [lambda X, y: (X, y), lambda X, y: (DATASET(X, y), y)]
)
def test_any_module_stops_early_when_asked(noisy, module, as_given):
    net = quick(module, max_epochs=3).fit(*as_given(*noisy))
    assert stops_early(net)


def test_a_dataset_without_labels_beside_it_is_refused_with_what_to_pass(noisy):
    with pytest.raises(ValueError, match=r"fit\(dataset, y\)"):
        quick().fit(DATASET(*noisy))


def test_a_split_of_the_users_own_decides_which_rows_judge(noisy):
    X, y = noisy
    valid = TensorRows(X[:100].astype(np.float32), y[:100])
    net = quick(max_epochs=3, train_split=predefined_split(valid))
    net.fit(X[100:], y[100:])
    assert stops_early(net)
    assert n_trained_on(net) == 500


@pytest.mark.parametrize("value", ["auto", 1.5, None])
def test_other_values_are_refused(noisy, value):
    with pytest.raises(ValueError, match="'early_stopping' parameter"):
        quick(early_stopping=value).fit(*noisy)


def test_results_repeat_with_and_without_memory(noisy, tmp_path):
    net = quick(max_epochs=20).fit(*noisy)
    expected = net.predict_proba(noisy[0])
    remembering = clone(net).set_params(memory=tmp_path)
    for _ in range(2):
        remembering.fit(*noisy)
        assert_array_equal(remembering.predict_proba(noisy[0]), expected)
        assert len(remembering.history) == len(net.history)


def test_patience_is_a_parameter_and_nothing_is_kept_after_training(noisy):
    net = quick(max_epochs=60, callbacks__best_weights__patience=1).fit(*noisy)
    losses = net.history[:, "averaged_valid_loss"]
    assert np.argmin(losses) == len(losses) - 2
    callback = dict(net.callbacks_)["best_weights"]
    assert isinstance(callback, BestWeights)
    assert callback._best == callback._average == []


def test_an_interrupted_training_has_its_best_weights(noisy):
    class Interrupt(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    X, y = noisy
    look = HeldOutRows()
    net = quick(max_epochs=10, callbacks=[look, Interrupt()]).fit(X, y)
    losses = net.history[:2, "averaged_valid_loss"]
    (rows,) = look.rows
    reached = log_loss(y[rows], net.predict_proba(X[rows])[:, 1])
    assert reached == pytest.approx(min(losses), rel=1e-5)


def test_weights_are_means_in_which_an_epoch_counts_half_as_much_as_the_next(noisy):
    class Collect(Callback):
        def on_epoch_end(self, net, **kwargs):
            self.weights.append(net.module_.output.weight.detach().clone())

    collect = Collect()
    collect.weights = []
    # Before the best weights are looked for, and after each epoch the training's own.
    net = quick(max_epochs=3, callbacks=[collect], callbacks__best_weights__patience=9)
    net.fit(*noisy)
    first, second, third = collect.weights
    means = [first, (first + second) / 2, (first + second) / 4 + third / 2]
    best = np.argmin(net.history[:, "averaged_valid_loss"])
    assert_allclose(net.module_.output.weight.detach(), means[best], rtol=1e-5)
    assert best > 0


def test_a_warm_start_holds_out_the_rows_that_were_held_out_before(noisy):
    look = HeldOutRows()
    quick(max_epochs=2, warm_start=True, callbacks=[look]).fit(*noisy).fit(*noisy)
    assert_array_equal(*look.rows)


@pytest.mark.parametrize(
    "params", [{"callbacks": "disable"}, {"callbacks__best_weights": None}], ids=str
)
def test_early_stopping_without_the_callback_that_stops_is_refused(params, noisy):
    with pytest.raises(ValueError, match="needs the callback best_weights"):
        quick(max_epochs=2, **params).fit(*noisy)


@pytest.mark.parametrize("patience", [0, -1, "x", 1.5, True])
def test_a_patience_that_is_no_number_of_epochs_is_refused(patience, noisy):
    with pytest.raises(ValueError, match="number of epochs of 1 or more"):
        quick(max_epochs=2, callbacks__best_weights__patience=patience).fit(*noisy)


def test_rows_of_weight_zero_do_not_count_among_those_to_judge_by(noisy):
    X, y = noisy
    weight = np.ones(len(y))
    weight[np.flatnonzero(y == 0)[3:]] = 0
    with pytest.raises(ValueError, match="class 0 has 3 different rows"):
        quick(max_epochs=2).fit(X, y, sample_weight=weight)
