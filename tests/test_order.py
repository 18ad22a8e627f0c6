"""Rows are matched by position: an order that cannot be meant is warned of."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit, permutation_test_score

from skbin import BinaryNetClassifier, CrossFitClassifier, select_threshold


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y = pd.Series(np.arange(200) % 4 == 0)
    X = pd.DataFrame({"a": rng.normal(size=200) + y, "b": rng.normal(size=200)})
    return X, y


def cross_fit(**params):
    return CrossFitClassifier(LogisticRegression(), cv=2, random_state=0, **params)


@pytest.mark.parametrize("name", ["y", "sample_weight", "groups"])
def test_what_has_the_rows_in_another_order_is_warned_of(rows, name):
    X, y = rows
    given = {"y": y, name: y if name == "y" else pd.Series(np.arange(200) % 40 + 1)}
    cross_fit().fit(X, **given)
    given[name] = given[name].sample(frac=1, random_state=0)
    with pytest.warns(
        UserWarning, match=f"{name} has the index of the rows in another"
    ):
        cross_fit().fit(X, **given)


def test_a_net_and_a_cutoff_warn_as_well(rows):
    X, y = rows
    mixed = y.sample(frac=1, random_state=0)
    with pytest.warns(UserWarning, match="y has the index"):
        BinaryNetClassifier(max_epochs=1).fit(X, mixed)
    costs = [[0, 1], [pd.Series(5.0, index=mixed.index), 1]]
    with pytest.warns(UserWarning, match=r"cost_matrix\[1\]\[0\] has the index"):
        cross_fit(cutoff={"cost_matrix": costs}).fit(X, y)
    score = pd.Series(np.linspace(0.1, 0.9, 200))
    with pytest.warns(UserWarning, match=r"cost_matrix\[1\]\[0\] has the index"):
        select_threshold(y, score, cost_matrix=costs, n_bootstraps=0)


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.to_numpy(),
        lambda y: y.set_axis(y.index + 1000),
        lambda y: y.set_axis(np.arange(200) // 2),
        lambda y: list(y),
    ],
)
def test_other_indexes_are_matched_by_position(rows, change):
    X, y = rows
    assert (cross_fit().fit(X, change(y)).out_of_fold_ > 0).all()


def test_labels_that_scikit_learn_permutes_are_not_warned_of_in_each_fold(rows):
    X, y = rows
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        permutation_test_score(cross_fit(), X, y, cv=2, n_permutations=2)
    assert not [each for each in record if "another order" in str(each.message)]


@pytest.mark.parametrize("library", [pd, pl])
def test_a_split_by_time_needs_the_order_of_time(library):
    time = np.arange("2026-01-01", "2026-07-20", dtype="datetime64[D]")[:200]
    y = np.arange(200) % 4 == 0
    columns = {"at": time, "born": time[::-1].copy(), "a": np.arange(200.0) % 7}
    model = CrossFitClassifier(
        BinaryNetClassifier(max_epochs=1), cv=TimeSeriesSplit(2), random_state=0
    )
    report = model.fit(library.DataFrame(columns), y).report_
    assert report.n_unscored == 68
    assert str(report).endswith("68 rows have no score: no split left them out.")
    mixed = np.random.default_rng(0).permutation(200)
    columns = {name: values[mixed] for name, values in columns.items()}
    with pytest.warns(UserWarning, match=r"ascends in none of \['at', 'born'\]"):
        model.fit(library.DataFrame(columns), y)
