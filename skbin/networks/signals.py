"""The network for signals: `ConvNet`."""

from collections.abc import Sequence
from itertools import chain, pairwise, repeat
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.columns import ChannelScale, embed_columns
from skbin.networks.layers import (
    Dropout,
    OutputLayers,
    Prepared,
    filters_of_each_width,
    kernel_width,
    require_sizes,
)


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
        # Lazily: a file may ask for more blocks than memory holds.
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
    """Normalize over the steps that are there, and leave 0 at the others."""
    # Then the next convolution sees the end of a signal as it sees the border of the
    # array, and the length to which signals are padded cannot matter.
    if is_there is None:
        return norm(X)
    if not norm.training:  # each step is normalized independently
        return norm(X) * is_there
    there = is_there.squeeze(1)
    steps = X.transpose(1, 2)  # (n, length, channels)
    normalized = torch.zeros_like(steps)
    normalized[there] = norm(steps[there])
    return normalized.transpose(1, 2)


_FILTERS = 32


class _Defaults(NamedTuple):
    num_blocks: int
    filters_of_all: int  # of a width that covers the whole input
    hidden_units: int
    dropout: float


_FOR_SIGNALS = _Defaults(3, filters_of_all=_FILTERS, hidden_units=64, dropout=0.2)
_FOR_ROWS = _Defaults(0, filters_of_all=256, hidden_units=256, dropout=0.3)


class ConvNet(Prepared):
    """Convolutions of several widths and an FC head, for rows and for signals.

    Filters of several widths slide over the input, and of each filter the strongest
    response counts, wherever it occurs [1]_.

    - Rows of numbers, ``(n, length)``, are embedded column by column, as in `DenseNet`.
      The filters of width ``1.0`` cover the whole row and can tell its columns apart:
      they make the network suitable for tables.
    - Signals, ``(n, n_channels, length)``, are scaled channel by channel. A deeper
      branch of residual blocks [2]_ adds features that are averaged over time. Signals
      may differ in length: NaN follows the end of a signal.

    Parameters
    ----------
    n_channels : int
        Channels of the input; 1 for rows. `BinaryNetClassifier` takes it from the data.
    length : int
        Steps (or columns) of the input. `BinaryNetClassifier` takes it from the data.
        Signals of other lengths are accepted.
    has_channels : bool, default=True
        Whether the inputs are signals rather than rows. `BinaryNetClassifier` takes it
        from the data.
    num_blocks : int, default=None
        Residual blocks. None: 3 for signals, 0 for rows.
    block_filters : int, default=16
        Filters in the first block; the others have twice as many.
    num_filters : int or sequence of int, default=None
        Number of filters of each width, or one number for each width. None: 32, but
        256 for rows where the width covers all columns.
    kernel_sizes : sequence of int or float, default=(3, 5, 1.0)
        Widths of the filters: an int is a number of steps, a float in (0, 1] a fraction
        of `length`. Inputs shorter than a kernel are padded with zeros.
    hidden_units : int, default=None
        Width of the FC layer. None: 64 for signals, 256 for rows.
    dropout : float, default=None
        Fraction of the hidden units, and for rows also of the filters, that are dropped
        in training. None: 0.2 for signals, 0.3 for rows.
    n_bins : int, default=None
        For rows, as in `DenseNet`.
    embedding_dim : int, default=8
        For rows, as in `DenseNet`.

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
        has_channels: bool = True,
        num_blocks: int | None = None,
        block_filters: int = 16,
        num_filters: int | Sequence[int] | None = None,
        kernel_sizes: Sequence[int | float] = (3, 5, 1.0),
        hidden_units: int | None = None,
        dropout: float | None = None,
        n_bins: int | None = None,
        embedding_dim: int = 8,
    ) -> None:
        super().__init__()
        defaults = _FOR_SIGNALS if has_channels else _FOR_ROWS
        num_blocks = defaults.num_blocks if num_blocks is None else num_blocks
        hidden_units = defaults.hidden_units if hidden_units is None else hidden_units
        dropout = defaults.dropout if dropout is None else dropout
        require_sizes(num_blocks=num_blocks, at_least=0)
        require_sizes(block_filters=block_filters)
        self.has_channels = has_channels
        if has_channels:
            self.input_scale: nn.Module = ChannelScale(n_channels)
        else:
            self.input_scale, n_channels = embed_columns(length, n_bins, embedding_dim)
        widths = [kernel_width(kernel_size, length) for kernel_size in kernel_sizes]
        if num_filters is None:
            num_filters = [
                _FILTERS if width < length else defaults.filters_of_all
                for width in widths
            ]
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
        # Batch normalization here costs 0.02 average precision on tables.
        first = None if has_channels else Dropout(dropout)
        self.head = OutputLayers(n_features, hidden_units, dropout, first)

    def forward(self, X: torch.Tensor, is_whole: bool = False) -> torch.Tensor:
        """Compute one logit for each sample.

        Parameters
        ----------
        X : tensor of shape (n, length) or (n, n_channels, length)
            Without a channel axis it is one channel.
        is_whole : bool, default=False
            Whether no value is known to be missing, so that X need not be searched for
            NaN. `BinaryNetClassifier` passes it to any module whose ``forward`` takes
            it.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        if self.has_channels:
            X, is_there = self._signals(X, is_whole)
        else:
            X, is_there = self._rows(X), None
        convolutions: Any = self.convolutions  # to mypy they are any modules
        features = [_strongest(conv, X, is_there) for conv in convolutions]
        if self.blocks is not None:
            features.append(self.blocks(X, is_there))
        return self.head(torch.cat(features, dim=1))

    def _rows(self, X: torch.Tensor) -> torch.Tensor:
        """Embed columns; their vectors become channels, (n, channels, length)."""
        X = X.flatten(1)
        return self.input_scale(X).unflatten(1, (X.shape[1], -1)).transpose(1, 2)

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


def _strongest(
    convolution: nn.Conv1d, X: torch.Tensor, is_there: torch.Tensor | None
) -> torch.Tensor:
    """Strongest response of each filter, (n, channels, time) -> (n, filters)."""
    (width,) = convolution.kernel_size
    missing = max(0, width - X.shape[2])
    if missing:
        X = F.pad(X, (0, missing))
    n_positions = X.shape[2] - width + 1
    if n_positions == 1:
        weight = convolution.weight.flatten(1)
        responses = F.linear(X.flatten(1), weight, convolution.bias).unsqueeze(1)
    else:
        responses = _slid(convolution, X)
    # ReLU is monotone: after the maximum it gives the same and costs less. Windows that
    # reach beyond the end of a signal give 0, the least that ReLU returns.
    if is_there is not None:
        last = (is_there.sum(dim=2) - width).clamp(min=0)  # (n, 1)
        position = torch.arange(n_positions, device=X.device)
        responses = responses * (position <= last).unsqueeze(2)
    return F.relu(responses.amax(dim=1))


def _slid(convolution: nn.Conv1d, X: torch.Tensor) -> torch.Tensor:
    """Convolve, (n, channels, length) -> (n, positions, filters)."""
    # With a dozen channels a CPU is a quarter to a half faster in this memory format
    # than with conv1d, otherwise about as fast: examples/benchmarks/convolutions.py.
    layout = torch.channels_last
    weight = convolution.weight.unsqueeze(2).contiguous(memory_format=layout)
    X = X.unsqueeze(2).contiguous(memory_format=layout)  # (n, channels, 1, length)
    return F.conv2d(X, weight, convolution.bias).squeeze(2).transpose(1, 2)
