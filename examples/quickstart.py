"""
A rare digit, found by a convolutional network with a cutoff that holds
=======================================================================

Handwritten digits of 8 x 8 pixels, read as sequences: 8 channels (rows) of 8 steps
(columns). The eights are the positive class; four in ten of them are removed to make
them rare. A missed eight costs as much as ten false alarms. One fit trains five
networks, calibrates their probabilities and chooses the cutoff; then the default and
the chosen cutoff are compared on test data.
"""

# %%
# The data
# --------
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    log_loss,
    precision_score,
    recall_score,
)
from sklearn.model_selection import train_test_split

from skbin import BinaryNetClassifier, ConvNet, CrossFitClassifier, ThresholdDisplay

picture = sys.argv[1] if len(sys.argv) > 1 else "quickstart.png"

X, digit = load_digits(return_X_y=True)
y = (digit == 8).astype(int)
rng = np.random.default_rng(0)
kept = (y == 0) | (rng.random(len(y)) < 0.6)
X, y = X[kept].reshape(-1, 8, 8), y[kept]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
print(f"Digits: {len(y_train)} to train on, {len(y_test)} to test on.")
print(f"Eights, the positive class: {y_train.mean():.1%} of them.\n")

# %%
# One fit
# -------
# Five networks, each trained on four fifths of the rows and stopped early by the last
# fifth. Thus every row gets a score from a network that was not trained on it. These
# scores calibrate the probabilities, choose the cutoff, and estimate the metrics on new
# data. Nothing is resampled or weighted: the cutoff, not the network, compensates for
# the rarity of the eights. ``ConvNet`` has filters as long as the sequence, which
# detect the position of a stroke.
COSTS = np.array([[0, 1], [10, 0]])  # rows: the class; columns: the decision
print("Training five networks, one after the other ...")
net = BinaryNetClassifier(ConvNet, max_epochs=20, random_state=0)
model = CrossFitClassifier(net, cutoff={"cost_matrix": COSTS}, random_state=0)
model.fit(X_train, y_train)
print(f"Chosen: {model.choice_}")
print(f"\nTo expect on new digits:\n{model.report_}\n")

# %%
# Before and after, on the test data
# ----------------------------------
probability = model.predict_proba(X_test)[:, 1]
print(f"{'on the test data':<26}{'precision':>10}{'recall':>8}{'cost':>8}")
for name, threshold in [("default", 0.5), ("chosen", model.threshold_)]:
    y_pred = (probability >= threshold).astype(int)
    cost = (COSTS * confusion_matrix(y_test, y_pred)).sum()
    print(
        f"{name + f' cutoff {threshold:.3f}':<26}"
        f"{precision_score(y_test, y_pred):>10.3f}"
        f"{recall_score(y_test, y_pred):>8.3f}{cost:>8d}"
    )
print("\nThese two do not depend on the cutoff:")
print(f"  average precision {average_precision_score(y_test, probability):.3f}")
print(f"  log loss          {log_loss(y_test, probability):.4f}")

# %%
# The picture
# -----------
# It shows the scores that the fitted model has kept: no data are needed.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
display = ThresholdDisplay.from_estimator(model, ax=left, random_state=0)
left.set_title("What each cutoff gives")
display.plot_reliability(right)
right.set_title("Do probabilities mean what they say?")
figure.savefig(picture, dpi=120)
print(f"\nPicture saved to {picture}")
