"""A call that fails leaves the estimator as it was before."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def as_before_on_error(net: Any, *, continues: bool) -> Iterator[None]:
    """Put a net's attributes back if the block raises anything at all.

    Where training `continues`, it changes networks, optimizers and callbacks in place,
    so their states are put back, too.
    """
    attributes = dict(vars(net))
    states = _states_of(net) if continues else []
    history = list(net.history_ or [])
    callbacks = [
        (callback, dict(vars(callback)))
        for _, callback in attributes.get("callbacks_", [])
        if hasattr(callback, "__dict__")
    ]
    try:
        yield
    except BaseException:
        net._abandon_training()
        vars(net).clear()
        vars(net).update(attributes)
        for part, state in states:
            part.load_state_dict(state)
        if net.history_ is not None:
            net.history_[:] = history
        if continues:
            net._set_training(False)
        for callback, state in callbacks:
            vars(callback).clear()
            vars(callback).update(state)
        raise


def _states_of(net: Any) -> list[tuple[Any, Any]]:
    names = [*net._modules, *net._criteria, *net._optimizers]
    parts = [getattr(net, f"{name}_", None) for name in names]
    return [
        (part, copy.deepcopy(part.state_dict()))
        for part in parts
        if hasattr(part, "load_state_dict")
    ]
