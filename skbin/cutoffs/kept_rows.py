"""What a fitted estimator has kept for a display: rows, their scores, its choice."""

from typing import Any


def rows_out_of_fold(
    estimator: Any, y: Any, sample_weight: Any, groups: Any, pos_label: Any
) -> dict[str, Any]:
    """Return labels, scores and weights of the rows that an estimator has kept."""
    if not hasattr(estimator, "out_of_fold_"):
        raise TypeError(
            f"{type(estimator).__name__} keeps no scores of its training rows. Pass X "
            "and y that it was not trained on."
        )
    given = {
        "y": y,
        "sample_weight": sample_weight,
        "groups": groups,
        "pos_label": pos_label,
    }
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise ValueError(
            f"Without X the display uses the rows of fit, with their own {named}. "
            "Leave them out, or pass X."
        )
    return estimator.out_of_fold_rows()


def chosen_by(estimator: Any) -> Any:
    """Return the cutoff by which an estimator decides."""
    return estimator.threshold_ if estimator.choice_ is None else estimator.choice_


def costs_chosen_by(estimator: Any) -> Any:
    """Return the cost matrix by which an estimator has chosen its cutoff, if any."""
    cutoff = getattr(estimator, "cutoff", None)
    return cutoff.get("cost_matrix") if isinstance(cutoff, dict) else None
