"""
A rare digit, found by a convolutional network with a tuned cutoff
==================================================================

Handwritten digits of 8 x 8 pixels, read as sequences: 8 channels (rows) of 8 steps
(columns). The eights are the positive class, and most of them are taken away, so that
they are rare. A network is trained on oversampled data, its cutoff is tuned by
cross-validation, and the default and the tuned cutoff are compared on test data.
"""

# %%
# The data
# --------
import sys
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skbin import BinaryNetClassifier, ConvNet

picture = sys.argv[1] if len(sys.argv) > 1 else "quickstart.png"


def as_sequences(X):
    """(n, 64) -> (n, 8 channels, 8 steps)."""
    return X.reshape(-1, 8, 8)


X, digit = load_digits(return_X_y=True)
y = (digit == 8).astype(int)
rng = np.random.default_rng(0)
kept = (y == 0) | (rng.random(len(y)) < 0.5)
X, y = X[kept], y[kept]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
print(f"Digits: {len(y_train)} to train on, {len(y_test)} to test on.")
print(f"Eights, the positive class: {y_train.mean():.1%} of them.\n")

# %%
# One network
# -----------
# Oversampling happens inside the pipeline: in each fold only the rows that are trained
# on are repeated, never those that are scored. `prior` is the share of positives in the
# data before oversampling, and the probabilities refer to it.
pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("oversample", RandomOverSampler(random_state=0)),
        ("sequences", FunctionTransformer(as_sequences)),
        (
            "net",
            BinaryNetClassifier(
                ConvNet, prior=y_train.mean(), max_epochs=15, random_state=0
            ),
        ),
    ]
)
print("Training one network on oversampled data, with a progress bar:")
pipeline.set_params(net__verbose=1).fit(X_train, y_train)
pipeline.set_params(net__verbose=0)

# %%
# The cutoff
# ----------
# 33 cutoffs in five folds of the training data, evenly spaced as logits, because the
# good ones for a rare class are small. The test data are not touched. With ``memory``
# each fold trains one network, which is used for all cutoffs.
print("\nTuning the cutoff by GridSearchCV: 33 cutoffs in 5 folds, scored by F1 ...")
thresholds = expit(np.linspace(-6, 2, 33))
with tempfile.TemporaryDirectory() as folder:
    search = GridSearchCV(
        pipeline.set_params(net__memory=folder),
        {"net__threshold": thresholds},
        scoring="f1",
        cv=5,
    ).fit(X_train, y_train)
tuned = float(search.best_params_["net__threshold"])
print(f"Best cutoff: {tuned:.3f} (F1 in cross-validation {search.best_score_:.3f})\n")

# %%
# Before and after, on the test data
# ----------------------------------
probability = search.best_estimator_.predict_proba(X_test)[:, 1]
print(f"{'on the test data':<26}{'precision':>10}{'recall':>8}{'F1':>8}")
for name, threshold in [("default", 0.5), ("tuned", tuned)]:
    y_pred = search.best_estimator_.set_params(net__threshold=threshold).predict(X_test)
    print(
        f"{name + f' cutoff {threshold:.3f}':<26}"
        f"{precision_score(y_test, y_pred):>10.3f}"
        f"{recall_score(y_test, y_pred):>8.3f}{f1_score(y_test, y_pred):>8.3f}"
    )
print("\nThese two do not depend on the cutoff:")
print(f"  average precision {average_precision_score(y_test, probability):.3f}")
print(f"  Brier score       {brier_score_loss(y_test, probability):.4f}")

# %%
# The picture
# -----------
precision, recall, cutoffs = precision_recall_curve(y_test, probability)
f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
colors = {"precision": "#0072B2", "recall": "#D55E00", "F1": "#009E73"}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for name, values in [("precision", precision), ("recall", recall), ("F1", f1)]:
    left.step(cutoffs, values[:-1], label=name, color=colors[name])
left.axvline(0.5, color="0.4", linestyle=":", label="default cutoff 0.500")
left.axvline(tuned, color="black", linestyle="--", label=f"tuned cutoff {tuned:.3f}")
left.set(
    xlabel="cutoff (probability)",
    ylabel="score",
    xscale="logit",
    xlim=(1e-3, 0.999),
    ylim=(0, 1.03),
    title="What each cutoff gives",
)
left.legend(loc="lower left", fontsize="small")
right.step(recall, precision, where="post", color=colors["precision"])
for label, threshold, marker in [("default", 0.5, "o"), ("tuned", tuned, "D")]:
    y_pred = probability >= threshold
    right.plot(
        recall_score(y_test, y_pred),
        precision_score(y_test, y_pred),
        marker,
        color="black",
        markerfacecolor="white" if marker == "o" else "black",
        markersize=9,
        label=f"{label} cutoff {threshold:.3f}",
    )
right.set(
    xlabel="recall",
    ylabel="precision",
    xlim=(0, 1.03),
    ylim=(0, 1.03),
    title="Precision and recall on the test data",
)
right.legend(loc="lower left")
figure.savefig(picture, dpi=120)
print(f"\nPicture saved to {picture}")
