"""
Dates later than those of training
==================================

A model is trained on rows of the past and decides on rows that come later. A number of
days since 1970 is then beyond all that it has seen, and a network answers for it as for
the last days of training, few rows that may have had more or fewer positives by chance.

This script simulates tables with a time, trains the default network on the first 5,000
rows, and predicts the next 5,000. It compares days as they are, days cut at a quantile
of the training rows, and no days at all; and the day of the year always, or only where
training covers two years (all but the first). The tables are

- ``none``: time says nothing, ``hour``: frauds come at night and on weekends,
- ``season``: more positives in winter, over five years,
- ``trend`` and ``trend3``: the share of positives rises, over one year and over five,
- ``drift3``: it goes up and down over five years,
- ``birth``: a second date says the age, which matters,
- ``opened``: a second date matters by its distance from the first.

It prints the mean log loss and average precision over five seeds, and the mean
probability divided by the share of positives, with its range. Run it with
``python examples/benchmarks/later_dates.py``; it takes half an hour on one core.
"""

import argparse
from datetime import date

import numpy as np
from scipy.special import expit
from sklearn.metrics import average_precision_score, log_loss

from skbin import BinaryNetClassifier

N_ROWS = 5_000  # to train on, and as many to predict
SEEDS = range(5)
CUT_AT = {
    "as they are": None,
    "the last day": 1.0,
    "0.9": 0.9,
    "0.8": 0.8,
    "0.5": 0.5,
    "no days": None,
}
KINDS = ("none", "hour", "birth", "season", "trend", "trend3", "drift3", "opened")


def days_since_1970(year):
    return (date(year, 1, 1) - date(1970, 1, 1)).days


def day_of_year(days):
    day = np.floor(days).astype("datetime64[D]")
    return (day - day.astype("datetime64[Y]")).astype(float)


def make_table(kind, rng, n=2 * N_ROWS):
    """Numbers, days, and labels, in the order of the first days."""
    amount, score = rng.lognormal(3, 1, n), rng.normal(size=n)
    logit = -4.6 + 0.8 * score + 0.5 * (np.log(amount) - 3)
    is_long = kind in ("season", "trend3", "drift3")
    start, span = days_since_1970(2022 if is_long else 2026), 2000 if is_long else 365
    time = np.sort(start + rng.random(n) * span)
    dates = [time]
    if kind == "hour":
        is_weekend = (np.floor(time) + 3) % 7 >= 5
        logit += 1.2 * np.cos(2 * np.pi * (time % 1)) + 0.6 * is_weekend
    if kind == "birth":
        birth = np.floor(days_since_1970(1960) + rng.beta(2, 2, n) * 45 * 365)
        logit += 1.2 * (start - birth) / 365 / 20 - 1.8
        dates.append(birth)
    if kind == "season":
        logit += 1.2 * np.cos(2 * np.pi * day_of_year(time) / 365)
    if kind in ("trend", "trend3"):
        logit += 1.5 * (time - start) / span - 0.7
    if kind == "drift3":
        logit += 0.8 * np.sin((time - start) / 300)
    if kind == "opened":
        opened = time - rng.exponential(300, n)
        logit += 1.5 * np.exp(-(time - opened) / 100)
        dates.append(opened)
    return (amount, score), dates, (rng.random(n) < expit(logit)).astype(int)


def encoded(numbers, dates, variant):
    """Columns of numbers, as the estimator makes them of dates."""
    columns = list(numbers)
    for days in dates:
        seen, cut = days[:N_ROWS], CUT_AT[variant]
        columns += [days % 1, (np.floor(days) + 3) % 7]
        if variant != "no days":
            latest = np.inf if cut is None else np.quantile(seen, cut)
            columns.append(np.minimum(days, latest))
        covers_years = np.ptp(np.quantile(seen, [0.01, 0.99])) >= 730
        if covers_years or variant == "as they are":
            columns.append(day_of_year(days))
    return np.column_stack(columns)


def measure(kind):
    """Log loss, average precision and relative mean, (n_seeds, n_variants, 3)."""
    found = []
    for seed in SEEDS:
        numbers, dates, y = make_table(kind, np.random.default_rng(seed))
        now, later = y[:N_ROWS], y[N_ROWS:]
        found.append([])
        for variant in CUT_AT:
            X = encoded(numbers, dates, variant)
            net = BinaryNetClassifier(random_state=0).fit(X[:N_ROWS], now)
            probability = net.predict_proba(X[N_ROWS:])[:, 1]
            found[-1].append(
                (
                    log_loss(later, probability),
                    average_precision_score(later, probability),
                    probability.mean() / later.mean(),
                )
            )
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="kind")
    print(f"{'':<8}{'days cut at':<13}{'log loss':>9}{'AP':>7}{'mean / positives':>23}")
    for kind in parser.parse_args().kinds:
        found = measure(kind)
        for place, variant in enumerate(CUT_AT):
            loss, precision, ratio = found[:, place].T
            print(
                f"{kind if not place else '':<8}{variant:<13}{loss.mean():9.4f}"
                f"{precision.mean():7.3f}"
                f"{f'{ratio.mean():.2f} ({ratio.min():.2f} to {ratio.max():.2f})':>23}",
                flush=True,
            )


if __name__ == "__main__":
    main()
