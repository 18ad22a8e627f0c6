"""Do the 95 % intervals of ``report_`` contain what new rows give? A known population.

    python examples/benchmarks/report_intervals.py --repetitions 200

Samples of three simulated tables, each with its own number of positives, are fitted by
a cross-fit of logistic regressions. ``members`` is how often an interval contains the
mean of what the calibrated members reach on 100,000 new rows; ``all`` the same for the
cross-fit, whose average of five is slightly better. With ``groups`` each row of the
sample comes five times, as the visits of a patient may.
"""

import argparse
import warnings

import numpy as np
from scipy.special import expit
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from skbin import CrossFitClassifier

# Rows, share of positives, shift of three of eight columns, and the cutoff.
TABLES = [(2000, 0.05, 1.0, 0.12), (4000, 0.01, 1.2, 0.05), (500, 0.2, 0.7, 0.3)]
N_NEW, COPIES = 100_000, 5


def draw(n, share, shift, rng):
    y = rng.rand(n) < share
    X = rng.randn(n, 8)
    X[:, :3] += shift * y[:, np.newaxis]
    return X, y


def metrics_of(y, score, cutoff):
    alarm = score >= cutoff
    return {
        "average precision": metrics.average_precision_score(y, score),
        "ROC AUC": metrics.roc_auc_score(y, score),
        "log loss": metrics.log_loss(y, score),
        "Brier score": metrics.brier_score_loss(y, score),
        "precision": metrics.precision_score(y, alarm),
        "recall": metrics.recall_score(y, alarm),
        "F1": metrics.f1_score(y, alarm),
        "alarms per 1000": 1000 * alarm.mean(),
    }


def covered(n, share, shift, cutoff, by_groups, rng):
    """Say of each metric whether its interval contains the members' mean, and ours."""
    groups = np.repeat(np.arange(n), COPIES) if by_groups else np.arange(n)
    X, y = (column[groups] for column in draw(n, share, shift, rng))
    model = CrossFitClassifier(LogisticRegression(), cutoff=cutoff, random_state=0)
    model.fit(X, y, **({"groups": groups} if by_groups else {}))
    X_new, y_new = draw(N_NEW, share, shift, rng)
    logits = [member.decision_function(X_new) for member in model.estimators_]
    of_members = [
        metrics_of(y_new, expit(model.calibration_(logit)), cutoff) for logit in logits
    ]
    of_all = metrics_of(y_new, model.predict_proba(X_new)[:, 1], cutoff)
    hits = []
    for name, of_mean in of_all.items():
        _, low, high = model.report_[name]
        mean = np.mean([found[name] for found in of_members])
        hits.append([low <= mean <= high, low <= of_mean <= high])
    return np.transpose(hits)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    rng = np.random.RandomState(given.seed)
    names = ("AP", "ROC AUC", "log loss", "Brier", "precis.", "recall", "F1", "alarms")
    print(f"{'rows, positives':24}", *(f"{name:>8}" for name in names))
    for table in TABLES:
        for by_groups in (False, True):
            found = [covered(*table, by_groups, rng) for _ in range(given.repetitions)]
            for what, rates in zip(("members", "all"), np.mean(found, 0), strict=True):
                label = f"{table[0]}, {table[1]:.0%}{', groups' * by_groups}"
                print(f"{label:16} {what:7}", *(f"{r:8.3f}" for r in rates), flush=True)


if __name__ == "__main__":
    main()
