"""
Wide searches: workers, threads and the memory
==============================================

A grid of learning rate, filters and 19 thresholds in 3 folds is 342 fits and 18 + 1
trainings with ``memory``. How should the cores be shared? This times the whole search
with one process and with two workers, and with different numbers of torch's threads in
each:

- ``n_jobs=2`` as it is: joblib's workers limit torch to their share of the cores,
- two workers that each take all cores, to show what fighting costs,
- one process with all cores, and with one thread.

Run it with ``python examples/benchmarks/wide_search.py``. Each search runs in a process
and a folder of its own, in turn, and printed are medians and the paired ratio to the
first.
"""

import os
import subprocess
import sys
import time
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
# n_jobs, threads of torch in each worker
SETTINGS = {
    "one process, all cores": (1, N_CORES),
    "one process, one thread": (1, 1),
    "a worker for each core": (N_CORES, 1),
    "workers that fight": (N_CORES, N_CORES),
}


def search(n_jobs, n_threads):
    """Search, and return seconds and the best cutoff."""
    torch.set_num_threads(n_threads)
    X, y = make_classification(6000, 20, weights=[0.9], random_state=0)
    with TemporaryDirectory() as folder:
        net = BinaryNetClassifier(max_epochs=8, memory=folder, random_state=0)
        grid = GridSearchCV(net, GRID, scoring="f1", cv=3, n_jobs=n_jobs)
        start = time.perf_counter()
        with joblib.parallel_config("loky", inner_max_num_threads=n_threads):
            grid.fit(X, y)
        return time.perf_counter() - start, grid.best_score_


def searched(n_jobs, n_threads):
    """Search in a process of its own, in which no thread pool has been made yet."""
    run = subprocess.run(
        [sys.executable, __file__, str(n_jobs), str(n_threads)],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"},
    )
    return [float(value) for value in run.stdout.split()]


def main():
    if len(sys.argv) == 3:
        print(*search(*map(int, sys.argv[1:])))
        return
    runs = np.array(
        [
            [searched(*setting) for setting in SETTINGS.values()]
            for _ in range(N_REPETITIONS)
        ]
    )
    times, scores = runs[..., 0], runs[..., 1]
    print(f"{N_CORES} cores; 342 fits, 19 trainings; seconds for the whole search")
    for column, name in enumerate(SETTINGS):
        ratios = times[:, column] / times[:, 0]
        print(
            f"{name:<26}{np.median(times[:, column]):8.1f}"
            f"{np.median(ratios):8.2f} ({ratios.min():.2f}-{ratios.max():.2f})"
            f"    best F1 {scores[0, column]:.3f}"
        )


if __name__ == "__main__":
    main()
