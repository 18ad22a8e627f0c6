"""Results of each cutoff on scored rows, with intervals: `curves_of_scores`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import validate_parameter_constraints

from skbin.cutoffs.choice import select_threshold
from skbin.cutoffs.curve import Objective
from skbin.cutoffs.metrics import distinct_names, precision
from skbin.cutoffs.positives import warn_if_other_class_is_meant
from skbin.cutoffs.reliability import reliability_of
from skbin.cutoffs.resampling import samples_of_smoothed_classes, tail_of
from skbin.cutoffs.scored_rows import ScoredRows, read_rows
from skbin.cutoffs.smoothing import ScoreDistributions, distributions_of, values_of

COST = "expected cost"  # cannot be the name of a function
_FEWEST_FOR_BANDS = 10  # of each class, as for the intervals of a choice


class Outcomes(NamedTuple):
    """Weights of the four outcomes, where a score of a cutoff or more is an alarm."""

    true_negatives: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    false_negatives: NDArray[np.float64]
    true_positives: NDArray[np.float64]


def curves_of_scores(
    y_true: Any,
    y_score: Any,
    *,
    metrics: Sequence[Any],
    cost_matrix: Any,
    sample_weight: Any,
    groups: Any,
    pos_label: Any,
    n_bootstraps: int,
    confidence_level: float,
    random_state: Any,
) -> dict[str, Any]:
    """Return thresholds, values, bands, outcomes and reliability, cutoffs ascending."""
    given = {
        "n_bootstraps": n_bootstraps,
        "confidence_level": confidence_level,
        "random_state": random_state,
    }
    allowed = select_threshold._skl_parameter_constraints
    validate_parameter_constraints(
        {name: allowed[name] for name in given}, given, caller_name="ThresholdDisplay"
    )
    rows, labels = read_rows(
        y_true,
        y_score,
        sample_weight,
        pos_label,
        "probability",
        cost_matrix,
        groups,
    )
    objectives = _objectives(metrics, cost_matrix)
    curves = {name: objective.curve(rows) for name, objective in objectives.items()}
    curve = next(iter(curves.values()))
    warn_if_other_class_is_meant(curve, rows, labels, pos_label)
    thresholds = curve.thresholds[::-1]
    # Above all scores precision, of no alarms, would fall to 0.
    shown = thresholds <= rows.score.max()
    thresholds = thresholds[shown]
    return {
        "thresholds": thresholds,
        "values": {
            name: (objectives[name].sign * each.values[::-1])[shown]
            for name, each in curves.items()
        },
        "bands": _bands(
            objectives, rows, thresholds, n_bootstraps, confidence_level, random_state
        ),
        "outcomes": Outcomes(*(count[::-1][shown] for count in curve.counts)),
        "reliability": reliability_of(rows, confidence_level),
    }


def _objectives(metrics: Sequence[Any], cost_matrix: Any) -> dict[str, Objective]:
    if cost_matrix is not None:
        return {COST: Objective(None, by_cost=True)}
    names = distinct_names(metrics)
    if not names:
        raise ValueError("metrics must name at least one metric, got none.")
    return {
        name: Objective(metric, by_cost=False)
        for name, metric in zip(names, metrics, strict=True)
    }


def _bands(
    objectives: dict[str, Objective],
    rows: ScoredRows,
    thresholds: NDArray[np.float64],
    n_bootstraps: int,
    confidence_level: float,
    random_state: Any,
) -> dict[str, NDArray[np.float64]]:
    """Return the interval of each metric at each cutoff, by the smoothed bootstrap."""
    quick = {name: each for name, each in objectives.items() if not each.is_slow}
    if not n_bootstraps or rows.groups_by_class().min() < _FEWEST_FOR_BANDS:
        return {}
    found = distributions_of(rows, "probability")
    rng = check_random_state(random_state)
    values: dict[str, list[NDArray[np.float64]]] = {name: [] for name in quick}
    for sample in samples_of_smoothed_classes(rows, found, n_bootstraps, rng):
        for name, objective in quick.items():
            values[name].append(_values_on(sample, objective))
    tail = tail_of(rows.groups_by_class().min(), confidence_level)
    with np.errstate(divide="ignore"):
        positions = logit(thresholds)
    return {
        name: np.stack(
            [
                np.interp(positions, found.logits, end)
                for end in np.quantile(of_samples, [tail, 1 - tail], axis=0)
            ]
        )
        for name, of_samples in values.items()
    }


def _values_on(sample: ScoreDistributions, objective: Objective) -> NDArray[np.float64]:
    values = objective.sign * values_of(objective, sample)
    if objective.from_counts is not precision:
        return values
    # Without an alarm it counts as 0, which carries no information: the band ends
    # there.
    _, false_positives, _, true_positives = sample.counts()
    return np.where(false_positives + true_positives > 0, values, np.nan)


def spread_places(found: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Choose some of many cutoffs, half of them evenly by the positives found.

    Of a million scores few lie where the positives are.
    """
    if len(found) <= most:
        return np.arange(len(found))
    evenly = np.linspace(0, len(found) - 1, most // 2).round().astype(int)
    levels = np.linspace(found[-1], found[0], most // 2)
    by_positives = len(found) - 1 - np.searchsorted(found[::-1], levels)
    return np.unique(np.r_[evenly, np.clip(by_positives, 0, len(found) - 1)])
