"""Neural networks for a rare positive class, as scikit-learn classifiers."""

from skbin.classifier import BinaryNetClassifier
from skbin.networks import ConvNet, DenseNet
from skbin.thresholds import select_threshold

__version__ = "0.1.0"
__all__ = ["BinaryNetClassifier", "ConvNet", "DenseNet", "select_threshold"]
