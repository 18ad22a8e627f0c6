"""Layers that scale and embed columns and channels by what training rows hold."""

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.layers import require_sizes, require_width

_LIMIT = 3.0  # spreads
_FARTHEST = 1e18  # spreads, of which the square is still a float32


class ColumnScale(nn.Module):
    """Center each column at its median, divide by its spread and squash outliers.

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

    # Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs
    # and boosted trees on tabular data", NeurIPS 2024, section 3.
    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(n_features))
        self.register_buffer("factor", torch.ones(n_features))
        self.register_buffer("limit", torch.tensor(torch.inf))
        self.register_buffer("is_learned", torch.tensor(False))

    def learn(self, X: torch.Tensor) -> None:
        """Take centers and spreads from rows; further axes are flattened."""
        low, quarter, median, three_quarters, high = quantiles(X.flatten(1), 4)
        spread = three_quarters - quarter
        # An indicator, or a count that is mostly zero, has no interquartile range.
        spread = torch.where(spread > 0, spread, high - low)
        self.center.copy_(median)
        self.factor.copy_(torch.where(spread > 0, 1 / spread, 1.0))
        self.limit.fill_(_LIMIT)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scale rows, (n, n_features) -> (n, n_features)."""
        require_width(X, len(self.center), "columns")
        scaled = (X - self.center) * self.factor
        scaled = scaled.clamp(-_FARTHEST, _FARTHEST)
        return scaled / torch.sqrt(1 + (scaled / self.limit) ** 2)


class ChannelScale(nn.Module):
    """Center each channel at its mean and divide by its standard deviation.

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
        """Take means and deviations from signals, NaN where there are no values."""
        steps = X.transpose(0, 1).flatten(1).double()
        mean = steps.nanmean(dim=1, keepdim=True)
        deviation = (steps - mean).square().nanmean(dim=1, keepdim=True).sqrt()
        self.mean.copy_(mean)
        self.factor.copy_(torch.where(deviation > 0, 1 / deviation, 1.0))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scale signals, (n, n_channels, length) -> (n, n_channels, length)."""
        require_width(X, len(self.mean), "channels")
        return (X - self.mean) * self.factor


def quantiles(X: torch.Tensor, n_parts: int) -> torch.Tensor:
    """Return the ``n_parts + 1`` quantiles of each column, minimum to maximum."""
    at = torch.linspace(0, 1, n_parts + 1, dtype=X.dtype, device=X.device)
    return torch.quantile(X, at, dim=0)


# A wide table, such as TF-IDF, mostly holds indicators and counts, for which vectors
# cost much and gain nothing.
_MOST_EMBEDDED_COLUMNS = 256
_BINS = 16


def embed_columns(
    n_features: int, n_bins: int | None, embedding_dim: int
) -> tuple[nn.Module, int]:
    """Return the first layer of a network for tables, and its outputs per column."""
    if n_bins is None:
        n_bins = _BINS if n_features <= _MOST_EMBEDDED_COLUMNS else 0
    require_sizes(n_bins=n_bins, at_least=0)
    require_sizes(embedding_dim=embedding_dim)
    if not n_bins:
        return ColumnScale(n_features), 1
    return PiecewiseLinearEmbedding(n_features, n_bins, embedding_dim), embedding_dim


class PiecewiseLinearEmbedding(nn.Module):
    """Give each column a vector, piecewise linear in it with knots at its quantiles."""

    # Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular
    # deep learning", NeurIPS 2022, section 3.2. Steps and peaks, which a plain network
    # learns slowly and trees learn fast, are linear in these vectors.

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
        # Training starts with the scaled value alone and adds bends where they help.
        self.bends = nn.Parameter(torch.zeros(n_features, n_bins, embedding_dim))

    def learn(self, X: torch.Tensor) -> None:
        """Take scale and intervals from rows; further axes are flattened."""
        X = X.flatten(1)
        self.scale.learn(X)
        edges = quantiles(X, self.start.shape[1]).T
        self.start.copy_(edges[:, :-1])
        self.width.copy_(edges[:, 1:] - edges[:, :-1])

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embed rows, (n, n_features) -> (n, n_features * embedding_dim)."""
        require_width(X, len(self.start), "columns")
        beyond = X.unsqueeze(2) - self.start
        filled = (beyond / self.width.clamp(min=torch.finfo(X.dtype).tiny)).clamp(0, 1)
        bent = torch.einsum("nfb,fbd->nfd", filled, self.bends)
        straight = self.scale(X).unsqueeze(2) * self.slope + self.bias
        return F.relu(bent + straight).flatten(1)
