"""The pictures show the numbers, by scikit-learn's Display convention."""

import sys
import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
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
    functions = [metrics.precision_score, metrics.recall_score, metrics.f1_score]
    for line, function in zip(display.lines_, functions, strict=True):
        assert value_at(line, cutoff) == pytest.approx(function(y, score >= cutoff))
    assert display.ax_.get_xscale() == ("logit" if scale == "logit" else "linear")


def test_cost_is_drawn_in_place_of_metrics(scores):
    y, score = scores
    matrix = [[0, 1], [5, 0]]
    choice = select_threshold(y, score, cost_matrix=matrix, method="exact")
    display = ThresholdDisplay.from_predictions(
        y, score, cost_matrix=matrix, choice=choice
    )
    (line,) = display.lines_
    assert value_at(line, choice.threshold) == pytest.approx(choice.apparent_value)
    assert min(line.get_ydata()) == pytest.approx(choice.apparent_value)
    assert display.ax_.get_ylabel() == "expected cost for each sample"
    assert line.get_label() == "expected cost"


def test_a_metric_that_is_called_cost_is_a_metric(scores):
    def cost(y_true, y_pred):
        return np.mean(y_true != y_pred)

    display = ThresholdDisplay.from_predictions(*scores, metrics=[cost])
    assert display.ax_.get_ylabel() == "value"


def test_two_metrics_of_one_name_are_two_curves(scores):
    y, score = scores

    def half():
        def metric(y_true, y_pred):
            return metrics.accuracy_score(y_true, y_pred) / 2

        return metric

    some = [
        partial(metrics.fbeta_score, beta=0.5),
        partial(metrics.fbeta_score, beta=2),
        half(),
        half(),
        "f1",
        "f1",
    ]
    display = ThresholdDisplay.from_predictions(y[:40], score[:40], metrics=some)
    assert [line.get_label() for line in display.lines_] == [
        "fbeta_score(beta=0.5)",
        "fbeta_score(beta=2)",
        "metric",
        "metric (2)",
        "f1",
        "f1 (2)",
    ]
    assert value_at(display.lines_[1], 0.45) == pytest.approx(
        metrics.fbeta_score(y[:40], score[:40] >= 0.45, beta=2)
    )
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert len(texts) == 6
    assert len({line.get_color() for line in display.lines_}) == 6


def test_no_metric_at_all_is_refused(scores):
    with pytest.raises(ValueError, match="at least one metric"):
        ThresholdDisplay.from_predictions(*scores, metrics=[])


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


@pytest.fixture(scope="module")
def fraud(scores):
    """Rows, labels of which the rare one sorts first, and rows to judge by."""
    y, score = scores
    X, labels = score.reshape(-1, 1), np.where(y == 1, "fraud", "ok")
    return X[::2], labels[::2], X[1::2], labels[1::2]


def a_net(**parameters):
    return BinaryNetClassifier(DenseNet, max_epochs=2, random_state=0, **parameters)


def search(estimator, **kwargs):
    return GridSearchCV(estimator, {}, cv=2, **kwargs)


WRAPPERS = {
    "alone": lambda net: net,
    "pipeline": lambda net: make_pipeline(StandardScaler(), net),
    "nested pipelines": lambda net: make_pipeline(make_pipeline(net)),
    "search": search,
    "search of a pipeline": lambda net: search(make_pipeline(StandardScaler(), net)),
    "pipeline of a search": lambda net: make_pipeline(StandardScaler(), search(net)),
    "tuned cutoff": lambda net: TunedThresholdClassifierCV(net, cv=2),
    "fixed cutoff": lambda net: FixedThresholdClassifier(net, threshold=0.2),
    "calibration": lambda net: CalibratedClassifierCV(net, cv=2),
}


def assert_fraud_is_drawn(display, estimator, X, labels):
    probability = estimator.predict_proba(X)[:, 0]
    for line, function in zip(
        display.lines_,
        [metrics.precision_score, metrics.recall_score, metrics.f1_score],
        strict=True,
    ):
        for cutoff in np.quantile(probability, [0.1, 0.5, 0.9], method="nearest"):
            decided = np.where(probability >= cutoff, "fraud", "ok")
            expected = function(labels, decided, pos_label="fraud")
            assert value_at(line, cutoff) == pytest.approx(expected)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_the_positive_class_of_the_net_is_drawn_in_any_wrapping(fraud, wrap):
    X, labels, X_test, labels_test = fraud
    estimator = wrap(a_net(pos_label="fraud")).fit(X, labels)
    display = ThresholdDisplay.from_estimator(estimator, X_test, labels_test)
    assert_fraud_is_drawn(display, estimator, X_test, labels_test)
    assert display.ax_.get_title() == "BinaryNetClassifier"


def test_a_positive_class_of_the_wrapper_is_drawn(fraud):
    X, labels, X_test, labels_test = fraud
    fixed = FixedThresholdClassifier(
        LogisticRegression(), threshold=0.2, pos_label="fraud"
    ).fit(X, labels)
    display = ThresholdDisplay.from_estimator(fixed, X_test, labels_test)
    assert_fraud_is_drawn(display, fixed, X_test, labels_test)


def test_a_positive_class_that_is_passed_is_drawn(fraud):
    X, labels, X_test, labels_test = fraud
    net = a_net(pos_label="ok").fit(X, labels)
    display = ThresholdDisplay.from_estimator(
        net, X_test, labels_test, pos_label="fraud"
    )
    assert_fraud_is_drawn(display, net, X_test, labels_test)


@pytest.mark.parametrize("n_features", [1.0, 0.5])
def test_a_positive_class_behind_an_encoder_is_drawn(fraud, n_features):
    X, labels, X_test, labels_test = fraud
    # Bagging gives its members 0 for "fraud".
    bagging = BaggingClassifier(
        a_net(pos_label=0), 2, max_features=n_features, random_state=0
    ).fit(np.hstack([X, X]), labels)
    X_test = np.hstack([X_test, X_test])
    display = ThresholdDisplay.from_estimator(bagging, X_test, labels_test)
    assert_fraud_is_drawn(display, bagging, X_test, labels_test)


@pytest.mark.parametrize("first", [0, 1])
def test_codes_of_an_encoder_are_not_taken_for_labels(fraud, first):
    X, labels, X_test, labels_test = fraud
    # A class whose label is the code of the other.
    numbers = {"fraud": first, "ok": first + 1}
    y, y_test = ([numbers[label] for label in some] for some in (labels, labels_test))
    bagging = BaggingClassifier(a_net(pos_label=0), 2, random_state=0).fit(X, y)
    display = ThresholdDisplay.from_estimator(bagging, X_test, y_test)
    assert_fraud_is_drawn(display, bagging, X_test, labels_test)


def test_the_innermost_estimator_is_asked_whether_it_was_trained_on_the_rows(fraud):
    class Asked(LogisticRegression):
        def _warn_if_trained_on(self, X, is_positive):
            warnings.warn("asked", UserWarning, stacklevel=1)
            self.asked_ = X, is_positive

    X, labels, X_test, labels_test = fraud
    pipeline = search(make_pipeline(StandardScaler(), Asked())).fit(X, labels)
    with pytest.warns(UserWarning, match="asked") as record:
        ThresholdDisplay.from_estimator(
            pipeline, X_test, labels_test, pos_label="fraud"
        )
    assert len(record) == 1
    scaler, asked = pipeline.best_estimator_
    rows, is_positive = asked.asked_
    assert_allclose(rows, scaler.transform(X_test))
    assert is_positive.tolist() == (labels_test == "fraud").tolist()


def test_without_a_chosen_positive_class_the_frequent_one_is_warned_of(fraud):
    X, labels, X_test, labels_test = fraud
    regression = LogisticRegression().fit(X, labels)
    with pytest.warns(UserWarning, match="pass pos_label='fraud'") as record:
        ThresholdDisplay.from_estimator(regression, X_test, labels_test)
    assert [warning.filename for warning in record] == [__file__]


def test_scores_upside_down_are_warned_of(scores):
    with pytest.warns(UserWarning, match="ROC AUC") as record:
        ThresholdDisplay.from_predictions(scores[0], 1 - scores[1])
    assert [warning.filename for warning in record] == [__file__]


def test_decisions_in_the_place_of_probabilities_are_warned_of(scores):
    with pytest.warns(UserWarning, match=r"predict_proba\(X\)") as record:
        ThresholdDisplay.from_predictions(scores[0], scores[1] > 0.5)
    assert [warning.filename for warning in record] == [__file__]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pos_label": "theft"}, "not one of the classes"),
        ({"y": [0, 1]}, r"labels \[0, 1\], but the classes are"),
    ],
    ids=["pos_label", "y"],
)
def test_labels_that_the_estimator_does_not_know_are_refused(fraud, change, message):
    X, labels, X_test, _ = fraud
    regression = LogisticRegression().fit(X, labels)
    y = change.pop("y", ["fraud", "ok"])
    with pytest.raises(ValueError, match=message):
        ThresholdDisplay.from_estimator(regression, X_test[:2], y, **change)


def test_an_estimator_is_drawn_with_all_that_predictions_are_drawn_with(scores):
    y, score = scores
    X = score.reshape(-1, 1)
    regression = LogisticRegression().fit(X, y)
    options = {
        "metrics": ["accuracy"],
        "choice": 0.4,
        "sample_weight": np.arange(len(y)) + 1,
        "scale": "probability",
        "alpha": 0.25,
    }
    _, (left, right) = plt.subplots(2)
    drawn = ThresholdDisplay.from_estimator(regression, X, y, ax=left, **options)
    expected = ThresholdDisplay.from_predictions(
        y, regression.predict_proba(X)[:, 1], ax=right, **options
    )
    (line,), (expected_line,) = drawn.lines_, expected.lines_
    assert line.get_xydata().tolist() == expected_line.get_xydata().tolist()
    assert (line.get_alpha(), line.get_label()) == (0.25, "accuracy")
    assert drawn.choice_line_.get_xdata() == expected.choice_line_.get_xdata()
    assert left.get_xscale() == "linear"
    cost = {"cost_matrix": [[0, 1], [9, 0]]}
    display = ThresholdDisplay.from_estimator(regression, X, y, **cost)
    assert display.lines_[0].get_label() == "expected cost"


def test_an_ensemble_of_trees_is_called_by_its_name(scores):
    X = scores[1].reshape(-1, 1)
    forest = RandomForestClassifier(5, random_state=0).fit(X[::2], scores[0][::2])
    display = ThresholdDisplay.from_estimator(forest, X[1::2], scores[0][1::2])
    assert display.ax_.get_title() == "RandomForestClassifier"


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
    results = search.cv_results_
    rows = [
        params["binarynetclassifier__lr"]
        == search.best_params_["binarynetclassifier__lr"]
        for params in results["params"]
    ]
    mean, std = (results[f"{of}_test_score"][rows] for of in ("mean", "std"))
    assert line.get_ydata().tolist() == mean[[1, 2, 0]].tolist()
    band = display.ax_.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx((mean - std).min())
    assert band.max() == pytest.approx((mean + std).max())
    assert display.ax_.get_title() == "BinaryNetClassifier"
    best = search.best_params_["binarynetclassifier__threshold"]
    assert display.choice_line_.get_xdata()[0] == best


def test_a_search_that_fits_no_best_estimator_is_drawn(scores):
    grid = {"threshold": [0.3, 0.5]}
    search = GridSearchCV(a_net(), grid, cv=2, scoring="f1", refit=False)
    search.fit(scores[1].reshape(-1, 1), scores[0])
    display = ThresholdDisplay.from_search(search)
    assert display.ax_.get_title() == "BinaryNetClassifier"


def test_a_search_over_something_else_is_refused(scores):
    search = GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=3)
    search.fit(scores[1].reshape(-1, 1), scores[0])
    with pytest.raises(ValueError, match=r"over one threshold, got .*\['C'\]"):
        ThresholdDisplay.from_search(search)


def test_a_display_can_be_drawn_again_elsewhere(scores):
    display = ThresholdDisplay.from_predictions(*scores)
    _, ax = plt.subplots()
    assert display.plot(ax=ax, scale="probability", alpha=0.5) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.lines_[0].get_alpha() == 0.5
    assert ax.get_xscale() == "linear"


def labels_on(axis):
    axis.figure.canvas.draw()
    return [text for text in (t.get_text() for t in axis.get_majorticklabels()) if text]


def test_log_odds_are_labelled_with_probabilities(scores):
    display = ThresholdDisplay.from_predictions(*scores)
    assert {"0.01", "0.1", "0.5", "0.9"} <= set(labels_on(display.ax_.xaxis))


@pytest.mark.parametrize(
    "score", [[0.0, 0.5, 1.0], [0.5, 0.5, 0.5], [0.0, 1e-300, 1e-9], [0.0, 1.0, 0.3]]
)
@pytest.mark.parametrize("scale", ["logit", "probability"])
def test_scores_without_room_between_them_are_drawn(score, scale):
    y = [0, 0, 1]
    display = ThresholdDisplay.from_predictions(y, score, scale=scale)
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    assert low < high
    display.plot_reliability(scale=scale).figure.canvas.draw()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence_level": 95}, "confidence_level"),
        ({"n_bootstraps": -5}, "n_bootstraps"),
        ({"choice": 2}, "choice must be .* got 2"),
        ({"choice": float("nan")}, "got nan"),
    ],
)
def test_what_no_display_can_be_drawn_with_is_refused(scores, options, message):
    with pytest.raises(ValueError, match=message):
        ThresholdDisplay.from_predictions(*scores, **options)


def test_the_chosen_cutoff_is_on_the_axis(scores):
    y, score = scores
    display = ThresholdDisplay.from_predictions(y, score / 30, choice=0.9)
    low, high = display.ax_.get_xlim()
    assert low < 0.9 < high


def test_a_second_display_on_the_same_axes_cuts_nothing_off(scores):
    y, score = scores
    first = ThresholdDisplay.from_predictions(y, score)
    before = first.ax_.get_xlim()
    ThresholdDisplay.from_predictions(y, score / 50, ax=first.ax_)
    low, high = first.ax_.get_xlim()
    assert low < before[0]
    assert high >= before[1]


def test_a_metric_of_any_name_is_in_the_legend(scores):
    def _mine(y_true, y_pred):
        return 0.5

    display = ThresholdDisplay.from_predictions(*scores, metrics=["f1", _mine])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["f1", "mine"]


def test_tiny_scores_are_drawn():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 20])
    display = ThresholdDisplay.from_predictions(y, 1e-9 * (1 + y + rng.random(100)))
    assert len(display.lines_[0].get_xdata()) > 50


def test_bands_hold_what_other_samples_give():
    def draw(rng):
        y = np.repeat([0, 1], [400, 40])
        return y, expit(rng.normal(2 * y - 3, 1.0))

    rng = np.random.default_rng(0)
    cutoffs = np.linspace(0.03, 0.3, 10)
    held = []
    for repetition in range(40):
        display = ThresholdDisplay.from_predictions(
            *draw(rng), random_state=repetition, ax=plt.figure().add_subplot()
        )
        plt.close()
        other = ThresholdDisplay.from_predictions(*draw(rng), n_bootstraps=0)
        plt.close()
        place = np.searchsorted(display.thresholds, cutoffs)
        place_of_other = np.searchsorted(other.thresholds, cutoffs)
        for name, (low, high) in display.bands.items():
            value = other.values[name][place_of_other]
            held.append((low[place] <= value) & (value <= high[place]))
    # Two samples differ by twice the variance of one: a 95 % interval of one holds
    # another in 2 * Phi(1.96 / sqrt(2)) - 1 = 83 % of cases.
    assert 0.75 < np.mean(held) < 0.95


def test_bands_lie_about_their_curves(scores):
    display = ThresholdDisplay.from_predictions(*scores, random_state=0)
    assert set(display.bands) == {"precision", "recall", "f1"}
    for name, (low, high) in display.bands.items():
        there = np.isfinite(low)
        assert there.mean() > 0.9
        values = display.values[name][there]
        assert np.mean((low[there] <= values) & (values <= high[there])) > 0.95
    assert len(display.ax_.collections) == 3


def test_a_band_of_precision_ends_where_there_may_be_no_alarm(scores):
    display = ThresholdDisplay.from_predictions(*scores, random_state=0)
    low, _ = display.bands["precision"]
    assert np.isnan(low[-1])
    assert low[np.isfinite(low)].min() > 0.2
    assert np.isfinite(display.bands["recall"]).all()


def test_a_band_of_costs_lies_about_the_costs(scores):
    matrix = [[0, 1], [5, 0]]
    display = ThresholdDisplay.from_predictions(
        *scores, cost_matrix=matrix, random_state=0
    )
    low, high = display.bands["expected cost"]
    cost = display.values["expected cost"]
    assert np.mean((low <= cost) & (cost <= high)) > 0.95
    assert low.min() > 0


def test_groups_of_the_reliability_reach_where_positives_are(scores):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [20_000, 100])
    found = ThresholdDisplay.from_predictions(
        y, expit(rng.normal(3 * y - 6)), n_bootstraps=0
    ).reliability
    # Of groups of equally many rows one alone would hold nearly all positives.
    assert np.sum(found.share > 0.01) >= 4


def test_an_unknown_scale_of_the_reliability_is_refused(scores):
    display = ThresholdDisplay.from_predictions(*scores)
    with pytest.raises(ValueError, match="scale must be"):
        display.plot_reliability(scale="odds")


def test_wider_bands_are_surer(scores):
    narrow, wide = (
        ThresholdDisplay.from_predictions(
            *scores, confidence_level=level, random_state=0
        ).bands["f1"]
        for level in (0.5, 0.99)
    )
    assert np.all(wide[1] - wide[0] >= narrow[1] - narrow[0])


@pytest.mark.parametrize(
    "options",
    [{"n_bootstraps": 0}, {"metrics": ["matthews_corrcoef", lambda y, p: 0.5]}],
    ids=["none wanted", "of a slow metric"],
)
def test_where_no_band_can_be_had_there_is_none(scores, options):
    y, score = scores
    display = ThresholdDisplay.from_predictions(y[:60], score[:60], **options)
    assert "<lambda>" not in display.bands
    assert len(display.ax_.collections) == len(display.bands)


def test_nine_positives_give_no_band():
    y = np.repeat([0, 1], [50, 9])
    score = np.linspace(0.1, 0.9, 59)
    assert ThresholdDisplay.from_predictions(y, score).bands == {}


def test_reliability_compares_probabilities_with_shares():
    rng = np.random.default_rng(0)
    probability = expit(rng.normal(-4, 1.5, 30_000))
    y = (rng.random(30_000) < probability).astype(int)
    found = ThresholdDisplay.from_predictions(y, probability).reliability
    assert len(found.probability) == 10
    right = (found.low <= found.probability) & (found.probability <= found.high)
    assert right.mean() >= 0.8
    wrong = ThresholdDisplay.from_predictions(y, probability**0.5).reliability
    assert np.all(wrong.high < wrong.probability)


def test_groups_of_the_reliability_are_counted_with_weights(scores):
    y, score = scores
    weight = np.arange(len(y)) % 3
    weighted = ThresholdDisplay.from_predictions(y, score, sample_weight=weight)
    repeated = ThresholdDisplay.from_predictions(
        np.repeat(y, weight), np.repeat(score, weight)
    )
    assert_allclose(weighted.reliability[:2], repeated.reliability[:2])


def test_few_positives_are_one_group():
    y = np.repeat([0, 1], [96, 4])
    found = ThresholdDisplay.from_predictions(y, np.linspace(0, 0.2, 100)).reliability
    assert found.share.tolist() == [0.04]
    assert found.probability == pytest.approx([0.1])
    low, high = binomtest(4, 100).proportion_ci(0.95, method="exact")
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))


def test_reliability_is_drawn_as_points_with_bars(scores):
    display = ThresholdDisplay.from_predictions(*scores)
    ax = display.plot_reliability()
    assert ax is not display.ax_
    points = ax.lines[-1]
    assert points.get_xdata().tolist() == display.reliability.probability.tolist()
    assert points.get_ydata().tolist() == display.reliability.share.tolist()
    assert len(ax.collections[0].get_segments()) == len(points.get_xdata())


def test_a_search_has_neither_reliability_nor_page(scores, tmp_path):
    search = GridSearchCV(a_net(), {"threshold": [0.3, 0.5]}, cv=2, scoring="f1")
    search.fit(scores[1].reshape(-1, 1), scores[0])
    display = ThresholdDisplay.from_search(search)
    with pytest.raises(ValueError, match="no reliability"):
        display.plot_reliability()
    with pytest.raises(ValueError, match="no outcomes"):
        display.to_html(tmp_path / "page.html")


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
    display = HistoryDisplay.from_estimator(fitted, metrics=["valid_average_precision"])
    (line,) = display.lines_
    assert line.get_ydata().tolist() == fitted.history[:, "valid_average_precision"]


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_history_is_found_in_any_wrapping(scores, wrap):
    estimator = wrap(a_net()).fit(scores[1].reshape(-1, 1), scores[0])
    (line,) = HistoryDisplay.from_estimator(estimator).lines_
    assert len(line.get_ydata()) == 2
    assert line.get_label() == "train_loss"


def test_an_estimator_without_a_history_is_refused(scores):
    regression = LogisticRegression().fit(scores[1].reshape(-1, 1), scores[0])
    with pytest.raises(TypeError, match=r"skorch net.*LogisticRegression"):
        HistoryDisplay.from_estimator(make_pipeline(regression))


def test_no_column_at_all_is_refused(fitted):
    with pytest.raises(ValueError, match="metrics must be among"):
        HistoryDisplay.from_estimator(fitted, metrics=[])


def test_an_unknown_column_is_refused_with_those_there_are(fitted):
    with pytest.raises(ValueError, match=r"'valid_loss'.*got \['recall'\]"):
        HistoryDisplay.from_estimator(fitted, metrics=["recall"])


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
