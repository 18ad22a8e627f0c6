"""What counts as the same training, and what does not."""

import contextlib
import copy
import enum
import importlib
import math
import pickle
import subprocess
import sys
import textwrap
import threading
import types
from functools import partial

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import sparse
from skorch.callbacks import EarlyStopping
from torch import nn

from skbin import DenseNet
from skbin.memory.fingerprint import Fingerprint


def key(value):
    return Fingerprint(value).key


def defined(source, name="Thing", **known):
    """Run `source` as a notebook cell would, and give what it defines as `name`."""
    namespace = {"__name__": "__main__", "nn": nn, "torch": torch, **known}
    exec(textwrap.dedent(source), namespace)
    return namespace[name]


def network(width="8", helper="2 * x", constant="1.0"):
    return defined(
        f"""
        CONSTANT = {constant}

        def helper(x):
            return {helper}

        class Part(nn.Module):
            def forward(self, X):
                return helper(X) + CONSTANT

        class Thing(nn.Module):
            def __init__(self, n_features):
                super().__init__()
                self.layers = nn.Sequential(nn.Linear(n_features, {width}), Part())

            def forward(self, X):
                return self.layers(X)
        """
    )


VALUES = [
    0,
    0.0,
    False,
    None,
    "0",
    b"0",
    [0],
    (0,),
    {0},
    {0: 0},
    np.float32(0),
    np.zeros(1),
    np.zeros((1, 1)),
    np.zeros(1, dtype=np.float32),
    np.array([None]),
    np.array(["0"], dtype=object),
    torch.zeros(1),
    torch.zeros(1, dtype=torch.bfloat16),
    sparse.csr_matrix((1, 1)),
    sparse.csr_matrix(([1.0], ([0], [0])), shape=(1, 1)),
    torch.device("cpu"),
    torch.optim.Adam,
    torch.optim.SGD,
    len,
    np.add,
    partial(torch.optim.Adam, lr=0.1),
    partial(torch.optim.Adam, lr=0.2),
    EarlyStopping(),
    EarlyStopping(patience=7),
    EarlyStopping().get_params,
    nn.Dropout(0.1),
    nn.Dropout(0.2),
    DenseNet,
    lambda x: x + 1,
    lambda x: x + 2,
    network(),
    network(width="9"),
    network(helper="3 * x"),
    network(constant="2.0"),
    slice(0, 1),
    {0: 1.0}.get,
    {0: 0.5}.get,
    [1, 2].__getitem__,
    [1, 3].__getitem__,
    math.log,
    np.log,
    torch.optim.swa_utils.get_ema_multi_avg_fn(0.9),
    torch.optim.swa_utils.get_ema_multi_avg_fn(0.1),
    np.random.default_rng(0),
    np.random.default_rng(1),
]


def test_different_values_have_different_keys():
    keys = [key(value) for value in VALUES]
    assert len(set(keys)) == len(VALUES)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_copy_sent_to_a_worker_has_the_same_key(value):
    assert key(cloudpickle.loads(cloudpickle.dumps(value))) == key(value)


class Kind(enum.Enum):
    FIRST = 1
    SECOND = 2


@pytest.mark.parametrize(
    ("numpys", "pythons"),
    [
        (np.int64(2), 2),
        (np.int32(2), 2),
        (np.uint8(2), 2),
        (np.float64(0.1), 0.1),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array(2), 2),
        (np.array(0.1), 0.1),
        ([np.int64(2)], [2]),
        ({"width": np.int64(2)}, {"width": 2}),
        (partial(nn.Linear, np.int64(3)), partial(nn.Linear, 3)),
        (EarlyStopping(patience=np.int64(3)), EarlyStopping(patience=3)),
    ],
)
def test_a_number_of_numpy_is_the_number(numpys, pythons):
    assert key(numpys) == key(pythons)


def test_a_number_of_half_the_digits_is_another_one():
    assert len({key(0.1), key(np.float32(0.1)), key(np.float16(0.1))}) == 3


def test_an_array_is_the_same_as_a_memory_map(tmp_path):
    array = np.arange(6.0).reshape(2, 3)
    np.save(tmp_path / "array.npy", array)
    assert key(np.load(tmp_path / "array.npy", mmap_mode="r")) == key(array)


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, None]})
DIFFERENT = {
    "values": [FRAME, FRAME.replace({"a": {2: 3}}), FRAME.replace({"b": {"y": "z"}})],
    "names": [FRAME, FRAME.rename(columns={"a": "A"}), FRAME.set_index("a")],
    "types": [FRAME, FRAME.astype({"a": "int32"}), FRAME.astype({"b": "category"})],
    "series": [FRAME["a"], FRAME["a"] + 1, FRAME["a"].rename("A"), FRAME["b"]],
    "categories": [
        pd.Categorical(["a", "b"]),
        pd.Categorical(["a", "a"], categories=["a", "b"]),
        pd.Categorical(["a", "b"], categories=["a", "b", "c"]),
        pd.Categorical(["a", "b"], ordered=True),
    ],
    "times": [pd.Timestamp(1), pd.Timestamp(2), pd.Timestamp(1, tz="UTC"), pd.NaT],
    "durations": [pd.Timedelta(1), pd.Timedelta(2)],
    "indices": [pd.Index([1, 2]), pd.Index([1, 3]), pd.Index(["1", "2"])],
    "missing integers": [pd.array([1, None]), pd.array([1, 1]), pd.array([2, None])],
    "masked": [
        np.ma.masked_array([1, 2], [0, 0]),
        np.ma.masked_array([1, 2], [0, 1]),
        np.ma.masked_array([1, 3], [0, 0]),
        np.ma.masked_array([1, 2], [0, 0], fill_value=7),
    ],
    "enumerated": [Kind.FIRST, Kind.SECOND],
    "dates": np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"),
}


@pytest.mark.parametrize("held_by", [lambda value: value, lambda value: {"a": [value]}])
@pytest.mark.parametrize("name", DIFFERENT)
def test_values_of_pandas_and_masks_are_in_the_key(name, held_by):
    values = [held_by(value) for value in DIFFERENT[name]]
    assert len({key(value) for value in values}) == len(values)
    for value in values:
        for other in (
            copy.deepcopy(value),
            cloudpickle.loads(cloudpickle.dumps(value)),
        ):
            assert key(other) == key(value)


def test_how_a_frame_was_put_together_does_not_matter():
    piecewise = pd.DataFrame({"a": [1, 2]})
    piecewise["b"] = ["x", "y"]
    piecewise["c"] = [0.5, None]
    assert key(piecewise) == key(FRAME)


class Silent:
    """Tells pickle nothing of what it holds."""

    def __init__(self, rate):
        self.rate = rate

    def __getstate__(self):
        return None


class Empty(Silent):
    def __getstate__(self):
        return {}


class SilentCallback(EarlyStopping):
    def __getstate__(self):
        return {}


@pytest.mark.parametrize("silent", [Silent(1), Empty(1), SilentCallback()])
def test_an_object_that_tells_nothing_of_itself_is_refused(silent):
    with pytest.raises(TypeError, match=r"cannot be told apart .*__getstate__"):
        Fingerprint([silent])


class Stateless:
    pass


def test_an_object_that_holds_nothing_has_a_key():
    assert key(Stateless()) == key(Stateless()) != key(object())


@given(array=st_numpy.arrays(np.float32, st.integers(1, 20)), place=st.integers(0, 19))
def test_one_changed_number_changes_the_key(array, place):
    changed = array.copy()
    changed[place % len(array)] += 1
    same = np.array_equal(array, changed, equal_nan=True)
    assert (key(array) == key(changed)) == same


@pytest.mark.parametrize("make", [np.zeros, torch.zeros])
def test_one_of_many_numbers_changes_the_key(make):
    first, second = make((100, 100)), make((100, 100))
    assert key(first) == key(second)
    second[50, 50] = 1
    assert key(first) != key(second)


def test_a_function_may_close_over_what_is_not_there_yet():
    def made(default):
        def function(x=default):
            return later

        if default is None:
            later = 1
        return function

    assert key(made(1)) == key(made(1)) != key(made(2))


def test_a_network_with_other_weights_has_another_key():
    first = nn.Linear(3, 1)
    second = copy.deepcopy(first)
    assert key(first) == key(second)
    with torch.no_grad():
        second.bias += 1
    assert key(first) != key(second)


def test_what_is_defined_again_unchanged_keeps_its_key():
    assert key(network()) == key(network())


def test_a_changed_default_closure_or_method_changes_the_key():
    def made(default=1, closed_over=1, base="object"):
        source = f"""
        def make(value):
            class Thing({base}):
                @staticmethod
                def a(x={default}):
                    return x + value
                @property
                def b(self):
                    return value
            return Thing
        Thing = make({closed_over})
        """
        return key(defined(source))

    keys = {made(), made(default=2), made(closed_over=2), made(base="nn.Module")}
    assert len(keys) == 4


def test_a_global_that_is_not_read_does_not_matter():
    source = """
    def Thing(x):
        return x.unrelated
    """
    assert key(defined(source, unrelated=1)) == key(defined(source, unrelated=2))


def test_functions_that_call_each_other_have_a_key():
    source = """
    def other(n):
        return Thing(n - 1)

    def Thing(n):
        return {start} if n == 0 else other(n)
    """
    first, second = (defined(source.format(start=start)) for start in (0, 1))
    assert key(first) != key(second)


def test_a_list_that_holds_itself_has_a_key():
    looped = [1]
    looped.append(looped)
    assert key(looped) == key(looped)


def test_key_is_the_same_in_another_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\n"
        "from skbin import DenseNet\n"
        "from skbin.memory.fingerprint import Fingerprint\n"
        "class Mine(DenseNet):\n"
        "    kinds = {'a', 'b', 'c'}\n"
        "    def forward(self, X):\n"
        "        return super().forward(X) if len(X) in {1, 2, 3} else X\n"
        "print(Fingerprint([Mine, np.arange(9), {'x', 'y'}]).key)\n"
    )
    keys = {
        subprocess.run([sys.executable, script], check=True, capture_output=True).stdout
        for _ in range(3)
    }
    assert len(keys) == 1


def test_what_cannot_be_told_apart_is_refused():
    for value in ((number for number in range(3)), threading.Lock()):
        with pytest.raises(TypeError, match=r"(generator|lock).* cannot be told apart"):
            Fingerprint(value)


def test_user_code_is_listed_in_one_order():
    thing = network()
    first, second = Fingerprint(thing).code, Fingerprint(thing).code
    assert first[0] is thing
    assert [id(part) for part in first] == [id(part) for part in second]


def test_pickles_of_equal_parameters_have_equal_keys():
    callback = EarlyStopping(patience=3)
    assert key(pickle.loads(pickle.dumps(callback))) == key(callback)


class Slotted:
    __slots__ = ("rate",)

    def __init__(self, rate):
        self.rate = rate


class Defaulting(dict):
    def __missing__(self, key):
        return 1


class Rate(float):
    def __call__(self, epoch):
        return self / epoch


def test_instances_of_a_users_classes_are_known_by_code_and_content():
    values = [Slotted(1), Slotted(2), Defaulting(), Defaulting(a=1), {}, {"a": 1}]
    values += [Rate(1.0), Rate(2.0), 1.0, 2.0]
    assert len({key(value) for value in values}) == len(values)
    assert key(Slotted(1)) == key(Slotted(1))


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    return x * helper.SCALE",
        "def f(x):\n    return helper.inner(x)",
        "def f(x):\n    return helper.sub.inner(x)",
        "def f(x):\n    from helper_of_a_test import inner\n    return inner(x)",
        "def f(x):\n    import helper_of_a_test as h\n    return h.SCALE * x",
    ],
)
def test_what_a_module_of_the_user_holds_is_followed(source, monkeypatch):
    def keyed(scale):
        sub = types.ModuleType("helper_of_a_test_sub")
        exec(f"def inner(x):\n    return x + {scale}", vars(sub))
        helper = types.ModuleType("helper_of_a_test")
        helper.SCALE, helper.inner, helper.sub = scale, sub.inner, sub
        monkeypatch.setitem(sys.modules, "helper_of_a_test", helper)
        monkeypatch.setitem(sys.modules, "helper_of_a_test_sub", sub)
        return key(defined(source, name="f", helper=helper))

    assert keyed(1) == keyed(1)
    assert keyed(1) != keyed(2)


@pytest.mark.parametrize(
    "statement", ["from {dots}sub import h", "from {dots}sub.h import f"]
)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_relative_imports_inside_a_function_are_followed(
    tmp_path, monkeypatch, level, statement
):
    """At level 3 the function lies in top.a.b.user, and imports from top.sub."""
    name = f"package_of_level_{level}_{len(statement)}"
    places = [name, "a", "b"][:level]
    for depth in range(1, level + 1):
        folder = tmp_path.joinpath(*places[:depth])
        folder.mkdir()
        (folder / "__init__.py").touch()
    sub = tmp_path / name / "sub"
    sub.mkdir()
    (sub / "__init__.py").touch()
    line = statement.format(dots="." * level)
    called = "f" if line.endswith("f") else "h.f"
    user = f"def use(x):\n    {line}\n    return {called}(x)\n"
    tmp_path.joinpath(*places, "user.py").write_text(user)
    monkeypatch.syspath_prepend(tmp_path)

    def keyed(factor):
        for module in [module for module in sys.modules if module.startswith(name)]:
            del sys.modules[module]
        (sub / "h.py").write_text(f"def f(x):\n    return x * {factor}\n")
        importlib.invalidate_caches()
        return key(importlib.import_module(".".join([*places, "user"])).use)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert keyed(2) == keyed(2)
    assert keyed(2) != keyed(3)


def test_an_import_that_is_not_there_has_a_key():
    source = """
    def f(x):
        try:
            import no_such_package
        except ImportError:
            return x
    """
    assert key(defined(source, name="f")) == key(defined(source, name="f"))


def test_attributes_of_a_function_count():
    function = defined("def f(x):\n    return x", name="f")
    before = key(function)
    function.kind = 1
    assert key(function) != before


@contextlib.contextmanager
def setting(owner, name, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextlib.contextmanager
def called(setter, value, before):
    setter(value)
    try:
        yield
    finally:
        setter(before)


CUDNN = torch.backends.cudnn
SETTINGS = {
    "autocast": lambda: torch.autocast("cpu"),
    "autocast to half precision": lambda: torch.autocast("cpu", torch.float16),
    "default type": lambda: called(
        torch.set_default_dtype, torch.float64, torch.float32
    ),
    "default device": lambda: torch.device("meta"),
    "deterministic": lambda: called(torch.use_deterministic_algorithms, True, False),
    "matmul": lambda: called(torch.set_float32_matmul_precision, "medium", "highest"),
    "matmul, somewhat": lambda: called(
        torch.set_float32_matmul_precision, "high", "highest"
    ),
    "tf32 of cudnn": lambda: setting(CUDNN, "allow_tf32", not CUDNN.allow_tf32),
    "benchmark": lambda: setting(CUDNN, "benchmark", not CUDNN.benchmark),
    "deterministic cudnn": lambda: setting(
        CUDNN, "deterministic", not CUDNN.deterministic
    ),
    "deterministic mkldnn": lambda: setting(
        torch.backends.mkldnn, "deterministic", True
    ),
}


def test_what_is_set_for_all_of_torch_counts_while_it_is_set():
    before = key(1)
    keys = {before}
    for make in SETTINGS.values():
        with make():
            keys.add(key(1))
        assert key(1) == before
    assert len(keys) == 1 + len(SETTINGS)


def test_a_users_dataclass_has_a_key():
    source = """
    import dataclasses

    @dataclasses.dataclass
    class Thing:
        width: int = {width}
    """
    first, second = (defined(source.format(width=width)) for width in (1, 2))
    assert key(first()) != key(second())
    assert key(first()) == key(first(1))


def test_a_generator_of_torch_is_known_by_its_state():
    keys = {key(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)}
    assert len(keys) == 2


def test_a_ufunc_of_the_user_is_refused():
    with pytest.raises(TypeError, match="cannot be told apart"):
        Fingerprint(np.frompyfunc(lambda x: x, 1, 1))
