"""save and load: one file, no pickle, and nothing of it is run."""

import json
import os
import pickle
import re
import shutil
import sys
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


def fitted(rare, module=DenseNet, **params):
    net = BinaryNetClassifier(module, max_epochs=2, random_state=0, **params)
    return net.fit(*rare)


def rewritten(path, change):
    """Write the file again, with another description and a digest that fits."""
    from skbin.model_file import _digest

    with safetensors.safe_open(path, framework="pt") as file:
        text = file.metadata()["skbin"]
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    described = json.loads(text)
    change(described)
    text = json.dumps(described)
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
    with pytest.raises(ValueError, match="has format 99, and this skbin reads up to 1"):
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
            assert str(error)
            return
        assert isinstance(net, BinaryNetClassifier)


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
    pipeline = make_pipeline(StandardScaler(), fitted(rare))
    with pytest.raises(TypeError, match=r"save the last step, or .* skops"):
        save(pipeline, path)
    assert not path.exists()


def test_a_missing_package_is_named_with_its_extra(rare, path, monkeypatch):
    net = fitted(rare)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(ImportError, match=r'pip install "skbin\[files\]"'):
        save(net, path)
