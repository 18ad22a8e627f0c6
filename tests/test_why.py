"""The snippets of docs/user_guide/why.rst, which shows them from here."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification

from skbin import BinaryNetClassifier

# Other projects' warnings are theirs to fix; ours are tested everywhere else.
pytestmark = [
    pytest.mark.ecosystem,
    pytest.mark.filterwarnings("default"),
    pytest.mark.filterwarnings("error:::skbin"),
]


@pytest.fixture
def fitted():
    X, y = make_classification(
        600, 6, n_informative=3, weights=[0.85], class_sep=1.5, random_state=0
    )
    X = X.astype(np.float32)
    net = BinaryNetClassifier(max_epochs=5, module__n_members=2, random_state=0)
    return net.fit(X, y), X


def test_integrated_gradients_add_up_to_the_logit(fitted):
    pytest.importorskip("captum")
    net, X = fitted
    # [captum]
    from captum.attr import IntegratedGradients

    module = net.module_.eval()
    rows = torch.from_numpy(X[:50])
    average = torch.from_numpy(X.mean(axis=0, keepdims=True))
    attribution, error = IntegratedGradients(module).attribute(
        rows, baselines=average, n_steps=200, return_convergence_delta=True
    )
    # [end captum]
    assert attribution.shape == rows.shape
    assert error.abs().max() < 0.05
    logit = net.decision_function(X[:50]) - net.decision_function(average.numpy())
    assert_allclose(attribution.sum(dim=1).numpy(), logit, atol=0.05)


def test_in_training_mode_captum_changes_the_network_in_silence(fitted):
    captum = pytest.importorskip("captum.attr")
    net, X = fitted
    before = net.predict_proba(X)
    rows = torch.from_numpy(X[:50])
    first, second = (
        captum.IntegratedGradients(net.module_.train()).attribute(rows)
        for _ in range(2)
    )
    assert (first - second).abs().max() > 0.01
    net.module_.eval()
    assert np.abs(net.predict_proba(X) - before).max() > 0.001


def test_values_of_the_kernel_explainer_add_up_to_the_logit(fitted):
    pytest.importorskip("shap")
    net, X = fitted
    # [shap]
    import shap

    background = shap.sample(X, 50, random_state=0)
    explainer = shap.KernelExplainer(net.decision_function, background)
    values = explainer.shap_values(X[:5], silent=True)
    # [end shap]
    assert values.shape == (5, 6)
    logit = values.sum(axis=1) + explainer.expected_value
    assert_allclose(logit, net.decision_function(X[:5]), atol=1e-4)


def test_the_deep_explainer_is_wrong_in_silence_without_its_check(fitted):
    shap = pytest.importorskip("shap")
    net, X = fitted

    class OneColumn(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, rows):
            return self.module(rows).unsqueeze(1)

    module = OneColumn(net.module_).eval()
    background, rows = torch.from_numpy(X[:50]), torch.from_numpy(X[50:100])
    explainer = shap.DeepExplainer(module, background)
    with pytest.raises(AssertionError, match="do not sum up"):
        explainer.shap_values(rows)
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    logit = values.reshape(50, -1).sum(axis=1) + explainer.expected_value
    assert np.abs(logit - net.decision_function(X[50:100])).max() > 0.2
