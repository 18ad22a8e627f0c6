"""
An abnormal signal
==================

One heartbeat in twenty is abnormal, at an unknown position, and recordings differ
in length. Residual blocks and a linear model over random convolutions find it together;
the cutoff follows from the number of alarms that a nurse can check: fifty in a thousand
beats.

The beats are simulated. For real signals, pass the path of a ``.npz`` file with ``X``
of shape (n, channels, length) and labels ``y`` on the command line; ``sktime`` and
``aeon`` provide series of the UCR archive in this form.
"""

# %%
# The beats
# ---------
# ``fit`` takes a list of arrays of shape (channels, length). Abnormal beats have a
# notch after the peak that is smaller than the variation of the peaks.
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import (
    PrecisionRecallDisplay,
    average_precision_score,
    confusion_matrix,
)
from sklearn.model_selection import train_test_split

from skbin import BinaryNetClassifier, CrossFitClassifier


def make_beat(is_abnormal, rng):
    length = rng.integers(90, 130)
    step = np.arange(length)
    peak = rng.integers(30, 50)

    def wave(center, width, height):
        return height * np.exp(-(((step - center) / width) ** 2))

    beat = wave(peak - 15, 5, 0.2) + wave(peak, 2, rng.normal(1.0, 0.15))
    beat += wave(peak + 30, 9, rng.normal(0.35, 0.08))
    if is_abnormal:
        beat -= wave(peak + rng.integers(8, 18), 2.5, rng.uniform(0.1, 0.25))
    return (beat + rng.normal(0, 0.06, length))[np.newaxis]


paths = [argument for argument in sys.argv[1:] if argument.endswith(".npz")]
if paths:
    with np.load(paths[0]) as data:
        X, y = list(data["X"]), data["y"].astype(int)
else:
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.05).astype(int)
    X = [make_beat(is_abnormal, rng) for is_abnormal in y]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)

_, axes = plt.subplots(1, 2, sharey=True, figsize=(9, 3), layout="constrained")
for ax, label, title in zip(axes, (0, 1), ("normal", "abnormal"), strict=True):
    for row in np.flatnonzero(y_train == label)[:4]:
        ax.plot(X_train[row][0], linewidth=1)
    ax.set(title=title, xlabel="step")

# %%
# Three networks, and a cutoff
# ----------------------------
# Each of the three is stopped early by beats that it was not trained on, which gives
# every beat a score from such a network. These scores choose the cutoff that finds the
# most abnormal beats with at most fifty alarms in a thousand. A single network, trained
# on all rows, is the comparison. Fifteen epochs are enough here; leave ``max_epochs``
# out for your own signals.
one_network = BinaryNetClassifier(max_epochs=15, random_state=0)
model = CrossFitClassifier(
    one_network,
    cv=3,
    cutoff={"metric": "recall", "max_alarms_per_1000": 50},
    random_state=0,
)
_, ax = plt.subplots(layout="constrained")
for name, net in {"cross-fit": model, "one network": one_network}.items():
    net.fit(X_train, y_train)
    PrecisionRecallDisplay.from_estimator(net, X_test, y_test, name=name, ax=ax)
    found = average_precision_score(y_test, net.predict_proba(X_test)[:, 1])
    print(f"{name}: average precision {found:.3f}")
ax.set_title("Abnormal beats found")

# %%
# As many alarms as can be checked
# --------------------------------
print(model.choice_)
print(f"Alarms to expect in 1,000 beats: {model.report_['alarms per 1000']}")
tn, fp, fn, tp = confusion_matrix(y_test, model.predict(X_test)).ravel()
print(f"\nTest: {tp} of {tp + fn} abnormal beats found, by {tp + fp} alarms")
print(f"in {len(y_test)} beats.")

plt.show()
