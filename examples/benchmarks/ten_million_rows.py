"""
Ten million rows, from a mapped file and from Parquet
=====================================================

Writes ten columns of ten million rows into a temporary folder, once as a file for
``numpy.load(..., mmap_mode="r")``, and once as a Parquet dataset with missing values
and a column of strings. A separate process for each of these cases trains a small
``DenseNet`` for one pass, and predicts all rows chunk by chunk:

- ``fit`` of the mapped file,
- ``partial_fit`` of Parquet, a chunk of 100,000 rows at a time,
- ``fit`` of the whole Parquet dataset as one table, for comparison.

Memory is sampled from ``/proc`` (Linux), above what the process held after its imports:
"own" is what it has allocated itself; "with file" also counts the pages of mapped
files, which the operating system drops when other processes need the memory. Rows per
second are based on processor time, which other processes affect less.

Run it with ``python examples/benchmarks/ten_million_rows.py``; it takes ten to twenty
minutes, 1.2 GB of disk and, for the comparison, 4 GB of memory. ``--rows 1000000``
takes a tenth of all of these.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import torch
from scipy.special import expit
from sklearn.metrics import average_precision_score

from skbin import BinaryNetClassifier, DenseNet

N_COLUMNS = 10
ROWS_PER_FILE = 500_000
ROWS_PER_CHUNK = 100_000
MISSING = 0.2
BYTES_PER_ROW = 120  # both forms, and room to spare
CASES = {
    "mapped": "mapped file, fit",
    "chunks": "Parquet, partial_fit",
    "whole": "Parquet as one table, fit",
}


# ---- the data


def draw_rows(number, n_rows):
    """Draw a part of the table: columns, labels, and the probability of each label."""
    generator = np.random.default_rng(number)
    X = generator.standard_normal((n_rows, N_COLUMNS), dtype=np.float32)
    logit = 2 * X[:, 0] + 2 * X[:, 1] * X[:, 2] + 2 * np.abs(X[:, 3]) - 10.4
    probability = expit(logit)
    return X, (generator.random(n_rows) < probability).astype(np.int8), probability


def as_table(X, y, number):
    """Leave cells out; strings say roughly what the first column holds."""
    generator = np.random.default_rng([number, 1])
    columns = {
        f"x{place}": pa.array(column, mask=generator.random(len(y)) < MISSING)
        for place, column in enumerate(X.T)
    }
    level = np.clip(np.round(4 * X[:, 0]), -8, 8).astype(int)
    return pa.table({**columns, "level": level.astype(str), "y": y})


def write(folder, n_rows):
    """Write both forms part by part; print what they weigh and what can be reached."""
    mapped = [
        np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n_rows, 10)),
        np.lib.format.open_memmap(folder / "y.npy", "w+", np.int8, (n_rows,)),
        np.lib.format.open_memmap(folder / "p.npy", "w+", np.float32, (n_rows,)),
    ]
    (folder / "parquet").mkdir()
    n_bytes = 0
    for number, start in enumerate(range(0, n_rows, ROWS_PER_FILE)):
        stop = min(start + ROWS_PER_FILE, n_rows)
        parts = draw_rows(number, stop - start)
        for file, part in zip(mapped, parts, strict=True):
            file[start:stop] = part
        table = as_table(*parts[:2], number)
        n_bytes += table.nbytes
        pq.write_table(
            table,
            folder / "parquet" / f"part-{number:03}.parquet",
            row_group_size=ROWS_PER_CHUNK,
        )
    for file in mapped:
        file.flush()
    _, y, probability = mapped
    best = average_precision_score(y, probability)
    on_disk = sum(file.stat().st_size for file in (folder / "parquet").iterdir())
    print(f"{n_rows:,} rows, {y.mean():.2%} positives, {N_COLUMNS} columns of float32")
    print(f"mapped file: {megabytes((folder / 'X.npy').stat().st_size)}")
    print(f"Parquet: {megabytes(on_disk)}, as a table {megabytes(n_bytes)}")
    print(f"average precision of the true probabilities: {best:.3f}\n", flush=True)


def chunks_of(folder):
    """Read a Parquet dataset chunk by chunk: one as a table, and its labels."""
    # File by file: to_batches of the dataset itself reads many chunks ahead.
    for file in ds.dataset(folder / "parquet").files:
        parts = pq.ParquetFile(file).iter_batches(ROWS_PER_CHUNK, use_threads=False)
        for part in parts:
            yield split_labels(pa.Table.from_batches([part]))


def split_labels(table):
    return table.drop_columns("y"), table["y"].to_numpy()


def open_mapped(folder, name):
    return np.load(folder / f"{name}.npy", mmap_mode="r")


# ---- training and predicting


def make_net():
    return BinaryNetClassifier(
        DenseNet,
        module__n_members=1,
        module__n_bins=16,
        module__hidden_units=(64, 64),
        max_epochs=1,
        batch_size=1024,
        random_state=0,
    )


def fit_mapped(folder):
    return make_net().fit(open_mapped(folder, "X"), open_mapped(folder, "y"))


def fit_chunks(folder):
    net = make_net()
    for X, y in chunks_of(folder):
        net.partial_fit(X, y, classes=[0, 1])
    return net


def fit_whole(folder):
    return make_net().fit(*split_labels(ds.dataset(folder / "parquet").to_table()))


FITS = {
    "mapped": fit_mapped,
    "chunks": fit_chunks,
    "whole": fit_whole,
}


def predict(net, folder, case):
    """Predict all rows by chunks; one number a row is all that is kept."""
    if case == "mapped":
        X = open_mapped(folder, "X")
        chunks = (X[i : i + ROWS_PER_CHUNK] for i in range(0, len(X), ROWS_PER_CHUNK))
    else:
        chunks = (X for X, _ in chunks_of(folder))
    # Predictions are written to a file as well.
    n_rows = len(open_mapped(folder, "y"))
    scores = np.lib.format.open_memmap(
        folder / f"{case}.npy", "w+", np.float32, (n_rows,)
    )
    start = 0
    for chunk in chunks:
        scores[start : start + len(chunk)] = net.predict_proba(chunk)[:, 1]
        start += len(chunk)
    return scores


class PeakMemory:
    """Sample what this process holds, above what it holds now."""

    def __enter__(self):
        self.before = np.array(self.now())
        self.peak = self.before
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()
        return self

    def sample(self):
        while not self.is_over.wait(0.01):
            self.peak = np.maximum(self.peak, self.now())

    @staticmethod
    def now():
        """Bytes of its own, and with pages of mapped files."""
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return [int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "VmRSS")]

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        self.own, self.with_file = self.peak - self.before


def run(case, folder):
    """Train and predict, and print a line for each of them."""
    torch.set_num_threads(1)
    y = open_mapped(folder, "y")
    net, *spent = measured(lambda: FITS[case](folder))
    report(CASES[case], len(y), *spent)
    scores, *spent = measured(lambda: predict(net, folder, case))
    found = average_precision_score(y, scores)
    report("    predict_proba", len(y), *spent, f"{found:12.3f}")


def measured(function):
    """Give its result, seconds, seconds of the processor, and peak memory."""
    with PeakMemory() as memory:
        start, start_of_cpu = time.perf_counter(), time.process_time()
        result = function()
        seconds = time.perf_counter() - start
        cpu = time.process_time() - start_of_cpu
    return result, seconds, cpu, memory


def report(name, n_rows, seconds, cpu, memory, more=""):
    print(
        f"{name:<28}{seconds:8.0f}{cpu:8.0f}{n_rows / cpu:10,.0f}"
        f"{megabytes(memory.own):>10}{megabytes(memory.with_file):>11}{more}",
        flush=True,
    )


def megabytes(n_bytes):
    return f"{n_bytes / 1e6:,.0f} MB"


def require_room(folder, n_rows):
    free, needed = shutil.disk_usage(folder).free, BYTES_PER_ROW * n_rows
    if free < needed:
        sys.exit(
            f"{folder} has {megabytes(free)} free, and {megabytes(needed)} needed."
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # for children
    options = parser.parse_args()
    if options.folder is not None:
        run(options.cases[0], options.folder)
        return
    with TemporaryDirectory() as name:
        require_room(name, options.rows)
        write(Path(name), options.rows)
        print(
            f"{'':<28}{'seconds':>8}{'of CPU':>8}{'rows/s':>10}{'own':>10}"
            f"{'with file':>11}{'avg. prec.':>12}",
            flush=True,
        )
        for case in options.cases:
            subprocess.run(
                [sys.executable, __file__, "--cases", case, "--folder", name],
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )


if __name__ == "__main__":
    main()
