"""`select_threshold` finds what brute force finds, and says how sure it is."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from scipy.stats import binom
from sklearn import metrics

from skbin import select_threshold

choose = partial(select_threshold, n_bootstraps=0, method="exact")

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
    assume(not set(score[weight > 0]) <= {0, 1})  # which would be decisions
    return y, score, weight


# scikit-learn's metrics, called once for each cutoff, take their time.
fewer_examples = settings(max_examples=settings().max_examples // 3)
# Laws hold for any scores, also for those that are better upside down.
any_ranking = pytest.mark.filterwarnings("ignore:Samples of the positive class:")


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


@any_ranking
@pytest.mark.parametrize("metric", METRICS)
@fewer_examples
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


@any_ranking
@given(data=scored())
def test_a_whole_weight_equals_repeated_rows(data):
    y, score, weight = data
    weighted = choose(y, score, "f1", sample_weight=weight)
    repeated = choose(np.repeat(y, weight), np.repeat(score, weight), "f1")
    assert weighted.threshold == repeated.threshold
    assert weighted.value == pytest.approx(repeated.value)


@any_ranking
@fewer_examples
@given(data=scored(), beta=st.sampled_from([0.5, 2.0]))
def test_functions_partials_and_scorers_are_understood(data, beta):
    y, score, _ = data
    fbeta = partial(metrics.fbeta_score, beta=beta, zero_division=0)
    best, cutoff = best_by_hand(score, lambda y_pred: fbeta(y, y_pred))
    scorer = metrics.make_scorer(metrics.fbeta_score, beta=beta, zero_division=0)
    for metric in (partial(metrics.fbeta_score, beta=beta), fbeta, scorer):
        choice = choose(y, score, metric)
        assert (choice.value, choice.threshold) == (pytest.approx(best), cutoff)


@any_ranking
@pytest.mark.parametrize("weighted", [False, True])
@fewer_examples
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


@pytest.mark.filterwarnings("ignore:By cost_matrix")  # any costs are tried
@any_ranking
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


@any_ranking
@pytest.mark.parametrize(
    ("metric", "limit", "reached"),
    [
        ("recall", "min_precision", partial(metrics.precision_score, zero_division=0)),
        ("precision", "min_recall", metrics.recall_score),
        ("recall", "max_alarms_per_1000", lambda y, y_pred: 1000 * y_pred.mean()),
    ],
)
@fewer_examples
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


def message_of(*args, **kwargs):
    with pytest.raises(ValueError, match="No cutoff gives") as caught:
        choose(*args, **kwargs)
    return str(caught.value)


def test_a_limit_out_of_reach_names_the_nearest_cutoff_and_how_to_allow_it():
    y, score = [1, 0, 1, 0], [0.1, 0.9, 0.8, 0.3]
    assert message_of(y, score, "recall", min_precision=0.9) == (
        "No cutoff gives recall at precision >= 0.9. The nearest is threshold 0.1, "
        "where precision is 0.5 (0.4 below the limit); recall is 1 there. To allow it, "
        "pass min_precision=0.5."
    )


@pytest.fixture
def found_late():
    """1,000 samples; the four positives are ranked 1, 2, 11 and 12."""
    y = np.zeros(1000, dtype=int)
    y[[0, 1, 10, 11]] = 1
    return y, np.linspace(0.999, 0.001, 1000)


def test_limits_of_two_units_are_compared_as_parts_of_themselves(found_late):
    y, score = found_late
    message = message_of(y, score, "f1", min_recall=1, max_alarms_per_1000=10)
    # A fifth more alarms is nearer than half of the recall.
    assert f"The nearest is threshold {score[11]:.6g}, where" in message
    assert "alarms per 1000 is 12 (2 above the limit); f1 is" in message
    assert message.endswith("pass max_alarms_per_1000=12.0.")
    message = message_of(y, score, "f1", min_recall=1, max_alarms_per_1000=1)
    assert f"The nearest is threshold {score[1]:.6g}, where" in message
    assert "recall is 0.5 (0.5 below the limit) and alarms per 1000 is 2 " in message


def test_the_fewest_alarms_are_nearest_to_none():
    y, score = [0, 1, 1, 0], [1.0, 1.0, 0.5, 0.2]
    message = message_of(y, score, "recall", max_alarms_per_1000=0)
    assert "threshold 1, where alarms per 1000 is 500 (500 above" in message


def test_a_nearest_logit_is_called_a_logit():
    y, z = [1, 0, 1, 0], [-2.0, 2.0, 1.0, -1.0]
    message = message_of(y, z, "recall", min_precision=0.9, scale="logit")
    assert "The nearest is logit -2, where" in message


@any_ranking
@given(
    data=scored(),
    precision=st.integers(1, 10),
    recall=st.integers(1, 10),
    alarms=st.integers(0, 10),
)
def test_what_an_error_proposes_can_be_kept(data, precision, recall, alarms):
    y, score, weight = data
    limits = {
        "min_precision": precision / 10,
        "min_recall": recall / 10,
        "max_alarms_per_1000": alarms * 100,
    }
    try:
        choose(y, score, "accuracy", sample_weight=weight, **limits)
    except ValueError as error:
        proposed = re.findall(r"(m\w+)=([\d.]+\d)", str(error))
        assert proposed
        relaxed = limits | {name: float(bound) for name, bound in proposed}
        choose(y, score, "accuracy", sample_weight=weight, **relaxed)


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


@any_ranking
@given(data=scored(), metric=st.sampled_from(["f1", "accuracy"]))
def test_logits_give_the_same_choice(data, metric):
    y, score, _ = data
    z = logit(np.clip(score, 0.01, 0.99))
    by_logit = choose(y, z, metric, scale="logit")
    by_probability = choose(y, expit(z), metric)
    assert by_logit.threshold == pytest.approx(by_probability.threshold)
    assert by_logit.value == by_probability.value


@st.composite
def rounded_logits(draw):
    """Both classes; logits that are either equal or not within rounding."""
    thousandths = st.lists(st.integers(-20_000, 20_000), min_size=2, max_size=12)
    z = np.array(draw(thousandths)) / 1000
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=len(z), max_size=len(z))))
    assume(0 < y.sum() < len(y))
    return y, z


@any_ranking
@given(
    data=rounded_logits(),
    scale=st.sampled_from(["probability", "logit"]),
    cost=st.data(),
)
def test_threshold_and_logit_decide_alike_and_as_the_value_says(data, scale, cost):
    y, z = data
    matrix = [[0, cost.draw(st.sampled_from([0.1, 1, 100]))], [1, 0]]
    score = z if scale == "logit" else expit(z)
    choice = choose(y, score, cost_matrix=matrix, scale=scale)
    by_logit = (z if scale == "logit" else logit(score)) >= choice.logit
    by_probability = expit(z) >= choice.threshold
    assert by_probability.tolist() == by_logit.tolist()
    wrong = matrix[0][1] * (by_logit & (y == 0)) + (~by_logit & (y == 1))
    assert choice.value == pytest.approx(wrong.mean())


NO_ALARM = {"cost_matrix": [[0, 1000], [1, 0]]}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("highest", [-700, -20, -2.1, -0.3, 0, 0.1, 3.3, 7.5, 16.5, 36])
def test_no_alarm_is_no_alarm_on_both_scales_and_in_each_precision(highest, dtype):
    z = np.array([highest - 2, highest, highest - 1], dtype=dtype)
    choice = choose([1, 0, 0], z, scale="logit", **NO_ALARM)
    assert choice.value == pytest.approx(1 / 3)
    assert not (z >= choice.logit).any()
    assert not (expit(z.astype(np.float64)) >= choice.threshold).any()
    if expit(z).max() < 1:
        assert not (expit(z) >= choice.threshold).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("highest", [0.0, 1e-4, 0.1, 0.2, 0.5, 0.75, 0.998])
def test_no_alarm_by_probability_is_none_by_logit(highest, dtype):
    p = np.array([highest / 4, highest, highest / 2], dtype=dtype)
    choice = choose([1, 0, 0], p, **NO_ALARM) if highest else None
    if choice is None:
        with pytest.warns(UserWarning, match="nothing but 0 and 1"):
            choice = choose([1, 0, 0], p, **NO_ALARM)
    assert choice.value == pytest.approx(1 / 3)
    assert not (p >= choice.threshold).any()
    with np.errstate(divide="ignore"):
        assert not (logit(p.astype(np.float64)) >= choice.logit).any()


def test_logits_beyond_the_precision_of_probabilities_are_told_apart_with_a_warning():
    z = [-60.0, 40.0, 50.0, 60.0]
    with pytest.warns(UserWarning, match="Compare logits with choice.logit") as record:
        choice = choose([0, 0, 1, 1], z, scale="logit")
    assert record[0].filename == __file__
    assert (choice.logit, choice.value) == (50.0, 1.0)
    assert choice.threshold == 1.0


def test_no_alarm_above_a_logit_whose_probability_is_one_is_warned_of():
    with pytest.warns(UserWarning, match="Compare logits with choice.logit"):
        choice = choose([1, 0, 0], [0.0, 40.0, 1.0], scale="logit", **NO_ALARM)
    assert choice.logit > 40


def test_a_probability_of_one_always_raises_an_alarm():
    choice = choose([1, 0, 0], [0.2, 1.0, 0.3], **NO_ALARM)
    assert (choice.threshold, choice.logit) == (1.0, np.inf)
    assert choice.value == pytest.approx(1001 / 3)


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


# ---- which class is positive


@pytest.fixture
def fraud():
    """300 samples, 10 % fraud; the score is the probability of fraud."""
    y, score = sample(300, np.random.default_rng(0), share=0.1)
    return np.where(y == 1, "fraud", "ok"), score


@pytest.mark.parametrize("dtype", [str, object])
def test_a_frequent_class_that_is_positive_by_the_alphabet_is_warned_of(fraud, dtype):
    y, score = fraud
    with pytest.warns(UserWarning, match="'ok', the second label in alph") as record:
        choose(y.astype(dtype), score)
    assert [warning.filename for warning in record] == [__file__]


def test_a_positive_class_that_was_chosen_or_is_rare_is_not_warned_of(fraud):
    y, score = fraud
    choose(y, score, pos_label="fraud")
    choose(y, 1 - score, pos_label="ok")
    choose(np.where(y == "fraud", "spam", "ham"), score)


def test_weights_decide_which_class_is_frequent(fraud):
    y, score = fraud
    weight = np.where(y == "fraud", 20.0, 1.0)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        choose(y, 1 - score, sample_weight=weight)
    assert not record


@pytest.mark.parametrize("scale", ["probability", "logit"])
def test_a_ranking_upside_down_is_warned_of(scale):
    y, score = sample(300, np.random.default_rng(0))
    score = score if scale == "probability" else logit(score)
    with pytest.warns(UserWarning, match=r"ROC AUC 0\.\d+.*pass pos_label=0") as record:
        choose(1 - y, score, scale=scale)
    assert [warning.filename for warning in record] == [__file__]
    choose(1 - y, score, scale=scale, pos_label=0)


def test_a_ranking_upside_down_of_a_chosen_label_is_warned_of(fraud):
    y, score = fraud
    with pytest.warns(UserWarning, match="pos_label='ok', or the other column"):
        choose(y, 1 - score, pos_label="fraud")


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_without_skill_are_rarely_called_upside_down(weighted):
    rng = np.random.default_rng(0)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        for n in (4, 10, 30, 100, 1000) * 60:
            y = np.arange(n) % 5 == 0
            weight = rng.exponential(size=n) ** 2 if weighted else np.ones(n)
            choose(y, rng.random(n), sample_weight=weight)
    assert len(record) <= 0.01 * 300


def test_the_ranking_is_judged_by_weight():
    y, score = sample(300, np.random.default_rng(0))
    y = 1 - y
    right = (score < 0.4) == (y == 0)
    choose(y, score, sample_weight=np.where(right, 50.0, 0.01))
    with pytest.warns(UserWarning, match="ROC AUC"):
        choose(y, score, sample_weight=np.where(right, 0.5, 1.0))


# ---- how sure it is


def sample(n, rng, shift=2.0, share=0.2):
    y = (rng.random(n) < share).astype(int)
    return y, expit(rng.normal(size=n) + shift * y - 1)


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"cost_matrix": [[0, 1], [4, 0]]},
        {"cost_matrix": [[0, 3], [12, 3]]},  # most of it is the share of positives
        {"sample_weight": True},
        {"groups": True},
        {"groups": True, "cost_matrix": [[0, 3], [12, 3]]},
    ],
    ids=str,
)
def test_of_90_percent_intervals_nine_in_ten_hold_the_cutoff_and_the_value(extra):
    rng = np.random.default_rng(0)
    n_trials, is_weighted = 100, "sample_weight" in extra
    costs = {name: given for name, given in extra.items() if name == "cost_matrix"}
    groups = np.repeat(np.arange(400), 3) if "groups" in extra else None
    y, score = sample(300_000, rng)
    truth = choose(y, score, **costs)
    # A value in the population is read from 200,000 others, by its cutoff.
    population = curve_of(*sample(200_000, rng), **costs)
    holds_cutoff = holds_value = 0
    for _ in range(n_trials):
        y, score = sample(400, rng)
        if groups is not None:  # whose samples are alike
            y, score = y[groups], score[groups]
        weight = rng.uniform(0.5, 1.5, size=len(y)) if is_weighted else None
        choice = select_threshold(
            y,
            score,
            **costs,
            sample_weight=weight,
            groups=groups,
            n_bootstraps=40,
            confidence_level=0.9,
            random_state=rng.integers(1000),
        )
        low, high = choice.threshold_interval
        holds_cutoff += low <= truth.threshold <= high
        low, high = choice.value_interval
        holds_value += low <= population(choice.threshold) <= high
    assert holds_cutoff >= binom.ppf(0.001, n_trials, 0.9)
    assert holds_value >= binom.ppf(0.001, n_trials, 0.9)


def curve_of(y, score, cost_matrix=None):
    """Give F1, or the cost, as a function of the cutoff."""

    def value(cutoff):
        counts = metrics.confusion_matrix(y, score >= cutoff)
        if cost_matrix is not None:
            return np.sum(cost_matrix * counts) / len(y)
        (_, fp), (fn, tp) = counts
        return 2 * tp / (2 * tp + fp + fn)

    return value


@pytest.mark.parametrize("n_rare", [1, 3, 9])
@pytest.mark.parametrize("rare", [0, 1])
def test_fewer_than_ten_samples_of_a_class_give_no_interval(n_rare, rare):
    score = np.random.default_rng(0).uniform(0.1, 0.6, size=50)
    y = np.full(50, 1 - rare)
    y[:n_rare] = rare
    score[:n_rare] += 0.35 if rare else -0.05
    with pytest.warns(UserWarning, match=f"{n_rare} samples of {rare}") as record:
        choice = select_threshold(y, score, method="exact", random_state=0)
    assert [warning.filename for warning in record] == [__file__]
    intervals = (choice.threshold_interval, choice.logit_interval)
    assert np.isnan([*intervals, choice.value_interval]).all()
    assert "interval" not in str(choice)
    silent = choose(y, score)
    assert (silent.threshold, silent.value) == (choice.threshold, choice.apparent_value)


@pytest.mark.parametrize(("n_rare", "n_warnings"), [(10, 1), (49, 1), (50, 0)])
def test_few_samples_of_a_class_give_an_interval_with_a_warning(n_rare, n_warnings):
    y = np.repeat([1, 0], [n_rare, 60])
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        choice = select_threshold(y, np.linspace(0.9, 0.1, len(y)), random_state=0)
    assert len(record) == n_warnings
    assert all(f"{n_rare} samples of 1" in str(each.message) for each in record)
    assert np.ptp(choice.threshold_interval) > 0


def test_samples_of_weight_zero_do_not_count_for_an_interval():
    y, weight = np.repeat([1, 0], [10, 40]), np.ones(50)
    weight[3:10] = 0
    with pytest.warns(UserWarning, match="3 samples of 1"):
        select_threshold(y, np.linspace(0.9, 0.1, 50), sample_weight=weight)


def test_samples_of_a_group_count_once_for_an_interval():
    y, groups = np.repeat([1, 0], [60, 240]), np.arange(300) // 10
    score = np.linspace(0.9, 0.1, 300)
    with pytest.warns(UserWarning, match="6 groups of 1"):
        choice = select_threshold(y, score, groups=groups, random_state=0)
    assert np.isnan(choice.value_interval).all()


def test_interval_of_the_value_narrows_with_more_data():
    rng = np.random.default_rng(0)
    widths = [
        np.ptp(select_threshold(*sample(n, rng), random_state=0).value_interval)
        for n in (300, 30_000)
    ]
    assert widths[1] < widths[0] / 5


def test_a_slow_metric_has_intervals_too():
    y, score = sample(300, np.random.default_rng(0))

    def metric(y_true, y_pred):
        return 2 * np.sum(y_true * y_pred) / np.sum(y_true + y_pred)

    slow = select_threshold(y, score, metric, n_bootstraps=30, random_state=0)
    fast = select_threshold(
        y, score, "f1", method="exact", n_bootstraps=30, random_state=0
    )
    assert slow.threshold == fast.threshold
    assert_allclose(slow.value_interval, fast.value_interval, atol=0.1)
    assert_allclose(slow.threshold_interval, fast.threshold_interval, atol=0.2)


def test_random_state_makes_intervals_repeatable():
    y, score = sample(400, np.random.default_rng(0))
    first, second = (select_threshold(y, score, random_state=3) for _ in range(2))
    assert first == second


def test_logit_interval_is_the_logit_of_the_interval():
    y, score = sample(400, np.random.default_rng(0))
    choice = select_threshold(y, score, random_state=0)
    assert_allclose(choice.logit_interval, logit(choice.threshold_interval))


@pytest.mark.parametrize(
    ("costs", "mistake"),
    [
        (
            [[0, 60], [8, 8]],
            r"a false negative \(8\) costs no more than a true positive",
        ),
        ([[0, -1], [5, 0]], r"a false positive \(-1\) costs no more than a true neg"),
        ([[0, -8], [-60, 0]], "a false positive .* and a false negative"),
        ([[0, 1], [np.zeros(400), 1]], r"a false negative \(0\)"),
    ],
)
def test_costs_by_which_mistakes_pay_are_warned_of(costs, mistake):
    y, score = sample(400, np.random.default_rng(0))
    with pytest.warns(UserWarning, match=f"By cost_matrix {mistake}"):
        choose(y, score, cost_matrix=costs)


def test_costs_of_some_rows_may_call_for_no_alarm():
    y, score = sample(400, np.random.default_rng(0))
    amounts = np.linspace(0.1, 50, 400)  # less than the check, or more
    choose(y, score, cost_matrix=[[0, 8], [amounts, 8]])


@pytest.mark.parametrize("least", [0.99991, 1 - 1e-9])
def test_a_cutoff_just_below_one_is_not_printed_as_one(least):
    score = np.r_[np.linspace(0, 0.9, 60), np.linspace(least, 1 - 1e-12, 60)]
    choice = choose(np.repeat([0, 1], 60), score, method="exact")
    assert choice.threshold == least
    assert f"threshold {least:.10g} " in str(choice)


# ---- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_score": [0.1, 2.0, 0.3]}, "pass scale='logit'"),
        ({"y_score": [0.1, np.nan, 0.3]}, "finite"),
        ({"y_score": [0.1, 0.3]}, "inconsistent numbers of samples"),
        (
            {"y_score": [[0.1, 0.9]] * 3},
            "Pass the column of the positive",
        ),
        ({"y_score": [[0.1, 0.9, 0.2]] * 3}, "1d array"),
        ({"y_true": [1, 1, 1]}, "one class"),
        ({"y_true": [0, 1, 2]}, "Only binary"),
        ({"scale": "odds"}, "'scale' parameter"),
        ({"min_precision": 90}, "min_precision.*Got 90"),
        ({"max_alarms_per_1000": -1}, "max_alarms_per_1000.*Got -1"),
        ({"cost_matrix": [1, 2]}, "true negative, false positive"),
        ({"cost_matrix": [[0, 1, 2], [1, 0, 2]]}, "true negative, false positive"),
        ({"cost_matrix": [[0, [1, 2]], [1, 0]]}, r"array of shape \(3,\)"),
        ({"cost_matrix": [[0, np.inf], [1, 0]]}, "1 costs that are NaN or inf"),
        ({"metric": "no_such_metric"}, "no_such_metric"),
        ({"sample_weight": [1, -1, 1]}, "[Nn]egative"),
        ({"sample_weight": [1, 0, 1]}, "two classes are needed.*weight zero"),
        ({"sample_weight": [0, 1, 0]}, "two classes are needed.*weight zero"),
        ({"sample_weight": [0, 0, 0]}, "zero"),
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


@pytest.mark.parametrize("dtype", [int, bool, np.float32, float])
@pytest.mark.parametrize("y_pred", [[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
def test_decisions_in_the_place_of_scores_are_warned_of(y_pred, dtype):
    y_pred = np.array(y_pred, dtype=dtype)
    match = re.escape("Pass predict_proba(X)[:, 1].")
    with pytest.warns(UserWarning, match=match) as record:
        choose([0, 0, 1, 1], y_pred)
    assert [warning.filename for warning in record] == [__file__]


def test_whole_logits_are_scores():
    assert choose([0, 0, 1, 1], [0, 0, 1, 1], scale="logit").logit == 1


def test_the_objective_names_what_a_partial_function_fixes():
    choice = choose([0, 1], [0.1, 0.9], partial(metrics.fbeta_score, beta=2))
    assert choice.objective == "fbeta_score(beta=2)"


@pytest.mark.parametrize(
    "metric", [metrics.zero_one_loss, partial(metrics.hamming_loss)]
)
def test_losses_are_no_metrics_to_maximise(metric):
    with pytest.raises(ValueError, match="_loss is better if lower"):
        select_threshold([0, 1, 0, 1], [0.1, 0.9, 0.3, 0.8], metric, n_bootstraps=0)


def test_the_column_to_pass_is_that_of_the_positive_label():
    y, proba = np.array(["fraud", "ok", "ok"]), np.full((3, 2), 0.5)
    for pos_label, column in (("fraud", 0), ("ok", 1), (None, 1)):
        with pytest.raises(ValueError, match=rf"predict_proba\(X\)\[:, {column}\]"):
            select_threshold(y, proba, pos_label=pos_label)


def test_a_row_of_weight_zero_may_have_a_label_of_its_own():
    y, score, weight = [0, 1, 0, 1, 2], [0.1, 0.9, 0.2, 0.8, 0.5], [1, 1, 1, 1, 0]
    choice = select_threshold(y, score, sample_weight=weight, n_bootstraps=0)
    expected = select_threshold(y[:4], score[:4], n_bootstraps=0)
    assert (choice.threshold, choice.value) == (expected.threshold, expected.value)


@pytest.mark.filterwarnings("ignore:y_true has")
@pytest.mark.parametrize(
    "choose",
    [
        {"cost_matrix": [[0, 1], [200, 0]]},
        {"metric": "recall", "min_precision": 0.05},
        {"metric": "recall", "max_alarms_per_1000": 300},
        {"metric": "precision", "min_recall": 0.9},
        {"metric": "balanced_accuracy"},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_positives", [12, 40])
def test_estimates_lie_in_their_intervals_and_promise_no_more_than_was_seen(
    choose, n_positives
):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y = np.repeat([0, 1], [300, n_positives])
        p = expit(rng.normal(2 * y) - 2)
        choice = select_threshold(y, p, n_bootstraps=40, random_state=0, **choose)
        low, high = choice.value_interval
        assert low <= choice.value <= high
        low, high = choice.threshold_interval
        assert low <= choice.threshold <= high
        if "cost_matrix" in choose:
            assert choice.value >= choice.apparent_value
        else:
            assert 0 <= choice.value <= choice.apparent_value
