"""What a fit draws at random is its own, whatever else draws at the same time."""

import os
import signal
import threading

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skbin import BinaryNetClassifier, DenseNet
from skbin.machine.randomness import seeded


@pytest.fixture(scope="module")
def data():
    return make_classification(300, weights=[0.8], random_state=0)


@pytest.fixture
def net():
    return BinaryNetClassifier(
        DenseNet,
        module__hidden_units=(16,),
        module__dropout=0.5,
        max_epochs=5,
        batch_size=16,
        random_state=0,
    )


@pytest.mark.parametrize("with_memory", [False, True])
def test_a_search_in_threads_finds_what_a_search_in_one_thread_finds(
    net, data, tmp_path, with_memory
):
    search = GridSearchCV(
        net, {"lr": [0.001, 0.003, 0.01, 0.03]}, cv=2, scoring="neg_log_loss"
    )
    alone = clone(search).fit(*data)
    if with_memory:
        search.set_params(estimator__memory=str(tmp_path))
    before = torch.get_rng_state()
    with joblib.parallel_config("threading", n_jobs=4):
        search.fit(*data)
    assert torch.equal(torch.get_rng_state(), before)
    for fold in range(2):
        name = f"split{fold}_test_score"
        assert_array_equal(search.cv_results_[name], alone.cv_results_[name])
    assert_array_equal(search.predict_proba(data[0]), alone.predict_proba(data[0]))


class FitsAnother(Callback):
    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        X, y = make_classification(100, random_state=0)
        BinaryNetClassifier(DenseNet, max_epochs=1, random_state=1).fit(X, y)


@pytest.mark.parametrize("with_memory", [False, True])
def test_a_fit_inside_a_fit_changes_nothing(net, data, tmp_path, with_memory):
    expected = clone(net).fit(*data).predict_proba(data[0])
    net.set_params(callbacks=[FitsAnother()])
    if with_memory:
        net.set_params(memory=str(tmp_path))
    assert_array_equal(net.fit(*data).predict_proba(data[0]), expected)


@pytest.fixture
def somebody_fits():
    has_begun, may_end = threading.Event(), threading.Event()

    def hold():
        with seeded(0, "cpu"):
            has_begun.set()
            may_end.wait(timeout=60)

    thread = threading.Thread(target=hold)
    thread.start()
    has_begun.wait(timeout=60)
    yield thread
    may_end.set()
    thread.join()


def test_predictions_and_fits_without_a_seed_wait_for_nobody(net, data, somebody_fits):
    net.set_params(random_state=None).fit(*data)
    assert net.predict_proba(data[0]).shape == (300, 2)
    assert somebody_fits.is_alive()


def test_a_fit_that_is_recalled_waits_for_nobody(net, data, tmp_path, request):
    net.set_params(memory=str(tmp_path)).fit(*data)
    somebody = request.getfixturevalue("somebody_fits")
    again = clone(net).fit(*data)
    assert somebody.is_alive()
    assert_array_equal(again.predict_proba(data[0]), net.predict_proba(data[0]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.usefixtures("somebody_fits")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_a_thread_that_it_does_not_have():
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        with seeded(0, "cpu"):
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_fit_on_the_cpu_seeds_no_other_device(net, data, monkeypatch):
    seeds = []
    for device in (torch.cuda, torch.mps, torch.xpu):
        for name in ("manual_seed", "manual_seed_all"):
            monkeypatch.setattr(device, name, seeds.append, raising=False)
    net.fit(*data)
    assert seeds == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", None])
def test_a_fit_leaves_the_generators_of_gpus_as_they_were(net, data, device):
    torch.rand(3, device="cuda")
    before = torch.cuda.get_rng_state_all()
    net.set_params(device=device).fit(*data)
    assert all(map(torch.equal, before, torch.cuda.get_rng_state_all()))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", None])
def test_a_seed_is_that_of_the_gpu_too(device):
    torch.rand(3, device="cuda")
    drawn = []
    for _ in range(2):
        with seeded(0, device):
            drawn.append(torch.rand(3, device="cuda").tolist())
    torch.cuda.manual_seed(0)
    drawn.append(torch.rand(3, device="cuda").tolist())
    assert np.ptp(drawn, axis=0).max() == 0
