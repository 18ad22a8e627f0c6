"""Parameters worth searching for each network, for scikit-learn's searches.

A parameter is listed if changing it measurably affected the results, or if its best
value depends on the data. Parameters without an effect are left out: knots and their
number (`n_bins`), batch sizes, longer training on tables, more random features of
signals. `docs/user_guide/searches.rst` gives the reason for each line.
"""

from typing import Any

from scipy.stats import loguniform, uniform
from torch.optim import AdamW

# A third to three times the default of 0.001.
_LEARNING_RATES = loguniform(3e-4, 3e-3)

SEARCH_SPACES: dict[str, dict[str, Any]] = {
    "DenseNet": {
        "lr": _LEARNING_RATES,
        # AdamW without decay is Adam, the default; Adam itself would add the decay to
        # the gradient and scale it.
        "optimizer": [AdamW],
        "optimizer__weight_decay": [0.0, 0.2, 1.0],
        "module__dropout": uniform(0.2, 0.4),
        "module__n_members": [1, 8],
    },
    "TableConvNet": {
        "lr": _LEARNING_RATES,
        "module__dropout": uniform(0.1, 0.5),
        "module__kernel_sizes": [(3, 5, 1.0), (1.0,)],
    },
    "SignalNet": {"module__linear_share": [None, 0.3, 0.5, 0.7, 0.85]},
    "ConvNet": {
        "lr": _LEARNING_RATES,
        "max_epochs": ["auto", 100],
        "module__kernel_sizes": [(3, 5, 1.0), (3, 5)],
    },
    "TextNet": {
        "max_epochs": ["auto", 3, 6],
        "module__linear_share": [0.3, 0.6, 0.9],
    },
    "TextConvNet": {
        "lr": ["auto", 0.005],
        "max_epochs": ["auto", 3, 10],
        "module__hidden_units": [0, 64],
    },
}
