"""The page of a display moves with its slider and fields, in a real browser."""

import html
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from skbin import CrossFitClassifier, ThresholdDisplay, select_threshold

BROWSER = next(
    filter(None, map(shutil.which, ["chromium", "google-chrome", "chromium-browser"])),
    None,
)
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def scores():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [900, 100])
    return y, expit(rng.normal(2 * y - 3))


@pytest.fixture(scope="module")
def page(scores, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "cutoffs.html"
    choice = select_threshold(*scores, n_bootstraps=0)
    ThresholdDisplay.from_predictions(*scores, choice=choice).to_html(path)
    return path, choice


def shown(path, tmp_path, script=""):
    """Run a script at the end of the page, and read all cells and fields."""
    read = """
      const all = {};
      for (const e of document.querySelectorAll("[id]"))
        all[e.id] = e.tagName === "INPUT" ? e.value : e.textContent;
      const curves = [...document.querySelectorAll(".curve")];
      all.curves = curves.map((curve) => curve.getAttribute("d"));
      document.body.innerHTML = "";
      document.body.dataset.all = JSON.stringify(all);
    """
    move = """
      const set = (id, value) => {
        $(id).value = value;
        $(id).dispatchEvent(new Event("input"));
      };
    """
    copy = tmp_path / "copy.html"
    page = path.read_text(encoding="utf-8")
    script = f"<script>{move}{script}{read}</script></body>"
    copy.write_text(page.replace("</body>", script), encoding="utf-8")
    printed = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            copy.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    ).stdout
    found = re.search('data-all="(.*?)"', printed).group(1)
    return json.loads(html.unescape(found))


def outcomes(scores, threshold):
    y, score = scores
    alarm = score >= threshold
    return [int((alarm == a)[y == label].sum()) for label in (0, 1) for a in (0, 1)]


def numbers(cells, *names):
    return [float(cells[name]) for name in names]


@in_a_browser
def test_the_page_opens_at_the_chosen_cutoff(scores, page, tmp_path):
    path, choice = page
    cells = shown(path, tmp_path)
    assert len(set(cells["curves"])) == 3
    expected = outcomes(scores, choice.threshold)
    assert numbers(cells, "tn", "fp", "fn", "tp") == expected
    assert float(cells["alarms"]) == expected[1] + expected[3]
    assert numbers(cells, "f1") == pytest.approx([choice.apparent_value], abs=1e-3)
    assert "100 positives and 900 negatives" in cells["about"]
    assert float(cells["share"]) == 0.1


@in_a_browser
@pytest.mark.parametrize("threshold", [0.03, 0.2, 0.6])
def test_slider_and_field_move_the_matrix(scores, page, tmp_path, threshold):
    path, _ = page
    expected = outcomes(scores, threshold)
    by_slider = shown(path, tmp_path, f"set('slider', {logit(threshold)});")
    by_field = shown(path, tmp_path, f"set('cutoff', {threshold});")
    for cells in (by_slider, by_field):
        assert numbers(cells, "tn", "fp", "fn", "tp") == expected
        _, fp, fn, tp = expected
        assert numbers(cells, "precision", "recall") == pytest.approx(
            [tp / (tp + fp), tp / (tp + fn)], abs=1e-3
        )


def heights(path):
    return [float(height) for height in re.findall(r"[MV](?:50 )?([0-9.]+)H", path)]


@in_a_browser
def test_curves_are_those_of_their_names_and_move_with_the_share(scores, tmp_path):
    y, score = scores
    path = page_of(tmp_path, y, score)
    precision, recall, _ = map(heights, shown(path, tmp_path)["curves"])
    for cutoff in (0.05, 0.2):
        _, fp, fn, tp = outcomes(scores, cutoff)
        at = np.searchsorted(np.unique(score), cutoff)
        assert precision[at] == pytest.approx(265 - 250 * tp / (tp + fp), abs=0.01)
        assert recall[at] == pytest.approx(265 - 250 * tp / (tp + fn), abs=0.01)
    moved = shown(path, tmp_path, "set('share', 0.01);")["curves"]
    assert heights(moved[1]) == recall
    assert heights(moved[0])[at] > precision[at] + 20


@in_a_browser
def test_specificity_is_that_of_the_matrix(scores, page, tmp_path):
    path, choice = page
    tn, fp, _, _ = outcomes(scores, choice.threshold)
    assert numbers(shown(path, tmp_path), "specificity") == pytest.approx(
        [tn / (tn + fp)], abs=1e-3
    )


@in_a_browser
def test_costs_and_share_move_the_cost_and_the_alarms(scores, page, tmp_path):
    path, choice = page
    tn, fp, fn, tp = outcomes(scores, choice.threshold)
    script = "set('miss', 50); set('alarm', 2); set('share', 0.01);"
    cells = shown(path, tmp_path, script)
    negatives, positives = 990 / 900, 10 / 100  # of 1,000 samples, for each one here
    assert numbers(cells, "tn", "fp", "fn", "tp") == pytest.approx(
        [tn * negatives, fp * negatives, fn * positives, tp * positives], abs=0.06
    )
    cost = 50 * fn * positives + 2 * fp * negatives
    assert numbers(cells, "cost") == pytest.approx([cost], abs=0.1)
    alarms = fp * negatives + tp * positives
    assert numbers(cells, "alarms") == pytest.approx([alarms], abs=0.06)


@in_a_browser
def test_the_button_goes_to_the_cheapest_cutoff(scores, page, tmp_path):
    path, _ = page
    script = "set('miss', 20); $('cheapest').click();"
    cells = shown(path, tmp_path, script)
    best = select_threshold(
        *scores, cost_matrix=[[0, 1], [20, 0]], method="exact", n_bootstraps=0
    )
    assert float(cells["cost"]) == pytest.approx(1000 * best.apparent_value)
    assert float(cells["cutoff"]) == pytest.approx(best.threshold, rel=1e-5)


@in_a_browser
def test_a_name_is_text_and_not_a_script(scores, tmp_path):
    name = "</script><script>document.title = 'gone'</script>"
    path = tmp_path / "page.html"
    ThresholdDisplay.from_predictions(*scores, name=name).to_html(path)
    assert shown(path, tmp_path)["name"] == name


def test_the_page_needs_nothing_but_itself(page):
    text = page[0].read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=|https?://|@import|url\(", text)


def test_the_costs_drawn_are_those_that_the_page_starts_from(scores, tmp_path):
    path = tmp_path / "page.html"
    display = ThresholdDisplay.from_predictions(
        *scores, cost_matrix=[[-1, 2], [30, -5]]
    )
    display.to_html(str(path))
    text = path.read_text(encoding="utf-8")
    assert '"miss": 35.0, "alarm": 3.0' in text


def test_a_million_scores_make_a_small_page(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.random(10**6) < 0.1
    score = rng.random(10**6)
    display = ThresholdDisplay.from_predictions(
        y, score, metrics=["f1"], choice=0.123, n_bootstraps=0
    )
    display.to_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(text) < 300_000
    assert str(score[score >= 0.123].min()) in text


def page_of(tmp_path, y, score, **options):
    path = tmp_path / "page.html"
    costs = {key: options.pop(key) for key in [*options] if key.startswith("cost_of")}
    ThresholdDisplay.from_predictions(y, score, n_bootstraps=0, **options).to_html(
        path, **costs
    )
    return path


@in_a_browser
def test_above_all_scores_there_is_no_alarm(scores, page, tmp_path):
    cells = shown(page[0], tmp_path, "set('cutoff', 0.99999);")
    assert numbers(cells, "fp", "tp") == [0, 0]


@in_a_browser
def test_the_chosen_cutoff_is_shown_as_it_was_chosen(tmp_path):
    path = page_of(tmp_path, [0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8], choice=0.35)
    cells = shown(path, tmp_path)
    assert cells["cutoff"] == "0.35"
    assert numbers(cells, "tp", "fp") == [500, 0]


@in_a_browser
def test_a_field_that_is_emptied_or_wrong_changes_nothing(scores, page, tmp_path):
    path, _ = page
    before = shown(path, tmp_path)
    after = shown(
        path, tmp_path, "set('cutoff', ''); set('miss', ''); set('share', 2);"
    )
    for name in ("tp", "fp", "cost", "alarms"):
        assert after[name] == before[name]


@in_a_browser
def test_steps_to_the_left_pass_a_gap_between_scores(tmp_path):
    path = page_of(tmp_path, [0, 1, 0, 1], [0.001, 0.002, 0.9, 0.95], choice=0.9)
    step = "set('slider', Number($('slider').value) - 0.01);"
    cells = shown(path, tmp_path, step)
    assert numbers(cells, "tp", "fp") == [500, 250]


@in_a_browser
def test_costs_that_are_gains_are_kept(scores, tmp_path):
    path = page_of(tmp_path, *scores, cost_of_alarm=-2, cost_of_miss=3)
    cells = shown(path, tmp_path)
    expected = 3 * float(cells["fn"]) - 2 * float(cells["fp"])
    assert float(cells["cost"]) == pytest.approx(expected, abs=0.3)


@in_a_browser
def test_weighted_samples_are_not_counted(scores, tmp_path):
    y, score = scores
    weight = np.full(len(y), 0.001)
    path = page_of(tmp_path, y, score, sample_weight=weight)
    assert (
        "Weighted samples, 10.0 % of them positives" in shown(path, tmp_path)["about"]
    )


def test_costs_by_sample_must_be_given_as_numbers(scores, tmp_path):
    y, score = scores
    matrix = [[0, 1], [np.arange(len(y)), 0]]
    with pytest.raises(ValueError, match="Pass cost_of_miss and cost_of_alarm"):
        page_of(tmp_path, y, score, cost_matrix=matrix)
    path = page_of(tmp_path, y, score, cost_matrix=matrix, cost_of_miss=7)
    assert '"miss": 7.0, "alarm": 1.0' in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="must be a finite number"):
        page_of(tmp_path, y, score, cost_of_miss=float("nan"))


def test_a_cross_fit_hands_its_costs_to_the_page(scores, tmp_path):
    y, score = scores
    model = CrossFitClassifier(
        LogisticRegression(),
        cutoff={"cost_matrix": [[0, 5], [500, 0]]},
        cv=3,
        random_state=0,
    ).fit(score[:, np.newaxis], y)
    path = tmp_path / "page.html"
    ThresholdDisplay.from_estimator(model).to_html(path)
    assert '"miss": 500.0, "alarm": 5.0' in path.read_text(encoding="utf-8")


def test_few_positives_among_a_million_scores_are_all_on_the_page(tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [10**6, 300])
    score = expit(rng.normal(3 * y - 5))
    path = page_of(tmp_path, y, score, metrics=["f1"])
    text = path.read_text(encoding="utf-8")
    recall = json.loads(re.search(r'"recall": (\[.*?\])', text).group(1))
    assert np.abs(np.diff(recall)).max() < 0.01
