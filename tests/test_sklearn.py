"""scikit-learn's own checks certify the estimator, without an exception."""

import inspect

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit

from skbin import BinaryNetClassifier, ConvNet, DenseNet, TableConvNet

# The checks feed tiny data: classes too small for five folds, string labels of which
# the frequent one sorts last. What is said about it is tested elsewhere.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The positive class is:UserWarning"),
    pytest.mark.filterwarnings("ignore:pos_weight=.* makes the rare class count"),
    pytest.mark.filterwarnings("ignore:The least populated class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Class . has one distinct row:UserWarning"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:No positive class found in y_true"),
    pytest.mark.filterwarnings("ignore:.* occurred during set_params of param"),
    pytest.mark.filterwarnings("ignore:Estimator's parameters changed after"),
]

CONFIGURATIONS = {
    "default": BinaryNetClassifier(),
    "signals network, weighted": BinaryNetClassifier(
        ConvNet,
        prior="train",
        pos_weight="balanced",
        max_epochs=20,
        module__dropout=0.5,
        optimizer__eps=1e-7,
    ),
    "filters over a table": BinaryNetClassifier(TableConvNet, max_epochs=20),
    "rows held out": BinaryNetClassifier(
        DenseNet,
        train_split=ValidSplit(5, stratified=True),
        callbacks=[EarlyStopping],
    ),
}
# All others hold after two epochs as after fifty; the default is checked as it is.
ASK_FOR_ACCURACY = {"check_classifiers_train", "check_classifiers_classes"}


def all_checks():
    for name, estimator in CONFIGURATIONS.items():
        for number, (one, check) in enumerate(estimator_checks_generator(estimator)):
            # Not by their arguments, in which addresses of objects stand.
            label = f"{name}-{number}-{check.func.__name__}"
            yield pytest.param(name, one, check, id=label)


@pytest.mark.parametrize(("name", "estimator", "check"), all_checks())
def test_estimator_passes_every_check_of_scikit_learn(name, estimator, check):
    if name != "default" and check.func.__name__ not in ASK_FOR_ACCURACY:
        estimator = clone(estimator).set_params(max_epochs=2)
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


def test_every_parameter_of_the_default_estimator_is_in_its_signature():
    signature = inspect.signature(BinaryNetClassifier).parameters
    params = BinaryNetClassifier().get_params(deep=False)
    assert set(params) == set(signature) - {"kwargs"}
    for name, value in params.items():
        assert value is signature[name].default
