"""Five, twenty or a hundred positives: what can be learnt is learnt, and no crash."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from skorch.callbacks import EarlyStopping, GradientNormClipping
from skorch.dataset import ValidSplit

from skbin import BalancedBatches, BinaryNetClassifier, DenseNet, TableConvNet

STRATIFIED = ValidSplit(5, stratified=True)


def make_rows(n_positives, n_negatives=600, seed=0):
    """Positives lie two deviations off in two of eight columns."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [n_negatives, n_positives])
    X = rng.normal(size=(len(y), 8))
    X[y == 1, :2] += 2.0
    return X, y


def make_net(module=TableConvNet, **params):
    return BinaryNetClassifier(module, random_state=0, **params)


@pytest.mark.parametrize("pos_weight", [None, "balanced"])
@pytest.mark.parametrize("module", [TableConvNet, DenseNet])
@pytest.mark.parametrize(("n_positives", "least"), [(5, 0.4), (20, 0.6), (100, 0.75)])
def test_what_few_positives_tell_is_learnt(n_positives, least, module, pos_weight):
    X_test, y_test = make_rows(200, n_negatives=2000, seed=1)
    net = make_net(module, pos_weight=pos_weight).fit(*make_rows(n_positives))
    probability = net.predict_proba(X_test)[:, 1]
    # The base rate of the test rows is 0.09, and no model exceeds 0.89.
    assert average_precision_score(y_test, probability) > least


@pytest.mark.parametrize(
    "params",
    [
        {"train_split": STRATIFIED},
        {"iterator_train": BalancedBatches},
        {"batch_size": 16},
        {"batch_size": -1},
        {"callbacks": [GradientNormClipping(1.0)]},
    ],
    ids=lambda params: next(iter(params)),
)
@pytest.mark.parametrize("n_positives", [2, 5])
@pytest.mark.filterwarnings("ignore:The least populated class")  # scikit-learn's word
def test_with_a_handful_every_option_trains(n_positives, params):
    pos_weight = None if "iterator_train" in params else "balanced"
    net = make_net(pos_weight=pos_weight, max_epochs=3, **params)
    net.fit(*make_rows(n_positives, n_negatives=100))
    assert np.isfinite(net.history[:, "train_loss"]).all()


@pytest.mark.parametrize("module", [TableConvNet, DenseNet])
def test_early_stopping_restores_the_weights_of_the_best_average_precision(module):
    X, y = make_rows(100)
    held_out = np.arange(0, 700, 5)
    split = ValidSplit([(np.setdiff1d(np.arange(700), held_out), held_out)])
    stop = EarlyStopping(
        "valid_average_precision", lower_is_better=False, patience=5, load_best=True
    )
    net = make_net(module, train_split=split, callbacks=[stop], lr=0.01).fit(X, y)
    reached = net.history[:, "valid_average_precision"]
    kept = average_precision_score(y[held_out], net.predict_proba(X[held_out])[:, 1])
    assert reached[-1] < max(reached)  # it went on after the best
    assert kept == pytest.approx(max(reached), abs=1e-6)
