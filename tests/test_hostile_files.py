"""load reads a stranger's file: nothing of it is run, and it takes little memory."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skbin import BinaryNetClassifier, ConvNet, DenseNet, load, save
from skbin.export.files import _digest

safetensors = pytest.importorskip("safetensors")
safetensors_torch = pytest.importorskip("safetensors.torch")

TABLE = np.linspace(-2, 2, 60).reshape(20, 3)


@pytest.fixture(scope="module", autouse=True)
def _file(tmp_path_factory):
    """Write one file; each test alters a copy of it."""
    global FILE
    FILE = tmp_path_factory.mktemp("written") / "net.skbin"
    net = BinaryNetClassifier(
        DenseNet, module__hidden_units=(4,), max_epochs=2, random_state=0
    )
    save(net.fit(TABLE, np.resize([0, 1], 20)), FILE)


@pytest.fixture
def path(tmp_path):
    return Path(shutil.copy(FILE, tmp_path / "net.skbin"))


def rewritten(path, change, text=None, more_tensors=()):
    """Write the file again, with another description and a digest that fits."""
    with safetensors.safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["skbin"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dict
    tensors.update(more_tensors)
    change(described)
    text = json.dumps(described) if text is None else text
    header = {"skbin": text, "sha256": _digest(text, tensors)}
    safetensors_torch.save_file(tensors, path, metadata=header)


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
def test_a_file_does_not_choose_for_its_reader(path, name, value):
    rewritten(path, lambda described: described["parameters"].update({name: value}))
    with pytest.raises(ValueError, match=f"sets {name}, which only you may choose"):
        load(path)


@pytest.mark.parametrize("place", ["parameters", "tensor_parameters"])
def test_a_file_does_not_choose_for_its_reader_by_an_array(path, place):
    array = {f"{place}/memory": torch.zeros(1)}
    rewritten(path, lambda described: None, more_tensors=array)
    with pytest.raises(ValueError, match="sets memory, which only you may choose"):
        load(path)


@pytest.mark.parametrize("name", ["predict", "_data", "module_", "history_", "x__y"])
def test_a_file_sets_no_attributes(path, name):
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
        ("offset", [NAN] * 3),
        ("offset", "8"),
        ("inputs", [1]),
        ("feature_names_in", ["a"]),
    ],
)
def test_data_that_no_estimator_was_fitted_on_are_refused(path, key, value):
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
def test_parameters_that_save_cannot_have_written_are_refused(path, name, value):
    rewritten(path, lambda described: described["parameters"].update({name: value}))
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be loaded: ")):
        load(path)


def test_a_history_that_is_none_is_refused(path):
    rewritten(path, lambda described: described.update(history=[1, 2]))
    with pytest.raises(ValueError, match="history to be a list of epochs"):
        load(path)


def test_signals_too_long_for_a_file_are_refused_as_it_is_saved(path):
    X = np.random.default_rng(0).normal(size=(4, 1, 70_000)).astype(np.float32)
    few = {"module__kernel_sizes": (3,), "module__num_filters": 2}
    net = BinaryNetClassifier(ConvNet, max_epochs=1, **few, module__num_blocks=0)
    with pytest.raises(ValueError, match=r"\(1, 70000\) are too large for a network"):
        save(net.fit(X, [0, 1] * 2), path)


@pytest.mark.parametrize("text", ["", "no JSON", "[" * 100_000, "5", "[]", '{"a": 1}'])
def test_a_description_that_is_none_is_refused(path, text):
    rewritten(path, lambda described: None, text=text)
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be loaded: it")):
        load(path)


@pytest.mark.parametrize("name", ["no_such_package:Net", "skbin:no_such_net", "skbin"])
def test_a_trusted_name_that_is_not_there_is_told(path, name):
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
def test_a_small_file_takes_little_memory(path, tmp_path):
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
def test_a_truncated_file_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="truncated"):
        load(path)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9, 0.999])
def test_an_altered_file_is_refused(path, where):
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"altered|truncated"):
        load(path)


def test_other_files_are_refused(path):
    safetensors_torch.save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"was not written by skbin\.save"):
        load(path)


def test_later_formats_are_refused(path):
    rewritten(path, lambda described: described.update(format=99))
    with pytest.raises(ValueError, match=r"has format 99, but .* formats up to 3"):
        load(path)


# ---- any description


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(data=st.data())
def test_any_description_is_loaded_or_refused_with_a_word(data):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.skbin"
        shutil.copy(FILE, path)

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
        refusal = ""
        try:
            net = load(path)
        except ValueError as error:
            refusal = str(error)
        assert not refusal or refusal.startswith(str(path))
        if not refusal:
            probability = net.predict_proba(TABLE)
            assert probability.shape == (20, 2)
            assert np.isfinite(probability).all()


@pytest.mark.parametrize("key", ["parameters", "instance_of", "fitted", "history"])
def test_a_description_with_something_missing_is_refused(path, key):
    rewritten(path, lambda described: described.pop(key))
    with pytest.raises(ValueError, match="does not describe an estimator"):
        load(path)
