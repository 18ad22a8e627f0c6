"""
Probabilities you can act on
============================

A missed fraud costs ten times as much as a false alarm. The theoretical cutoff is then
1 / (1 + 10), if probabilities are calibrated. Weighting the rare class helps a network
find it, but makes all probabilities too high. The parameter ``prior`` undoes the shift;
then the theoretical cutoff is close to the best one on the data.

The data are simulated. For your own data, pass the path of a ``.npz`` file with ``X``
and ``y`` on the command line.
"""

# %%
# Three ways to train the same network
# ------------------------------------
import sys

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skbin import BinaryNetClassifier, DenseNet, ThresholdDisplay, select_threshold

paths = [argument for argument in sys.argv[1:] if argument.endswith(".npz")]
if paths:
    with np.load(paths[0]) as data:
        X, y = data["X"], data["y"]
else:
    X, y = make_classification(
        10_000, 20, n_informative=6, weights=[0.97], flip_y=0.01, random_state=0
    )
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
share = y_train.mean()
print(f"{share:.1%} of the rows are positive.\n")


def make_net(**params):
    return BinaryNetClassifier(DenseNet, max_epochs=15, random_state=0, **params)


balanced = make_pipeline(StandardScaler(), make_net(pos_weight="balanced"))
smote = make_pipeline(StandardScaler(), SMOTE(random_state=0), make_net())
plain = make_pipeline(StandardScaler(), make_net())
for estimator in (plain, balanced, smote):
    estimator.fit(X_train, y_train)

# %%
# What the probabilities refer to
# -------------------------------
# Changing ``prior`` needs no new training. ``"train"`` undoes ``pos_weight``. With
# SMOTE the network is trained on balanced data, so ``prior`` is the share of positives
# before SMOTE.
probability = {
    "no weighting": plain.predict_proba(X_test)[:, 1],
    "balanced": balanced.predict_proba(X_test)[:, 1],
    "SMOTE": smote.predict_proba(X_test)[:, 1],
}
balanced.set_params(binarynetclassifier__prior="train")
smote.set_params(binarynetclassifier__prior=share)
probability['balanced, prior="train"'] = balanced.predict_proba(X_test)[:, 1]
probability["SMOTE, prior=share"] = smote.predict_proba(X_test)[:, 1]

print(f"{'':<26}{'Brier score':>12}{'log loss':>10}{'mean':>8}")
for name, p in probability.items():
    brier, loss = brier_score_loss(y_test, p), log_loss(y_test, p)
    print(f"{name:<26}{brier:>12.4f}{loss:>10.4f}{p.mean():>8.3f}")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, names, title in [
    (axes[0], ["no weighting", "balanced", "SMOTE"], "As trained"),
    (
        axes[1],
        ["no weighting", 'balanced, prior="train"', "SMOTE, prior=share"],
        "With the prior",
    ),
]:
    for name, marker in zip(names, "osD", strict=True):
        CalibrationDisplay.from_predictions(
            y_test,
            probability[name],
            n_bins=8,
            name=name,
            marker=marker,
            ax=ax,
        )
    ax.set(xlabel="mean probability", ylabel="share of positives", title=title)
    ax.legend(loc="upper left")

# %%
# The theoretical cutoff and the best one
# ---------------------------------------
costs = [[0, 1], [10, 0]]
theory = 1 / (1 + 10)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained", sharey=True)
print(f"\nTheoretical cutoff: {theory:.3f}")
for ax, name in zip(axes, ["balanced", 'balanced, prior="train"'], strict=True):
    choice = select_threshold(
        y_test, probability[name], cost_matrix=costs, random_state=0
    )
    low, high = choice.threshold_interval
    print(
        f"{name}: best on these data {choice.threshold:.3f} ({low:.3f} to {high:.3f})"
    )
    ThresholdDisplay.from_predictions(
        y_test,
        probability[name],
        cost_matrix=costs,
        choice=choice,
        name=name,
        ax=ax,
    )
    ax.axvline(theory, color="#D55E00", linestyle=":", label="theoretical cutoff")
    ax.set_ylim(0, 0.6)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
plt.show()
