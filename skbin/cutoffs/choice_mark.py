"""How a display marks the chosen cutoff, with its interval."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.special import logit

from skbin.cutoffs.choice import ThresholdChoice


def mark_choice(choice: Any, ax: Any) -> Any:
    """Draw a line at the cutoff, and its interval if there is one; give the line."""
    if choice is None:
        return None
    number = float(threshold_of(choice))
    label = f"chosen cutoff {number:.3g} (logit {logit(number):.3g})"
    line = ax.axvline(number, color="black", label=label)
    if isinstance(choice, ThresholdChoice) and np.isfinite(
        choice.threshold_interval[0]
    ):
        low, high = choice.threshold_interval
        label = f"{choice.confidence_level:.0%} interval {low:.3g} to {high:.3g}"
        ax.axvspan(low, high, color="0.85", zorder=0, label=label)
    return line


def threshold_of(choice: ThresholdChoice | float) -> float:
    """Return the cutoff of a choice."""
    return choice.threshold if isinstance(choice, ThresholdChoice) else choice


def require_choice(choice: Any) -> None:
    """Refuse what is neither a choice nor a cutoff."""
    if choice is None or isinstance(choice, ThresholdChoice):
        return
    if not (isinstance(choice, Real) and 0 <= float(choice) <= 1):
        raise ValueError(
            "choice must be what select_threshold returns, or a probability in [0, 1], "
            f"got {choice!r}."
        )
