"""The network for tables: `DenseNet`."""

from collections.abc import Sequence

import torch
from torch import nn

from skbin.networks.columns import TableEmbedding, embed_columns
from skbin.networks.layers import Dropout, Prepared, require_fractions, require_sizes


class DenseNet(Prepared):
    """Fully connected layers over scaled and embedded columns.

    For columns without an order. They need no scaling: the network learns the scale of
    each column from the training rows before training starts (but not from a stream,
    which cannot be read twice). NaN is a missing value.

    Parameters
    ----------
    n_features : int
        Number of columns. `BinaryNetClassifier` takes it from the data.
    hidden_units : sequence of int, default=(256, 256)
        Width of each hidden layer.
    dropout : float, default=0.5
        Fraction of the hidden units that are dropped in training.
    n_bins : int, default=None
        Intervals, with equally many training rows in each, of the piecewise linear
        embedding [1]_ of a column; a value that holds more rows is an edge of its own.
        0: columns are only scaled. None: up to 48, fewer for more than 42 columns, and
        0 for more than 256.
    embedding_dim : int, default=8
        Length of the vector in which a column is embedded.
    n_categories : sequence of int, default=None
        Number of categories of each column, 0 for one of numbers. A column of
        categories holds codes, 0 and more. `BinaryNetClassifier` takes it from a
        DataFrame. None: all columns are numbers.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in
       tabular deep learning", NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from skbin import DenseNet
    >>> DenseNet(n_features=30)(torch.zeros(8, 30)).shape
    torch.Size([8])
    """

    takes_missing_values = True
    takes_categories = True
    stops_early = True

    def __init__(
        self,
        n_features: int,
        hidden_units: Sequence[int] = (256, 256),
        dropout: float = 0.5,
        n_bins: int | None = None,
        embedding_dim: int = 8,
        n_categories: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        require_sizes(hidden_units=tuple(hidden_units))
        require_fractions(dropout=dropout)
        if n_categories is None or not any(n_categories):
            self.input_scale, n_values = embed_columns(
                n_features, n_bins, embedding_dim
            )
            n_inputs = n_features * n_values
        else:
            self.input_scale = TableEmbedding(
                n_features, n_bins, embedding_dim, n_categories
            )
            n_inputs = self.input_scale.n_outputs
        widths = [n_inputs, *hidden_units]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(widths, hidden_units, strict=False):
            layers += [nn.Linear(n_in, n_out), nn.ReLU(), Dropout(dropout)]
        if hidden_units:
            # One normalized layer speeds up the first epochs; more of them lower the
            # average precision when positives are few.
            layers.insert(-1, nn.BatchNorm1d(widths[-1]))
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
