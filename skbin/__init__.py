"""Neural networks for a rare positive class, as scikit-learn classifiers."""

from typing import TYPE_CHECKING, Any

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.estimator import CrossFitClassifier
from skbin.cutoffs.choice import ThresholdChoice, select_threshold
from skbin.cutoffs.decisions import bayes_decisions
from skbin.cutoffs.history_display import HistoryDisplay
from skbin.cutoffs.threshold_display import ThresholdDisplay
from skbin.data.balanced import BalancedBatches
from skbin.data.tokens import TokenEncoder
from skbin.export.files import load, save
from skbin.export.onnx import export_onnx
from skbin.networks.folding import fold_softmax_head
from skbin.networks.signal_ensemble import SignalNet
from skbin.networks.signals import ConvNet
from skbin.networks.table_filters import TableConvNet
from skbin.networks.tables import DenseNet
from skbin.networks.texts import TextConvNet, TextNet
from skbin.training.focal import FocalLoss

if TYPE_CHECKING:
    from skbin.processes import AcceleratedBinaryNetClassifier

__all__ = [
    "AcceleratedBinaryNetClassifier",
    "BalancedBatches",
    "BinaryNetClassifier",
    "ConvNet",
    "CrossFitClassifier",
    "DenseNet",
    "FocalLoss",
    "HistoryDisplay",
    "SignalNet",
    "TableConvNet",
    "TextConvNet",
    "TextNet",
    "ThresholdChoice",
    "ThresholdDisplay",
    "TokenEncoder",
    "bayes_decisions",
    "export_onnx",
    "fold_softmax_head",
    "load",
    "save",
    "select_threshold",
]
__version__ = "0.2.0.dev0"


def __getattr__(name: str) -> Any:
    # Its parent class takes longer to import than all else here.
    if name == "AcceleratedBinaryNetClassifier":
        from skbin.processes import AcceleratedBinaryNetClassifier

        return AcceleratedBinaryNetClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
