"""Neural networks for a rare positive class, as scikit-learn classifiers."""

from skbin.classifier import BinaryNetClassifier
from skbin.cutoffs.choice import select_threshold
from skbin.cutoffs.displays import HistoryDisplay, ThresholdDisplay
from skbin.data.balanced import BalancedBatches
from skbin.data.tokens import TokenEncoder
from skbin.export.files import load, save
from skbin.export.onnx import export_onnx
from skbin.networks.folding import fold_softmax_head
from skbin.networks.signals import ConvNet
from skbin.networks.tables import DenseNet
from skbin.networks.texts import TextConvNet
from skbin.training.focal import FocalLoss

__all__ = [
    "BalancedBatches",
    "BinaryNetClassifier",
    "ConvNet",
    "DenseNet",
    "FocalLoss",
    "HistoryDisplay",
    "TextConvNet",
    "ThresholdDisplay",
    "TokenEncoder",
    "export_onnx",
    "fold_softmax_head",
    "load",
    "save",
    "select_threshold",
]
__version__ = "0.1.0"
