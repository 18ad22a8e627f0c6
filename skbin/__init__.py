"""Neural networks for a rare positive class, as scikit-learn classifiers."""

from skbin.classifier import BinaryNetClassifier
from skbin.networks import ConvNet, DenseNet

__all__ = ["BinaryNetClassifier", "ConvNet", "DenseNet"]
__version__ = "0.1.0"
