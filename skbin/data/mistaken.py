"""A warning about strings that are not categories but numbers, dates or ids."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from skbin.machine.callers import warn_user

# Warn only if a column loses information: if few of its values get their own code, and
# there are enough rows to tell.
_FEWEST_VALUES, _FEWEST_ROWS = 20, 100
_MOST_LOOKED_AT, _SHARE = 200, 0.9
_LEAST_LEARNED = 0.1  # of the rows


def warn_if_no_category(name: Any, seen: Counter[Any], kept: tuple[Any, ...]) -> None:
    """Warn about strings that teach little; each of `kept` has its own code."""
    fix = _what_to_do(name, seen, kept)
    if fix is None or seen.total() < _FEWEST_ROWS:
        return
    warn_user(
        f"Column {name!r} holds {len(seen)} different strings, such as "
        f"{next(iter(seen))!r}, and is read as categories. {fix} To keep them as "
        "categories without this warning, name the column in categorical_features; "
        f"to read them as texts, pass text_features=[{name!r}].",
        about=("no category", name),
    )


def _what_to_do(name: Any, seen: Counter[Any], kept: tuple[Any, ...]) -> str | None:
    strings = [value for value in seen if isinstance(value, str)]
    if len(strings) <= _FEWEST_VALUES:
        return None
    looked_at = strings[:: max(1, len(strings) // _MOST_LOOKED_AT)]
    if _are_mostly(looked_at, lambda value: float(value.replace(",", ""))):
        return (
            "They look like numbers: read them by "
            f"pd.to_numeric(X[{name!r}].str.replace(',', ''), errors='coerce')."
        )
    if _are_mostly(looked_at, datetime.fromisoformat):
        return f"They look like dates: read them by pd.to_datetime(X[{name!r}])."
    if sum(seen[value] for value in kept) > _LEAST_LEARNED * seen.total():
        return None
    return (
        "Few values occur more than once, so that almost nothing is learned from them: "
        "keep only the informative part of each string, or drop the column."
    )


def _are_mostly(strings: list[str], read: Callable[[str], Any]) -> bool:
    n_read = 0
    for string in strings:
        try:
            read(string.strip())
            n_read += 1
        except ValueError:
            continue
    return n_read >= _SHARE * len(strings)
