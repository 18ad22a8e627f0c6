"""SEARCH_SPACES names real parameters, holds the defaults, and trains at its ends."""

import inspect

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  it is imported for its effect
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from torch.optim import Adam, AdamW

import skbin
from skbin import SEARCH_SPACES, BinaryNetClassifier, TokenEncoder

RNG = np.random.default_rng(0)
Y = np.arange(60) % 3 == 0
SIGNALS = RNG.normal(size=(60, 1, 24)) + Y[:, None, None]
TABLE = RNG.normal(size=(60, 4)) + Y[:, None]
TEXTS = np.array(["win a prize" if positive else "lunch at noon" for positive in Y])
INPUTS = {
    "DenseNet": TABLE,
    "TableConvNet": TABLE,
    "SignalNet": SIGNALS,
    "ConvNet": SIGNALS,
    "TextNet": TEXTS,
    "TextConvNet": TokenEncoder().fit_transform(TEXTS),
}
NAMES = sorted(SEARCH_SPACES)


def make_net(name, **settings):
    return BinaryNetClassifier(getattr(skbin, name), random_state=0, **settings)


def ends_of(values):
    """The lowest and highest value of a distribution, or all values of a list."""
    return values if isinstance(values, list) else values.support()


def default_of(name, parameter):
    """What the network is trained with if the parameter is not set."""
    if parameter == "lr" and not isinstance(SEARCH_SPACES[name]["lr"], list):
        return (
            make_net(name, max_epochs=1).fit(INPUTS[name], Y).optimizer_.defaults["lr"]
        )
    if parameter.startswith("module__"):
        network = inspect.signature(getattr(skbin, name)).parameters
        return network[parameter.removeprefix("module__")].default
    if parameter == "optimizer__weight_decay":
        return inspect.signature(Adam).parameters["weight_decay"].default
    return make_net(name).get_params()[parameter]


@pytest.mark.parametrize("name", NAMES)
def test_every_network_with_a_space_is_public(name):
    assert name in skbin.__all__


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name in NAMES for parameter in SEARCH_SPACES[name]],
)
def test_the_default_lies_inside_the_space(name, parameter):
    values, default = SEARCH_SPACES[name][parameter], default_of(name, parameter)
    if parameter == "optimizer":
        assert default is Adam
        assert values == [AdamW]  # without decay the same: see the next test
    elif isinstance(values, list):
        assert default in values
    else:
        low, high = values.support()
        assert low < default < high


def test_adamw_without_decay_is_adam():
    adam, adamw = (
        make_net("DenseNet", max_epochs=3, **settings).fit(TABLE, Y)
        for settings in ({}, {"optimizer": AdamW, "optimizer__weight_decay": 0.0})
    )
    assert np.array_equal(adam.predict_proba(TABLE), adamw.predict_proba(TABLE))


@pytest.mark.parametrize("name", NAMES)
def test_a_random_search_takes_the_space_as_it_is(name):
    search = RandomizedSearchCV(
        make_net(name, max_epochs=1),
        SEARCH_SPACES[name],
        n_iter=3,
        cv=2,
        scoring="average_precision",
        error_score="raise",
        random_state=0,
    ).fit(INPUTS[name], Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(search.best_params_) == set(SEARCH_SPACES[name])


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name in NAMES for parameter in SEARCH_SPACES[name]],
)
def test_the_ends_of_each_parameter_train(name, parameter):
    extra = {"optimizer": AdamW} if parameter.startswith("optimizer__") else {}
    for end in ends_of(SEARCH_SPACES[name][parameter]):
        settings = {"max_epochs": 1} | extra | {parameter: end}
        net = make_net(name, **settings).fit(INPUTS[name], Y)
        assert np.isfinite(net.predict_proba(INPUTS[name])).all()


def test_halving_spends_epochs():
    space = {**SEARCH_SPACES["DenseNet"]}
    search = HalvingRandomSearchCV(
        make_net("DenseNet"),
        space,
        resource="max_epochs",
        min_resources=1,
        max_resources=4,
        factor=2,
        n_candidates=4,
        cv=2,
        scoring="average_precision",
        error_score="raise",
        random_state=0,
    ).fit(TABLE, Y)
    assert search.n_resources_ == [1, 2, 4]
    assert len(search.best_estimator_.history) == search.best_params_["max_epochs"]
