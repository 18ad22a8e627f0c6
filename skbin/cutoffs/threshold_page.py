"""The page on which to change a cutoff and its costs: `write_page`."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.cutoffs.scored_curves import Outcomes, spread_places

_TEMPLATE = Path(__file__).with_name("threshold_page.html")
_PLACE_OF_DATA = "/* data */ null"
_MOST_CUTOFFS = 2_000
# The default: a missed positive costs as much as ten false alarms.
_COST_OF_A_MISS: Any = 10.0
_COST_OF_AN_ALARM: Any = 1.0


def write_page(
    path: str | os.PathLike[str],
    thresholds: NDArray[np.float64],
    outcomes: Outcomes,
    chosen: float | None,
    costs: tuple[float, float],
    name: str | None,
) -> None:
    """Fill the template with the result of each cutoff."""
    tn, fp, fn, tp = outcomes
    n_negative, n_positive = float(tn[0] + fp[0]), float(fn[0] + tp[0])
    shown = spread_places(tp, _MOST_CUTOFFS)
    if chosen is not None:
        place = min(int(np.searchsorted(thresholds, chosen)), len(thresholds) - 1)
        shown = np.union1d(shown, np.array([place]))
    recall, false_alarms = tp[shown] / n_positive, fp[shown] / n_negative
    cutoffs = thresholds[shown]
    if cutoffs[-1] < 1:  # above all scores there is no alarm
        cutoffs = np.r_[cutoffs, np.nextafter(cutoffs[-1], 1.0)]
        recall, false_alarms = np.r_[recall, 0.0], np.r_[false_alarms, 0.0]
    miss, alarm = costs
    data = {
        "name": name or "Cutoffs",
        "thresholds": cutoffs.tolist(),
        "recall": recall.tolist(),
        "falseAlarms": false_alarms.tolist(),
        "nPositive": n_positive,
        "nNegative": n_negative,
        "chosen": chosen,
        "miss": miss,
        "alarm": alarm,
    }
    # A name may hold anything, and must not end the script.
    text = json.dumps(data, allow_nan=False).replace("<", r"\u003c")
    template = _TEMPLATE.read_text(encoding="utf-8")
    Path(path).write_text(template.replace(_PLACE_OF_DATA, text), encoding="utf-8")


def costs_of(
    cost_matrix: Any, cost_of_miss: float | None, cost_of_alarm: float | None
) -> tuple[float, float]:
    """Return the costs of a miss and of a false alarm, in excess of right decisions."""
    miss, alarm = _COST_OF_A_MISS, _COST_OF_AN_ALARM
    if cost_matrix is not None:
        (true_negative, false_positive), (false_negative, true_positive) = cost_matrix
        miss = np.subtract(false_negative, true_positive)
        alarm = np.subtract(false_positive, true_negative)
    miss = miss if cost_of_miss is None else cost_of_miss
    alarm = alarm if cost_of_alarm is None else cost_of_alarm
    if np.ndim(miss) or np.ndim(alarm):
        raise ValueError(
            "The costs differ by sample, and a page has one field for each. Pass "
            "cost_of_miss and cost_of_alarm, such as their means."
        )
    for name, cost in (("cost_of_miss", miss), ("cost_of_alarm", alarm)):
        if not np.isfinite(cost):
            raise ValueError(f"{name} must be a finite number, got {cost!r}.")
    return float(miss), float(alarm)
