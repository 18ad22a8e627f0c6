"""
Wide searches: workers, threads and the memory
==============================================

A grid of learning rate, filters and 19 thresholds in 3 folds has 342 fits, but with
``memory`` only 18 + 1 networks are trained. How should the cores be shared? This times
the whole search with one process and with two workers, and with different numbers of
torch threads in each:

- a worker for each core, with one thread each: the default limit of joblib's workers,
- the same with a grid in two parts, the first of which trains each network once: in a
  single grid the cutoffs of a network follow each other, so that the other worker waits
  while one trains it,
- two workers that each use all cores, to show the cost of competing threads,
- one process with all cores, and with one thread,
- a Dask cluster of one and of two processes on this machine, if dask.distributed is
  installed.

Run it with ``python examples/benchmarks/wide_search.py``. Each search runs in a
separate process and folder, in turn; the script prints medians and the paired ratio to
the first.
"""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from skbin import BinaryNetClassifier

N_REPETITIONS = 2
N_CORES = joblib.cpu_count()
GRID = {
    "lr": [0.0005, 0.001, 0.002],
    "module__num_filters": [16, 32],
    "threshold": np.linspace(0.05, 0.95, 19).round(2).tolist(),
}
TRAININGS_FIRST = [
    {**GRID, "threshold": GRID["threshold"][:1]},
    {**GRID, "threshold": GRID["threshold"][1:]},
]
# workers, threads of torch in each, what runs them, how the grid is written
SETTINGS = {
    "one process, one thread": (1, 1, "loky", "grid"),
    "one process, all cores": (1, N_CORES, "loky", "grid"),
    "a worker for each core": (N_CORES, 1, "loky", "grid"),
    "the same, trainings first": (N_CORES, 1, "loky", "trainings first"),
    "workers that fight": (N_CORES, N_CORES, "loky", "grid"),
}
if find_spec("distributed"):
    SETTINGS["Dask, one worker"] = (1, 1, "dask", "trainings first")
    SETTINGS["Dask, two workers"] = (2, 1, "dask", "trainings first")


@contextmanager
def workers(n_workers, n_threads, backend):
    """Let joblib use them."""
    if backend == "loky":
        with joblib.parallel_config(
            backend, n_jobs=n_workers, inner_max_num_threads=n_threads
        ):
            yield
        return
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend),
    ):
        yield


def search(n_workers, n_threads, backend, order):
    """Search, and return seconds and the best score."""
    torch.set_num_threads(n_threads)
    X, y = make_classification(6000, 20, weights=[0.9], random_state=0)
    with TemporaryDirectory() as folder, workers(n_workers, n_threads, backend):
        net = BinaryNetClassifier(max_epochs=8, memory=folder, random_state=0)
        grid = TRAININGS_FIRST if order == "trainings first" else GRID
        grid_search = GridSearchCV(net, grid, scoring="f1", cv=3)
        start = time.perf_counter()
        grid_search.fit(X, y)
        return time.perf_counter() - start, grid_search.best_score_


def searched(setting):
    """Search in a process of its own, in which no thread pool has been made yet."""
    run = subprocess.run(
        [sys.executable, __file__, *map(str, setting)],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"},
    )
    return [float(value) for value in run.stdout.split()]


def main():
    if len(sys.argv) == 5:
        n_workers, n_threads, backend, order = sys.argv[1:]
        print(*search(int(n_workers), int(n_threads), backend, order))
        return
    runs = np.array(
        [
            [searched(setting) for setting in SETTINGS.values()]
            for _ in range(N_REPETITIONS)
        ]
    )
    times, scores = runs[..., 0], runs[..., 1]
    print(f"{N_CORES} cores; 342 fits, 19 trainings; seconds for the whole search")
    for column, name in enumerate(SETTINGS):
        ratios = times[:, column] / times[:, 0]
        print(
            f"{name:<30}{np.median(times[:, column]):8.1f}"
            f"{np.median(ratios):8.2f} ({ratios.min():.2f}-{ratios.max():.2f})"
            f"    best F1 {scores[0, column]:.3f}"
        )


if __name__ == "__main__":
    main()
