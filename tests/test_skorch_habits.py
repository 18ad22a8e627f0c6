"""What users of skorch do in callbacks, losses and parameters works as in skorch."""

import json
import pickle
import re
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Initializer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    TrainEndCheckpoint,
)
from skorch.dataset import ValidSplit
from skorch.scoring import loss_scoring
from torch import nn
from torch.utils.data import TensorDataset

from skbin import BinaryNetClassifier, ConvNet, DenseNet, FocalLoss

linear = partial(nn.Linear, 8, 1)


def squashed():
    return nn.Sequential(linear(), nn.Sigmoid())


def quick(*args, **kwargs):
    return BinaryNetClassifier(*args, **{"max_epochs": 3, "random_state": 0, **kwargs})


# ---- losses


class SmoothedLoss(nn.BCEWithLogitsLoss):
    """Labels of 0.05 and 0.95; knows neither weights nor reductions."""

    def forward(self, output, target):
        smoothed = 0.05 + 0.9 * target
        return nn.functional.binary_cross_entropy_with_logits(output, smoothed)


class SmoothedLossOfRows(SmoothedLoss):
    def forward(self, output, target):
        return nn.functional.binary_cross_entropy_with_logits(
            output, 0.05 + 0.9 * target, reduction=self.reduction
        )


class NineTimes(nn.BCEWithLogitsLoss):
    def __init__(self):
        super().__init__(pos_weight=torch.tensor(9.0))


@pytest.mark.parametrize(
    "criterion",
    [
        nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0)),
        nn.BCEWithLogitsLoss(pos_weight=torch.tensor([9.0])),
        partial(nn.BCEWithLogitsLoss, pos_weight=torch.tensor(9.0)),
        NineTimes,
        NineTimes(),
    ],
    ids=["instance", "of one value", "partial", "subclass", "instance of a subclass"],
)
def test_the_weight_in_a_criterion_counts_however_it_was_made(rare, criterion):
    X, y = rare
    net = quick(linear, criterion=criterion).fit(X, y)
    expected = quick(linear, pos_weight=9.0).fit(X, y)
    assert net.pos_weight_ == 9
    assert_allclose(net.predict_proba(X), expected.predict_proba(X), rtol=1e-5)
    assert_allclose(
        net.set_params(prior="train").predict_proba(X),
        expected.set_params(prior="train").predict_proba(X),
        rtol=1e-5,
    )
    with pytest.raises(ValueError, match="are the same thing"):
        quick(linear, criterion=criterion, pos_weight=3.0).fit(X, y)


def test_an_instance_of_a_criterion_is_shared_by_nobody(rare):
    criterion = nn.BCEWithLogitsLoss()
    net = quick(criterion=criterion, pos_weight=5.0).fit(*rare)
    assert net.criterion_ is not criterion
    assert criterion.pos_weight is None
    assert quick(criterion=criterion).fit(*rare).pos_weight_ == 1


@pytest.mark.parametrize("wish", ["pos_weight", "sample_weight"])
def test_a_loss_that_ignores_weights_is_refused(rare, wish):
    X, y = rare
    params = {"pos_weight": 9.0} if wish == "pos_weight" else {}
    weight = np.linspace(1, 2, 300) if wish == "sample_weight" else None
    net = quick(linear, criterion=SmoothedLoss, **params)
    with pytest.raises(ValueError, match="loss for each row, which SmoothedLoss"):
        net.fit(X, y, sample_weight=weight)
    trained = quick(linear, criterion=SmoothedLoss).fit(X, y)
    assert len(trained.history) == trained.max_epochs


def test_a_loss_of_rows_is_weighed_by_the_estimator(rare):
    X, y = rare
    by_rows = quick(linear, criterion=SmoothedLossOfRows, pos_weight=4.0).fit(X, y)
    by_hand = quick(linear, criterion=SmoothedLossOfRows)
    by_hand.fit(X, y, sample_weight=np.where(y == 1, 4.0, 1.0))
    plain = quick(linear, criterion=SmoothedLossOfRows).fit(X, y)
    mean = [net.predict_proba(X)[:, 1].mean() for net in (by_rows, by_hand, plain)]
    assert mean[0] > mean[2]
    assert mean[1] > mean[2]


@pytest.mark.parametrize("criterion", [SmoothedLoss, SmoothedLoss()])
def test_one_logit_has_a_sigmoid_under_a_loss_of_the_users(rare, criterion):
    X, y = rare
    net = quick(linear, criterion=criterion, max_epochs=20, lr=0.05).fit(X, y)
    proba = net.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)
    assert_allclose(np.log(proba[:, 1] / proba[:, 0]), net.decision_function(X))
    with pytest.raises(ValueError, match="ends in Sigmoid"):
        quick(squashed, criterion=criterion).fit(X, y)


def test_the_probabilities_of_the_focal_loss_are_led_back(rare):
    X, y = rare
    net = quick(linear, criterion=FocalLoss, lr=0.1, max_epochs=100).fit(X, y)
    raw = net.forward(X).numpy().ravel().astype(float)
    assert_allclose(net.decision_function(X), net.criterion_.inverse_link(raw))
    mean = net.predict_proba(X)[:, 1].mean()
    assert abs(mean - y.mean()) < abs(1 / (1 + np.exp(-raw)).mean() - y.mean())


def test_a_loss_without_a_link_is_refused_before_training(rare):
    with pytest.raises(ValueError, match="criterion=MSELoss takes neither a logit nor"):
        quick(criterion=nn.MSELoss).fit(*rare)


def test_a_loss_for_each_row_is_refused(rare):
    with pytest.raises(ValueError, match="criterion__reduction='none'"):
        quick(criterion__reduction="none").fit(*rare)


def test_a_module_that_returns_a_dict_is_refused_with_what_to_return(rare):
    class Named(nn.Linear):
        def forward(self, X):
            return {"logits": super().forward(X)}

    with pytest.raises(ValueError, match="got dict"):
        quick(partial(Named, 8, 1)).fit(*rare)


SQUASHED = {
    "stack": lambda p: torch.stack([1 - p, p], 1),
    "clamp": lambda p: p.clamp(1e-6, 1 - 1e-6),
    "cat": lambda p: torch.cat([1 - p[:, None], p[:, None]], 1),
    "minimum": lambda p: p.clamp(max=0.99),
    "complement": lambda p: 1 - p,
    "mean": lambda p: p.unsqueeze(1).expand(-1, 3).mean(1),
    "nan_to_num": torch.nan_to_num,
}


@pytest.mark.parametrize("change", SQUASHED)
def test_a_squashed_output_is_found_behind_what_changes_little(rare, change):
    class Squashed(nn.Linear):
        def forward(self, X):
            return SQUASHED[change](super().forward(X).squeeze(1).sigmoid())

    with pytest.raises(ValueError, match="ends in Sigmoid"):
        quick(partial(Squashed, 8, 1)).fit(*rare)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: torch.log(p) - torch.log1p(-p),
        lambda p: torch.stack([1 - p, p], 1).log(),
        torch.logit,
        lambda p: 10 * p - 5,
    ],
)
def test_a_logit_made_of_a_probability_is_no_squashed_output(rare, change):
    class Gated(nn.Linear):
        def forward(self, X):
            return change(super().forward(X).squeeze(1).sigmoid().clamp(1e-6, 1 - 1e-6))

    quick(partial(Gated, 8, 1), max_epochs=1).fit(*rare)


@pytest.mark.parametrize("second", [0.5, None, "scalar", "rows", "other"])
@pytest.mark.parametrize("verbose", [0, 1])
def test_only_the_first_of_several_outputs_is_used(rare, second, verbose, capsys):
    X, y = rare

    class Two(nn.Linear):
        def forward(self, X):
            extra = {"scalar": torch.tensor(1.0), "rows": X, "other": torch.ones(3)}
            return super().forward(X), extra.get(second, second)

    net = quick(
        partial(Two, 8, 1), verbose=verbose, train_split=ValidSplit(3, stratified=True)
    ).fit(X, y)
    expected = quick(linear, train_split=ValidSplit(3, stratified=True)).fit(X, y)
    assert_array_equal(net.predict_proba(X[:21]), expected.predict_proba(X[:21]))


def test_a_module_in_half_precision_trains_and_predicts(rare):
    class Half(nn.Linear):
        def forward(self, X):
            return super().forward(X).bfloat16()

    net = quick(partial(Half, 8, 1), train_split=ValidSplit(3, stratified=True))
    proba = net.fit(*rare).predict_proba(rare[0])
    assert proba.dtype == np.float64
    assert np.isfinite(proba).all()


# ---- epochs and learning rates


class SeesRates(Callback):
    def __init__(self):
        self.rates = []

    def on_batch_begin(self, net, training=None, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_epochs_given_to_fit_are_the_number_that_all_parts_read(rare, method, capsys):
    sees = SeesRates()
    net = quick(max_epochs=2, lr=0.1, batch_size=300, callbacks=[sees], verbose=1)
    getattr(net, method)(*rare, epochs=5)
    expected = quick(max_epochs=5, lr=0.1, batch_size=300).fit(*rare)
    assert len(net.history) == 5
    assert min(sees.rates) > 0
    assert len(set(sees.rates)) == 5
    assert_array_equal(net.predict_proba(rare[0]), expected.predict_proba(rare[0]))
    assert "5/5" in capsys.readouterr().err


def test_a_number_of_epochs_that_is_none_is_refused(rare):
    with pytest.raises(ValueError, match="'epochs' parameter of fit must be"):
        quick().fit(*rare, epochs=-1)


class SetsRate(Callback):
    def __init__(self, how, method="on_epoch_begin"):
        self.how, self.method = how, method

    def _set(self, net, method):
        if method != self.method:
            return
        if self.how == "group":
            net.optimizer_.param_groups[0]["lr"] = 0.003
        else:
            net.set_params(**{self.how: 0.003})

    def on_train_begin(self, net, **kwargs):
        self._set(net, "on_train_begin")

    def on_epoch_begin(self, net, **kwargs):
        self._set(net, "on_epoch_begin")

    def on_epoch_end(self, net, **kwargs):
        self._set(net, "on_epoch_end")


@pytest.mark.parametrize("how", ["group", "lr", "optimizer__lr"])
def test_a_learning_rate_that_a_callback_sets_is_obeyed(rare, how):
    sees = SeesRates()
    net = quick(callbacks=[SetsRate(how), sees], lr=0.1, batch_size=300).fit(*rare)
    assert sees.rates == [0.003] * 3
    assert net.optimizer_.param_groups[0]["lr"] == 0.003


def test_a_learning_rate_set_before_the_first_epoch_is_where_the_schedule_begins(rare):
    sees = SeesRates()
    callbacks = [SetsRate("group", "on_train_begin"), sees]
    quick(callbacks=callbacks, lr=0.1, batch_size=300).fit(*rare)
    assert sees.rates[0] == 0.003
    assert sees.rates == sorted(sees.rates, reverse=True)


def test_a_rate_of_a_group_of_weights_is_set_as_in_skorch(rare):
    net = quick().fit(*rare)
    net.set_params(optimizer__param_groups__0__lr=0.5)
    assert net.optimizer_.param_groups[0]["lr"] == 0.5
    net.fit(*rare)
    assert net.optimizer_.param_groups[0]["lr"] == 0.001
    clone(net).fit(*rare)


# ---- callbacks


def test_callbacks_may_refer_to_each_other(rare, tmp_path):
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path / "epochs")
    end = TrainEndCheckpoint(dirname=tmp_path / "end")
    first = quick(callbacks=[checkpoint, end]).fit(*rare)
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path / "epochs")
    load = LoadInitState(checkpoint)
    again = quick(callbacks=[checkpoint, load], max_epochs=0).fit(*rare)
    assert_array_equal(again.predict_proba(rare[0]), first.predict_proba(rare[0]))
    end = TrainEndCheckpoint(dirname=tmp_path / "end")
    again = quick(callbacks=[end, LoadInitState(end)], max_epochs=0).fit(*rare)
    assert_array_equal(again.predict_proba(rare[0]), first.predict_proba(rare[0]))


@pytest.mark.parametrize("module", [DenseNet, ConvNet])
def test_nothing_is_set_after_training_has_begun(rare, module):
    class SeesBias(Callback):
        def on_epoch_begin(self, net, **kwargs):
            *_, last = (m for m in net.module_.modules() if isinstance(m, nn.Linear))
            self.bias = set(last.bias.tolist())

    sees = SeesBias()
    fills = Initializer("*bias", partial(nn.init.constant_, val=0.25))
    quick(module, callbacks=[fills, sees], max_epochs=1).fit(*rare)
    assert sees.bias == {0.25}


def test_an_input_shape_is_set_before_training_as_in_skorch(rare):
    class Wide(nn.Linear):
        def __init__(self, input_dim=3):
            super().__init__(input_dim, 1)

    net = quick(Wide, callbacks=[InputShapeSetter()]).fit(*rare)
    assert net.module_.in_features == 8
    assert net.predict(rare[0]).shape == (300,)


def test_a_module_that_a_callback_makes_anew_is_prepared_like_the_first(rare):
    class Widens(Callback):
        def on_train_begin(self, net, **kwargs):
            net.set_params(module__hidden_units=(16,))

    net = quick(DenseNet, callbacks=[Widens()]).fit(*rare)
    assert net.module_.layers[0].out_features == 16
    assert bool(net.module_.input_scale.is_learned)


def test_parameters_of_the_module_act_from_the_next_fit_on_outside_of_training(rare):
    net = quick(DenseNet).fit(*rare)
    before = net.predict_proba(rare[0])
    net.set_params(module__hidden_units=(16,))
    assert_array_equal(net.predict_proba(rare[0]), before)
    assert net.fit(*rare).module_.layers[0].out_features == 16


def test_a_method_set_on_a_callback_is_called(rare):
    seen = []
    callback = Callback()
    callback.on_batch_end = lambda net, **kwargs: seen.append(len(net.history))
    callback.on_epoch_end = lambda net, **kwargs: seen.append("end")
    quick(callbacks=[callback], max_epochs=1).fit(*rare)
    assert seen == [1, 1, 1, "end"]


def test_the_history_of_batches_is_json_inside_of_callbacks(rare):
    class Writes(Callback):
        def on_batch_end(self, net, **kwargs):
            json.dumps(net.history[-1, "batches"])

    quick(callbacks=[Writes()], train_split=ValidSplit(3, stratified=True)).fit(*rare)


@pytest.mark.parametrize(
    "monitor", ["valid_loss", "valid_acc", "valid_average_precision"]
)
def test_stopping_by_rows_that_nobody_holds_out_is_refused(rare, monitor):
    net = quick(callbacks=[EarlyStopping(monitor=monitor)])
    message = "Add train_split=ValidSplit(5, stratified=True)"
    with pytest.raises(ValueError, match=re.escape(message)):
        net.fit(*rare)
    assert not net.initialized_


def test_stopping_by_a_score_of_the_users_needs_no_rows_held_out(rare):
    score = EpochScoring("roc_auc", name="valid_of_train", on_train=True)
    stop = EarlyStopping(monitor="valid_of_train", lower_is_better=False)
    quick(callbacks=[score, stop]).fit(*rare)


def test_a_callback_that_was_removed_is_pickled_no_more(rare):
    class Heavy(Callback):
        def __init__(self):
            self.lock = lambda: None

        def on_epoch_end(self, net, **kwargs):
            pass

    net = quick(callbacks=[("heavy", Heavy())]).fit(*rare)
    net.set_params(callbacks=None)
    net.callbacks_ = [pair for pair in net.callbacks_ if pair[0] != "heavy"]
    again = pickle.loads(pickle.dumps(net))
    assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))


# ---- modules and parameters


@pytest.mark.parametrize(
    "module",
    [
        partial(ConvNet, num_filters=8),
        lambda n_channels, length: ConvNet(n_channels, length, num_filters=8),
    ],
    ids=["partial", "function"],
)
def test_what_a_module_takes_is_read_from_the_module_that_was_made(module):
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=(2, 10 + i % 3)) for i in range(40)]
    net = quick(module).fit(signals, np.arange(40) % 2)
    assert net.predict(signals[:3]).shape == (3,)


def test_a_partial_module_learns_the_scale_of_its_inputs(rare):
    X, y = rare
    net = quick(partial(DenseNet, dropout=0.1)).fit(1000 * X, y)
    assert bool(net.module_.input_scale.is_learned)
    with pytest.raises(ValueError, match=re.escape("expecting 8 features")):
        net.predict(X[:, :3])


def test_private_attributes_of_a_derived_class_are_no_parameters(rare):
    class Derived(BinaryNetClassifier):
        def fit(self, X, y=None, **kwargs):
            self.__cache = 1
            self._own__cache = 2
            return super().fit(X, y, **kwargs)

    net = Derived(max_epochs=1).fit(*rare)
    assert not [name for name in net.get_params() if "cache" in name]
    clone(net).fit(*rare)


@pytest.mark.parametrize("prior", ["train", 0.1])
def test_a_prior_of_loaded_weights_says_what_is_missing(rare, prior, tmp_path):
    X, y = rare
    quick(DenseNet).fit(X, y).save_params(tmp_path / "weights.pt")
    net = quick(DenseNet, module__n_features=8).initialize()
    net.load_params(tmp_path / "weights.pt")
    assert net.predict_proba(X).shape == (300, 2)
    with pytest.raises(NotFittedError, match="needs the share of positives"):
        net.set_params(prior=prior).predict_proba(X)


def test_training_may_be_looked_at_by_predictions_of_another_thread(rare):
    from threading import Thread

    X, y = rare
    labels = np.where(y == 1, "spam", "ham")
    seen = []

    class Looks(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(("inside", net.classes_.tolist(), set(net.predict(X))))

            def look():
                seen.append(("outside", net.classes_.tolist(), set(net.predict(X))))

            thread = Thread(target=look)
            thread.start()
            thread.join()

    quick(callbacks=[Looks()], max_epochs=1).fit(X, labels)
    (_, inside, of_inside), (_, outside, of_outside) = seen
    assert inside == [0, 1]
    assert of_inside <= {0, 1}
    assert outside == ["ham", "spam"]
    assert of_outside <= {"ham", "spam"}


def test_classes_of_the_main_program_are_searched_by_several_processes():
    import subprocess
    import sys

    # As in a notebook there is no file from which a process could import them.
    program = """
import numpy as np
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.utils.data import TensorDataset
from skbin import BinaryNetClassifier
class Act(nn.ReLU):
    pass
class Net(nn.Sequential):
    def __init__(self, act=nn.ReLU):
        super().__init__(nn.Linear(3, 4), act(), nn.Linear(4, 1))
X = np.random.default_rng(0).normal(size=(40, 3))
net = BinaryNetClassifier(Net, module__act=Act, max_epochs=1)
search = GridSearchCV(net, {'lr': [0.1, 0.2]}, n_jobs=2, cv=2).fit(X, X[:, 0] > 0)
print(search.best_score_ >= 0)
"""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"


def test_searches_over_a_module_and_its_parameters_work(rare):
    grid = [
        {"module": [DenseNet], "module__hidden_units": [(4,), (8,)]},
        {"module": [ConvNet], "module__num_filters": [4]},
    ]
    search = GridSearchCV(quick(max_epochs=1), grid, cv=2, error_score="raise")
    assert len(search.fit(*rare).cv_results_["params"]) == 3


def test_a_derived_class_may_hand_all_arguments_on(rare):
    class Derived(BinaryNetClassifier):
        def __init__(self, *args, lr=0.5, **kwargs):
            super().__init__(*args, lr=lr, **kwargs)

    net = Derived(DenseNet, max_epochs=1, module__dropout=0.2).fit(*rare)
    assert net.optimizer_.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("begin", ["warm start", "initialize"])
def test_the_weight_in_a_criterion_stays_where_training_goes_on(rare, begin):
    X, y = rare
    net = quick(linear, criterion__pos_weight=torch.tensor(9.0), warm_start=True)
    if begin == "initialize":
        net.initialize().partial_fit(X, y)
    else:
        net.fit(X, y).fit(X, y)
    assert net.pos_weight_ == 9
    assert net.criterion_.pos_weight == 9


def test_losses_and_scores_of_the_users_own_work_beside_weights(rare):
    X, y = rare
    scores = {
        "callbacks": [
            ("loss", EpochScoring(loss_scoring, name="own_loss")),
            ("train", EpochScoring(loss_scoring, name="on_train", on_train=True)),
        ],
        "callbacks__valid_acc__scoring": lambda net, X, y: 0.25,
    }
    split = ValidSplit(3, stratified=True)
    net = quick(train_split=split, **scores)
    net.fit(X, y, sample_weight=np.linspace(1, 2, 300))
    assert net.history[-1, "valid_acc"] == 0.25
    assert np.isfinite(net.history[-1, "own_loss"])


@pytest.mark.parametrize("last", [nn.ReLU, nn.Tanh, nn.Softplus, nn.Hardtanh])
def test_a_logit_that_is_limited_is_refused(rare, last):
    with pytest.raises(ValueError, match=f"The module ends in {last.__name__}, but a"):
        quick(lambda: nn.Sequential(linear(), last())).fit(*rare)


def test_parameters_of_callbacks_that_are_not_there_are_refused(rare):
    with pytest.raises(ValueError, match=re.escape("callbacks named ['prnt_log']")):
        quick(callbacks__prnt_log__floatfmt=".2f").fit(*rare)


def test_a_loss_of_a_derived_class_that_ignores_weights_is_refused(rare):
    class Derived(BinaryNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return self.criterion_(y_pred, y_true)

    X, y = rare
    net = Derived(linear, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="get_loss takes no account of sample_weight"):
        net.fit(X, y, sample_weight=np.linspace(1, 2, 300))


# ---- what the second review found


class UsesItself(nn.BCEWithLogitsLoss):
    """Computes with its own pos_weight, in a forward of its own."""

    def forward(self, output, target):
        return nn.functional.binary_cross_entropy_with_logits(
            output, target, pos_weight=self.pos_weight, reduction=self.reduction
        )


class IgnoresIt(nn.BCEWithLogitsLoss):
    def forward(self, output, target):
        return nn.functional.binary_cross_entropy_with_logits(
            output, target, reduction=self.reduction
        )


@pytest.mark.parametrize("criterion", [UsesItself, IgnoresIt])
@pytest.mark.parametrize(
    "way", [{"pos_weight": 9.0}, {"criterion__pos_weight": torch.tensor(9.0)}]
)
def test_pos_weight_counts_once_in_a_subclass_of_the_loss(rare, criterion, way):
    X, y = rare
    net = quick(linear, criterion=criterion, lr=0.05, **way).fit(X, y)
    expected = quick(linear, pos_weight=9.0, lr=0.05).fit(X, y)
    assert net.pos_weight_ == 9
    assert_allclose(net.predict_proba(X), expected.predict_proba(X), rtol=1e-4)


@pytest.mark.parametrize("wish", ["pos_weight", "sample_weight"])
def test_a_get_loss_that_ignores_weights_is_refused(rare, wish):
    class OwnLoss(BinaryNetClassifier):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return self.criterion_(y_pred, y_true.float())

    class OwnCriterion(nn.Module):
        def forward(self, output, target):
            return (nn.functional.softplus(output) - output * target).mean()

    params = {"pos_weight": 9.0} if wish == "pos_weight" else {}
    weight = np.linspace(1, 2, 300) if wish == "sample_weight" else None
    net = OwnLoss(linear, criterion=OwnCriterion, max_epochs=2, random_state=0)
    net.fit(*rare)
    before = net.predict_proba(rare[0])
    net.set_params(**params)
    with pytest.raises(ValueError, match=f"takes no account of {wish}"):
        net.fit(*rare, sample_weight=weight)
    assert_allclose(net.predict_proba(rare[0]), before)


def test_a_pos_weight_that_is_set_between_two_partial_fits_applies(rare):
    X, y = rare
    net = quick(linear, lr=0.05).partial_fit(X, y)
    unweighted = clone(net).partial_fit(X, y).partial_fit(X, y)
    net.set_params(pos_weight=30.0).partial_fit(X, y)
    assert net.pos_weight_ == 30
    shift = net.predict_proba(X)[:, 1] - unweighted.predict_proba(X)[:, 1]
    assert shift.mean() > 0.05
    balanced = quick(linear, pos_weight="balanced").partial_fit(X, y)
    settled = balanced.pos_weight_
    assert balanced.partial_fit(X[:50], y[:50]).pos_weight_ == settled


@pytest.mark.parametrize(
    ("callback", "split", "message"),
    [
        (Checkpoint(), None, "watches 'valid_loss_best', but no rows are held out"),
        (EarlyStopping("val_loss"), None, "watches 'val_loss', which is not recorded"),
        (EarlyStopping("val_loss"), 3, "watches 'val_loss', which is not recorded"),
        (
            LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
            None,
            "watches 'valid_loss', but no rows are held out",
        ),
    ],
)
def test_a_monitor_that_is_not_there_is_refused_before_training(
    rare, callback, split, message
):
    steps = []

    class Counted(nn.Linear):
        def __init__(self):
            super().__init__(8, 1)

        def forward(self, X):
            steps.append(len(X))
            return super().forward(X)

    train_split = None if split is None else ValidSplit(split, stratified=True)
    net = quick(Counted, callbacks=[callback], train_split=train_split)
    with pytest.raises(ValueError, match=message):
        net.fit(*rare)
    assert steps == []


def test_what_a_callback_of_the_users_records_may_be_watched(rare):
    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("own", float(len(net.history)))

    stop = EarlyStopping("own", patience=2)
    net = quick(linear, callbacks=[Records(), stop], max_epochs=9).fit(*rare)
    assert len(net.history) == 3


@pytest.mark.parametrize("weighted", [False, True])
def test_callbacks_see_every_row_of_a_batch_in_which_rows_were_merged(rare, weighted):
    seen = []

    class Sees(Callback):
        def on_batch_end(self, net, batch, y_pred, training, **kwargs):
            weight = batch.sample_weight
            total = None if weight is None else weight.sum().item()
            seen.append((batch[0].shape, batch[1].mean().item(), len(y_pred), total))

    rows = np.r_[np.arange(300), np.repeat(np.flatnonzero(rare[1] == 1), 5)]
    X, y = rare[0][rows], rare[1][rows]
    weight = np.linspace(1, 2, len(rows)) if weighted else None
    score = EpochScoring("accuracy", name="train_acc", on_train=True)
    net = quick(linear, batch_size=-1, callbacks=[Sees(), score])
    net.fit(X, y, sample_weight=weight)
    shape, share, n_outputs, total = seen[-1]
    assert shape == (len(rows), 8)
    assert share == pytest.approx(y.mean())
    assert n_outputs == len(rows)
    assert total is not None
    assert net.history[-1, "batches", 0, "train_batch_size"] == len(rows)
    accuracy = net.history[-1, "train_acc"]
    assert round(accuracy * len(rows)) == pytest.approx(accuracy * len(rows))


def test_a_group_of_weights_that_is_added_leaves_the_rates_of_others(rare):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.extra = nn.Linear(8, 1), nn.Parameter(torch.zeros(1))

        def forward(self, X):
            return self.first(X) + self.extra

    class FirstAlone(BinaryNetClassifier):
        def get_params_for_optimizer(self, prefix, named):
            named = [(name, weights) for name, weights in named if name != "extra"]
            return super().get_params_for_optimizer(prefix, named)

    rates = []

    class Adds(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 5:
                added = {"params": [net.module_.extra], "lr": 0.5}
                net.optimizer_.add_param_group(added)

        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    FirstAlone(Two, callbacks=[Adds()], max_epochs=10, lr=0.05, random_state=0).fit(
        *rare
    )
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(10) / 10)) / 2
    assert_allclose(rates, expected)


# ---- weights alone say nothing of what was subtracted


def test_weights_that_are_saved_without_the_offset_are_warned_of(rare, tmp_path):
    far = rare[0] + 1.7e9
    net = quick(DenseNet).fit(far, rare[1])
    with pytest.warns(UserWarning, match="Weights are saved without the constants"):
        net.save_params(f_params=tmp_path / "weights.pt")
    other = quick(DenseNet, module__n_features=8).initialize()
    other.load_params(f_params=tmp_path / "weights.pt")
    with pytest.warns(UserWarning, match="Weights are used without the constants"):
        other.partial_fit(far + 5000, rare[1])
    near = quick(DenseNet).fit(*rare)
    near.save_params(f_params=tmp_path / "near.pt")  # warnings are errors


def test_weights_that_are_loaded_into_another_offset_are_warned_of(rare, tmp_path):
    far = rare[0] + 1.7e9
    checkpoint = TrainEndCheckpoint(dirname=str(tmp_path))
    quick(DenseNet, callbacks=[checkpoint]).fit(far, rare[1])
    again = quick(DenseNet, callbacks=[LoadInitState(checkpoint)])
    with pytest.warns(UserWarning, match="Weights are loaded without the constants"):
        again.fit(far + 20_000, rare[1])


def test_another_optimizer_in_the_middle_of_training_is_refused(rare):
    class Swap(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.set_params(optimizer=torch.optim.SGD)

    with pytest.raises(ValueError, match="optimizer cannot be replaced while"):
        quick(callbacks=[Swap()]).fit(*rare)


def test_a_parameter_of_the_other_network_is_refused_by_name(rare):
    with pytest.raises(TypeError, match=r"which is DenseNet .*module__num_filters"):
        quick(module__num_filters=8).fit(*rare)


def test_a_label_that_a_dataset_alone_does_not_have_is_refused_with_what_to_pass(rare):
    X, y = rare
    dataset = TensorDataset(torch.tensor(X), torch.tensor(y))
    labels = np.where(y == 1, "fraud", "ok")
    with pytest.raises(ValueError, match=r"fit\(dataset, y\)"):
        quick(pos_label="fraud").fit(dataset)
    net = quick(pos_label="fraud").fit(dataset, labels)
    assert net.classes_.tolist() == ["fraud", "ok"]
    assert quick(pos_label=0).fit(dataset).pos_label == 0


def test_layers_that_an_instance_left_in_eval_mode_are_trained_as_in_skorch(rare):
    X, y = rare
    trunk = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(X[0].size)).eval()
    net = BinaryNetClassifier(
        nn.Sequential(*trunk, nn.Linear(X[0].size, 1)), max_epochs=2, batch_size=64
    ).fit(X, y)
    assert net.module_[1].num_batches_tracked > 0
    assert not any(layer.training for layer in net.module_.modules())
