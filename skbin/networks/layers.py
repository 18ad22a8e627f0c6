"""Layers that the networks share: dropout, the hidden layer, the one logit."""

import torch
from torch import nn

from skbin.networks.sizes import require_shares, require_sizes


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` whose mask is drawn by ``torch.rand`` on a CPU.

    torch draws it by ``bernoulli_``, which takes three times as long there: a sixth of
    the training of `DenseNet`. The distribution is the same, the random numbers are
    others.

    Parameters
    ----------
    p : float, default=0.5
        Share of the values that become 0 while training. The others are divided by
        ``1 - p``.
    inplace : bool, default=False
        Whether to write to the input. Then, and on other devices, it is torch's.

    Examples
    --------
    >>> dropped = Dropout(0.5)(torch.ones(100))
    >>> sorted(set(dropped.tolist()))
    [0.0, 2.0]
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Drop values of a tensor of any shape."""
        is_torchs = self.inplace or self.p in (0, 1) or input.device.type != "cpu"
        if is_torchs or not self.training:
            return super().forward(input)
        # In half precision there are too few numbers for a share of 1 %.
        is_kept = torch.rand_like(input, dtype=torch.float32) >= self.p
        return input * is_kept / (1 - self.p)


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
