"""examples/serving/app.py under load: every answer is the estimator's own."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skbin import BinaryNetClassifier, DenseNet, export_onnx

for package in ("onnxruntime", "onnxscript", "starlette", "uvicorn"):
    pytest.importorskip(package)

APP = Path(__file__).parents[1] / "examples" / "serving" / "app.py"
N_REQUESTS, N_THREADS = 10_000, 8
SECONDS_TO_START = 60


class Service:
    """A server in a process of its own; each thread keeps a connection to it."""

    def __init__(self, path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([sys.executable, APP, path, str(self.port)])
        self._of_thread = threading.local()
        self._sockets = []
        self._wait_until_up()

    def _wait_until_up(self):
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise AssertionError("the server has not started")

    def ask(self, method, target, body=""):
        """Send a request on this thread's connection, by little code."""
        if not hasattr(self._of_thread, "socket"):
            self._of_thread.socket = socket.create_connection(("127.0.0.1", self.port))
            self._of_thread.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._of_thread.answers = self._of_thread.socket.makefile("rb")
            self._sockets += [self._of_thread.answers, self._of_thread.socket]
        head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}"
        self._of_thread.socket.sendall(f"{head}\r\n\r\n{body}".encode())
        status = int(self._of_thread.answers.readline().split()[1])
        while (header := self._of_thread.answers.readline()) != b"\r\n":
            name, _, value = header.partition(b": ")
            if name == b"content-length":
                n_bytes = int(value)
        return status, self._of_thread.answers.read(n_bytes)

    def stop(self):
        for opened in self._sockets:
            opened.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def net(spam):
    X, y = spam
    return BinaryNetClassifier(
        DenseNet, max_epochs=5, threshold=0.3, random_state=0
    ).fit(X, y)


@pytest.fixture(scope="module")
def service(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "net.onnx"
    export_onnx(net, path)
    service = Service(path)
    yield service
    # uvicorn ends what it has begun, and then itself by the signal that it was sent.
    assert service.stop() in (0, -signal.SIGTERM)


def test_ten_thousand_concurrent_requests_get_the_right_answers(service, net, spam):
    X = spam[0]
    expected, labels = net.predict_proba(X), net.predict(X)

    def is_right(number):
        row = number % len(X)
        body = json.dumps([X[row].tolist()])
        status, answer = service.ask("POST", "/predict", body)
        answer = json.loads(answer)
        difference = np.abs(np.array(answer["probabilities"]) - expected[row]).max()
        same_label = answer["labels"] == [labels[row]]
        return status == 200 and same_label and difference < 1e-5

    with ThreadPoolExecutor(N_THREADS) as threads:
        answers = list(threads.map(is_right, range(N_REQUESTS)))
    assert answers.count(False) == 0


def test_many_rows_go_into_one_request(service, net, spam):
    X = spam[0]
    status, answer = service.ask("POST", "/predict", json.dumps(X.tolist()))
    answer = json.loads(answer)
    assert status == 200
    assert_allclose(answer["probabilities"], net.predict_proba(X), atol=1e-5)
    assert answer["labels"] == net.predict(X).tolist()


def test_the_service_says_what_it_serves(service):
    status, answer = service.ask("GET", "/health")
    assert status == 200
    assert json.loads(answer) == {
        "status": "ok",
        "classes": ["ham", "spam"],
        "positive_class": "spam",
        "threshold": 0.3,
    }


BAD_BODIES = {
    "not JSON": ("{", 400, "JSON"),
    "deeper than a parser goes": ("[" * 100_000, 400, "JSON"),
    "nothing": ("", 400, "JSON"),
    "no list": ('{"a": 1}', 422, "list"),
    "no rows": ("[]", 422, "got 1D array"),
    "one row without its list": ("[1, 2, 3, 4, 5, 6, 7, 8]", 422, "got 1D array"),
    "too few columns": ("[[1, 2, 3]]", 422, "X has 3 features"),
    "rows of two lengths": ("[[1, 2, 3], [1]]", 422, "differ in length"),
    "a string": ('[[1, 2, 3, 4, 5, 6, 7, "a"]]', 422, "real numbers"),
    "a record": ('[{"a": 1}]', 422, "does not name its columns"),
    "a record among rows": ('[[1], {"a": 1}]', 422, "array"),
    "a huge number": (f"[[1, 2, 3, 4, 5, 6, 7, 1{'0' * 400}]]", 422, "real numbers"),
    "infinity": ("[[1, 2, 3, 4, 5, 6, 7, 1e999]]", 422, "infinity"),
    "more than fits": (" " * 10_000_001, 413, "bytes"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_request_is_told_what_was_wrong(service, name):
    body, wanted, message = BAD_BODIES[name]
    status, answer = service.ask("POST", "/predict", body)
    assert status == wanted
    assert message in json.loads(answer)["error"]


def test_unknown_pages_and_methods_are_client_errors(service):
    for method, target in [("GET", "/predict"), ("POST", "/health"), ("GET", "/")]:
        status, _ = service.ask(method, target)
        assert 400 <= status < 500
