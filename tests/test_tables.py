"""Tables as people have them: raw DataFrames in, without a step before."""

import datetime
import pickle
import re
import warnings
from decimal import Decimal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skorch.callbacks import EpochScoring
from torch import nn

from skbin import BinaryNetClassifier, DenseNet, load, save
from skbin.data.arrays import offset_of_rows
from skbin.data.tables import MISSING, OTHER, Column, Table, learn_table

N = 240


def quick(*args, **params):
    return BinaryNetClassifier(*args, **{"max_epochs": 4, "random_state": 0, **params})


def make_frame(n=N, seed=0):
    """A column of each kind that people have, with values missing in most."""
    rng = np.random.default_rng(seed)

    def some(values):
        return [None if rng.random() < 0.1 else value for value in values]

    words = rng.choice(["red", "green", "blue"], n)
    return pd.DataFrame(
        {
            "float": pd.Series(some(rng.normal(size=n)), dtype=float),
            "int": rng.integers(0, 9, n),
            "bool": rng.random(n) < 0.5,
            "string": pd.Series(some(words), dtype="str"),
            "object": pd.Series(some(words), dtype=object),
            "category": pd.Categorical(some(words)),
            "nullable int": pd.array(some(range(n)), dtype="Int64"),
            "nullable bool": pd.array(some(rng.random(n) < 0.5), dtype="boolean"),
            "arrow": pd.array(some(range(n)), dtype="int64[pyarrow]"),
            "arrow string": pd.array(some(words), dtype="string[pyarrow]"),
            "time": pd.date_range("2024-01-01", periods=n, freq="7h"),
            "zone": pd.date_range("2024-01-01", periods=n, freq="7h", tz="Asia/Tokyo"),
            "duration": pd.to_timedelta(rng.integers(0, 99, n), unit="h"),
            "date": [datetime.date(2024, 1, 1 + i % 28) for i in range(n)],
            "decimal": [Decimal(int(i)) / 7 for i in range(n)],
            "objects of bool": pd.Series(some(rng.random(n) < 0.5), dtype=object),
        }
    )


@pytest.fixture(scope="module")
def table():
    X = make_frame()
    return X, ((X["object"] == "red") & X["bool"]).to_numpy().astype(int)


FORMS = {
    "pandas": lambda X: X,
    "polars": pl.from_pandas,
    "pyarrow": pa.Table.from_pandas,
    "backwards": lambda X: X[X.columns[::-1]],
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_a_table_are_one_table(table, form):
    X, y = table
    X_other = FORMS[form](X)
    net = quick().fit(X, y)
    assert_array_equal(net.predict_proba(X_other), net.predict_proba(X))
    if form != "backwards":  # the columns of a network are drawn in order
        other = quick().fit(X_other, y)
        assert_array_equal(other.predict_proba(X), net.predict_proba(X))


@pytest.mark.filterwarnings("ignore:Class 1 has one distinct row")
def test_a_table_is_learnt_from_each_of_its_kinds_of_columns():
    rng = np.random.default_rng(0)
    n = 600
    y = (rng.random(n) < 0.3).astype(int)
    telling = {
        "string": np.where(y, "yes", "no"),
        "category": pd.Categorical(np.where(y, "yes", "no")),
        "bool": y.astype(bool),
        "missing number": np.where(y, np.nan, rng.normal(size=n)),
        "missing string": np.where(y, None, "here"),
        "number": y * 5.0 + 1e9,
        "time of day": pd.Timestamp("2024-01-01")
        + pd.to_timedelta(rng.integers(0, 300, n) * 24 + y * 12, unit="h"),
    }
    for name, column in telling.items():
        X = pd.DataFrame({"noise": rng.normal(size=n), name: column})
        net = quick(max_epochs=80, early_stopping=False).fit(X[:400], y[:400])
        assert net.score(X[400:], y[400:]) > 0.95, name


def test_what_is_learned_goes_wherever_the_estimator_goes(table, tmp_path):
    X, y = table
    net = quick().fit(X, y)
    expected = net.predict_proba(X)
    save(net, tmp_path / "net")
    copies = [
        load(tmp_path / "net"),
        pickle.loads(pickle.dumps(net)),
        clone(net).fit(X, y),
        quick(memory=tmp_path / "memory").fit(X, y),
        quick(memory=tmp_path / "memory").fit(X, y),
    ]
    for copy in copies:
        assert_array_equal(copy.predict_proba(X), expected)
        assert copy.n_features_in_ == X.shape[1]
        assert copy.feature_names_in_.tolist() == X.columns.tolist()


def test_memory_tells_categories_apart_that_have_the_same_codes(table, tmp_path):
    X, y = table
    net = quick(memory=tmp_path)
    first = net.fit(X[["object", "int"]], y).predict_proba(X[["object", "int"]])
    renamed = X[["object", "int"]].replace({"object": {"red": "rouge"}})
    n_kept = len(list(tmp_path.rglob("*.pkl")))
    assert net.fit(renamed, y).predict_proba(renamed).shape == first.shape
    assert "rouge" in net._data.table.columns[0].categories
    assert len(list(tmp_path.rglob("*.pkl"))) > n_kept


def test_training_goes_on_with_the_categories_of_the_first_call(table):
    X, y = table
    net = quick().partial_fit(X[:100], y[:100], classes=[0, 1])
    before = net._data.table
    net.partial_fit(X.assign(object="never seen"), y)
    assert net._data.table == before


def test_searches_pipelines_and_inspection_take_frames(table):
    X, y = table
    X, y = X[["object", "bool", "float"]], np.arange(len(y)) % 3 == 0
    assert cross_val_score(quick(), X, y, cv=2, error_score="raise").shape == (2,)
    search = GridSearchCV(quick(), {"threshold": [0.2, 0.5]}, cv=2, error_score="raise")
    search.fit(X, y)
    importance = permutation_importance(search, X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.shape == (3,)
    encoded = make_pipeline(OneHotEncoder(handle_unknown="ignore"), quick())
    assert encoded.fit(X[["object"]], y).predict(X[["object"]]).shape == (len(y),)


# ---- categories


def test_unknown_rare_and_missing_categories_have_codes_of_their_own():
    X = pd.DataFrame({"c": ["a"] * 300 + ["b"] * 90 + ["once", None]})
    learned = learn_table(X, text_features=None)
    assert learned.columns[0].categories == ("a", "b")
    codes = learned.encode(pd.DataFrame({"c": ["a", "b", "once", "new", None]}))
    assert codes.ravel().tolist() == [2, 3, OTHER, OTHER, 0]


def test_categories_are_counted_where_rows_count():
    X = pd.DataFrame({"c": ["a", "b"] * 200})
    learned = learn_table(X, text_features=None, weight=np.tile([1.0, 0.0], 200))
    assert learned.columns[0].categories == ("a",)


@pytest.mark.filterwarnings("ignore:Column 'value' holds:UserWarning")
@pytest.mark.parametrize(
    "values",
    {
        "ids, each once": [f"id {i}" for i in range(N)],
        "10,000 categories": [f"id {i % 10_000}" for i in range(60_000)],
        "one category": ["same"] * N,
        "nothing": [None] * N,
        "a category of one row": ["a"] * (N - 1) + ["b"],
        "a constant number": [5.0] * N,
        "no number": [np.nan] * N,
        "a number far from zero": [1.7e18 + 1e9 * i for i in range(N)],
    }.items(),
    ids=lambda pair: pair[0],
)
def test_columns_that_tell_little_do_no_harm(values):
    values = values[1]
    n = len(values)
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    X = pd.DataFrame({"value": values, "y": y + rng.normal(scale=0.1, size=n)})
    net = quick(max_epochs=max(2, 40 * N // n)).fit(X, y)
    assert net.score(X, y) > 0.95
    assert np.isfinite(net.predict_proba(X)).all()


@pytest.mark.parametrize(
    "named", [[0], ["code"], [True, False], np.array([0])], ids=str
)
def test_categories_may_be_named(named):
    rng = np.random.default_rng(0)
    code = rng.integers(0, 30, 400)
    y = code % 2
    X = pd.DataFrame({"code": code, "noise": rng.normal(size=400)})
    net = quick(categorical_features=named, max_epochs=80).fit(X, y)
    assert net._data.table.n_categories == (32, 0)
    assert net.score(X, y) > 0.95
    if not isinstance(named, list) or named != ["code"]:
        array = quick(categorical_features=named, max_epochs=80).fit(X.to_numpy(), y)
        assert_allclose(array.predict_proba(X.to_numpy()), net.predict_proba(X))


def test_arrays_of_objects_with_strings_are_tables(table):
    X, y = table
    values = X[["object", "int"]].to_numpy()
    net = quick().fit(values, y)
    assert net._data.table.n_categories == (5, 0)
    assert net.predict_proba(values).shape == (N, 2)


def test_names_that_are_no_columns_are_refused(table):
    with pytest.raises(ValueError, match="'colour' which is not a valid feature name"):
        quick(categorical_features=["colour"]).fit(*table)


# ---- missing values


@pytest.mark.parametrize("n_bins", [None, 0])
def test_missing_numbers_are_learnt_in_arrays_as_in_frames(n_bins):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    X[rng.random((400, 3)) < 0.3] = np.nan
    y = np.isnan(X[:, 0]).astype(int)
    net = quick(max_epochs=200, module__n_bins=n_bins, early_stopping=False).fit(X, y)
    assert net.score(X, y) > 0.99
    as_frame = clone(net).fit(pd.DataFrame(X, columns=list("abc")), y)
    assert_array_equal(
        as_frame.predict_proba(pd.DataFrame(X, columns=list("abc"))),
        net.predict_proba(X),
    )
    assert net.__sklearn_tags__().input_tags.allow_nan


def test_a_value_missing_only_in_predictions_counts_as_the_median():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(301, 2)).astype(np.float32)
    net = quick(early_stopping=False).fit(X, X[:, 0] > 1)
    at_median = np.median(X, axis=0, keepdims=True)
    missing = np.full((1, 2), np.nan)
    assert_allclose(net.predict_proba(missing), net.predict_proba(at_median), rtol=1e-5)


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, X):
        return X.nansum(dim=1) * self.scale


class TakesMissing(Sum):
    takes_missing_values = True


@pytest.mark.parametrize("when", ["fit", "predict"])
def test_a_module_of_ones_own_says_whether_it_takes_missing_values(when):
    X = np.arange(8.0).reshape(4, 2)
    holed = np.where(X == 3, np.nan, X)
    y = [0, 1, 0, 1]
    assert quick(TakesMissing).fit(holed, y).predict(holed).shape == (4,)
    net = quick(Sum)
    if when == "predict":
        net.fit(X, y)
    with pytest.raises(ValueError, match="contains NaN, and Sum does not take"):
        net.fit(holed, y) if when == "fit" else net.predict(holed)
    assert not net.__sklearn_tags__().input_tags.allow_nan


def test_a_module_of_ones_own_is_told_what_categories_there_are(table):
    class Tells(Sum):
        takes_categories = True
        takes_missing_values = True

        def __init__(self, n_features, n_categories):
            super().__init__()
            self.told = n_features, n_categories

    X, y = table
    net = quick(Tells).fit(X[["object", "time"]], y)
    assert net.module_.told == (4, (5, 0, 0, 0))
    with pytest.raises(ValueError, match=r"\['object'\], which Sum does not take"):
        quick(Sum).fit(X[["object", "time"]], y)


# ---- columns by name


def test_a_name_that_stands_for_two_columns_is_refused(table):
    X, y = table
    twice = X.set_axis(["same", "same", *X.columns[2:]], axis=1)
    for net, call in ((quick(), "fit"), (quick().fit(X, y), "predict")):
        arguments = (twice, y) if call == "fit" else (twice,)
        with pytest.raises(ValueError, match=r"same name: \['same'\]"):
            getattr(net, call)(*arguments)


@pytest.mark.parametrize("columns", [["object", "int"], ["float", "int"]])
def test_other_columns_are_refused_by_name(table, columns):
    X, y = table
    net = quick().fit(X[columns], y)
    with pytest.raises(ValueError, match=f"now missing:\n- {columns[0]}"):
        net.predict(X[columns[1:]])
    with pytest.raises(ValueError, match="unseen at fit time:\n- new"):
        net.predict(X[columns].assign(new=1))


def test_columns_without_names_are_known_by_their_place():
    X = pd.DataFrame({0: ["a", "b"] * 20, 1: np.arange(40)})
    y = [0, 1] * 20
    net = quick().fit(X, y)
    assert_array_equal(net.predict_proba(X[[1, 0]]), net.predict_proba(X))


def test_a_frame_without_columns_or_rows_is_refused(table):
    X, y = table
    with pytest.raises(ValueError, match="no columns"):
        quick().fit(X.iloc[:, :0], y)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        quick().fit(X, y).predict(X.iloc[:0])


@pytest.mark.parametrize(
    "later",
    [
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": pd.array([1, None], dtype=object)}),
        pl.DataFrame({"a": [1.0, None]}),
        pa.table({"a": [1.0, None]}),
    ],
    ids=["nullable", "objects", "polars", "pyarrow"],
)
def test_numbers_may_come_in_another_type_than_in_fit(later):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=100)})
    net = quick().fit(X, X["a"] > 1)
    expected = net.predict_proba(pd.DataFrame({"a": [1.0, np.nan]}))
    assert_array_equal(net.predict_proba(later), expected)


# ---- what is refused


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", 1] * 20, r"'bad' mixes types: row 0 holds 'a', row 1 holds 1"),
        ([1, None, "a", 2] * 10, r"'bad' mixes types: row 0 holds 1, row 2 holds 'a'"),
        ([[1], [2]] * 20, r"'bad' holds a list in row 0"),
        ([None, {"a": 1}] * 20, r"'bad' holds a dict in row 1"),
        (np.arange(40) * 1j, r"'bad' holds a complex in row 0"),
        ([1.0, np.inf] * 20, r"infinity: column 'bad', first in row 1"),
        ([b"a", b"b"] * 20, r"'bad' holds a bytes in row 0"),
    ],
)
@pytest.mark.parametrize("others", ["numbers", "strings"])
def test_cells_that_are_no_values_are_refused_with_column_and_row(
    column, message, others
):
    other = np.arange(40.0) if others == "numbers" else ["x", "y"] * 20
    X = pd.DataFrame({"good": other, "bad": column})
    net = quick()
    with pytest.raises(ValueError, match=message):
        net.fit(X, [0, 1] * 20)
    assert not hasattr(net, "module_")


@pytest.mark.parametrize(
    ("fitted", "later", "message"),
    [
        (["a", "b"], [1, 2], "held categories such as 'a' in fit, and holds 1 now"),
        ([1.5, 2.5], ["a", "b"], "held numbers in fit, and holds strings"),
        ([1.5, 2.5], pd.to_datetime(["2024", "2025"]), "held numbers .* holds times"),
        (pd.to_datetime(["2024", "2025"]), [1, 2], "held times .* holds numbers now"),
    ],
)
@pytest.mark.parametrize("others", ["numbers", "strings"])
def test_a_column_that_becomes_another_kind_is_refused(fitted, later, message, others):
    other = np.arange(40.0) if others == "numbers" else ["x", "y"] * 20
    make = lambda cells: pd.DataFrame({"c": list(cells) * 20, "other": other})  # noqa: E731  short
    net = quick().fit(make(fitted), [0, 1] * 20)
    with pytest.raises(ValueError, match=message):
        net.predict(make(later))


@pytest.mark.parametrize("kind", ["object", "float", "time"])
def test_a_column_may_be_empty_in_predictions(table, kind):
    X, y = table
    net = quick().fit(X[[kind, "string"]], y)
    empty = X[[kind, "string"]].assign(**{kind: None})
    assert np.isfinite(net.predict_proba(empty)).all()


# ---- laws


def test_the_array_is_at_most_three_times_the_table():
    X = make_frame(2000)
    raw = X.memory_usage(index=False, deep=True).sum()
    encoded = learn_table(X).encode(X).astype(np.float32)
    assert encoded.nbytes <= 3 * raw


cells = st.one_of(st.none(), st.text(max_size=3))


@settings(max_examples=50)
@given(st.lists(cells, min_size=1, max_size=30), st.lists(cells, max_size=30))
def test_each_category_has_one_code_whatever_rows_come_along(fitted, later):
    frame = pd.DataFrame({"c": pd.Series(fitted, dtype=object)})
    learned = learn_table(frame, text_features=None)
    if learned.columns[0].kind != "category":
        assert all(value is None for value in fitted)
        return
    both = [*later, *fitted]
    codes = learned.encode(pd.DataFrame({"c": pd.Series(both, dtype=object)})).ravel()
    assert codes.max() < learned.n_categories[0]
    for value, code in zip(both, codes, strict=True):
        known = learned.columns[0].categories
        assert code == (
            0 if value is None else 2 + known.index(value) if value in known else OTHER
        )


@settings(max_examples=50)
@given(
    st.lists(
        st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1)),
        min_size=2,
        max_size=10,
    )
)
def test_times_become_what_the_calendar_says(times):
    X = pd.DataFrame({"t": pd.Series(times, dtype="datetime64[us]")})
    table = learn_table(X)
    encoded = table.encode(X)
    latest = table.columns[0].latest
    for time, (days, of_day, weekday, *of_year) in zip(times, encoded, strict=True):
        start = datetime.datetime(1970, 1, 1)
        since = (time - start) / datetime.timedelta(days=1)
        assert days == pytest.approx(min(since, latest))
        midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
        share = (time - midnight) / datetime.timedelta(days=1)
        assert of_day == pytest.approx(share, abs=1e-6)
        assert weekday == time.weekday()
        assert of_year in ([], [time.timetuple().tm_yday - 1])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(
    "make", [pl.from_pandas, lambda X: pa.Table.from_pandas(X, preserve_index=False)]
)
def test_times_of_any_precision_and_library_are_the_same(make, unit):
    times = pd.Series(pd.date_range("2024-01-01", periods=9, freq="7h")).dt.as_unit(
        unit
    )
    if unit == "ns":
        times += pd.Timedelta(nanoseconds=1)
    X = pd.DataFrame({"t": times})
    X.loc[3, "t"] = None
    table = learn_table(X)
    assert learn_table(make(X)) == table
    assert_allclose(table.encode(make(X)), table.encode(X))


@pytest.mark.parametrize(("n_days", "has_seasons"), [(700, False), (800, True)])
def test_the_day_of_the_year_is_read_if_times_cover_two_years(n_days, has_seasons):
    X = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=n_days)})
    assert learn_table(X).encode(X).shape[1] == 3 + has_seasons


def test_later_days_are_read_as_the_latest_fifth_of_the_rows_of_fit():
    X = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=101)})
    weight = np.r_[np.ones(101), np.zeros(50)]  # rows of weight zero teach nothing
    table = learn_table(
        pd.DataFrame({"t": pd.date_range("2024-01-01", periods=151)}), weight
    )
    days = table.encode(X)[:, 0]
    assert_array_equal(days - days[0], np.minimum(np.arange(101), 80))
    later = pd.DataFrame({"t": pd.date_range("2025-01-01", periods=30)})
    assert (table.encode(later)[:, 0] == days[-1]).all()
    assert_array_equal(table.encode(later)[:, 2], later["t"].dt.weekday)


def test_probabilities_stay_where_they_were_when_time_goes_on():
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.1).astype(int)
    y[-60:] = 0  # by chance
    X = pd.DataFrame({"t": pd.date_range("2026-01-01", periods=2000, freq="37min")})
    X["x"] = rng.normal(size=2000) + y
    net = BinaryNetClassifier(random_state=0).fit(X, y)
    later = X.assign(t=X["t"] + (X["t"].iloc[-1] - X["t"].iloc[0]))
    ratio = net.predict_proba(later)[:, 1].mean() / net.predict_proba(X)[:, 1].mean()
    assert 0.5 < ratio < 1.5


def test_narwhals_frames_are_frames(table):
    X, y = table
    net = quick().fit(X, y)
    assert_array_equal(net.predict(nw.from_native(X)), net.predict(X))


def test_codes_of_categories_are_never_moved():
    codes = 900_000 + np.arange(1000.0)[:, np.newaxis] % 3
    far = np.column_stack([codes, codes])
    columns = Column("c", "category", tuple(range(10**6))), Column("n", "number")
    offset = offset_of_rows(far, Table(columns))
    assert offset[0] == 0
    assert offset[1] > 0


# ---- what a stranger tried


@pytest.mark.parametrize("values", [3.0, "a", pd.Timestamp("2024")], ids=str)
def test_a_column_without_a_value_in_fit_is_ignored_with_a_warning(values):
    X = pd.DataFrame({"a": np.arange(40.0), "s": list("xy") * 20, "z": np.nan})
    net = BinaryNetClassifier(max_epochs=1, random_state=0).fit(X, np.arange(40) % 2)
    expected = net.predict_proba(X)
    with pytest.warns(UserWarning, match="'z' held no values in fit") as record:
        found = net.predict_proba(X.assign(z=values))
    assert [warning.filename for warning in record] == [__file__]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([f"id {i}" for i in range(200)], "Few values occur more than once"),
        ([f"2024-01-{i % 28 + 1:02}" for i in range(200)], r"dates.*pd.to_datetime"),
        ([f"2024-01-01T{i % 24:02}:00" for i in range(200)], r"dates.*pd.to_datetime"),
        ([f"1,{i % 50 + 100}.5" for i in range(200)], r"numbers.*errors='coerce'"),
        (["?", *(str(i % 60) for i in range(199))], r"numbers.*errors='coerce'"),
        ([f"{i % 20}" for i in range(200)], None),
        ([f"branch {i % 25}" for i in range(200)], None),
        (["common"] * 100 + [f"id {i}" for i in range(100)], None),
    ],
    ids=["ids", "dates", "times", "amounts", "a word", "few", "names", "half"],
)
def test_strings_that_are_no_categories_are_warned_of(cells, message):
    X = pd.DataFrame({"a": np.arange(200.0), "s": cells})
    net = BinaryNetClassifier(max_epochs=1, random_state=0)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        net.fit(X, np.arange(200) % 2)
    assert [each.filename for each in record] == [__file__] * (message is not None)
    assert all(re.search(message, str(each.message)) for each in record)
    net.set_params(categorical_features=["s"]).fit(X, np.arange(200) % 2)
    net = BinaryNetClassifier(max_epochs=1).fit(X.astype({"s": "category"}), X["a"] > 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda X: X.assign(a=1e300),
            "too large for float32: column 'a'",
        ),
        (lambda X: X.iloc[0], r"X is a Series. One row of a DataFrame is df.iloc"),
        (lambda X: X.iloc[0].to_dict(), r"X\['a'\] is one value, 0.0"),
        (lambda X: {"s": X["s"].to_numpy()}, r"pass pd.DataFrame\(X\)"),
        (lambda X: X.assign(a=["?", *X["a"][1:]]), r"pd.to_numeric\(X\['a'\]"),
    ],
)
def test_what_is_no_table_says_what_to_pass(change, message):
    X = pd.DataFrame({"a": np.arange(40.0), "s": list("xy") * 20})
    with pytest.raises(ValueError, match=message):
        BinaryNetClassifier(max_epochs=1).fit(change(X), np.arange(40) % 2)


def test_numbers_that_come_back_as_strings_say_how_to_read_them():
    X = pd.DataFrame({"a": np.arange(40.0), "s": list("xy") * 20})
    net = BinaryNetClassifier(max_epochs=1).fit(X, np.arange(40) % 2)
    with pytest.raises(ValueError, match=r"held numbers in fit.*errors='coerce'"):
        net.predict(X.astype(str))


def test_a_record_batch_says_how_to_make_a_table_of_it():
    X = pa.record_batch({"a": np.arange(40.0), "s": list("xy") * 20})
    with pytest.raises(TypeError, match=r"RecordBatch.*Table.from_batches\(\[X\]\)"):
        BinaryNetClassifier(max_epochs=1).fit(X, np.arange(40) % 2)


def test_a_lazy_frame_has_no_rows_yet():
    X = pl.DataFrame({"a": [0.0, 1.0] * 20}).lazy()
    with pytest.raises(TypeError, match=r"LazyFrame.*X.collect\(\)"):
        BinaryNetClassifier(max_epochs=1).fit(X, np.arange(40) % 2)


@pytest.mark.parametrize("columns", [["a"], ["a", "s"]])
def test_a_label_that_is_nan_is_named_by_its_row(columns):
    X = pd.DataFrame({"a": np.arange(40.0), "s": list("xy") * 20})[columns]
    y = np.r_[0.0, 1.0, 0.0, np.nan, np.ones(36)]
    with pytest.raises(ValueError, match=r"contains NaN.* the first is y\[3\]"):
        BinaryNetClassifier(max_epochs=1).fit(X, y)


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64"])
def test_a_nullable_label_that_is_missing_is_named_by_its_row(dtype):
    y = pd.Series([False, True] * 20).astype("boolean").astype(dtype)
    BinaryNetClassifier(max_epochs=1).fit(np.eye(40), y)
    y.iloc[3] = pd.NA
    with pytest.raises(ValueError, match=r"contains NaN.* the first is y\[3\]"):
        BinaryNetClassifier(max_epochs=1).fit(np.eye(40), y)


def test_missing_values_in_a_sparse_matrix_say_what_to_pass():
    X = sparse.csr_array(np.diag([np.nan, *np.ones(39)]))
    with pytest.raises(ValueError, match=r"contains NaN.*X.toarray\(\)"):
        BinaryNetClassifier(max_epochs=1).fit(X, np.arange(40) % 2)


# ---- what a strict reader found


def test_scores_that_read_rows_back_know_them_for_rows():
    X = pd.DataFrame({"t": pd.date_range("2024", periods=60), "s": ["x", "y"] * 30})
    score = EpochScoring("accuracy", use_caching=False, on_train=True, name="again")
    net = BinaryNetClassifier(max_epochs=2, callbacks=[score], random_state=0)
    net.fit(X, np.arange(60) % 2)
    assert net.history[-1, "again"] == net.score(X, np.arange(60) % 2)


def test_lists_of_rows_are_read_as_the_table_that_they_are():
    rows = [["x", 1.0, None], ["y", 2.0, 3.0], ["x", None, 5.0]] * 20
    y = np.arange(60) % 2
    as_list = BinaryNetClassifier(max_epochs=2, random_state=0).fit(rows, y)
    table = np.array(rows, dtype=object)
    as_array = BinaryNetClassifier(max_epochs=2, random_state=0).fit(table, y)
    assert_array_equal(as_list.predict_proba(rows), as_array.predict_proba(table))
    assert_array_equal(as_array.predict_proba(rows), as_array.predict_proba(table))


def test_named_categories_of_a_list_are_categories():
    rows = [[k % 3, k * 0.1] for k in range(60)]
    y = np.arange(60) % 2
    net = BinaryNetClassifier(
        max_epochs=2, random_state=0, categorical_features=[0]
    ).fit(rows, y)
    assert net._data.table.n_categories == (5, 0)
    assert_array_equal(net.predict_proba(rows), net.predict_proba(np.array(rows)))


@pytest.mark.parametrize(
    "X",
    [sparse.csr_array(np.eye(40)), {"a": np.eye(40)}, np.zeros((40, 2, 3))],
    ids=["sparse", "dict", "signals"],
)
def test_named_categories_of_what_is_no_table_are_refused(X):
    with pytest.raises(ValueError, match="categorical_features names columns"):
        BinaryNetClassifier(max_epochs=1, categorical_features=[0]).fit(
            X, np.arange(40) % 2
        )


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (DenseNet(2), {}),
        (DenseNet(2, n_categories=(0, 4)), {}),
        (DenseNet, {"module__n_categories": (9, 0)}),
    ],
    ids=["no categories", "other columns", "parameter"],
)
def test_a_network_made_for_other_columns_is_refused(module, params):
    X = pd.DataFrame({"s": list("xy") * 20, "a": np.arange(40.0)})
    with pytest.raises(ValueError, match=r"categories .* but DenseNet was made for"):
        BinaryNetClassifier(module, max_epochs=1, **params).fit(X, np.arange(40) % 2)
    made = DenseNet(2, n_categories=(4, 0))
    BinaryNetClassifier(made, max_epochs=1).fit(X, np.arange(40) % 2).predict(X)


@pytest.mark.parametrize("with_strings", [False, True])
def test_columns_whose_names_are_numbers_are_known_by_name(with_strings, tmp_path):
    rng = np.random.default_rng(0)
    X = {7: rng.normal(size=60), 3: rng.normal(size=60)}
    X = pd.DataFrame({**X, 8: ["x", "y"] * 30} if with_strings else X)
    net = BinaryNetClassifier(max_epochs=3, random_state=0).fit(X, X[7] > 0)
    expected = net.predict_proba(X)
    assert_array_equal(net.predict_proba(X[[*X.columns[::-1]]]), expected)
    assert_array_equal(net.predict_proba(X.to_numpy()), expected)
    save(net, tmp_path / "net.skbin")
    again = load(tmp_path / "net.skbin")
    assert_array_equal(again.predict_proba(X[[*X.columns[::-1]]]), expected)
    with pytest.raises(ValueError, match=r"column|feature"):
        net.predict(X.rename(columns={3: 4}))


def test_times_where_fit_saw_strings_are_refused():
    X = pd.DataFrame({"s": ["x", "y"] * 30, "a": np.arange(60.0)})
    net = BinaryNetClassifier(max_epochs=1).fit(X, np.arange(60) % 2)
    times = X.assign(s=pd.Timestamp("2024-01-01"))
    with pytest.raises(ValueError, match=r"'s' held strings .* holds times now"):
        net.predict(times)
    named = BinaryNetClassifier(max_epochs=1, categorical_features=["s"])
    named.fit(times, np.arange(60) % 2).predict(times)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT], ids=repr)
def test_any_sign_of_a_missing_value_is_one_in_an_array_of_objects(missing):
    cells = ["x", 1.0, pd.Timestamp("2024-01-01")]
    rows = np.array([cells, [missing] * 3] * 20, dtype=object)
    table = learn_table(rows)
    encoded = table.encode(rows)
    assert encoded[1, 0] == MISSING
    assert np.isnan(encoded[1, 1:]).all()
    assert np.isfinite(encoded[0]).all()


def test_arrays_of_times_are_tables():
    days = np.arange(40).astype("datetime64[D]")
    X = np.column_stack([days, days + 1]).astype("datetime64[ns]")
    X[3, 1] = np.datetime64("NaT")
    net = BinaryNetClassifier(max_epochs=1).fit(X, np.arange(40) % 2)
    assert net._data.shape[1] == 6
    by_objects = learn_table(X.astype("datetime64[us]").astype(object))
    assert_array_equal(net._data.table.encode(X), by_objects.encode(X))
    lengths = X - X[0, 0]
    net = BinaryNetClassifier(max_epochs=1).fit(lengths, np.arange(40) % 2)
    assert_array_equal(net._data.table.encode(lengths)[:3], [[0, 1], [1, 2], [2, 3]])


@pytest.mark.parametrize("values", [np.arange(40.0), list("xy") * 20])
def test_lengths_of_time_are_no_numbers(values):
    X = pd.DataFrame({"t": pd.to_timedelta(np.arange(40.0), "h"), "s": list("xy") * 20})
    net = BinaryNetClassifier(max_epochs=1).fit(X, np.arange(40) % 2)
    with pytest.raises(ValueError, match="'t' held durations in fit"):
        net.predict(X.assign(t=values))
    with pytest.raises(ValueError, match="durations now"):
        BinaryNetClassifier(max_epochs=1).fit(
            X.assign(t=np.arange(40.0)), np.arange(40) % 2
        ).predict(X)


@pytest.mark.parametrize(("n_rows", "n_kept"), [(40, 1), (100, 2), (1000, 5)])
def test_a_category_needs_fewer_rows_in_a_small_table(n_rows, n_kept):
    cells = ["a"] * n_kept + ["b"] * (n_kept - 1) + ["c"] * (n_rows - 2 * n_kept + 1)
    learned = learn_table(pd.DataFrame({"s": cells}), text_features=None)
    assert set(learned.columns[0].categories) == {"a", "c"}


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_times_are_those_of_the_clock_on_the_wall(zone):
    times = [
        "2024-01-01 06:00",
        "2024-01-02 18:00",
        "2028-01-01 00:00",
        "2028-01-01 00:00",
    ]
    times = pd.Series(pd.to_datetime(times))
    X = pd.DataFrame({"t": times if zone is None else times.dt.tz_localize(zone)})
    days = (pd.Timestamp("2024-01-01") - pd.Timestamp("1970-01-01")).days
    expected = [[days + 0.25, 0.25, 0, 0], [days + 1.75, 0.75, 1, 1]]
    assert_allclose(learn_table(X).encode(X)[:2], expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("length", [3, 10])
def test_signals_in_frames_of_any_library_are_time_by_channels(frame, length):
    rng = np.random.default_rng(0)
    signals = [
        {name: rng.normal(size=length) for name in ("x", "y", "z")} for _ in range(40)
    ]
    y = np.arange(40) % 2
    expected = BinaryNetClassifier(max_epochs=1, random_state=0).fit(
        [pd.DataFrame(signal) for signal in signals], y
    )
    net = BinaryNetClassifier(max_epochs=1, random_state=0).fit(
        [frame(signal) for signal in signals], y
    )
    assert net._data.shape == (40, 3, length)
    turned = [frame({k: signal[k] for k in ("z", "x", "y")}) for signal in signals]
    assert_array_equal(
        net.predict_proba(turned),
        expected.predict_proba([pd.DataFrame(signal) for signal in signals]),
    )
