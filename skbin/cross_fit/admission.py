"""Checks of the arguments of `CrossFitClassifier.fit`, before training."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import (
    assert_all_finite,
    check_consistent_length,
    column_or_1d,
    indexable,
)
from sklearn.utils.validation import _check_sample_weight

from skbin.cutoffs.scored_rows import by_row
from skbin.data.dicts import is_dict
from skbin.data.intake import goes_by_sample
from skbin.data.labels import (
    BinaryLabels,
    find_labels,
    warn_if_positive_is_frequent,
)
from skbin.data.order import warn_if_reordered
from skbin.machine.callers import fitting_steps, warn_user
from skbin.nesting import chosen_positive_label, innermost, layers


def rows_of_fit(
    X: Any, y: Any, sample_weight: Any, cutoff: Any, params: dict[str, Any]
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Check that X can be split, and that labels and weights belong to its rows."""
    if goes_by_sample(X):
        raise TypeError(
            "CrossFitClassifier splits the rows of arrays, DataFrames, lists and dicts "
            f"of arrays, got a {type(X).__name__}. Pass its arrays, or train a "
            "BinaryNetClassifier on the Dataset."
        )
    costs = cutoff.get("cost_matrix") if isinstance(cutoff, dict) else None
    warn_if_reordered(X, y=y, sample_weight=sample_weight, **by_row(costs), **params)
    if y is None:
        raise ValueError(
            "CrossFitClassifier requires y to be passed, but the target y is None."
        )
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    if is_dict(X):
        check_consistent_length(*X.values(), y)
    else:
        X, y = indexable(X, y)
    if sample_weight is None:
        return X, y, None
    weight = _check_sample_weight(
        sample_weight, y, dtype=np.float64, ensure_non_negative=True
    )
    return X, y, weight


def labels_of_fit(
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    estimator: Any,
    pos_label: Any,
) -> BinaryLabels:
    """Find the classes, and which is positive by the cross-fit or by its estimator."""
    inner = chosen_positive_label(estimator)
    if pos_label is not None and inner is not None and pos_label != inner:
        raise ValueError(
            f"pos_label={pos_label!r}, but that of estimator is {inner!r}. Set only "
            "one of them."
        )
    chosen = inner if pos_label is None else pos_label
    weight = np.ones(len(y)) if weight is None else weight
    y, weight = y[weight > 0], weight[weight > 0]
    labels = find_labels(y, chosen)
    if chosen is None:
        is_positive = labels.encode(y) == 1
        warn_if_positive_is_frequent(
            labels,
            weight[~is_positive].sum(),
            weight[is_positive].sum(),
        )
    return labels


def require_probabilities(estimator: Any, calibrate: bool) -> None:
    """Refuse a prior that calibration would undo, and margins without calibration."""
    prior = getattr(innermost(estimator), "prior", None)
    if calibrate and isinstance(prior, Real):
        raise ValueError(
            f"estimator has prior={prior}, but calibration learns the share of "
            "positives of the training rows, and would undo it. Pass calibrate=False, "
            "or prior=None."
        )
    samplers = [
        name
        for layer in layers(estimator)
        for name, step in getattr(layer, "steps", [])
        if hasattr(step, "fit_resample")
    ]
    if not calibrate and prior == "train" and samplers:
        raise ValueError(
            f"estimator has prior='train' behind the sampler {samplers[0]!r}, whose "
            "share of positives probabilities would refer to. Pass calibrate=True, or "
            "a prior that is the share of positives in your data."
        )
    if not calibrate and not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{type(estimator).__name__} has no predict_proba, and only calibration "
            "turns its margins into probabilities. Pass calibrate=True."
        )


def warn_if_resampled_before() -> None:
    """Warn if a pipeline around the cross-fit has resampled its rows."""
    samplers = [
        type(step).__name__ for step in fitting_steps() if hasattr(step, "fit_resample")
    ]
    if samplers:
        warn_user(
            f"{' and '.join(samplers)} has resampled the rows before the cross-fit, so "
            "that probabilities, cutoff and report refer to the share of positives "
            "that the sampler drew. Put the sampler inside: "
            "CrossFitClassifier(make_pipeline(sampler, classifier)).",
            UserWarning,
        )
