"""Searches on a Dask cluster and on Ray, and training by Accelerate's processes."""

import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skbin import BinaryNetClassifier, CrossFitClassifier, DenseNet
from skbin.data.batches import TensorBatches
from skbin.data.rows import TensorRows


class CountTrainings(Callback):
    def __init__(self, file):
        self.file = file

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        with open(self.file, "a") as file:
            file.write("one\n")


@pytest.fixture(scope="module")
def data():
    return make_classification(400, 10, weights=[0.85], random_state=0)


@pytest.fixture
def search(tmp_path):
    net = BinaryNetClassifier(
        DenseNet,
        module__hidden_units=(8,),
        max_epochs=2,
        callbacks=[("count", CountTrainings(str(tmp_path / "trainings.txt")))],
        memory=str(tmp_path / "memory"),
        random_state=0,
    )
    return GridSearchCV(
        make_pipeline(StandardScaler(), net),
        {"binarynetclassifier__threshold": np.linspace(0.05, 0.95, 9)},
        scoring="f1",
        cv=3,
    )


@pytest.fixture
def dask_cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield "dask"


@pytest.fixture
def ray_cluster():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    yield "ray"
    ray.shutdown()


@pytest.mark.parametrize("cluster", ["dask_cluster", "ray_cluster"])
def test_a_search_on_a_cluster_trains_once_per_fold_and_finds_the_same(
    search, data, tmp_path, cluster, request
):
    backend = request.getfixturevalue(cluster)
    with joblib.parallel_config(backend):
        search.fit(*data)
    trainings = (tmp_path / "trainings.txt").read_text().splitlines()
    assert len(trainings) == 3 + 1
    alone = clone(search).set_params(estimator__binarynetclassifier__memory=None)
    alone.fit(*data)
    assert search.best_params_ == alone.best_params_
    assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("cluster", ["dask_cluster", "ray_cluster"])
def test_members_of_a_cross_fit_are_trained_on_a_cluster(data, cluster, request):
    net = BinaryNetClassifier(DenseNet, module__hidden_units=(8,), max_epochs=2)
    model = CrossFitClassifier(net, cv=3, cutoff="f1", random_state=0)
    with joblib.parallel_config(request.getfixturevalue(cluster)):
        together = clone(model).fit(*data)
    alone = model.fit(*data)
    assert_array_equal(together.out_of_fold_, alone.out_of_fold_)
    assert together.threshold_ == alone.threshold_


TRAIN = """
import sys
from accelerate import Accelerator
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from skbin import DenseNet
from skbin import AcceleratedBinaryNetClassifier

X, y = make_classification(2001, 10, weights=[0.9], random_state=0)
accelerator = Accelerator(cpu=True)
net = AcceleratedBinaryNetClassifier(
    DenseNet,
    accelerator=accelerator,
    max_epochs=10,
    batch_size=64,
    pos_weight="balanced",
    random_state={random_state},
).fit(X[:1001], y[:1001])
assert accelerator._models == accelerator._optimizers == []
probability = net.predict_proba(X[1001:])[:, 1]
average_precision = average_precision_score(y[1001:], probability)
rows = sum(net.history[-1, "batches", :, "train_batch_size"])
found = rows, float(probability.sum()).hex(), average_precision, type(net.module_)
# In one piece: two processes write to one stream.
sys.stdout.write(" ".join(map(str, found)) + chr(10))
"""


def train(tmp_path, *command, random_state=0):
    script = tmp_path / "train.py"
    script.write_text(TRAIN.format(random_state=random_state))
    return subprocess.run(
        [*command, script], capture_output=True, text=True, timeout=300
    )


def test_two_processes_train_one_network_as_good_as_one_process_does(tmp_path):
    pytest.importorskip("accelerate")
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    alone = train(tmp_path, sys.executable)
    together = train(tmp_path, torchrun, "--nproc_per_node=2")
    assert alone.returncode == together.returncode == 0, together.stderr
    first, second = together.stdout.splitlines()
    assert first == second  # the same network in both
    whole, _, average_precision, *_ = alone.stdout.split()
    part, _, average_precision_together, *name = first.split()
    assert (int(whole), int(part)) == (1001, 501)
    assert float(average_precision_together) == pytest.approx(
        float(average_precision), abs=0.02
    )
    assert "skbin.networks.tables.DenseNet" in name[-1]


def test_processes_that_would_draw_different_numbers_are_refused(tmp_path):
    pytest.importorskip("accelerate")
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    run = train(tmp_path, torchrun, "--nproc_per_node=2", random_state=None)
    assert run.returncode != 0
    assert "set random_state to an int, got None" in run.stderr


def test_one_accelerated_process_trains_what_the_plain_estimator_does(data):
    accelerate = pytest.importorskip("accelerate")
    from skbin import AcceleratedBinaryNetClassifier

    params = {"max_epochs": 3, "random_state": 0, "pos_weight": "balanced"}
    plain = BinaryNetClassifier(**params).fit(*data)
    accelerated = AcceleratedBinaryNetClassifier(
        accelerator=accelerate.Accelerator(cpu=True),
        **params,
    ).fit(*data)
    assert_array_equal(*(net.predict_proba(data[0]) for net in (plain, accelerated)))


class Diverges(Callback):
    def on_batch_begin(self, net, **kwargs):
        for parameter in net.module_.parameters():
            parameter.data.fill_(np.nan)


class CountModels(Callback):
    def __init__(self, counts):
        self.counts = counts

    def on_train_begin(self, net, **kwargs):
        self.counts.append(len(net.accelerator._models))


def test_an_accelerator_holds_after_fits_what_it_held_before(data):
    accelerate = pytest.importorskip("accelerate")
    from skbin import AcceleratedBinaryNetClassifier

    accelerator = accelerate.Accelerator(cpu=True)
    users = accelerator.prepare(torch.nn.Linear(2, 1))
    counts = []
    net = AcceleratedBinaryNetClassifier(
        DenseNet,
        accelerator=accelerator,
        callbacks=[("count", CountModels(counts)), ("diverges", None)],
        max_epochs=1,
        random_state=0,
    )
    net.fit(*data).fit(*data).partial_fit(*data)
    net.set_params(callbacks__diverges=Diverges())
    with pytest.raises(ValueError, match="became NaN"):
        net.fit(*data)
    net.set_params(callbacks__diverges=None).fit(*data)
    # partial_fit goes on with what is prepared; the fit that failed counts for nothing.
    assert counts == [2, 2, 1, 2]
    assert accelerator._models == [users]
    assert accelerator._optimizers == []


@pytest.mark.parametrize(("n", "n_parts"), [(10, 2), (11, 2), (7, 3), (3, 8), (1, 4)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_parts_are_of_equal_length_and_hold_all_rows(n, n_parts, shuffle):
    rows = TensorRows(np.arange(n).reshape(-1, 1), y=np.zeros(n))
    seen = []
    for part in range(n_parts):
        torch.manual_seed(0)  # as the processes are seeded alike
        batches = TensorBatches(rows, batch_size=2, shuffle=shuffle)
        batches.part, batches.n_parts = part, n_parts
        seen.append(torch.cat([X.ravel() for X, _ in batches]).tolist())
        assert len(list(batches)) == len(batches)
    assert len({len(part) for part in seen}) == 1
    assert {row for part in seen for row in part} == set(range(n))
    assert sum(map(len, seen)) < n + n_parts
