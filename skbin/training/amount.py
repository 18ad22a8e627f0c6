"""Learning rate and number of epochs, if the user leaves them to the network."""

from typing import Any

from sklearn.utils._param_validation import validate_parameter_constraints

_RATE, _EPOCHS = 0.001, 50


def given_epochs(net: Any, fit_params: dict[str, Any]) -> int | None:
    """Return the number of epochs that the user sets, None for "auto"."""
    epochs = fit_params.pop("epochs", None)
    if epochs is None:
        return None if isinstance(net.max_epochs, str) else net.max_epochs
    validate_parameter_constraints(
        {"epochs": net._parameter_constraints["max_epochs"]},
        {"epochs": epochs},
        caller_name="fit",
    )
    return epochs


def suited_epochs(module: Any, shape: tuple[int, ...] | None) -> int:
    """Return the number of epochs that suits a network, or its class, and the data."""
    return _suited(module, shape)[1]


def suited_rate(module: Any, shape: tuple[int, ...] | None) -> float:
    """Return the learning rate that suits a network and the data."""
    return _suited(module, shape)[0]


def _suited(module: Any, shape: tuple[int, ...] | None) -> tuple[float, int]:
    if shape is None or not hasattr(module, "training_for"):
        return _RATE, _EPOCHS
    return module.training_for(shape)
