"""Layers that the networks share, and the sizes that layers can have."""

from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils import check_scalar
from torch import nn
from torch.nn import functional as F


def require_sizes(*, at_least: int = 1, **sizes: Any) -> None:
    """Raise unless each parameter is an integer, or integers, of `at_least` or more."""
    for name, given in sizes.items():
        for size in given if isinstance(given, list | tuple) else [given]:
            check_scalar(size, name, Integral, min_val=at_least)


def require_width(X: torch.Tensor, width: int, what: str) -> None:
    """Raise unless samples have the size of the network: one column would broadcast."""
    if X.shape[1] != width:
        raise ValueError(f"The network was made for {width} {what}, got {X.shape[1]}.")


def require_fractions(**fractions: Any) -> None:
    """Raise unless each parameter is a number in [0, 1]."""
    for name, fraction in fractions.items():
        check_scalar(fraction, name, Real, min_val=0, max_val=1)
        if not 0 <= fraction <= 1:  # check_scalar accepts NaN
            raise ValueError(f"{name} must be in [0, 1], got {fraction!r}.")


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` that draws its mask with ``torch.rand`` on a CPU."""

    # torch uses ``bernoulli_``, which takes three times as long there: a sixth of the
    # training time of `DenseNet`.

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Drop values of a tensor of any shape."""
        is_torchs = self.inplace or self.p in (0, 1) or input.device.type != "cpu"
        if is_torchs or not self.training:
            return super().forward(input)
        # Half precision has too few numbers for a fraction of 1 %.
        is_kept = torch.rand_like(input, dtype=torch.float32) >= self.p
        return input * is_kept / (1 - self.p)


class BatchNorm(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` that scales a single row by its running statistics."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalize columns, (n, num_features) -> (n, num_features)."""
        if not self.training or len(input) > 1:
            return super().forward(input)
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=False,
            eps=self.eps,
        )


class OutputLayers(nn.Sequential):
    """One hidden layer and one logit, after `first` or batch normalization."""

    def __init__(
        self,
        n_inputs: int,
        hidden_units: int,
        dropout: float,
        first: nn.Module | None = None,
    ) -> None:
        require_sizes(hidden_units=hidden_units)
        require_fractions(dropout=dropout)
        super().__init__(
            BatchNorm(n_inputs) if first is None else first,
            nn.Linear(n_inputs, hidden_units),
            nn.ReLU(),
            BatchNorm(hidden_units),
            Dropout(dropout),
            nn.Linear(hidden_units, 1),
            nn.Flatten(0),
        )


class Prepared(nn.Module):
    """A network that starts from the scale of its inputs and from the base rate."""

    def conclude(self) -> None:
        """Drop what was cached during training."""

    def prepare(self, X: torch.Tensor | None, base_logit: float | None) -> None:
        """Set the input scale and the output bias from the training data.

        `BinaryNetClassifier` calls this before training, for any module that has such a
        method.

        Parameters
        ----------
        X : tensor of shape (n_samples, ...) or None
            Training rows, for the scale of the inputs. A scale that was learned or
            loaded before is kept. None: no rows can be read in advance.
        base_logit : float or None
            The constant logit that fits the targets best. It becomes the bias of the
            last linear layer. None: the bias is kept.
        """
        scale = getattr(self, "input_scale", None)
        if X is not None and scale is not None and not scale.is_learned:
            scale.learn(X)
            scale.is_learned.fill_(True)
        if base_logit is not None:
            *_, output = (m for m in self.modules() if isinstance(m, nn.Linear))
            nn.init.constant_(output.bias, base_logit)
