"""
Many threads ask one estimator
==============================

A service answers requests in threads that share one fitted estimator. Here 1 to 16
threads request the probabilities of 1 and of 100 rows, each as fast as it can. The
script prints requests per second, and the median and 99th percentile of the time per
request. scikit-learn's `MLPClassifier` with the same hidden layers is the peer. Each
result is compared with that of a single thread.

Run it with ``python examples/benchmarks/concurrent_prediction.py``; it takes a minute.
torch uses one thread per request, because concurrent requests already use all cores.
"""

import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skbin import BinaryNetClassifier, DenseNet

N_REQUESTS = 1600


def answer(model, requests, expected, place):
    place %= len(requests)
    start = time.perf_counter()
    probability = model.predict_proba(requests[place])
    seconds = time.perf_counter() - start
    return seconds, np.array_equal(probability, expected[place])


def ask(model, requests, n_threads):
    """Give requests for each second, their times in ms, how many answers differ."""
    expected = [model.predict_proba(rows) for rows in requests]
    with ThreadPoolExecutor(n_threads) as threads:
        start = time.perf_counter()
        answers = list(
            threads.map(
                lambda place: answer(model, requests, expected, place),
                range(N_REQUESTS),
            )
        )
        rate = N_REQUESTS / (time.perf_counter() - start)
    seconds, is_same = zip(*answers, strict=True)
    return rate, 1e3 * np.array(seconds), N_REQUESTS - sum(is_same)


def main():
    torch.set_num_threads(1)
    X, y = make_classification(4000, 30, weights=[0.95], random_state=0)
    X = X.astype(np.float32)
    net = BinaryNetClassifier(DenseNet, max_epochs=3, random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp = MLPClassifier((256, 256), max_iter=3, random_state=0).fit(X, y)
    print(
        f"torch {torch.__version__}, {N_REQUESTS} requests\n"
        f"{'':<34}{'requests / s':>13}{'median, ms':>12}{'99 %, ms':>10}{'differ':>8}"
    )
    for n_rows in (1, 100):
        requests = [X[start : start + n_rows] for start in range(0, 2000, n_rows)]
        for n_threads in (1, 2, 4, 16):
            for name, model in (("DenseNet", net), ("MLPClassifier", mlp)):
                rate, times, n_different = ask(model, requests, n_threads)
                print(
                    f"{f'{n_rows} rows, {n_threads} threads, {name}':<34}{rate:13.0f}"
                    f"{np.median(times):12.2f}{np.quantile(times, 0.99):10.2f}"
                    f"{n_different:8d}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
