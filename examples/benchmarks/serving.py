"""
One row at a time, and a web service
====================================

A service answers one row at a time. This times `predict_proba` for one row, for the
classifier of `load_onnx`, the exported estimator, and scikit-learn's `MLPClassifier`
with the same hidden layers, in turn: a noisy machine slows all of them. Then it starts
`examples/serving/app.py`, sends 10,000 requests of one row from several threads,
compares each response with the estimator's, and prints requests per second, and the
median and 99th percentile of the time per request.

Run it with ``python examples/benchmarks/serving.py``; it takes two minutes. It needs
the extras ``onnx`` and ``serve``, and the packages starlette, uvicorn and httptools.
All use one thread per request.
"""

import json
import os
import platform
import socket
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skbin import BinaryNetClassifier, DenseNet, export_onnx, load_onnx

APP = Path(__file__).parents[1] / "serving" / "app.py"
N_TURNS, CALLS_PER_TURN = 40, 50
N_REQUESTS = 10_000


def fitted(n_columns, folder):
    X, y = make_classification(4000, n_columns, weights=[0.95], random_state=0)
    X = X.astype(np.float32)
    net = BinaryNetClassifier(DenseNet, max_epochs=3, random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp = MLPClassifier((256, 256), max_iter=3, random_state=0).fit(X, y)
    path = f"{folder}/{n_columns}.onnx"
    export_onnx(net, path)
    return X, net, mlp, path


def microseconds(model, row):
    """Give the median time of some calls, which come one after the other."""
    times = []
    for _ in range(CALLS_PER_TURN):
        start = time.perf_counter()
        model.predict_proba(row)
        times.append(time.perf_counter() - start)
    return 1e6 * np.median(times)


def time_one_row(X, models):
    times = {name: [] for name in models}
    for turn in range(N_TURNS):
        for name, model in models.items():
            times[name].append(microseconds(model, X[turn : turn + 1]))
    peer = np.array(times["MLPClassifier"])
    for name, of_turns in times.items():
        ratios = np.array(of_turns) / peer
        print(
            f"  {name:<24}{np.median(of_turns):9.0f}{min(of_turns):9.0f}"
            f"{np.median(ratios):9.2f}   {ratios.min():.2f} to {ratios.max():.2f}",
            flush=True,
        )


# ---- the service


def started(path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, APP, path, str(port)])
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise RuntimeError("the server has not started")


class Client(threading.local):
    """A connection of each thread, by little code: it takes time from the server."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    def ask(self, body):
        head = f"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}"
        start = time.perf_counter()
        self.socket.sendall(f"{head}\r\n\r\n{body}".encode())
        while (header := self.answers.readline()) != b"\r\n":
            if header.startswith(b"content-length"):
                n_bytes = int(header.split()[1])
        answer = self.answers.read(n_bytes)
        return time.perf_counter() - start, json.loads(answer)


def load(port, X, expected, n_threads):
    client = Client(port)
    bodies = [json.dumps([row]) for row in X.tolist()]

    def ask(number):
        place = number % len(X)
        seconds, answer = client.ask(bodies[place])
        differs = np.abs(np.array(answer["probabilities"][0]) - expected[place]).max()
        return seconds, differs < 1e-5

    with ThreadPoolExecutor(n_threads) as threads:
        start = time.perf_counter()
        answers = list(threads.map(ask, range(N_REQUESTS)))
        rate = N_REQUESTS / (time.perf_counter() - start)
    seconds, is_right = zip(*answers, strict=True)
    median, late = 1e3 * np.quantile(seconds, [0.5, 0.99])
    print(
        f"  {n_threads:>3} threads{rate:16.0f}{median:12.2f}{late:10.2f}"
        f"{N_REQUESTS - sum(is_right):8d}",
        flush=True,
    )


def main():
    torch.set_num_threads(1)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, onnxruntime "
        f"{onnxruntime.__version__}; {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}\n\n"
        f"predict_proba of one row, us  median  fastest   in times of MLPClassifier"
    )
    with TemporaryDirectory() as folder:
        for n_columns in (10, 30):
            X, net, mlp, path = fitted(n_columns, folder)
            print(f" {n_columns} columns")
            models = {
                "load_onnx": load_onnx(path),
                "MLPClassifier": mlp,
                "BinaryNetClassifier": net,
            }
            time_one_row(X, models)
        print(f"\n{N_REQUESTS} requests    each second  median, ms  99 %, ms   wrong")
        process, port = started(path)
        try:
            for n_threads in (1, 8):
                load(port, X, net.predict_proba(X), n_threads)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
