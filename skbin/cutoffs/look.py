"""The look that all displays share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.utils._optional_dependencies import check_matplotlib_support

# Okabe and Ito's colours, which colour-blind people can tell apart; dashes for print.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
# The log-odds of networks reach farther than any useful cutoff.
_WIDEST, _TINIEST = 1e-5, 1e-100
_MARGIN = 0.3  # logits


def make_axes(ax: Any) -> tuple[Any, Any]:
    """Return axes and their figure, new ones where `ax` is None."""
    check_matplotlib_support("skbin's displays")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax, ax.figure


def curve_style(number: int) -> dict[str, Any]:
    """Colour and dashes of the curve of this number."""
    return {
        "color": _COLORS[number % len(_COLORS)],
        "linestyle": _DASHES[number % len(_DASHES)],
    }


def put_legend_below(ax: Any) -> None:
    """Put the legend where it covers no curve."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)


def has_a_place(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each probability is shown on an axis of log-odds."""
    inside = (values > _WIDEST) & (values < 1 - _WIDEST)
    if inside.sum() > 1:
        return inside
    return (values > _TINIEST) & (values < 1)


def show_probabilities(axis: Any, scale: str, values: NDArray[np.float64]) -> None:
    """Space an axis of probabilities by log-odds or evenly, to hold `values`."""
    if scale not in ("probability", "logit"):
        raise ValueError(f"scale must be 'probability' or 'logit', got {scale!r}.")
    limit = getattr(axis.axes, f"set_{axis.axis_name}lim")
    if scale == "probability":
        limit(-0.02, 1.02)
        return
    if axis.get_scale() == "logit":  # of a display that was drawn there before
        values = np.r_[values, axis.get_view_interval()]
    getattr(axis.axes, f"set_{axis.axis_name}scale")("logit")
    axis.set_major_formatter("{x:.9g}")
    axis.set_minor_formatter("")
    inside = values[has_a_place(values)]
    ends = logit(np.r_[inside, 0.4, 0.6] if len(inside) < 2 else inside)
    limit(*expit([ends.min() - _MARGIN, ends.max() + _MARGIN]))
