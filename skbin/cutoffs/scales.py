"""A cutoff as a probability and as a logit, which make the same decisions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from skbin.machine.callers import warn_user


def in_digits(probability: float) -> str:
    """Write a cutoff in four digits, or in as many as tell it apart from 1.

    Examples
    --------
    >>> in_digits(0.12345), in_digits(0.9999912), in_digits(1.0)
    ('0.1235', '0.9999912', '1')
    """
    n_digits = 4
    if 0.99 < probability < 1:
        n_digits = 2 - math.floor(math.log10(1 - probability))
    return f"{probability:.{n_digits}g}"


def on_both_scales(
    cutoffs: NDArray[np.float64], scale: str
) -> tuple[list[float], list[float]]:
    """Return cutoffs as probabilities and as logits."""
    if scale == "logit":
        return expit(cutoffs).tolist(), cutoffs.tolist()
    return cutoffs.tolist(), logit(cutoffs).tolist()


def same_decisions_on_both_scales(
    cutoff: float,
    score: NDArray[np.float64],
    scale: str,
    score_type: np.dtype[Any],
) -> tuple[float, float]:
    """Return a probability and a logit with the same decisions as a cutoff.

    Warn where there is no such probability, because float64 rounds it off.
    """
    if scale == "probability":
        return cutoff, _converted(cutoff, score, logit, np.inf, score_type)
    threshold = _converted(cutoff, score, expit, 1.0, score_type)
    if not np.array_equal(expit(score) >= threshold, score >= cutoff):
        warn_user(
            f"choice.threshold={threshold:.17g} calls more samples positive than "
            f"choice.logit={cutoff:.17g}, because probabilities round off the "
            "difference between such logits. Compare logits with choice.logit instead.",
            UserWarning,
        )
    return threshold, cutoff


def _converted(
    cutoff: float,
    score: NDArray[np.float64],
    convert: Callable[..., Any],
    most: float,
    score_type: np.dtype[Any],
) -> float:
    """Convert, and keep what is above all scores above all converted scores.

    Converted scores may be of the scores' precision or of float64.
    """
    converted, highest = float(convert(cutoff)), score.max()
    if highest >= cutoff:
        return converted
    for dtype in (score_type, np.dtype(np.float64)):
        top = max(convert(highest), convert(highest.astype(dtype)))
        above = float(np.nextafter(dtype.type(top), dtype.type(np.inf)))
        if above <= most:
            return max(converted, above)
    return converted
