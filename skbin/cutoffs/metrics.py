"""Metrics of decisions: from the four counts where they follow, else from each row."""

import inspect
import reprlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin

Counts = NDArray[np.float64]


def safe_divide(numerator: Any, denominator: Any) -> Counts:
    """Divide, with 0 where the denominator is 0."""
    quotient = np.zeros(np.shape(numerator))
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)


def precision(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    """Share of alarms that are positives."""
    return safe_divide(tp, tp + fp)


def recall(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    """Share of positives that are alarms."""
    return safe_divide(tp, tp + fn)


def specificity(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    """Share of negatives without an alarm."""
    return safe_divide(tn, tn + fp)


def _accuracy(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    return (tn + tp) / (tn + fp + fn + tp)


def _balanced_accuracy(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    return (recall(tn, fp, fn, tp) + specificity(tn, fp, fn, tp)) / 2


def _fbeta(tn: Counts, fp: Counts, fn: Counts, tp: Counts, beta: float = 1.0) -> Counts:
    weighted = (1 + beta**2) * tp
    return safe_divide(weighted, weighted + beta**2 * fn + fp)


def _jaccard(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    return safe_divide(tp, tp + fp + fn)


def _matthews(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    root = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return safe_divide(tp * tn - fp * fn, root)


_FROM_COUNTS: dict[Any, Callable[..., Counts]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _fbeta,
    "jaccard": _jaccard,
    "matthews_corrcoef": _matthews,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    metrics.accuracy_score: _accuracy,
    metrics.balanced_accuracy_score: _balanced_accuracy,
    metrics.f1_score: _fbeta,
    metrics.jaccard_score: _jaccard,
    metrics.matthews_corrcoef: _matthews,
    metrics.precision_score: precision,
    metrics.recall_score: recall,
}


def from_counts(metric: Any) -> Callable[..., Counts] | None:
    """Find the formula of a metric that follows from the four counts.

    Examples
    --------
    >>> from_counts("recall")(0.0, 0.0, np.array([1.0]), np.array([3.0]))
    array([0.75])
    """
    if isinstance(metric, partial):
        is_fbeta = metric.func is metrics.fbeta_score
        if is_fbeta and not metric.args and metric.keywords.keys() == {"beta"}:
            return partial(_fbeta, **metric.keywords)
        return None
    return _FROM_COUNTS.get(metric)


def metric_name(metric: Any) -> str:
    """Name a metric, with the parameters that a partial function fixes.

    Examples
    --------
    >>> metric_name(partial(metrics.fbeta_score, beta=2))
    'fbeta_score(beta=2)'
    """
    if isinstance(metric, str):
        return metric
    if isinstance(metric, partial):
        fixed = [reprlib.repr(value) for value in metric.args]
        fixed += [f"{key}={reprlib.repr(v)}" for key, v in metric.keywords.items()]
        return f"{metric_name(metric.func)}({', '.join(fixed)})"
    return getattr(metric, "__name__", str(metric))


def distinct_names(some_metrics: Sequence[Any]) -> list[str]:
    """Name several metrics, those of one name with a number after it.

    Examples
    --------
    >>> distinct_names(["f1", lambda y, y_pred: 0.0, lambda y, y_pred: 1.0])
    ['f1', '<lambda>', '<lambda> (2)']
    """
    names: list[str] = []
    for metric in some_metrics:
        name, number = metric_name(metric), 2
        unique = name
        while unique in names:
            unique, number = f"{name} ({number})", number + 1
        names.append(unique)
    return names


class _Echo(ClassifierMixin, BaseEstimator):
    """Predicts what it is shown, so that a scorer can score decisions."""

    classes_ = np.array([0, 1])

    def predict(self, X: Any) -> Any:
        return X


def from_decisions(metric: Any) -> Callable[..., float]:
    """Turn a scorer, its name or a function into a function of decisions.

    Examples
    --------
    >>> from_decisions("accuracy")(np.array([0, 1]), np.array([0, 0]))
    0.5
    """
    scorer = metrics.get_scorer(metric) if isinstance(metric, str) else metric
    parameters = inspect.signature(scorer).parameters
    if "estimator" in parameters:
        return partial(_score_by_scorer, metric, scorer)
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    if takes_any or "sample_weight" in parameters:
        return scorer
    return partial(_score_without_weights, scorer)


def _score_by_scorer(
    metric: Any, scorer: Any, y_true: Any, y_pred: Any, **weight: Any
) -> float:
    try:
        return scorer(_Echo(), y_pred, y_true, **weight)
    except AttributeError as error:
        raise ValueError(
            f"{metric} needs probabilities, but a cutoff makes decisions. Choose a "
            "metric of decisions, such as 'f1'."
        ) from error


def _score_without_weights(
    metric: Any, y_true: Any, y_pred: Any, **weight: Any
) -> float:
    if weight:
        raise ValueError(
            f"sample_weight was given, but {metric!r} takes none. Leave it out, or "
            "give the metric a parameter sample_weight."
        )
    return metric(y_true, y_pred)
