"""From logits to probabilities calibrated on rows not trained on: `LogitMap`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

# Log-slopes of members that stopped early lie within 0.5 of 0; few rows, which
# determine the slope poorly, should not move it further.
_PRIOR_OF_LOG_SLOPE = 0.5


class LogitMap(NamedTuple):
    """``slope * logit + intercept``; a slope above 0 keeps the ranking.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999.

    Examples
    --------
    >>> LogitMap(slope=2.0, intercept=-1.0)(np.array([0.0, 1.0]))
    array([-1.,  1.])
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply the map."""
        return self.slope * logits + self.intercept


def fitted_map(
    logits: NDArray[np.float64], y: NDArray[np.int64], weight: NDArray[np.float64]
) -> LogitMap:
    """Find the map of least log loss; weights count rows against the slope's prior."""
    total = max(weight.sum(), np.sum(weight > 0))  # so small weights count, too
    weight = weight / weight.sum()

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_slope, intercept = parameters
        stretched = np.exp(log_slope) * logits
        z = stretched + intercept
        lost = weight @ (np.logaddexp(0, z) - y * z)
        error = weight * (expit(z) - y)
        deviation = log_slope / _PRIOR_OF_LOG_SLOPE
        by_prior = deviation / _PRIOR_OF_LOG_SLOPE / total
        gradient = error @ stretched + by_prior, error.sum()
        return float(lost + deviation**2 / 2 / total), np.array(gradient)

    # It starts at the share of positives.
    share = np.average(y, weights=weight)
    center = np.log(share / (1 - share)) - np.average(logits, weights=weight)
    start = np.array([0.0, center])
    log_slope, intercept = minimize(loss, start, jac=True, options={"gtol": 1e-10}).x
    return LogitMap(float(np.exp(log_slope)), float(intercept))
