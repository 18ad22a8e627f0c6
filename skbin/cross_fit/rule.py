"""The user's rule for the cutoff, checked before training: `CutoffRule`."""

import inspect
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils._param_validation import validate_parameter_constraints

from skbin.cutoffs.choice import ThresholdChoice, select_threshold
from skbin.cutoffs.curve import Objective
from skbin.cutoffs.guarantees import refuse_guarantee
from skbin.cutoffs.limits import LIMITS
from skbin.cutoffs.scored_rows import read_rows

_SET_HERE = {"y_true", "y_score", "sample_weight", "groups", "pos_label", "scale"}
_KNOWN = inspect.signature(select_threshold).parameters.keys() - _SET_HERE


class CutoffRule:
    """A fixed threshold, or the arguments with which `select_threshold` chooses one."""

    def __init__(self, cutoff: Any, otherwise: float) -> None:
        self.threshold: float | None = None
        self.arguments: dict[str, Any] = {}
        if cutoff is None:
            self.threshold = otherwise
        elif isinstance(cutoff, Real) and not isinstance(cutoff, bool):
            self.threshold = float(cutoff)
        elif isinstance(cutoff, dict):
            self.arguments = dict(cutoff)
        else:
            self.arguments = {"metric": cutoff}

    def check(self, y: NDArray[Any], weight: Any, groups: Any, pos_label: Any) -> None:
        """Refuse a rule that cannot choose a cutoff."""
        if self.threshold is not None:
            if 0 <= self.threshold <= 1:
                return
            raise ValueError(
                f"cutoff must be a probability in [0, 1], got {self.threshold!r}. "
                f"If it is a logit, pass its sigmoid, {expit(self.threshold):.4g}."
            )
        unknown = sorted(self.arguments.keys() - _KNOWN)
        if unknown:
            raise ValueError(
                f"cutoff names {unknown}, which select_threshold does not take here. "
                f"It takes {sorted(_KNOWN)}."
            )
        validate_parameter_constraints(
            select_threshold._skl_parameter_constraints,
            self.arguments,
            caller_name="cutoff",
        )
        cost_matrix = self.arguments.get("cost_matrix")
        metric = self.arguments.get("metric", "f1")
        try:
            Objective(metric, by_cost=cost_matrix is not None)
        except ValueError as error:
            raise ValueError(f"The metric of cutoff: {error}") from error
        if self.arguments.get("guarantee") is not None:
            limits = [name for name in LIMITS if self.arguments.get(name) is not None]
            refuse_guarantee(limits, weight, groups)
        scores = np.full(len(y), 0.5)
        read_rows(y, scores, weight, pos_label, "probability", cost_matrix)

    def choose(
        self,
        y: NDArray[Any],
        score: NDArray[np.float64],
        weight: Any,
        groups: Any,
        pos_label: Any,
        random_state: Any,
    ) -> ThresholdChoice | None:
        """Choose by the rows that have a score; None for a fixed threshold."""
        if self.threshold is not None:
            return None
        has_score = ~np.isnan(score)
        arguments = {"random_state": random_state, **self.arguments}
        if arguments.get("cost_matrix") is not None:
            arguments["cost_matrix"] = [
                [_at(entry, has_score) for entry in row]
                for row in arguments["cost_matrix"]
            ]
        return select_threshold(
            y[has_score],
            score[has_score],
            sample_weight=None if weight is None else weight[has_score],
            groups=None if groups is None else groups[has_score],
            pos_label=pos_label,
            **arguments,
        )


def _at(entry: Any, rows: NDArray[np.bool_]) -> Any:
    return np.asarray(entry)[rows] if np.ndim(entry) else entry
