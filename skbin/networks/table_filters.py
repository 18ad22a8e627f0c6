"""The default network for tables in version 0.1: `TableConvNet`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from skbin.networks.columns import embed_columns
from skbin.networks.filters import filters_of_each_width, kernel_width, strongest
from skbin.networks.layers import Dropout, OutputLayers, Prepared

_FILTERS, _FILTERS_OF_ALL_COLUMNS = 32, 256


class TableConvNet(Prepared):
    """Convolutions over embedded columns and an FC head: the default of version 0.1.

    `DenseNet` is faster and better on most tables. The filters of width ``1.0`` cover
    the whole row and can tell its columns apart; the others suit tables whose columns
    have an order.

    Parameters
    ----------
    n_features : int
        Number of columns. `BinaryNetClassifier` sets it from the data.
    num_filters : int or sequence of int, default=None
        Number of filters of each width: one for all widths, or one for each. None: 32,
        but 256 where the width covers all columns.
    kernel_sizes : sequence of int or float, default=(3, 5, 1.0)
        Widths of the filters: an int is a number of columns, a float in (0, 1] a
        fraction of them. Rows shorter than a kernel are padded with zeros.
    hidden_units : int, default=256
        Width of the FC layer.
    dropout : float, default=0.3
        Fraction of the filters and of the hidden units dropped in training.
    n_bins : int, default=None
        As in `DenseNet`.
    embedding_dim : int, default=8
        As in `DenseNet`.

    Examples
    --------
    >>> import torch
    >>> from skbin import TableConvNet
    >>> TableConvNet(n_features=30)(torch.zeros(8, 30)).shape
    torch.Size([8])
    """

    takes_missing_values = True

    def __init__(
        self,
        n_features: int,
        num_filters: int | Sequence[int] | None = None,
        kernel_sizes: Sequence[int | float] = (3, 5, 1.0),
        hidden_units: int = 256,
        dropout: float = 0.3,
        n_bins: int | None = None,
        embedding_dim: int = 8,
    ) -> None:
        super().__init__()
        self.input_scale, n_values = embed_columns(n_features, n_bins, embedding_dim)
        widths = [kernel_width(kernel_size, n_features) for kernel_size in kernel_sizes]
        if num_filters is None:
            num_filters = [
                _FILTERS if width < n_features else _FILTERS_OF_ALL_COLUMNS
                for width in widths
            ]
        filters = filters_of_each_width(num_filters, kernel_sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_values, n_filters, width)
            for n_filters, width in zip(filters, widths, strict=True)
        )
        # Batch normalization of the filters costs 0.02 average precision.
        first = Dropout(dropout)
        self.head = OutputLayers(sum(filters), hidden_units, dropout, first)

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
        X = X.flatten(1)
        # The vectors of the columns are channels, (n, channels, columns).
        X = self.input_scale(X).unflatten(1, (X.shape[1], -1)).transpose(1, 2)
        convolutions: Any = self.convolutions  # to mypy they are any modules
        return self.head(torch.cat([strongest(c, X) for c in convolutions], dim=1))
