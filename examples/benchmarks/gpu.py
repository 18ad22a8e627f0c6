"""
On a GPU: small networks, large networks, and memory
====================================================

A small network leaves a GPU idle while Python launches its kernels. A large one is
limited by the arithmetic of the GPU, and large data by its memory. This script measures
each limit on a CUDA device:

- **Small networks**: milliseconds per epoch of ``skbin``, of plain ``skorch``, of a
  raw loop, and of a raw loop whose step is captured as a CUDA graph, the strongest form
  known to us. Epochs are timed inside one fit, without the first ones. The same for
  ``compile=True, compile__mode="reduce-overhead"``, which compiles in the first epoch:
  ``wait`` are the seconds until the fourth.
- **Predictions**: the whole of ``predict_proba``, NumPy to NumPy, and the raw pass.
- **A large network**: four layers of 4,096 in float32, TF32 and bfloat16, in TFLOP/s
  (6 operations for each weight and row), as a share of what a product of two square
  matrices of 8,192 reaches in the same precision on the same GPU.
- **Memory**: the peak of the GPU's memory in a fit, in multiples of the rows' size, and
  the time of an epoch whose rows lie on the GPU or do not fit and are streamed.

Run it with ``python examples/benchmarks/gpu.py``; it takes three minutes. bfloat16
needs Accelerate (``pip install "skbin[machines]"``).
"""

import argparse
import gc
import time

import numpy as np
import torch
from accelerate import Accelerator
from skorch import NeuralNetBinaryClassifier
from training_and_prediction_speed import (
    TASKS,
    Task,
    below,
    captured,
    make_data,
    predict_raw,
    time_in_turn,
    training_step,
)

from skbin import AcceleratedBinaryNetClassifier, BinaryNetClassifier, DenseNet

DEVICE = "cuda"
N_ROWS = 20_480  # whole batches of either size
BATCH_SIZES = (128, 512)
N_EPOCHS, N_FIRST = 8, 3
WIDTH, N_LAYERS, N_COLUMNS, LARGE_BATCH = 4_096, 4, 512, 8_192
COMPILED = {"compile": True, "compile__mode": "reduce-overhead"}


def epochs_of(net):
    """Return the median seconds of an epoch, and those before the first one counted."""
    durations = net.history[:, "dur"]
    return np.median(durations[N_FIRST:]), sum(durations[:N_FIRST])


def our_epochs(task, X, y, batch_size, **kwargs):
    net = BinaryNetClassifier(
        task.module,
        max_epochs=N_EPOCHS,
        batch_size=batch_size,
        random_state=0,
        device=DEVICE,
        **below("module", task.parameters),
        **kwargs,
    )
    return epochs_of(net.fit(X, y))


def skorch_epochs(task, X, y, batch_size):
    net = NeuralNetBinaryClassifier(
        task.module,
        **below("module", task.sizes | task.parameters),
        optimizer=torch.optim.Adam,
        max_epochs=N_EPOCHS,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        device=DEVICE,
    )
    return epochs_of(net.fit(X, y.astype(np.float32)))


def raw_network(task, X):
    network = task.module(**task.sizes, **task.parameters).train()
    network.prepare(torch.from_numpy(X[:10_000]), base_logit=None)
    return network.to(DEVICE)


def raw_epochs(task, X, y, batch_size, as_graph=True):
    network = raw_network(task, X)
    optimizer = torch.optim.Adam(network.parameters(), fused=True, capturable=True)
    step = training_step(network, optimizer)
    X = torch.from_numpy(X).to(DEVICE)
    y = torch.from_numpy(y.astype(np.float32)).to(DEVICE)
    if as_graph:
        step = captured(step, X[:batch_size], y[:batch_size])
    durations = []
    for _ in range(N_EPOCHS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for index in torch.randperm(len(X), device=DEVICE).split(batch_size):
            step(X[index], y[index])
        torch.cuda.synchronize()
        durations.append(time.perf_counter() - start)
    return np.median(durations[N_FIRST:]), sum(durations[:N_FIRST])


def compare_small_networks():
    print(
        f"\nms per epoch of {N_ROWS:,} rows\n{'':<32}{'skbin':>9}{'skorch':>9}"
        f"{'raw':>9}{'graph':>9}{'skbin/raw':>11}{'skbin/graph':>13}"
        f"{'skorch/skbin':>14}"
    )
    for task in TASKS:
        X, y = make_data(task, N_ROWS)
        for batch_size in BATCH_SIZES:
            ours, _ = our_epochs(task, X, y, batch_size)
            skorch, _ = skorch_epochs(task, X, y, batch_size)
            raw, _ = raw_epochs(task, X, y, batch_size, as_graph=False)
            graph, _ = raw_epochs(task, X, y, batch_size)
            print(
                f"{f'{task.name}, batches of {batch_size}':<32}{1e3 * ours:9.1f}"
                f"{1e3 * skorch:9.1f}{1e3 * raw:9.1f}{1e3 * graph:9.1f}"
                f"{ours / raw:11.2f}{ours / graph:13.2f}{skorch / ours:14.2f}",
                flush=True,
            )


def compare_compiled():
    print(
        f"\nms per epoch of {N_ROWS:,} rows\n{'':<32}{'compiled':>9}{'graph':>9}"
        f"{'ratio':>9}{'wait, s':>9}"
    )
    for task in TASKS:
        X, y = make_data(task, N_ROWS)
        ours, wait = our_epochs(task, X, y, 512, **COMPILED)
        raw, _ = raw_epochs(task, X, y, 512)
        print(
            f"{f'{task.name}, batches of 512':<32}{1e3 * ours:9.1f}{1e3 * raw:9.1f}"
            f"{ours / raw:9.2f}{wait:9.1f}",
            flush=True,
        )


def compare_predictions():
    print(f"\n{'median ms of a call':<32}{'skbin':>9}{'raw':>9}{'ratio':>9}")
    for task in TASKS[:3]:
        X, y = make_data(task, 1_000_000)
        net = BinaryNetClassifier(
            task.module,
            max_epochs=1,
            random_state=0,
            device=DEVICE,
            **below("module", task.parameters),
        ).fit(X[:N_ROWS], y[:N_ROWS])
        network = net.module_.eval()
        for n_rows, batch_size in [(1_000_000, 65_536), (1_000, 1_000), (1, 1)]:
            rows = X[:n_rows]
            times = time_in_turn(
                [
                    lambda net=net, rows=rows: net.predict_proba(rows),
                    lambda network=network, rows=rows, size=batch_size: predict_raw(
                        network, rows, size, DEVICE
                    ),
                ],
                n_repetitions=5,
            )
            ours, raw = 1e3 * np.median(times, axis=0)
            name = f"{task.name}, {n_rows:,} rows"
            print(f"{name:<32}{ours:9.2f}{raw:9.2f}{ours / raw:9.2f}", flush=True)


def matrix_products(dtype):
    """TFLOP/s of a product of two square matrices of 8,192."""
    a, b = torch.randn(2, 8_192, 8_192, device=DEVICE, dtype=dtype)
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        a @ b
    torch.cuda.synchronize()
    return 20 * 2 * 8_192**3 / (time.perf_counter() - start) / 1e12


def compare_a_large_network():
    parameters = {"hidden_units": (WIDTH,) * N_LAYERS, "n_bins": 0, "n_members": 1}
    task = Task("large", DenseNet, {"n_features": N_COLUMNS}, N_COLUMNS, parameters)
    X, y = make_data(task, 20 * LARGE_BATCH)
    network = raw_network(task, X)
    n_weights = sum(p.numel() for p in network.parameters() if p.ndim == 2)
    operations = 6 * n_weights * len(X)
    print(
        f"\n{n_weights / 1e6:.0f} million weights, batches of {LARGE_BATCH:,}: TFLOP/s"
        f"\n{'':<12}{'product':>9}{'skbin':>9}{'raw':>9}{'skbin/product':>15}"
        f"{'skbin/raw':>11}"
    )
    for name in ("float32", "TF32", "bf16"):
        torch.set_float32_matmul_precision("highest" if name == "float32" else "high")
        limit = matrix_products(torch.bfloat16 if name == "bf16" else torch.float32)
        if name == "bf16":
            net = AcceleratedBinaryNetClassifier(
                DenseNet,
                accelerator=Accelerator(mixed_precision="bf16"),
                max_epochs=N_EPOCHS,
                batch_size=LARGE_BATCH,
                random_state=0,
                **below("module", parameters),
            )
            ours, _ = epochs_of(net.fit(X, y))
            with torch.autocast("cuda", torch.bfloat16):
                raw, _ = raw_epochs(task, X, y, LARGE_BATCH, as_graph=False)
        else:
            ours, _ = our_epochs(task, X, y, LARGE_BATCH)
            raw, _ = raw_epochs(task, X, y, LARGE_BATCH, as_graph=False)
        ours, raw = operations / ours / 1e12, operations / raw / 1e12
        print(
            f"{name:<12}{limit:9.0f}{ours:9.0f}{raw:9.0f}{ours / limit:15.2f}"
            f"{ours / raw:11.2f}",
            flush=True,
        )
    torch.set_float32_matmul_precision("highest")


def compare_memory():
    task = TASKS[1]._replace(sizes={"n_features": 500}, n_columns=500)
    X, y = make_data(task, 1_000_000)
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    resident, _ = our_epochs(task, X, y, 4_096)
    peak = (torch.cuda.max_memory_allocated() - before) / X.nbytes
    gc.collect()
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    filler = torch.empty(int(free - 1.5 * X.nbytes), dtype=torch.uint8, device=DEVICE)
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    streamed, _ = our_epochs(task, X, y, 4_096)
    streamed_peak = (torch.cuda.max_memory_allocated() - before) / X.nbytes
    del filler
    print(
        f"\n{X.nbytes / 1e9:.0f} GB of rows, batches of 4,096\n"
        f"{'':<24}{'s per epoch':>12}{'peak / rows':>13}{'GB/s':>8}\n"
        f"{'rows on the GPU':<24}{resident:12.2f}{peak:13.3f}"
        f"{X.nbytes / resident / 1e9:8.1f}\n"
        f"{'rows streamed':<24}{streamed:12.2f}{streamed_peak:13.3f}"
        f"{X.nbytes / streamed / 1e9:8.1f}",
        flush=True,
    )


PARTS = {
    "large": compare_a_large_network,
    "memory": compare_memory,
    "predictions": compare_predictions,
    "small": compare_small_networks,
    "compiled": compare_compiled,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parts = parser.parse_args().parts or list(PARTS)
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}", flush=True)
    for part in parts:
        PARTS[part]()


if __name__ == "__main__":
    main()
