"""The limits of a cutoff: a minimum of a metric, or a maximum of alarms."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skbin.cutoffs.metrics import Counts, precision, recall, specificity

LIMITS = ("min_precision", "min_recall", "min_specificity", "max_alarms_per_1000")
_ROUNDING = 1e-12
_TINY = (
    1e-6  # orders the misses of a limit of zero, each of which is a miss by all of it
)


class Limit(NamedTuple):
    """A bound on a quantity, as it was passed to `parameter`."""

    parameter: str
    bound: float

    @property
    def is_most(self) -> bool:
        """Whether the bound is an upper one."""
        return self.parameter == "max_alarms_per_1000"

    @property
    def quantity(self) -> str:
        """What is bounded, in words."""
        return self.parameter.split("_", 1)[1].replace("_", " ")

    def __str__(self) -> str:
        return f"{self.quantity} {'<=' if self.is_most else '>='} {self.bound:g}"

    def reached(self, counts: tuple[Counts, ...]) -> NDArray[Any]:
        """Compute the quantity at each cutoff."""
        tn, fp, fn, tp = counts
        if self.is_most:
            return 1000 * (tp + fp) / (tn + fp + fn + tp)
        shares = {"precision": precision, "recall": recall, "specificity": specificity}
        return shares[self.quantity](*counts)

    def shortage(self, counts: tuple[Counts, ...]) -> NDArray[Any]:
        """Compute by what fraction of the limit, or of its complement, it is missed.

        Half of the recall that is wanted and twice the alarms that are allowed are
        both 0.5: limits of several units can be compared.
        """
        reached = self.reached(counts)
        gap = self._gap(reached)
        kept = gap <= _ROUNDING * max(self.bound, 1)
        return np.where(kept, 0.0, gap / (np.maximum(reached, self.bound) + _TINY))

    def _gap(self, reached: Any) -> Any:
        return reached - self.bound if self.is_most else self.bound - reached

    def miss(self, reached: float) -> str:
        """Say by how much the quantity misses the bound, in its unit."""
        gap = self._gap(reached)
        direction = "above" if self.is_most else "below"
        return f"{self.quantity} is {reached:.4g} ({gap:.3g} {direction} the limit)"

    def relaxed_to(self, reached: float) -> str:
        """Write the argument that would just allow what was reached."""
        if self.is_most:
            allowed = min(math.ceil(reached * 10_000) / 10_000, 1000)
        else:
            allowed = math.floor(reached * 10_000) / 10_000
        return f"{self.parameter}={allowed}"
