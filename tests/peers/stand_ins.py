"""Our estimator under the names and with the defaults of the peers' classes."""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from skorch.dataset import ValidSplit

from skbin import BinaryNetClassifier

# skorch marks one test with it that may fail by chance. Here it has one try.
sys.modules.setdefault("flaky", SimpleNamespace(flaky=lambda **_: lambda test: test))


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
        ours_alone = {"valid_average_precision"}
        return [pair for pair in super()._default_callbacks if pair[0] not in ours_alone]


class NeuralNetRegressor(NeuralNetClassifier):
    """skorch tests some of its callbacks with regression; here targets are 0 and 1."""

    @property
    def _default_callbacks(self):
        return [pair for pair in super()._default_callbacks if pair[0] != "valid_acc"]


SKORCHS = {cls.__name__: cls for cls in (NeuralNetClassifier, NeuralNetRegressor)}
SKORCHS_HOMES = ("skorch", "skorch.classifier", "skorch.regressor")


@contextlib.contextmanager
def standing_in(stand_ins: dict[str, type], *homes: str) -> Iterator[None]:
    """Put classes in the places of others of the same names, wherever they are."""
    with contextlib.ExitStack() as stack:
        for home in homes:
            module = importlib.import_module(home)
            for name in stand_ins.keys() & vars(module).keys():
                stack.enter_context(mock.patch.object(module, name, stand_ins[name]))
        yield


def import_tests(name: str, stand_ins: dict[str, type], *homes: str) -> dict[str, Any]:
    """Import a peer's tests while our classes stand in for theirs."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pickles look for the classes that it defines
    with standing_in(stand_ins, *homes):
        spec.loader.exec_module(module)
    return {
        key: value for key, value in vars(module).items() if not key.startswith("__")
    }
