"""
Spam in messages
================

Raw strings in, decisions out: convolutions over words and a linear model over n-grams
find the spam together, and the cutoff follows from what matters to the reader: hardly
any good message is lost.

The messages are made from phrases. For real messages, such as the SMS Spam Collection,
pass the path of a ``.npz`` file with strings ``X`` and labels ``y`` on the command
line.
"""

# %%
# The messages
# ------------
# Spam and good messages share most of their words. "You have won" may be about a chess
# game and "free" about an afternoon; phrases give spam away.
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import PrecisionRecallDisplay, precision_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skbin import CrossFitClassifier

OPENINGS = ["hi", "hello again", "good news", "just so you know", "quick question"]
GOOD = [
    "are you free tonight",
    "you have won the game of chess",
    "call me when you are home",
    "the prize for the best cake went to mum",
    "claim your seat before noon",
    "text me your new number",
    "your order of tea is here now",
]
SPAM = [
    "call now to claim your prize",
    "you have won free tea",
    "text free to this number now",
    "claim your free order tonight",
    "your number has won the best prize",
]
ENDINGS = ["", "see you", "thanks", "it is urgent", "no worries", "best"]


def make_messages(n_messages, share_of_spam, seed):
    rng = np.random.default_rng(seed)
    is_spam = rng.random(n_messages) < share_of_spam
    phrases = [
        [rng.choice(OPENINGS), rng.choice(SPAM if spam else GOOD), rng.choice(ENDINGS)]
        for spam in is_spam
    ]
    words = [" ".join(parts).split() for parts in phrases]
    # One word in four is left out, as people in a hurry do.
    kept = [[word for word in text if rng.random() > 0.25] for text in words]
    return np.array([" ".join(text) for text in kept], dtype=object), is_spam


paths = [argument for argument in sys.argv[1:] if argument.endswith(".npz")]
if paths:
    with np.load(paths[0]) as data:
        X, y = data["X"].astype(object), data["y"].astype(bool)
else:
    X, y = make_messages(3000, share_of_spam=0.05, seed=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(f"{y_train.sum()} of {len(y_train)} messages are spam, such as:")
print(*X_train[y_train][:3], sep="\n")

# %%
# From strings to probabilities
# -----------------------------
# The strings need no preparation. `CrossFitClassifier` trains five networks, so that
# each message gets a score from one that was not trained on it; they are compared with
# a regression on words.
network = CrossFitClassifier(
    cutoff={"metric": "recall", "min_precision": 0.98}, random_state=0
)
words = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2)),
    LogisticRegression(class_weight="balanced", C=10),
)
_, ax = plt.subplots(layout="constrained")
for name, model in {"network": network, "TF-IDF, regression": words}.items():
    model.fit(X_train, y_train)
    PrecisionRecallDisplay.from_estimator(model, X_test, y_test, name=name, ax=ax)
ax.set_title("Spam found, and how much of the alarm is spam")

# %%
# Lose hardly any good message
# ----------------------------
# The cutoff catches the most spam while at least 98 % of what is filtered is spam. The
# fit chooses it by the out-of-fold scores; the test messages are only for the
# evaluation.
print(network.choice_)

filtered = network.predict(X_test)
print(
    f"\nTest: recall {recall_score(y_test, filtered):.3f}, "
    f"precision {precision_score(y_test, filtered):.3f}"
)

# %%
# The closest decisions
# ---------------------
# The three messages nearest to the cutoff, on either side.
probability = network.predict_proba(X_test)[:, 1]
nearest = np.argsort(np.abs(probability - network.threshold_))[:6]
for row in sorted(nearest, key=lambda row: -probability[row]):
    label = "spam" if y_test[row] else "good"
    print(f"{probability[row]:.3f}  {label}  {X_test[row]}")

plt.show()
