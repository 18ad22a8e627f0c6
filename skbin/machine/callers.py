"""Whose line a warning is about: the user's, however deep the warning is raised."""

import sys

_OURS = ("skbin", "sklearn", "skorch", "joblib", "contextlib", "imblearn")


def stacklevel_of_user() -> int:
    """Count the frames between the caller and the first one outside these libraries."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and _library_of(frame) in _OURS:
        frame, level = frame.f_back, level + 1
    return level


def _library_of(frame) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
