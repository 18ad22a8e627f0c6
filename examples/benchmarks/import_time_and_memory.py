"""
Time of the import, and peak memory of a fit
============================================

What does skbin add to the packages that it depends on? Each import runs in a separate
process, in turn; the script prints medians, and the median of the paired ratios with
its range. Then a separate process trains DenseNet for one epoch on a float32 X, and
another one only imports skbin and makes X: the difference of their peak memory is what
``fit`` needs in addition to X. The goal is one float32 copy and a constant. A raw
PyTorch loop over X shows how much of the constant is due to torch.

Run it with ``python examples/benchmarks/import_time_and_memory.py``, on Linux.
"""

import subprocess
import sys

import numpy as np

IMPORTS = {
    "skbin": "import skbin",
    "what it stands on": "import torch, sklearn, skorch",
}
N_REPETITIONS = 7
TIMED = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
MAKE = """
import numpy as np
from skbin import BinaryNetClassifier, DenseNet
rng = np.random.default_rng(0)
X = rng.standard_normal(({n_rows}, 50), dtype=np.float32)
y = (X[:, 0] > 1).astype(int)
{then}
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
FIT = "BinaryNetClassifier(DenseNet, max_epochs=1, batch_size=4096).fit(X, y)"
RAW_LOOP = """
import torch
network = DenseNet(50)
optimizer = torch.optim.Adam(network.parameters(), fused=True)
criterion = torch.nn.BCEWithLogitsLoss()
X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.float32))
for index in torch.randperm(len(X)).split(4096):
    optimizer.zero_grad()
    criterion(network(X.index_select(0, index)), y.index_select(0, index)).backward()
    optimizer.step()
"""


def printed_by(code):
    """Run code in a process of its own, and read the number that it prints."""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def main():
    printed_by(IMPORTS["skbin"] + "; print(0)")  # warms up the disk's cache
    times = np.array(
        [
            [printed_by(TIMED.format(code)) for code in IMPORTS.values()]
            for _ in range(N_REPETITIONS)
        ]
    )
    for name, median in zip(IMPORTS, np.median(times, axis=0), strict=True):
        print(f"import of {name:<20}{median:8.2f} s")
    ratios = times[:, 0] / times[:, 1]
    print(
        f"ratio {np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f}), "
        "goal <= 1.1\n"
    )
    print("rows           X, MB    fit needs, MB    raw loop, MB    difference / X")
    for n_rows in (10_000, 100_000, 1_000_000, 4_000_000):
        nothing, fit, raw = (
            printed_by(MAKE.format(n_rows=n_rows, then=then)) / 1e3
            for then in ("", FIT, RAW_LOOP)
        )
        size = n_rows * 50 * 4 / 1e6
        print(
            f"{n_rows:<15,}{size:5.0f}{fit - nothing:17.0f}{raw - nothing:16.0f}"
            f"{(fit - raw) / size:18.2f}"
        )


if __name__ == "__main__":
    main()
