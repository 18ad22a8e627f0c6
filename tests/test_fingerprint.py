"""What counts as the same training, and what does not."""

import copy
import math
import pickle
import subprocess
import sys
import textwrap
import types
from functools import partial

import cloudpickle
import numpy as np
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


@given(array=st_numpy.arrays(np.float32, st.integers(1, 20)), place=st.integers(0, 19))
def test_one_changed_number_changes_the_key(array, place):
    changed = array.copy()
    changed[place % len(array)] += 1
    same = np.array_equal(array, changed, equal_nan=True)
    assert (key(array) == key(changed)) == same


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
    with pytest.raises(TypeError, match=r"generator.* cannot be told apart"):
        Fingerprint(number for number in range(3))


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


def test_attributes_of_a_function_and_the_default_type_count():
    function = defined("def f(x):\n    return x", name="f")
    before = key(function)
    function.kind = 1
    assert key(function) != before
    before = key(1)
    torch.set_default_dtype(torch.float64)
    try:
        assert key(1) != before
    finally:
        torch.set_default_dtype(torch.float32)


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
