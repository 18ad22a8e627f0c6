"""Warnings if the other class may be the positive one."""

import math
from typing import Any

import numpy as np

from skbin.cutoffs.curve import Curve
from skbin.cutoffs.scored_rows import ScoredRows
from skbin.data.labels import BinaryLabels, warn_if_positive_is_frequent
from skbin.machine.callers import warn_user

_N_STANDARD_ERRORS = 3


def warn_if_other_class_is_meant(
    curve: Curve,
    rows: ScoredRows,
    labels: BinaryLabels,
    pos_label: Any,
) -> None:
    """Warn about a frequent positive class by default, else about inverted scores."""
    negative, positive = np.bincount(rows.y, weights=rows.weight)
    is_text = labels.classes.dtype.kind in "OUST"
    if pos_label is None and is_text and positive > negative:
        warn_if_positive_is_frequent(labels, negative, positive)
        return
    auc = curve.roc_auc()
    if auc >= 0.5 - _N_STANDARD_ERRORS * _standard_error_without_skill(rows):
        return
    warn_user(
        f"Samples of the positive class, {labels.positive!r}, score lower than the "
        f"others: ROC AUC {auc:.3g}, far below 0.5. If y_score is the probability of "
        f"{labels.negative!r}, pass pos_label={labels.negative!r}, or the other column "
        "of predict_proba.",
        about=("inverted scores", labels.positive),
    )


def _standard_error_without_skill(rows: ScoredRows) -> float:
    """Compute the standard error of the AUC of random scores, by Mann and Whitney."""
    n, m = (_effective_size(rows.weight[rows.y == label]) for label in (0, 1))
    return math.sqrt((n + m + 1) / (12 * n * m))


def _effective_size(weight: Any) -> float:
    return float(weight.sum() ** 2 / (weight**2).sum())
