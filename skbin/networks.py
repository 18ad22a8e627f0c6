"""The networks. Each ends in one logit and takes its input sizes from the data."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import nn
from torch.nn import functional as F

# One matrix product over unfolded windows is faster than Conv1d on a CPU, but holds
# each input value once for each step of the width.
_WIDEST_UNFOLDED = 16


def _kernel_width(kernel_size: int | float, length: int) -> int:
    if isinstance(kernel_size, Integral) and kernel_size >= 1:
        return int(kernel_size)
    if isinstance(kernel_size, float) and 0 < kernel_size <= 1:
        return max(1, round(kernel_size * length))
    raise ValueError(
        "kernel_sizes must hold positive integers (steps) or floats in (0, 1] (a "
        f"share of the input's length), got {kernel_size!r}."
    )


class ConvNet(nn.Module):
    """Convolutions of several widths, max over time, and a small FC head.

    Each width slides `num_filters` detectors over the input and keeps the strongest
    response of each, wherever it was [1]_. A width of ``1.0`` covers the whole input
    and thereby sees positions: with it the network also learns tables, in which a
    column's place is its meaning.

    Parameters
    ----------
    n_channels : int
        Channels of the input. `BinaryNetClassifier` sets it from the data.
    length : int
        Steps (or columns) of the input. `BinaryNetClassifier` sets it from the data.
        Inputs of another length work too.
    num_filters : int or sequence of int, default=32
        Number of filters, for each width or for each its own.
    kernel_sizes : sequence of int or float, default=(3, 5, 1.0)
        Widths of the filters: an int is a number of steps, a float in (0, 1] is a
        share of `length`. Inputs shorter than a kernel are padded with zeros.
    hidden_units : int, default=64
        Width of the FC layer.
    dropout : float, default=0.2
        Share of the hidden units that are dropped while training.

    References
    ----------
    .. [1] Kim, "Convolutional neural networks for sentence classification",
       EMNLP 2014.

    Examples
    --------
    >>> import torch
    >>> from skbin import ConvNet
    >>> net = ConvNet(n_channels=2, length=50)
    >>> net(torch.zeros(8, 2, 50)).shape
    torch.Size([8])
    """

    def __init__(
        self,
        n_channels: int,
        length: int,
        num_filters: int | Sequence[int] = 32,
        kernel_sizes: Sequence[int | float] = (3, 5, 1.0),
        hidden_units: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        widths = [_kernel_width(kernel_size, length) for kernel_size in kernel_sizes]
        filters = (
            list(num_filters)
            if isinstance(num_filters, Sequence)
            else [int(num_filters)] * len(widths)
        )
        if len(filters) != len(widths):
            raise ValueError(
                "num_filters must be an int or give one number for each of "
                f"kernel_sizes={tuple(kernel_sizes)!r}, got {num_filters!r}."
            )
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_channels, n_filters, width)
            for n_filters, width in zip(filters, widths, strict=True)
        )
        n_pooled = sum(filters)
        self.head = nn.Sequential(
            nn.BatchNorm1d(n_pooled),
            nn.Linear(n_pooled, hidden_units),
            nn.ReLU(),
            nn.BatchNorm1d(hidden_units),
            nn.Dropout(dropout),
            nn.Linear(hidden_units, 1),
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Compute one logit for each sample.

        Parameters
        ----------
        X : tensor of shape (n, length) or (n, n_channels, length)
            Without a channel axis it is one channel.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        if X.dim() == 2:
            X = X.unsqueeze(1)  # (n, length) -> (n, 1, length)
        pooled = [_strongest(conv, X) for conv in self.convolutions]  # type: ignore[arg-type]
        return self.head(torch.cat(pooled, dim=1)).squeeze(1)


def _strongest(convolution: nn.Conv1d, X: torch.Tensor) -> torch.Tensor:
    """Strongest response of each filter, (n, channels, time) -> (n, filters)."""
    (width,) = convolution.kernel_size
    missing = max(0, width - X.shape[2])
    if missing:
        X = F.pad(X, (0, missing))
    n_positions = X.shape[2] - width + 1
    if n_positions == 1 or width <= _WIDEST_UNFOLDED:
        windows = X.unfold(2, width, 1).transpose(1, 2).flatten(2)
        weight = convolution.weight.flatten(1)
        responses = F.linear(windows, weight, convolution.bias)  # (n, time, filters)
        strongest = responses.max(dim=1).values
    else:
        strongest = convolution(X).max(dim=2).values
    # ReLU is monotone: after the maximum it is the same and costs less.
    return F.relu(strongest)


class DenseNet(nn.Module):
    """Fully connected layers, for columns without an order.

    Parameters
    ----------
    n_features : int
        Number of columns. `BinaryNetClassifier` sets it from the data.
    hidden_units : sequence of int, default=(128, 64)
        Width of each hidden layer.
    dropout : float, default=0.0
        Share of the hidden units that are dropped while training.

    Examples
    --------
    >>> import torch
    >>> from skbin import DenseNet
    >>> DenseNet(n_features=30)(torch.zeros(8, 30)).shape
    torch.Size([8])
    """

    def __init__(
        self,
        n_features: int,
        hidden_units: Sequence[int] = (128, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in zip([n_features, *hidden_units], hidden_units, strict=False):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        n_last = [n_features, *hidden_units][-1]
        self.layers = nn.Sequential(*layers, nn.Linear(n_last, 1))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Compute one logit for each sample.

        Parameters
        ----------
        X : tensor of shape (n, n_features)
            Further axes are flattened.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        return self.layers(X.flatten(1)).squeeze(1)
