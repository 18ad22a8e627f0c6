"""The page on which a cutoff can be moved: `write_page`."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.cutoffs.scored_curves import Outcomes

_TEMPLATE = Path(__file__).with_name("threshold_page.html")
_PLACE_OF_DATA = "/* data */ null"
_MOST_CUTOFFS = 2_000
# As long as the user has given none: a missed positive is worth ten false alarms.
_COST_OF_A_MISS, _COST_OF_AN_ALARM = 10.0, 1.0


def write_page(
    path: str | os.PathLike[str],
    thresholds: NDArray[np.float64],
    outcomes: Outcomes,
    choice: Any,
    cost_matrix: Any,
    name: str | None,
) -> None:
    """Fill the template with what each cutoff gives."""
    tn, fp, fn, tp = outcomes
    n_negative, n_positive = float(tn[0] + fp[0]), float(fn[0] + tp[0])
    chosen = None if choice is None else float(getattr(choice, "threshold", choice))
    shown = _thinned(thresholds, chosen)
    miss, alarm = _costs(cost_matrix)
    data = {
        "name": name or "Cutoffs",
        "thresholds": thresholds[shown].tolist(),
        "recall": (tp[shown] / n_positive).tolist(),
        "falseAlarms": (fp[shown] / n_negative).tolist(),
        "nPositive": n_positive,
        "nNegative": n_negative,
        "chosen": chosen,
        "miss": miss,
        "alarm": alarm,
    }
    # A name may hold anything, and must not end the script.
    text = json.dumps(data).replace("<", r"\u003c")
    template = _TEMPLATE.read_text(encoding="utf-8")
    Path(path).write_text(template.replace(_PLACE_OF_DATA, text), encoding="utf-8")


def _thinned(thresholds: NDArray[np.float64], chosen: float | None) -> NDArray[np.intp]:
    """Keep some of many cutoffs, the chosen one among them."""
    places = np.linspace(0, len(thresholds) - 1, _MOST_CUTOFFS).round().astype(int)
    if chosen is not None:
        place = np.searchsorted(thresholds, chosen)
        places = np.r_[places, min(place, len(thresholds) - 1)]
    return np.unique(places)


def _costs(cost_matrix: Any) -> tuple[float, float]:
    """Give what a miss and a false alarm cost more than right decisions, if known."""
    if cost_matrix is None or any(np.ndim(cost) for row in cost_matrix for cost in row):
        return _COST_OF_A_MISS, _COST_OF_AN_ALARM
    (true_negative, false_positive), (false_negative, true_positive) = cost_matrix
    return float(false_negative - true_positive), float(false_positive - true_negative)
