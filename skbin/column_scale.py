"""Columns and channels brought to one scale, by what the training data hold."""

from typing import Any

import torch
from torch import nn

_LIMIT = 3.0  # spreads
_FARTHEST = 1e18  # spreads, of which the square is still a float32


class KnowsInputScale(nn.Module):
    """A network that takes the scale of its inputs from training rows.

    Its layer `input_scale` holds the scale. What has been learnt once, or loaded,
    stays.
    """

    input_scale: Any

    @property
    def wants_input_scale(self) -> bool:
        """Whether no rows have been shown yet."""
        return not bool(self.input_scale.is_learned)

    def learn_input_scale(self, X: torch.Tensor) -> None:
        """Learn how the inputs are distributed.

        Parameters
        ----------
        X : tensor of shape (n_samples, ...)
            Training rows. `BinaryNetClassifier` shows them.
        """
        self.input_scale.learn(X)
        self.input_scale.is_learned.fill_(True)


class ColumnScale(nn.Module):
    """Center each column at its median, divide by its spread and bend outliers in.

    The spread is the interquartile range; of a column that has none, such as an
    indicator or a count that is mostly zero, the whole range. What lies far out is
    bent towards 3 smoothly, so that no single value rules the layers behind [1]_.
    Before `learn` it lets every column pass as it is.

    Parameters
    ----------
    n_features : int
        Number of columns.

    References
    ----------
    .. [1] Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned
       MLPs and boosted trees on tabular data", NeurIPS 2024, section 3.

    Examples
    --------
    >>> scale = ColumnScale(2)
    >>> scale.learn(torch.tensor([[0.0, 0], [1, 0], [2, 0], [3, 0], [4, 1]]))
    >>> scale(torch.tensor([[2.0, 0.0], [4.0, 1.0], [1e9, 0.0]]))
    tensor([[0.0000, 0.0000],
            [0.9487, 0.9487],
            [3.0000, 0.0000]])
    """

    center: torch.Tensor
    factor: torch.Tensor
    limit: torch.Tensor
    is_learned: torch.Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(n_features))
        self.register_buffer("factor", torch.ones(n_features))
        self.register_buffer("limit", torch.tensor(torch.inf))
        self.register_buffer("is_learned", torch.tensor(False))

    def learn(self, X: torch.Tensor) -> None:
        """Take centers and spreads from rows.

        Parameters
        ----------
        X : tensor of shape (n_samples, n_features)
            Training rows. Further axes are flattened.
        """
        low, quarter, median, three_quarters, high = quantiles(X.flatten(1), 4)
        spread = three_quarters - quarter
        spread = torch.where(spread > 0, spread, high - low)
        self.center.copy_(median)
        self.factor.copy_(torch.where(spread > 0, 1 / spread, 1.0))
        self.limit.fill_(_LIMIT)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scale rows, (n, n_features) -> (n, n_features)."""
        scaled = (X - self.center) * self.factor
        scaled = scaled.clamp(-_FARTHEST, _FARTHEST)
        return scaled / torch.sqrt(1 + (scaled / self.limit) ** 2)


class ChannelScale(nn.Module):
    """Center each channel at its mean and divide by its standard deviation.

    Parameters
    ----------
    n_channels : int
        Number of channels.

    Examples
    --------
    >>> scale = ChannelScale(1)
    >>> scale.learn(torch.tensor([[[1.0, 3.0, torch.nan]]]))
    >>> scale(torch.tensor([[[1.0, 3.0, 5.0]]]))
    tensor([[[-1.,  1.,  3.]]])
    """

    mean: torch.Tensor
    factor: torch.Tensor
    is_learned: torch.Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels, 1))
        self.register_buffer("factor", torch.ones(n_channels, 1))
        self.register_buffer("is_learned", torch.tensor(False))

    def learn(self, X: torch.Tensor) -> None:
        """Take means and deviations from signals.

        Parameters
        ----------
        X : tensor of shape (n_samples, n_channels, length)
            Training signals, NaN where there are no values.
        """
        steps = X.transpose(0, 1).flatten(1).double()
        mean = steps.nanmean(dim=1, keepdim=True)
        deviation = (steps - mean).square().nanmean(dim=1, keepdim=True).sqrt()
        self.mean.copy_(mean)
        self.factor.copy_(torch.where(deviation > 0, 1 / deviation, 1.0))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scale signals, (n, n_channels, length) -> (n, n_channels, length)."""
        return (X - self.mean) * self.factor


def quantiles(X: torch.Tensor, n_parts: int) -> torch.Tensor:
    """Quantiles of each column.

    Parameters
    ----------
    X : tensor of shape (n_samples, n_features)
        Rows.
    n_parts : int
        Number of parts with the same share of the rows.

    Returns
    -------
    quantiles : tensor of shape (n_parts + 1, n_features)
        From the least value to the greatest.

    Examples
    --------
    >>> quantiles(torch.tensor([[1.0], [2.0], [9.0]]), 2).ravel()
    tensor([1., 2., 9.])
    """
    at = torch.linspace(0, 1, n_parts + 1, dtype=X.dtype, device=X.device)
    return torch.quantile(X, at, dim=0)
