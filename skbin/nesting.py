"""What is inside pipelines, searches and other estimators that wrap one estimator."""

from typing import Any

from sklearn.ensemble import BaseEnsemble
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing


def layers(estimator: Any) -> list[Any]:
    """List an estimator, the one that it wraps, and so on to the innermost.

    Fitted ones where there are any. Of several fitted copies (calibration, bagging)
    the first stands for all. An ensemble of different estimators is not opened.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> search = GridSearchCV(make_pipeline(None, LogisticRegression()), {})
    >>> [type(layer).__name__ for layer in layers(search)]
    ['GridSearchCV', 'Pipeline', 'LogisticRegression']
    """
    found = [estimator]
    while (inner := _inside(found[-1])) is not None:
        found.append(inner)
    return found


def innermost(estimator: Any) -> Any:
    """Return the innermost of nested estimators."""
    return layers(estimator)[-1]


def steps_before_innermost(estimator: Any) -> list[tuple[str, Any]]:
    """List the named steps that transform samples before the innermost sees them."""
    return [step for layer in layers(estimator) for step in _transformers(layer)]


def input_of_innermost(estimator: Any, X: Any) -> Any:
    """Transform samples as they are when they reach the innermost estimator."""
    for layer in layers(estimator)[:-1]:
        for _, step in _transformers(layer):
            X = step.transform(X)
        if isinstance(layer, BaseEnsemble):
            X = _input_of_first_member(layer, X)
    return X


def _input_of_first_member(ensemble: Any, X: Any) -> Any:
    """Select the columns that bagging drew; members are given arrays."""
    X = X.to_numpy() if hasattr(X, "to_numpy") else X
    if not hasattr(ensemble, "estimators_features_"):
        return X
    return _safe_indexing(X, ensemble.estimators_features_[0], axis=1)


def chosen_positive_label(estimator: Any) -> Any:
    """Return the label that some layer's `pos_label` makes positive; None for none.

    A layer may have encoded the labels for those inside it. Encoders keep their order,
    so that a label is found again by its place among the sorted classes.
    """
    for layer in layers(estimator):
        label = getattr(layer, "pos_label", None)
        if label is not None:
            return _as_seen_outside(label, layer, estimator)
    return None


def _as_seen_outside(label: Any, layer: Any, estimator: Any) -> Any:
    known = list(getattr(layer, "classes_", []))
    outer = list(getattr(estimator, "classes_", []))
    if label in known and len(known) == len(outer):
        return outer[known.index(label)]
    return label


def _inside(estimator: Any) -> Any:
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, FrozenEstimator):  # has its attributes
        return estimator.estimator
    # A random forest has the attribute too, but not as something that the user gave.
    if "estimator" not in _parameters(estimator):
        return None
    if hasattr(estimator, "calibrated_classifiers_"):
        return estimator.calibrated_classifiers_[0].estimator
    if hasattr(estimator, "estimators_"):
        return estimator.estimators_[0]
    for name in ("best_estimator_", "estimator_"):
        if hasattr(estimator, name):
            return getattr(estimator, name)
    return estimator.estimator


def _parameters(estimator: Any) -> dict[str, Any]:
    if not hasattr(estimator, "get_params"):
        return {}
    return estimator.get_params(deep=False)


def _transformers(layer: Any) -> list[tuple[str, Any]]:
    """List the steps of a Pipeline but the last, samplers and "passthrough"."""
    if not isinstance(layer, Pipeline):
        return []
    return [
        (name, step)
        for name, step in layer.steps[:-1]
        if hasattr(step, "transform") and not hasattr(step, "fit_resample")
    ]
