"""The networks that ``module="auto"`` stands for."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from skbin.networks.signal_ensemble import SignalNet
from skbin.networks.tables import DenseNet
from skbin.networks.texts import TextNet
from skbin.training.parameters import refuse_unknown_names


def networks_of(module: Any) -> tuple[Any, ...]:
    """Return what makes the network: one class, or each that "auto" may become."""
    if isinstance(module, str):
        return DenseNet, SignalNet, TextNet
    return (type(module) if isinstance(module, nn.Module) else module,)


def network_for(module: Any, data: Any) -> Any:
    """Return the network that the user chose, or the one that suits the samples."""
    if not isinstance(module, str):
        return module
    shape = None if data is None else data.shape
    if data is not None and (shape is None or len(shape) not in (2, 3)):
        raise ValueError(
            "module='auto' takes tables and signals, arrays of two and three axes, got "
            f"{'no array' if shape is None else shape}. Pass a module."
        )
    if data is not None and data.table is not None and data.table.text is not None:
        return TextNet
    return SignalNet if shape is not None and len(shape) == 3 else DenseNet


def refuse_parameters_of_others(network: Any, parameters: Iterable[str]) -> None:
    """Refuse parameters that belong to another network than was chosen."""
    refuse_unknown_names(
        [f"module__{name}" for name in parameters],
        known=(),
        parts={"module": (network,)},
        owner=f"module='auto', which is {network.__name__} for this X,",
        knows_all_parts=True,
    )


def takes_missing_values(module: Any) -> bool:
    """Whether a module, or one that "auto" may become, reads NaN in tables."""
    return any(
        getattr(network, "takes_missing_values", False)
        for network in networks_of(module)
    )
