"""A ridge regression whose score is a logit, in closed form: `ridge_logit`."""

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.calibration import _sigmoid_calibration
from sklearn.linear_model import RidgeCV

_PENALTIES = np.logspace(-1, 5, 19)


def ridge_logit(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Fit weights and an intercept whose scores are logits.

    The penalty has the least leave-one-out error; the leave-one-out scores become
    logits by Platt's method, which is all that makes them honest: a ridge regression on
    more features than rows fits those rows exactly.
    """
    ridge = RidgeCV(_PENALTIES, scoring="neg_mean_squared_error", store_cv_results=True)
    with config_context(enable_metadata_routing=False):  # internal weights
        ridge.fit(features, 2 * target - 1, sample_weight=weight)
    best = int(np.flatnonzero(ridge.alpha_ == _PENALTIES)[0])
    left_out = ridge.cv_results_[:, best]
    # Platt's probability is expit(-(a * score + b)).
    a, b = _sigmoid_calibration(left_out, target, sample_weight=weight)
    # Without a signal the scores are the means of all other rows, which are lower for a
    # positive row: a slope below 0, and an intercept that belongs to it.
    if not -a > 0:
        n = len(target)
        share = (np.average(target, weights=weight) * n + 1) / (n + 2)
        return np.zeros_like(ridge.coef_), float(np.log(share / (1 - share)))
    return -a * ridge.coef_, float(-a * ridge.intercept_ - b)
