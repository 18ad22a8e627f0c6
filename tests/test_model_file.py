"""save and load: what comes back from one file without a pickle."""

import json
import re
import sys
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from imblearn.pipeline import make_pipeline
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping
from torch import nn
from torch.utils.data import DataLoader, Dataset

from skbin import (
    BalancedBatches,
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    FocalLoss,
    TableConvNet,
    TextConvNet,
    load,
    save,
)

safetensors = pytest.importorskip("safetensors")
safetensors_torch = pytest.importorskip("safetensors.torch")


class OwnNet(nn.Module):
    def __init__(self, n_features, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features, width), nn.Linear(width, 1))

    def forward(self, X):
        return self.layers(X)


class Remembers(OwnNet):
    def __init__(self, n_features, pretrained):
        super().__init__(n_features)


class NeedsNumbers(OwnNet):
    """Looks at its weights, which meta tensors do not have."""

    def __init__(self, n_features, width=4):
        super().__init__(n_features, width)
        assert self.layers[0].weight.sum().item() < 1e9


class Shifted(nn.Module):
    """A network that is made with a tensor."""

    def __init__(self, n_features, shift):
        super().__init__()
        self.shift = shift.float()
        self.linear = nn.Linear(n_features, 1)

    def forward(self, X):
        return self.linear(X + self.shift)


class Rows(Dataset):
    def __init__(self, X, y):
        self.X, self.y = X.astype(np.float32), y.astype(np.float32)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


def fitted(rare, module=DenseNet, **params):
    params = {"max_epochs": 2, "random_state": 0, **params}
    return BinaryNetClassifier(module, **params).fit(*rare)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.skbin"


@pytest.mark.parametrize(
    ("module", "params"),
    [
        ("auto", {}),
        (ConvNet, {}),
        (TableConvNet, {}),
        (DenseNet, {"pos_weight": "balanced", "prior": 0.3, "threshold": 0.2}),
        (DenseNet, {"module__hidden_units": (8, 4), "optimizer": torch.optim.SGD}),
        (DenseNet, {"criterion": FocalLoss, "criterion__gamma": 1.5}),
        (DenseNet, {"prior": "train", "optimizer__weight_decay": 0.1, "lr": 0.01}),
        (DenseNet, {"optimizer": torch.optim.AdamW}),
        (DenseNet, {"optimizer": torch.optim.RMSprop}),
    ],
)
def test_a_loaded_estimator_is_the_one_that_was_saved(rare, path, module, params):
    net = fitted(rare, module, **params)
    save(net, path)
    again = load(path)
    X = rare[0]
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    assert_array_equal(again.predict(X), net.predict(X))
    assert again.get_params(deep=False) == net.get_params(deep=False)
    assert list(again.history) == list(net.history)
    for name in ("classes_", "pos_weight_", "train_prior_", "n_features_in_"):
        assert_array_equal(getattr(again, name), getattr(net, name))
    again.set_params(prior=0.1)
    net.set_params(prior=0.1)
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    again.partial_fit(*rare)


def test_a_file_names_what_users_import(rare, path):
    net = fitted(rare, criterion=FocalLoss, optimizer=torch.optim.SGD)
    save(net, path)
    with safetensors.safe_open(path, framework="pt") as file:
        params = json.loads(file.metadata()["skbin"])["parameters"]
    named = [value["import"] for value in params.values() if isinstance(value, dict)]
    assert named == ["skbin:DenseNet", "skbin:FocalLoss", "torch.optim:SGD"]


@pytest.mark.parametrize("offset", [4e9, 1.7e12])
def test_numbers_far_from_zero_are_kept_in_double_precision(rare, path, offset):
    X, y = rare[0].copy(), rare[1]
    X[:, 2] += offset
    net = fitted((X, y))
    save(net, path)
    again = load(path)
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    assert len(np.unique(again.predict_proba(X))) > len(X) / 2


class TakesTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1)

    def forward(self, first, second):
        return self.linear(torch.cat([first, second], dim=1))


def test_a_net_of_a_dict_is_kept(rare, path):
    X, y = rare
    parts = {"first": X[:, :3].astype("f4"), "second": X[:, 3:].astype("f4")}
    net = fitted((parts, y), TakesTwo)
    save(net, path)
    again = load(path, trusted=[TakesTwo])
    assert_array_equal(again.predict_proba(parts), net.predict_proba(parts))


@pytest.mark.parametrize(
    "encode",
    [
        lambda y: np.where(y, "fraud", "ok"),
        lambda y: np.where(y, "fraud", "ok").astype(object),
        lambda y: y.astype(bool),
        lambda y: 2.0 * y - 1,
    ],
    ids=["strings", "objects", "booleans", "floats"],
)
def test_labels_come_back_as_they_were(rare, path, encode):
    X, y = rare
    net = fitted((X, encode(y)), pos_label=encode(np.array([1, 0]))[0])
    save(net, path)
    again = load(path)
    assert again.classes_.dtype == net.classes_.dtype
    assert_array_equal(again.predict(X), net.predict(X))


def test_signals_and_token_ids_keep_their_shapes(path):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=60)
    for module, X in [
        (ConvNet, rng.normal(size=(60, 2, 20))),
        (TextConvNet, rng.integers(1, 30, size=(60, 8))),
    ]:
        net = fitted((X, y), module)
        save(net, path)
        assert_array_equal(load(path).predict_proba(X), net.predict_proba(X))


def test_vectors_that_the_network_was_made_with_are_kept(path):
    rng = np.random.default_rng(0)
    X, y = rng.integers(1, 30, size=(60, 8)), rng.integers(2, size=60)
    vectors = rng.normal(size=(40, 5)).astype(np.float32)
    net = fitted((X, y), TextConvNet, module__pretrained=vectors)
    save(net, path)
    again = load(path)
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    assert_array_equal(again.get_params()["module__pretrained"], vectors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_parameters_that_are_tensors_come_back_as_tensors(rare, path, dtype):
    shift = torch.full((8,), 0.5, dtype=dtype)
    net = fitted(
        rare, Shifted, module__shift=shift, criterion__pos_weight=torch.tensor(3.0)
    )
    save(net, path)
    again = load(path, trusted=[Shifted])
    assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))
    again_shift = again.get_params()["module__shift"]
    assert again_shift.dtype == dtype
    assert torch.equal(again_shift, shift)
    again.partial_fit(*rare)


class Tied(nn.Module):
    """A network of which two weights are one, and one lies across the memory."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.second.weight = self.first.weight
        self.last = nn.Linear(8, 1)
        self.last.weight = nn.Parameter(torch.randn(8, 2).T[:1])

    def forward(self, X):
        return self.last(self.second(self.first(X).relu()))


def test_weights_that_share_memory_are_kept(rare, path):
    net = fitted(rare, Tied)
    save(net, path)
    again = load(path, trusted=[Tied])
    assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))


@pytest.mark.parametrize("array", [np.arange(3.0)[::-1], np.arange(3, dtype=">f4")])
def test_arrays_of_any_order_are_kept(rare, path, array):
    net = fitted(rare, module=Remembers, module__pretrained=array)
    save(net, path)
    with safetensors.safe_open(path, framework="np") as file:
        assert_array_equal(file.get_tensor("parameters/module__pretrained"), array)


@pytest.mark.parametrize("number", [Fraction(1, 20), Decimal("0.05"), np.float32(0.05)])
def test_numbers_of_any_type_are_kept_as_floats(rare, path, number):
    net = fitted(rare, threshold=0.05).set_params(lr=number)
    if not isinstance(number, Decimal):
        net.set_params(threshold=number)
    save(net, path)
    again = load(path)
    assert (type(again.lr), again.lr) == (float, float(number))
    assert_array_equal(again.predict(rare[0]), net.predict(rare[0]))


@pytest.mark.parametrize("prior", [None, "train"])
def test_a_net_that_was_trained_on_a_dataset_is_kept(rare, path, prior):
    X = rare[0].astype(np.float32)
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0, prior=prior)
    net.fit(Rows(*rare), None)
    save(net, path)
    again = load(path)
    assert np.isnan([again.train_prior_, again.batch_prior_]).all()
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))


# torch's compiler reads the gradients of what it traces.
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
def test_a_compiled_net_is_kept(rare, path):
    net = fitted(rare, compile=True, compile__backend="eager")
    save(net, path)
    assert_array_equal(load(path).predict_proba(rare[0]), net.predict_proba(rare[0]))


def test_a_loaded_estimator_can_be_saved(rare, path, tmp_path):
    save(fitted(rare), path)
    save(load(path), tmp_path / "again.skbin")
    with (
        safetensors.safe_open(path, framework="pt") as first,
        safetensors.safe_open(tmp_path / "again.skbin", framework="pt") as second,
    ):
        assert second.metadata() == first.metadata()


def test_torchs_generator_is_left_alone(rare, path):
    save(fitted(rare), path)
    state = torch.random.get_rng_state()
    load(path)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_no_file_holds_and_predictions_do_not_need_is_named(rare, path):
    stop = EarlyStopping("train_loss", patience=50)
    net = fitted(rare, callbacks=[stop])
    with pytest.warns(UserWarning, match="save leaves out callbacks") as record:
        save(net, path)
    assert record[0].filename == __file__
    assert_array_equal(load(path).predict_proba(rare[0]), net.predict_proba(rare[0]))


def to_columns(logit):
    return torch.stack([1 - torch.sigmoid(logit), torch.sigmoid(logit)], dim=1)


@pytest.mark.parametrize(
    "params",
    [
        {"predict_nonlinearity": to_columns},
        {"criterion": nn.BCEWithLogitsLoss()},
        {"iterator_valid": partial(DataLoader)},
        {"iterator_valid__collate_fn": list},
        {"dataset": Rows},
        {"module__hidden_units": range(3, 5)},
        {"pos_label": object()},
    ],
    ids=lambda params: next(iter(params)),
)
def test_what_predictions_need_and_no_file_holds_is_refused(rare, path, params):
    net = fitted(rare).set_params(**params)
    name = next(iter(params))
    with pytest.raises(TypeError, match=f"(?s)cannot write {name},.*(Pass|defaults)"):
        save(net, path)
    assert not path.exists()


def test_what_the_reader_chooses_is_not_written(rare, path, tmp_path):
    chosen = {
        "memory": tmp_path / "memory",
        "torch_load_kwargs": {"mmap": True},
        "iterator_valid__batch_size": 7,
        "iterator_valid__num_workers": 2,
        "iterator_train__shuffle": False,
    }
    save(fitted(rare).set_params(**chosen), path)
    again = load(path)
    assert not chosen.items() & again.get_params(deep=False).items()
    with safetensors.safe_open(path, framework="pt") as file:
        assert "iterator" not in file.metadata()["skbin"]


def test_how_batches_were_drawn_is_left_out_with_a_warning(rare, path):
    net = fitted(rare, iterator_train=BalancedBatches, prior="train")
    with pytest.warns(UserWarning, match="save leaves out iterator_train"):
        save(net, path)
    again = load(path)
    assert again.batch_prior_ == net.batch_prior_
    assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))


@pytest.mark.parametrize("value", [np.float32(2.5), np.int64(2), np.bool_(True)])
def test_numbers_of_numpy_may_be_recorded_in_the_history(rare, path, value):
    net = fitted(rare)
    net.history.record("recorded", value)
    save(net, path)
    assert load(path).history[-1]["recorded"] == value


@pytest.mark.parametrize("value", [object(), torch.tensor(1.0), {(1, 2): 3}])
def test_what_json_cannot_hold_of_the_history_is_told(rare, path, value):
    net = fitted(rare)
    net.history.record("recorded", value)
    with pytest.raises(TypeError, match=r"cannot write the history.*Record numbers"):
        save(net, path)


def test_a_class_of_ones_own_needs_consent(rare, path, monkeypatch):
    net = fitted(rare, OwnNet, module__width=3)
    save(net, path)
    name = f"{OwnNet.__module__}:OwnNet"
    with pytest.raises(ValueError, match=re.escape(f"trusted=['{name}']")):
        load(path)
    for trusted in (name, OwnNet):
        again = load(path, trusted=[trusted])
        assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"optimizer": torch.optim.LBFGS, "max_epochs": 1}, "torch.optim:LBFGS"),
        (
            {"module": nn.Linear, "module__in_features": 8, "module__out_features": 1},
            "torch.nn:Linear",
        ),
    ],
)
def test_other_classes_of_torch_need_consent(rare, path, params, name):
    net = fitted(rare).set_params(**params).fit(*rare)
    save(net, path)
    with pytest.raises(ValueError, match=re.escape(f"trusted=['{name}']")):
        load(path)
    module, _, attribute = name.partition(":")
    for trusted in (name, getattr(sys.modules[module], attribute)):
        again = load(path, trusted=[trusted])
        assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))


def test_an_instance_needs_one_of_the_same_layers(rare, path):
    module = nn.Sequential(nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 1))
    net = fitted(rare, module)
    save(net, path)
    with pytest.raises(ValueError, match=r"given as an instance.*load\(path, module="):
        load(path)
    again = load(path, module=module)
    assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))
    with pytest.raises(ValueError, match="does not describe an estimator"):
        load(path, module=nn.Linear(8, 1))


def test_a_trusted_network_may_look_at_its_weights_as_it_is_made(rare, path):
    net = fitted(rare, NeedsNumbers)
    save(net, path)
    again = load(path, trusted=[NeedsNumbers])
    assert_array_equal(again.predict_proba(rare[0]), net.predict_proba(rare[0]))


def test_only_fitted_estimators_are_saved(rare, path):
    with pytest.raises(NotFittedError):
        save(BinaryNetClassifier(), path)
    with pytest.raises(NotFittedError):
        save(BinaryNetClassifier(DenseNet, module__n_features=8).initialize(), path)
    pipeline = make_pipeline(StandardScaler(), fitted(rare))
    with pytest.raises(TypeError, match=r"Write a Pipeline with skops.io.dump"):
        save(pipeline, path)
    derived = type("Derived", (BinaryNetClassifier,), {})
    with pytest.raises(TypeError, match=r"no subclass of it, got Derived"):
        save(derived(DenseNet, max_epochs=1).fit(*rare), path)
    assert not path.exists()


def test_a_missing_package_is_named_with_its_extra(rare, path, monkeypatch):
    net = fitted(rare)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(ImportError, match=r'pip install "skbin\[files\]"'):
        save(net, path)


def test_numbers_far_from_zero_in_a_dict_come_back(rare, tmp_path):
    X, y = rare
    data = {"input": 1e12 + np.round(1000 * X)}
    net = BinaryNetClassifier(
        torch.nn.Linear,
        module__in_features=8,
        module__out_features=1,
        max_epochs=2,
        random_state=0,
    ).fit(data, y)
    save(net, tmp_path / "net")
    again = load(tmp_path / "net", trusted=[torch.nn.Linear])
    assert_array_equal(again.predict_proba(data), net.predict_proba(data))


@pytest.mark.parametrize(
    ("trained", "later"),
    [
        ({"module__hidden_units": (8,)}, {"module__hidden_units": (4,)}),
        ({}, {"module": ConvNet}),
        ({"criterion": FocalLoss}, {"criterion__gamma": 5.0}),
        ({}, {"criterion": FocalLoss}),
        ({}, {"module__dropout": 0.5}),
    ],
)
@pytest.mark.parametrize("how", ["fit", "partial_fit", "memory", "load"])
def test_what_was_set_after_training_is_not_written_as_trained(
    rare, path, tmp_path, trained, later, how
):
    net = BinaryNetClassifier(max_epochs=1, **trained)
    if how == "memory":
        net.set_params(memory=tmp_path / "memory").fit(*rare)
    getattr(net, "partial_fit" if how == "partial_fit" else "fit")(*rare)
    if how == "load":
        save(net, path)
        net = load(path)
    before = net.get_params()
    (name,) = later
    net.set_params(**later)
    with pytest.raises(ValueError, match=f"(?s)the trained net, .*{name}.* Call fit"):
        save(net, path)
    if name in before:
        save(net.set_params(**{name: before[name]}), path)


def test_parameters_that_training_does_not_fix_are_written_as_they_are(rare, path):
    net = BinaryNetClassifier(max_epochs=1).fit(*rare)
    save(net.set_params(threshold=0.1, lr=0.5, prior="train"), path)
    assert load(path).get_params()["threshold"] == 0.1
