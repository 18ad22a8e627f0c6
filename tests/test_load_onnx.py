"""load_onnx gives a fitted scikit-learn classifier, without torch."""

import copy
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, cross_val_score
from sklearn.utils.validation import check_is_fitted
from torch import nn

import skbin
from skbin import (
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    TextConvNet,
    export_onnx,
    load_onnx,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def trained(module, X, y, **params):
    return BinaryNetClassifier(module, max_epochs=3, random_state=0, **params).fit(X, y)


def with_metadata(source, target, **changes):
    model = onnx.load(source)
    metadata = {p.key: p.value for p in model.metadata_props} | changes
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {k: v for k, v in metadata.items() if v})
    onnx.save(model, target)
    return target


@pytest.fixture(scope="module")
def net(spam):
    X, y = spam
    return trained(DenseNet, X, y, threshold=0.3, pos_label="ham")


@pytest.fixture(scope="module")
def path(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    export_onnx(net, path)
    return path


@pytest.fixture
def served(path):
    return load_onnx(path)


def test_predictions_are_those_of_the_estimator(served, net, spam):
    X = spam[0]
    for rows in (X, X[:1], X.astype(np.float32), np.asfortranarray(X), X[::-3]):
        assert_allclose(served.predict_proba(rows), net.predict_proba(rows), atol=1e-5)
        assert_array_equal(served.predict(rows), net.predict(rows))
    assert_allclose(served.predict_proba(X.tolist()), net.predict_proba(X), atol=1e-5)
    assert served.score(*spam) == net.score(*spam)


def test_it_knows_what_a_fitted_classifier_knows(served, net):
    check_is_fitted(served)
    assert_array_equal(served.classes_, net.classes_)
    assert served.predict([[0.0] * 8]).dtype == served.classes_.dtype
    assert served.positive_class_ == "ham"
    assert served.threshold == 0.3
    assert served.n_features_in_ == 8
    assert not hasattr(served, "feature_names_in_")
    assert "threshold=0.3" in repr(served)
    assert served._repr_html_()


@pytest.mark.parametrize("threshold", [0, 0.1, 0.9, np.float32(0.5), 1])
def test_the_threshold_can_be_set_and_is_the_least_probability(
    served, net, spam, threshold
):
    X, ham = spam[0], 0
    served.set_params(threshold=threshold)
    expected = served.predict_proba(X)[:, ham] >= threshold
    assert_array_equal(served.predict(X) == "ham", expected)
    served.threshold = 0.3
    assert_array_equal(served.predict(X), net.predict(X))


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan, "0.5", None, True])
def test_a_threshold_is_a_probability(served, threshold):
    with pytest.raises(
        ValueError, match=r"threshold must be a probability in \[0, 1\]"
    ):
        served.set_params(threshold=threshold)
    assert served.threshold == 0.3


COPIES = {
    "clone": clone,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda served: pickle.loads(pickle.dumps(served)),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_fitted_and_have_thresholds_of_their_own(served, spam, name):
    X = spam[0]
    copied = COPIES[name](served.set_params(threshold=0.2))
    check_is_fitted(copied)
    assert_array_equal(copied.predict_proba(X), served.predict_proba(X))
    copied.threshold = 0.9
    assert served.threshold == 0.2


def test_a_pickle_does_not_need_the_file(net, spam, tmp_path):
    export_onnx(net, tmp_path / "net.onnx")
    content = pickle.dumps(load_onnx(tmp_path / "net.onnx"))
    (tmp_path / "net.onnx").unlink()
    assert_allclose(
        pickle.loads(content).predict_proba(spam[0]),
        net.predict_proba(spam[0]),
        atol=1e-5,
    )


def test_meta_estimators_take_it_frozen_and_fit_is_refused(served, spam):
    X, y = spam
    with pytest.raises(NotImplementedError, match="FrozenEstimator"):
        served.fit(X, y)
    frozen = FrozenEstimator(served)
    calibrated = CalibratedClassifierCV(frozen, method="sigmoid").fit(X, y)
    assert calibrated.predict_proba(X).shape == (len(X), 2)
    fixed = FixedThresholdClassifier(frozen, threshold=0.9, pos_label="ham").fit(X, y)
    expected = served.set_params(threshold=0.9).predict(X)
    assert_array_equal(fixed.predict(X), expected)
    scores = cross_val_score(frozen, X, y, cv=3)
    assert scores.mean() == pytest.approx(served.score(X, y))


def test_threads_share_it(served, spam):
    X = spam[0]
    expected = served.predict_proba(X)
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda i: served.predict_proba(X[i : i + 3]), range(200))
        )
    for start, answer in enumerate(answers):
        assert_allclose(answer, expected[start : start + 3], atol=1e-6)


BAD_ARRAYS = {
    "one row without its axis": (np.zeros(8), "Expected 2D array, got 1D array"),
    "three axes": (np.zeros((2, 8, 1)), "Expected 2D array, got 3D array"),
    "a number": (0.0, "Expected 2D array, got 0D array"),
    "nothing": (None, "Expected 2D array, got 0D array"),
    "no rows": (np.zeros((0, 8)), r"Found array with 0 sample\(s\)"),
    "too few columns": (np.zeros((2, 7)), "X has 7 features, but OnnxClassifier is"),
    "rows of two lengths": ([[1.0] * 8, [1.0]], "differ in length"),
    "strings": (np.full((2, 8), "1"), "must hold real numbers"),
    "a string": ([["a", *range(7)]], "must hold real numbers"),
    "a string among objects": (np.full((1, 8), "1", object), "must hold real numbers"),
    "complex numbers": (np.zeros((2, 8), complex), "must hold real numbers"),
    "times": (np.zeros((2, 8), "M8[s]"), "must hold real numbers"),
    "infinity": (np.full((2, 8), -np.inf), "Input X contains infinity"),
    "too large": (np.full((2, 8), 1e300), "too large for dtype"),
    "a dict without names to find": ({"a": [1.0]}, "does not name its columns"),
    "a frame of other width": (pd.DataFrame({"a": [1.0]}), "X has 1 features"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays_are_refused_by_a_clear_error(served, name):
    X, message = BAD_ARRAYS[name]
    for predict in (served.predict_proba, served.predict):
        with pytest.raises(ValueError, match=message):
            predict(X)


def test_missing_values_go_where_the_network_takes_them(rare, net, served, tmp_path):
    X = rare[0].copy()
    X[::3, 2] = np.nan
    assert_allclose(served.predict_proba(X), net.predict_proba(X), atol=1e-5)
    rows = [[None if np.isnan(v) else v for v in row] for row in X.tolist()]
    assert_allclose(served.predict_proba(rows), net.predict_proba(X), atol=1e-5)
    linear = trained(nn.Linear(8, 1), *rare)
    export_onnx(linear, tmp_path / "net.onnx")
    for model in (linear, load_onnx(tmp_path / "net.onnx")):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            model.predict_proba(X)


# ---- signals and token ids


def test_signals_may_end_early_and_have_no_gaps(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2, 40))
    X[::2, :, 30:] = np.nan
    net = trained(ConvNet, X, rng.integers(2, size=60))
    export_onnx(net, tmp_path / "net.onnx")
    served = load_onnx(tmp_path / "net.onnx")
    assert_allclose(served.predict_proba(X), net.predict_proba(X), atol=1e-5)
    for short in (X[:3, :, :39], [signal[:, :20] for signal in X[1:4]]):
        expected = net.predict_proba(short)
        assert_allclose(served.predict_proba(short), expected, atol=1e-5)
    many = np.tile(X, (3, 1, 1))  # computed in parts
    assert_allclose(served.predict_proba(many), net.predict_proba(many), atol=1e-5)
    masked = np.ma.masked_array(np.nan_to_num(X, nan=7.0), mask=np.isnan(X))
    assert_allclose(served.predict_proba(masked), net.predict_proba(X), atol=1e-5)
    gap, nothing = X.copy(), X.copy()
    gap[3, :, 5] = np.nan
    nothing[3] = np.nan
    for wrong, message in [
        (gap, r"NaN before the end of a signal, first in X\[3\]"),
        (nothing, r"NaN before the end of a signal, first in X\[3\]"),
        (np.repeat(X, 2, axis=2), r"takes \(n, 2, 40\)"),
        (np.where(X > 2, np.inf, X), "infinity"),
    ]:
        with pytest.raises(ValueError, match=message):
            served.predict_proba(wrong)


def test_token_ids_are_whole_and_known(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.integers(1, 50, size=(60, 12))
    net = trained(TextConvNet, X, rng.integers(2, size=60))
    export_onnx(net, tmp_path / "net.onnx")
    served = load_onnx(tmp_path / "net.onnx")
    for rows in (X, X.tolist(), X.astype(np.int16), pd.DataFrame(X), X + 100):
        assert_allclose(served.predict_proba(rows), net.predict_proba(rows), atol=1e-5)
    for wrong, message in [
        (X.astype(float), "token ids, which are whole numbers"),
        (-X, "Token ids are 0 or larger"),
    ]:
        with pytest.raises(ValueError, match=message):
            served.predict(wrong)


# ---- files


def test_files_that_are_not_ours_are_refused_by_name(path, tmp_path):
    content = path.read_bytes()
    target = tmp_path / "other.onnx"
    for part in (
        b"",
        b"hello",
        content[:1000],
        content[:-1],
        content[: len(content) // 2],
    ):
        target.write_bytes(part)
        with pytest.raises(
            ValueError, match=r"other\.onnx (cannot be read|is damaged)"
        ):
            load_onnx(target)
    for changes, message in [
        ({"skbin_format": ""}, "an older skbin or by another program; export it again"),
        ({"skbin_format": "2"}, "newer version of skbin"),
        ({"skbin_format": "x"}, "is damaged"),
        ({"classes": "["}, "is damaged"),
        ({"threshold": ""}, "is damaged"),
    ]:
        with pytest.raises(ValueError, match=rf"other\.onnx .*{message}"):
            load_onnx(with_metadata(path, target, **changes))


def test_a_file_that_cannot_be_opened_is_an_error_as_of_open(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_onnx(tmp_path / "none.onnx")
    with pytest.raises(OSError):  # noqa: PT011 -- of which kind is the system's choice
        load_onnx(tmp_path)


# ---- without torch

WITHOUT_TORCH = """
import json, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "skorch", "onnx", "skl2onnx"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
from skbin import load_onnx
rows = json.loads(sys.argv[2])
print(json.dumps(load_onnx(sys.argv[1]).predict_proba(rows).tolist()))
"""


def test_a_service_needs_no_torch(path, net, spam):
    X = spam[0][:5]
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(path), json.dumps(X.tolist())],
        check=True,
        capture_output=True,
        text=True,
    )
    assert_allclose(json.loads(answer.stdout), net.predict_proba(X), atol=1e-5)


def test_public_names_are_there_before_they_are_imported():
    code = "import sys, skbin; print(*skbin.__all__); assert 'torch' not in sys.modules"
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert answer.stdout.split() == skbin.__all__
    assert {*skbin.__all__, "__version__"} <= set(dir(skbin))
    for name in set(skbin.__all__) - {"SEARCH_SPACES", "SKOPS_TRUSTED_TYPES"}:
        assert getattr(skbin, name).__name__ == name
    with pytest.raises(AttributeError):
        skbin.NoNet  # noqa: B018  asking for it is the test


def test_sparse_and_masked_rows_are_read_as_the_net_reads_them(served):
    rows = np.eye(8)
    expected = served.predict_proba(rows)
    assert_array_equal(served.predict_proba(csr_matrix(rows)), expected)
    masked = np.ma.masked_array(rows, mask=rows == 1)
    missing = np.where(rows == 1, np.nan, rows)
    assert_array_equal(served.predict_proba(masked), served.predict_proba(missing))


def test_many_rows_are_computed_in_parts(served):
    rows = np.random.default_rng(0).normal(size=(10_000, 8))
    expected = [served.predict_proba(part) for part in np.split(rows, 10)]
    assert_allclose(served.predict_proba(rows), np.concatenate(expected), atol=1e-6)


@pytest.mark.parametrize("n_threads", [-1, 0, "1", 1.5, None])
def test_threads_are_counted_from_one(n_threads, tmp_path):
    with pytest.raises((TypeError, ValueError), match="n_threads"):
        load_onnx(tmp_path / "any", n_threads=n_threads)
