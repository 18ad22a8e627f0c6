"""On a CUDA device: the results of a CPU, no waiting, and a device left as it was."""

import os
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping
from skorch.dataset import ValidSplit
from torch import nn

from skbin import (
    BalancedBatches,
    BinaryNetClassifier,
    ConvNet,
    CrossFitClassifier,
    DenseNet,
    FocalLoss,
    SignalNet,
    TableConvNet,
    TextConvNet,
    TextNet,
    export_onnx,
    load,
    load_onnx,
    save,
)

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


@pytest.fixture(autouse=True)
def _full_precision():
    """Multiply as a CPU does: cuDNN shortens numbers to TF32 by default."""
    with torch.backends.cudnn.flags(allow_tf32=False):
        yield


def made(module=DenseNet, **kwargs):
    defaults = {"max_epochs": 3, "random_state": 0, "device": DEVICE}
    return BinaryNetClassifier(module, **{**defaults, **kwargs})


DRAWING_NOTHING = ["DenseNet", "TableConvNet", "signals", "unequal signals"]
KINDS = [*DRAWING_NOTHING, "TextConvNet", "SignalNet", "TextNet"]


def network_and_data(kind, rare):
    X, y = rare
    if kind == "SignalNet":
        return SignalNet, X.reshape(len(X), 2, 4).astype(np.float32), y
    if kind == "TextNet":
        return TextNet, [" ".join(f"w{v:.0f}" for v in row) for row in X], y
    if kind == "TextConvNet":
        return TextConvNet, np.digitize(X, [-1, 0, 1]) + 1, y
    if kind.endswith("signals"):
        X = X.reshape(len(X), 2, 4).astype(np.float32)
        if kind.startswith("unequal"):
            X[::3, :, -1] = np.nan
        return ConvNet, X, y
    return (DenseNet if kind == "DenseNet" else TableConvNet), X, y


@pytest.mark.parametrize("kind", KINDS)
def test_trained_weights_give_the_probabilities_of_a_cpu(rare, kind):
    module, X, y = network_and_data(kind, rare)
    cuda = made(module).fit(X, y)
    assert next(cuda.module_.parameters()).is_cuda
    on_gpu = cuda.predict_proba(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cuda.module_.to("cpu")
    cpu = cuda.set_params(device="cpu")
    assert_allclose(on_gpu, cpu.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("kind", DRAWING_NOTHING)
def test_training_takes_the_course_that_it_takes_on_a_cpu(rare, kind):
    module, X, y = network_and_data(kind, rare)
    # A CPU draws other random numbers for dropout and members than a GPU.
    draws_nothing = {"module__dropout": 0.0}
    if kind == "DenseNet":
        draws_nothing["module__n_members"] = 1
    cuda, cpu = (
        made(module, device=device, **draws_nothing).fit(X, y)
        for device in (DEVICE, "cpu")
    )
    assert_allclose(
        cuda.history[:, "train_loss"], cpu.history[:, "train_loss"], rtol=1e-3
    )


def test_the_same_random_state_gives_the_same_network_and_leaves_the_generator(rare):
    before = torch.cuda.get_rng_state()
    first, second = made().fit(*rare), made().fit(*rare)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert_allclose(
        first.predict_proba(rare[0]), second.predict_proba(rare[0]), atol=1e-4
    )


class RefusesToWait(Callback):
    """Let torch raise where a step waits for the GPU, the first ones excepted."""

    def on_batch_begin(self, net, **kwargs):
        if len(net.history) > 1:
            torch.cuda.set_sync_debug_mode("error")

    def on_batch_end(self, net, **kwargs):
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
# A batch of signals of unequal lengths is normalized over the steps that are there.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "unequal signals"])
@pytest.mark.parametrize("weighted", [True, False])
def test_no_step_waits_for_the_device(rare, kind, weighted):
    module, X, y = network_and_data(kind, rare)
    weight = np.linspace(0.5, 2, len(y)) if weighted else None
    try:
        made(module, callbacks=[RefusesToWait()]).fit(X, y, sample_weight=weight)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("weighted", [True, False])
def test_streamed_rows_give_the_network_of_resident_ones(rare, weighted, monkeypatch):
    X, y = rare
    weight = np.linspace(0.5, 2, len(y)) if weighted else None
    resident = made().fit(X, y, sample_weight=weight).predict_proba(X)
    monkeypatch.setattr("skbin.data.rows.has_room_for", lambda n_bytes, device: False)
    streamed = made().fit(X, y, sample_weight=weight)
    assert_allclose(streamed.predict_proba(X), resident, atol=1e-4)


READ_ON_A_CPU = """
import pickle, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
with open(sys.argv[1], "rb") as file:
    net = pickle.load(file)
np.save(sys.argv[3], net.predict_proba(np.load(sys.argv[2])))
"""


def test_a_pickle_opens_on_a_machine_without_a_gpu(rare, tmp_path):
    X, y = rare
    net = made().fit(X, y)
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(net))
    np.save(tmp_path / "X.npy", X)
    files = [str(tmp_path / name) for name in ("net.pkl", "X.npy", "out.npy")]
    subprocess.run(
        [sys.executable, "-c", READ_ON_A_CPU, *files],
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert_allclose(np.load(files[-1]), net.predict_proba(X), atol=1e-5)


def test_a_saved_file_opens_on_a_cpu_and_on_a_gpu(rare, tmp_path):
    X, y = rare
    net = made().fit(X, y)
    save(net, tmp_path / "net.skbin")
    for device in ("cpu", DEVICE):
        again = load(tmp_path / "net.skbin", device=device)
        assert_allclose(again.predict_proba(X), net.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("memory", [True, False])
def test_two_workers_share_the_device(rare, memory, tmp_path):
    def search(n_jobs):
        net = made(memory=str(tmp_path / str(n_jobs)) if memory else None)
        grid = {"lr": [0.001, 0.01], "threshold": [0.2, 0.5]}
        search = GridSearchCV(net, grid, scoring="f1", cv=3, n_jobs=n_jobs)
        return search.fit(*rare).cv_results_["mean_test_score"]

    with joblib.parallel_config("loky"):
        assert_allclose(search(2), search(1), atol=0.05)


class FindsNoRoom(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1)

    def forward(self, X):
        room = torch.cuda.get_device_properties(X.device).total_memory
        kept = torch.zeros(2**20, device=X.device)
        return self.linear(X) + kept[0] * torch.zeros(room, device=X.device)[0]


def test_a_full_device_is_left_empty(rare):
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    net = made(FindsNoRoom)
    with pytest.raises(torch.OutOfMemoryError) as error:
        net.fit(*rare)
    assert "Lower batch_size" in "".join(error.value.__notes__)
    assert torch.cuda.memory_allocated() == before  # though the error is at hand
    made().fit(*rare)


def test_what_is_deleted_leaves_the_device():
    X = np.random.default_rng(0).normal(size=(10_000, 100)).astype(np.float32)
    y = (X[:, 0] > 1).astype(int)
    made(max_epochs=1).fit(X, y)  # libraries keep workspaces of their own
    before = torch.cuda.memory_allocated()
    for _ in range(3):
        made(max_epochs=1).fit(X, y).predict_proba(X)
    assert torch.cuda.memory_allocated() <= before


# torch's compiler warns of what torch itself has deprecated. A graph draws other random
# numbers than single operations, so the network has one member.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_a_compiled_network_learns_what_the_plain_one_does(rare, mode):
    X, y = rare
    params = {"module__dropout": 0.0, "module__n_members": 1, "batch_size": 60}
    plain = made(**params).fit(X, y)
    compiled = made(compile=True, compile__mode=mode, **params).fit(X, y)
    assert_allclose(
        compiled.history[:, "train_loss"], plain.history[:, "train_loss"], rtol=1e-2
    )
    assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), atol=1e-2)


def test_short_numbers_cost_no_average_precision(rare):
    accelerate = pytest.importorskip("accelerate")
    from skbin import AcceleratedBinaryNetClassifier

    X, y = rare
    short = AcceleratedBinaryNetClassifier(
        DenseNet,
        accelerator=accelerate.Accelerator(mixed_precision="bf16"),
        max_epochs=20,
        random_state=0,
    ).fit(X, y)
    full = made(max_epochs=20).fit(X, y)
    precision = [
        average_precision_score(y, net.predict_proba(X)[:, 1]) for net in (short, full)
    ]
    assert precision[0] == pytest.approx(precision[1], abs=0.02)


def test_threads_may_predict_at_once(rare):
    X, y = rare
    net = made().fit(X, y)
    expected = net.predict_proba(X)
    found = joblib.Parallel(4, prefer="threads")(
        joblib.delayed(net.predict_proba)(X) for _ in range(20)
    )
    for probability in found:
        assert_array_equal(probability, expected)


@pytest.mark.parametrize(
    "params",
    [
        {"criterion": FocalLoss},
        {"pos_weight": "balanced"},
        {"train_split": ValidSplit(3), "callbacks": [EarlyStopping()]},
        {"iterator_train": BalancedBatches},
        {"optimizer": torch.optim.SGD, "lr": 0.1},
        {"callbacks": [GradientNormClipping(1.0)]},
        {"batch_size": -1},
    ],
)
def test_what_trains_on_a_cpu_trains_here(rare, params):
    X, y = rare
    net = made(max_epochs=20, **params).fit(X, y)
    net.partial_fit(X, y)
    assert average_precision_score(y, net.predict_proba(X)[:, 1]) > 0.5


def test_a_cross_fit_of_a_raw_table_leaves_as_a_file_and_as_a_graph(rare, tmp_path):
    pd = pytest.importorskip("pandas")
    X, y = rare
    X = pd.DataFrame(X, columns=[f"x{i}" for i in range(8)])
    X["sign"] = np.where(X["x0"] > 0, "plus", "minus")
    model = CrossFitClassifier(made(max_epochs=5), cv=3, random_state=0).fit(X, y)
    expected = model.predict_proba(X)
    save(model, tmp_path / "model.skbin")
    again = load(tmp_path / "model.skbin", device="cpu")
    assert_allclose(again.predict_proba(X), expected, atol=1e-5)
    pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    export_onnx(model, tmp_path / "model.onnx")
    served = load_onnx(tmp_path / "model.onnx")
    assert_allclose(served.predict_proba(X), expected, atol=1e-5)
