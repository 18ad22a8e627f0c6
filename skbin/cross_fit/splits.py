"""Which rows each member is trained on, and which are left out: `splits_of`."""

import reprlib
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    TimeSeriesSplit,
    check_cv,
)

from skbin.data.dicts import is_dict
from skbin.data.labels import BinaryLabels
from skbin.data.order import warn_if_not_by_time
from skbin.machine.callers import warn_user
from skbin.machine.randomness import draw_seed

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


def splits_of(
    cv: Any,
    n_repeats: int,
    X: Any,
    y: NDArray[Any],
    weight: NDArray[np.float64],
    labels: BinaryLabels,
    params: dict[str, Any],
    rng: np.random.RandomState,
) -> list[Split]:
    """Split the rows, and refuse splits without a row of a class to train on."""
    splitter = check_cv(cv, y, classifier=True)
    if isinstance(cv, Integral) and params.get("groups") is not None:
        splitter = _RepeatedStratifiedGroupKFold(int(cv), n_repeats, rng)
    elif isinstance(cv, Integral):
        splitter = RepeatedStratifiedKFold(
            n_splits=_n_folds(int(cv), y, weight, labels),
            n_repeats=n_repeats,
            random_state=draw_seed(rng),
        )
    elif n_repeats > 1:
        raise ValueError(
            f"n_repeats={n_repeats} needs cv as a number of folds, got cv={cv!r}. Pass "
            "a splitter that repeats, such as RepeatedStratifiedKFold."
        )
    if isinstance(splitter, TimeSeriesSplit):
        warn_if_not_by_time(X)
    places = np.arange(len(y))
    rows = places if is_dict(X) else X
    splits = [
        (places[train], places[left_out])
        for train, left_out in splitter.split(rows, y, **params)
    ]
    if not splits:
        raise ValueError(
            f"cv={cv!r} gives no split. A generator is used up by one fit: pass "
            "list(splitter.split(X, y))."
        )
    for number, (train, left_out) in enumerate(splits):
        if np.intersect1d(train, left_out).size:
            raise ValueError(
                f"Split {number} of cv leaves out rows that it also trains on: their "
                "scores would say nothing about new rows. Choose another splitter."
            )
        if missing := _classes_missing_in(train, y, weight, labels):
            raise ValueError(
                f"Split {number} of cv{_groups_of(params, left_out)} trains on no row "
                f"of {missing[0]!r}. Choose another splitter, such as one that "
                "stratifies, or a larger first split."
            )
    scored = np.unique(np.concatenate([left_out for _, left_out in splits]))
    if len(np.unique(y[scored][weight[scored] > 0])) < 2:
        raise ValueError(
            "The rows that cv leaves out are all of one class, so that nothing can be "
            "learned from their scores. Choose another splitter."
        )
    _warn_of_one_class(splits, y, weight, labels, params)
    return splits


class _RepeatedStratifiedGroupKFold:
    """`RepeatedStratifiedKFold` for whole groups, which scikit-learn lacks."""

    def __init__(self, n_splits: int, n_repeats: int, rng: Any) -> None:
        self.repeats = [
            StratifiedGroupKFold(n_splits, shuffle=True, random_state=draw_seed(rng))
            for _ in range(n_repeats)
        ]

    def split(self, X: Any, y: Any, groups: Any) -> Iterator[Split]:
        for splitter in self.repeats:
            yield from splitter.split(X, y, groups)


def _n_folds(wanted: int, y: NDArray[Any], weight: Any, labels: BinaryLabels) -> int:
    """Return fewer folds than wanted if a class has fewer rows, with a warning."""
    target = labels.encode(y[weight > 0])
    n_positives = int(target.sum())
    n_rarer, label = min(
        (n_positives, labels.positive), (len(target) - n_positives, labels.negative)
    )
    if n_rarer >= wanted:
        return wanted
    if n_rarer < 2:
        raise ValueError(
            f"CrossFitClassifier needs two rows of each class, got {n_rarer} of "
            f"{label!r} (rows of weight zero do not count), in {len(y)} sample(s)."
        )
    warn_user(
        f"y has {n_rarer} rows of {label!r}, so that {n_rarer} folds are used instead "
        f"of cv={wanted}: each leaves out one of them.",
        UserWarning,
    )
    return n_rarer


def _classes_missing_in(
    places: NDArray[np.intp],
    y: NDArray[Any],
    weight: NDArray[np.float64],
    labels: BinaryLabels,
) -> list[Any]:
    """List the classes of which no row counts."""
    counted = y[places][weight[places] > 0]
    both = (labels.negative, labels.positive)
    return [label for label in both if not np.any(counted == label)]


def _warn_of_one_class(
    splits: list[Split],
    y: NDArray[Any],
    weight: NDArray[np.float64],
    labels: BinaryLabels,
    params: dict[str, Any],
) -> None:
    """Warn about splits that leave out rows of one class."""
    missing = [_classes_missing_in(left, y, weight, labels) for _, left in splits]
    numbers = [number for number, classes in enumerate(missing) if classes]
    if not numbers or all(len(left_out) == 1 for _, left_out in splits):
        return
    number = numbers[0]
    n_others = len(numbers) - 1
    others = f", and {n_others} more leave out only one class" if n_others else ""
    warn_user(
        f"Split {number} of cv{_groups_of(params, splits[number][1])} leaves out no "
        f"row of {missing[number][0]!r}{others}: rows of one class say little about "
        "how good a member is, or when to stop it. Choose a splitter that stratifies, "
        "such as StratifiedGroupKFold, or fewer folds.",
        UserWarning,
    )


def _groups_of(params: dict[str, Any], left_out: NDArray[np.intp]) -> str:
    """Name the groups that a split leaves out, where there are groups."""
    if params.get("groups") is None:
        return ""
    of_rows = np.asarray(params["groups"], dtype=object)[left_out]
    groups = list(dict.fromkeys(of_rows))
    return f" (which leaves out the groups {reprlib.repr(groups)})"
