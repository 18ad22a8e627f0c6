"""What a fitted estimator stores about its training data: `FittedData`."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.data.labels import BinaryLabels
from skbin.data.tables import Table


@dataclass(frozen=True)
class FittedData:
    """Labels, sizes and counts, kept as one attribute and written by `save` as a whole.

    `class_totals` are the weights of the negatives and positives that were trained on,
    `batch_prior` is the share of positives in the batches; `prior_hidden_by` names the
    sampler that does not tell it.
    """

    labels: BinaryLabels
    shape: tuple[int, ...] | None = None
    largest_id: int | None = None
    offset: Any = None
    inputs: tuple[str, ...] | None = None
    channels: tuple[Any, ...] | None = None  # of signals given as DataFrames
    table: Table | None = None  # of columns that hold more than numbers
    input_columns: dict[str, tuple[Any, ...]] | None = None  # of a dict of DataFrames
    class_totals: tuple[float, float] = (np.nan, np.nan)
    pos_weight: float = 1.0
    batch_prior: float = np.nan
    prior_hidden_by: str | None = None
    total_weight: float = 1.0  # mean of the weights that the totals are sums of
    seen_rows: Any = None
    made_from: Any = None  # parameters by which the network and the loss were made

    @property
    def train_prior(self) -> float:
        """Share of positives among the rows that were trained on, by weight."""
        negative, positive = self.class_totals
        return float(positive / (negative + positive))

    def described_by(self, other: "FittedData") -> "FittedData":
        """Keep what was counted, in the labels and units of other samples."""
        unit = other.total_weight / self.total_weight
        negative, positive = self.class_totals
        return replace(
            other,
            class_totals=(negative * unit, positive * unit),
            pos_weight=self.pos_weight,
            batch_prior=self.batch_prior,
            prior_hidden_by=self.prior_hidden_by,
            seen_rows=self.seen_rows,
            made_from=self.made_from,
        )

    @property
    def totals(self) -> NDArray[np.float64]:
        """`class_totals` as an array."""
        return np.array(self.class_totals, dtype=float)
