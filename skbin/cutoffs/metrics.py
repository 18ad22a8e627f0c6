"""Metrics of decisions: from the four counts where they follow, else from each row."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin

Counts = NDArray[np.float64]


def share(part: Any, whole: Any) -> Counts:
    """Divide, and give 0 where there is no whole, as sklearn's ``zero_division``.

    Parameters
    ----------
    part, whole : ndarray of the same shape
        Numerator and denominator.

    Returns
    -------
    share : ndarray of float64
    """
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def precision(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    """Share of alarms that are positives.

    Parameters
    ----------
    tn, fp, fn, tp : ndarray of the same shape
        Weights of true negatives, false positives and so on.

    Returns
    -------
    precision : ndarray
        ``tp / (tp + fp)``.
    """
    return share(tp, tp + fp)


def recall(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    """Share of positives that are alarms.

    Parameters
    ----------
    tn, fp, fn, tp : ndarray of the same shape
        Weights of true negatives, false positives and so on.

    Returns
    -------
    recall : ndarray
        ``tp / (tp + fn)``.
    """
    return share(tp, tp + fn)


def _specificity(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    return share(tn, tn + fp)


def _accuracy(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    return (tn + tp) / (tn + fp + fn + tp)


def _balanced_accuracy(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    return (recall(tn, fp, fn, tp) + _specificity(tn, fp, fn, tp)) / 2


def _fbeta(tn: Counts, fp: Counts, fn: Counts, tp: Counts, beta: float = 1.0) -> Counts:
    weighted = (1 + beta**2) * tp
    return share(weighted, weighted + beta**2 * fn + fp)


def _jaccard(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    return share(tp, tp + fp + fn)


def _matthews(tn: Counts, fp: Counts, fn: Counts, tp: Counts) -> Counts:
    root = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return share(tp * tn - fp * fn, root)


_FROM_COUNTS: dict[Any, Callable[..., Counts]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _fbeta,
    "jaccard": _jaccard,
    "matthews_corrcoef": _matthews,
    "precision": precision,
    "recall": recall,
    "specificity": _specificity,
    metrics.accuracy_score: _accuracy,
    metrics.balanced_accuracy_score: _balanced_accuracy,
    metrics.f1_score: _fbeta,
    metrics.fbeta_score: _fbeta,
    metrics.jaccard_score: _jaccard,
    metrics.matthews_corrcoef: _matthews,
    metrics.precision_score: precision,
    metrics.recall_score: recall,
}


def from_counts(metric: Any) -> Callable[..., Counts] | None:
    """Find the formula of a metric that follows from the four counts.

    Parameters
    ----------
    metric : str or callable
        A scorer's name, or a function of :mod:`sklearn.metrics`.

    Returns
    -------
    formula : callable or None
        ``formula(tn, fp, fn, tp)`` on arrays. None for other metrics.

    Examples
    --------
    >>> from_counts("recall")(0.0, 0.0, np.array([1.0]), np.array([3.0]))
    array([0.75])
    """
    if isinstance(metric, partial) and metric.func is metrics.fbeta_score:
        if not metric.args and metric.keywords.keys() == {"beta"}:
            return partial(_fbeta, **metric.keywords)
        return None
    return _FROM_COUNTS.get(metric) if metric is not metrics.fbeta_score else None


class _Echo(ClassifierMixin, BaseEstimator):
    """Predicts what it is shown, so that a scorer can score decisions."""

    classes_ = np.array([0, 1])

    def predict(self, X: Any) -> Any:
        return X


def _refusing_weights(metric: Callable[..., float]) -> Callable[..., float]:
    def score(y_true: Any, y_pred: Any, **weight: Any) -> float:
        if weight:
            raise ValueError(
                f"sample_weight was given, but {metric!r} takes none. Leave it out, or "
                "give the metric a parameter sample_weight."
            )
        return metric(y_true, y_pred)

    return score


def from_decisions(metric: Any) -> Callable[..., float]:
    """Turn any metric into a function of decisions.

    Parameters
    ----------
    metric : str or callable
        A scorer or its name, or a function ``metric(y_true, y_pred)``.

    Returns
    -------
    function : callable
        ``function(y_true, y_pred)``, with `sample_weight` where `metric` takes it.

    Examples
    --------
    >>> from_decisions("accuracy")(np.array([0, 1]), np.array([0, 0]))
    0.5
    """
    scorer = metrics.get_scorer(metric) if isinstance(metric, str) else metric
    parameters = inspect.signature(scorer).parameters
    if "estimator" not in parameters:
        takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
        takes_weights = takes_any or "sample_weight" in parameters
        return scorer if takes_weights else _refusing_weights(scorer)

    def score(y_true: Any, y_pred: Any, **weight: Any) -> float:
        try:
            return scorer(_Echo(), y_pred, y_true, **weight)
        except AttributeError as error:
            raise ValueError(
                f"{metric} needs probabilities, but a cutoff makes decisions. Choose a "
                "metric of decisions, such as 'f1'."
            ) from error

    return score
