"""Fixed random convolutions of signals: the share of steps with a strong response."""

import itertools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

_WIDTH, _N_POSITIVE = 9, 3
N_KERNELS = math.comb(_WIDTH, _N_POSITIVE)
_MOST_DILATIONS, _MOST_CHANNELS = 32, 9
_ROWS_FOR_BIASES, _FEWEST_ROWS, _STEPS_FOR_BIASES = 256, 16, 2**17
_ROWS_AT_ONCE = 64  # so that responses stay in the caches
_GOLDEN = (math.sqrt(5) + 1) / 2
_LARGEST_SUM = 2.0**24  # of whole numbers that float32 holds exactly
_LARGEST_EXACT = 4  # standard deviations


class RandomConvolutions(nn.Module):
    """Shares of steps at which fixed convolutions exceed fixed biases [1]_.

    The kernels are the 84 of nine weights of which three are 2 and six are -1, in
    several dilations. Biases are quantiles of the responses on training rows. NaN
    follows the end of a signal; shares are of the steps that are there.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "MiniRocket: a very fast (almost) deterministic
       transform for time series classification", KDD 2021.

    Examples
    --------
    >>> features = RandomConvolutions(n_channels=1, length=50, n_outputs=840)
    >>> X = torch.randn(20, 1, 50)
    >>> features.learn(X, torch.ones(20, 1, 50, dtype=bool))
    >>> features(X, torch.ones(20, 1, 50, dtype=bool)).shape
    torch.Size([20, 840])
    """

    def __init__(self, n_channels: int, length: int, n_outputs: int) -> None:
        super().__init__()
        n_of_kernel = max(1, n_outputs // N_KERNELS)
        self.dilations, self.n_biases = _dilations(length, n_of_kernel)
        self.n_outputs = N_KERNELS * n_of_kernel
        self.n_levels = _levels_of_grid(min(n_channels, _MOST_CHANNELS))
        for place, n_biases in enumerate(self.n_biases):
            weight = _kernels()[:, None] * _seen_channels(n_channels)[:, :, None]
            self.register_buffer(f"weight_{place}", weight)
            self.register_buffer(f"bias_{place}", torch.zeros(N_KERNELS, n_biases))

    @torch.no_grad()
    def learn(self, X: torch.Tensor, is_there: torch.Tensor) -> None:
        """Take as biases quantiles of the responses to some rows, drawn for each.

        Parameters
        ----------
        X : tensor of shape (n, n_channels, length)
            Training rows, 0 where a signal has ended.
        is_there : tensor of bool of shape (n, 1, length)
            Which steps are before the end.
        """
        n_rows = max(_STEPS_FOR_BIASES // X.shape[2], _FEWEST_ROWS)
        rows = torch.randperm(len(X))[: min(n_rows, _ROWS_FOR_BIASES)].to(X.device)
        X, is_there = self._on_grid(X[rows]), is_there[rows]
        n_before = 0
        for place, n_biases in enumerate(self.n_biases):
            responses = self._responses(X, place)
            counted = _regions(is_there, self.dilations[place])
            # A sequence of low discrepancy, as in the paper.
            order = torch.arange(1, N_KERNELS * n_biases + 1) + n_before
            levels = (order.double() * _GOLDEN % 1).float().to(X.device)
            n_before += N_KERNELS * n_biases
            row = torch.randint(len(X), (N_KERNELS, n_biases)).to(X.device)
            kernel = torch.arange(N_KERNELS, device=X.device)[:, None]
            values = responses[row, kernel]  # (n_kernels, n_biases, length)
            values = values.masked_fill(~counted[row, kernel % 2], torch.nan)
            biases = _quantiles(values, levels.view(n_biases, N_KERNELS).T)
            getattr(self, f"bias_{place}").copy_(biases)

    def forward(self, X: torch.Tensor, is_there: torch.Tensor) -> torch.Tensor:
        """Compute the shares, (n, n_outputs)."""
        X = self._on_grid(X)
        if torch.compiler.is_exporting():  # a graph cannot depend on the number of rows
            return self._shares(X, is_there)
        parts = zip(X.split(_ROWS_AT_ONCE), is_there.split(_ROWS_AT_ONCE), strict=True)
        return torch.cat([self._shares(some, there) for some, there in parts])

    def _on_grid(self, X: torch.Tensor) -> torch.Tensor:
        """Round to a grid on which float32 holds the sums of common values exactly.

        A response is then the same number in whatever order it is summed: in torch, in
        onnxruntime and on a GPU. Where a signal rests, many steps have the response of
        a bias, and the last bit would decide about all of them.
        """
        # Of larger numbers float32 has no finer ones.
        is_fine = X.abs() < 2**23 / self.n_levels
        return torch.where(is_fine, (X * self.n_levels).round() / self.n_levels, X)

    def _shares(self, X: torch.Tensor, is_there: torch.Tensor) -> torch.Tensor:
        shares = []
        for place, n_biases in enumerate(self.n_biases):
            responses = self._responses(X, place)
            counted = _regions(is_there, self.dilations[place]).to(X.dtype)
            mean = (counted / counted.sum(dim=2, keepdim=True)).unsqueeze(3)
            bias = getattr(self, f"bias_{place}")
            for border in (0, 1):
                found, limits = responses[:, border::2], bias[border::2]
                if torch.compiler.is_exporting():  # a graph of few steps
                    is_strong = (found.unsqueeze(1) > limits.T.unsqueeze(2)).to(X.dtype)
                    part = is_strong @ mean[:, border].unsqueeze(1)
                    shares.append(part.flatten(1))
                    continue
                for number in range(n_biases):
                    is_strong = (found > limits[:, number, None]).to(X.dtype)
                    shares.append((is_strong @ mean[:, border]).squeeze(2))
        return torch.cat(shares, dim=1)

    def _responses(self, X: torch.Tensor, place: int) -> torch.Tensor:
        dilation = self.dilations[place]
        padding = dilation * (_WIDTH // 2)
        weight = getattr(self, f"weight_{place}")
        return F.conv1d(X, weight, padding=padding, dilation=dilation)


def _levels_of_grid(n_channels: int) -> float:
    """Return a power of two, the number of levels in a standard deviation."""
    of_kernel = (2 * _N_POSITIVE + _WIDTH - _N_POSITIVE) * n_channels  # all weights
    return 2.0 ** math.floor(math.log2(_LARGEST_SUM / of_kernel / _LARGEST_EXACT))


def _dilations(length: int, n_of_kernel: int) -> tuple[list[int], list[int]]:
    """Spread dilations over powers of 2 up to the length, and biases over them."""
    n_exponents = min(n_of_kernel, _MOST_DILATIONS)
    largest = max(1.0, (length - 1) / (_WIDTH - 1))
    exponents = np.linspace(0, math.log2(largest), n_exponents)
    spread = (2**exponents + 1e-4).astype(int)
    dilations, counts = np.unique(spread, return_counts=True)
    n_biases = counts * n_of_kernel // n_exponents
    n_biases[0] += n_of_kernel - n_biases.sum()
    used = n_biases > 0
    return dilations[used].tolist(), n_biases[used].tolist()


def _kernels() -> torch.Tensor:
    kernels = torch.full((N_KERNELS, _WIDTH), -1.0)
    places = itertools.combinations(range(_WIDTH), _N_POSITIVE)
    for kernel, positive in zip(kernels, places, strict=True):
        kernel[list(positive)] = 2.0
    return kernels


def _seen_channels(n_channels: int) -> torch.Tensor:
    """Draw which channels each kernel sees: one, or a few of several."""
    if n_channels == 1:
        return torch.ones(N_KERNELS, 1)
    most = math.log2(min(n_channels, _MOST_CHANNELS) + 1)
    n_seen = (2 ** (torch.rand(N_KERNELS, 1) * most)).long()
    order = torch.rand(N_KERNELS, n_channels).argsort(dim=1).argsort(dim=1)
    return (order < n_seen).float()


def _regions(is_there: torch.Tensor, dilation: int) -> torch.Tensor:
    """Mark the steps that count, (n, 2, length): all, and those that see no border."""
    half = dilation * (_WIDTH // 2)
    step = torch.arange(is_there.shape[2], device=is_there.device)
    n_steps = is_there.sum(dim=2)
    inner = (step >= half) & (step < n_steps - half)
    inner = inner | (is_there[:, 0] & ~inner.any(dim=1, keepdim=True))
    return torch.stack([is_there[:, 0], inner], dim=1)


def _quantiles(values: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Take one quantile of each row of the last axis, of what is not NaN."""
    n_values = (~values.isnan()).sum(dim=-1)
    ordered = values.nan_to_num(torch.inf).sort(dim=-1).values
    at = levels * (n_values - 1)
    low, high = (
        ordered.gather(-1, place.long().unsqueeze(-1)).squeeze(-1)
        for place in (at.floor(), at.ceil())
    )
    return low.lerp(high, at - at.floor())
