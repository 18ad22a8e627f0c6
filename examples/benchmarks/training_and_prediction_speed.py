"""
How fast: training, prediction, import and memory, in one table
===============================================================

How much time does the estimator add to the network itself, and how much does it save
compared with plain skorch? For DenseNet (30 columns), the same without embeddings and
with one layer of 64, TableConvNet (64 columns) and TextConvNet (30 token ids, a third
of them padding), this times in turn

- ``skbin``: `BinaryNetClassifier`, the whole of ``fit`` or of ``predict_proba``,
- ``raw``: a PyTorch loop over float32 tensors on the device in its strongest form: a
  fused optimizer, no loader, no number read before the end; on a GPU its step is
  captured as a CUDA graph. Predictions are a forward pass in the batch size that is
  fastest for it,
- ``skorch``: `NeuralNetBinaryClassifier` with its own loader and default callbacks,
- ``MLP``: scikit-learn's `MLPClassifier` with the hidden layers of DenseNet, on the
  same columns.

The first three train the same module by Adam on the same data.

Run it with ``python examples/benchmarks/training_and_prediction_speed.py``; it takes
half an hour on two cores. ``--device cuda`` measures a GPU, and ``--quick`` takes a
minute or two, which is too short for reliable results. At the end it runs
``import_time_and_memory.py``.

It prints median seconds, and the medians of paired ratios with their range in brackets.
Both sides of a ratio are measured one after the other, so that a noisy machine slows
down both. The goals are printed next to the results; the exit status does not depend on
them.
"""

import argparse
import platform
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import import_time_and_memory
import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetBinaryClassifier
from torch import nn

from skbin import BinaryNetClassifier, DenseNet, TableConvNet, TextConvNet

LEARNING_RATE = 0.001
BATCH_SIZES = (128, 512)
DENSE_LAYERS = (256, 256)
N_TOKENS = 5_000
SIDES = ("skbin", "raw", "skorch", "MLP")
TRAINING_GOAL, PREDICTION_GOAL = 1.05, 1.1  # times the raw loop
FC_GOAL = 1.8  # times as fast as plain skorch


class Task(NamedTuple):
    """A network with the sizes that only skbin finds in the data by itself."""

    name: str
    module: type[nn.Module]
    sizes: dict[str, int]
    n_columns: int
    parameters: dict[str, Any]


TASKS = (
    Task("DenseNet", DenseNet, {"n_features": 30}, 30, {}),
    Task(
        "FC, one layer",
        DenseNet,
        {"n_features": 30},
        30,
        {"hidden_units": (64,), "n_bins": 0},
    ),
    Task("TableConvNet", TableConvNet, {"n_features": 64}, 64, {}),
    Task("TextConvNet", TextConvNet, {"vocab_size": N_TOKENS}, 30, {}),
)


def make_data(task, n_rows):
    """Draw Gaussian columns, or token ids, and label them by a linear rule."""
    generator = np.random.default_rng(0)
    if task.module is TextConvNet:
        X = generator.integers(1, N_TOKENS, size=(n_rows, task.n_columns))
        lengths = generator.integers(10, task.n_columns + 1, size=(n_rows, 1))
        X[np.arange(task.n_columns) >= lengths] = 0
        X[0, 0] = N_TOKENS - 1  # the largest id determines the size of the vocabulary
        return X, (X[:, 0] > N_TOKENS // 2).astype(np.int64)
    X = generator.standard_normal((n_rows, task.n_columns), dtype=np.float32)
    coefficients = generator.standard_normal(task.n_columns, dtype=np.float32)
    return X, (X @ coefficients > 0).astype(np.int64)


def below(part, parameters):
    """Parameters under the name that skorch gives them."""
    return {f"{part}__{name}": value for name, value in parameters.items()}


def train_skbin(task, X, y, batch_size, options):
    return BinaryNetClassifier(
        task.module,
        lr=LEARNING_RATE,
        max_epochs=options.max_epochs,
        batch_size=batch_size,
        random_state=0,
        device=options.device,
        **below("module", task.parameters),
    ).fit(X, y)


def train_raw(task, X, y, batch_size, options):
    device = options.device
    network = task.module(**task.sizes, **task.parameters).train()
    network.prepare(torch.from_numpy(X[:10_000]), base_logit=None)
    network = network.to(device)
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=LEARNING_RATE,
        fused=True,
        capturable=device != "cpu",
    )
    step = training_step(network, optimizer)
    X = torch.from_numpy(X).to(device)
    y = torch.from_numpy(y.astype(np.float32)).to(device)
    if device != "cpu":
        step = captured(step, X[:batch_size], y[:batch_size])
    for _ in range(options.max_epochs):
        permutation = torch.randperm(len(X)).to(device)
        for index in permutation.split(batch_size):
            # index_select, because it is faster than X[index] on a CPU.
            step(X.index_select(0, index), y.index_select(0, index))
    wait_for(device)
    return network


def training_step(network, optimizer):
    criterion = nn.BCEWithLogitsLoss()

    def step(X, y):
        optimizer.zero_grad()
        criterion(network(X), y).backward()
        optimizer.step()

    return step


def captured(step, X, y):
    """Capture the step as a CUDA graph, and leave it for the shorter last batch.

    As in https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
    """
    static_X, static_y = X.clone(), y.clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step(static_X, static_y)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(static_X, static_y)

    def replay(X, y):
        if len(X) != len(static_X):
            step(X, y)
            return
        static_X.copy_(X)
        static_y.copy_(y)
        graph.replay()

    return replay


def train_skorch(task, X, y, batch_size, options):
    return NeuralNetBinaryClassifier(
        task.module,
        **below("module", task.sizes | task.parameters),
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        max_epochs=options.max_epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        device=options.device,
    ).fit(X, y.astype(np.float32))


def train_mlp(task, X, y, batch_size, options):
    model = MLPClassifier(
        task.parameters.get("hidden_units", DENSE_LAYERS),
        batch_size=batch_size,
        max_iter=options.max_epochs,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def predict_raw(network, X, batch_size, device):
    """Probability of the positive class, NumPy in and NumPy out."""
    with torch.inference_mode():
        parts = torch.from_numpy(X).to(device).split(batch_size)
        return torch.cat([torch.sigmoid(network(part)) for part in parts]).cpu().numpy()


def wait_for(device):
    if device != "cpu":
        torch.cuda.synchronize()


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def time_in_turn(functions, n_repetitions, warm_up=True):
    """Seconds of shape (n_repetitions, n_functions), after a round to warm up."""
    for function in functions if warm_up else []:
        function()
    return np.array(
        [[seconds(function) for function in functions] for _ in range(n_repetitions)]
    )


def fastest_batch_size(network, X, device):
    """Batch size at which the raw forward pass is fastest."""
    X = X[:50_000]
    batch_sizes = [size for size in (256, 512, 1024, 4096, 16384) if size < len(X)]
    batch_sizes.append(len(X))
    functions = [
        lambda size=size: predict_raw(network, X, size, device) for size in batch_sizes
    ]
    # The faster of two rounds was warmed up.
    times = [[seconds(function) for function in functions] for _ in range(2)]
    return batch_sizes[np.min(times, axis=0).argmin()]


def trainers(task):
    sides = [train_skbin, train_raw, train_skorch]
    # Token ids are not columns, so an MLP is no peer for them.
    return sides if task.module is TextConvNet else [*sides, train_mlp]


def compare_training(task, batch_size, options):
    X, y = make_data(task, options.n_rows)
    times = time_in_turn(
        [
            lambda train=train: train(task, X, y, batch_size, options)
            for train in trainers(task)
        ],
        options.n_repetitions,
    )
    name = f"{task.name} fit, batches of {batch_size}"
    print_row(name, times, TRAINING_GOAL)


def compare_prediction(task, options):
    X, y = make_data(task, options.n_rows)
    once = argparse.Namespace(max_epochs=1, device=options.device)
    ours, _, *others = (train(task, X, y, 128, once) for train in trainers(task))
    network = ours.module_.eval()
    X, _ = make_data(task, options.n_predicted_rows)
    batch_size = fastest_batch_size(network, X, options.device)
    # Times are comparable only if both compute the same.
    np.testing.assert_allclose(
        ours.predict_proba(X[:5000])[:, 1],
        predict_raw(network, X[:5000], batch_size, options.device),
        atol=1e-5,
    )
    for n_rows, n_calls in [(len(X), 1), (1000, 50), (1, 300)]:
        rows = X[:n_rows]
        predictions = [
            lambda rows=rows: ours.predict_proba(rows),
            lambda rows=rows: predict_raw(network, rows, batch_size, options.device),
            *[lambda rows=rows, net=net: net.predict_proba(rows) for net in others],
        ]
        times = time_in_turn(
            [lambda f=f, n=n_calls: repeated(f, n) for f in predictions],
            options.n_repetitions,
            warm_up=n_calls > 1,
        )
        name = f"{task.name} {n_calls} x {n_rows:,} rows"
        print_row(name, times, PREDICTION_GOAL)


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
        f"{processor_name()}"
        + (f", {torch.cuda.get_device_name()}" if options.device != "cpu" else "")
        + f"\nfit: {options.n_rows:,} rows, {options.max_epochs} epochs; "
        f"{options.n_repetitions} repetitions after one to warm up\n\n"
        f"{'median seconds':<35}"
        + "".join(f"{side:>9}" for side in SIDES)
        + f"{'skbin / raw':>19}{'goal':>9}{'skorch / skbin':>20}{'MLP / skbin':>20}"
    )


def print_row(name, times, goal):
    medians = [f"{seconds:9.3f}" for seconds in np.median(times, axis=0)]
    ours = times[:, 0]
    ratios = [ratio_with_range(times[:, i] / ours) for i in range(2, times.shape[1])]
    print(
        f"{name:<35}{''.join(medians):<36}{ratio_with_range(ours / times[:, 1]):>19}"
        f"{f'<= {goal}':>9}" + "".join(f"{ratio:>20}" for ratio in ratios),
        flush=True,
    )


def ratio_with_range(ratios):
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few rows, two epochs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repetitions", type=int, default=3, dest="n_repetitions")
    parser.add_argument("--epochs", type=int, default=4, dest="max_epochs")
    parser.add_argument("--task", help="one of the networks, such as 'FC, one layer'")
    parser.set_defaults(n_rows=20_000, n_predicted_rows=1_000_000)
    options = parser.parse_args()
    if options.quick:
        options.n_rows, options.n_predicted_rows = 4_000, 20_000
        options.n_repetitions = options.max_epochs = 2
    return options


def main():
    options = parse_options()
    print_head(options)
    for task in TASKS:
        if options.task not in (None, task.name):
            continue
        for batch_size in BATCH_SIZES:
            compare_training(task, batch_size, options)
        compare_prediction(task, options)
    print(
        f"\nFurther goals: DenseNet trains at least {FC_GOAL} times as fast as plain "
        "skorch;\none row takes no longer than MLP (MLP / skbin >= 1).\n"
    )
    import_time_and_memory.main()


if __name__ == "__main__":
    main()
