"""
A search and a cross-fit on two workers: joblib, Dask, Ray
==========================================================

This times a ``GridSearchCV`` of four learning rates in two folds, eight fits and a
final one on all rows, and a ``CrossFitClassifier`` with four folds: in this process
only, and with two workers of joblib itself, of Dask and of Ray, on this machine.

"start" is the time of the first tiny fit, including the cluster and the imports in the
workers; "main" is the processor time of the main process without its workers. More
workers do not shorten it: in the search it includes the final fit.

Run it with ``python examples/benchmarks/two_workers.py`` on two idle cores. Each
setting runs in a separate process, in turn; the script prints medians, and the speed-up
over a single process with its range.
"""

import os
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import joblib
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from skbin import BinaryNetClassifier, CrossFitClassifier, DenseNet

N_REPETITIONS = 1
# what runs the workers, and how many of them
SETTINGS = {"one process": ("none", 1), "joblib, two workers": ("loky", 2)}
if find_spec("distributed"):
    SETTINGS["Dask, two workers"] = ("dask", 2)
if find_spec("ray"):
    SETTINGS["Ray, two workers"] = ("ray", 2)


@contextmanager
def workers(backend, n_workers):
    """Let joblib use them."""
    with ExitStack() as stack:
        if backend == "dask":
            from distributed import Client, LocalCluster

            cluster = LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address=None
            )
            stack.enter_context(cluster)
            stack.enter_context(Client(cluster))
        if backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False)
            stack.callback(ray.shutdown)
            register_ray()
        if backend != "none":
            stack.enter_context(joblib.parallel_config(backend, n_jobs=n_workers))
        yield


def make_net(max_epochs):
    return BinaryNetClassifier(
        DenseNet,
        module__n_members=1,
        module__n_bins=16,
        max_epochs=max_epochs,
        random_state=0,
    )


def make_search(max_epochs):
    grid = {"lr": [0.0005, 0.001, 0.002, 0.004]}
    return GridSearchCV(make_net(max_epochs), grid, scoring="average_precision", cv=2)


def make_cross_fit(max_epochs):
    return CrossFitClassifier(make_net(max_epochs), cv=4, cutoff="f1", random_state=0)


def measure(backend, n_workers):
    """Give seconds of the start, then seconds and the main process's of each fit."""
    torch.set_num_threads(1)
    X, y = make_classification(8000, 20, weights=[0.95], random_state=0)
    start = time.perf_counter()
    with workers(backend, n_workers):
        make_cross_fit(1).fit(X[:1000], y[:1000])
        found = [time.perf_counter() - start]
        for model in (make_search(12), make_cross_fit(18)):
            start, start_of_cpu = time.perf_counter(), time.process_time()
            model.fit(X, y)
            found.append(time.perf_counter() - start)
            found.append(time.process_time() - start_of_cpu)
    return found


def measured(setting):
    """Measure in a process of its own."""
    run = subprocess.run(
        [sys.executable, __file__, *map(str, setting)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return [float(value) for value in run.stdout.splitlines()[-1].split()]


def main():
    if len(sys.argv) == 3:
        warnings.simplefilter("ignore")
        print(*measure(sys.argv[1], int(sys.argv[2])))
        return
    runs = np.array(
        [
            [measured(setting) for setting in SETTINGS.values()]
            for _ in range(N_REPETITIONS)
        ]
    )
    print(f"{joblib.cpu_count()} cores, load {os.getloadavg()[1]:.1f}; seconds\n")
    print(f"{'':<22}{'start':>6}", end="")
    for name in ("search", "cross-fit"):
        print(f"{name:>12}{'main':>6}{'speed-up':>19}", end="")
    print()
    for column, name in enumerate(SETTINGS):
        start, *found = np.median(runs[:, column], axis=0)
        print(f"{name:<22}{start:6.1f}", end="")
        for place in (0, 2):
            ratios = runs[:, 0, 1 + place] / runs[:, column, 1 + place]
            print(
                f"{found[place]:12.1f}{found[place + 1]:6.1f}"
                f"{np.median(ratios):7.2f} ({ratios.min():.2f}-{ratios.max():.2f})",
                end="",
            )
        print()


if __name__ == "__main__":
    main()
