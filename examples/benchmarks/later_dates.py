"""
Rows whose dates come after those of training
=============================================

Simulated payments do not change over time. A cross-fit is trained on 3,750 of the first
5,000 and scores the next 5,000: once with the column of times as it is, from which the
network reads the day, too, and once with the hour and the day of the week alone.

Each line is one table and one seed: the share of frauds among the later payments, and
for both models the mean probability and the log loss on them.

Run it with ``OMP_NUM_THREADS=1 python examples/benchmarks/later_dates.py``; it takes
two minutes.
"""

import warnings

import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skbin import CrossFitClassifier, make_payments

N_EARLY = 5000


def as_it_is(X):
    return X


def hour_and_weekday(X):
    time = X["time"].dt
    return X.drop(columns="time").assign(hour=time.hour, weekday=time.dayofweek)


def scores(X, y, seed):
    early = np.arange(N_EARLY)
    train, _ = train_test_split(early, stratify=y[early], random_state=seed)
    model = CrossFitClassifier(pos_label="fraud", random_state=seed)
    model.fit(X.iloc[train], y[train])
    fraud = list(model.classes_).index("fraud")
    return model.predict_proba(X.iloc[N_EARLY:])[:, fraud]


def main():
    warnings.simplefilter("ignore")
    print(f"{'':6}{'frauds':>8}{'time as it is':>20}{'hour, weekday':>20}")
    print(f"{'seed':<6}{'':8}" + 2 * f"{'mean':>10}{'log loss':>10}")
    for seed in range(5):
        X, y = make_payments(2 * N_EARLY, random_state=seed)
        is_fraud = y[N_EARLY:] == "fraud"
        line = f"{seed:<6}{is_fraud.mean():8.4f}"
        for prepared in (as_it_is, hour_and_weekday):
            probability = scores(prepared(X), y, seed)
            loss = log_loss(is_fraud, probability)
            line += f"{probability.mean():10.4f}{loss:10.4f}"
        print(line)


if __name__ == "__main__":
    main()
