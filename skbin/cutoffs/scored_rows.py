"""Labels, scores, weights and costs of one call, checked: `ScoredRows`."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from skbin.data.labels import BinaryLabels, find_labels
from skbin.data.order import warn_if_reordered
from skbin.machine.callers import warn_user


class ScoredRows(NamedTuple):
    """Scored samples, or groups of them; costs are multiplied by weights.

    `is_uniform` says whether all samples of a class have the same weight and costs, and
    each is a group of its own.
    """

    y: NDArray[np.int64]
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    cost_if_negative: NDArray[np.float64]
    cost_if_positive: NDArray[np.float64]
    group: NDArray[np.intp]
    is_uniform: bool

    def at(self, places: NDArray[np.intp]) -> "ScoredRows":
        """Take some of the rows, or rows several times."""
        return ScoredRows(
            self.y[places],
            self.score[places],
            self.weight[places],
            self.cost_if_negative[places],
            self.cost_if_positive[places],
            self.group[places],
            self.is_uniform,
        )

    def groups_by_class(self) -> NDArray[np.intp]:
        """Return how many groups hold negatives, and how many hold positives."""
        return np.array(
            [len(np.unique(self.group[self.y == label])) for label in (0, 1)]
        )


def read_rows(
    y_true: Any,
    y_score: Any,
    sample_weight: Any,
    pos_label: Any,
    scale: str,
    cost_matrix: Any,
    groups: Any = None,
) -> tuple[ScoredRows, BinaryLabels]:
    """Check what the user gave, and turn it into rows; find their labels."""
    warn_if_reordered(y_true, y_score=y_score, groups=groups, **by_row(cost_matrix))
    y_true = column_or_1d(y_true)
    column = int(pos_label is None or pos_label not in np.unique(y_true)[:1].tolist())
    score = checked_scores(y_score, scale, column)
    check_consistent_length(y_true, score, groups)
    weight = np.ones(len(score))
    if sample_weight is not None:
        weight = _check_sample_weight(
            sample_weight, score, dtype=np.float64, ensure_non_negative=True
        )
    labels = find_labels(y_true[weight > 0], pos_label)
    # Rows of weight zero are ignored, whatever their label.
    y_true = np.where(weight > 0, y_true, labels.negative)
    y = labels.encode(y_true).astype(np.int64)
    costs = costs_by_sample(cost_matrix, len(y))
    rows = ScoredRows(
        y,
        score,
        weight,
        weight * np.where(y == 1, costs[1][0], costs[0][0]),
        weight * np.where(y == 1, costs[1][1], costs[0][1]),
        np.arange(len(y)) if groups is None else codes_of(groups),
        is_uniform=sample_weight is None
        and groups is None
        and all(entry.ndim == 0 for row in costs for entry in row),
    )
    return rows.at(np.flatnonzero(weight > 0)), labels


def by_row(cost_matrix: Any) -> dict[str, Any]:
    """Return the entries that hold a cost for each row, by what they are called."""
    rows = [] if cost_matrix is None else enumerate(cost_matrix)
    return {
        f"cost_matrix[{row}][{column}]": entry
        for row, entries in rows
        if not np.isscalar(entries)
        for column, entry in enumerate(entries)
        if np.ndim(entry)
    }


def codes_of(groups: Any) -> Any:
    """Return the number of each row's group, None without groups."""
    return (
        None
        if groups is None
        else np.unique(column_or_1d(groups), return_inverse=True)[1]
    )


def checked_scores(y_score: Any, scale: str, column: int) -> NDArray[Any]:
    """Check scores by their scale; `column` of `predict_proba` is that to pass."""
    if np.ndim(y_score) == 2 and np.shape(y_score)[1] == 2:
        raise ValueError(
            "y_score must be 1d, the score of the positive class, but got an array of "
            f"shape {np.shape(y_score)}. Pass the column of the positive class, "
            f"predict_proba(X)[:, {column}]."
        )
    score = column_or_1d(y_score).astype(np.float64)
    if not len(score):
        raise ValueError("A choice needs scores, got 0 samples.")
    if not np.isfinite(score).all():
        raise ValueError("y_score must be finite, got NaN or infinity.")
    if scale == "logit":
        return score
    if not ((score >= 0) & (score <= 1)).all():
        raise ValueError(
            "y_score must be probabilities in [0, 1], got values from "
            f"{np.min(score)} to {np.max(score)}. For logits, such as those of "
            "decision_function, pass scale='logit'."
        )
    if np.isin(score, [0.0, 1.0]).all():
        warn_user(
            f"y_score ({np.asarray(y_score).dtype.name}) holds nothing but 0 and 1, as "
            "predict gives labels, which leave no cutoff to choose. Pass "
            f"predict_proba(X)[:, {column}].",
            UserWarning,
        )
    return score


def costs_by_sample(cost_matrix: Any, n_samples: int) -> list[list[NDArray[Any]]]:
    """Check the four costs, each a number or one for each sample."""
    if cost_matrix is None:
        return [[np.zeros(())] * 2] * 2
    if len(cost_matrix) != 2 or any(
        np.isscalar(row) or len(row) != 2 for row in cost_matrix
    ):
        raise ValueError(
            "cost_matrix must be [[true negative, false positive], [false negative, "
            f"true positive]], got {cost_matrix!r}."
        )
    entries = [
        [np.asarray(entry, dtype=np.float64) for entry in row] for row in cost_matrix
    ]
    for entry in (*entries[0], *entries[1]):
        if not np.isfinite(entry).all():
            raise ValueError(
                f"cost_matrix holds {np.sum(~np.isfinite(entry))} costs that are NaN "
                "or infinite."
            )
        if entry.shape not in ((), (n_samples,)):
            raise ValueError(
                "An entry of cost_matrix must be a number or an array of shape "
                f"({n_samples},), one cost for each row given, got shape "
                f"{entry.shape}. In a cross-validation, which gives only some of the "
                "rows, choose without costs by row, and apply bayes_decisions to the "
                "probabilities of cross_val_predict."
            )
    _warn_if_mistakes_pay(entries)
    return entries


def _warn_if_mistakes_pay(entries: list[list[NDArray[Any]]]) -> None:
    """Warn of costs that call for the same decision, whatever the probability.

    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, section 1.1.
    """
    (true_negative, false_positive), (false_negative, true_positive) = [
        [entry.mean() for entry in row] for row in entries
    ]
    wrong = [
        f"{mistake} ({of_mistake:.4g}) costs no more than {right} ({of_right:.4g})"
        for mistake, of_mistake, right, of_right in (
            ("a false positive", false_positive, "a true negative", true_negative),
            ("a false negative", false_negative, "a true positive", true_positive),
        )
        if of_mistake <= of_right
    ]
    if wrong:
        warn_user(
            f"By cost_matrix {' and '.join(wrong)}. Rows are the true class, columns "
            "the decision: [[true negative, false positive], [false negative, true "
            "positive]]; a gain is a negative cost."
        )
