"""The deep part of `ConvNet`: residual blocks over signals of any length."""

from collections.abc import Sequence
from itertools import chain, pairwise, repeat

import torch
from torch import nn
from torch.nn import functional as F


class ResidualBlocks(nn.Module):
    """Blocks of three convolutions with a shortcut each, averaged over time [1]_.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    n_blocks : int
        Number of blocks.
    n_filters : int
        Filters in the first block; the others have twice as many.
    kernel_sizes : sequence of int, default=(9, 5, 3)
        Width of each convolution of a block, odd.

    References
    ----------
    .. [1] Wang, Yan and Oates, "Time series classification from scratch with deep
       neural networks: a strong baseline", IJCNN 2017.

    Examples
    --------
    >>> blocks = ResidualBlocks(n_channels=2, n_blocks=3, n_filters=16)
    >>> X, is_there = torch.zeros(8, 2, 50), torch.ones(8, 1, 50, dtype=bool)
    >>> blocks(X, is_there).shape
    torch.Size([8, 32])
    """

    def __init__(
        self,
        n_channels: int,
        n_blocks: int,
        n_filters: int,
        kernel_sizes: Sequence[int] = (9, 5, 3),
    ) -> None:
        super().__init__()
        # One after the other: a file may ask for more of them than memory holds.
        sizes = chain([n_channels, n_filters], repeat(2 * n_filters, n_blocks - 1))
        self.blocks = nn.ModuleList(
            _Block(n_in, n_out, kernel_sizes) for n_in, n_out in pairwise(sizes)
        )
        self.n_outputs = n_filters if n_blocks == 1 else 2 * n_filters

    def forward(self, X: torch.Tensor, is_there: torch.Tensor | None) -> torch.Tensor:
        """Compute features of each signal.

        Parameters
        ----------
        X : tensor of shape (n, n_channels, length)
            Signals, 0 where there are no values.
        is_there : tensor of bool of shape (n, 1, length) or None
            Where the signals have values. None: everywhere.

        Returns
        -------
        features : tensor of shape (n, n_outputs)
        """
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
    """Normalize over the steps that are there, and leave 0 at the others.

    Then a signal's end looks to the next convolution as the border of the array does,
    and what it is padded to cannot matter.
    """
    if is_there is None:
        return norm(X)
    if not norm.training:  # then each step is normalized for itself
        return norm(X) * is_there
    there = is_there.squeeze(1)
    steps = X.transpose(1, 2)  # (n, length, channels)
    normalized = torch.zeros_like(steps)
    normalized[there] = norm(steps[there])
    return normalized.transpose(1, 2)
