"""The network for tables: `DenseNet`."""

from collections.abc import Sequence

import torch
from torch import nn

from skbin.column_embedding import PiecewiseLinearEmbedding
from skbin.column_scale import ColumnScale, KnowsInputScale
from skbin.output_layers import BaseLogit

# A wide table, such as TF-IDF, mostly holds indicators and counts, for which vectors
# cost much and bring nothing.
_MOST_EMBEDDED_COLUMNS = 256
_BINS = 16


class DenseNet(KnowsInputScale, BaseLogit):
    """Fully connected layers over scaled and embedded columns.

    Columns without an order, as they are: `BinaryNetClassifier` shows the network the
    training rows, from which it learns the scale of each column. (It does not look into
    a stream, which may not come again.)

    Parameters
    ----------
    n_features : int
        Number of columns. `BinaryNetClassifier` sets it from the data.
    hidden_units : sequence of int, default=(256, 256)
        Width of each hidden layer.
    dropout : float, default=0.3
        Share of the hidden units that are dropped while training.
    n_bins : int, default=None
        Intervals of equal share by which a column is written, see
        ``skbin.column_embedding``. 0: columns are scaled only. None: 16 up to 256
        columns, else 0.
    embedding_dim : int, default=8
        Length of a column's vector.

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
        hidden_units: Sequence[int] = (256, 256),
        dropout: float = 0.3,
        n_bins: int | None = None,
        embedding_dim: int = 8,
    ) -> None:
        super().__init__()
        if n_bins is None:
            n_bins = _BINS if n_features <= _MOST_EMBEDDED_COLUMNS else 0
        if n_bins:
            self.input_scale = PiecewiseLinearEmbedding(
                n_features, n_bins, embedding_dim
            )
        else:
            self.input_scale = ColumnScale(n_features)
        widths = [n_features * (embedding_dim if n_bins else 1), *hidden_units]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(widths, hidden_units, strict=False):
            layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1), nn.Flatten(0))

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
        return self.layers(self.input_scale(X.flatten(1)))
