"""What a search over the threshold has measured, as curves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def curves_of_search(search: Any) -> dict[str, Any]:
    """Return thresholds, mean scores, their bands and the best of a search."""
    results = search.cv_results_
    best = results["params"][search.best_index_]
    parameter = _threshold_among(best)
    rest = {key: value for key, value in best.items() if key != parameter}
    rows = [
        row
        for row, params in enumerate(results["params"])
        if {key: params[key] for key in rest} == rest
    ]
    thresholds = np.array([results["params"][row][parameter] for row in rows], float)
    order = np.argsort(thresholds)
    ordered = np.array(rows)[order].tolist()
    names = _names_of_scores(search)
    return {
        "thresholds": thresholds[order],
        "values": {
            name: results[f"mean_test_{column}"][ordered]
            for name, column in names.items()
        },
        "bands": {
            name: _band(results, column, ordered) for name, column in names.items()
        },
        "choice": float(best[parameter]),
    }


def _threshold_among(parameters: dict[str, Any]) -> str:
    found = [key for key in parameters if key.split("__")[-1] == "threshold"]
    if len(found) == 1:
        return found[0]
    raise ValueError(
        f"The search must be over one threshold, got the parameters "
        f"{sorted(parameters)}."
    )


def _names_of_scores(search: Any) -> dict[str, str]:
    """Name scores as the user does, for each the name that the search gives it."""
    prefix = "mean_test_"
    scores = [
        key.removeprefix(prefix) for key in search.cv_results_ if key.startswith(prefix)
    ]
    alone = search.scoring if isinstance(search.scoring, str) else "score"
    return {alone if score == "score" else score: score for score in scores}


def _band(results: Any, column: str, rows: list[int]) -> NDArray[np.float64]:
    mean, deviation = (results[f"{of}_test_{column}"][rows] for of in ("mean", "std"))
    return np.stack([mean - deviation, mean + deviation])
