"""Neural networks for a rare positive class, as scikit-learn classifiers."""

from skbin.classifier import BinaryNetClassifier
from skbin.history_display import HistoryDisplay
from skbin.networks import ConvNet, DenseNet, TextConvNet
from skbin.text import TokenEncoder
from skbin.threshold_display import ThresholdDisplay
from skbin.thresholds import select_threshold

__all__ = [
    "BinaryNetClassifier",
    "ConvNet",
    "DenseNet",
    "HistoryDisplay",
    "TextConvNet",
    "ThresholdDisplay",
    "TokenEncoder",
    "select_threshold",
]
__version__ = "0.1.0"
