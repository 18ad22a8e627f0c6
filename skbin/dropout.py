"""Dropout that costs little on a CPU."""

import torch
from torch import nn


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

    Examples
    --------
    >>> dropped = Dropout(0.5)(torch.ones(100))
    >>> sorted(set(dropped.tolist()))
    [0.0, 2.0]
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Drop values of a tensor of any shape."""
        if not self.training or input.device.type != "cpu" or self.p in (0, 1):
            return super().forward(input)
        is_kept = torch.rand(input.shape, dtype=input.dtype) >= self.p
        return input * is_kept / (1 - self.p)
