from .classifier import BinaryNetClassifier as BinaryNetClassifier
from .cross_fit.estimator import CrossFitClassifier as CrossFitClassifier
from .cutoffs.choice import ThresholdChoice as ThresholdChoice
from .cutoffs.choice import select_threshold as select_threshold
from .cutoffs.decisions import bayes_decisions as bayes_decisions
from .cutoffs.history_display import HistoryDisplay as HistoryDisplay
from .cutoffs.threshold_display import ThresholdDisplay as ThresholdDisplay
from .data.balanced import BalancedBatches as BalancedBatches
from .data.tokens import TokenEncoder as TokenEncoder
from .export.files import load as load
from .export.files import save as save
from .export.onnx import export_onnx as export_onnx
from .export.trusted import SKOPS_TRUSTED_TYPES as SKOPS_TRUSTED_TYPES
from .networks.folding import fold_softmax_head as fold_softmax_head
from .networks.signal_ensemble import SignalNet as SignalNet
from .networks.signals import ConvNet as ConvNet
from .networks.table_filters import TableConvNet as TableConvNet
from .networks.tables import DenseNet as DenseNet
from .networks.texts import TextConvNet as TextConvNet
from .networks.texts import TextNet as TextNet
from .payments import make_payments as make_payments
from .processes import AcceleratedBinaryNetClassifier as AcceleratedBinaryNetClassifier
from .search_spaces import SEARCH_SPACES as SEARCH_SPACES
from .serving.classifier import load_onnx as load_onnx
from .training.focal import FocalLoss as FocalLoss

__version__: str
