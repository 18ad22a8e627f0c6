"""export_onnx of steps over named columns and strings agrees with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from skbin import BinaryNetClassifier, DenseNet, export_onnx
from skbin.export.onnx_steps import translated_step

pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)

N = 120
WORDS = ["a", "b", "grün", "New York", "0"]


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "time of day": 1.7e9 + 1000 * rng.normal(size=N),
            "size": np.where(np.arange(N) % 7 == 0, np.nan, rng.normal(size=N)),
            "n": rng.integers(4, size=N),
            "step": rng.choice([0.5, 1.5], N),
            "kind": rng.choice(WORDS, N),
            "shop": pd.Series(rng.choice([*WORDS, None], N), dtype="str"),
            "colour": pd.Categorical(rng.choice(WORDS[:3], N)),
            "is_new": rng.choice([True, False], N),
            "not used": "x",
        }
    )


def fed(session, X):
    """Give each input its column as a service would, a missing string as ''."""
    feed = {}
    for wanted in session.get_inputs():
        column = X[[wanted.name]]
        if wanted.type == "tensor(double)":
            feed[wanted.name] = column.to_numpy(np.float64)
        else:
            feed[wanted.name] = column.astype(object).fillna("").to_numpy(object)
    return feed


def session_of(content):
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def ignoring(**params):
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False, **params)


ENCODED = OrdinalEncoder(
    handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
)
IMPUTED = [SimpleImputer(strategy="most_frequent"), SimpleImputer(strategy="median")]
STEPS = {
    "numbers by name": [(StandardScaler(), ["time of day", "n"])],
    "strings and numbers": [
        (ignoring(), ["kind", "colour"]),
        (MinMaxScaler(), ["time of day"]),
    ],
    "one string": [(ignoring(), ["kind"])],
    "a column in two places": [(ignoring(), ["n"]), (StandardScaler(), ["n"])],
    "missing strings as a category": [(ignoring(), ["shop"])],
    "missing strings filled in": [(make_pipeline(IMPUTED[0], ignoring()), ["shop"])],
    "constant filled in": [
        (
            make_pipeline(
                SimpleImputer(strategy="constant", fill_value="none"), ignoring()
            ),
            ["shop", "kind"],
        )
    ],
    "missing numbers filled in": [
        (make_pipeline(IMPUTED[1], StandardScaler()), ["size", "n"])
    ],
    "numbers as categories": [(ignoring(), ["n", "step", "is_new", "size"])],
    "ordinal": [(ENCODED, ["kind", "shop", "n"])],
    "target": [(TargetEncoder(), ["kind", "n", "shop"])],
    "dropped first": [(OneHotEncoder(drop="first"), ["colour", "is_new"])],
    "dropped if binary": [(ignoring(drop="if_binary"), ["kind", "is_new"])],
    "infrequent": [
        (
            OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3),
            ["kind", "colour"],
        )
    ],
    "selected by type": [
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (ignoring(), make_column_selector(dtype_exclude="number")),
    ],
    "by position": [(ignoring(), [4, 5]), (MinMaxScaler(), slice(0, 1))],
    "by mask": [(ignoring(), np.arange(9) == 4), (MinMaxScaler(), [2])],
}


@pytest.fixture(scope="module")
def translated():
    """Each step, fitted, with its graph: made once, run many times."""
    X, y = frame(), np.arange(N) % 3 == 0
    made = {}
    for name, parts in STEPS.items():
        step = make_column_transformer(*parts, sparse_threshold=0).fit(X, y)
        model = translated_step(name, step, is_first=True)
        made[name] = step, session_of(model.SerializeToString())
    return made


@pytest.mark.parametrize("name", STEPS)
def test_a_step_over_columns_agrees_with_scikit_learn(translated, name):
    step, session = translated[name]
    X = frame()
    (transformed,) = session.run(None, fed(session, X))
    assert_allclose(transformed, step.transform(X).astype(float), rtol=1e-12)


def test_columns_of_data_are_inputs_by_their_names(translated):
    _, session = translated["strings and numbers"]
    inputs = {given.name: given.type for given in session.get_inputs()}
    assert inputs == {
        "time of day": "tensor(double)",
        "kind": "tensor(string)",
        "colour": "tensor(string)",
    }


strings = st.sampled_from([*WORDS, "unknown", "", " a", "A", "x" * 10_000]) | st.text()
numbers = st.sampled_from([0.0, -0.0, 1e300, -1e300, 5e-324, 2.5, 3, 0.5, -1])
ROWS = {
    "time of day": numbers,
    "size": numbers | st.none(),
    "n": numbers,
    "step": numbers,
    "kind": strings,
    "shop": strings.map(lambda text: text or None),
    "colour": strings,
    "is_new": numbers,
    "not used": strings,
}
REFUSING = ("dropped first",)  # refuse what they do not know


@pytest.mark.parametrize("name", [name for name in STEPS if name not in REFUSING])
@settings(max_examples=30)
@given(rows=st.lists(st.fixed_dictionaries(ROWS), min_size=1, max_size=5))
@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
def test_rows_of_any_values_agree_with_scikit_learn(translated, name, rows):
    step, session = translated[name]
    X = pd.DataFrame(rows).astype(
        dict.fromkeys(["time of day", "size", "n", "step", "is_new"], float)
        | dict.fromkeys(["kind", "shop", "colour"], "str")
    )
    (transformed,) = session.run(None, fed(session, X))
    expected = step.transform(X).astype(float)
    assert_allclose(transformed, expected, rtol=1e-12, atol=1e-300)


def test_what_an_encoder_refuses_becomes_infinite(translated):
    step, session = translated["dropped first"]
    X = frame().assign(colour="unknown")
    with pytest.raises(ValueError, match="unknown"):
        step.transform(X)
    (transformed,) = session.run(None, fed(session, X))
    is_of_colour = np.char.find(step.get_feature_names_out().astype(str), "colour") >= 0
    assert np.isinf(transformed[:, is_of_colour]).all()
    assert not np.isinf(transformed[:, ~is_of_colour]).any()


def test_strings_without_names_are_inputs_by_their_places():
    X = frame()[["kind", "n"]].to_numpy(dtype=object)
    step = make_column_transformer((ignoring(), [0]), (StandardScaler(), [1])).fit(X)
    model = translated_step("columns", step, is_first=True)
    session = session_of(model.SerializeToString())
    (transformed,) = session.run(
        None, fed(session, pd.DataFrame(X, columns=["x0", "x1"]))
    )
    assert_allclose(transformed, step.transform(X), rtol=1e-12)


def test_an_encoder_of_strings_may_be_the_first_step():
    X = frame()[["kind", "colour"]]
    step = ignoring().fit(X)
    session = session_of(
        translated_step("encoder", step, is_first=True).SerializeToString()
    )
    assert_allclose(session.run(None, fed(session, X))[0], step.transform(X))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_pipeline_over_a_frame_is_served_whole(tmp_path, seed):
    X = frame().sample(frac=1, random_state=seed)
    y = np.where((X["kind"] == "a") | (X["n"] == 3), "fraud", "fine")
    columns = make_column_transformer(
        (make_pipeline(IMPUTED[1], StandardScaler()), ["time of day", "size"]),
        (ignoring(), ["kind", "shop", "n"]),
    )
    net = BinaryNetClassifier(
        DenseNet, pos_label="fraud", threshold=0.3, max_epochs=5, random_state=0
    )
    pipeline = make_pipeline(columns, StandardScaler(), net).fit(X, y)
    export_onnx(pipeline, tmp_path / "net.onnx")
    session = session_of(tmp_path / "net.onnx")
    unknown = X.assign(kind="unknown", n=-1, size=np.nan)
    for rows in (X, X[:1], unknown):
        probabilities, label = session.run(None, fed(session, rows))
        assert_allclose(probabilities, pipeline.predict_proba(rows), atol=1e-5)
        assert_array_equal(label, pipeline.predict(rows))


def test_names_that_look_alike_or_are_used_inside_are_kept_apart(tmp_path):
    names = ["a b", "a_b", "a-b", "X", "skbin_next_X", "variable", "1", "é"]
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 8)) * 10.0 ** np.arange(8), columns=names)
    net = BinaryNetClassifier(DenseNet, max_epochs=1, random_state=0)
    columns = make_column_transformer((StandardScaler(), names))
    pipeline = make_pipeline(columns, MinMaxScaler(), net).fit(X, X["a_b"] > 0)
    export_onnx(pipeline, tmp_path / "net.onnx")
    session = session_of(tmp_path / "net.onnx")
    probabilities, _ = session.run(None, fed(session, X))
    assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-5)
