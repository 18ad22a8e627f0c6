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


def fitting_steps() -> list[Any]:
    """Collect the steps of all pipelines whose `fit` is running now."""
    steps: list[Any] = []
    frame: Any = sys._getframe(1)
    while frame:
        caller = frame.f_locals.get("self")
        if frame.f_code.co_name.startswith("fit") and _is_pipeline(caller):
            steps += [step for _, step in caller.steps]
        frame = frame.f_back
    return steps


def _is_pipeline(caller: Any) -> bool:
    return any(of.__name__ == "Pipeline" for of in type(caller).__mro__)
