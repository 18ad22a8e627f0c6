"""Limits that `select_threshold` guarantees are kept in the population."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, norm
from sklearn.metrics import precision_score

from skbin import select_threshold
from skbin.cutoffs.guarantees import n_needed

SHIFT, SHARE = 3.0, 0.1


def draw(n, rng):
    y = (rng.random(n) < SHARE).astype(int)
    return y, rng.normal(size=n) + SHIFT * y


def in_population(limit, cutoff):
    tp = SHARE * norm.sf(cutoff - SHIFT)
    fp = (1 - SHARE) * norm.sf(cutoff)
    return {
        "min_precision": tp / (tp + fp),
        "min_recall": tp / SHARE,
        "min_specificity": 1 - fp / (1 - SHARE),
        "max_alarms_per_1000": 1000 * (tp + fp),
    }[limit]


def is_broken(limits, cutoff):
    return any(
        in_population(name, cutoff) > bound
        if name.startswith("max")
        else in_population(name, cutoff) < bound
        for name, bound in limits.items()
    )


@pytest.mark.parametrize(
    ("metric", "limits"),
    [
        ("recall", {"min_precision": 0.8}),
        ("precision", {"min_recall": 0.8}),
        ("recall", {"min_specificity": 0.97}),
        ("recall", {"max_alarms_per_1000": 100}),
        ("f1", {"min_precision": 0.6, "min_recall": 0.6}),
    ],
    ids=str,
)
def test_a_limit_is_kept_as_often_as_is_guaranteed(metric, limits):
    rng = np.random.default_rng(0)
    n_samples = 300
    n_broken = n_broken_without = n_refused = 0
    for _ in range(n_samples):
        y, z = draw(1000, rng)
        choose = {"scale": "logit", "n_bootstraps": 0, **limits}
        without = select_threshold(y, z, metric, **choose)
        n_broken_without += is_broken(limits, without.logit)
        try:
            choice = select_threshold(y, z, metric, guarantee=0.9, **choose)
        except ValueError:
            n_refused += 1
            continue
        n_broken += is_broken(limits, choice.logit)
    assert n_broken <= binom.ppf(0.999, n_samples, 0.1)
    assert n_refused < 0.2 * n_samples
    if len(limits) == 1:
        assert n_broken_without > 0.3 * n_samples


@pytest.mark.parametrize("guarantee", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("limits", [{"min_recall": 0.8}, {"min_precision": 0.6}])
def test_more_confidence_leaves_more_room(guarantee, limits):
    y, z = draw(4000, np.random.default_rng(0))
    metric = "precision" if "min_recall" in limits else "recall"
    choose = {"scale": "logit", "n_bootstraps": 0, **limits}
    choice = select_threshold(y, z, metric, guarantee=guarantee, **choose)
    less = select_threshold(y, z, metric, guarantee=guarantee - 0.3, **choose)
    (limit,) = limits
    assert in_population(limit, choice.logit) >= in_population(limit, less.logit)
    assert choice.objective.endswith(f"with {guarantee} confidence")


def test_both_scales_and_methods_know_the_guarantee():
    y, z = draw(2000, np.random.default_rng(0))
    limits = {"min_recall": 0.8, "guarantee": 0.9, "n_bootstraps": 0}
    for method in ("smooth", "exact"):
        by_logit = select_threshold(
            y, z, "precision", scale="logit", method=method, **limits
        )
        by_probability = select_threshold(
            y, expit(z), "precision", method=method, **limits
        )
        assert by_probability.threshold == pytest.approx(by_logit.threshold)


@pytest.mark.parametrize("n_scores", [3, 20])
def test_scores_with_ties_are_cut_between_them(n_scores):
    rng = np.random.default_rng(0)
    y, z = draw(4000, rng)
    p = np.round(expit(z - SHIFT / 2) * n_scores) / n_scores
    choice = select_threshold(
        y, p, "recall", min_precision=0.5, guarantee=0.9, n_bootstraps=0
    )
    assert choice.threshold in p
    assert precision_score(y, p >= choice.threshold) > 0.5


def test_the_interval_of_a_guaranteed_cutoff_is_that_of_its_value():
    y, z = draw(2000, np.random.default_rng(0))
    choice = select_threshold(
        y, z, "recall", scale="logit", min_precision=0.8, guarantee=0.9, random_state=0
    )
    assert np.isnan(choice.threshold_interval).all()
    low, high = choice.value_interval
    assert low < choice.value == choice.apparent_value < high
    assert f"{choice.value:.4g}, 95% interval {low:.4g} to {high:.4g}" in str(choice)


def test_a_guaranteed_cutoff_without_any_alarm_is_warned_of():
    y = np.repeat([0, 1], [51, 9])
    p = np.r_[np.linspace(0.01, 0.3, 51), np.linspace(0.6, 0.99, 9)]
    limit = {"max_alarms_per_1000": 50, "guarantee": 0.9, "n_bootstraps": 0}
    with pytest.warns(UserWarning, match="no row is ever positive") as caught:
        choice = select_threshold(y, p, "recall", **limit)
    assert choice.alarms_per_1000 == 0
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"min_recall": 0.95}, r"needs at least 45 positives \(there are 20\)"),
        ({"min_precision": 0.95}, r"at least 59 positives above all negatives"),
        ({"min_precision": 1}, "at least inf positives"),
        ({"min_specificity": 0.999}, r"at least 2302 negatives \(there are 400\)"),
        ({"max_alarms_per_1000": 1}, r"at least 2302 samples \(there are 420\)"),
        (
            {"min_recall": 0.95, "min_precision": 0.1},
            r"recall >= 0.95 needs .*; precision >= 0.1 can be kept|"
            r"precision >= 0.1 can be kept .*; recall >= 0.95 needs",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_guaranteed_says_how_many_samples_it_takes(limits, message):
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], [20, 400])
    z = rng.normal(size=420) + SHIFT * y
    with pytest.raises(ValueError, match=message) as refused:
        select_threshold(
            y, z, "f1", scale="logit", guarantee=0.9, n_bootstraps=0, **limits
        )
    assert "with 0.9 confidence" in str(refused.value)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.99])
@pytest.mark.parametrize("risk", [0.01, 0.1])
def test_samples_that_are_all_right_show_a_share_when_there_are_enough(share, risk):
    n = n_needed(share, risk)
    assert share**n <= risk < share ** (n - 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"guarantee": 0.9}, "guarantee is the confidence in a limit"),
        ({"guarantee": 90, "min_recall": 0.5}, "'guarantee' parameter"),
        (
            {"guarantee": 0.9, "min_recall": 0.5, "sample_weight": np.ones(420)},
            "cannot be combined with sample_weight",
        ),
        (
            {"guarantee": 0.9, "min_recall": 0.5, "groups": np.arange(420)},
            "cannot be combined with groups",
        ),
    ],
)
def test_a_guarantee_that_means_nothing_is_refused(arguments, message):
    y, z = draw(420, np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        select_threshold(y, expit(z), **arguments)


@pytest.mark.parametrize("n", range(100, 140, 3))
def test_the_last_rank_of_a_sample_has_no_next_one(n):
    y, z = draw(n, np.random.default_rng(n))
    y[:2] = [0, 1]
    choice = select_threshold(
        y, z, "recall", scale="logit", min_precision=0.02, guarantee=0.5, n_bootstraps=0
    )
    assert choice.logit <= z.max()
