"""
Time of a choice among millions of scores
=========================================

`select_threshold` considers every distinct score. This prints its time for 10,000 to
10,000,000 scores, with and without its 200 bootstrap replicates, next to the time that
NumPy needs to sort the same scores, and the exponent of the growth from each size to
the next (1 is linear).

Run it with ``python examples/benchmarks/threshold_speed.py``; it takes half a minute.
"""

import time

import numpy as np

from skbin import select_threshold

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


def make_scores(n):
    generator = np.random.default_rng(0)
    y = generator.random(n) < 0.01
    z = generator.normal(size=n) + 2 * y - 3
    return y, 1 / (1 + np.exp(-z))


def seconds(function, *args, **kwargs):
    start = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - start


def main():
    select_threshold(*make_scores(1000), n_bootstraps=0)  # warm up
    print(f"{'scores':>12}{'choice':>9}{'with interval':>15}{'sort':>8}{'growth':>8}")
    before = None
    for n in SIZES:
        y, score = make_scores(n)
        repetitions = 1 if n == SIZES[-1] else 3
        alone, whole, sort = (
            np.median([seconds(function, *args, **kwargs) for _ in range(repetitions)])
            for function, args, kwargs in [
                (select_threshold, (y, score), {"n_bootstraps": 0}),
                (select_threshold, (y, score), {"random_state": 0}),
                (np.sort, (score,), {}),
            ]
        )
        growth = "" if before is None else f"{np.log10(alone / before):.2f}"
        print(f"{n:>12,}{alone:>8.2f}s{whole:>14.2f}s{sort:>7.2f}s{growth:>8}")
        before = alone


if __name__ == "__main__":
    main()
