"""What skops has to trust to read a fitted estimator: `SKOPS_TRUSTED_TYPES`."""

import functools

import skorch.callbacks
import skorch.history
import skorch.setter
import skorch.utils

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.calibration import LogitMap
from skbin.cross_fit.estimator import CrossFitClassifier
from skbin.cutoffs.choice import ThresholdChoice
from skbin.data.balanced import BalancedBatches
from skbin.data.fitted import FittedData
from skbin.data.labels import BinaryLabels
from skbin.data.seen import SeenRows
from skbin.data.tables import Column, Table
from skbin.data.texts import LinearModel, TextReader
from skbin.data.tokens import TokenEncoder
from skbin.export.names import KNOWN
from skbin.training import callbacks
from skbin.training.early_stopping import BestWeights

_TRUSTED = (
    BinaryNetClassifier,
    CrossFitClassifier,
    TokenEncoder,
    BalancedBatches,
    # What estimators keep from their training.
    ThresholdChoice,
    BinaryLabels,
    Column,
    FittedData,
    LinearModel,
    LogitMap,
    SeenRows,
    Table,
    TextReader,
    skorch.history.History,
    # Callbacks, and the functions of skorch that they and the net refer to.
    BestWeights,
    callbacks.CosineDecay,
    callbacks.EpochLoss,
    callbacks.EpochProgress,
    callbacks.EpochTable,
    callbacks.EpochTasks,
    callbacks.WeightedScoring,
    skorch.callbacks.EpochTimer,
    skorch.setter.optimizer_setter,
    skorch.utils._indexing_other,
    skorch.utils.to_numpy,
    functools.partial,
    print,
)

# skops requires a list of these names, and so does mlflow. The list does not protect:
# skorch keeps a part of a net as a pickle, which skops does not inspect.
SKOPS_TRUSTED_TYPES = [
    f"{kind.__module__}.{kind.__qualname__}"
    for kind in (*_TRUSTED, *(kind for kinds in KNOWN.values() for kind in kinds))
]
