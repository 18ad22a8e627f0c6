"""Texts for a graph: split into words here, because ONNX cannot do so."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.data.cells import TEXT, is_frame
from skbin.data.fitted import FittedData
from skbin.data.labels import BinaryLabels
from skbin.data.signals import in_order
from skbin.data.tables import Column, Table
from skbin.data.texts import TextReader
from skbin.data.which_texts import texts_as_column


class TextInput:
    """The one input of a net for texts: a logit, and ids of words, for each text."""

    takes_missing = True
    n_features = 1

    def __init__(self, name: str, reader: TextReader, *, has_name: bool) -> None:
        self.name = name
        self.has_name = has_name
        table = Table((Column(name, TEXT, reader=reader),))
        self._fitted = FittedData(BinaryLabels(np.arange(2), 1), table=table)

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
        table: Any = self._fitted.table
        if isinstance(column, list | tuple):
            column = np.array(column, dtype=object)
        return {self.name: table.encode(column)}

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
