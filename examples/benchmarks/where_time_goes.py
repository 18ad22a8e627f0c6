"""
Where the time of a prediction goes
===================================

One row and 1,000 rows are predicted with a single hidden layer of 64 units, the network
for which everything but the network counts most. Each line is one call:

- ``raw``: the module under ``torch.inference_mode``, and the sigmoid,
- ``infer``: skorch's call of the module, padded to whole blocks of rows,
- ``forward_iter``: skorch's loop over batches, on rows that have been admitted,
- ``get_dataset``: admission alone, most of it scikit-learn's ``validate_data``,
- ``predict_proba``: all of it, with the columns in the order of ``classes_``.

``MLPClassifier`` and, where onnxruntime is installed, `load_onnx` are compared. Run it
with ``OMP_NUM_THREADS=1 python examples/benchmarks/where_time_goes.py``; it takes
seconds. The numbers are medians in microseconds.
"""

import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import validate_data
from torch import nn

from skbin import BinaryNetClassifier, export_onnx, load_onnx

N_CALLS = 1000


class OneLayer(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, X):
        return self.layers(X)


def median_time(call):
    call()
    times = []
    for _ in range(N_CALLS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e6 * np.median(times)


def calls(net, mlp, rows):
    module = net.module_
    tensor = torch.from_numpy(rows)
    dataset = net.get_dataset(rows)

    def raw():
        with torch.inference_mode():
            return torch.sigmoid(module(torch.from_numpy(rows))).numpy()

    def infer():
        with torch.inference_mode():
            return net.infer(tensor)

    found = {
        "raw": raw,
        "infer": infer,
        "forward_iter": lambda: list(net.forward_iter(dataset)),
        "validate_data": lambda: validate_data(net, rows, reset=False),
        "get_dataset": lambda: net.get_dataset(rows),
        "predict_proba": lambda: net.predict_proba(rows),
        "MLPClassifier": lambda: mlp.predict_proba(rows),
    }
    if find_spec("onnxruntime"):
        with tempfile.TemporaryDirectory() as folder:
            export_onnx(net, Path(folder, "net.onnx"))
            served = load_onnx(Path(folder, "net.onnx"))
        found["load_onnx"] = lambda: served.predict_proba(rows)
    return found


def main():
    torch.set_num_threads(1)
    X, y = make_classification(2000, 30, weights=[0.9], random_state=0)
    X = X.astype(np.float32)
    net = BinaryNetClassifier(OneLayer, max_epochs=1, random_state=0).fit(X, y)
    mlp = MLPClassifier(64, max_iter=5, early_stopping=True).fit(X, y)
    sizes = (1, 1000)
    columns = [
        {name: median_time(call) for name, call in calls(net, mlp, X[:n]).items()}
        for n in sizes
    ]
    print(f"{'microseconds':<16}" + "".join(f"{n:>8} rows" for n in sizes))
    for name in columns[0]:
        print(f"{name:<16}" + "".join(f"{column[name]:>13.0f}" for column in columns))


if __name__ == "__main__":
    main()
