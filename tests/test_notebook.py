"""The diagram of an estimator in a notebook says what was set and what was learned."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skbin import BinaryNetClassifier, CrossFitClassifier


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "amount": rng.normal(size=200),
            "<country>": rng.choice(["DE", "FR", "US"], 200),
            "code": pd.Categorical(rng.integers(0, 10, 200)),
            "day": pd.date_range("2026-01-01", periods=200),
        }
    )
    return X, rng.integers(0, 2, 200)


def quick(**params):
    return BinaryNetClassifier(max_epochs=1, **params)


def rows_of_columns(html):
    _, _, columns = html.partition("<summary>Columns</summary>")
    return columns.partition("</table>")[0].split("<tr")[2:]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda net: net,
        lambda net: make_pipeline(FunctionTransformer(), net),
        lambda net: CrossFitClassifier(net, cv=2),
        lambda net: CrossFitClassifier(make_pipeline(FunctionTransformer(), net), cv=2),
    ],
    ids=["alone", "in a pipeline", "in a cross-fit", "in a cross-fit of pipelines"],
)
def test_it_shows_how_each_column_was_read(table, wrap):
    html = wrap(quick()).fit(*table)._repr_html_()
    amount, country, code, day = rows_of_columns(html)
    assert "number" in amount
    assert "3 categories: DE, FR, US" in country
    assert "&lt;country&gt;" in country
    assert "<country>" not in html
    assert "10 categories: " in code
    assert ", ..." in code
    assert "time of day" in day


def test_arrays_and_nets_that_are_not_fitted_have_no_columns_to_show(table):
    X, y = table
    for net in (quick(), quick().fit(X[["amount"]].to_numpy(), y)):
        assert "<summary>Columns</summary>" not in net._repr_html_()


def test_it_lists_a_hundred_columns_of_a_wide_table(table):
    _, y = table
    X = pd.DataFrame(np.zeros((200, 130)) + y[:, np.newaxis]).astype("str")
    rows = rows_of_columns(quick().fit(X, y)._repr_html_())
    assert len(rows) == 101
    assert "and 30 more" in rows[-1]


def test_it_shows_the_parameters_that_were_set_and_not_those_of_skorchs_callbacks(
    table,
):
    net = quick(callbacks__print_log__floatfmt=".3f", module__dropout=0.1).fit(*table)
    shown = net._get_params_html(deep=False)
    assert set(shown.non_default) == {
        "max_epochs",
        "callbacks__print_log__floatfmt",
        "module__dropout",
    }
    assert "virtual_params_" not in net._repr_html_()
    assert "callbacks__print_log__sink" not in net._repr_html_()
