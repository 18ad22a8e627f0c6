"""Bad input gets an error that says what was wrong and how to mend it."""

import re
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch.dataset import Dataset
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from skbin import BinaryNetClassifier, ConvNet, DenseNet, TableConvNet


def refuses(net, X, y, message, **fit_params):
    with pytest.raises(ValueError, match=re.escape(message)):
        net.fit(X, y, **fit_params)
    with pytest.raises(NotFittedError):
        check_is_fitted(net)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(300), "y has one class only"),
        (np.arange(300) % 3, "Only binary classification is supported."),
        (np.linspace(0, 1, 300), "Unknown label type: continuous"),
        (np.full(300, np.nan), "contains NaN"),
        (np.ones((300, 2), dtype=int), "y should be a 1d array"),
        (np.ones(299, dtype=int), "inconsistent numbers of samples: [300, 299]"),
        (None, "requires y to be passed, but the target y is None"),
    ],
)
def test_y_must_be_one_column_of_two_classes(rare, y, message):
    refuses(BinaryNetClassifier(), rare[0], y, message)


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "contains NaN"), (np.inf, "contains infinity")]
)
def test_x_must_be_finite(rare, value, message):
    X, y = rare[0].copy(), rare[1]
    X[3, 2] = value
    # DenseNet takes missing values, and says so.
    refuses(BinaryNetClassifier(ConvNet), X, y, message)
    net = BinaryNetClassifier(ConvNet, max_epochs=1).fit(*rare)
    with pytest.raises(ValueError, match=message):
        net.predict(X)


def test_x_must_fit_into_float32(rare):
    X, y = rare[0].copy(), rare[1]
    X[0, 0] = 1e300
    refuses(BinaryNetClassifier(), X, y, "too large for dtype('float32')")


@pytest.mark.parametrize("n_columns", [7, 9])
def test_prediction_needs_the_columns_of_training(rare, n_columns):
    net = BinaryNetClassifier(max_epochs=1).fit(*rare)
    message = f"X has {n_columns} features, but BinaryNetClassifier is expecting 8"
    with pytest.raises(ValueError, match=message):
        net.predict_proba(np.zeros((2, n_columns)))


def test_records_are_told_to_become_a_table(rare):
    with pytest.raises(
        ValueError, match=r"a list of dicts. Pass the table pd.DataFrame"
    ):
        BinaryNetClassifier().fit([{"a": 1.0}] * 4, [0, 1, 0, 1])


def test_prediction_needs_the_column_names_of_training(rare):
    X, y = pd.DataFrame(rare[0], columns=list("abcdefgh")), rare[1]
    net = BinaryNetClassifier(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(X.rename(columns={"a": "z"}))


@pytest.mark.parametrize("threshold", [-0.1, 1.1, 2.2, np.nan, "0.5", None])
def test_threshold_is_a_probability(rare, threshold):
    message = f"threshold must be a probability in [0, 1], got {threshold!r}"
    refuses(BinaryNetClassifier(threshold=threshold), *rare, message)
    net = BinaryNetClassifier(max_epochs=1).fit(*rare)
    net.set_params(threshold=threshold)
    with pytest.raises(ValueError, match=re.escape(message)):
        net.predict(rare[0])


@pytest.mark.parametrize("prior", [0, 1, -0.1, 1.5, np.nan, "test", [0.5]])
def test_prior_is_a_share(rare, prior):
    message = "The 'prior' parameter of BinaryNetClassifier must be"
    refuses(BinaryNetClassifier(prior=prior), *rare, message)
    net = BinaryNetClassifier(max_epochs=1).fit(*rare)
    net.set_params(prior=prior)
    with pytest.raises(ValueError, match=message):
        net.predict_proba(rare[0])


@pytest.mark.parametrize("pos_weight", [(1.0, 9.0), {0: 1, 1: 9}, 0, -2.0])
def test_pos_weight_is_one_positive_number(rare, pos_weight):
    message = "pos_weight must be None, 'balanced' or a positive number"
    refuses(BinaryNetClassifier(pos_weight=pos_weight), *rare, message)


def test_pos_weight_is_given_once(rare):
    net = BinaryNetClassifier(pos_weight=2.0, criterion__pos_weight=torch.tensor(2.0))
    refuses(net, *rare, "pos_weight and criterion__pos_weight are the same thing")


def test_pos_label_is_one_of_the_classes(rare):
    message = "pos_label='fraud' is not one of the classes [0, 1]."
    refuses(BinaryNetClassifier(pos_label="fraud"), *rare, message)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("max_epoch", "'max_epoch'. Did you mean 'max_epochs'?"),
        ("module_dropout", "'module_dropout'."),
        ("module__hidden", "Did you mean 'module__hidden_units'?"),
        ("module__hidden", "The module takes module__n_features, "),
        ("optimizer__weight_decays", "Did you mean 'optimizer__weight_decay'?"),
        ("criterion__reducton", "Did you mean 'criterion__reduction'?"),
        ("modul__dropout", "Did you mean 'module__dropout'?"),
    ],
)
def test_misspelt_parameters_are_refused_at_once_with_a_near_name(wrong, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        BinaryNetClassifier(DenseNet, **{wrong: 3})


def test_misspelt_parameters_of_the_network_that_the_data_choose_are_refused():
    with pytest.raises(TypeError, match="module__num_filters, "):
        BinaryNetClassifier(module__num_filter=3)
    BinaryNetClassifier(module__num_filters=3)  # of ConvNet


def test_parameters_set_later_are_checked_before_training(rare):
    net = BinaryNetClassifier(DenseNet).set_params(module__hidden=(3,))
    with pytest.raises(TypeError, match="Did you mean 'module__hidden_units'"):
        net.fit(*rare)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")])
def test_an_absent_device_is_named(rare, device):
    message = f"device={device!r} was requested, but torch finds no such device"
    refuses(BinaryNetClassifier(device=device), *rare, message)


@pytest.mark.parametrize("device", ["gpu", 1.5])
def test_an_unknown_device_is_named(rare, device):
    refuses(BinaryNetClassifier(device=device), *rare, f"got {device!r}")


def test_a_loss_that_becomes_nan_stops_training_and_leaves_it_unfitted(rare):
    net = BinaryNetClassifier(DenseNet, lr=1e30, optimizer=torch.optim.SGD)
    refuses(net, *rare, "loss became NaN or infinite in epoch 1")
    with pytest.raises(ValueError, match="StandardScaler"):
        net.fit(*rare)


def test_a_failed_fit_leaves_the_one_before_and_the_next_one_works(rare):
    X, y = rare
    net = BinaryNetClassifier(DenseNet, max_epochs=2, random_state=0).fit(X, y)
    expected = net.predict_proba(X)
    with pytest.raises(ValueError, match="became NaN"):
        net.set_params(lr=1e30, optimizer=torch.optim.SGD).fit(X, y)
    assert_array_equal(net.predict_proba(X), expected)
    net.set_params(lr=0.001, optimizer=torch.optim.Adam).fit(X, y)
    assert_array_equal(net.predict_proba(X), expected)


def test_refused_data_leave_a_fitted_model_as_it_was(rare):
    X, y = rare
    net = BinaryNetClassifier(DenseNet, max_epochs=1).fit(X, y)
    expected = net.predict_proba(X)
    with pytest.raises(ValueError, match="one class"):
        net.fit(X, np.zeros(300))
    assert_array_equal(net.predict_proba(X), expected)


def test_labels_that_were_never_seen_are_named(rare):
    X, y = rare
    net = BinaryNetClassifier(max_epochs=1).partial_fit(X, y)
    with pytest.raises(ValueError, match=re.escape("y holds the labels [2]")):
        net.partial_fit(X, np.full(300, 2))


def test_partial_fit_needs_two_classes_at_first(rare):
    X, y = rare
    with pytest.raises(ValueError, match="one class only"):
        BinaryNetClassifier().partial_fit(X[y == 0], y[y == 0])


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        (np.zeros(300), "at least one non-zero number"),
        (np.full(300, -1.0), "Negative values in data"),
        (np.ones(299), "sample_weight.shape"),
        (np.r_[np.nan, np.ones(299)], "contains NaN"),
    ],
)
def test_sample_weight_is_validated(rare, sample_weight, message):
    net = BinaryNetClassifier()
    refuses(net, *rare, message, sample_weight=sample_weight)


def test_weight_zero_leaves_one_class(rare):
    X, y = rare
    refuses(BinaryNetClassifier(), X, y, "rows of weight zero", sample_weight=y)


def test_weights_need_arrays_and_our_iterator(rare):
    X, y = rare
    weight = np.linspace(0.1, 1, 300)
    dataset = TensorDataset(torch.tensor(X), torch.tensor(y))
    refuses(
        BinaryNetClassifier(), dataset, None, "works for arrays", sample_weight=weight
    )
    net = BinaryNetClassifier(iterator_train=lambda *a, **k: DataLoader(*a, **k))
    refuses(net, X, y, "sample_weight needs iterator_train=", sample_weight=weight)
    net = BinaryNetClassifier(dataset=Dataset)
    refuses(net, X, y, "sample_weight needs dataset='auto'", sample_weight=weight)


@pytest.mark.parametrize("y", [[-1.0, 1.0] * 8, [0.0, 2.0] * 8])
def test_targets_of_a_dataset_are_zero_and_one(y):
    dataset = TensorDataset(torch.randn(16, 3), torch.tensor(y))
    net = BinaryNetClassifier(DenseNet)
    refuses(net, dataset, None, "Targets from a Dataset must be 0 and 1, got")


def test_a_dataset_without_labels_knows_no_balance_and_no_prior():
    dataset = TensorDataset(torch.randn(16, 3), torch.tensor([0.0, 1.0] * 8))
    refuses(BinaryNetClassifier(pos_weight="balanced"), dataset, None, "both classes")
    net = BinaryNetClassifier(prior=0.5, max_epochs=1).fit(dataset, None)
    with pytest.raises(ValueError, match="for a Dataset, pass y to fit"):
        net.predict_proba(dataset)


@pytest.mark.parametrize("n_outputs", [3, 5])
def test_a_module_with_more_outputs_is_refused(rare, n_outputs):
    net = BinaryNetClassifier(nn.Linear(8, n_outputs))
    refuses(net, *rare, "Expected module output to have shape (n,) or (n, 1)")


@pytest.mark.parametrize(
    ("class_weight", "mend"),
    [
        ("balance", "Use pos_weight='balanced'."),
        ({0: 1.0, 1: 9.0}, "use pos_weight=9."),
        ({0: 0.5, 1: 5}, "use pos_weight=10."),
        ([1.0, 4.0], "use pos_weight=4."),
    ],
)
def test_class_weights_are_refused_with_the_pos_weight_to_use(class_weight, mend):
    message = f"class_weight must be None or 'balanced', got {class_weight!r}."
    with pytest.raises(ValueError, match=re.escape(message)):
        BinaryNetClassifier(class_weight=class_weight)
    with pytest.raises(ValueError, match=re.escape(mend)):
        BinaryNetClassifier().set_params(class_weight=class_weight)


def test_balanced_class_weight_is_another_name_for_pos_weight():
    assert BinaryNetClassifier(class_weight="balanced").pos_weight == "balanced"
    net = BinaryNetClassifier().set_params(class_weight="balanced")
    assert net.pos_weight == "balanced"
    with pytest.raises(ValueError, match="the same thing"):
        BinaryNetClassifier(class_weight="balanced", pos_weight=3)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_losses_of_two_outputs_are_refused_with_the_mend(rare, criterion):
    net = BinaryNetClassifier(criterion=criterion)
    refuses(net, *rare, f"criterion={criterion.__name__} needs a score for each of two")


def test_a_pair_of_weights_in_the_criterion_is_refused_with_their_ratio(rare):
    net = BinaryNetClassifier(criterion__weight=torch.tensor([2.0, 18.0]))
    refuses(net, *rare, "Use pos_weight=9.")


def test_bce_loss_of_logits_is_refused_with_the_mend(rare):
    net = BinaryNetClassifier(criterion=nn.BCELoss, max_epochs=1)
    refuses(net, *rare, "criterion=BCELoss needs probabilities in [0, 1]")


@pytest.mark.parametrize(("logit", "probability"), [(2.2, "0.9002"), (-1, "0.2689")])
def test_a_threshold_in_logits_is_told_its_probability(rare, logit, probability):
    net = BinaryNetClassifier(threshold=logit)
    refuses(net, *rare, f"If it is a logit, pass its sigmoid, {probability}.")


@pytest.mark.parametrize(
    ("flip", "pos_weight"), [(False, 0.1), (True, 9.0)], ids=["rare", "frequent"]
)
def test_a_weight_that_makes_the_rare_class_rarer_is_warned_of(rare, flip, pos_weight):
    X, y = rare
    net = BinaryNetClassifier(max_epochs=1, pos_weight=pos_weight)
    with pytest.warns(
        UserWarning, match="makes the rare class count even less"
    ) as record:
        net.fit(X, 1 - y if flip else y)
    assert record[0].filename == __file__


@pytest.mark.parametrize("pos_weight", [None, 1.0, 5.0, "balanced"])
def test_other_weights_are_not_warned_of(rare, pos_weight):
    BinaryNetClassifier(max_epochs=1, pos_weight=pos_weight).fit(*rare)


@pytest.mark.parametrize(
    "encode",
    [
        lambda y: y.astype(float),
        lambda y: y.astype(bool),
        lambda y: 2 * y - 1,
        lambda y: 2.0 * y - 1,
        lambda y: np.where(y, "b", "a"),
    ],
    ids=["floats", "booleans", "plus and minus one", "the same as floats", "strings"],
)
def test_labels_may_be_any_two_values(rare, encode):
    X, y = rare
    net = BinaryNetClassifier(max_epochs=2, random_state=0).fit(X, encode(y))
    plain = BinaryNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    assert_array_equal(net.predict_proba(X), plain.predict_proba(X))
    assert_array_equal(net.predict(X), encode(plain.predict(X)))
    assert net.classes_.dtype == encode(y).dtype


@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        (ConvNet, {"hidden_units": -1}),
        (ConvNet, {"kernel_sizes": ()}),
        (ConvNet, {"num_filters": 0}),
        (ConvNet, {"num_filters": (4, -1, 4)}),
        (ConvNet, {"num_blocks": -2}),
        (TableConvNet, {"embedding_dim": 0}),
        (DenseNet, {"hidden_units": (8, 0)}),
        (DenseNet, {"hidden_units": (8, 2.5)}),
        (DenseNet, {"dropout": 1.5}),
        (DenseNet, {"dropout": np.nan}),
        (DenseNet, {"n_bins": -1}),
    ],
)
def test_sizes_that_no_layer_can_have_are_named(rare, module, wrong):
    (name,) = wrong
    net = BinaryNetClassifier(module, **{f"module__{name}": wrong[name]})
    with pytest.raises((ValueError, TypeError), match=name):
        net.fit(*rare)


class FindsNoRoom(nn.Module):
    """Fails as a full GPU does, with a large tensor in its frame."""

    large = None

    def __init__(self, in_training):
        super().__init__()
        self.linear = nn.Linear(8, 1)
        self.in_training = in_training

    def forward(self, X):
        if self.training is not self.in_training:
            return self.linear(X)
        large = torch.zeros(1000)
        type(self).large = weakref.ref(large)
        type(self).weight = weakref.ref(self.linear.weight)
        raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("in_training", [True, False])
def test_a_full_device_is_left_as_it_was_and_the_error_says_what_helps(
    rare, in_training
):
    X, y = rare
    net = BinaryNetClassifier(FindsNoRoom, module__in_training=in_training)
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory") as error:
        net.set_params(max_epochs=1).fit(X, y).predict_proba(X)
    assert "Lower batch_size" in "".join(error.value.__notes__)
    assert FindsNoRoom.large() is None  # though the error is still at hand
    if in_training:
        assert FindsNoRoom.weight() is None
        with pytest.raises(NotFittedError):
            net.predict(X)


def test_outputs_that_are_no_numbers_are_refused(rare):
    X, y = rare
    net = BinaryNetClassifier(nn.Linear(8, 1), max_epochs=1, random_state=0).fit(X, y)
    net.module_.weight.data[:] = torch.tensor([3.0, -3.0] * 4)
    X = X.astype(np.float32)
    X[2] = 3e38
    with pytest.raises(
        ValueError, match=re.escape(f"is NaN for 1 of {len(X)} samples, first for X[2]")
    ):
        net.predict_proba(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"module": "DenseNet"}, "'module' parameter of BinaryNetClassifier must be a"),
        ({"optimizer": "adam"}, "'optimizer' parameter of BinaryNetClassifier must be"),
        ({"criterion": "bce"}, "'criterion' parameter of BinaryNetClassifier must be"),
        (
            {"callbacks": "early"},
            "'callbacks' parameter of BinaryNetClassifier must be",
        ),
        (
            {"train_split": 0.2},
            "'train_split' parameter of BinaryNetClassifier must be",
        ),
        ({"lr": "a"}, "'lr' parameter of BinaryNetClassifier must be a float"),
        ({"lr": -1.0}, "must be a float in the range [0.0, inf)"),
        ({"max_epochs": -1}, "must be an int in the range [0, inf)"),
        ({"max_epochs": 1.5}, "must be an int in the range [0, inf)"),
        ({"batch_size": 0}, "must be None, an int in the range [1, inf)"),
        ({"threshold": True}, "threshold must be a probability in [0, 1], got True"),
    ],
)
def test_parameters_of_skorch_are_checked_by_name(rare, parameters, message):
    refuses(BinaryNetClassifier(**parameters), *rare, message)


def test_rows_of_an_array_are_no_batches(rare):
    net = BinaryNetClassifier(DenseNet, batch_size=None, max_epochs=1)
    refuses(net, *rare, "Pass a number of rows, or -1 for all.")


def test_a_batch_of_one_row_is_explained_where_a_network_cannot_take_it(rare):
    X, y = rare
    own = nn.Sequential(nn.Linear(X.shape[1], 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    net = BinaryNetClassifier(own, max_epochs=1)
    with pytest.raises(ValueError, match="more than 1 value per channel") as error:
        net.partial_fit(X[:1], y[:1], classes=[0, 1])
    assert "needs two rows in each training step" in error.value.__notes__[-1]


def test_an_argument_that_fit_does_not_know_is_named(rare):
    X, y = rare
    net = BinaryNetClassifier(DenseNet, max_epochs=1)
    with pytest.raises(TypeError, match="sample_weights") as error:
        net.fit(X, y, sample_weights=np.ones(len(y)))
    assert "Did you mean 'sample_weight'?" in str(error.value)


@pytest.mark.parametrize(
    ("module", "shape"),
    [(DenseNet, (3, 2, 6)), (DenseNet, (3, 2, 4, 1)), (ConvNet, (3, 2, 4, 1))],
)
def test_samples_of_other_sizes_than_in_fit_are_refused(rare, module, shape):
    X, y = rare
    net = BinaryNetClassifier(module, max_epochs=1).fit(X.reshape(-1, 2, 4), y)
    with pytest.raises(
        ValueError,
        match=re.escape(
            f"X has samples of shape {shape[1:]}, but fit saw samples of shape (2, 4)."
        ),
    ):
        net.predict(np.zeros(shape))


@pytest.mark.parametrize(
    ("class_weight", "pos_label", "ratio"),
    [
        ({"ok": 1, "fraud": 30}, "fraud", "30"),
        ({0: 30, 1: 1}, 0, "30"),
        ({0: 1, 1: 9}, None, "9"),
        ({"fraud": 30}, "fraud", "30"),
    ],
)
def test_the_ratio_of_class_weights_is_that_of_the_positive_label(
    class_weight, pos_label, ratio
):
    with pytest.raises(ValueError, match=f"use pos_weight={ratio}\\."):
        BinaryNetClassifier(class_weight=class_weight, pos_label=pos_label)
    net = BinaryNetClassifier(pos_label=pos_label)
    with pytest.raises(ValueError, match=f"use pos_weight={ratio}\\."):
        net.set_params(class_weight=class_weight)


@pytest.mark.parametrize(
    ("label", "both"), [("ok", "['ok', 'the other']"), (1, "[0, 1]")]
)
def test_a_beginning_with_one_class_is_told_how_to_name_both(rare, label, both):
    with pytest.raises(ValueError, match=re.escape(f"classes={both})")):
        BinaryNetClassifier().partial_fit(rare[0], [label] * 300)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("learning_rate", "lr"),
        ("epochs", "max_epochs"),
        ("hidden_layer_sizes", "module__hidden_units"),
        ("dropout", "module__dropout"),
        ("weight_decay", "optimizer__weight_decay"),
        ("patience", "callbacks__best_weights__patience"),
    ],
)
def test_a_name_of_other_libraries_is_translated(name, meant):
    message = f"unexpected argument '{name}'. It is '{meant}'"
    with pytest.raises(TypeError, match=message):
        BinaryNetClassifier(**{name: 1})
    BinaryNetClassifier(**{meant: 1})


@pytest.mark.parametrize(
    "params", [{"warm_start": "x"}, {"categorical_features": "auto"}]
)
def test_parameters_of_another_type_are_refused(params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter"):
        BinaryNetClassifier(**params).fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize("name", ["epoch", "eval_set", "groups"])
def test_an_argument_of_fit_that_nobody_takes_is_refused_before_training(name):
    net = BinaryNetClassifier(max_epochs=1)
    with pytest.raises(TypeError, match=f"fit got an unexpected argument '{name}'"):
        net.fit(np.eye(4), [0, 1, 0, 1], **{name: 1})
