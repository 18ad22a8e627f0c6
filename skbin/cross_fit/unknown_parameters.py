"""Parameters that `CrossFitClassifier` does not take, refused with the right ones."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from skbin.classifier import BinaryNetClassifier
from skbin.training.parameters import meant_by

_OF_NET = [*inspect.signature(BinaryNetClassifier).parameters, "class_weight"]
_CALLED_HERE = {"threshold": "cutoff", "n_folds": "cv", "n_splits": "cv"}


def refuses_unknown_parameters(init: Callable[..., None]) -> Callable[..., None]:
    """Let an ``__init__`` name the parameter that was meant."""
    known = list(inspect.signature(init).parameters)[1:]

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **params: Any) -> None:
        for name in params.keys() - set(known):
            raise TypeError(
                f"{type(self).__name__} got an unexpected argument {name!r}."
                f"{_hint(name, known)}"
            )
        init(self, *args, **params)

    return checked


def _hint(name: str, known: list[str]) -> str:
    if name in _CALLED_HERE:
        return f" It is {_CALLED_HERE[name]!r} here."
    of_net = meant_by(name, _OF_NET)
    if of_net is not None and of_net not in known:
        return (
            " It belongs to the members: pass "
            f"estimator=BinaryNetClassifier({of_net}=...)."
        )
    meant = meant_by(name, known)
    return "" if meant is None else f" Did you mean {meant!r}?"
