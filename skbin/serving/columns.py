"""One input of a graph for each column of a table: `ColumnInputs`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.data.cells import CATEGORY, DURATION, EMPTY, TEXT, TIME, values_of
from skbin.data.ngrams import each_text_read_once
from skbin.data.tables import rows_of_lists
from skbin.data.texts import TextReader
from skbin.serving.cells import (
    ANYTHING,
    cells_by_name,
    codes_in,
    durations_in,
    names_columns,
    numbers_in,
    presence_in,
    refuse_lack,
    strings_in,
    texts_in,
    times_in,
)

_STRINGS = "tensor(string)"


class ColumnInputs:
    """One input for each column, of shape (n, 1), float64 or strings."""

    def __init__(
        self,
        columns: dict[str, tuple[str, str]],
        *,
        takes_missing: bool,
        readers: dict[str, list[TextReader]] | None = None,
        have_names: bool = True,
    ) -> None:
        self.columns = columns  # kind and type of the input, by name
        self.readers = readers or {}
        self.takes_missing = takes_missing
        self.have_names = have_names

    @property
    def names(self) -> list[str] | None:
        """Names of the columns that the graph reads, if the user has given them."""
        return list(self.columns) if self.have_names else None

    @property
    def n_features(self) -> int:
        """Number of columns that the graph reads."""
        return len(self.columns)

    def read(self, X: Any) -> dict[str, NDArray[Any]]:
        """Return the inputs of the graph, or raise an error about X."""
        cells = self._cells_of(X)
        refuse_lack(cells, list(self.columns))
        return {
            name: self._texts_by_members(name, cells[name])
            if self.columns[name][0] == TEXT
            else self._read_column(name, cells[name]).reshape(-1, 1)
            for name in self.columns
        }

    def _texts_by_members(self, name: str, cells: Any) -> NDArray[Any]:
        texts = values_of(texts_in(cells, name))
        with each_text_read_once():
            return np.column_stack([r.logits(texts) for r in self.readers[name]])

    def _cells_of(self, X: Any) -> dict[str, Any]:
        if names_columns(X):
            return cells_by_name(X)
        rows = rows_of_lists(X, is_table=True)
        is_array = isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows) > 0
        if is_array and not self.have_names and rows.shape[1] == len(self.columns):
            return dict(zip(self.columns, rows.T, strict=True))
        wanted = (
            f"X must name its columns, {list(self.columns)}: a DataFrame, a dict of "
            "lists or a list of dicts"
            if self.have_names
            else f"X must have {len(self.columns)} columns, as rows or as an array"
        )
        shape = f" of {rows.shape}" if isinstance(rows, np.ndarray) else ""
        raise ValueError(f"{wanted}, got {type(X).__name__}{shape}.")

    def _read_column(self, name: str, cells: Any) -> NDArray[Any]:
        kind, element_type = self.columns[name]
        if kind == EMPTY:  # nothing was learned about it
            return np.full(len(cells), np.nan)
        if kind == ANYTHING:
            return presence_in(cells)
        if element_type == _STRINGS:
            return strings_in(cells, name)
        if kind == CATEGORY:
            return codes_in(cells, name)
        read = {TIME: times_in, DURATION: durations_in}.get(kind, numbers_in)
        numbers = read(cells, name)
        if not self.takes_missing and np.isnan(numbers).any():
            raise ValueError(
                f"Input X contains NaN: column {name!r}, first in row "
                f"{int(np.argmax(np.isnan(numbers)))}, and the file takes no missing "
                "values there. Fill them first, or put a SimpleImputer before the net "
                "and export the pipeline."
            )
        return numbers
