"""Which rows an estimator was trained on, in a few kilobytes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.machine.callers import warn_user

_SIZE = 1000
_CHUNK = 4096
_LARGEST = np.uint32(2**32 - 1)
_ODD = np.uint32(1)
_HALF = np.uint32(16)


class SeenRows:
    """A sketch of rows: the smallest of their hashes.

    Of any other rows, those with equally small hashes are looked up; the result for
    this random part of them holds for all ("bottom-k sketch", [1]_).

    References
    ----------
    .. [1] Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trained, other = rng.normal(size=(2, 5000, 3)).astype(np.float32)
    >>> seen = SeenRows(trained)
    >>> seen.share_of(trained[:2500]), seen.share_of(other)
    (1.0, 0.0)
    """

    def __init__(self, X: NDArray[Any]) -> None:
        hashes = _hash_of_each_row(X)
        self.limit = _LARGEST
        if len(hashes) > _SIZE:
            self.limit = np.partition(hashes, _SIZE)[_SIZE]
        self.smallest = np.unique(hashes[hashes <= self.limit])

    def share_of(self, X: NDArray[Any]) -> float:
        """Estimate the share of rows that are among those seen."""
        if not len(X):
            return 0.0
        hashes = _hash_of_each_row(X)
        looked_up = hashes[hashes <= self.limit]
        if not len(looked_up):
            return 0.0
        return float(np.isin(looked_up, self.smallest).mean())


def _hash_of_each_row(X: NDArray[Any]) -> NDArray[np.uint32]:
    """Multilinear hash: the row's words times random odd numbers, modulo 2**32."""
    words = np.ascontiguousarray(X).reshape(len(X), -1).view(np.uint32)
    rng = np.random.default_rng(0)
    factors = rng.integers(_LARGEST, size=words.shape[1], dtype=np.uint32) | _ODD
    hashes = np.empty(len(words), dtype=np.uint32)
    # In chunks that the processor's cache holds.
    for start in range(0, len(words), _CHUNK):
        chunk = words[start : start + _CHUNK]
        # Whole numbers as floats end in zeros, which a product would keep.
        mixed = chunk ^ (chunk >> _HALF)
        hashes[start : start + _CHUNK] = np.einsum("ij,j->i", mixed, factors)
    return hashes


def warn_if_trained_on(
    seen: SeenRows | None,
    X: Any,
    is_positive: NDArray[np.bool_],
    *,
    name: str,
) -> None:
    """Warn if most of the positive rows, or of all, are among those seen in training.

    `X` holds rows in the form given to `SeenRows`; other inputs are ignored.
    """
    if seen is None or not isinstance(X, np.ndarray):
        return
    of_positives = seen.share_of(X[is_positive])
    share = max(of_positives, seen.share_of(X))
    if share < 0.5:
        return
    which = "positive rows" if of_positives == share else "rows"
    warn_user(
        f"{name} was trained on {share:.0%} of these {which}: their scores are too "
        "optimistic to judge or choose a cutoff. Use held-out rows, or "
        "cross_val_predict. If these rows were held out, the data have many equal "
        "rows, perhaps because they were resampled before the split: resample inside "
        "an imbalanced-learn Pipeline instead.",
        about=("rows of training", name),
    )
