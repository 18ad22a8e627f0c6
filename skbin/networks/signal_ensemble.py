"""The default network for signals: `SignalNet`."""

import math
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from skbin.networks.columns import ChannelScale
from skbin.networks.layers import (
    Dropout,
    OutputLayers,
    Prepared,
    require_fractions,
    require_sizes,
)
from skbin.networks.random_convolutions import N_KERNELS, RandomConvolutions
from skbin.networks.ridge import ridge_logit
from skbin.networks.signals import ResidualBlocks

# For signals longer than _LONG, fewer features are computed, each from more steps.
_MOST_SHARES, _FEWEST_SHARES, _LONG = 29, 10, 512
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS, _BATCH = 200, 3, 200, 128
_LONGEST = 128  # steps that the blocks see
_LEAST_DEVIATION = 1e-4
_SHARE_OF_LEVELS = 0.2
_MOST_BATCHES_KNOWN = 64
_SHARES = (600, 0.85), (4_000, 0.4)  # rows, and the weight of the linear model


class SignalNet(Prepared):
    """Residual blocks, averaged with a linear model over random convolutions.

    The default for signals. Before training, a ridge regression is fitted in closed
    form to the fractions of steps at which 84 fixed kernels in several dilations
    respond strongly [1]_, to the mean and standard deviation of each channel, and to
    the length; Platt's method turns its leave-one-out scores into logits. A few
    residual blocks [2]_ are trained without that logit; predictions average both
    logits. Signals may differ in length: pad each with NaN after its end.

    Parameters
    ----------
    n_channels : int
        Number of channels of a signal. `BinaryNetClassifier` sets it from the data.
    length : int
        Number of time steps of a signal. `BinaryNetClassifier` sets it from the data.
        Signals of other lengths are accepted.
    n_random : int, default=None
        Number of random features, a multiple of 84. None: 2,436; for signals of more
        than 512 steps fewer, down to 840.
    num_blocks : int, default=2
        Number of residual blocks.
    block_filters : int, default=16
        Number of filters in the first block; the others have twice as many.
    hidden_units : int, default=64
        Width of the FC layer after the blocks.
    dropout : float, default=0.5
        Fraction of the hidden units dropped in training.
    linear_share : float, default=None
        Weight of the linear model in the mean of the logits. 0: only the blocks. None:
        0.85 for up to 600 training rows, falling to 0.4 for 4,000 or more, because the
        blocks gain more from additional rows.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "MiniRocket: a very fast (almost) deterministic
       transform for time series classification", KDD 2021.
    .. [2] Wang, Yan and Oates, "Time series classification from scratch with deep
       neural networks: a strong baseline", IJCNN 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skbin import BinaryNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 1, 60))
    >>> y = np.arange(100) % 2
    >>> X[y == 1, 0, 20:30] += 2
    >>> net = BinaryNetClassifier(random_state=0).fit(X[:80], y[:80])
    >>> net.score(X[80:], y[80:]) > 0.8
    True
    """

    takes_unequal_lengths = True
    _known: dict[bytes, torch.Tensor] | None = None

    def __init__(
        self,
        n_channels: int,
        length: int,
        n_random: int | None = None,
        num_blocks: int = 2,
        block_filters: int = 16,
        hidden_units: int = 64,
        dropout: float = 0.5,
        linear_share: float | None = None,
    ) -> None:
        super().__init__()
        if n_random is None:
            n_of_kernel = max(_MOST_SHARES * _LONG // length, _FEWEST_SHARES)
            n_random = N_KERNELS * min(n_of_kernel, _MOST_SHARES)
        require_sizes(n_random=n_random, num_blocks=num_blocks)
        require_sizes(block_filters=block_filters)
        if linear_share is not None:
            require_fractions(linear_share=linear_share)
        self.linear_share = linear_share
        self.length = length
        self.pooled_steps = max(1, math.ceil(length / _LONGEST))
        self.input_scale = ChannelScale(n_channels)
        self.random = RandomConvolutions(n_channels, length, n_random)
        n_features = self.random.n_outputs + 2 * n_channels + 1
        self.blocks = ResidualBlocks(n_channels, num_blocks, block_filters)
        self.head = OutputLayers(
            self.blocks.n_outputs, hidden_units, dropout, first=Dropout(0.0)
        )
        self.linear_weight: torch.Tensor
        self.linear_bias: torch.Tensor
        self.least: torch.Tensor
        self.most: torch.Tensor
        self.shift: torch.Tensor
        self.register_buffer("linear_weight", torch.zeros(n_features))
        self.register_buffer("linear_bias", torch.zeros(()))
        self.register_buffer("least", torch.full((n_features,), -torch.inf))
        self.register_buffer("most", torch.full((n_features,), torch.inf))
        self.share: torch.Tensor
        first_share = _share_of_linear(0) if linear_share is None else linear_share
        self.register_buffer("share", torch.tensor(float(first_share)))
        # The shift of logits by weights and samplers, which the linear model lacks.
        self.register_buffer("shift", torch.zeros(()))

    @staticmethod
    def training_for(shape: tuple[int, ...]) -> tuple[float, int]:
        """Return the learning rate and number of epochs for this number of signals."""
        n_epochs = math.ceil(_STEPS * _BATCH / shape[0])
        return 0.001, min(max(n_epochs, _FEWEST_EPOCHS), _MOST_EPOCHS)

    def prepare(
        self,
        X: torch.Tensor | None,
        base_logit: float | None,
        target: torch.Tensor | None = None,
        weight: torch.Tensor | None = None,
    ) -> None:
        """Fit the linear model, and set the bias of the blocks to the base rate.

        Parameters
        ----------
        X, base_logit
            As for `Prepared`.
        target : tensor of shape (n_samples,), default=None
            1 for positive rows, 0 for negative rows. None: fit no linear model.
        weight : tensor of shape (n_samples,), default=None
            Weights of the rows.
        """
        super().prepare(X, base_logit)
        self._known = {}
        if X is None or target is None or len(target.unique()) < 2:
            self.share.zero_()  # there is no linear model
            return
        if self.linear_share is None:
            n_rows = len(target) if weight is None else float(weight.sum())
            self.share.fill_(_share_of_linear(n_rows))
        signals, is_there = self._signals(X)
        self.random.learn(signals, is_there)
        with torch.no_grad():
            computed = self._features(signals, is_there)
        self.least.copy_(computed.amin(dim=0))
        self.most.copy_(computed.amax(dim=0))
        features = computed.double().cpu().numpy()
        weights, bias = _standardized_ridge(
            features,
            target.double().cpu().numpy(),
            None if weight is None else weight.double().cpu().numpy(),
            n_levels=features.shape[1] - self.random.n_outputs,
        )
        self.linear_weight.copy_(torch.as_tensor(weights))
        self.linear_bias.fill_(bias)

    def forward(self, X: torch.Tensor, is_whole: bool = False) -> torch.Tensor:
        """Compute one logit for each signal; in training, that of the blocks only.

        Parameters
        ----------
        X : tensor of shape (n, n_channels, length) or (n, length)
            Signals; without a channel axis they have one channel.
        is_whole : bool, default=False
            Whether X is known to hold no NaN, so that it need not be searched.
            `BinaryNetClassifier` passes it.

        Returns
        -------
        logit : tensor of shape (n,)
        """
        signals, is_there = self._signals(X)
        logit = self.head(self.blocks(*self._pooled(signals, is_there, is_whole)))
        if self.training:
            return logit
        linear = self._linear_logit(X, signals, is_there)
        return torch.lerp(logit, linear + self.shift, self.share)

    def _linear_logit(
        self, X: torch.Tensor, signals: torch.Tensor, is_there: torch.Tensor
    ) -> torch.Tensor:
        """Compute the logit of the linear model, only once for held-out rows."""
        if self._known is None:
            return self._computed_logit(signals, is_there)
        key = X.cpu().numpy().tobytes()
        if key in self._known:
            return self._known[key]
        logit = self._computed_logit(signals, is_there)
        if len(self._known) < _MOST_BATCHES_KNOWN:
            self._known[key] = logit
        return logit

    def _computed_logit(
        self, signals: torch.Tensor, is_there: torch.Tensor
    ) -> torch.Tensor:
        # Clamped, because a linear model must not extrapolate beyond the training
        # signals, for example to much longer ones.
        features = self._features(signals, is_there).clamp(self.least, self.most)
        return features @ self.linear_weight + self.linear_bias

    def take_shift(self, added: float) -> None:
        """Store what weights and samplers add to logits."""
        self.shift.fill_(added)

    def conclude(self) -> None:
        """Drop what was cached during training."""
        self._known = None

    def _signals(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        X = self.input_scale(X.unsqueeze(1) if X.dim() == 2 else X)
        return torch.nan_to_num(X), ~torch.isnan(X[:, :1])

    def _features(self, X: torch.Tensor, is_there: torch.Tensor) -> torch.Tensor:
        n_steps = is_there.sum(dim=2)
        mean = X.sum(dim=2) / n_steps
        variance = X.square().sum(dim=2) / n_steps - mean.square()
        length = n_steps / self.length
        shares = self.random(X, is_there)
        return torch.cat([shares, mean, variance.clamp(min=0).sqrt(), length], dim=1)

    def _pooled(
        self, X: torch.Tensor, is_there: torch.Tensor, is_whole: bool
    ) -> tuple[Any, Any]:
        """Average neighbouring steps of long signals, for the blocks."""
        if self.pooled_steps > 1:
            share = F.avg_pool1d(
                is_there.to(X.dtype), self.pooled_steps, ceil_mode=True
            )
            X = F.avg_pool1d(X, self.pooled_steps, ceil_mode=True)
            X, is_there = X / share.clamp(min=1e-6), share > 0
        if is_whole:
            return X, None
        if torch.compiler.is_exporting():  # a graph cannot branch on the data
            return X, is_there
        return X, None if bool(is_there.all()) else is_there


def _share_of_linear(n_rows: float) -> float:
    """Return the weight of the linear model for this number of training rows."""
    (few, at_few), (many, at_many) = _SHARES
    return float(
        np.interp(math.log(max(n_rows, 1)), np.log([few, many]), [at_few, at_many])
    )


def _standardized_ridge(
    features: Any, target: Any, weight: Any, n_levels: int
) -> tuple[Any, float]:
    """Fit the ridge regression to standardized features; levels are scaled up."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    varies = deviation > _LEAST_DEVIATION
    factor = np.where(varies, 1 / np.where(varies, deviation, 1.0), 0.0)
    # Levels and lengths are few and would be outweighed by the random features.
    n_shares = len(factor) - n_levels
    factor[n_shares:] *= min(5.0, math.sqrt(_SHARE_OF_LEVELS * n_shares / n_levels))
    weights, bias = ridge_logit((features - mean) * factor, target, weight)
    return weights * factor, bias - float(mean @ (weights * factor))
