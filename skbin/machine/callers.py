"""The callers of a function: the user's line, and the pipelines in between."""

import sys
import warnings
from typing import Any

_shown: dict[str, tuple[Any, set[tuple[Any, ...]]]] = {}
_OURS = ("skbin", "sklearn", "skorch", "joblib", "contextlib", "imblearn", "tqdm")


def warn_user(
    message: Any, category: type[Warning] = UserWarning, *, about: Any = None
) -> None:
    """Warn at the line of the user's that led here, once for each line.

    Python's default filter promises this; but Python forgets which warnings were shown
    when a library in between changes the filters, so that a search would warn in each
    fold. Other filters ("always", "error" and so on) work as usual. Messages with the
    same `about` count as one: their numbers differ from fold to fold.
    """
    frame = _frame_of_user()
    module = str(frame.f_globals.get("__name__", "<unknown>"))
    where = (frame.f_code.co_filename, frame.f_lineno)
    # A notebook deletes it before each cell, and so forgets which warnings were shown.
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    known, shown = _shown.setdefault(module, (registry, set()))
    if known is not registry:
        shown = set()
        _shown[module] = (registry, shown)
    key = (str(message) if about is None else about, *where)
    if (
        key in shown
        and _action_for(str(message), category, module, where[1]) == "default"
    ):
        return
    shown.add(key)
    warnings.warn_explicit(message, category, *where, module, registry)


def _frame_of_user() -> Any:
    frame = sys._getframe(2)
    while frame.f_back and _library_of(frame) in _OURS:
        frame = frame.f_back
    return frame


def _action_for(text: str, category: type[Warning], module: str, line: int) -> str:
    for action, message, of, in_module, at_line in warnings.filters:
        if (
            _matches(message, text)
            and issubclass(category, of)
            and _matches(in_module, module)
            and at_line in (0, line)
        ):
            return action
    return "default"


def _matches(pattern: Any, text: str) -> bool:
    # Python's own filters name a module by a string.
    if pattern is None or isinstance(pattern, str):
        return pattern in (None, text)
    return bool(pattern.match(text))


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
