"""Who has called: the line of the user, and the pipelines on the way."""

import sys
from typing import Any

_OURS = ("skbin", "sklearn", "skorch", "joblib", "contextlib", "imblearn")


def stacklevel_of_user() -> int:
    """Count the frames between the caller and the first one outside these libraries."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and _library_of(frame) in _OURS:
        frame, level = frame.f_back, level + 1
    return level


def _library_of(frame) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def fitting_steps(within: str | None = None) -> list[Any]:
    """Collect the earlier steps of all pipelines whose last step is being fitted.

    `within`: none, if one of the callers is from this package.
    """
    steps: list[Any] = []
    at_transformers = set()
    frame: Any = sys._getframe(1)
    while frame:
        module = str(frame.f_globals.get("__name__", ""))
        if within is not None and module.startswith(within):
            return []
        caller, name = frame.f_locals.get("self"), frame.f_code.co_name
        if name.startswith(("fit", "_fit")) and _is_pipeline(caller):
            if name == "_fit":  # of the steps before the last one
                at_transformers.add(id(caller))
            elif id(caller) not in at_transformers:
                steps += [step for _, step in caller.steps]
        frame = frame.f_back
    return steps


def _is_pipeline(caller: Any) -> bool:
    return any(of.__name__ == "Pipeline" for of in type(caller).__mro__)
