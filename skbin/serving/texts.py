"""Texts for a graph: split into words here, because ONNX cannot do so."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.data.cells import TEXT, is_frame
from skbin.data.fitted import FittedData
from skbin.data.labels import BinaryLabels
from skbin.data.ngrams import each_text_read_once
from skbin.data.signals import in_order
from skbin.data.tables import Column, Table
from skbin.data.texts import TextReader
from skbin.data.which_texts import texts_as_column


class TextInput:
    """The one input of a net for texts: a logit, and ids of words, for each text.

    A cross-fit has a reader for each of its members.
    """

    takes_missing = True
    n_features = 1

    def __init__(
        self, name: str, readers: Sequence[TextReader], *, has_name: bool
    ) -> None:
        self.name = name
        self.has_name = has_name
        self._tables = [Table((Column(name, TEXT, reader=r),)) for r in readers]
        labels = BinaryLabels(np.arange(2), 1)
        self._fitted = FittedData(labels, table=self._tables[0])

    @property
    def names(self) -> list[str] | None:
        """Name of the column, if the texts of `fit` had one."""
        return [self.name] if self.has_name else None

    def read(self, X: Any) -> dict[str, NDArray[Any]]:
        """Return the input of the graph, or raise an error about X."""
        texts = self._texts_of(X)
        if hasattr(texts, "__len__") and not len(texts):
            raise ValueError(
                "Found array with 0 sample(s) while a minimum of 1 is required."
            )
        column = texts_as_column(texts, self._fitted)
        if isinstance(column, list | tuple):
            column = np.array(column, dtype=object)
        with each_text_read_once():
            encoded = [table.encode(column) for table in self._tables]
        return {self.name: np.hstack(encoded)}

    def _texts_of(self, X: Any) -> Any:
        """Take the texts out of records, which have the name of the column."""
        if is_frame(X):
            return in_order(X, (self.name,), "X", "fit") if self.has_name else X
        if isinstance(X, Mapping):
            return X.get(self.name, X)
        is_list = isinstance(X, list | tuple) and bool(X)
        if is_list and all(isinstance(row, Mapping) and self.name in row for row in X):
            return [record[self.name] for record in X]
        return X
