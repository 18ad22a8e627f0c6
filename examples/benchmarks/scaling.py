"""
How time grows with rows, columns and filters
=============================================

This trains for one epoch, and predicts, on data of growing size, and fits a line to the
logarithms: its slope is the power with which time grows. The goal is at most 1, linear.
A slope below 1 shows a constant part: the slope of the larger half tells how time grows
further.

Run it with ``python examples/benchmarks/scaling.py``; it takes some minutes and 2 GB of
memory. ``--quick`` stops at a tenth of the largest sizes.
"""

import argparse
import time

import numpy as np

from skbin import BinaryNetClassifier, DenseNet, TableConvNet

N_COLUMNS = 10
N_ROWS = 20_000


def make_data(n_rows, n_columns):
    generator = np.random.default_rng(0)
    X = generator.standard_normal((n_rows, n_columns), dtype=np.float32)
    return X, (X[:, 0] > 1.5).astype(np.int64)


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def fit_and_predict(module, n_rows, n_columns, **parameters):
    """Seconds of one epoch and of predict_proba."""
    X, y = make_data(n_rows, n_columns)
    net = BinaryNetClassifier(
        module, max_epochs=1, batch_size=1024, random_state=0, **parameters
    )
    return seconds(lambda: net.fit(X, y)), seconds(lambda: net.predict_proba(X))


def slope(sizes, times):
    return np.polyfit(np.log(sizes), np.log(times), 1)[0]


def compare(title, sizes, run):
    run(sizes[0])  # warms up
    print(f"\n{title:<24}{'fit, s':>10}{'predict, s':>12}")
    times = []
    for size in sizes:
        # The larger sizes take long enough for one run to stand out from noise.
        times.append(
            np.min([run(size) for _ in range(3 if size < sizes[-1] else 1)], 0)
        )
        print(f"{size:<24}{times[-1][0]:10.2f}{times[-1][1]:12.2f}", flush=True)
    times = np.array(times)
    middle = len(sizes) // 2
    for name, part in [("slope", slice(None)), ("larger half", slice(middle, None))]:
        slopes = [slope(sizes[part], column[part]) for column in times.T]
        print(f"{name:<24}{slopes[0]:10.2f}{slopes[1]:12.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("--quick", action="store_true")
    most = 6 if parser.parse_args().quick else 7
    compare(
        "rows, DenseNet",
        [10**power for power in range(4, most + 1)],
        lambda n_rows: fit_and_predict(DenseNet, n_rows, N_COLUMNS),
    )
    compare(
        "columns, DenseNet",
        [2**power for power in range(3, most + 2)],
        lambda n_columns: fit_and_predict(DenseNet, N_ROWS, n_columns),
    )
    compare(
        "filters, TableConvNet",
        [2**power for power in range(4, most + 3)],
        lambda n_filters: fit_and_predict(
            TableConvNet, N_ROWS, 32, module__num_filters=n_filters
        ),
    )


if __name__ == "__main__":
    main()
