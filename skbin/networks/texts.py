"""The networks for texts: `TextNet`, and `TextConvNet` for token ids."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.filters import filters_of_each_width
from skbin.networks.layers import (
    BatchNorm,
    Dropout,
    OutputLayers,
    Prepared,
    require_fractions,
    require_sizes,
)

# More passes memorise noisy labels; see docs/benchmarks/texts.rst.
_TEXTS_SHOWN, _FEWEST_EPOCHS, _MOST_EPOCHS = 9_000, 3, 10


class TextConvNet(Prepared):
    """Convolutions over embedded tokens, max over time, and a small FC head [1]_.

    It takes rows of token ids from `TokenEncoder`. Id 0 is padding, which filters
    ignore: the length to which texts are padded never changes a prediction.

    Parameters
    ----------
    vocab_size : int
        Number of ids. `BinaryNetClassifier` sets it from the data. Higher ids are
        replaced by the unknown token, 1.
    embedding_dim : int, default=64
        Length of a token's vector.
    num_filters : int or sequence of int, default=64
        Number of filters of each width: one for all widths, or one for each.
    kernel_sizes : sequence of int, default=(1, 2, 3)
        Widths of the filters in tokens.
    hidden_units : int, default=64
        Width of the FC layer. 0: the output is a linear function of the pooled
        features.
    dropout : float, default=0.3
        Fraction of the pooled features, and of the hidden units, dropped in training.
    word_dropout : float, default=0.1
        Fraction of the tokens replaced by the unknown token in training, so that the
        network learns how to treat unknown words.
    pretrained : array-like of shape (vocab_size, embedding_dim), default=None
        Initial vectors, which replace `embedding_dim`. Row 0 is ignored.
    freeze : bool, default=False
        Whether to keep the vectors fixed in training.
    embedding_dropout : float, default=0.0
        Fraction of the vectors' values dropped in training.

    References
    ----------
    .. [1] Kim, "Convolutional neural networks for sentence classification",
       EMNLP 2014.

    Examples
    --------
    >>> import torch
    >>> from skbin import TextConvNet
    >>> net = TextConvNet(vocab_size=100).eval()
    >>> ids = torch.tensor([[7, 8, 9, 0], [5, 0, 0, 0]])
    >>> torch.testing.assert_close(net(ids), net(torch.nn.functional.pad(ids, (0, 3))))
    """

    takes_ids_from_0 = True

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 64,
        num_filters: int | Sequence[int] = 64,
        kernel_sizes: Sequence[int] = (1, 2, 3),
        hidden_units: int = 64,
        dropout: float = 0.3,
        word_dropout: float = 0.1,
        pretrained: Any = None,
        freeze: bool = False,
        embedding_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_sizes(embedding_dim=embedding_dim, kernel_sizes=tuple(kernel_sizes))
        require_fractions(word_dropout=word_dropout)
        filters = filters_of_each_width(num_filters, kernel_sizes)
        self.embedding = _embedding(vocab_size, embedding_dim, pretrained)
        self.embedding.weight.requires_grad_(not freeze)
        self.convolutions = nn.ModuleList(
            nn.Linear(self.embedding.embedding_dim * width, n_filters)
            for n_filters, width in zip(filters, kernel_sizes, strict=True)
        )
        self.kernel_sizes = tuple(kernel_sizes)
        self.word_dropout = word_dropout
        self.dropout: nn.Module = Dropout(dropout)
        self.embedding_dropout = Dropout(embedding_dropout)
        if hidden_units:
            self.head: nn.Module = OutputLayers(sum(filters), hidden_units, dropout)
        else:
            # Normalized before the dropout of its features.
            self.dropout = nn.Sequential(BatchNorm(sum(filters)), self.dropout)
            self.head = nn.Sequential(nn.Linear(sum(filters), 1), nn.Flatten(0))

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
        return self.head(self.dropout(self._features(X)))

    def _features(self, X: torch.Tensor) -> torch.Tensor:
        """Pool the responses of all filters, (n, length) -> (n, n_filters)."""
        X, lengths = X.long(), None
        # On a GPU, finding the words would force a synchronisation.
        if X.device.type == "cpu" and not torch.compiler.is_exporting():
            X, lengths = _joined(X, gap=max(self.kernel_sizes) - 1)
        is_unknown = self.embedding.num_embeddings <= X
        if self.training and self.word_dropout:
            is_dropped = torch.rand(X.shape, device=X.device) < self.word_dropout
            is_unknown = is_unknown | (is_dropped & (X != 0))
        X = torch.where(is_unknown, 1, X)
        is_token = (X != 0).unsqueeze(-1)
        embedded = self.embedding_dropout(self.embedding(X)) * is_token
        pooled = []
        for width, convolution in zip(
            self.kernel_sizes, self.convolutions, strict=True
        ):
            # A window starts at each token; the last ones reach beyond the text.
            windows = F.pad(embedded, (0, 0, 0, width - 1)).unfold(-2, width, 1)
            responses = F.relu(convolution(windows.flatten(-2))) * is_token
            pooled.append(_maximum(responses, lengths))
        return torch.cat(pooled, dim=1)


class TextNet(Prepared):
    """Convolutions over the words of texts, averaged with a linear model over n-grams.

    The network for raw texts. `BinaryNetClassifier` splits them into words and fits a
    logistic regression to hashed words, pairs of words and characters within words,
    scaled by naive Bayes' log-count ratios [1]_; the network's input then holds its
    logit in the first column, and the ids of the words in the others. The convolutions
    are trained without that logit; predictions average both logits. Linear models are
    strong where spelling or many weak words decide, convolutions where a phrase
    decides.

    Parameters
    ----------
    vocab_size : int
        Number of ids. `BinaryNetClassifier` sets it from the data.
    embedding_dim : int, default=64
        Length of a word's vector.
    num_filters : int or sequence of int, default=64
        Number of filters of each width: one for all widths, or one for each.
    kernel_sizes : sequence of int, default=(1, 2, 3)
        Widths of the filters in words.
    dropout : float, default=0.3
        Fraction of the vectors' values, and of the pooled features, dropped in
        training.
    word_dropout : float, default=0.1
        Fraction of the words replaced by the unknown word in training.
    linear_share : float, default=0.6
        Weight of the linear model in the mean of the logits. 0: only the convolutions.

    References
    ----------
    .. [1] Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic
       classification", ACL 2012.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier
    >>> texts = ["win a prize now", "lunch at noon", "claim a prize", "see you"] * 25
    >>> net = BinaryNetClassifier(random_state=0).fit(texts, [1, 0, 1, 0] * 25)
    >>> net.predict(["a prize for you", "see you at noon"])
    array([1, 0])
    """

    takes_texts = True

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 64,
        num_filters: int | Sequence[int] = 64,
        kernel_sizes: Sequence[int] = (1, 2, 3),
        dropout: float = 0.3,
        word_dropout: float = 0.1,
        linear_share: float = 0.6,
    ) -> None:
        super().__init__()
        require_fractions(linear_share=linear_share)
        self.linear_share = linear_share
        self.convolutional = TextConvNet(
            vocab_size,
            embedding_dim,
            num_filters,
            kernel_sizes,
            dropout=dropout,
            word_dropout=word_dropout,
            embedding_dropout=dropout,
            hidden_units=0,
        )
        # The shift of logits by weights and samplers, which the linear model lacks.
        self.shift: torch.Tensor
        self.register_buffer("shift", torch.zeros(()))

    @staticmethod
    def training_for(shape: tuple[int, ...]) -> tuple[float, int]:
        """Return the learning rate and number of epochs for this number of texts."""
        n_epochs = math.ceil(_TEXTS_SHOWN / shape[0])
        return 0.005, min(max(n_epochs, _FEWEST_EPOCHS), _MOST_EPOCHS)

    def take_shift(self, added: float) -> None:
        """Store what weights and samplers add to logits."""
        self.shift.fill_(added)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Compute one logit for each text; in training, that of the convolutions only.

        Parameters
        ----------
        X : tensor of shape (n, 1 + length)
            The logit of the linear model, and the ids of the words.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        logit = self.convolutional(X[:, 1:])
        if self.training:
            return logit
        linear = X[:, 0] + self.shift
        return torch.lerp(logit, linear, self.linear_share)


def _maximum(responses: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Return the largest response in each text, joined (with `lengths`) or in rows."""
    if lengths is None:
        return responses.amax(dim=-2)
    return torch.segment_reduce(responses, "max", lengths=lengths, initial=0)


def _joined(X: torch.Tensor, gap: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay texts end to end, `gap` columns of padding after each."""
    # Most of a batch is padding; without it, training on messages is four times as
    # fast.
    X = F.pad(X, (0, gap))
    columns = torch.arange(X.shape[1], device=X.device)
    lengths = ((X != 0) * (columns + 1)).amax(dim=1) + gap
    return X[columns < lengths.unsqueeze(1)], lengths


def _embedding(vocab_size: int, dim: int, pretrained: Any) -> nn.Embedding:
    if pretrained is None:
        embedding = nn.Embedding(vocab_size, dim, padding_idx=0)
        # Rare words keep the noise of their first vectors: with smaller vectors than
        # torch's the average precision on short texts is 0.01 higher.
        nn.init.normal_(embedding.weight[1:], std=0.1)
        return embedding
    vectors = torch.as_tensor(pretrained, dtype=torch.float32).clone()
    if vectors.dim() != 2 or len(vectors) < vocab_size:
        raise ValueError(
            f"pretrained must hold a vector for each of vocab_size={vocab_size} ids, "
            f"got shape {tuple(vectors.shape)}."
        )
    vectors[0] = 0.0
    return nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=0)
