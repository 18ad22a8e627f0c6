"""Draw ``architecture.png``: the files of skbin, and which uses which."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

OUTSIDE = ["labels", "samples", "unequal_lengths", "text", "seen_rows"]
DOOR = ["classifier"]
INSIDE = {
    "networks": ["conv_net", "dense_net", "text_conv_net", "input_sizes"],
    "layers": [
        "column_scale",
        "column_embedding",
        "residual_blocks",
        "dropout",
        "output_layers",
    ],
    "training": [
        "net",
        "batches",
        "balanced_batches",
        "holdout",
        "schedule",
        "fused_optimizer",
    ],
    "loss and logit": ["losses", "criteria", "heads", "softmax_head", "probability"],
}
BESIDE = {
    "memory": ["fit_cache", "fingerprint", "checkpoints"],
    "cutoffs": ["thresholds", "threshold_curve", "decision_metrics", "resampling"],
    "files": [
        "onnx_export",
        "model_file",
        "model_description",
        "described_estimator",
    ],
    "pictures": ["threshold_display", "history_display", "pictures"],
}
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def box(ax, x, y, width, title, names, color):
    height = 0.75 + 0.42 * len(names)
    ax.add_patch(
        FancyBboxPatch(
            (x, y - height),
            width,
            height,
            boxstyle="round,pad=0.08",
            facecolor=color + "22",
            edgecolor=color,
            linewidth=1.5,
        )
    )
    ax.text(x + width / 2, y - 0.32, title, ha="center", va="center", weight="bold")
    for row, name in enumerate(names):
        ax.text(
            x + width / 2,
            y - 0.9 - 0.42 * row,
            f"{name}.py",
            ha="center",
            va="center",
            family="monospace",
            fontsize=9,
        )
    return y - height


def arrow(ax, start, end):
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=16, color="#555")
    )


figure, ax = plt.subplots(figsize=(11, 7.2))
ax.set(xlim=(0, 15.2), ylim=(-0.4, 10.6))
ax.axis("off")
box(ax, 0.3, 10.3, 3.2, "outside: scikit-learn", OUTSIDE, BLUE)
box(ax, 5.3, 10.3, 3.6, "the door", ["classifier", "parameters"], ORANGE)
arrow(ax, (5.15, 9.4), (3.7, 9.4))
arrow(ax, (9.05, 9.4), (11.45, 9.4))
arrow(ax, (7.1, 8.6), (7.1, 6.9))
for column, (title, names) in enumerate(INSIDE.items()):
    box(ax, 0.3 + 2.75 * column, 6.6, 2.45, title, names, GREEN)
ax.text(
    0.3,
    2.8,
    "inside: torch, float32, targets 0 and 1, one logit",
    weight="bold",
    color=GREEN,
)
y = 10.3
for title, names in BESIDE.items():
    y = box(ax, 11.6, y, 3.3, title, names, BLUE) - 0.5
ax.text(11.6, y + 0.1, "cutoffs and pictures take\nscores of any classifier", va="top")
figure.savefig(
    Path(__file__).with_name("architecture.png"), dpi=110, bbox_inches="tight"
)
