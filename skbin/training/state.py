"""The result of a training: kept, taken over, resumed from, or restored."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skorch.callbacks import Callback
from torch import nn

from skbin.machine.randomness import RandomState
from skbin.training.callbacks import EpochProgress
from skbin.training.run import CHECKPOINTING, Run

# What belongs to one call and is not a result of training: a network from memory must
# not bring the labels and listeners of another call.
_OF_THE_CALL = {
    "_callback_fit_ctx",
    "_metadata_request",
    "_params_to_validate",
    "_parent_callback_ctx",
    "_part_params",
    "_run",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "feature_names_in_",
    "n_features_in_",
}
_OF_TORCH = frozenset(vars(nn.Module()))


def what_training_sets(net: Any) -> dict[str, Any]:
    """Collect the attributes that a training sets."""
    others = _OF_THE_CALL | net.get_params(deep=False).keys()
    state = {k: v for k, v in vars(net).items() if k not in others}
    state["callbacks_"] = [pair for pair in net.callbacks_ if pair[0] != CHECKPOINTING]
    return state


def take_over(net: Any, state: dict[str, Any]) -> None:
    """Set what training sets; the user's own callbacks stay the ones in use."""
    own = dict(vars(net).get("callbacks_", []))
    own |= dict(_named_callbacks(net))
    net.__dict__.update(state)
    pairs = [
        (callback, own[name])
        for name, callback in net.callbacks_
        if type(own.get(name)) is type(callback)
    ]
    users = {id(callback): users for callback, users in pairs}
    for callback, of_user in pairs:
        # Callbacks may refer to each other.
        found = {k: users.get(id(v), v) for k, v in vars(callback).items()}
        of_user.__dict__.update(found)
    net.callbacks_ = [(name, users.get(id(cb), cb)) for name, cb in net.callbacks_]


def _named_callbacks(net: Any) -> list[tuple[str, Any]]:
    if net.callbacks == "disable":
        return []
    return [
        (name, callback)
        for name, callback in net._uniquely_named_callbacks()
        if not isinstance(callback, type) and callback is not None
    ]


class LeaveCheckpoints(Callback):
    """Offers the state between two epochs; the last of the callbacks."""

    def __init__(self, checkpoints: Any) -> None:
        self.checkpoints = checkpoints

    def _get_param_names(self) -> list[str]:
        return []

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Write a checkpoint, if it is due."""
        self.checkpoints.offer(
            lambda: {
                "attributes": what_training_sets(net),
                "random_state_before": self.checkpoints.random_state_before,
                "random_state_between": RandomState(net._compute_device()),
            }
        )


def resume(net: Any, run: Run) -> int:
    """Take over the state of a killed training; return its number of epochs."""
    checkpoints = run.checkpoints
    if checkpoints.left is None:
        checkpoints.random_state_before = RandomState(net._compute_device())
        return 0
    own = dict(net.callbacks_)
    take_over(net, checkpoints.left["attributes"])
    for name, callback in net.callbacks_:
        if isinstance(callback, EpochProgress):
            callback.go_on_with(own[name], n_epochs=len(net.history))
    net.callbacks_.append((CHECKPOINTING, LeaveCheckpoints(checkpoints)))
    # The iterators over batches are made as at the beginning of that training.
    checkpoints.random_state_before = checkpoints.left["random_state_before"]
    checkpoints.random_state_before.restore()
    run.random_state_between = checkpoints.left["random_state_between"]
    return len(net.history)


@contextmanager
def as_before_on_error(net: Any, *, continues: bool) -> Iterator[None]:
    """Restore a net's attributes if the block raises anything at all.

    Where training `continues`, it changes networks, optimizers and callbacks in place,
    so their states are put back, too.
    """
    attributes = _attributes_of(net)
    states = _states_of(net) if continues else []
    beside = [
        (layer, _beside_parameters(layer))
        for part, _ in states
        if isinstance(part, nn.Module)
        for layer in part.modules()
    ]
    trainable = [
        (weights, weights.requires_grad)
        for part, _ in states
        if isinstance(part, nn.Module)
        for weights in part.parameters()
    ]
    history = list(net.history_ or [])
    given = net.callbacks if isinstance(net.callbacks, list | tuple) else []
    named = [*vars(net).get("callbacks_", []), *given]
    callbacks = [
        (callback, _attributes_of(callback))
        for callback in (part[1] if isinstance(part, tuple) else part for part in named)
        if isinstance(callback, Callback)
    ]
    try:
        yield
    except BaseException:
        net._abandon_training()
        _put_back(net, attributes)
        for part, state in states:
            part.load_state_dict(state)
        for layer, (attributes_of_layer, buffers) in beside:
            _put_back(layer, attributes_of_layer, keep=_OF_TORCH)
            for buffer, content in buffers:
                buffer.copy_(content)
        for weights, requires_grad in trainable:
            weights.requires_grad_(requires_grad)
        if net.history_ is not None:
            net.history_[:] = history
        if continues:
            net._set_training(False)
        for callback, state in callbacks:
            _put_back(callback, state)
        raise


def _states_of(net: Any) -> list[tuple[Any, Any]]:
    names = [*net._modules, *net._criteria, *net._optimizers]
    parts: list[Any] = [getattr(net, f"{name}_", None) for name in names]
    return [
        (part, copy.deepcopy(part.state_dict()))
        for part in parts
        if hasattr(part, "load_state_dict")
    ]


def _beside_parameters(layer: nn.Module) -> tuple[dict[str, Any], list[Any]]:
    """Copy the attributes of a layer that its state_dict leaves out."""
    attributes = {k: v for k, v in _attributes_of(layer).items() if k not in _OF_TORCH}
    names = layer._non_persistent_buffers_set
    buffers = [layer._buffers[name] for name in names]
    return attributes, [(b, b.clone()) for b in buffers if b is not None]


def _attributes_of(owner: Any) -> dict[str, tuple[Any, Any]]:
    """Return each attribute, and a copy of what may change in place."""
    return {
        name: (value, copy.copy(value) if type(value) in (list, dict, set) else value)
        for name, value in vars(owner).items()
    }


def _put_back(
    owner: Any,
    attributes: dict[str, tuple[Any, Any]],
    keep: frozenset[str] = frozenset(),
) -> None:
    for name in vars(owner).keys() - keep:
        del vars(owner)[name]
    for name, (value, content) in attributes.items():
        if isinstance(content, list) and content is not value:
            value[:] = content
        elif content is not value:
            value.clear()
            value.update(content)
        vars(owner)[name] = value
