"""
Time of training and prediction against a raw loop and plain skorch
===================================================================

How much time does the estimator add to the network itself? For DenseNet (30 columns),
ConvNet (64 columns) and TextConvNet (30 token ids, a third of them padding), with
batches of 128 and 512 rows, this compares

- ``skbin``: `BinaryNetClassifier`, the whole of ``fit``,
- ``raw``: a PyTorch loop over float32 tensors in its strongest form, with neither a
  loader nor a record of the loss, from the making of the network to the last step,
- ``skorch``: `NeuralNetBinaryClassifier` with its own loader and default callbacks,

all with the same module, Adam, and data. Then it compares ``predict_proba`` of 1, of
1,000 and of many rows with a raw forward pass, at the batch size that is fastest for
it, and with skorch's. Of one row scikit-learn's `MLPClassifier` with the hidden layers
of DenseNet is the peer in place of the raw pass.

Run it with ``python examples/benchmarks/training_and_prediction_speed.py``, which takes
a few minutes; ``--quick`` takes seconds and is too short to judge by.

Printed are the median seconds of each, and the median of the ratios to the raw loop
with their range in brackets. The three are timed in turn and a ratio is always one of
neighbours, so that a noisy machine slows down both of its sides. The goals stand beside
the results; the exit status does not depend on them.
"""

import argparse
import platform
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetBinaryClassifier
from torch import nn

from skbin import BinaryNetClassifier, ConvNet, DenseNet, TextConvNet

LEARNING_RATE = 0.001
BATCH_SIZES = (128, 512)
N_TOKENS = 5_000
TRAINING_GOAL = 1.15
PREDICTION_GOAL = 1.3


class Task(NamedTuple):
    """A network with the sizes that only skbin finds in the data by itself."""

    module: type[nn.Module]
    sizes: dict[str, int]
    n_columns: int


TASKS = (
    Task(DenseNet, {"n_features": 30}, 30),
    Task(ConvNet, {"n_channels": 1, "length": 64, "has_channels": False}, 64),
    Task(TextConvNet, {"vocab_size": N_TOKENS}, 30),
)


def make_data(task, n_rows):
    """Draw Gaussian columns, or token ids, and label them by a linear rule."""
    generator = np.random.default_rng(0)
    if task.module is TextConvNet:
        X = generator.integers(1, N_TOKENS, size=(n_rows, task.n_columns))
        lengths = generator.integers(10, task.n_columns + 1, size=(n_rows, 1))
        X[np.arange(task.n_columns) >= lengths] = 0
        X[0, 0] = N_TOKENS - 1  # the largest id tells the size of the vocabulary
        return X, (X[:, 0] > N_TOKENS // 2).astype(np.int64)
    X = generator.standard_normal((n_rows, task.n_columns), dtype=np.float32)
    coefficients = generator.standard_normal(task.n_columns, dtype=np.float32)
    return X, (X @ coefficients > 0).astype(np.int64)


def train_skbin(task, X, y, batch_size, max_epochs):
    return BinaryNetClassifier(
        task.module,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        max_epochs=max_epochs,
        batch_size=batch_size,
        random_state=0,
    ).fit(X, y)


def train_raw(task, X, y, batch_size, max_epochs):
    network = task.module(**task.sizes).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    criterion = nn.BCEWithLogitsLoss()
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    for _ in range(max_epochs):
        permutation = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            index = permutation[start : start + batch_size]
            optimizer.zero_grad()
            # index_select, because it is faster than X[index] on a CPU.
            output = network(X.index_select(0, index))
            criterion(output, y.index_select(0, index)).backward()
            optimizer.step()
    return network


def train_skorch(task, X, y, batch_size, max_epochs):
    sizes = {f"module__{name}": size for name, size in task.sizes.items()}
    return NeuralNetBinaryClassifier(
        task.module,
        **sizes,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    ).fit(X, y)


def predict_raw(network, X, batch_size):
    """Probability of the positive class, NumPy in and NumPy out."""
    with torch.inference_mode():
        parts = torch.from_numpy(X).split(batch_size)
        return torch.cat([torch.sigmoid(network(part)) for part in parts]).numpy()


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def time_in_turn(functions, n_repetitions):
    """Seconds of shape (n_repetitions, n_functions), after a round to warm up."""
    for function in functions:
        function()
    return np.array(
        [[seconds(function) for function in functions] for _ in range(n_repetitions)]
    )


def fastest_batch_size(network, X):
    """Batch size at which the raw forward pass is fastest."""
    batch_sizes = [size for size in (512, 1024, 4096, 16384) if size < len(X)]
    batch_sizes.append(len(X))
    functions = [
        lambda size=size: predict_raw(network, X, size) for size in batch_sizes
    ]
    # The faster of two rounds is one that was warm.
    times = [[seconds(function) for function in functions] for _ in range(2)]
    return batch_sizes[np.min(times, axis=0).argmin()]


def compare_training(task, batch_size, options):
    X, y = make_data(task, options.n_rows)
    y_float = y.astype(np.float32)  # the type that their loss takes, made beforehand
    setting = (batch_size, options.max_epochs)
    times = time_in_turn(
        [
            lambda: train_skbin(task, X, y, *setting),
            lambda: train_raw(task, X, y_float, *setting),
            lambda: train_skorch(task, X, y_float, *setting),
        ],
        options.n_repetitions,
    )
    print_row(
        f"{task.module.__name__} fit, batches of {batch_size}", times, TRAINING_GOAL
    )


def compare_prediction(task, options):
    X, y = make_data(task, options.n_rows)
    ours = train_skbin(task, X, y, 128, 1)
    plain = train_skorch(task, X, y.astype(np.float32), 128, 1)
    X, _ = make_data(task, options.n_predicted_rows)
    network = ours.module_.eval()
    batch_size = fastest_batch_size(network, X)
    # A comparison of times is worth nothing if the two compute different things.
    np.testing.assert_allclose(
        ours.predict_proba(X)[:, 1], predict_raw(network, X, batch_size), atol=1e-5
    )
    times = time_in_turn(
        [
            lambda: ours.predict_proba(X),
            lambda: predict_raw(network, X, batch_size),
            lambda: plain.predict_proba(X),
        ],
        options.n_repetitions,
    )
    name = f"{task.module.__name__} predict_proba (raw: {batch_size})"
    print_row(name, times, PREDICTION_GOAL)
    X = X[:1000]
    times = time_in_turn(
        [
            lambda: repeated(lambda: ours.predict_proba(X), 50),
            lambda: repeated(lambda: predict_raw(network, X, 1000), 50),
            lambda: repeated(lambda: plain.predict_proba(X), 50),
        ],
        options.n_repetitions,
    )
    print_row(f"{task.module.__name__} 50 times 1,000 rows", times, PREDICTION_GOAL)


def compare_one_row(options):
    """One row at a time, as a service asks for it; in place of raw, MLPClassifier."""
    task = TASKS[0]
    X, y = make_data(task, options.n_rows)
    ours = train_skbin(task, X, y, 128, 1)
    plain = train_skorch(task, X, y.astype(np.float32), 128, 1)
    linears = [m for m in ours.module_.modules() if isinstance(m, nn.Linear)]
    widths = [linear.out_features for linear in linears]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer = MLPClassifier(widths[:-1], max_iter=1).fit(X, y)
    row = X[:1]
    times = time_in_turn(
        [
            lambda model=model: repeated(lambda: model.predict_proba(row), 300)
            for model in (ours, peer, plain)
        ],
        options.n_repetitions,
    )
    print_row("DenseNet 300 times one row (raw: MLP)", times, 1)


def repeated(function, times):
    for _ in range(times):
        function()


def processor_name():
    """Name of the CPU, where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def print_head(options):
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{processor_name()}\n"
        f"fit: {options.n_rows} rows, {options.max_epochs} epochs; "
        f"predict_proba: {options.n_predicted_rows} rows; "
        f"{options.n_repetitions} repetitions\n\n"
        f"{'median seconds':<38}{'skbin':>8}{'raw':>8}{'skorch':>8}"
        f"{'skbin / raw':>20}{'goal':>8}{'skorch / raw':>22}"
    )


def print_row(name, times, goal):
    ours, raw, plain = np.median(times, axis=0)
    print(
        f"{name:<38}{ours:8.3f}{raw:8.3f}{plain:8.3f}"
        f"{ratio_with_range(times[:, 0] / times[:, 1]):>20}{f'<= {goal}':>8}"
        f"{ratio_with_range(times[:, 2] / times[:, 1]):>22}",
        flush=True,
    )


def ratio_with_range(ratios):
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rows, two epochs, two repetitions"
    )
    parser.add_argument("--repetitions", type=int, default=5, dest="n_repetitions")
    parser.add_argument("--epochs", type=int, default=4, dest="max_epochs")
    parser.set_defaults(n_rows=20_000, n_predicted_rows=200_000)
    options = parser.parse_args()
    if options.quick:
        options.n_rows, options.n_predicted_rows = 4_000, 20_000
        options.n_repetitions = options.max_epochs = 2
    return options


def main():
    options = parse_options()
    print_head(options)
    for task in TASKS:
        for batch_size in BATCH_SIZES:
            compare_training(task, batch_size, options)
        compare_prediction(task, options)
    compare_one_row(options)


if __name__ == "__main__":
    main()
