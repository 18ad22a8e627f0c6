"""The network for tables: `DenseNet`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.columns import TableEmbedding, embed_columns
from skbin.networks.layers import (
    BatchNorm,
    Dropout,
    Prepared,
    require_fractions,
    require_sizes,
)

_SPREAD_OF_MEMBERS = 0.5
_FEW_ROWS = 64


class DenseNet(Prepared):
    """Fully connected layers over scaled and embedded columns.

    For columns without an order, which need not be scaled: before training starts, the
    network learns the scale of each column from the training rows (but not from a
    stream, which cannot be read twice). NaN is a missing value.

    Parameters
    ----------
    n_features : int
        Number of columns. `BinaryNetClassifier` sets it from the data.
    hidden_units : sequence of int, default=(256, 256)
        Width of each hidden layer.
    dropout : float, default=0.5
        Fraction of the hidden units dropped in training.
    n_bins : int, default=None
        Number of intervals in the piecewise linear embedding [1]_ of a column. Each
        holds the same number of training rows; a value that more rows share is an edge
        itself. 0: columns are only scaled. None: up to 48, fewer for more than 42
        columns, and 0 for more than 256.
    embedding_dim : int, default=8
        Length of the vector that embeds a column.
    n_members : int, default=8
        Number of member networks, which share their layers but have separate scales of
        inputs and outputs [2]_. In training, each step shows each row to one random
        member; predictions are the mean of all members' probabilities. 1: a plain
        network.
    n_categories : sequence of int, default=None
        Number of categories of each column, 0 for a numeric column. A column of
        categories holds their codes, from 0 up. `BinaryNetClassifier` sets it from a
        DataFrame. None: all columns are numeric.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in
       tabular deep learning", NeurIPS 2022.
    .. [2] Wen, Tran and Ba, "BatchEnsemble: an alternative approach to efficient
       ensemble and lifelong learning", ICLR 2020; Gorishniy, Kotelnikov and Babenko,
       "TabM: advancing tabular deep learning with parameter-efficient ensembling", ICLR
       2025. There, each row is shown to all members.

    Examples
    --------
    >>> import torch
    >>> from skbin import DenseNet
    >>> DenseNet(n_features=30)(torch.zeros(8, 30)).shape
    torch.Size([8])
    """

    takes_missing_values = True
    takes_categories = True

    def __init__(
        self,
        n_features: int,
        hidden_units: Sequence[int] = (256, 256),
        dropout: float = 0.5,
        n_bins: int | None = None,
        embedding_dim: int = 8,
        n_members: int = 8,
        n_categories: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        require_sizes(hidden_units=tuple(hidden_units))
        require_fractions(dropout=dropout)
        self.n_categories = None if n_categories is None else tuple(n_categories)
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
        require_sizes(n_members=n_members)
        widths = [n_inputs, *hidden_units]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(widths, hidden_units, strict=False):
            layers += [nn.Linear(n_in, n_out), nn.ReLU(), Dropout(dropout)]
        if hidden_units:
            # One normalized layer speeds up the first epochs; more of them lower the
            # average precision when positives are few.
            layers.insert(-1, BatchNorm(widths[-1]))
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(widths[-1], n_members)
        self.member_scale: Any = None
        if n_members > 1:
            spread = _SPREAD_OF_MEMBERS * torch.randn(n_members, n_inputs)
            self.member_scale = nn.Parameter(1 + spread)
            # The outputs start equal, so that members learn together before they
            # differ.
            with torch.no_grad():
                self.output.weight.copy_(self.output.weight[:1].repeat(n_members, 1))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # In files of version 0.1 the output is the last of the layers.
        for name in ("weight", "bias"):
            old = f"{prefix}layers.{len(self.layers)}.{name}"
            if old in state_dict:
                state_dict[f"{prefix}output.{name}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *args)

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
        values = self.input_scale(X.flatten(1))
        if self.member_scale is None:
            return self.output(self.layers(values)).squeeze(1)
        if self.training:
            return self._logit_of_random_members(values)
        return self._logit_of_all_members(values)

    def _logit_of_random_members(self, values: torch.Tensor) -> torch.Tensor:
        n_members = len(self.member_scale)
        member = torch.randint(n_members, values.shape[:1], device=values.device)
        hidden = self.layers(values * self.member_scale[member])
        return self.output(hidden).gather(1, member.unsqueeze(1)).squeeze(1)

    def _logit_of_all_members(self, values: torch.Tensor) -> torch.Tensor:
        # For a single row, as services send it, one large step takes half the time.
        is_short = torch.compiler.is_exporting() or len(values) <= _FEW_ROWS
        compute = self._logits_together if is_short else self._logits_in_turn
        logits = compute(values)
        # The logit of the mean probability.
        positive = F.logsigmoid(logits).logsumexp(dim=1)
        return positive - F.logsigmoid(-logits).logsumexp(dim=1)

    def _logits_together(self, values: torch.Tensor) -> torch.Tensor:
        scaled = (values.unsqueeze(1) * self.member_scale).flatten(0, 1)
        hidden = self.layers(scaled).unflatten(0, (-1, len(self.member_scale)))
        return (hidden * self.output.weight).sum(dim=2) + self.output.bias

    def _logits_in_turn(self, values: torch.Tensor) -> torch.Tensor:
        # All members at once would need eight times the memory.
        members = zip(
            self.member_scale, self.output.weight, self.output.bias, strict=True
        )
        return torch.stack(
            [
                (self.layers(values * scale) * weight).sum(dim=1) + bias
                for scale, weight, bias in members
            ],
            dim=1,
        )
