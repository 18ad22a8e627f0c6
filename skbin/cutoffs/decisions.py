"""Decisions row by row, for costs that differ by row: `bayes_decisions`."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skbin.cutoffs.scored_rows import checked_scores, costs_by_sample


def bayes_decisions(y_score: ArrayLike, cost_matrix: Any) -> NDArray[np.bool_]:
    """Make the decision of lower expected cost for each row.

    A cutoff treats a fraud of 10 and one of 10,000 alike. If probabilities are
    calibrated, no rule has a lower expected cost than this one, so calibrate first, as
    `CrossFitClassifier` does.

    Parameters
    ----------
    y_score : array-like of shape (n_samples,)
        Probability of the positive class.
    cost_matrix : array-like of shape (2, 2)
        Rows are the true class (negative, positive), columns the decision, as for
        `select_threshold`. An entry may be an array of shape (n_samples,), such as the
        amounts of payments.

    Returns
    -------
    ndarray of bool of shape (n_samples,)
        True where calling the row positive has at most the expected cost of calling it
        negative.

    Raises
    ------
    ValueError
        If scores are not probabilities, or costs have another shape.

    References
    ----------
    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, equation 1.

    Examples
    --------
    >>> from skbin import bayes_decisions
    >>> amounts = [10, 1000]  # lost with a missed fraud; a check costs 5
    >>> bayes_decisions([0.1, 0.1], [[0, 5], [amounts, 5]])
    array([False,  True])
    """
    if cost_matrix is None:
        raise ValueError("bayes_decisions needs a cost_matrix, got None.")
    score = checked_scores(y_score, "probability", column=1)
    (true_negative, false_positive), (false_negative, true_positive) = costs_by_sample(
        cost_matrix, len(score)
    )
    if_negative = (1 - score) * true_negative + score * false_negative
    if_positive = (1 - score) * false_positive + score * true_positive
    return np.asarray(if_positive <= if_negative)
