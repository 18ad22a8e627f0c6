"""skorch's own tests of its binary classifier, run against ours.

A test that is overridden here is one in which scikit-learn's rule or our design differs
from skorch's on purpose; its docstring gives the reason, and its body shows that the
rest of what skorch tests there still holds.
"""

import re
from unittest.mock import Mock

import pytest
import torch
from scipy.special import expit
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch.dataset import ValidSplit
from skorch.exceptions import NotInitializedError
from skorch.tests.conftest import INFERENCE_METHODS
from skorch.tests.test_classifier import (
    TestNeuralNetBinaryClassifier as SkorchBinaryClassifierTests,
)
from skorch.toy import make_classifier
from torch import nn

from skbin import BinaryNetClassifier

SKORCH_DEFAULTS = {
    "optimizer": torch.optim.SGD,
    "train_split": ValidSplit(5, stratified=True),
}


class TestSkorchBinaryClassifier(SkorchBinaryClassifierTests):
    @pytest.fixture(scope="module")
    def net_cls(self):
        return BinaryNetClassifier

    @pytest.fixture(scope="module")
    def net(self, net_cls, module_cls):
        return net_cls(module_cls, max_epochs=1, lr=1, **SKORCH_DEFAULTS)

    @pytest.mark.parametrize("method", INFERENCE_METHODS)
    def test_not_init_raises(self, net_cls, module_cls, data, method):
        """The message names our class."""
        net = net_cls(module_cls)
        with pytest.raises(
            NotInitializedError,
            match="This BinaryNetClassifier instance is not initialized yet",
        ):
            list(getattr(net, method)(data[0]))

    def test_not_fitted_raises(self, net_cls, module_cls):
        """The message names our class."""
        with pytest.raises(
            NotFittedError, match="This BinaryNetClassifier instance is not fitted yet"
        ):
            check_is_fitted(net_cls(module_cls))

    def test_net_learns(self, net_cls, module_cls, data):
        """Rows are held out only on request, as in scikit-learn's MLPClassifier."""
        net = net_cls(module_cls, max_epochs=10, lr=1, batch_size=64, **SKORCH_DEFAULTS)
        net.fit(*data)
        losses = net.history[:, "train_loss"]
        assert losses[0] > 1.3 * losses[-1]
        assert net.history[-1, "valid_acc"] > 0.65

    def test_target_2d_raises(self, net, data):
        """scikit-learn ravels a column with a DataConversionWarning."""
        X, y = data
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            net.fit(X, y[:, None])

    def test_module_output_2d_raises(self, net_cls, data):
        """Two outputs are two logits; any other number is refused."""
        X, y = data
        two = make_classifier(input_units=20, output_units=2, output_nonlin=None)
        assert net_cls(two, max_epochs=1).fit(X, y).predict_proba(X).shape == (
            len(X),
            2,
        )
        three = make_classifier(input_units=20, output_units=3, output_nonlin=None)
        with pytest.raises(
            ValueError, match=re.escape("(n, 2) under BCEWithLogitsLoss, got (128, 3)")
        ):
            net_cls(three, max_epochs=1).fit(X, y)

    def test_module_output_not_1d(self, net_cls, data):
        """A softmax over one column is always 1, so skorch's toy module is refused."""
        linear = make_classifier(input_units=20, output_units=1, output_nonlin=None)
        net_cls(linear, max_epochs=1).fit(*data)
        softmax = make_classifier(input_units=20, output_units=1)
        with pytest.raises(ValueError, match="The module ends in Softmax"):
            net_cls(softmax, max_epochs=1).fit(*data)

    def test_default_loss_does_call_sigmoid(
        self, net_cls, data, module_cls, monkeypatch
    ):
        """It is SciPy's, which rounds each value by itself, and not torch's."""
        sigmoid = Mock(side_effect=expit)
        monkeypatch.setattr("skbin.training.output.expit", sigmoid)
        net_cls(module_cls, max_epochs=1).fit(*data).predict_proba(data[0])
        assert sigmoid.call_count > 0

    def test_custom_loss_does_not_call_sigmoid(
        self, net_cls, data, module_cls, monkeypatch
    ):
        """skorch's test gives 1.4 for a probability, which we refuse."""
        sigmoid = Mock(side_effect=lambda x: x)
        monkeypatch.setattr(torch, "sigmoid", sigmoid)

        def fit_with(limit):
            def nonlinearity(x):
                x = limit(x)
                return torch.stack((1 - x, x), 1)

            return net_cls(
                module_cls,
                max_epochs=1,
                criterion=nn.MSELoss,
                predict_nonlinearity=nonlinearity,
            ).fit(*data)

        clamped = fit_with(lambda x: x.clamp(0, 1)).predict_proba(data[0])
        assert ((clamped >= 0) & (clamped <= 1)).all()
        assert sigmoid.call_count == 0
        with pytest.raises(ValueError, match="Two columns of probabilities are needed"):
            fit_with(lambda x: x + 9).predict_proba(data[0])
