"""`bayes_decisions`: the lower expected cost, row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skbin import bayes_decisions, select_threshold


@pytest.mark.filterwarnings("ignore:By cost_matrix")  # any costs are tried
@given(
    p=st.floats(0, 1, exclude_min=True, exclude_max=True),
    costs=st.lists(st.floats(0, 1e6), min_size=4, max_size=4),
)
def test_it_decides_for_the_lower_expected_cost(p, costs):
    tn, fp, fn, tp = costs
    (decided,) = bayes_decisions([p], [[tn, fp], [fn, tp]])
    if_positive, if_negative = (1 - p) * fp + p * tp, (1 - p) * tn + p * fn
    assert decided == (if_positive <= if_negative)


def test_with_plain_costs_it_is_the_cutoff_of_theory():
    p = np.random.default_rng(0).random(1000)
    y = np.random.default_rng(1).random(1000) < p
    costs = [[0, 1], [10, 0]]
    choice = select_threshold(y, p, cost_matrix=costs, n_bootstraps=0)
    np.testing.assert_array_equal(
        bayes_decisions(p, costs), p >= choice.theory_threshold
    )


def test_with_costs_by_row_no_cutoff_costs_less():
    rng = np.random.default_rng(0)
    p, amount = rng.beta(0.5, 3, 20_000), rng.lognormal(4, 1.5, 20_000)
    y = rng.random(20_000) < p
    costs = [[0, 5], [amount, 5]]
    decided = bayes_decisions(p, costs)
    by_row = np.where(decided, 5, np.where(y, amount, 0)).mean()
    best = select_threshold(y, p, cost_matrix=costs, method="exact", n_bootstraps=0)
    assert by_row < 0.9 * best.value


@pytest.mark.parametrize(
    ("scores", "costs", "message"),
    [
        ([0.5, 2.0], [[0, 1], [1, 0]], "probabilities in"),
        ([0.5, np.nan], [[0, 1], [1, 0]], "finite"),
        ([0.5, 0.2], [[0, 1], [[1, 2, 3], 0]], r"shape \(2,\)"),
        ([0.5, 0.2], [0, 1], "true negative, false positive"),
        ([[0.5, 0.5]], [[0, 1], [1, 0]], "Pass the column"),
    ],
)
def test_what_cannot_be_decided_by_is_refused(scores, costs, message):
    with pytest.raises(ValueError, match=message):
        bayes_decisions(scores, costs)
