"""The end of a network: hidden units and one logit."""

from torch import nn

from skbin.dropout import Dropout
from skbin.layer_sizes import require_shares, require_sizes


class OutputLayers(nn.Sequential):
    """One hidden layer and one logit, with batch normalization.

    Parameters
    ----------
    n_inputs : int
        Number of features that come in.
    hidden_units : int
        Width of the hidden layer.
    dropout : float
        Share of the hidden units that are dropped while training.
    first : nn.Module, default=None
        What the features pass before. None: batch normalization.

    Examples
    --------
    >>> import torch
    >>> layers = OutputLayers(n_inputs=10, hidden_units=4, dropout=0.2)
    >>> layers(torch.ones(3, 10)).shape
    torch.Size([3])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_units: int,
        dropout: float,
        first: nn.Module | None = None,
    ) -> None:
        require_sizes(hidden_units=hidden_units)
        require_shares(dropout=dropout)
        super().__init__(
            nn.BatchNorm1d(n_inputs) if first is None else first,
            nn.Linear(n_inputs, hidden_units),
            nn.ReLU(),
            nn.BatchNorm1d(hidden_units),
            Dropout(dropout),
            nn.Linear(hidden_units, 1),
            nn.Flatten(0),
        )


class BaseLogit(nn.Module):
    """A network that can begin at the base rate of the positive class."""

    def set_base_logit(self, logit: float) -> None:
        """Begin at the logit that fits best without looking at the input.

        Parameters
        ----------
        logit : float
            Bias of the last linear layer. `BinaryNetClassifier` sets it from the data.
        """
        *_, output = (m for m in self.modules() if isinstance(m, nn.Linear))
        nn.init.constant_(output.bias, logit)
