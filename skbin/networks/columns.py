"""Columns and channels, scaled and embedded by what the training data hold."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.sizes import require_sizes

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


# A wide table, such as TF-IDF, mostly holds indicators and counts, for which vectors
# cost much and bring nothing.
_MOST_EMBEDDED_COLUMNS = 256
_BINS = 16


def embed_columns(
    n_features: int, n_bins: int | None, embedding_dim: int
) -> tuple[nn.Module, int]:
    """Make the first layer of a network for tables.

    Parameters
    ----------
    n_features : int
        Number of columns.
    n_bins : int or None
        Intervals of each column. 0: columns are scaled only. None: 16 up to 256
        columns, else 0.
    embedding_dim : int
        Length of a column's vector.

    Returns
    -------
    layer : nn.Module
        From (n, n_features) to (n, n_features * n_values).
    n_values : int
        Numbers that it gives for each column.

    Examples
    --------
    >>> embed_columns(1000, n_bins=None, embedding_dim=8)
    (ColumnScale(), 1)
    """
    if n_bins is None:
        n_bins = _BINS if n_features <= _MOST_EMBEDDED_COLUMNS else 0
    require_sizes(n_bins=n_bins, at_least=0)
    require_sizes(embedding_dim=embedding_dim)
    if not n_bins:
        return ColumnScale(n_features), 1
    return PiecewiseLinearEmbedding(n_features, n_bins, embedding_dim), embedding_dim


class PiecewiseLinearEmbedding(nn.Module):
    """Give each column a vector that bends where its quantiles lie.

    A value is written as how far it has come through each of `n_bins` intervals with
    equal shares of the training rows [1]_. From there, and from the scaled value, a
    linear layer of the column's own and a ReLU make its vector. Steps and peaks that
    a plain network learns slowly, and trees fast, are linear in it.

    Parameters
    ----------
    n_features : int
        Number of columns.
    n_bins : int
        Number of intervals.
    embedding_dim : int
        Length of a column's vector.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in
       tabular deep learning", NeurIPS 2022, section 3.2.

    Examples
    --------
    >>> embedding = PiecewiseLinearEmbedding(n_features=5, n_bins=8, embedding_dim=4)
    >>> embedding.learn(torch.randn(100, 5))
    >>> embedding(torch.randn(3, 5)).shape
    torch.Size([3, 20])
    """

    start: torch.Tensor
    width: torch.Tensor
    is_learned: torch.Tensor

    def __init__(self, n_features: int, n_bins: int, embedding_dim: int) -> None:
        super().__init__()
        self.scale = ColumnScale(n_features)
        self.register_buffer("start", torch.zeros(n_features, n_bins))
        self.register_buffer("width", torch.zeros(n_features, n_bins))
        self.register_buffer("is_learned", torch.tensor(False))
        shape = n_features, embedding_dim
        self.slope = nn.Parameter(torch.empty(shape).uniform_(-1, 1))
        self.bias = nn.Parameter(torch.empty(shape).uniform_(-1, 1))
        # Training begins with the scaled value alone and adds bends as they pay.
        self.bends = nn.Parameter(torch.zeros(n_features, n_bins, embedding_dim))

    def learn(self, X: torch.Tensor) -> None:
        """Take scale and intervals from rows.

        Parameters
        ----------
        X : tensor of shape (n_samples, n_features)
            Training rows. Further axes are flattened.
        """
        X = X.flatten(1)
        self.scale.learn(X)
        edges = quantiles(X, self.start.shape[1]).T
        self.start.copy_(edges[:, :-1])
        self.width.copy_(edges[:, 1:] - edges[:, :-1])

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embed rows, (n, n_features) -> (n, n_features * embedding_dim)."""
        beyond = X.unsqueeze(2) - self.start
        share = (beyond / self.width.clamp(min=torch.finfo(X.dtype).tiny)).clamp(0, 1)
        bent = torch.einsum("nfb,fbd->nfd", share, self.bends)
        straight = self.scale(X).unsqueeze(2) * self.slope + self.bias
        return F.relu(bent + straight).flatten(1)
