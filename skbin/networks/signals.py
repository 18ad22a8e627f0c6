"""The network for signals: `ConvNet`."""

from collections.abc import Sequence
from itertools import chain, pairwise, repeat
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.columns import ChannelScale
from skbin.networks.filters import filters_of_each_width, kernel_width, strongest
from skbin.networks.layers import OutputLayers, Prepared, require_sizes


class ResidualBlocks(nn.Module):
    """Blocks of three convolutions and a shortcut, averaged over time."""

    def __init__(
        self,
        n_channels: int,
        n_blocks: int,
        n_filters: int,
        kernel_sizes: Sequence[int] = (9, 5, 3),
    ) -> None:
        super().__init__()
        # Lazily, because a file may ask for more blocks than memory holds.
        sizes = chain([n_channels, n_filters], repeat(2 * n_filters, n_blocks - 1))
        self.blocks = nn.ModuleList(
            _Block(n_in, n_out, kernel_sizes) for n_in, n_out in pairwise(sizes)
        )
        self.n_outputs = n_filters if n_blocks == 1 else 2 * n_filters

    def forward(self, X: torch.Tensor, is_there: torch.Tensor | None) -> torch.Tensor:
        """Compute features, (n, n_channels, length) -> (n, n_outputs)."""
        for block in self.blocks:
            X = block(X, is_there)
        if is_there is None:
            return X.mean(dim=2)
        return X.sum(dim=2) / is_there.sum(dim=2)


class _Block(nn.Module):
    def __init__(self, n_in: int, n_out: int, kernel_sizes: Sequence[int]) -> None:
        super().__init__()
        sizes = [n_in, *[n_out] * len(kernel_sizes)]
        self.convolutions = nn.ModuleList(
            _convolution(before, after, width)
            for (before, after), width in zip(
                pairwise(sizes), kernel_sizes, strict=True
            )
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(n_out) for _ in kernel_sizes)
        self.shortcut = _convolution(n_in, n_out, width=1)
        self.shortcut_norm = nn.BatchNorm1d(n_out)

    def forward(self, X: torch.Tensor, is_there: torch.Tensor | None) -> torch.Tensor:
        shortcut = _normalized(self.shortcut_norm, self.shortcut(X), is_there)
        *first, last = zip(self.convolutions, self.norms, strict=True)
        for convolution, norm in first:
            X = F.relu(_normalized(norm, convolution(X), is_there))
        convolution, norm = last
        return F.relu(_normalized(norm, convolution(X), is_there) + shortcut)


def _convolution(n_in: int, n_out: int, width: int) -> nn.Conv1d:
    return nn.Conv1d(n_in, n_out, width, padding="same", bias=False)


def _normalized(
    norm: nn.Module, X: torch.Tensor, is_there: torch.Tensor | None
) -> torch.Tensor:
    """Normalize over the steps of each signal, and leave 0 after its end."""
    # Then the next convolution treats the end of a signal as it treats the border of
    # the array, and the length to which signals are padded cannot matter.
    if is_there is None:
        return norm(X)
    if not norm.training:  # each step is normalized independently
        return norm(X) * is_there
    there = is_there.squeeze(1)
    steps = X.transpose(1, 2)  # (n, length, channels)
    normalized = torch.zeros_like(steps)
    normalized[there] = norm(steps[there])
    return normalized.transpose(1, 2)


class ConvNet(Prepared):
    """Convolutions of several widths, residual blocks and an FC head, for signals.

    Filters of several widths slide over the signal; the strongest response of each
    filter is used, wherever it occurs [1]_. A deeper branch of residual blocks [2]_
    adds features that are averaged over time. Each channel is scaled separately.
    Signals may differ in length: pad each with NaN after its end.

    For tables, see `DenseNet` and `TableConvNet`.

    Parameters
    ----------
    n_channels : int
        Number of channels of a signal. `BinaryNetClassifier` sets it from the data: 1
        if X has two axes.
    length : int
        Number of time steps of a signal. `BinaryNetClassifier` sets it from the data.
        Signals of other lengths are accepted.
    num_blocks : int, default=3
        Number of residual blocks.
    block_filters : int, default=16
        Number of filters in the first block; the others have twice as many.
    num_filters : int or sequence of int, default=32
        Number of filters of each width: one for all widths, or one for each.
    kernel_sizes : sequence of int or float, default=(3, 5, 1.0)
        Widths of the filters: an int is a number of steps, a float in (0, 1] a fraction
        of `length`. Inputs shorter than a kernel are padded with zeros.
    hidden_units : int, default=64
        Width of the FC layer.
    dropout : float, default=0.2
        Fraction of the hidden units dropped in training.

    References
    ----------
    .. [1] Kim, "Convolutional neural networks for sentence classification",
       EMNLP 2014.
    .. [2] Wang, Yan and Oates, "Time series classification from scratch with deep
       neural networks: a strong baseline", IJCNN 2017.

    Examples
    --------
    >>> import torch
    >>> from skbin import ConvNet
    >>> net = ConvNet(n_channels=2, length=50)
    >>> net(torch.zeros(8, 2, 50)).shape
    torch.Size([8])
    """

    takes_unequal_lengths = True

    def __init__(
        self,
        n_channels: int,
        length: int,
        num_blocks: int = 3,
        block_filters: int = 16,
        num_filters: int | Sequence[int] = 32,
        kernel_sizes: Sequence[int | float] = (3, 5, 1.0),
        hidden_units: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        require_sizes(num_blocks=num_blocks, at_least=0)
        require_sizes(block_filters=block_filters)
        self.input_scale = ChannelScale(n_channels)
        widths = [kernel_width(kernel_size, length) for kernel_size in kernel_sizes]
        filters = filters_of_each_width(num_filters, kernel_sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_channels, n_filters, width)
            for n_filters, width in zip(filters, widths, strict=True)
        )
        self.blocks = None
        n_features = sum(filters)
        if num_blocks:
            self.blocks = ResidualBlocks(n_channels, num_blocks, block_filters)
            n_features += self.blocks.n_outputs
        self.head = OutputLayers(n_features, hidden_units, dropout)

    def forward(self, X: torch.Tensor, is_whole: bool = False) -> torch.Tensor:
        """Compute one logit for each sample.

        Parameters
        ----------
        X : tensor of shape (n, n_channels, length) or (n, length)
            Signals; without a channel axis they have one channel.
        is_whole : bool, default=False
            Whether X is known to hold no NaN, so that it need not be searched.
            `BinaryNetClassifier` passes it to any module whose ``forward`` takes it.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        X, is_there = self._signals(X, is_whole)
        convolutions: Any = self.convolutions  # to mypy they are any modules
        features = [strongest(conv, X, is_there) for conv in convolutions]
        if self.blocks is not None:
            features.append(self.blocks(X, is_there))
        return self.head(torch.cat(features, dim=1))

    def _signals(
        self, X: torch.Tensor, is_whole: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Scale channels, and mark the steps before the end of each signal."""
        if X.dim() == 2:
            X = X.unsqueeze(1)  # (n, length) -> (n, 1, length)
        X = self.input_scale(X)
        is_there = None if is_whole else _where_signals_are(X)
        return X if is_there is None else torch.nan_to_num(X), is_there


def _where_signals_are(X: torch.Tensor) -> torch.Tensor | None:
    """Mark steps before the end of each signal, (n, 1, length); None: all of them."""
    is_there = ~torch.isnan(X[:, :1])
    if torch.compiler.is_exporting():  # a graph cannot branch on the data
        return is_there
    return None if bool(is_there.all()) else is_there
