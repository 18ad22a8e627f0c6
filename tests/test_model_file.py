"""save and load: one file, no pickle, and nothing of it is run."""

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
from torch.utils.data import Dataset

from skbin import (
    BalancedBatches,
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
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
    net = BinaryNetClassifier(module, max_epochs=2, random_state=0, **params)
    return net.fit(*rare)


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
        (ConvNet, {}),
        (DenseNet, {"pos_weight": "balanced", "prior": 0.3, "threshold": 0.2}),
        (DenseNet, {"module__hidden_units": (8, 4), "optimizer": torch.optim.SGD}),
        (DenseNet, {"iterator_train": BalancedBatches, "prior": "train"}),
        (DenseNet, {"prior": "train", "optimizer__weight_decay": 0.1, "lr": 0.01}),
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


def test_what_json_cannot_hold_and_prediction_does_not_need_is_named(rare, path):
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
        {"iterator_valid": partial(BalancedBatches)},
        {"dataset": partial(Rows)},
        {"module__hidden_units": range(3, 5)},
        {"pos_label": object()},
    ],
    ids=lambda params: next(iter(params)),
)
def test_what_prediction_needs_and_json_cannot_hold_is_refused(rare, path, params):
    net = fitted(rare).set_params(**params)
    with pytest.raises(TypeError, match=f"cannot write {next(iter(params))}"):
        save(net, path)
    assert not path.exists()


def test_what_the_caller_chooses_is_not_written(rare, path, tmp_path):
    net = fitted(rare, memory=tmp_path / "memory", torch_load_kwargs={"mmap": True})
    save(net, path)
    assert load(path).get_params()["memory"] is None
    assert load(path).get_params()["torch_load_kwargs"] is None


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
    with pytest.raises(ValueError, match=r"no file of skbin\.save"):
        load(path)
    assert not (tmp_path / "exploded").exists()


HOSTILE = ["os:system", "subprocess:Popen", "hostile_module:Net", "torch.hub:load"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("parameter", ["module", "optimizer", "criterion", "dataset"])
def test_code_that_a_file_names_is_neither_imported_nor_run(
    rare, path, tmp_path, monkeypatch, name, parameter
):
    (tmp_path / "hostile_module.py").write_text("import os; os.mkdir('exploded')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    save(fitted(rare), path)
    rewritten(path, lambda d: d["parameters"].update({parameter: {"import": name}}))
    with pytest.raises(ValueError, match="names"):
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


@pytest.mark.parametrize("name", ["predict", "_labels", "module_", "history_", "x__y"])
@pytest.mark.parametrize("part", ["parameters", "numbers"])
def test_a_file_sets_no_attributes(rare, path, part, name):
    save(fitted(rare), path)
    rewritten(path, lambda described: described[part].update({name: 5}))
    with pytest.raises(ValueError, match=r"it needs .*, got"):
        load(path)


NAN, INFINITE = float("nan"), float("inf")
LINEAR = "torch.nn.modules.linear:Linear"


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
        ("numbers", {}),
        ("numbers", {"n_features_in_": INFINITE}),
        ("numbers", {"n_features_in_": 9.0}),
        ("numbers", {"pos_weight_": 0.0}),
        ("numbers", {"pos_weight_": INFINITE}),
        ("numbers", {"pos_weight_": "1"}),
        ("numbers", {"train_prior_": 0.9}),
        ("numbers", {"train_prior_": NAN}),
        ("numbers", {"batch_prior_": 1.5}),
        ("numbers", {"batch_prior_": NAN}),
        ("input_shape", [300, -8]),
        ("input_shape", "8"),
        ("largest_id", 2.5),
        ("feature_names_in", ["a"]),
        ("history", [1, 2]),
        ("parameters", {"threshold": 7}),
        ("parameters", {"batch_size": 0}),
        ("parameters", {"dataset": None}),
        ("parameters", {"predict_nonlinearity": "x"}),
        ("parameters", {"lr": {"a": 1, "b": 2}}),
        ("parameters", {"lr": {"set": [1]}}),
        ("parameters", {"criterion": {"import": LINEAR}}),
        ("parameters", {"iterator_valid": {"import": LINEAR}}),
        # skorch would make one, of a size that the file chooses
        ("parameters", {"callbacks": {"list": [{"import": LINEAR}]}}),
        (
            "parameters",  # copies what it is given, as often as the file says
            {
                "module": {"import": "torch.nn.modules.transformer:TransformerEncoder"},
                "module__encoder_layer": 1,
                "module__num_layers": 10**9,
            },
        ),
        (
            "parameters",  # an AssertionError from torch
            {
                "module": {"import": "torch.nn.modules.activation:MultiheadAttention"},
                "module__embed_dim": 3,
                "module__num_heads": 2,
            },
        ),
    ],
)
def test_what_save_cannot_have_written_is_refused(rare, path, key, value):
    save(fitted(rare), path)

    def change(described):
        if isinstance(value, dict) and value:
            described[key].update(value)
        else:
            described[key] = value

    rewritten(path, change)
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be loaded: ")):
        load(path)


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
    {"module__n_bins": 10**8},
    {
        "module": {"import": "skbin.networks.signals:ConvNet"},
        "module__num_blocks": 10**9,
        "module__has_channels": True,
    },
    {
        "module": {"import": LINEAR},
        "module__in_features": 25_000,
        "module__out_features": 25_000,
    },
    {
        "module": {"import": "torch.nn.modules.rnn:LSTM"},
        "module__input_size": 8,
        "module__hidden_size": 1,
        "module__num_layers": 10**9,
    },
    {
        "criterion": {"import": "torch.nn.modules.loss:LinearCrossEntropyLoss"},
        "criterion__in_features": 25_000,
        "criterion__num_classes": 25_000,
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
    words = run.stdout.splitlines()
    assert len(words) == len(TOO_LARGE), run.stderr
    assert not [word for word in words if "memory" in word], words


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
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load(tmp_path / "none")
    safetensors_torch.save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"was not written by skbin\.save"):
        load(path)
    save(fitted(rare), path)
    rewritten(path, lambda described: described.update(format=99))
    with pytest.raises(ValueError, match="has format 99, and this skbin reads up to 2"):
        load(path)


def test_a_file_that_0_1_0_has_written_is_read():
    net = load(Path(__file__).parent / "saved_by_0.1.0.skbin")
    X = np.linspace(-2, 2, 60).reshape(20, 3)
    probability = net.predict_proba(X)[::6, 0]
    assert_allclose(probability, [0.216907, 0.213186, 0.216754, 0.27775], atol=1e-6)
    assert set(net.predict(X)) <= {"fault", "fine"}
    assert (net.pos_label, net.threshold, net.prior) == ("fault", 0.3, "train")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(data=st.data())
def test_any_description_is_loaded_or_refused_with_a_word(data):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.skbin"
        shutil.copy(Path(__file__).parent / "saved_by_0.1.0.skbin", path)

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


@pytest.mark.parametrize(
    "key", ["parameters", "classes", "positive_index", "numbers", "history"]
)
def test_a_description_with_something_missing_is_refused(rare, path, key):
    save(fitted(rare), path)
    rewritten(path, lambda described: described.pop(key))
    with pytest.raises(ValueError, match="does not describe an estimator"):
        load(path)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(rare, path, monkeypatch):
    save(fitted(rare), path)
    before = path.read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(safetensors_torch, "save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(fitted(rare, lr=0.1), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


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
