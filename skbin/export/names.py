"""The classes that a file may name, and their names: ours and common ones of torch."""

import importlib
import sys
from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import nn

from skbin.networks.signal_ensemble import SignalNet
from skbin.networks.signals import ConvNet
from skbin.networks.table_filters import TableConvNet
from skbin.networks.tables import DenseNet
from skbin.networks.texts import TextConvNet, TextNet
from skbin.training.focal import FocalLoss

NETWORKS = (ConvNet, DenseNet, SignalNet, TableConvNet, TextConvNet, TextNet)
_PUBLIC_PACKAGES = ("skbin", "torch.nn", "torch.optim")
KNOWN: dict[str, tuple[type, ...]] = {
    "module": NETWORKS,
    "criterion": (nn.BCEWithLogitsLoss, nn.BCELoss, FocalLoss),
    "optimizer": (
        torch.optim.Adam,
        torch.optim.AdamW,
        torch.optim.SGD,
        torch.optim.RMSprop,
    ),
}


def name_of(kind: type) -> str:
    """Name a class by its public package, so that its source file can be moved.

    Examples
    --------
    >>> name_of(DenseNet), name_of(nn.BCELoss)
    ('skbin:DenseNet', 'torch.nn:BCELoss')
    """
    for package in _PUBLIC_PACKAGES:
        if getattr(sys.modules.get(package), kind.__name__, None) is kind:
            return f"{package}:{kind.__name__}"
    return _place_of(kind)


def _place_of(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def find_class(name: Any, parameter: str, trusted: Sequence[str | type]) -> Any:
    """Find what a file names; only what is in `trusted` is imported."""
    known: dict[Any, Any] = {name_of(kind): kind for kind in KNOWN.get(parameter, ())}
    for kind in trusted:
        if isinstance(kind, str):
            known[kind] = kind
        else:
            known[name_of(kind)] = known[_place_of(kind)] = kind
    if name not in known:
        usual = ", ".join(name_of(kind) for kind in KNOWN.get(parameter, ()))
        raise ValueError(
            f"it names {name!r} for {parameter}, which could run any code. If you "
            f"trust it: load(path, trusted=[{name!r}]). "
            + (f"Known are {usual}." if usual else "")
        )
    kind = known[name]
    if not isinstance(kind, str):
        return kind
    module, _, qualname = kind.partition(":")
    return reduce(getattr, qualname.split("."), importlib.import_module(module))
