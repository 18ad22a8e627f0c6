"""export_onnx: onnxruntime alone gives the same probabilities and labels."""

import json
import os
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from torch import nn

from skbin import (
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    FocalLoss,
    SignalNet,
    TableConvNet,
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


def metadata(path):
    return {p.key: json.loads(p.value) for p in onnx.load(path).metadata_props}


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
    "ConvNet on rows": (ConvNet, table, {}),
    "TableConvNet": (TableConvNet, table, {}),
    "ConvNet on signals": (ConvNet, signals, {}),
    "SignalNet": (SignalNet, signals, {"module__n_random": 168}),
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


def test_signals_that_rest_are_served(tmp_path):
    rng = np.random.default_rng(0)
    X, y = signals(rng)
    X = np.concatenate([X, rng.normal(size=(80, 1, 40)).astype(np.float32)], axis=1)
    X[:, :, 10:30] = rng.integers(3, size=(80, 3, 1)) / 3
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
        max_epochs=20,
        random_state=0,
    ).fit(X, y)
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), atol=1e-5)
    assert_array_equal(label, net.predict(X))
    assert len(set(label)) == 2
    assert metadata(tmp_path / "net.onnx") == {
        "classes": ["fraud", "ok"],
        "positive_class": pos_label,
        "threshold": 0.25,
        "skbin_format": 1,
        "feature_names": None,
        "columns": None,
        "channels": None,
        "takes_missing": True,
    }


class FirstColumn(nn.Module):
    """The first column is the logit, so that no rounding of a network plays a part."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, X):
        return self.factor * X[:, 0]


class SigmoidOfFirstColumn(FirstColumn):
    def forward(self, X):
        return torch.sigmoid(super().forward(X))


def with_given_logits(module=FirstColumn, **params):
    rng = np.random.default_rng(0)
    X = rng.normal(scale=2, size=(300, 1)).astype(np.float32)
    X[:6, 0] = -80, -40, -20, 20, 37, 40
    net = BinaryNetClassifier(
        module, lr=0.0, max_epochs=1, random_state=0, **params
    ).fit(X, np.arange(300) % 3 == 0)
    return X, net


@pytest.mark.parametrize("share", [1e-7, 1e-6, 1e-4, 0.3])
def test_rare_priors_keep_their_digits_and_labels(share, tmp_path):
    X, net = with_given_logits(prior=share, threshold=share)
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), rtol=1e-13)
    assert_array_equal(label, net.predict(X))
    assert len(set(label)) == 2


def an_observed_probability(net, X):
    return net.predict_proba(X)[100, 1]


@pytest.mark.parametrize("pos_label", [False, True])
@pytest.mark.parametrize(
    "threshold", [0, 0.0, 1e-30, 0.5, 0.99999999999, 1.0, an_observed_probability]
)
def test_labels_are_those_of_predict_at_every_threshold(threshold, pos_label, tmp_path):
    X, net = with_given_logits(pos_label=pos_label)
    if callable(threshold):
        threshold = threshold(net, X)
    net.set_params(threshold=threshold)
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), rtol=1e-13)
    assert_array_equal(label, net.predict(X))


@pytest.mark.parametrize("prior", [None, 1e-6])
@pytest.mark.parametrize("threshold", [0.0, 1e-6, 0.1])
def test_a_sigmoid_of_the_module_keeps_its_digits(prior, threshold, tmp_path):
    X, net = with_given_logits(
        SigmoidOfFirstColumn, criterion=nn.BCELoss, prior=prior, threshold=threshold
    )
    export_onnx(net, tmp_path / "net.onnx")
    # Where 1 - p is left with few digits, torch and onnxruntime round p differently.
    X = X[X[:, 0] < 5]
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), rtol=1e-4)
    assert_array_equal(label, net.predict(X))


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
    assert metadata(tmp_path / "net.onnx")["classes"] == net.classes_.tolist()


def test_a_scaler_goes_along_and_a_sampler_stays_behind(rare, tmp_path):
    X, y = rare[0] * 100 + 1000, rare[1]
    pipeline = make_pipeline(
        StandardScaler(),
        RandomOverSampler(random_state=0),
        BinaryNetClassifier(DenseNet, max_epochs=2, random_state=0),
    ).fit(X, y)
    export_onnx(pipeline, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-5)
    assert_array_equal(label, pipeline.predict(X))


def with_gaps(X):
    return np.where(np.arange(len(X))[:, None] % 7 == np.arange(3), np.nan, X)


@pytest.mark.parametrize(
    ("steps", "spoil"),
    [
        ([StandardScaler()], None),
        ([MinMaxScaler()], None),
        ([StandardScaler(), PCA(2)], None),
        ([SimpleImputer(strategy="median"), StandardScaler()], with_gaps),
        (
            [
                make_column_transformer(
                    (make_sklearn_pipeline(SimpleImputer(), MinMaxScaler()), [0, 1]),
                    (OneHotEncoder(handle_unknown="ignore"), [2]),
                )
            ],
            None,
        ),
        ([FunctionTransformer(), MinMaxScaler()], None),
        (["passthrough", StandardScaler()], None),
    ],
    ids=["standard", "minmax", "pca", "imputer", "columns", "function", "passthrough"],
)
def test_times_in_seconds_lose_no_digits_in_the_steps(steps, spoil, tmp_path):
    rng = np.random.default_rng(0)
    times = 1.7e9 + 1000 * rng.normal(size=300)
    X = np.column_stack([times, rng.normal(size=300), rng.integers(4, size=300)])
    y = times > 1.7e9
    X = X if spoil is None else spoil(X)
    pipeline = make_sklearn_pipeline(
        *steps, BinaryNetClassifier(DenseNet, max_epochs=5, random_state=0)
    ).fit(X, y)
    export_onnx(pipeline, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-5)
    assert_array_equal(label, pipeline.predict(X))


def fitted(*steps, X, y, **params):
    net = BinaryNetClassifier(params.pop("module", DenseNet), max_epochs=1, **params)
    return make_sklearn_pipeline(*steps, net).fit(X, y)


def numbers_with_gaps():
    return with_gaps(np.random.default_rng(0).normal(size=(40, 3)))


def named_as_an_output():
    return pd.DataFrame({"size": np.arange(40.0), "label": ["a", "b"] * 20})


class OwnStep(TransformerMixin, BaseEstimator):
    """A step that skl2onnx does not know."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


@pytest.fixture
def _no_export_by_torch(monkeypatch):
    def export(*args, **kwargs):
        raise AssertionError("torch.onnx runs before what is known without it")

    monkeypatch.setattr("torch.onnx.export", export)


@pytest.mark.usefixtures("_no_export_by_torch")
@pytest.mark.parametrize(
    ("steps", "make", "message"),
    [
        (
            [TfidfVectorizer()],
            lambda: ["good day", "win now"] * 20,
            "'tfidfvectorizer', TfidfVectorizer, .* does not take a table of columns",
        ),
        (
            [FunctionTransformer(np.tanh)],
            lambda: np.eye(40),
            "'functiontransformer', FunctionTransformer.* no translation of .*tanh",
        ),
        ([OwnStep()], lambda: np.eye(40), "'ownstep', OwnStep"),
        (
            [SimpleImputer(add_indicator=True)],
            numbers_with_gaps,
            "'simpleimputer', .* without add_indicator",
        ),
        (
            [make_column_transformer((StandardScaler(), ["size"]))],
            named_as_an_output,
            r"\['label'\]: rename it and fit again",
        ),
    ],
    ids=["texts", "own function", "own step", "indicator", "name of an output"],
)
def test_a_step_that_cannot_go_along_is_named_at_once(steps, make, message, tmp_path):
    pipeline = fitted(*steps, X=make(), y=[0, 1] * 20)
    with pytest.raises(ValueError, match=f"(?s){message}.*Export only the net"):
        export_onnx(pipeline, tmp_path / "net.onnx")
    assert not os.listdir(tmp_path)


@pytest.mark.usefixtures("_no_export_by_torch")
def test_steps_before_a_net_of_token_ids_are_refused(tmp_path):
    X, y = token_ids(np.random.default_rng(0))
    pipeline = fitted(FunctionTransformer(), X=X, y=y, module=TextConvNet)
    with pytest.raises(ValueError, match=r"'functiontransformer'.* takes token ids"):
        export_onnx(pipeline, tmp_path / "net.onnx")


def two_columns(output):
    return torch.stack([1 - output.sigmoid(), output.sigmoid()], dim=1)


@pytest.mark.usefixtures("_no_export_by_torch")
@pytest.mark.parametrize(
    ("n_outputs", "nonlinearity", "received"),
    [(1, two_columns, "two_col"), (1, None, "None"), (2, nn.Softmax(1), "Softmax")],
    ids=["function", "none", "module"],
)
def test_probabilities_of_ones_own_are_refused(
    n_outputs, nonlinearity, received, rare, tmp_path
):
    module = nn.Sequential(nn.Linear(rare[0].shape[1], n_outputs))
    net = BinaryNetClassifier(module, max_epochs=1, predict_nonlinearity=nonlinearity)
    with pytest.raises(ValueError, match=f"(?s)'auto', got .*{received}.*into the mod"):
        export_onnx(net.fit(*rare), tmp_path / "net.onnx")
    assert not os.listdir(tmp_path)


class OwnLoss(nn.BCEWithLogitsLoss):
    """A loss of logits."""


@pytest.mark.parametrize("criterion", [OwnLoss, OwnLoss()], ids=["class", "instance"])
def test_losses_of_ones_own_of_logits_are_served(criterion, tmp_path):
    X, net = with_given_logits(criterion=criterion)
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, _ = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), rtol=1e-13)


@pytest.mark.parametrize("threshold", [1e-9, 0.3])
def test_the_inverse_link_of_the_focal_loss_goes_along(threshold, tmp_path):
    X, net = with_given_logits(
        criterion=FocalLoss, criterion__gamma=1.5, prior=1e-3, threshold=threshold
    )
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), rtol=1e-11)
    assert_array_equal(label, net.predict(X))
    assert len(set(label)) == 2


def test_numbers_far_from_zero_are_served_in_double_precision(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = X[:, 1] > 0
    X[:, 1] += 1.7e12
    net = BinaryNetClassifier(DenseNet, max_epochs=5, lr=0.01, random_state=0).fit(X, y)
    export_onnx(net, tmp_path / "net.onnx")
    probabilities, label = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, net.predict_proba(X), atol=1e-5)
    assert_array_equal(label, net.predict(X))
    assert (label == y).mean() > 0.9


def test_the_best_estimator_of_a_search_is_served(rare, tmp_path):
    X, y = rare
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0)
    search = GridSearchCV(
        make_sklearn_pipeline(StandardScaler(), make_sklearn_pipeline(PCA(3), net)),
        {"standardscaler__with_mean": [True, False]},
        cv=2,
    ).fit(X, y)
    export_onnx(search, tmp_path / "net.onnx")
    probabilities, _ = served(tmp_path / "net.onnx", X)
    assert_allclose(probabilities, search.predict_proba(X), atol=1e-5)


@pytest.mark.usefixtures("_no_export_by_torch")
def test_what_cannot_be_exported_is_refused_at_once(rare, tmp_path):
    X, y = rare
    path = tmp_path / "net.onnx"
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0)
    with pytest.raises(NotFittedError):
        export_onnx(net, path)
    with pytest.raises(TypeError, match="got LogisticRegression"):
        export_onnx(LogisticRegression().fit(X, y), path)
    calibrated = CalibratedClassifierCV(FrozenEstimator(net.fit(X, y))).fit(X, y)
    with pytest.raises(TypeError, match="got CalibratedClassifierCV"):
        export_onnx(calibrated, path)
    texts = make_pipeline(
        TokenEncoder(), BinaryNetClassifier(TextConvNet, max_epochs=1)
    ).fit(["a b", "c d"] * 20, [0, 1] * 20)
    with pytest.raises(ValueError, match="pass it the ids of TokenEncoder"):
        export_onnx(texts, path)
    with pytest.raises(FileNotFoundError, match="missing"):
        export_onnx(net, tmp_path / "missing" / "net.onnx")
    assert not os.listdir(tmp_path)


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
