"""A warning points to the user's line, and comes once for it."""

import subprocess
import sys
import warnings

import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skbin import BinaryNetClassifier, CrossFitClassifier, make_payments
from skbin.machine.callers import warn_user

SCRIPT = """
import numpy as np
from sklearn.model_selection import GridSearchCV
from skbin import BinaryNetClassifier, CrossFitClassifier, make_payments

X, y = make_payments(300, random_state=0)
net = BinaryNetClassifier(max_epochs=1, module__n_members=1)
GridSearchCV(net, {"threshold": [0.2, 0.5]}, cv=3).fit(X, y)
CrossFitClassifier(net, cv=3).fit(X, y)
for _ in range(2):
    net.fit(X, y)
X = X.assign(time=X["time"].astype(str))
CrossFitClassifier(net, cv=3, pos_label="fraud").fit(X, y)
"""


@pytest.fixture(scope="module")
def payments():
    return make_payments(300, random_state=0)


def strings_like_numbers(X):
    return X.assign(code=[f"{number:,}" for number in range(len(X))])


def quick(**params):
    return BinaryNetClassifier(max_epochs=1, module__n_members=1, **params)


def test_folds_and_members_warn_once_for_each_line(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    run = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stderr.splitlines() if "UserWarning" in line]
    where = [line.partition(": UserWarning")[0] for line in lines]
    numbers = [
        n for n, line in enumerate(SCRIPT.splitlines(), 1) if "fit(X, y)" in line
    ]
    assert where == [f"{script}:{number}" for number in numbers]


@pytest.mark.parametrize(
    "use",
    [
        lambda X, y: quick().fit(X, y),
        lambda X, y: GridSearchCV(quick(), {"threshold": [0.5]}, cv=2).fit(X, y),
        lambda X, y: cross_val_score(quick(), X, y, cv=2),
        lambda X, y: CrossFitClassifier(quick(), cv=2).fit(X, y),
        lambda X, y: CrossFitClassifier(
            make_pipeline(quick()), cv=2, pos_label="ok", verbose=1
        ).fit(strings_like_numbers(X), y),
    ],
)
def test_it_points_to_the_line_of_the_user(payments, use):
    expected = "The positive class is 'ok'|look like numbers"
    with pytest.warns(UserWarning, match=expected) as caught:
        use(*payments)
    assert {warning.filename for warning in caught} == {__file__}


def test_messages_that_differ_in_a_number_are_both_shown():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for column in (3, 7, 3):
            warn_user(f"column {column}")
    assert [str(warning.message) for warning in caught] == ["column 3", "column 7"]


def test_other_filters_do_what_they_say(payments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            quick().fit(*payments)
    assert len(caught) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(UserWarning, match="'ok'"):
                quick().fit(*payments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("ignore", message="The positive class")
        quick().fit(*payments)
    assert not caught
