"""save and load: one file, no pickle, and nothing of it is run."""

import contextlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from imblearn.pipeline import make_pipeline
from numpy.testing import assert_allclose, assert_array_equal
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
    TextConvNet,
    export_onnx,
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


class Sub(BinaryNetClassifier):
    pass


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


def rewritten(path, change, text=None, more_tensors=()):
    """Write the file again, with another description and a digest that fits."""
    from skbin.export.files import _digest

    with safetensors.safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["skbin"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors.update(more_tensors)
    change(described)
    text = json.dumps(described) if text is None else text
    header = {"skbin": text, "sha256": _digest(text, tensors)}
    safetensors_torch.save_file(tensors, path, metadata=header)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.skbin"


@pytest.mark.parametrize(
    ("module", "params"),
    [
        ("auto", {}),
        (ConvNet, {}),
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


@pytest.mark.parametrize("array", [np.arange(3.0)[::-1], np.arange(3, dtype=">f4")])
def test_arrays_of_any_order_are_kept(rare, path, array):
    net = fitted(rare).set_params(module__pretrained=array)
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


# ---- hostile and broken files


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_a_pickle_is_not_opened(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"not written by skbin\.save"):
        load(path)
    assert not (tmp_path / "exploded").exists()


HOSTILE = ["os:system", "subprocess:Popen", "hostile_module:Net", "torch.hub:load"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("parameter", ["module", "optimizer", "criterion", "module__a"])
def test_code_that_a_file_names_is_neither_imported_nor_run(
    rare, path, tmp_path, monkeypatch, name, parameter
):
    (tmp_path / "hostile_module.py").write_text("import os; os.mkdir('exploded')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    save(fitted(rare), path)
    rewritten(path, lambda d: d["parameters"].update({parameter: {"import": name}}))
    with pytest.raises(ValueError, match="which could run any code"):
        load(path)
    assert "hostile_module" not in sys.modules
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory", "/evil"),
        ("torch_load_kwargs", {"dict": {"weights_only": False}}),
        ("device", "cuda"),
        ("compile__options", {"dict": {"cpp.cxx": {"tuple": ["/evil"]}}}),
        ("compile__backend", "tvm"),
        ("compile", True),
        ("module__device", "cpu"),
        ("dataset", {"import": "skbin:DenseNet"}),
        ("iterator_train", {"import": "skbin:BalancedBatches"}),
        ("iterator_valid__num_workers", 10**9),
        ("iterator_valid__batch_size", 10**9),
    ],
)
def test_a_file_does_not_choose_for_its_reader(rare, path, name, value):
    save(fitted(rare), path)
    rewritten(path, lambda described: described["parameters"].update({name: value}))
    with pytest.raises(ValueError, match=f"sets {name}, which only you may choose"):
        load(path)


@pytest.mark.parametrize("place", ["parameters", "tensor_parameters"])
def test_a_file_does_not_choose_for_its_reader_by_an_array(rare, path, place):
    save(fitted(rare), path)
    array = {f"{place}/memory": torch.zeros(1)}
    rewritten(path, lambda described: None, more_tensors=array)
    with pytest.raises(ValueError, match="sets memory, which only you may choose"):
        load(path)


@pytest.mark.parametrize("name", ["predict", "_data", "module_", "history_", "x__y"])
def test_a_file_sets_no_attributes(rare, path, name):
    save(fitted(rare), path)
    rewritten(path, lambda described: described["parameters"].update({name: 5}))
    with pytest.raises(ValueError, match=r"it needs parameters .*, got"):
        load(path)


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", ["<i8", [1, 2, 3, 4, 5]]),
        ("classes", ["<i8", [1, 1]]),
        ("classes", ["<i8", [1, 0]]),
        ("classes", ["<f8", [0, NAN]]),
        ("classes", ["O", [[1, 2], [3]]]),
        ("classes", ["<U1000000000", ["a", "b"]]),
        ("classes", "ab"),
        ("positive_index", 7),
        ("positive_index", "x"),
        ("positive_index", True),
        ("class_totals", ["a"]),
        ("class_totals", [1.0, NAN]),
        ("class_totals", [-1.0, 2.0]),
        ("class_totals", [0.0, 0.0]),
        ("n_features_in", INFINITE),
        ("n_features_in", 9),
        ("pos_weight", 0.0),
        ("pos_weight", INFINITE),
        ("pos_weight", "1"),
        ("batch_prior", 1.5),
        ("batch_prior", NAN),
        ("shape", [300, -8]),
        ("shape", "8"),
        ("shape", [300, 2, 2 * 10**8]),  # to which lists of signals would be padded
        ("largest_id", 2.5),
        ("offset", [1.0]),
        ("offset", [NAN] * 8),
        ("offset", "8"),
        ("inputs", [1]),
        ("feature_names_in", ["a"]),
    ],
)
def test_data_that_no_estimator_was_fitted_on_are_refused(rare, path, key, value):
    save(fitted(rare), path)
    rewritten(path, lambda described: described["fitted"].update({key: value}))
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be loaded: ")):
        load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 7),
        ("batch_size", 0),
        ("predict_nonlinearity", "x"),
        ("lr", {"a": 1, "b": 2}),
        ("lr", {"set": [1]}),
        ("criterion", {"import": "skbin:DenseNet"}),
        ("optimizer", {"import": "torch.nn:BCELoss"}),
        # skorch would make one, of a size that the file chooses
        ("callbacks", {"list": [{"import": "skbin:DenseNet"}]}),
        ("module__hidden_units", {"import": "skbin:DenseNet"}),
    ],
)
def test_parameters_that_save_cannot_have_written_are_refused(rare, path, name, value):
    save(fitted(rare), path)
    rewritten(path, lambda described: described["parameters"].update({name: value}))
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be loaded: ")):
        load(path)


def test_a_history_that_is_none_is_refused(rare, path):
    save(fitted(rare), path)
    rewritten(path, lambda described: described.update(history=[1, 2]))
    with pytest.raises(ValueError, match="history to be a list of epochs"):
        load(path)


def test_signals_too_long_for_a_file_are_refused_as_it_is_saved(path):
    X = np.random.default_rng(0).normal(size=(4, 1, 70_000)).astype(np.float32)
    few = {"module__kernel_sizes": (3,), "module__num_filters": 2}
    net = fitted((X, [0, 1] * 2), ConvNet, **few, module__num_blocks=0)
    with pytest.raises(ValueError, match=r"\(1, 70000\) are too large for a network"):
        save(net, path)


@pytest.mark.parametrize("text", ["", "no JSON", "[" * 100_000, "5", "[]", '{"a": 1}'])
def test_a_description_that_is_none_is_refused(rare, path, text):
    save(fitted(rare), path)
    rewritten(path, lambda described: None, text=text)
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be loaded: it")):
        load(path)


@pytest.mark.parametrize("name", ["no_such_package:Net", "skbin:no_such_net", "skbin"])
def test_a_trusted_name_that_is_not_there_is_told(rare, path, name):
    save(fitted(rare), path)
    rewritten(path, lambda d: d["parameters"].update(module={"import": name}))
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be loaded: it")):
        load(path, trusted=[name])


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_device_that_is_not_there_is_refused_before_reading(tmp_path):
    with pytest.raises(ValueError, match="finds no such device here"):
        load(tmp_path / "none", device="cuda")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none", device="auto")


# Anonymous memory alone is limited, to what a right file needs and a little.
WITHIN_LIMITED_MEMORY = """
import resource
import sys
import torch
from skbin import load

torch.set_num_threads(1)
right, *hostile = sys.argv[1:]
load(right)
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
limit = (used + 64 * 1024) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
for path in hostile:
    try:
        load(path)
    except ValueError as error:
        print(str(error).splitlines()[0])
"""
TOO_LARGE = [
    {"module__hidden_units": {"list": [25_000, 25_000]}},
    {"module__hidden_units": {"list": [1] * 100_000}},
    {"module__n_bins": 10**8},
    {"module": {"import": "skbin:ConvNet"}, "module__num_blocks": 10**9},
    {"module": {"import": "skbin:ConvNet"}, "module__num_filters": 10**9},
    {
        "module": {"import": "skbin:TextConvNet"},
        "module__vocab_size": 10**9,
        "module__kernel_sizes": {"list": [10**9]},
    },
]


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by Linux's means")
def test_a_small_file_takes_little_memory(rare, path, tmp_path):
    save(fitted(rare), path)
    paths = [path]
    for i, params in enumerate(TOO_LARGE):
        paths.append(tmp_path / f"{i}.skbin")
        shutil.copy(path, paths[-1])
        rewritten(paths[-1], lambda d, params=params: d["parameters"].update(params))
    run = subprocess.run(
        [sys.executable, "-c", WITHIN_LIMITED_MEMORY, *paths],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    errors = run.stdout.splitlines()
    assert len(errors) == len(TOO_LARGE), run.stderr
    assert not [error for error in errors if "allocate" in error], errors


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(rare, path, share):
    save(fitted(rare), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="truncated"):
        load(path)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9, 0.999])
def test_an_altered_file_is_refused(rare, path, where):
    save(fitted(rare), path)
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"altered|truncated"):
        load(path)


def test_other_files_and_later_formats_are_refused(rare, path, tmp_path):
    safetensors_torch.save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"was not written by skbin\.save"):
        load(path)
    save(fitted(rare), path)
    rewritten(path, lambda described: described.update(format=99))
    with pytest.raises(ValueError, match="has format 99, and this skbin reads up to 3"):
        load(path)


# ---- files of version 0.1

DATA = Path(__file__).parent / "data"
TABLE = np.linspace(-2, 2, 60).reshape(20, 3)
FIRST = {
    "conv_table": TABLE,
    "conv_signals": np.sin(np.linspace(0, 40, 480)).reshape(20, 2, 12),
    "dense_strings": pd.DataFrame(TABLE, columns=["a", "b", "c"]),
    "text": np.arange(120).reshape(20, 6) * 7 % 11,
    "instance": TABLE,
}


@pytest.mark.parametrize("name", FIRST)
def test_a_file_of_version_0_1_predicts_as_it_did(name):
    module = None
    if name == "instance":
        module = nn.Sequential(
            nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1), nn.Sigmoid()
        )
    loaders = pytest.warns(UserWarning, match="The file sets iterator_.* is ignored")
    has_loaders = name in ("dense_strings", "text")
    with loaders if has_loaders else contextlib.nullcontext():
        net = load(DATA / f"{name}.skbin", module=module)
    expected = json.loads((DATA / "expected.json").read_text())[name]
    assert_allclose(net.predict_proba(FIRST[name])[::4, 1], expected, atol=1e-6)
    assert not [
        p
        for p in net.get_params(deep=False)
        if p.startswith("iterator_v") and "__" in p
    ]


def test_what_a_file_of_version_0_1_says_of_its_data_is_read():
    with pytest.warns(UserWarning, match="iterator_train, iterator_valid__batch_size"):
        net = load(DATA / "dense_strings.skbin")
    assert net.classes_.tolist() == ["fault", "fine"]
    assert (net.pos_label, net.threshold, net.prior) == ("fault", 0.3, "train")
    assert (net.pos_weight_, net.train_prior_, net.batch_prior_) == (2.0, 0.35, 0.5)
    assert net.feature_names_in_.tolist() == ["a", "b", "c"]
    assert net.optimizer is torch.optim.SGD
    assert len(net.history) == 3
    net.partial_fit(FIRST["dense_strings"], np.resize(["fault", "fine"], 20))


def test_a_file_of_format_1_is_read():
    probability = load(DATA / "format_1.skbin").predict_proba(TABLE)[::6, 0]
    assert_allclose(probability, [0.216907, 0.213186, 0.216754, 0.27775], atol=1e-6)


def test_a_file_of_version_0_1_can_be_saved_again(path):
    net = load(DATA / "conv_signals.skbin")
    save(net, path)
    X = FIRST["conv_signals"]
    assert_array_equal(load(path).predict_proba(X), net.predict_proba(X))


# ---- any description


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.fixture(scope="module", autouse=True)
def written(rare, tmp_path_factory):
    """A file for a property, whose examples share their fixtures."""
    global WRITTEN
    WRITTEN = tmp_path_factory.mktemp("any") / "net.skbin"
    save(fitted((TABLE, np.resize([0, 1], 20)), module__hidden_units=(4,)), WRITTEN)


@given(data=st.data())
def test_any_description_is_loaded_or_refused_with_a_word(data):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.skbin"
        shutil.copy(WRITTEN, path)

        def change(described):
            inner = described
            while isinstance(inner, dict | list) and inner:
                keys = range(len(inner)) if isinstance(inner, list) else sorted(inner)
                key, outer = data.draw(st.sampled_from(keys)), inner
                inner = outer[key]
                if data.draw(st.booleans()):
                    break
            outer[key] = data.draw(json_values)

        rewritten(path, change)
        try:
            net = load(path)
        except ValueError as error:
            assert str(error).startswith(str(path))
            return
        probability = net.predict_proba(np.linspace(-2, 2, 60).reshape(20, 3))
        assert probability.shape == (20, 2)
        assert np.isfinite(probability).all()


@pytest.mark.parametrize("key", ["parameters", "instance_of", "fitted", "history"])
def test_a_description_with_something_missing_is_refused(rare, path, key):
    save(fitted(rare), path)
    rewritten(path, lambda described: described.pop(key))
    with pytest.raises(ValueError, match="does not describe an estimator"):
        load(path)


# ---- the file


@pytest.fixture(params=["save", "export_onnx"])
def write(request, rare):
    """Either of the two functions that write a file, with an estimator to write."""
    if request.param == "export_onnx":
        pytest.importorskip("onnx")
    net = fitted(rare, nn.Linear(8, 1))
    return partial({"save": save, "export_onnx": export_onnx}[request.param], net)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(rare, path, monkeypatch):
    save(fitted(rare), path)
    before = path.read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(fitted(rare, lr=0.1), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_that_open_gives(write, path, umask):
    before = os.umask(umask)
    try:
        write(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_file_that_was_there_keeps_its_permissions(write, path):
    path.touch(0o600)
    write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size


@pytest.mark.parametrize("exists", [False, True])
def test_a_link_is_written_through(write, tmp_path, exists):
    (tmp_path / "models").mkdir()
    target = tmp_path / "models" / "net-2024"
    if exists:
        target.write_bytes(b"before")
    (tmp_path / "latest").symlink_to(Path("models", "net-2024"))
    write(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert len(target.read_bytes()) > 100
    assert os.listdir(tmp_path / "models") == ["net-2024"]


def places_that_open_refuses(folder):
    (folder / "file").touch()
    (folder / "dangling").symlink_to(folder / "missing" / "net")
    return [
        folder / "missing" / "net",
        folder / "file" / "net",
        folder,
        folder / "dangling",
        folder / ("n" * 300),
    ]


@pytest.mark.parametrize("which", range(5))
def test_a_place_that_open_refuses_is_refused_as_open_does(write, tmp_path, which):
    place = places_that_open_refuses(tmp_path)[which]
    with pytest.raises(OSError, match="") as of_open:
        place.open("wb")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(type(of_open.value), match=re.escape(str(of_open.value))):
        write(place)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_device_stays_a_device(write):
    write("/dev/null")
    assert not Path("/dev/null").is_file()


def test_a_place_where_nothing_is_to_read_is_refused_as_open_does(tmp_path):
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(OSError, match="") as of_open:
            place.open("rb")
        with pytest.raises(type(of_open.value), match=re.escape(str(of_open.value))):
            load(place)


def test_only_fitted_estimators_are_saved(rare, path):
    with pytest.raises(NotFittedError):
        save(BinaryNetClassifier(), path)
    with pytest.raises(NotFittedError):
        save(BinaryNetClassifier(DenseNet, module__n_features=8).initialize(), path)
    pipeline = make_pipeline(StandardScaler(), fitted(rare))
    with pytest.raises(TypeError, match=r"save the last step, or .* skops"):
        save(pipeline, path)
    with pytest.raises(TypeError, match=r"nothing derived from it, got Sub"):
        save(Sub(DenseNet, max_epochs=1).fit(*rare), path)
    assert not path.exists()


def test_a_missing_package_is_named_with_its_extra(rare, path, monkeypatch):
    net = fitted(rare)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(ImportError, match=r'pip install "skbin\[files\]"'):
        save(net, path)
