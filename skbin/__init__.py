"""Neural networks for a rare positive class, as scikit-learn classifiers."""

from skbin.balanced_batches import BalancedBatches
from skbin.classifier import BinaryNetClassifier
from skbin.conv_net import ConvNet
from skbin.dense_net import DenseNet
from skbin.history_display import HistoryDisplay
from skbin.model_file import load, save
from skbin.onnx_export import export_onnx
from skbin.softmax_head import fold_softmax_head
from skbin.text import TokenEncoder
from skbin.text_conv_net import TextConvNet
from skbin.threshold_display import ThresholdDisplay
from skbin.thresholds import select_threshold

__all__ = [
    "BalancedBatches",
    "BinaryNetClassifier",
    "ConvNet",
    "DenseNet",
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
