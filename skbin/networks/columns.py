"""Layers that scale and embed columns and channels, learned from training rows."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.layers import require_sizes, require_width

_LIMIT = 3.0  # spreads
_FARTHEST = 1e18  # spreads, whose square is still a float32
_SPREAD_OF_CATEGORIES = 0.1


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
        """Scale rows, (n, n_features) -> (n, n_features); a missing value becomes 0."""
        require_width(X, len(self.center), "columns")
        scaled = ((X - self.center) * self.factor).nan_to_num(nan=0.0)
        scaled = scaled.clamp(-_FARTHEST, _FARTHEST)
        return scaled / torch.sqrt(1 + (scaled / self.limit) ** 2)


class ScaledColumns(ColumnScale):
    """Scale columns; a missing value becomes a number that is learned."""

    def __init__(self, n_features: int) -> None:
        super().__init__(n_features)
        self.missing = nn.Parameter(torch.zeros(n_features))

    def learn(self, X: torch.Tensor) -> None:
        """Take centers and spreads; a missing value starts outside all others."""
        super().learn(X)
        has_missing = X.flatten(1).isnan().any(dim=0)
        with torch.no_grad():
            self.missing.copy_(torch.where(has_missing, _LIMIT, 0.0))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # Files of version 0.1 hold nothing for missing values.
        state_dict.setdefault(f"{prefix}missing", torch.zeros_like(self.missing))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scale rows, (n, n_features) -> (n, n_features)."""
        return torch.where(X.isnan(), self.missing, super().forward(X))


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
        X = X.unsqueeze(1) if X.dim() == 2 else X  # one channel
        steps = X.transpose(0, 1).flatten(1).double()
        mean = steps.nanmean(dim=1, keepdim=True)
        deviation = (steps - mean).square().nanmean(dim=1, keepdim=True).sqrt()
        self.mean.copy_(mean)
        largest = torch.finfo(self.factor.dtype).max  # of numbers that hardly differ
        factor = (1 / deviation).clamp(max=largest)
        self.factor.copy_(torch.where(deviation > 0, factor, 1.0))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scale signals, (n, n_channels, length) -> (n, n_channels, length)."""
        require_width(X, len(self.mean), "channels")
        return (X - self.mean) * self.factor


def quantiles(X: torch.Tensor, n_parts: int) -> torch.Tensor:
    """Return the ``n_parts + 1`` quantiles of each column, without missing values.

    Minimum to maximum; 0 for a column in which every value is missing.
    """
    at = torch.linspace(0, 1, n_parts + 1, dtype=X.dtype, device=X.device)
    return torch.nanquantile(X, at, dim=0).nan_to_num(nan=0.0)


def edges_of(column: torch.Tensor, n_bins: int) -> torch.Tensor:
    """Cut a column into at most `n_bins` intervals, with about equally many rows each.

    A value shared by more rows than an interval should hold becomes a separate edge,
    and the others share what is left: quantiles of all rows would see little of a
    column that is mostly zero. A column of few values has an edge at each.

    >>> edges_of(torch.tensor([0.0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), n_bins=3)
    tensor([0., 1., 3., 4.])
    """
    values, counts = torch.unique(column[~column.isnan()], return_counts=True)
    if len(values) <= n_bins + 1:
        return values
    is_heavy = torch.zeros_like(values, dtype=torch.bool)
    for _ in range(n_bins):
        n_left = max(n_bins - int(is_heavy.sum()), 1)
        more = ~is_heavy & (counts > counts[~is_heavy].sum() / n_left)
        if not more.any() or int((is_heavy | more).sum()) >= n_bins:
            break
        is_heavy |= more
    n_left = max(n_bins - int(is_heavy.sum()), 1)
    others = torch.repeat_interleave(values[~is_heavy], counts[~is_heavy])
    at = torch.linspace(0, len(others) - 1, n_left + 1, device=column.device)
    edges = torch.cat([values[is_heavy], others[at.round().long()], values[[0, -1]]])
    return torch.unique(edges)


# A wide table, such as TF-IDF, mostly holds indicators and counts, for which vectors
# are expensive and gain nothing.
_MOST_EMBEDDED_COLUMNS = 256
_MOST_BINS, _BINS_OF_ALL_COLUMNS = 48, 2048


def embed_columns(
    n_features: int, n_bins: int | None, embedding_dim: int
) -> tuple[nn.Module, int]:
    """Return the first layer of a network for tables, and its outputs per column."""
    if n_bins is None:
        n_bins = min(_MOST_BINS, _BINS_OF_ALL_COLUMNS // n_features)
        n_bins = n_bins if n_features <= _MOST_EMBEDDED_COLUMNS else 0
    require_sizes(n_bins=n_bins, at_least=0)
    require_sizes(embedding_dim=embedding_dim)
    if not n_bins:
        return ScaledColumns(n_features), 1
    return PiecewiseLinearEmbedding(n_features, n_bins, embedding_dim), embedding_dim


class PiecewiseLinearEmbedding(nn.Module):
    """Map each column to a vector, piecewise linear with knots at its quantiles.

    A missing value has the vector of the median and one more, which is learned.
    """

    # Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular
    # deep learning", NeurIPS 2022, section 3.2. Steps and peaks, which a plain network
    # learns slowly and trees learn fast, are linear in these vectors.

    start: torch.Tensor
    width: torch.Tensor
    is_learned: torch.Tensor

    def __init__(self, n_features: int, n_bins: int, embedding_dim: int) -> None:
        super().__init__()
        self.scale = ColumnScale(n_features)
        # Intervals that a column does not need start beyond all numbers.
        farthest = torch.finfo(torch.float32).max
        self.register_buffer("start", torch.full((n_features, n_bins), farthest))
        self.register_buffer("width", torch.ones(n_features, n_bins))
        self.register_buffer("is_learned", torch.tensor(False))
        shape = n_features, embedding_dim
        self.slope = nn.Parameter(torch.empty(shape).uniform_(-1, 1))
        self.bias = nn.Parameter(torch.empty(shape).uniform_(-1, 1))
        # Training starts with only the scaled value and adds bends where they help.
        self.bends = nn.Parameter(torch.zeros(n_features, n_bins + 1, embedding_dim))

    def learn(self, X: torch.Tensor) -> None:
        """Take scale and intervals from rows; further axes are flattened."""
        X = X.flatten(1)
        self.scale.learn(X)
        n_bins = self.start.shape[1]
        for place, column in enumerate(X.T):
            edges = edges_of(column, n_bins)
            n_used = max(len(edges) - 1, 0)
            self.start[place, :n_used] = edges[:-1]
            self.width[place, :n_used] = edges.diff()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # Files of version 0.1 hold nothing for missing values, and intervals of width
        # 0.
        bends, width = f"{prefix}bends", f"{prefix}width"
        n_bins = self.start.shape[1]
        if bends in state_dict and state_dict[bends].shape[1] == n_bins:
            state_dict[bends] = F.pad(state_dict[bends], (0, 0, 0, 1))
            tiny = torch.finfo(torch.float32).tiny
            state_dict[width] = state_dict[width].clamp(min=tiny)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embed rows, (n, n_features) -> (n, n_features * embedding_dim)."""
        require_width(X, len(self.start), "columns")
        is_missing = X.isnan()
        X = torch.where(is_missing, self.scale.center, X)
        filled = ((X.unsqueeze(2) - self.start) / self.width).clamp(0, 1)
        filled = torch.cat([filled, is_missing.unsqueeze(2).to(X.dtype)], dim=2)
        bent = torch.einsum("nfb,fbd->nfd", filled, self.bends)
        straight = self.scale(X).unsqueeze(2) * self.slope + self.bias
        return F.relu(bent + straight).flatten(1)


class TableEmbedding(nn.Module):
    """Embed columns of numbers, and columns of categories by a vector for each code."""

    is_learned: torch.Tensor
    numbers: torch.Tensor
    categories: torch.Tensor
    first_row: torch.Tensor

    def __init__(
        self,
        n_features: int,
        n_bins: int | None,
        embedding_dim: int,
        n_categories: Sequence[int],
    ) -> None:
        super().__init__()
        if len(n_categories) != n_features:
            raise ValueError(
                f"n_categories needs one number for each of {n_features} columns, got "
                f"{len(n_categories)}."
            )
        numbers = [place for place, size in enumerate(n_categories) if not size]
        categories = [place for place, size in enumerate(n_categories) if size]
        starts = [0, *accumulate(n_categories)]
        first_rows = [starts[place] for place in categories]
        self.register_buffer("is_learned", torch.tensor(False))
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64))
        self.register_buffer("categories", torch.tensor(categories))
        self.register_buffer("first_row", torch.tensor(first_rows))
        n_numbers = len(numbers)
        self.of_numbers: Any = None
        n_values = 0
        if n_numbers:
            self.of_numbers, n_values = embed_columns(n_numbers, n_bins, embedding_dim)
        self.of_categories = nn.Embedding(sum(n_categories), embedding_dim)
        nn.init.normal_(self.of_categories.weight, std=_SPREAD_OF_CATEGORIES)
        self.n_outputs = n_numbers * n_values + len(categories) * embedding_dim

    def learn(self, X: torch.Tensor) -> None:
        """Take the scales of numbers from rows."""
        if self.of_numbers is not None:
            self.of_numbers.learn(X[:, self.numbers])

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embed rows, (n, n_features) -> (n, n_outputs)."""
        codes = X[:, self.categories].long()
        vectors = self.of_categories(codes + self.first_row).flatten(1)
        if self.of_numbers is None:
            return vectors
        return torch.cat([self.of_numbers(X[:, self.numbers]), vectors], dim=1)
