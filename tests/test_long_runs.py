"""Estimators in services: many threads at once, hundreds of fits in one process."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skbin import BinaryNetClassifier, ConvNet, DenseNet, TableConvNet, load, save

FOUR_HUNDRED_FITS = """
import gc, os, threading
import numpy as np, torch
from skbin import BinaryNetClassifier, DenseNet

def resident():
    gc.collect()
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

torch.set_num_threads(1)
X = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
y = (X[:, 0] > 1).astype(int)
for i in range(401):
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=i).fit(X, y)
    net.predict_proba(X)
    if i % 200 == 0:
        print(resident(), threading.active_count(), len(os.listdir("/proc/self/fd")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_four_hundred_fits_leave_no_memory_threads_or_files_behind(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", FOUR_HUNDRED_FITS],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    _, half, end = [list(map(int, line.split())) for line in run.stdout.splitlines()]
    # Two hundred fits hold 112 MB of weights, moments and rows if nothing is freed.
    assert end[0] - half[0] < 8 * 1024
    assert end[1:] == half[1:]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", [ConvNet, TableConvNet, DenseNet])
def test_threads_that_share_an_estimator_get_what_one_gets(rare, module):
    X, y = rare
    net = BinaryNetClassifier(module, max_epochs=2, random_state=0).fit(X, y)
    wholes = [net.predict_proba(X[i::10]) for i in range(10)]
    fresh = BinaryNetClassifier(module, max_epochs=2, random_state=0).fit(X, y)
    with ThreadPoolExecutor(8) as threads:
        found = list(
            threads.map(lambda i: fresh.predict_proba(X[i % 10 :: 10]), range(400))
        )
    for i, probability in enumerate(found):
        assert_array_equal(probability, wholes[i % 10])


def written_and_read(net, path):
    pytest.importorskip("safetensors")
    save(net, path)
    return load(path)


@pytest.mark.parametrize(
    "obtained",
    [
        lambda net, path: net,
        written_and_read,
        lambda net, path: pickle.loads(pickle.dumps(net)),
    ],
    ids=["fit", "load", "pickle"],
)
def test_the_first_predictions_may_come_at_once(rare, tmp_path, obtained):
    X, y = rare
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0).fit(X, y)
    net = obtained(net, tmp_path / "net.skbin")
    assert not any(layer.training for layer in net.module_.modules())
    assert np.isfinite(net.predict_proba(X)).all()
