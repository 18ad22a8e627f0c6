"""The look that all displays share."""

from typing import Any

from sklearn.utils._optional_dependencies import check_matplotlib_support

# Okabe and Ito's colours, which colour-blind people can tell apart; dashes for print.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))


def make_axes(ax: Any) -> tuple[Any, Any]:
    """Give axes and their figure, new ones where `ax` is None."""
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
