"""The cutoff that `select_threshold` takes by default, from smoothed classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import norm
from sklearn import metrics

from skbin import select_threshold

N_POSITIVES, N_NEGATIVES, SHIFT = 20, 400, 2.5
AXIS = np.linspace(-4, 7, 5001)


def few_positives(rng):
    """Draw logits of which the population is known."""
    y = np.repeat([1, 0], [N_POSITIVES, N_NEGATIVES])
    return y, rng.normal(size=len(y)) + SHIFT * y


def counts_in_population():
    tp = N_POSITIVES * norm.sf(AXIS - SHIFT)
    fp = N_NEGATIVES * norm.sf(AXIS)
    return N_NEGATIVES - fp, fp, N_POSITIVES - tp, tp


def f1_in_population():
    _, fp, _, tp = counts_in_population()
    return 2 * tp / (tp + fp + N_POSITIVES)


def cost_in_population():
    _, fp, fn, _ = counts_in_population()
    return (10 * fn + fp) / (N_POSITIVES + N_NEGATIVES)


OBJECTIVES = {
    "f1": ({}, f1_in_population(), 1),
    "cost": ({"cost_matrix": [[0, 1], [10, 0]]}, cost_in_population(), -1),
}
few_rows = pytest.mark.filterwarnings("ignore:y_true has")


@few_rows
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_from_few_positives_it_loses_less_than_the_exact_cutoff_and_says_the_truth(
    objective,
):
    rng = np.random.default_rng(0)
    settings, values, sign = OBJECTIVES[objective]
    regret, optimism = [], []
    for seed in range(100):
        y, z = few_positives(rng)
        exact, smooth = (
            select_threshold(
                y,
                z,
                scale="logit",
                method=method,
                n_bootstraps=n,
                random_state=seed,
                **settings,
            )
            for method, n in (("exact", 0), ("smooth", 40))
        )
        reached = np.interp([exact.logit, smooth.logit], AXIS, values)
        regret.append(sign * (np.max(sign * values) * sign - reached))
        said = np.array([exact.value, smooth.value])
        optimism.append(sign * (said - reached))
    of_exact, of_smooth = np.mean(regret, axis=0)
    assert of_smooth < 0.7 * of_exact
    of_exact, of_smooth = np.mean(optimism, axis=0)
    assert abs(of_smooth) < of_exact / 3


@pytest.mark.parametrize("shift", [-3.0, 0.5, 20.0])
def test_logits_that_are_moved_or_stretched_move_the_cutoff_as_much(shift):
    y, z = few_positives(np.random.default_rng(0))
    choose = {"scale": "logit", "n_bootstraps": 0}
    choice = select_threshold(y, z, **choose)
    moved = select_threshold(y, z + shift, **choose)
    assert moved.logit == pytest.approx(choice.logit + shift, abs=1e-6)
    stretched = select_threshold(y, 3 * z, **choose)
    assert stretched.logit == pytest.approx(3 * choice.logit, abs=1e-6)


def test_probabilities_and_their_logits_give_one_cutoff():
    y, z = few_positives(np.random.default_rng(0))
    by_logit = select_threshold(y, z, scale="logit", n_bootstraps=0)
    by_probability = select_threshold(y, expit(z), n_bootstraps=0)
    assert by_probability.threshold == pytest.approx(by_logit.threshold)


def test_weights_count_by_their_ratios():
    rng = np.random.default_rng(0)
    y, z = few_positives(rng)
    weight = rng.uniform(0.5, 2, size=len(y))
    choices = [
        select_threshold(
            y, z, scale="logit", sample_weight=factor * weight, n_bootstraps=0
        )
        for factor in (1, 1000)
    ]
    assert choices[0].logit == pytest.approx(choices[1].logit)
    unweighted = select_threshold(y, z, scale="logit", n_bootstraps=0)
    assert choices[0].logit != unweighted.logit


def test_the_cutoff_of_classes_far_apart_is_in_the_middle():
    y = np.repeat([0, 1], 50)
    z = np.r_[np.linspace(-4, -2, 50), np.linspace(2, 4, 50)]
    choice = select_threshold(y, z, scale="logit", random_state=0)
    assert choice.logit == pytest.approx(0, abs=0.1)
    assert choice.value == pytest.approx(1)
    assert choice.apparent_value == 1


@few_rows
@pytest.mark.parametrize("method", ["smooth", "exact"])
def test_probabilities_of_0_and_1_have_cutoffs_between_them(method):
    y = np.repeat([0, 1], 30)
    p = np.r_[np.zeros(29), 0.5, 0.6, np.ones(29)]
    choice = select_threshold(y, p, method=method, random_state=0)
    assert 0.5 < choice.threshold <= 0.6
    assert choice.apparent_value == 1
    assert np.isfinite(choice.value)


@few_rows
def test_scores_that_are_all_equal_leave_all_or_none():
    y, p = np.repeat([0, 1], [30, 12]), np.full(42, 0.25)
    everyone = select_threshold(y, p, random_state=0)
    assert everyone.alarms_per_1000 == 1000
    nobody = select_threshold(y, p, "accuracy", random_state=0)
    assert nobody.alarms_per_1000 == 0


@few_rows
@settings(max_examples=settings().max_examples // 3)
@given(
    seed=st.integers(0, 1000),
    limit=st.sampled_from(
        [
            {"min_precision": 0.3},
            {"min_recall": 0.8},
            {"min_specificity": 0.97},
            {"max_alarms_per_1000": 50},
            {"min_recall": 0.5, "max_alarms_per_1000": 100},
        ]
    ),
)
def test_limits_are_kept_on_the_rows_given(seed, limit):
    y, z = few_positives(np.random.default_rng(seed))
    choice = select_threshold(y, z, scale="logit", n_bootstraps=0, **limit)
    y_pred = z >= choice.logit
    reached = {
        "min_precision": metrics.precision_score(y, y_pred),
        "min_recall": metrics.recall_score(y, y_pred),
        "min_specificity": metrics.recall_score(y, y_pred, pos_label=0),
    }
    for name in limit.keys() & reached.keys():
        assert reached[name] >= limit[name]
    assert 1000 * y_pred.mean() <= limit.get("max_alarms_per_1000", 1000)
    assert choice.alarms_per_1000 == pytest.approx(1000 * y_pred.mean())


def test_the_least_specificity_is_a_limit_by_name():
    y, z = few_positives(np.random.default_rng(0))
    choice = select_threshold(
        y, z, "recall", scale="logit", min_specificity=0.99, n_bootstraps=0
    )
    assert choice.objective == "recall at specificity >= 0.99"
    with pytest.raises(ValueError, match=r"specificity is .* below the limit"):
        select_threshold(
            y, z, scale="logit", min_specificity=1, min_recall=1, n_bootstraps=0
        )


@few_rows
@pytest.mark.parametrize(
    "metric",
    ["accuracy", "balanced_accuracy", "f1", "jaccard", "matthews_corrcoef", "recall"],
)
@given(seed=st.integers(0, 1000))
def test_any_metric_of_the_four_counts_is_smoothed_without_a_warning(metric, seed):
    y, z = few_positives(np.random.default_rng(seed))
    choice = select_threshold(
        y, z / 7, metric, scale="logit", n_bootstraps=5, random_state=0
    )
    assert np.isfinite([choice.logit, choice.value]).all()


# ---- what else a choice tells


@pytest.mark.filterwarnings("ignore:By cost_matrix")  # any costs are tried
@pytest.mark.parametrize(
    ("cost_matrix", "expected"),
    [
        ([[0, 1], [10, 0]], 1 / 11),
        ([[0, 3], [1, 0]], 0.75),
        ([[0, 2], [100, 2]], 0.02),  # each alarm costs 2
        ([[0, 1], [0, 0]], 1.0),  # no alarm is worth it
        ([[0, 1], [0, 2]], None),  # an alarm is better for negatives: no cutoff is
        (None, None),
        ([[0, 1], [np.full(420, 5.0), 0]], None),
    ],
    ids=str,
)
def test_theory_gives_a_cutoff_for_plain_costs(cost_matrix, expected):
    y, z = few_positives(np.random.default_rng(0))
    choice = select_threshold(
        y, z, scale="logit", cost_matrix=cost_matrix, n_bootstraps=0
    )
    assert choice.theory_threshold == (expected and pytest.approx(expected))


@pytest.mark.parametrize("method", ["smooth", "exact"])
def test_a_rate_of_alarms_can_be_carried_to_another_network(method):
    rng = np.random.default_rng(0)
    y, z = few_positives(rng)
    choice = select_threshold(y, z, scale="logit", method=method, n_bootstraps=0)
    other = expit(rng.normal(size=5000)).astype(np.float32)
    threshold = choice.at_same_rate(other)
    assert 1000 * np.mean(other >= threshold) == pytest.approx(
        choice.alarms_per_1000, abs=0.2
    )


def test_no_alarms_are_none_for_another_network_too():
    y, p = np.repeat([0, 1], [60, 10]), np.linspace(0.9, 0.1, 70)
    with pytest.warns(UserWarning, match="score lower"):
        choice = select_threshold(y, p, "accuracy", n_bootstraps=0)
    assert choice.alarms_per_1000 == 0
    other = np.array([0.2, 0.999], dtype=np.float32)
    assert not (other >= choice.at_same_rate(other)).any()


def test_the_bootstrap_lowers_the_value_and_never_the_apparent_one():
    y, z = few_positives(np.random.default_rng(1))
    without = select_threshold(y, z, scale="logit", n_bootstraps=0)
    with pytest.warns(UserWarning, match="20 samples of 1"):
        choice = select_threshold(y, z, scale="logit", random_state=0)
    assert without.value == without.apparent_value == choice.apparent_value
    assert choice.value < choice.apparent_value
    assert choice.logit == without.logit


def test_a_specificity_of_the_whole_is_a_metric():
    y, z = few_positives(np.random.default_rng(0))
    choice = select_threshold(
        y, z, "specificity", scale="logit", min_recall=0.9, n_bootstraps=0
    )
    assert_allclose(
        choice.value, metrics.recall_score(y, z >= choice.logit, pos_label=0)
    )


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    y, z = few_positives(np.random.default_rng(0))
    expected = select_threshold(y, z, scale="logit", n_bootstraps=0)
    with_others = select_threshold(
        np.r_[y, 0, 1],
        np.r_[z, -500.0, 900.0],
        scale="logit",
        sample_weight=np.r_[np.ones(len(y)), 0, 0],
        n_bootstraps=0,
    )
    assert with_others.logit == expected.logit


@pytest.mark.parametrize("method", ["smooth", "exact"])
def test_the_interval_of_a_value_holds_it_where_scores_are_exactly_1(method):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [900, 100])
    p = rng.integers(0, 9, 1000) / 10
    p[y == 1] = np.where(rng.random(100) < 0.8, 1.0, 0.7)
    choice = select_threshold(y, p, "precision", method=method, random_state=0)
    low, high = choice.value_interval
    assert low <= choice.apparent_value <= high
