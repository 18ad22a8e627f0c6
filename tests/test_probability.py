"""Laws of probabilities, thresholds, priors and labels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit
from torch import nn

from skbin import BinaryNetClassifier
from skbin.training.output import (
    log_probability_columns,
    prior_shift,
    probability_columns,
)

logits = arrays(
    np.float32,
    st.integers(2, 20),
    elements=st.floats(-100, 100, width=32) | st.sampled_from([0.0, -0.0, 88.0]),
)
probabilities = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])
priors = st.none() | st.just("train") | st.floats(0.001, 0.999)
shares = st.floats(0.01, 0.99)


class FirstColumn(nn.Module):
    """A network whose logit is the first column of its input."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, X):
        return self.factor * X[:, 0]


@pytest.fixture(scope="module")
def identity():
    """A fitted estimator that passes its input through as the logit."""
    X, y = np.array([[-1.0], [-1.0], [-1.0], [1.0]]), np.array([0, 0, 0, 1])
    net = BinaryNetClassifier(FirstColumn, lr=0.0, pos_weight=3.0, max_epochs=1)
    return net.fit(X, y)


@given(z=logits, threshold=probabilities, prior=priors)
def test_predict_is_positive_exactly_where_the_probability_reaches_the_threshold(
    identity, z, threshold, prior
):
    identity.set_params(threshold=threshold, prior=prior)
    X = z[:, None]
    assert_array_equal(
        identity.predict(X) == 1, identity.predict_proba(X)[:, 1] >= threshold
    )


@given(z=logits, prior=priors, data=st.data())
def test_a_threshold_equal_to_a_score_takes_that_sample(identity, z, prior, data):
    identity.set_params(prior=prior)
    X = z[:, None]
    scores = identity.predict_proba(X)[:, 1]
    row = data.draw(st.integers(0, len(z) - 1))
    identity.set_params(threshold=float(scores[row]))
    assert identity.predict(X)[row] == 1


@given(z=logits, low=probabilities, high=probabilities)
def test_raising_the_threshold_never_adds_a_positive(identity, z, low, high):
    low, high = sorted([low, high])
    X = z[:, None]
    few = identity.set_params(threshold=high, prior=None).predict(X)
    many = identity.set_params(threshold=low).predict(X)
    assert np.all(few <= many)


@given(z=logits, prior=priors)
def test_prior_never_changes_the_ranking(identity, z, prior):
    X = z[:, None]
    plain = identity.set_params(prior=None).decision_function(X)
    shifted = identity.set_params(prior=prior).decision_function(X)
    order = np.argsort(plain, kind="stable")
    assert np.all(np.diff(shifted[order]) >= 0)


@given(z=logits.filter(lambda z: np.all(np.abs(z) < 15)), prior=priors)
def test_decision_function_is_the_logit_of_the_probability(identity, z, prior):
    identity.set_params(prior=prior)
    X = z[:, None]
    assert_allclose(
        identity.decision_function(X),
        logit(identity.predict_proba(X)[:, 1]),
        atol=1e-6,
    )


@given(z=logits)
def test_rows_sum_to_one_and_logarithms_agree(z):
    columns = probability_columns(z)
    assert_allclose(columns.sum(axis=1), 1)
    assert_allclose(np.exp(log_probability_columns(z)), columns, atol=1e-15)


def test_a_tiny_probability_of_the_negative_class_does_not_vanish():
    assert_allclose(probability_columns([50.0])[0, 0], np.exp(-50), rtol=1e-12)


@given(pos_weight=st.floats(0.01, 100), train_prior=shares)
def test_prior_of_the_training_data_equals_prior_train(pos_weight, train_prior):
    settings = {"pos_weight": pos_weight, "train_prior": train_prior}
    assert_allclose(
        prior_shift(train_prior, **settings), prior_shift("train", **settings)
    )


def test_prior_none_leaves_the_logit_alone():
    assert prior_shift(None, pos_weight=7.0, train_prior=0.1) == 0


@given(p=shares, prior=shares, train_prior=shares)
def test_prior_follows_bayes_rule(p, prior, train_prior):
    """Odds are multiplied by the ratio of the prior odds."""
    shifted = logit(p) + prior_shift(prior, pos_weight=1.0, train_prior=train_prior)
    odds = p / (1 - p) * prior / (1 - prior) / (train_prior / (1 - train_prior))
    assert_allclose(np.exp(shifted), odds, rtol=1e-9)


def test_undoing_pos_weight_recovers_the_base_rate():
    """Rows that are all alike get the share of positives, whatever the weight."""
    X = np.zeros((400, 1))
    y = np.repeat([0, 1], [360, 40])
    net = BinaryNetClassifier(
        lambda: nn.Linear(1, 1),
        pos_weight=9.0,
        prior="train",
        lr=0.1,
        max_epochs=300,
        batch_size=-1,
        random_state=0,
    ).fit(X, y)
    assert_allclose(net.predict_proba(X[:1])[0, 1], 0.1, atol=1e-3)
    net.set_params(prior=None)
    assert_allclose(net.predict_proba(X[:1])[0, 1], 0.5, atol=1e-3)
    net.set_params(prior=0.02)
    assert_allclose(net.predict_proba(X[:1])[0, 1], 0.02, atol=1e-3)


@pytest.mark.parametrize(
    ("negative", "positive"),
    [("ham", "spam"), (False, True), (-1, 1), (3, 70), (0.0, 1.0)],
)
def test_relabelling_changes_nothing_but_the_labels(rare, negative, positive):
    X, y = rare
    settings = {"max_epochs": 2, "random_state": 0, "pos_weight": "balanced"}
    plain = BinaryNetClassifier(**settings).fit(X, y)
    relabelled = BinaryNetClassifier(**settings)
    relabelled.fit(X, np.where(y == 1, positive, negative))
    assert_array_equal(plain.predict_proba(X), relabelled.predict_proba(X))
    assert_array_equal(
        relabelled.predict(X), np.where(plain.predict(X) == 1, positive, negative)
    )
    assert relabelled.classes_.tolist() == [negative, positive]


@pytest.mark.parametrize("prior", [None, "train", 0.3])
def test_pos_label_of_the_first_class_mirrors_everything(rare, prior):
    X, y = rare
    settings = {
        "max_epochs": 2,
        "random_state": 0,
        "pos_weight": "balanced",
        "threshold": 0.3,
        "prior": prior,
    }
    plain = BinaryNetClassifier(**settings).fit(X, y)
    mirrored = BinaryNetClassifier(pos_label="a-spam", **settings)
    mirrored.fit(X, np.where(y == 1, "a-spam", "b-ham"))
    assert_array_equal(plain.predict_proba(X), mirrored.predict_proba(X)[:, ::-1])
    assert_array_equal(
        plain.predict_log_proba(X), mirrored.predict_log_proba(X)[:, ::-1]
    )
    assert_array_equal(plain.decision_function(X), -mirrored.decision_function(X))
    assert_array_equal(plain.predict(X) == 1, mirrored.predict(X) == "a-spam")
    assert plain.pos_weight_ == mirrored.pos_weight_
    assert plain.train_prior_ == mirrored.train_prior_


@pytest.mark.parametrize("n", [1, 2, 7, 8, 15, 16, 17, 1_000, 40_001, 100_003])
def test_a_logit_has_one_probability_wherever_it_stands(n):
    z = np.random.default_rng(0).normal(scale=3, size=120_000)
    assert_array_equal(probability_columns(z[:n]), probability_columns(z)[:n])
