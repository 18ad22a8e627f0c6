"""Batches that draw both classes in a chosen ratio: `BalancedBatches`."""

from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from skbin.data.batches import TensorBatches
from skbin.data.rows import is_in_memory


class BalancedBatches(TensorBatches):
    """Iterate over batches of rows that a sampler draws again for each epoch.

    For ``BinaryNetClassifier(iterator_train=BalancedBatches)``. Unlike a sampler in an
    imbalanced-learn pipeline, it does not resample the validation rows, draws other
    rows in each epoch, and tells the estimator the share of positives that it draws, so
    that ``prior="train"`` and a numeric `prior` undo the resampling.

    Parameters
    ----------
    dataset : TensorRows, or nested torch.utils.data.Subset of one
        The rows, with targets.
    batch_size : int
        Number of rows in each batch; -1 for all rows that are drawn.
    sampler : RandomOverSampler or RandomUnderSampler, default=None
        Draws the rows; its ``sampling_strategy`` is the ratio of positives to
        negatives. It gets a new seed for each epoch. None: ``RandomOverSampler()``,
        which draws each negative once, and the same number of positives.

    Attributes
    ----------
    positive_share : float
        Share of positives among the rows that are drawn.

    Examples
    --------
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from sklearn.datasets import make_classification
    >>> from skbin import BalancedBatches, BinaryNetClassifier
    >>> X, y = make_classification(weights=[0.9], random_state=0)
    >>> net = BinaryNetClassifier(
    ...     iterator_train=BalancedBatches,
    ...     iterator_train__sampler=RandomUnderSampler(sampling_strategy=0.5),
    ...     prior="train",
    ...     random_state=0,
    ... ).fit(X, y)
    >>> round(net.batch_prior_, 2)
    0.33
    """

    def __init__(self, dataset: Any, batch_size: int, sampler: Any = None) -> None:
        # Imported here because it takes a fifth of the time of importing torch.
        from imblearn.over_sampling import RandomOverSampler

        _refuse_unusable(dataset, sampler)
        super().__init__(dataset, batch_size=batch_size)
        self.sampler = RandomOverSampler() if sampler is None else sampler
        index = self.index
        if index is None:
            index = torch.arange(self.n_samples, device=self.rows.home)
        self._among: torch.Tensor = index
        self._y = self.rows.y[index].cpu().numpy()
        if len(np.unique(self._y)) < 2:
            raise ValueError(
                "BalancedBatches draws rows of both classes, but all of these are of "
                "one class. Set iterator_train='auto' before partial_fit on such rows."
            )
        drawn = self._draw(random_state=0)
        self.n_samples = len(drawn)
        if batch_size == -1:
            self.batch_size = self.n_samples
        self.positive_share = self._share_of_positives(drawn)

    def _share_of_positives(self, drawn: np.ndarray) -> float:
        """Return the share by weight; each draw has the same number of each class."""
        total = np.bincount(self._y[drawn].astype(int), minlength=2).astype(float)
        if self.rows.sample_weight is not None:
            weight = self.rows.sample_weight[self._among].cpu().numpy()
            total *= [weight[self._y == code].mean() for code in (0, 1)]
        return float(total[1] / total.sum())

    def _draw(self, random_state: int) -> np.ndarray:
        sampler = clone(self.sampler).set_params(random_state=random_state)
        sampler.fit_resample(np.arange(len(self._y))[:, np.newaxis], self._y)
        return sampler.sample_indices_

    def _order(self) -> torch.Tensor:
        drawn = torch.from_numpy(self._draw(int(torch.randint(2**31, ()))))
        shuffled = drawn[torch.randperm(len(drawn))]
        return self._among[shuffled.to(self._among.device)]


def _refuse_unusable(dataset: Any, sampler: Any) -> None:
    if not is_in_memory(dataset):
        raise ValueError(
            "BalancedBatches draws from arrays in memory, got a "
            f"{type(dataset).__name__}. Pass arrays to fit; or keep the Dataset and "
            "use iterator_train__sampler=torch.utils.data.WeightedRandomSampler(...)."
        )
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    draws_rows = sampler is None or isinstance(
        sampler, (RandomOverSampler, RandomUnderSampler)
    )
    if draws_rows and getattr(sampler, "shrinkage", None) is None:
        return
    raise ValueError(
        "BalancedBatches takes a RandomOverSampler without shrinkage or a "
        f"RandomUnderSampler, got {sampler!r}. Samplers that create rows or choose "
        "them by their values belong before the net, in "
        "imblearn.pipeline.make_pipeline."
    )
