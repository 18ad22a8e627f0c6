"""The pictures show the numbers, by scikit-learn's Display convention."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logit
from sklearn import metrics
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.dataset import ValidSplit

from skbin import (
    BinaryNetClassifier,
    DenseNet,
    HistoryDisplay,
    ThresholdDisplay,
    select_threshold,
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def scores():
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.3).astype(int)
    return y, np.clip(0.3 + 0.3 * y + rng.normal(scale=0.15, size=300), 0.001, 0.999)


def value_at(line, x):
    """Height of a curve drawn by steps whose level reaches back from each point."""
    assert line.get_drawstyle() == "steps-pre"
    return line.get_ydata()[np.searchsorted(line.get_xdata(), x)]


@pytest.mark.parametrize("cutoff", [0.2, 0.45, 0.7])
@pytest.mark.parametrize("scale", ["probability", "logit"])
def test_curves_show_the_metric_of_each_cutoff(scores, cutoff, scale):
    y, score = scores
    display = ThresholdDisplay.from_predictions(y, score, scale=scale)
    x = logit(cutoff) if scale == "logit" else cutoff
    functions = [metrics.precision_score, metrics.recall_score, metrics.f1_score]
    for line, function in zip(display.lines_, functions, strict=True):
        assert value_at(line, x) == pytest.approx(function(y, score >= cutoff))


def test_cost_is_drawn_in_place_of_metrics(scores):
    y, score = scores
    matrix = [[0, 1], [5, 0]]
    choice = select_threshold(y, score, cost_matrix=matrix, random_state=0)
    display = ThresholdDisplay.from_predictions(
        y, score, cost_matrix=matrix, choice=choice
    )
    (line,) = display.lines_
    assert value_at(line, choice.threshold) == pytest.approx(choice.value)
    assert min(line.get_ydata()) == pytest.approx(choice.value)
    assert "cost" in display.ax_.get_ylabel()


def test_choice_is_marked_with_its_interval(scores):
    y, score = scores
    choice = select_threshold(y, score, random_state=0)
    display = ThresholdDisplay.from_predictions(y, score, choice=choice)
    assert display.choice_line_.get_xdata()[0] == choice.threshold
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    low, high = choice.threshold_interval
    assert f"95% interval {low:.3g} to {high:.3g}" in texts
    assert f"(logit {choice.logit:.3g})" in texts[-2]


def test_choice_may_be_a_number_or_missing(scores):
    display = ThresholdDisplay.from_predictions(*scores, choice=0.9)
    assert display.choice_line_.get_label() == "chosen cutoff 0.9 (logit 2.2)"
    assert ThresholdDisplay.from_predictions(*scores).choice_line_ is None


def test_weights_count(scores):
    y, score = scores
    weight = np.arange(len(y)) % 3
    weighted = ThresholdDisplay.from_predictions(y, score, sample_weight=weight)
    repeated = ThresholdDisplay.from_predictions(
        np.repeat(y, weight), np.repeat(score, weight)
    )
    for first, second in zip(weighted.lines_, repeated.lines_, strict=True):
        assert_allclose(first.get_ydata(), second.get_ydata())


@pytest.mark.parametrize("pipeline", [False, True])
def test_from_estimator_takes_the_positive_class_of_the_net(scores, pipeline):
    y, score = scores
    labels = np.where(y == 1, "fraud", "ok")
    net = BinaryNetClassifier(DenseNet, pos_label="fraud", max_epochs=2, random_state=0)
    estimator = make_pipeline(StandardScaler(), net) if pipeline else net
    X = score.reshape(-1, 1)
    estimator.fit(X[::2], labels[::2])
    display = ThresholdDisplay.from_estimator(estimator, X[1::2], labels[1::2])
    probability = estimator.predict_proba(X[1::2])[:, 0]
    expected = ThresholdDisplay.from_predictions(y[1::2], probability)
    assert_allclose(display.lines_[2].get_ydata(), expected.lines_[2].get_ydata())
    assert display.ax_.get_title() == "BinaryNetClassifier"


def test_any_classifier_with_probabilities_can_be_drawn(scores):
    X = scores[1].reshape(-1, 1)
    estimator = LogisticRegression().fit(X, scores[0])
    display = ThresholdDisplay.from_estimator(estimator, X, scores[0], name="mine")
    assert display.ax_.get_title() == "mine"


def test_from_search_shows_the_mean_of_the_folds(scores, tmp_path):
    net = BinaryNetClassifier(
        DenseNet, max_epochs=3, random_state=0, memory=str(tmp_path)
    )
    grid = {
        "binarynetclassifier__threshold": [0.7, 0.3, 0.5],
        "binarynetclassifier__lr": [0.001, 0.01],
    }
    search = GridSearchCV(make_pipeline(net), grid, cv=3, scoring="balanced_accuracy")
    search.fit(scores[1].reshape(-1, 1), scores[0])
    display = ThresholdDisplay.from_search(search)
    (line,) = display.lines_
    assert line.get_label() == "balanced_accuracy"
    assert line.get_xdata().tolist() == [0.3, 0.5, 0.7]
    assert max(line.get_ydata()) == search.best_score_
    best = search.best_params_["binarynetclassifier__threshold"]
    assert display.choice_line_.get_xdata()[0] == best


def test_a_search_over_something_else_is_refused(scores):
    search = GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=3)
    search.fit(scores[1].reshape(-1, 1), scores[0])
    with pytest.raises(ValueError, match=r"over one threshold, got .*\['C'\]"):
        ThresholdDisplay.from_search(search)


def test_a_display_can_be_drawn_again_elsewhere(scores):
    display = ThresholdDisplay.from_predictions(*scores)
    _, ax = plt.subplots()
    assert display.plot(ax=ax, scale="logit", alpha=0.5) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.lines_[0].get_alpha() == 0.5
    assert ax.get_xlabel() == "cutoff (logit)"


def test_legend_covers_no_curve(scores):
    choice = select_threshold(*scores, random_state=0)
    display = ThresholdDisplay.from_predictions(*scores, choice=choice)
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend().get_window_extent()
    assert not legend.overlaps(display.ax_.get_window_extent())
    label = display.ax_.xaxis.label.get_window_extent()
    assert not legend.overlaps(label)


def test_a_million_scores_are_drawn_with_few_points():
    rng = np.random.default_rng(0)
    y = rng.random(10**6) < 0.1
    display = ThresholdDisplay.from_predictions(y, rng.random(10**6), metrics=["f1"])
    assert 1_000 < len(display.lines_[0].get_xdata()) <= 5_000


@pytest.fixture(scope="module")
def fitted(scores):
    return BinaryNetClassifier(
        DenseNet,
        max_epochs=4,
        train_split=ValidSplit(5, stratified=True),
        random_state=0,
    ).fit(scores[1].reshape(-1, 1), scores[0])


def test_history_shows_the_losses(fitted):
    display = HistoryDisplay.from_estimator(make_pipeline(fitted))
    train, valid = display.lines_
    assert train.get_ydata().tolist() == fitted.history[:, "train_loss"]
    assert valid.get_ydata().tolist() == fitted.history[:, "valid_loss"]
    assert train.get_xdata().tolist() == [1, 2, 3, 4]
    assert display.ax_.get_ylabel() == "loss"


def test_history_shows_any_column(fitted):
    display = HistoryDisplay.from_estimator(fitted, keys=["valid_average_precision"])
    (line,) = display.lines_
    assert line.get_ydata().tolist() == fitted.history[:, "valid_average_precision"]


def test_an_unknown_column_is_refused_with_those_there_are(fitted):
    with pytest.raises(ValueError, match=r"\['recall'\].*'valid_loss'"):
        HistoryDisplay.from_estimator(fitted, keys=["recall"])


@pytest.mark.parametrize("scale", ["odds", None])
def test_an_unknown_scale_is_refused(scores, scale):
    with pytest.raises(ValueError, match="scale must be"):
        ThresholdDisplay.from_predictions(*scores, scale=scale)


def test_an_unfitted_estimator_is_refused(scores):
    with pytest.raises(NotFittedError):
        ThresholdDisplay.from_estimator(BinaryNetClassifier(), [[1.0]], [1])
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(BinaryNetClassifier())


def test_without_matplotlib_the_error_names_it(scores, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="matplotlib"):
        ThresholdDisplay.from_predictions(*scores)
