"""load_onnx reads tables: DataFrames, dicts of lists and JSON records."""

import datetime
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from skbin import BinaryNetClassifier, DenseNet, export_onnx, load_onnx
from skbin.serving.columns import ColumnInputs

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)


@pytest.fixture(scope="module")
def named(rare, tmp_path_factory):
    frame = pd.DataFrame(rare[0], columns=list("abcdefgh"))
    net = BinaryNetClassifier(DenseNet, max_epochs=3, random_state=0)
    net.fit(frame, rare[1])
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    export_onnx(net, path)
    return net, load_onnx(path), frame


def test_columns_are_found_by_their_names(named):
    net, served, frame = named
    expected = net.predict_proba(frame)
    assert served.feature_names_in_.tolist() == list("abcdefgh")
    backwards = frame[frame.columns[::-1]]
    for X in (
        frame,
        backwards,
        pl.from_pandas(backwards),
        backwards.to_dict("list"),
        backwards.to_dict("records"),
        frame.to_numpy(),
    ):
        assert_allclose(served.predict_proba(X), expected, atol=1e-5)


def test_other_columns_are_refused_by_name(named):
    _, served, frame = named
    with pytest.raises(ValueError, match=r"lacks the columns \['c'\]"):
        served.predict(frame.drop(columns="c"))
    with pytest.raises(ValueError, match=r"has the columns \['z'\]"):
        served.predict(frame.assign(z=0.0))
    with pytest.raises(ValueError, match="'b' takes numbers, and X holds strings"):
        served.predict(frame.assign(b="x"))


@pytest.fixture(scope="module")
def by_column(tmp_path_factory):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(4, 1, size=200),
            "not used": "x",
            "country": rng.choice(["DE", "FR", "PL"], size=200),
        }
    )
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["amount"]),
        (OneHotEncoder(handle_unknown="ignore"), ["country"]),
    )
    net = BinaryNetClassifier(DenseNet, max_epochs=3, random_state=0)
    model = make_pipeline(columns, net).fit(frame, frame["country"] == "PL")
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(model, path)
    return model, load_onnx(path), frame


def test_one_input_for_each_column_takes_any_table(by_column):
    model, served, frame = by_column
    frame = frame.assign(amount=frame["amount"].where(frame.index % 5 > 0))
    expected = model.predict_proba(frame)
    none = frame.astype(object).where(frame.notna(), None)
    for X in (
        frame,
        pl.from_pandas(frame),
        frame.to_dict("list"),
        none.to_dict("list"),
        none.to_dict("records"),
        {name: frame[name] for name in frame},
    ):
        assert_allclose(served.predict_proba(X), expected, atol=1e-5)
        assert_array_equal(served.predict(X), model.predict(frame))
    assert served.predict(frame).dtype == bool


BAD_TABLES = {
    "an array": (np.zeros((1, 2)), "must name its columns"),
    "rows": ([[90.0, "PL"]], "must name its columns"),
    "no rows": ({"amount": [], "country": []}, r"Found array with 0 sample\(s\)"),
    "no records": ([], "must name its columns"),
    "a column less": ([{"amount": 90.0}], r"lacks the columns \['country'\]"),
    "a key less": (
        [{"amount": 1.0, "country": "PL"}, {"amount": 2.0}],
        r"Row 1 of X does not have the same columns as row 0: \['country'\]",
    ),
    "one record": ({"amount": 90.0, "country": "PL"}, "pass a list"),
    "a row among records": ([{"amount": 1.0, "country": "PL"}, 5], "row 1 is a int"),
    "columns of two lengths": (
        {"amount": [1.0], "country": ["PL", "DE"]},
        "differ in length",
    ),
    "a string for a number": (
        [{"amount": "90", "country": "PL"}],
        "'amount' takes numbers, and X holds strings there, such as '90'",
    ),
    "a number for a string": (
        [{"amount": 90.0, "country": 5}],
        "'country' takes strings, and X holds numbers there, such as 5",
    ),
    "a list in a cell": ([{"amount": [1.0], "country": "PL"}], "holds a list"),
    "lists in a column": (
        {"amount": [[1], [2]], "country": ["a", "b"]},
        "holds a list",
    ),
    "a mixture": (
        [{"amount": 1.0, "country": "PL"}, {"amount": "x", "country": "PL"}],
        "'amount' mixes types",
    ),
    "infinity": ([{"amount": np.inf, "country": "PL"}], "Input X contains infinity"),
    "a number of many digits": ([{"amount": 10**400, "country": "PL"}], "'amount'"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables_are_refused_by_a_clear_error(by_column, name):
    X, message = BAD_TABLES[name]
    with pytest.raises(ValueError, match=message):
        by_column[1].predict(X)


@pytest.mark.parametrize("module", [DenseNet, partial(nn.Linear, 2, 1)])
def test_a_category_that_the_encoder_refuses_is_refused_here(module, tmp_path):
    frame = pd.DataFrame({"kind": ["a", "b"] * 40})
    columns = make_column_transformer((OneHotEncoder(), ["kind"]))
    net = BinaryNetClassifier(module, max_epochs=2, random_state=0)
    model = make_pipeline(columns, net).fit(frame, frame["kind"] == "a")
    export_onnx(model, tmp_path / "model.onnx")
    served = load_onnx(tmp_path / "model.onnx")
    assert_array_equal(served.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="Row 1 of X has no probability"):
        served.predict_proba({"kind": ["a", "c"]})


NOON = datetime.datetime(1970, 1, 3, 12, tzinfo=datetime.UTC)
KINDS = {
    "time": (
        [
            [NOON, None],
            ["1970-01-03T12:00:00Z", None],
            ["1970-01-03T12:00:00+05:00", None],
            pd.Series([NOON, None]),
            np.array(["1970-01-03T12", "NaT"], dtype="M8[s]"),
        ],
        [2.5, np.nan],
    ),
    "duration": (
        [
            [datetime.timedelta(hours=36), None],
            pd.Series([pd.Timedelta("36h"), None]),
            [1.5, None],
        ],
        [1.5, np.nan],
    ),
    "number": ([[1, None], [True, np.nan], pd.array([1, None])], [1.0, np.nan]),
    "category": ([[3, None], [3.0, np.nan]], [3.0, np.nan]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_every_kind_become_float64(kind):
    inputs = ColumnInputs({"c": (kind, "tensor(double)")}, takes_missing=True)
    given, expected = KINDS[kind]
    for values in given:
        for X in ({"c": values}, pd.DataFrame({"c": values})):
            read = inputs.read(X)["c"]
            assert read.shape == (2, 1)
            assert_array_equal(read.ravel(), expected)


def test_times_are_neither_numbers_nor_other_strings():
    inputs = ColumnInputs({"c": ("time", "tensor(double)")}, takes_missing=False)
    for values, message in [
        ([5.0], "takes times, and X holds numbers"),
        (["noon"], "takes times, and row 0 holds 'noon'"),
        ([None], "Input X contains NaN: column 'c', first in row 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            inputs.read({"c": values})


def test_missing_strings_are_empty():
    inputs = ColumnInputs({"c": ("category", "tensor(string)")}, takes_missing=False)
    for values in (["a", None], ["a", np.nan], pd.Series(["a", None], dtype="str")):
        assert inputs.read({"c": values})["c"].tolist() == [["a"], [""]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_cells_that_fit_took_are_taken_here(tmp_path):
    rng = np.random.default_rng(0)
    days = pd.to_datetime(rng.choice(["2020-01-01", "2020-01-02"], 200))
    frame = pd.DataFrame(
        {
            "note": rng.choice(["p", "q"], 200),
            "day": days,
            "number": np.arange(200),
            "zone": days.tz_localize("Europe/Berlin"),
        }
    )
    frame.loc[0, "note"] = ""
    net = BinaryNetClassifier(
        categorical_features=["day", "number"], max_epochs=2, random_state=0
    ).fit(frame, frame["note"] == "q")
    export_onnx(net, tmp_path / "net.onnx")
    served = load_onnx(tmp_path / "net.onnx")
    new = frame[:20].copy()
    new.loc[1, ["note", "day", "number"]] = None
    expected = net.predict_proba(new)
    for given in (new, pl.from_pandas(new), pl.from_pandas(new).to_dict()):
        assert_allclose(served.predict_proba(given), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_rows_without_names_go_by_their_places(tmp_path):
    rows = np.array(
        [["a", 1.0], ["b", None], ["a", 3.0], ["b", 4.0]] * 20, dtype=object
    )
    net = BinaryNetClassifier(max_epochs=2, random_state=0).fit(rows, [0, 1, 0, 1] * 20)
    export_onnx(net, tmp_path / "net.onnx")
    served = load_onnx(tmp_path / "net.onnx")
    expected = net.predict_proba(rows[:4])
    for new in (rows[:4], rows[:4].tolist()):
        assert_allclose(served.predict_proba(new), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"X must have 2 columns, .* of \(4, 1\)"):
        served.predict(rows[:4, :1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_column_may_be_called_as_the_input_of_an_array(tmp_path):
    frame = pd.DataFrame({"X": ["a", "b"] * 40})
    columns = make_column_transformer((OneHotEncoder(), ["X"]))
    net = BinaryNetClassifier(nn.Linear(2, 1), max_epochs=2, random_state=0)
    model = make_pipeline(columns, net).fit(frame, frame["X"] == "a")
    export_onnx(model, tmp_path / "model.onnx")
    assert_array_equal(
        load_onnx(tmp_path / "model.onnx").predict(frame), model.predict(frame)
    )
