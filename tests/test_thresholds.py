"""`select_threshold` finds what brute force finds, and says how sure it is."""

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from sklearn import metrics

from skbin import select_threshold

choose = partial(select_threshold, n_bootstraps=0)

METRICS = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": partial(metrics.f1_score, zero_division=0),
    "jaccard": partial(metrics.jaccard_score, zero_division=0),
    "matthews_corrcoef": metrics.matthews_corrcoef,
    "precision": partial(metrics.precision_score, zero_division=0),
    "recall": metrics.recall_score,
    "specificity": partial(metrics.recall_score, pos_label=0),
}


@st.composite
def scored(draw, n_scores=6):
    """Few distinct scores, so that there are ties; both classes; whole weights."""
    n = draw(st.integers(2, 25))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    assume(0 < sum(y) < n)
    levels = st.sampled_from(np.linspace(0, 1, n_scores).tolist())
    score = draw(st.lists(levels, min_size=n, max_size=n))
    weight = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    y, score, weight = np.array(y), np.array(score), np.array(weight)
    assume(weight[y == 0].sum() > 0 and weight[y == 1].sum() > 0)
    return y, score, weight


def cutoffs_by_hand(score):
    above_all = np.nextafter(score.max(), 2)
    return [t for t in (above_all, *sorted(set(score), reverse=True)) if t <= 1]


def best_by_hand(score, value_of, allowed=lambda y_pred: True):
    """Value and cutoff of the best decision; the highest cutoff wins a tie."""
    values = [
        (value_of(score >= cutoff), cutoff)
        for cutoff in cutoffs_by_hand(score)
        if allowed(score >= cutoff)
    ]
    return max(values, key=lambda pair: (round(pair[0], 9), pair[1]), default=None)


@pytest.mark.parametrize("metric", METRICS)
@given(data=scored())
def test_the_best_of_all_cutoffs_is_chosen_with_ties_and_weights(metric, data):
    y, score, weight = data
    kept = weight > 0

    def value_of(y_pred):
        return METRICS[metric](y[kept], y_pred[kept], sample_weight=weight[kept])

    best, cutoff = best_by_hand(score[kept], lambda p: value_of(_spread(p, kept)))
    choice = choose(y, score, metric, sample_weight=weight)
    assert choice.value == pytest.approx(best)
    assert choice.value == pytest.approx(value_of(score >= choice.threshold))
    assert choice.threshold == cutoff


def _spread(y_pred, kept):
    whole = np.zeros(len(kept), dtype=bool)
    whole[kept] = y_pred
    return whole


@given(data=scored())
def test_a_whole_weight_equals_repeated_rows(data):
    y, score, weight = data
    weighted = choose(y, score, "f1", sample_weight=weight)
    repeated = choose(np.repeat(y, weight), np.repeat(score, weight), "f1")
    assert weighted.threshold == repeated.threshold
    assert weighted.value == pytest.approx(repeated.value)


@given(data=scored(), beta=st.sampled_from([0.5, 2.0]))
def test_functions_partials_and_scorers_are_understood(data, beta):
    y, score, _ = data
    fbeta = partial(metrics.fbeta_score, beta=beta, zero_division=0)
    best, cutoff = best_by_hand(score, lambda y_pred: fbeta(y, y_pred))
    scorer = metrics.make_scorer(metrics.fbeta_score, beta=beta, zero_division=0)
    for metric in (partial(metrics.fbeta_score, beta=beta), fbeta, scorer):
        choice = choose(y, score, metric)
        assert (choice.value, choice.threshold) == (pytest.approx(best), cutoff)


@pytest.mark.parametrize("weighted", [False, True])
@given(data=scored())
def test_any_function_of_decisions_is_maximised(weighted, data):
    y, score, weight = data
    weight = weight if weighted else np.ones_like(weight)
    kept = weight > 0
    y, score, weight = y[kept], score[kept], weight[kept]

    def metric(y_true, y_pred, sample_weight=None):
        right = y_true == y_pred
        return np.average(right, weights=sample_weight) - np.average(y_pred) / 3

    extra = {"sample_weight": weight} if weighted else {}
    best, _ = best_by_hand(score, lambda y_pred: metric(y, y_pred, **extra))
    choice = choose(y, score, metric, **extra)
    assert choice.value == pytest.approx(best)
    assert choice.value == metric(y, score >= choice.threshold, **extra)


def test_a_named_scorer_without_a_formula_works():
    y, score = [0, 0, 1, 1, 0], [0.1, 0.3, 0.4, 0.8, 0.5]
    choice = choose(y, score, "f1_macro")
    best, cutoff = best_by_hand(
        np.array(score), lambda p: metrics.f1_score(y, p, average="macro")
    )
    assert (choice.value, choice.threshold) == (pytest.approx(best), cutoff)


# ---- costs


@given(
    data=scored(),
    costs=st.lists(st.integers(-5, 20), min_size=4, max_size=4),
    amounts=st.booleans(),
)
def test_expected_cost_is_least(data, costs, amounts):
    y, score, weight = data
    amount = np.arange(len(y)) + 1.0
    entries = [amount * cost for cost in costs] if amounts else costs
    matrix = [entries[:2], entries[2:]]

    def expected_cost(y_pred):
        cost = np.zeros(len(y))
        for true in (0, 1):
            for decided in (0, 1):
                cell = (y == true) & (y_pred == decided)
                cost[cell] = np.broadcast_to(matrix[true][decided], len(y))[cell]
        return np.average(cost, weights=weight)

    kept = weight > 0
    least, cutoff = best_by_hand(
        score[kept], lambda p: -expected_cost(_spread(p, kept))
    )
    choice = choose(y, score, cost_matrix=matrix, sample_weight=weight)
    assert choice.value == pytest.approx(-least)
    assert choice.objective == "cost"
    assert choice.threshold == cutoff


def test_right_probabilities_give_the_cutoff_of_theory():
    rng = np.random.default_rng(0)
    score = rng.uniform(size=200_000)
    y = rng.uniform(size=len(score)) < score
    choice = choose(y, score, cost_matrix=[[0, 1], [4, 0]])
    assert choice.threshold == pytest.approx(1 / (1 + 4), abs=0.02)


# ---- limits


@pytest.mark.parametrize(
    ("metric", "limit", "reached"),
    [
        ("recall", "min_precision", partial(metrics.precision_score, zero_division=0)),
        ("precision", "min_recall", metrics.recall_score),
        ("recall", "max_alarms_per_1000", lambda y, y_pred: 1000 * y_pred.mean()),
    ],
)
@given(data=scored(), thousandths=st.integers(0, 1000))
def test_limits_are_kept(metric, limit, reached, data, thousandths):
    y, score, _ = data
    # No level within rounding of a ratio of counts without being it.
    level = thousandths if limit.startswith("max") else thousandths / 1000

    def allowed(y_pred):
        value = reached(y, y_pred)
        return value <= level if limit.startswith("max") else value >= level

    best = best_by_hand(score, lambda p: METRICS[metric](y, p), allowed)
    if best is None:
        with pytest.raises(ValueError, match=f"No cutoff gives {metric} at"):
            choose(y, score, metric, **{limit: level})
        return
    choice = choose(y, score, metric, **{limit: level})
    assert (choice.value, choice.threshold) == (pytest.approx(best[0]), best[1])


def test_a_limit_out_of_reach_names_the_nearest_cutoff():
    y, score = [1, 0, 1, 0], [0.1, 0.9, 0.8, 0.3]
    with pytest.raises(ValueError, match=r"recall at precision >= 0.9.*") as caught:
        choose(y, score, "recall", min_precision=0.9)
    assert "threshold 0.1, which misses a limit by 0.4; recall is 1" in str(
        caught.value
    )


def test_the_objective_is_said_in_words():
    y, score = [1, 0, 1, 0], [0.9, 0.1, 0.8, 0.3]
    choice = choose(y, score, "recall", min_precision=0.5, max_alarms_per_1000=500)
    assert choice.objective == "recall at precision >= 0.5 and alarms per 1000 <= 500"
    assert str(choice) == f"threshold 0.8 (logit 1.386); {choice.objective}: 1"


# ---- probability and logit


def test_a_probability_of_nine_tenths_is_a_logit_of_two_point_two():
    choice = choose([0, 1], [0.1, 0.9])
    assert choice.threshold == 0.9
    assert choice.logit == pytest.approx(2.197, abs=5e-4)


@given(data=scored(), metric=st.sampled_from(["f1", "accuracy"]))
def test_logits_give_the_same_choice(data, metric):
    y, score, _ = data
    z = logit(np.clip(score, 0.01, 0.99))
    by_logit = choose(y, z, metric, scale="logit")
    by_probability = choose(y, expit(z), metric)
    assert by_logit.threshold == pytest.approx(by_probability.threshold)
    assert by_logit.value == by_probability.value


def test_logits_beyond_the_precision_of_probabilities_are_told_apart():
    choice = choose([0, 0, 1, 1], [-60.0, 40.0, 50.0, 60.0], scale="logit")
    assert (choice.logit, choice.value) == (50.0, 1.0)
    assert choice.threshold == 1.0


def test_no_alarm_at_all_can_be_the_best():
    choice = choose([0, 0, 1], [0.2, 0.9, 0.1], cost_matrix=[[0, 9], [1, 0]])
    assert choice.threshold > 0.9
    assert choice.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("labels", [["ham", "spam"], [False, True], [-1, 1]])
def test_labels_of_any_type(labels):
    y = np.array(labels)[[0, 1, 0, 1]]
    assert choose(y, [0.2, 0.7, 0.3, 0.6]).threshold == 0.6
    flipped = choose(y, [0.8, 0.3, 0.7, 0.4], pos_label=labels[0])
    assert flipped.threshold == 0.7


# ---- how sure it is


def sample(n, rng, shift=2.0, share=0.2):
    y = (rng.random(n) < share).astype(int)
    return y, expit(rng.normal(size=n) + shift * y - 1)


@pytest.mark.parametrize(
    "extra", [{}, {"cost_matrix": [[0, 1], [4, 0]]}, {"sample_weight": True}], ids=str
)
def test_intervals_cover_what_they_claim(extra):
    rng = np.random.default_rng(0)
    y, score = sample(100_000, rng)
    extra = dict(extra)
    truth = choose(y, score, **{k: v for k, v in extra.items() if v is not True})
    covered = 0
    for _ in range(60):
        y, score = sample(800, rng)
        if "sample_weight" in extra:
            extra["sample_weight"] = rng.uniform(0.5, 1.5, size=len(y))
        choice = select_threshold(
            y, score, **extra, n_bootstraps=60, confidence_level=0.9, random_state=0
        )
        low, high = choice.threshold_interval
        assert low <= high
        covered += low <= truth.threshold <= high
    assert covered >= 0.75 * 60


def test_interval_of_the_value_narrows_with_more_data():
    rng = np.random.default_rng(0)
    widths = [
        np.ptp(select_threshold(*sample(n, rng), random_state=0).value_interval)
        for n in (300, 30_000)
    ]
    assert widths[1] < widths[0] / 5


def test_a_slow_metric_has_intervals_too():
    y, score = sample(150, np.random.default_rng(0))

    def metric(y_true, y_pred):
        return metrics.f1_score(y_true, y_pred, zero_division=0)

    slow = select_threshold(y, score, metric, n_bootstraps=30, random_state=0)
    fast = select_threshold(y, score, "f1", n_bootstraps=30, random_state=0)
    assert slow.threshold == fast.threshold
    assert_allclose(slow.value_interval, fast.value_interval, atol=0.1)
    assert_allclose(slow.threshold_interval, fast.threshold_interval, atol=0.2)


def test_more_scores_than_a_replicate_looks_at_change_little(monkeypatch):
    y, score = sample(3_000, np.random.default_rng(0))
    fine = select_threshold(y, score, random_state=0)
    monkeypatch.setattr("skbin.cutoffs.curve._REPLICATE_CUTOFFS", 300)
    coarse = select_threshold(y, score, random_state=0)
    assert coarse.threshold == fine.threshold
    assert_allclose(coarse.threshold_interval, fine.threshold_interval, atol=0.05)
    assert_allclose(coarse.value_interval, fine.value_interval, atol=0.02)


def test_random_state_makes_intervals_repeatable():
    y, score = sample(200, np.random.default_rng(0))
    first, second = (select_threshold(y, score, random_state=3) for _ in range(2))
    assert first == second


def test_logit_interval_is_the_logit_of_the_interval():
    y, score = sample(200, np.random.default_rng(0))
    choice = select_threshold(y, score, random_state=0)
    assert_allclose(choice.logit_interval, logit(choice.threshold_interval))


# ---- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_score": [0.1, 2.0, 0.3]}, "pass scale='logit'"),
        ({"y_score": [0.1, np.nan, 0.3]}, "finite"),
        ({"y_score": [0.1, 0.3]}, "inconsistent numbers of samples"),
        ({"y_score": [[0.1, 0.9]] * 3}, r"Pass one column, as predict_proba"),
        ({"y_score": [[0.1, 0.9, 0.2]] * 3}, "1d array"),
        ({"y_true": [1, 1, 1]}, "one class"),
        ({"y_true": [0, 1, 2]}, "Only binary"),
        ({"scale": "odds"}, "'scale' parameter"),
        ({"min_precision": 90}, "min_precision.*Got 90"),
        ({"max_alarms_per_1000": -1}, "max_alarms_per_1000.*Got -1"),
        ({"cost_matrix": [1, 2]}, "true negative, false positive"),
        ({"cost_matrix": [[0, 1, 2], [1, 0, 2]]}, "true negative, false positive"),
        ({"cost_matrix": [[0, [1, 2]], [1, 0]]}, r"array of shape \(3,\)"),
        ({"cost_matrix": [[0, np.inf], [1, 0]]}, "finite number"),
        ({"metric": "no_such_metric"}, "no_such_metric"),
        ({"sample_weight": [1, -1, 1]}, "[Nn]egative"),
        ({"confidence_level": 95}, "confidence_level"),
        ({"n_bootstraps": -1}, "n_bootstraps"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_refused_with_a_word(change, message):
    arguments = {"y_true": [0, 1, 0], "y_score": [0.1, 0.9, 0.3], **change}
    with pytest.raises(ValueError, match=message):
        select_threshold(**arguments)


def test_single_precision_scores_can_be_cut_above_all():
    score = np.array([0.2, 0.9, 0.1, 0.3], dtype=np.float32)
    choice = choose([0, 0, 0, 1], score, cost_matrix=[[0, 5], [1, 0]])
    assert choice.value == 0.25
    assert not (score >= choice.threshold).any()


def test_a_limit_that_is_just_reached_is_kept():
    choice = choose(
        np.arange(1, 11) % 2,
        np.linspace(0.95, 0.5, 10),
        "recall",
        sample_weight=np.full(10, 0.1),
        max_alarms_per_1000=300,
    )
    assert choice.threshold == pytest.approx(0.85)


def test_a_metric_that_is_never_a_number_is_refused():
    with pytest.raises(ValueError, match="NaN at every cutoff"):
        choose([0, 1], [0.1, 0.9], lambda y_true, y_pred: np.nan)


@pytest.mark.parametrize("metric", ["roc_auc", "neg_brier_score"])
def test_a_metric_of_probabilities_is_refused(metric):
    with pytest.raises(ValueError, match=f"{metric}.*needs probabilities"):
        choose([0, 1], [0.1, 0.9], metric)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="0 sample"):
        choose([], [])


def test_weights_for_a_metric_that_takes_none_are_refused():
    def metric(y_true, y_pred):
        return np.mean(y_true == y_pred)

    with pytest.raises(ValueError, match="takes none"):
        choose([0, 1, 1], [0.1, 0.9, 0.8], metric, sample_weight=[1, 2, 3])


@pytest.mark.parametrize("dtype", [int, bool])
def test_labels_in_the_place_of_scores_are_warned_of(dtype):
    y_pred = np.array([0, 0, 1, 1], dtype=dtype)
    with pytest.warns(UserWarning, match=re.escape("Pass predict_proba(X)[:, 1].")):
        select_threshold([0, 0, 1, 1], y_pred, n_bootstraps=0)
