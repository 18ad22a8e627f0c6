"""Numerical columns as vectors: `embed_columns`, `PiecewiseLinearEmbedding`."""

import torch
from torch import nn
from torch.nn import functional as F

from skbin.column_scale import ColumnScale, quantiles
from skbin.layer_sizes import require_sizes

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
