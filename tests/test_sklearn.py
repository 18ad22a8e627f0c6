"""scikit-learn's own checks certify the estimator, without an exception."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit

from skbin import BinaryNetClassifier, ConvNet, DenseNet

# The checks feed tiny data: classes too small for five folds, string labels of which
# the frequent one sorts last. What is said about it is tested elsewhere.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The positive class is:UserWarning"),
    pytest.mark.filterwarnings("ignore:pos_weight=.* makes the rare class rarer"),
    pytest.mark.filterwarnings("ignore:The least populated class:UserWarning"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:No positive class found in y_true"),
    pytest.mark.filterwarnings("ignore:.* occurred during set_params of param"),
    pytest.mark.filterwarnings("ignore:Estimator's parameters changed after"),
]

CONFIGURATIONS = [
    BinaryNetClassifier(),
    BinaryNetClassifier(
        ConvNet,
        prior="train",
        pos_weight="balanced",
        max_epochs=20,
        module__dropout=0.5,
        optimizer__eps=1e-7,
    ),
    BinaryNetClassifier(
        DenseNet,
        train_split=ValidSplit(5, stratified=True),
        callbacks=[EarlyStopping],
    ),
]


@parametrize_with_checks(CONFIGURATIONS)
def test_estimator_passes_every_check_of_scikit_learn(estimator, check):
    check(estimator)


def test_repr_shows_what_differs_from_the_defaults():
    net = BinaryNetClassifier(pos_weight="balanced", module__dropout=0.5)
    assert (
        repr(net) == "BinaryNetClassifier(module__dropout=0.5, pos_weight='balanced')"
    )


def test_html_representation_names_the_class():
    assert "BinaryNetClassifier" in BinaryNetClassifier()._repr_html_()


def test_hidden_units_are_not_in_get_params_before_they_are_set():
    assert "module__hidden_units" not in BinaryNetClassifier().get_params()


def test_default_estimator_has_every_parameter_in_its_signature():
    params = BinaryNetClassifier().get_params(deep=False)
    assert np.all([not name.startswith("_") for name in params])
