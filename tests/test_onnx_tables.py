"""export_onnx and load_onnx: raw tables, each column an input of its own."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skbin import BinaryNetClassifier, CrossFitClassifier, export_onnx, load_onnx
from skbin.data.cells import CATEGORY, EMPTY, NUMBER, TEXT, TIME
from skbin.data.tables import Column, Table, _parts_of, learn_table
from skbin.data.texts import TextReader
from skbin.export.onnx_table import TableEncoding, _PartsOfTime, input_columns

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)
N_NEW = 3000


def a_frame(n, seed):
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 24 * 9000, n)
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(4, 1, n),
            "count": rng.integers(0, 5, n),
            "country": rng.choice(["DE", "FR", "PL"], n, p=[0.5, 0.3, 0.2]),
            "is new": rng.random(n) < 0.3,
            "when": pd.Timestamp("1999-12-31") + pd.to_timedelta(hours, unit="h"),
            "age": pd.to_timedelta(rng.integers(0, 90_000, n), unit="s"),
            "level": pd.Categorical(rng.choice([1, 2, 3], n)),
            "never given": np.full(n, np.nan),
        }
    )
    for column in ("amount", "country", "when", "level"):
        frame.loc[rng.random(n) < 0.1, column] = None
    return frame


def new_rows():
    """Rows with what fit has not seen, and with numbers as large as they may be."""
    frame = a_frame(N_NEW, seed=1)
    frame.loc[:50, "country"] = "Atlantis"
    frame["level"] = pd.Categorical(np.random.default_rng(2).choice([1, 3, 9], N_NEW))
    frame.loc[60:70, "amount"] = 1e30
    frame.loc[70:80, "amount"] = -1e30
    return frame


FRAME = a_frame(400, seed=0)
FRAUD = np.where((FRAME["country"] == "PL") | (FRAME["amount"] > 120), "fraud", "fine")


@pytest.fixture(scope="module", params=["one net", "a cross-fit"])
def served(request, tmp_path_factory):
    net = BinaryNetClassifier(max_epochs=3, random_state=0, pos_label="fraud")
    if request.param == "a cross-fit":
        model = CrossFitClassifier(net, cv=2, random_state=0, pos_label="fraud")
    else:
        model = net.set_params(threshold=0.3)
    model.fit(FRAME, FRAUD)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(model, path)
    return model, load_onnx(path)


def test_raw_tables_are_served_as_they_are_predicted(served):
    model, classifier = served
    new = new_rows()
    assert_allclose(
        classifier.predict_proba(new), model.predict_proba(new), rtol=0, atol=1e-5
    )
    assert_array_equal(classifier.predict(new), model.predict(new))


def test_records_of_json_are_rows_of_a_table(served):
    model, classifier = served
    new = new_rows()[:20]
    records = [
        {
            "amount": None if np.isnan(row.amount) else row.amount,
            "count": row.count,
            "country": None if pd.isna(row.country) else row.country,
            "is new": row.is_new,
            "when": None if pd.isna(row.when) else row.when.isoformat(),
            "age": row.age / pd.Timedelta(days=1),
            "level": row.level,
            "never given": None,
        }
        for row in new.rename(columns={"is new": "is_new"}).itertuples()
    ]
    assert_allclose(
        classifier.predict_proba(records), model.predict_proba(new), rtol=0, atol=1e-5
    )


def test_the_order_of_columns_is_free_and_other_columns_are_named(served):
    _, classifier = served
    new = new_rows()[:20]
    assert_array_equal(
        classifier.predict_proba(new), classifier.predict_proba(new[new.columns[::-1]])
    )
    with pytest.raises(ValueError, match="country"):
        classifier.predict(new.drop(columns="country"))


@settings(max_examples=300, deadline=None)
@given(st.floats(-700_000, 2_900_000), st.booleans())
def test_times_are_split_as_in_fit(days, has_seasons):
    days = np.array([days, np.floor(days), np.nan])
    column = Column("t", TIME, latest=20_000.0, has_seasons=has_seasons)
    parts = _PartsOfTime(column)(torch.as_tensor(days)[:, None]).numpy()
    assert_array_equal(parts, _parts_of(days, column))


@pytest.mark.parametrize(
    "values",
    [[1, 2, 2, 7, 7, 1] * 20, [0.5, -0.0, 3.25] * 40, [True, False, True] * 40],
    ids=["whole", "real", "truth"],
)
def test_categories_of_numbers_have_the_codes_of_fit(values):
    X = np.array(values, dtype=object)[:, None]
    table = learn_table(X, categorical_features=[0])
    new = np.array([*values[:6], 99, None], dtype=object)[:, None]
    encoding = TableEncoding(table, input_columns([table]))
    codes = encoding(torch.as_tensor(new.astype(np.float64))).numpy()
    assert_array_equal(codes, table.encode(new))


def test_members_may_know_other_categories():
    tables = [
        Table((Column("a", CATEGORY, ("x", "y")), Column("b", EMPTY))),
        Table((Column("a", CATEGORY, ("y", "z")), Column("b", NUMBER))),
    ]
    inputs = input_columns(tables)
    assert inputs[0].strings == ("x", "y", "z")
    assert [given.kind for given in inputs] == [CATEGORY, NUMBER]
    shared = torch.tensor([[0.0, 5], [1, 5], [2, 5], [3, 5], [4, 5]]).double()
    first, second = (TableEncoding(table, inputs)(shared).numpy() for table in tables)
    assert_array_equal(first[:, 0], [0, 1, 2, 3, 1])
    assert_array_equal(second[:, 0], [0, 1, 1, 2, 3])
    assert np.isnan(first[:, 1]).all()
    assert (second[:, 1] == 5).all()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([Table((Column("a", CATEGORY, ("", "x")),))], "'a' holds empty strings"),
        ([Table((Column("label", NUMBER),))], r"under the names \['label'\]"),
        ([Table((Column(1, NUMBER), Column("1", NUMBER)))], r"under the names \['1'\]"),
        (
            [Table((Column("a", CATEGORY, (2**53, 2**53 + 1)),))],
            "'a' holds whole numbers",
        ),
        (
            [Table((Column("a", NUMBER),)), Table((Column("a", TIME),))],
            "'a' was read as number by one member, as time by another",
        ),
    ],
    ids=["empty strings", "an output", "same", "large", "kinds"],
)
def test_what_cannot_be_an_input_is_refused_with_its_name(tables, message):
    with pytest.raises(ValueError, match=message):
        TableEncoding(tables[0], input_columns(tables))


def test_each_member_reads_texts_by_its_own_words():
    readers = [TextReader(9), TextReader(9, n_words=2)]
    tables = [Table((Column("a", TEXT, reader=reader),)) for reader in readers]
    tables.append(Table((Column("a", EMPTY),)))  # of a fold without any text
    inputs = input_columns(tables)
    X = torch.arange(8.0).reshape(2, 4)
    first, second, third = (
        TableEncoding(table, inputs, member)(X) for member, table in enumerate(tables)
    )
    assert torch.equal(first, X[:, :1])
    assert torch.equal(second, X[:, 1:])
    assert third.shape == (2, 1)
    assert third.isnan().all()
