"""export_onnx: onnxruntime alone gives the same probabilities and labels."""

import sys

import numpy as np
import pytest
import torch
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from skbin import (
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    TextConvNet,
    TokenEncoder,
    export_onnx,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def served(path, X):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probabilities, label = session.run(["probabilities", "label"], {"X": X})
    return probabilities, label


def signals(rng):
    y = rng.integers(2, size=80)
    return (rng.normal(size=(80, 2, 40)) + y[:, None, None]).astype(np.float32), y


def table(rng):
    y = rng.integers(2, size=80)
    return (rng.normal(size=(80, 6)) + y[:, None]).astype(np.float32), y


def token_ids(rng):
    y = rng.integers(2, size=80)
    X = rng.integers(1, 50, size=(80, 12))
    X[np.arange(12) >= rng.integers(1, 13, size=(80, 1))] = 0
    X[:, 0] += y * 50
    return X, y


def own_module():
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))


NETWORKS = {
    "ConvNet on a table": (ConvNet, table, {}),
    "ConvNet on signals": (ConvNet, signals, {}),
    "ConvNet without blocks": (ConvNet, signals, {"module__num_blocks": 0}),
    "DenseNet": (DenseNet, table, {}),
    "TextConvNet": (TextConvNet, token_ids, {}),
    "two outputs of one's own": (own_module(), table, {}),
    "a sigmoid under BCELoss": (
        nn.Sequential(nn.Linear(6, 1), nn.Sigmoid()),
        table,
        {"criterion": nn.BCELoss},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_served_with_any_number_of_rows(name, tmp_path):
    module, make, params = NETWORKS[name]
    X, y = make(np.random.default_rng(0))
    net = BinaryNetClassifier(module, max_epochs=2, random_state=0, **params).fit(X, y)
    export_onnx(net, tmp_path / "net.onnx")
    for rows in (X, X[:1], X[:33]):
        probabilities, label = served(tmp_path / "net.onnx", rows)
        assert_allclose(probabilities, net.predict_proba(rows), atol=1e-5)
        assert_array_equal(label, net.predict(rows))


def test_signals_that_end_early_are_served(tmp_path):
    X, y = signals(np.random.default_rng(0))
    X[::2, :, 30:] = np.nan
    net = BinaryNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, _ = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("pos_label", ["fraud", "ok"])
def test_prior_threshold_and_class_names_go_along(rare, tmp_path, pos_label):
    X, y = rare[0].astype(np.float32), np.where(rare[1], "fraud", "ok")
    net = BinaryNetClassifier(
        DenseNet,
        pos_weight="balanced" if pos_label == "fraud" else 0.2,
        prior=0.3,
        threshold=0.25,
        pos_label=pos_label,
        max_epochs=3,
        random_state=0,
    ).fit(X, y)
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), atol=1e-5)
    assert_array_equal(label, net.predict(X))
    assert len(set(label)) == 2
    props = {p.key: p.value for p in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert props == {
        "classes": "['fraud', 'ok']",
        "positive_class": repr(pos_label),
        "threshold": "0.25",
    }


@pytest.mark.parametrize(
    "encode",
    [lambda y: y.astype(bool), lambda y: 2 * y - 1, lambda y: y.astype(float)],
    ids=["booleans", "plus and minus one", "floats"],
)
def test_labels_keep_their_type(rare, tmp_path, encode):
    X, y = rare[0].astype(np.float32), encode(rare[1])
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0).fit(X, y)
    export_onnx(net, tmp_path / "net.onnx")
    _, label = served(tmp_path / "net.onnx", X)
    assert label.dtype == y.dtype
    assert_array_equal(label, net.predict(X))


def test_a_scaler_goes_along_and_a_sampler_stays_behind(rare, tmp_path):
    X, y = (rare[0] * 100 + 1000).astype(np.float32), rare[1]
    pipeline = make_pipeline(
        StandardScaler(),
        RandomOverSampler(random_state=0),
        BinaryNetClassifier(DenseNet, max_epochs=2, random_state=0),
    ).fit(X, y)
    export_onnx(pipeline, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-5)
    assert_array_equal(label, pipeline.predict(X))


def test_what_cannot_be_exported_is_refused_with_a_word(rare, tmp_path):
    X, y = rare
    path = tmp_path / "net.onnx"
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0)
    with pytest.raises(NotFittedError):
        export_onnx(net, path)
    with pytest.raises(TypeError, match="ends in one, got LogisticRegression"):
        export_onnx(LogisticRegression().fit(X, y), path)
    own_step = make_pipeline(FunctionTransformer(np.tanh), net).fit(X, y)
    with pytest.raises(ValueError, match="Export the net alone"):
        export_onnx(own_step, path)
    texts = make_pipeline(
        TokenEncoder(), BinaryNetClassifier(TextConvNet, max_epochs=1)
    ).fit(["a b", "c d"] * 20, [0, 1] * 20)
    with pytest.raises(ValueError, match="give it the ids of TokenEncoder"):
        export_onnx(texts, path)
    assert not path.exists()


def test_a_missing_package_is_named_with_its_extra(rare, tmp_path, monkeypatch):
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0).fit(*rare)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "skbin\[onnx\]"'):
        export_onnx(net, tmp_path / "net.onnx")


def test_the_estimator_is_left_as_it_was(rare, tmp_path):
    X, y = rare
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0).fit(X, y)
    before = net.predict_proba(X)
    state = torch.random.get_rng_state()
    export_onnx(net, tmp_path / "net.onnx")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert_array_equal(net.predict_proba(X), before)
