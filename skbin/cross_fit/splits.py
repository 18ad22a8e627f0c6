"""Which rows each member is trained on, and which are left out: `splits_of`."""

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold, check_cv

from skbin.data.dicts import is_dict
from skbin.data.labels import BinaryLabels
from skbin.machine.callers import stacklevel_of_user
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
    if isinstance(cv, Integral):
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
                f"Split {number} of cv leaves out rows that it trains on: their scores "
                "would say nothing of new rows."
            )
        _require_both_classes(number, train, y, weight, labels)
    scored = np.unique(np.concatenate([left_out for _, left_out in splits]))
    if len(np.unique(y[scored][weight[scored] > 0])) < 2:
        raise ValueError(
            "The rows that cv leaves out are all of one class, so that nothing can be "
            "learned from their scores. Choose another splitter."
        )
    return splits


def _n_folds(wanted: int, y: NDArray[Any], weight: Any, labels: BinaryLabels) -> int:
    """Give fewer folds than wanted where a class has fewer rows, with a warning."""
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
    warnings.warn(
        f"y has {n_rarer} rows of {label!r}, so that {n_rarer} folds are made in the "
        f"place of cv={wanted}: each leaves out one of them.",
        UserWarning,
        stacklevel=stacklevel_of_user(),
    )
    return n_rarer


def _require_both_classes(
    number: int,
    train: NDArray[np.intp],
    y: NDArray[Any],
    weight: NDArray[np.float64],
    labels: BinaryLabels,
) -> None:
    counted = y[train][weight[train] > 0]
    for label in (labels.negative, labels.positive):
        if not np.any(counted == label):
            raise ValueError(
                f"Split {number} of cv trains on no row of {label!r}. Choose another "
                "splitter, such as one that stratifies, or more rows to begin with."
            )
