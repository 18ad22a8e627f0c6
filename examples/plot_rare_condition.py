"""
A rare condition in a table
===========================

Cells of 400 people, of whom one in fifteen is ill. A missed illness costs twenty times
as much as a needless examination. The columns need no preparation, the complete model
takes ten lines, and the decision follows from the costs.

The data are scikit-learn's breast cancer table without most of the malignant rows. For
other data, pass the path of a ``.npz`` file with ``X`` and ``y`` on the command line,
or a name for ``sklearn.datasets.fetch_openml``, such as ``mammography``.
"""

# %%
# The people
# ----------
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_openml, load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbin import BinaryNetClassifier, DenseNet, ThresholdDisplay, select_threshold


def load_people():
    X, benign = load_breast_cancer(return_X_y=True)
    y = 1 - benign
    rng = np.random.default_rng(0)
    ill = rng.choice(np.flatnonzero(y == 1), 27, replace=False)
    rows = np.concatenate([np.flatnonzero(y == 0), ill])
    return X[rows], y[rows]


def load_named(name):
    X, y = fetch_openml(name, version=1, return_X_y=True, as_frame=False)
    labels, counts = np.unique(y, return_counts=True)
    return X, (y == labels[np.argmin(counts)]).astype(int)


given = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
if not given:
    X, y = load_people()
elif given[0].endswith(".npz"):
    with np.load(given[0]) as data:
        X, y = data["X"], data["y"].astype(int)
else:
    X, y = load_named(given[0])
print(f"{y.sum()} of {len(y)} are ill.\n")

# %%
# Three models, none tuned
# ------------------------
# Each row is scored by a model that was not trained on it. The network learns the scale
# of the columns from its training rows, so it needs no scaler.
models = {
    "network": BinaryNetClassifier(DenseNet, random_state=0),
    "regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
scores = {
    name: cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    for name, model in models.items()
}
for name, score in scores.items():
    print(
        f"{name:11} average precision {average_precision_score(y, score):.3f}, "
        f"Brier score {brier_score_loss(y, score):.4f}"
    )

# %%
# The lowest cost
# ---------------
# With so few positives the best cutoff is uncertain: ``choice`` says how much. If the
# probabilities are right, the theoretical cutoff is 1 / (1 + 20).
costs = [[0, 1], [20, 0]]  # [[true negative, false alarm], [missed, found]]
choice = select_threshold(y, scores["network"], cost_matrix=costs, random_state=0)
print(choice)
ThresholdDisplay.from_predictions(y, scores["network"], choice=choice)

# %%
# The final model is trained on all people, and decides at that cutoff.
model = BinaryNetClassifier(DenseNet, threshold=choice.threshold, random_state=0)
model.fit(X, y)
print(f"\n{model.predict(X).sum()} of these {len(y)} would be examined.")

plt.show()
