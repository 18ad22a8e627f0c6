"""
Tables, sequences and texts: the defaults against their peers
=============================================================

Which estimator finds the rare class best if nothing is tuned? Pass files or folders,
and this script runs every suitable estimator of ``peers.py``. A ``.npz`` file holds
``X`` and ``y`` (1 for the positive class): rows of numbers are tables,
``(n, channels, length)`` are sequences, strings are texts; ``test`` (1 for a test row)
is used if a file has it, ``lengths`` if signals are padded. A ``.csv.gz`` file is a raw
DataFrame, with strings and missing values, and a column ``target``; a single other
column of strings is read as texts::

    python examples/benchmarks/real_data.py folder --results results.csv

Each seed determines the estimator, and a test set of three tenths unless the file has
one. Cutoffs for F1 and for MCC are chosen by `select_threshold` on a quarter of the
training rows, scored by a clone trained on the others; then all training rows train the
estimator. Results are added to the file row by row: rows in the file are not run again,
and ``--report`` only prints. ``--table`` and ``--picture`` write the report for the
docs.
"""

import argparse
import csv
import os
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import peers
import sklearn
import torch
from scipy.special import logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
)
from sklearn.model_selection import train_test_split

import skbin
from skbin import select_threshold

METRICS = {
    "average_precision": "AP",
    "f1": "F1 at its cutoff",
    "mcc": "MCC at its cutoff",
    "accuracy": "accuracy at 0.5",
    "log_loss": "log loss",
    "brier": "Brier score",
    "slope": "calibration slope",
    "fit_seconds": "fit time, s",
}
LOWER_IS_BETTER = {"log_loss", "brier", "fit_seconds"}
COLUMNS = ["kind", "data", "estimator", "seed", *METRICS]

# Mean accuracy on the sets' own splits, from results/results-ucr-128.csv of
# hfawaz/dl-4-tsc: Ismail Fawaz et al., "Deep learning for time series classification:
# a review", 2019.
PUBLISHED = {
    "DistalPhalanxOutlineCorrect": (0.760, 0.770),
    "ECG200": (0.888, 0.874),
    "Earthquakes": (0.725, 0.712),
    "ItalyPowerDemand": (0.963, 0.962),
    "MoteStrain": (0.936, 0.924),
    "Strawberry": (0.975, 0.980),
}


def kind_of(X):
    if isinstance(X, pd.DataFrame):
        return "frame"
    if X.dtype.kind in "UO":
        return "text"
    return "sequence" if X.ndim == 3 else "table"


def load(path):
    """Read inputs, NaN where a signal has ended, targets and the file's own split."""
    if path.name.endswith(".csv.gz"):
        X = pd.read_csv(path)
        y = X.pop("target").to_numpy()
        is_text = X.shape[1] == 1
        return (X.iloc[:, 0].to_numpy(dtype=object) if is_text else X), y, None
    with np.load(path) as data:
        X, y = data["X"], data["y"].astype(int)
        is_test = data.get("test")
        lengths = data.get("lengths")
    is_test = None if is_test is None else is_test.astype(bool)
    if X.dtype.kind == "U":
        X = X.astype(object)
    if lengths is not None:
        has_ended = np.arange(X.shape[2]) >= lengths[:, None]
        X = np.where(has_ended[:, None], np.nan, X)
    return X, y, is_test


def files_of(folder):
    return sorted([*folder.glob("*.npz"), *folder.glob("*.csv.gz")])


def split(X, y, is_test, seed):
    if is_test is not None:
        return X[~is_test], X[is_test], y[~is_test], y[is_test]
    return train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)


def measure(kind, name, X, X_test, y, y_test, seed):
    def trained(X, y):
        estimator = getattr(peers, f"for_{kind}s")(X, y, seed)[name]
        return estimator.fit(X, y)

    X_fit, X_choose, y_fit, y_choose = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=seed
    )
    held_out = trained(X_fit, y_fit).predict_proba(X_choose)[:, 1]
    start = time.perf_counter()
    estimator = trained(X, y)
    fit_seconds = time.perf_counter() - start
    score = estimator.predict_proba(X_test)[:, 1]
    logit_score = logit(np.clip(score, 1e-7, 1 - 1e-7))[:, np.newaxis]
    recalibrated = LogisticRegression(C=np.inf).fit(logit_score, y_test)

    def at_cutoff(metric):
        choice = select_threshold(y_choose, held_out, metric, n_bootstraps=0)
        return metric(y_test, (score >= choice.threshold).astype(int))

    return {
        "average_precision": average_precision_score(y_test, score),
        "f1": at_cutoff(f1_score),
        "mcc": at_cutoff(matthews_corrcoef),
        "accuracy": accuracy_score(y_test, score >= 0.5),
        "log_loss": log_loss(y_test, np.clip(score, 1e-15, 1)),
        "brier": brier_score_loss(y_test, score),
        "slope": recalibrated.coef_.item(),
        "fit_seconds": fit_seconds,
    }


def is_in(results, row):
    """Whether the file of results holds a measurement already."""
    if not results.exists():
        return False
    with results.open(newline="") as file:
        return any(
            all(done[key] == str(row[key]) for key in ("data", "estimator", "seed"))
            for done in csv.DictReader(file)
        )


def append(results, row):
    is_new = not results.exists()
    with results.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def run(path, n_seeds, results, without):
    X_all, y_all, is_test = load(path)
    kind = kind_of(X_all)
    for seed in range(n_seeds):
        X, X_test, y, y_test = split(X_all, y_all, is_test, seed)
        for name in getattr(peers, f"for_{kind}s")(X, y, seed):
            row = {
                "kind": kind,
                "data": path.name.partition(".")[0],
                "estimator": name,
                "seed": seed,
            }
            if name in without or is_in(results, row):
                continue
            row |= measure(kind, name, X, X_test, y, y_test, seed)
            append(results, row)
            print(
                f"{row['data']}, seed {seed}, {name}: "
                f"AP {row['average_precision']:.3f}, "
                f"log loss {row['log_loss']:.3f}, {row['fit_seconds']:.1f} s",
                flush=True,
            )


# ---- the report


def with_rank(means, metric):
    """Tabulate data by estimators, and the mean rank of each, 1 for the best."""
    table = means[metric].unstack("estimator")
    ranks = table.rank(axis=1, ascending=metric in LOWER_IS_BETTER)
    return table, ranks.mean()


def complete(results):
    """Leave out sets that some estimator has not been measured on: ranks need all."""
    n_estimators = results.groupby("data")["estimator"].transform("nunique")
    return results[n_estimators == results["estimator"].nunique()]


def report_of(results):
    """Summarize each kind: means over data sets and seeds, AP by data set, ranks."""
    lines = [
        f"Python {platform.python_version()}, torch {torch.__version__}, scikit-learn "
        f"{sklearn.__version__}, skbin {skbin.__version__}; {os.cpu_count()} cores, "
        f"{platform.processor() or platform.machine()}; each estimator on "
        f"{torch.get_num_threads()} thread(s); "
        f"{results['seed'].nunique()} seeds."
    ]
    for kind, of_kind in results.groupby("kind"):
        of_kind = complete(of_kind)
        means = of_kind.groupby(["data", "estimator"])[list(METRICS)].mean()
        precision, rank = with_rank(means, "average_precision")
        order = rank.sort_values().index
        neural = [name for name in order if name in peers.NEURAL]
        summary = means.groupby("estimator").mean().rename(columns=METRICS)
        summary.insert(0, "mean rank", rank)
        summary.insert(
            1,
            "among networks",
            with_rank(means.loc[(slice(None), neural), :], "average_precision")[1],
        )
        lines += [
            f"\n{kind}s: mean over {len(precision)} sets\n",
            summary.loc[order].to_string(float_format="{:.3f}".format, na_rep=""),
            f"\n{kind}s: average precision\n",
            precision[order].T.to_string(float_format="{:.3f}".format),
            f"\n{kind}s: log loss\n",
            means["log_loss"]
            .unstack()[order]
            .T.to_string(float_format="{:.3f}".format),
        ]
        own = [name for name in PUBLISHED if name in precision.index]
        if own:
            accuracy = means["accuracy"].unstack("estimator").loc[own, order]
            published = pd.DataFrame(PUBLISHED, ["FCN", "ResNet"]).T.loc[own]
            accuracy = accuracy.join(published.add_prefix("published "))
            lines += [
                f"\n{kind}s: accuracy on the sets' own splits\n",
                accuracy.T.to_string(float_format="{:.3f}".format),
            ]
    return "\n".join(lines)


def draw(results, path):
    """Draw the average precision of each estimator, one panel for each kind."""
    import matplotlib.pyplot as plt

    kinds = sorted(results["kind"].unique())
    figure, axes = plt.subplots(
        len(kinds), 1, figsize=(8, 3 * len(kinds)), layout="constrained"
    )
    for ax, kind in zip(np.atleast_1d(axes), kinds, strict=True):
        of_kind = complete(results[results["kind"] == kind])
        means = of_kind.groupby(["data", "estimator"])[list(METRICS)].mean()
        table, rank = with_rank(means, "average_precision")
        order = rank.sort_values(ascending=False).index
        for height, name in enumerate(order):
            color = "#D55E00" if name.startswith("skbin") else "#0072B2"
            ax.scatter(table[name], [height] * len(table), s=18, color=color, alpha=0.6)
            ax.scatter(table[name].mean(), height, s=90, marker="|", color="black")
        ax.set_yticks(range(len(order)), [f"{n} ({rank[n]:.1f})" for n in order])
        ax.set_title(f"{kind}s")
    ax.set_xlabel("average precision")
    figure.suptitle("A point for each data set, a bar for the mean; (mean rank)")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", type=Path, help="folders or files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], help="peers left out")
    parser.add_argument("--results", type=Path, default=Path("results.csv"))
    parser.add_argument("--report", action="store_true", help="only report")
    parser.add_argument("--table", type=Path, help="write the report to this file")
    parser.add_argument("--picture", type=Path, help="draw the report to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.report:
        if not arguments.data:
            parser.error("name a folder or files with data")
        warnings.simplefilter("ignore", ConvergenceWarning)
        for given in arguments.data:
            for path in files_of(given) if given.is_dir() else [given]:
                run(path, arguments.seeds, arguments.results, arguments.without)
    results = pd.read_csv(arguments.results)
    report = report_of(results)
    print(report)
    if arguments.table:
        arguments.table.write_text(report + "\n")
    if arguments.picture:
        draw(results, arguments.picture)


if __name__ == "__main__":
    main()
