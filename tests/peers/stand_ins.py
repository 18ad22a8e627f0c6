"""Our estimator under the names and with the defaults of the peers' classes."""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_iris
from skorch.dataset import ValidSplit
from torch.distributed import TCPStore
from torch.nn.utils import parameters_to_vector

from skbin import BinaryNetClassifier, DenseNet

# skorch marks one test with it that may fail by chance. Here it has one try.
sys.modules.setdefault("flaky", SimpleNamespace(flaky=lambda **_: lambda test: test))


def _without(
    names: set[str], callbacks: list[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    return [pair for pair in callbacks if pair[0] not in names]


class NeuralNetClassifier(BinaryNetClassifier):
    """Ours, with skorch's defaults where these differ on purpose."""

    def __init__(self, module: Any, **params: Any) -> None:
        skorchs = {
            "optimizer": torch.optim.SGD,
            "lr": 0.01,
            "max_epochs": 10,
            "train_split": ValidSplit(5, stratified=True),
            "verbose": 2,
        }
        super().__init__(module, **skorchs | params)

    @property
    def _default_callbacks(self):
        ours = {"valid_average_precision", "cosine_decay"}
        return _without(ours, super()._default_callbacks)


class NeuralNetRegressor(NeuralNetClassifier):
    """skorch tests some of its callbacks with regression; here targets are 0 and 1."""

    @property
    def _default_callbacks(self):
        return _without({"valid_acc"}, super()._default_callbacks)


SKORCHS = {cls.__name__: cls for cls in (NeuralNetClassifier, NeuralNetRegressor)}
SKORCHS_HOMES = ("skorch", "skorch.classifier", "skorch.regressor")


class Classifier(BinaryNetClassifier):
    """Ours in place of scikit-learn's classifiers, which are made without a module."""

    def __init__(self, module: Any = DenseNet, **params: Any) -> None:
        # Parameters of theirs that ours does not have.
        theirs = ("C", "gamma", "max_iter", "n_estimators", "solver", "tol")
        params = {k: v for k, v in params.items() if k not in theirs}
        # Rows repeated and rows weighted are exactly the same within one batch.
        small = {"max_epochs": 20, "lr": 0.01, "random_state": 0, "batch_size": 256}
        super().__init__(module, **small | params)

    @property
    def coef_(self) -> NDArray[Any]:
        """All weights: equal where scikit-learn's tests compare two fits by theirs."""
        return parameters_to_vector(self.module_.parameters()).detach().numpy()

    intercept_ = coef_


SKLEARNS = {
    name: type(name, (Classifier,), {"__module__": __name__})
    for name in (
        "DecisionTreeClassifier",
        "GradientBoostingClassifier",
        "LinearSVC",
        "LogisticRegression",
        "MultinomialNB",
        "RandomForestClassifier",
        "SVC",
    )
}
globals().update(SKLEARNS)  # where pickles look for them
SKLEARNS_HOMES = (
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.naive_bayes",
    "sklearn.svm",
    "sklearn.tree",
)


def two_classes_of_iris(return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the two species of iris that touch, of three."""
    iris = load_iris(as_frame=as_frame)
    rows = iris.target > 0
    iris.data, iris.target = iris.data[rows], iris.target[rows] - 1
    iris.target_names = iris.target_names[1:]
    return (iris.data, iris.target) if return_X_y else iris


def on_a_free_port(host: str, port: int, **params: Any) -> TCPStore:
    """Listen on any port: two workers cannot both have the one that a test names."""
    return TCPStore(host, port=0, **params)


@contextlib.contextmanager
def standing_in(stand_ins: dict[str, type], homes: tuple[str, ...]) -> Iterator[None]:
    """Put classes in the places of others of the same names in their modules."""
    with contextlib.ExitStack() as stack:
        for home in homes:
            module = importlib.import_module(home)
            for name in stand_ins.keys() & vars(module).keys():
                stack.enter_context(mock.patch.object(module, name, stand_ins[name]))
        yield


def _import_tests(
    name: str, stand_ins: dict[str, type], homes: tuple[str, ...]
) -> dict[str, Any]:
    importlib.import_module(name)  # or what it imports would keep our classes
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    assert spec.loader is not None, name
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pickles look for the classes that it defines
    with standing_in(stand_ins, homes):
        spec.loader.exec_module(module)
    if hasattr(module, "load_iris"):
        module.load_iris = two_classes_of_iris
    if hasattr(module, "TCPStore"):
        module.TCPStore = on_a_free_port
    return {
        key: value for key, value in vars(module).items() if not key.startswith("__")
    }


def skorchs_tests(name: str) -> dict[str, Any]:
    """Import a module of skorch's tests, and our class wherever it imports skorch's."""
    return _import_tests(f"skorch.tests.{name}", SKORCHS, SKORCHS_HOMES)


def sklearns_tests(name: str) -> dict[str, Any]:
    """Import a module of tests, and our class wherever it imports scikit-learn's."""
    return _import_tests(name, SKLEARNS, SKLEARNS_HOMES)


def with_data(tests: type, X: Any, y: Any) -> type:
    """Give a class of tests other data, because ours refuses what it has."""

    class WithData(tests):
        @pytest.fixture(scope="module")
        def data(self):
            return X, y

    WithData.__name__ = WithData.__qualname__ = tests.__name__
    return WithData
