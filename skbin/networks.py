"""The networks. Each ends in one logit and takes its input sizes from the data."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

# One matrix product over unfolded windows is faster than Conv1d on a CPU, but holds
# each input value once for each step of the width.
_WIDEST_UNFOLDED = 16


def _kernel_width(kernel_size: int | float, length: int) -> int:
    if isinstance(kernel_size, Integral) and kernel_size >= 1:
        return int(kernel_size)
    if isinstance(kernel_size, float) and 0 < kernel_size <= 1:
        return max(1, round(kernel_size * length))
    raise ValueError(
        "kernel_sizes must hold positive integers (steps) or floats in (0, 1] (a "
        f"share of the input's length), got {kernel_size!r}."
    )


def _filters_of_each_width(
    num_filters: int | Sequence[int], kernel_sizes: Sequence[int | float]
) -> list[int]:
    if not isinstance(num_filters, Sequence):
        return [int(num_filters)] * len(kernel_sizes)
    if len(num_filters) == len(kernel_sizes):
        return list(num_filters)
    raise ValueError(
        "num_filters must be an int or give one number for each of "
        f"kernel_sizes={tuple(kernel_sizes)!r}, got {num_filters!r}."
    )


def _head(n_pooled: int, hidden_units: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm1d(n_pooled),
        nn.Linear(n_pooled, hidden_units),
        nn.ReLU(),
        nn.BatchNorm1d(hidden_units),
        nn.Dropout(dropout),
        nn.Linear(hidden_units, 1),
    )


class ConvNet(nn.Module):
    """Convolutions of several widths, max over time, and a small FC head.

    Each width slides `num_filters` detectors over the input and keeps the strongest
    response of each, wherever it was [1]_. A width of ``1.0`` covers the whole input
    and thereby sees positions: with it the network also learns tables, in which a
    column's place is its meaning.

    Parameters
    ----------
    n_channels : int
        Channels of the input. `BinaryNetClassifier` sets it from the data.
    length : int
        Steps (or columns) of the input. `BinaryNetClassifier` sets it from the data.
        Inputs of another length work too.
    num_filters : int or sequence of int, default=32
        Number of filters, for each width or for each its own.
    kernel_sizes : sequence of int or float, default=(3, 5, 1.0)
        Widths of the filters: an int is a number of steps, a float in (0, 1] is a
        share of `length`. Inputs shorter than a kernel are padded with zeros.
    hidden_units : int, default=64
        Width of the FC layer.
    dropout : float, default=0.2
        Share of the hidden units that are dropped while training.

    References
    ----------
    .. [1] Kim, "Convolutional neural networks for sentence classification",
       EMNLP 2014.

    Examples
    --------
    >>> import torch
    >>> from skbin import ConvNet
    >>> net = ConvNet(n_channels=2, length=50)
    >>> net(torch.zeros(8, 2, 50)).shape
    torch.Size([8])
    """

    def __init__(
        self,
        n_channels: int,
        length: int,
        num_filters: int | Sequence[int] = 32,
        kernel_sizes: Sequence[int | float] = (3, 5, 1.0),
        hidden_units: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        widths = [_kernel_width(kernel_size, length) for kernel_size in kernel_sizes]
        filters = _filters_of_each_width(num_filters, kernel_sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_channels, n_filters, width)
            for n_filters, width in zip(filters, widths, strict=True)
        )
        self.head = _head(sum(filters), hidden_units, dropout)

    def set_base_logit(self, logit: float) -> None:
        """Begin at the logit that fits best without looking at the input.

        Parameters
        ----------
        logit : float
            Bias of the output. `BinaryNetClassifier` sets it from the data.
        """
        nn.init.constant_(self.head[-1].get_parameter("bias"), logit)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Compute one logit for each sample.

        Parameters
        ----------
        X : tensor of shape (n, length) or (n, n_channels, length)
            Without a channel axis it is one channel.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        if X.dim() == 2:
            X = X.unsqueeze(1)  # (n, length) -> (n, 1, length)
        pooled = [_strongest(conv, X) for conv in self.convolutions]  # type: ignore[arg-type]
        return self.head(torch.cat(pooled, dim=1)).squeeze(1)


def _strongest(convolution: nn.Conv1d, X: torch.Tensor) -> torch.Tensor:
    """Strongest response of each filter, (n, channels, time) -> (n, filters)."""
    (width,) = convolution.kernel_size
    missing = max(0, width - X.shape[2])
    if missing:
        X = F.pad(X, (0, missing))
    n_positions = X.shape[2] - width + 1
    if n_positions == 1 or width <= _WIDEST_UNFOLDED:
        windows = X.unfold(2, width, 1).transpose(1, 2).flatten(2)
        weight = convolution.weight.flatten(1)
        responses = F.linear(windows, weight, convolution.bias)  # (n, time, filters)
        strongest = responses.max(dim=1).values
    else:
        strongest = convolution(X).max(dim=2).values
    # ReLU is monotone: after the maximum it is the same and costs less.
    return F.relu(strongest)


class TextConvNet(nn.Module):
    """Convolutions over embedded tokens, max over time, and a small FC head.

    Rows of token ids as `TokenEncoder` makes them: 0 is padding, which no filter sees,
    so that the length to which texts are padded never changes a prediction.

    Parameters
    ----------
    vocab_size : int
        Number of ids. `BinaryNetClassifier` sets it from the data. Higher ids count as
        the unknown token, 1.
    embedding_dim : int, default=64
        Length of a token's vector.
    num_filters : int or sequence of int, default=64
        Number of filters, for each width or for each its own.
    kernel_sizes : sequence of int, default=(1, 2, 3)
        Widths of the filters in tokens.
    hidden_units : int, default=64
        Width of the FC layer.
    dropout : float, default=0.3
        Share of the hidden units that are dropped while training.
    pretrained : array-like of shape (vocab_size, embedding_dim), default=None
        Vectors to begin with; row 0 is taken as zeros. `embedding_dim` is theirs.
    freeze : bool, default=False
        Whether the vectors stay as they are.

    References
    ----------
    Kim, "Convolutional neural networks for sentence classification", EMNLP 2014.

    Examples
    --------
    >>> import torch
    >>> from skbin import TextConvNet
    >>> net = TextConvNet(vocab_size=100).eval()
    >>> ids = torch.tensor([[7, 8, 9, 0], [5, 0, 0, 0]])
    >>> torch.testing.assert_close(net(ids), net(torch.nn.functional.pad(ids, (0, 3))))
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 64,
        num_filters: int | Sequence[int] = 64,
        kernel_sizes: Sequence[int] = (1, 2, 3),
        hidden_units: int = 64,
        dropout: float = 0.3,
        pretrained: Any = None,
        freeze: bool = False,
    ) -> None:
        super().__init__()
        filters = _filters_of_each_width(num_filters, kernel_sizes)
        self.embedding = _embedding(vocab_size, embedding_dim, pretrained)
        self.embedding.weight.requires_grad_(not freeze)
        self.convolutions = nn.ModuleList(
            nn.Linear(self.embedding.embedding_dim * width, n_filters)
            for n_filters, width in zip(filters, kernel_sizes, strict=True)
        )
        self.kernel_sizes = tuple(kernel_sizes)
        self.head = _head(sum(filters), hidden_units, dropout)

    def set_base_logit(self, logit: float) -> None:
        """Begin at the logit that fits best without looking at the input.

        Parameters
        ----------
        logit : float
            Bias of the output. `BinaryNetClassifier` sets it from the data.
        """
        nn.init.constant_(self.head[-1].get_parameter("bias"), logit)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Compute one logit for each text.

        Parameters
        ----------
        X : tensor of int of shape (n, length)
            Token ids.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        X = X.long()
        if self.training:
            X = X[:, : _longest(X)]  # most of a batch is padding
        X = torch.where(self.embedding.num_embeddings > X, X, 1)
        is_token = (X != 0).unsqueeze(2)
        embedded = self.embedding(X) * is_token  # (n, length, embedding_dim)
        pooled = []
        for width, convolution in zip(
            self.kernel_sizes, self.convolutions, strict=True
        ):
            # Each token begins a window; the last ones reach beyond the text.
            windows = F.pad(embedded, (0, 0, 0, width - 1)).unfold(1, width, 1)
            responses = F.relu(convolution(windows.flatten(2))) * is_token
            pooled.append(responses.amax(dim=1))
        return self.head(torch.cat(pooled, dim=1)).squeeze(1)


def _longest(X: torch.Tensor) -> int:
    """Length of the longest text, (n, length) -> number of columns, at least 1."""
    used = (X != 0).any(dim=0).nonzero()
    return int(used[-1]) + 1 if len(used) else 1


def _embedding(vocab_size: int, dim: int, pretrained: Any) -> nn.Embedding:
    if pretrained is None:
        return nn.Embedding(vocab_size, dim, padding_idx=0)
    vectors = torch.as_tensor(pretrained, dtype=torch.float32).clone()
    if vectors.dim() != 2 or len(vectors) < vocab_size:
        raise ValueError(
            f"pretrained must hold a vector for each of vocab_size={vocab_size} ids, "
            f"got shape {tuple(vectors.shape)}."
        )
    vectors[0] = 0.0
    return nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=0)


class DenseNet(nn.Module):
    """Fully connected layers, for columns without an order.

    Parameters
    ----------
    n_features : int
        Number of columns. `BinaryNetClassifier` sets it from the data.
    hidden_units : sequence of int, default=(128, 64)
        Width of each hidden layer.
    dropout : float, default=0.0
        Share of the hidden units that are dropped while training.

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
        hidden_units: Sequence[int] = (128, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in zip([n_features, *hidden_units], hidden_units, strict=False):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        n_last = [n_features, *hidden_units][-1]
        self.layers = nn.Sequential(*layers, nn.Linear(n_last, 1))

    def set_base_logit(self, logit: float) -> None:
        """Begin at the logit that fits best without looking at the input.

        Parameters
        ----------
        logit : float
            Bias of the output. `BinaryNetClassifier` sets it from the data.
        """
        nn.init.constant_(self.layers[-1].get_parameter("bias"), logit)

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
        return self.layers(X.flatten(1)).squeeze(1)
