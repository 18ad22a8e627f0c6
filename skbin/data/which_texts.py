"""Which strings are texts, alone or in a column, and which are categories."""

import reprlib
from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from scipy import sparse

from skbin.data.cells import (
    CATEGORY,
    columns_of,
    has_categorical_dtype,
    is_frame,
    is_missing,
    kind_of,
    values_of,
)

# A text has several words, and hardly any comes twice.
_WORDS_OF_A_TEXT = 4
_SHARE_OF_DISTINCT = 0.5
_FEWEST_ROWS = 20
_MOST_LOOKED_AT = 10_000


def texts_among(
    columns: Sequence[tuple[Any, Any]], is_category: Any, text_features: Any
) -> list[bool]:
    """Return for each column, a name and its cells, whether it is read as texts."""
    if text_features is None:
        return [False] * len(columns)
    named_categories = [False] * len(columns) if is_category is None else is_category
    if not isinstance(text_features, str):
        return _named(columns, named_categories, text_features)
    return [
        not is_named and _is_text(name, cells, is_alone=len(columns) == 1)
        for (name, cells), is_named in zip(columns, named_categories, strict=True)
    ]


def _named(
    columns: Sequence[tuple[Any, Any]], is_category: Any, text_features: Any
) -> list[bool]:
    names = [name for name, _ in columns]
    wanted = list(text_features)
    unknown = [name for name in wanted if name not in names]
    both = [
        name
        for name, also in zip(names, is_category, strict=True)
        if also and name in wanted
    ]
    no_strings = [
        name
        for name, cells in columns
        if name in wanted and kind_of(cells, name) != CATEGORY
    ]
    faults = {
        f"there is no column {unknown}; X has {names}": unknown,
        f"{both} are in categorical_features as well": both,
        f"{no_strings} hold no strings": no_strings,
    }
    found = [fault for fault, of_columns in faults.items() if of_columns]
    if found:
        raise ValueError(
            f"text_features={wanted} must name columns of strings: {'; '.join(found)}."
        )
    return [name in wanted for name in names]


def _is_text(name: Any, cells: Any, *, is_alone: bool) -> bool:
    if has_categorical_dtype(cells) or _cannot_be(cells):
        return False
    if kind_of(cells, name) != CATEGORY:
        return False
    if is_alone:
        return True
    values = [value for value in values_of(cells) if value is not None]
    looked_at = values[:_MOST_LOOKED_AT]
    if len(looked_at) < _FEWEST_ROWS:
        return False
    is_distinct = len(set(looked_at)) >= _SHARE_OF_DISTINCT * len(looked_at)
    n_words = np.median([len(value.split()) for value in looked_at])
    return is_distinct and n_words >= _WORDS_OF_A_TEXT


def _cannot_be(cells: Any) -> bool:
    """Whether the type already excludes strings."""
    if isinstance(cells, nw.Series):
        return cells.dtype not in (nw.String, nw.Object)
    return cells.dtype.kind not in "OUT"


def refuse_named_texts(X: Any, text_features: Any) -> None:
    """Refuse names of text columns for an X without columns."""
    if text_features is None or isinstance(text_features, str):
        return
    raise ValueError(
        f"text_features={list(text_features)!r} names columns of strings, but X, a "
        f"{type(X).__name__}, holds only numbers. Leave it out."
    )


def texts_as_column(X: Any, fitted: Any) -> Any:
    """Turn a list or Series of texts into a column; return anything else unchanged."""
    reads_texts = fitted is not None and fitted.table is not None and fitted.table.text
    column = _as_column(X, fitted)
    if reads_texts and not _is_column(column):
        raise ValueError(
            f"fit saw texts, but X is {_in_short(X)}. Give a list or a Series of "
            "strings, or a DataFrame of one column, with a text for each sample."
        )
    return column


def _is_column(X: Any) -> bool:
    if isinstance(X, list | tuple):
        return len(X) > 0 and all(
            isinstance(row, list | tuple) and len(row) == 1 for row in X
        )
    is_table = is_frame(X) or isinstance(X, np.ndarray)
    return is_table and len(X.shape) == 2 and X.shape[1] == 1


def _in_short(X: Any) -> str:
    shape = getattr(X, "shape", None)
    return f"{reprlib.repr(X)}" if shape is None else f"{type(X).__name__} of {shape}"


def _as_column(X: Any, fitted: Any) -> Any:
    if isinstance(X, str | bytes):
        raise ValueError(
            f"X is one value, {reprlib.repr(X)}, but must be a list of samples. For "
            "one text, pass [text]."
        )
    if isinstance(X, np.ndarray) and X.ndim > 1:
        return X
    is_row_of_values = (
        isinstance(X, list | tuple)
        or getattr(X, "ndim", 0) == 1
        or nw.dependencies.is_into_series(X)
    )
    if sparse.issparse(X) or not is_row_of_values or not len(X):
        return X
    values = X.to_list() if hasattr(X, "to_list") else list(X)
    present = [value for value in values if not is_missing(value)]
    if not present and fitted is not None and fitted.table is not None:
        return np.full((len(values), 1), None) if fitted.table.text else X
    if present and isinstance(present[0], bytes):
        raise ValueError(
            f"X holds bytes, the first are {present[0][:40]!r}. Texts are strings: "
            '[text.decode("utf-8") for text in X].'
        )
    if not present or not isinstance(present[0], str):
        return X
    if fitted is None and _is_of_categories(X):
        raise ValueError(
            "X is a Series of categories. Pass X.to_frame() if it is the only column "
            "of a table, X.astype(str) if it holds texts."
        )
    hint = ""
    if hasattr(X, "iloc"):
        hint = " One row of a DataFrame is df.iloc[[row]], one column df[[name]]."
    if fitted is not None and (fitted.table is None or fitted.table.text is None):
        raise ValueError(
            f"X holds texts, the first is {present[0][:40]!r}, but fit saw samples of "
            f"shape {fitted.shape and fitted.shape[1:]}.{hint}"
        )
    for place, value in enumerate(values):
        if not (isinstance(value, str) or is_missing(value)):
            raise ValueError(
                f"X holds texts, the first is {present[0][:40]!r}, but X[{place}] is "
                f"{str(value)[:40]!r} of {type(value)}. Texts are strings, and None "
                f"where one is missing.{hint}"
            )
    return np.array(values, dtype=object).reshape(-1, 1)


def _is_of_categories(X: Any) -> bool:
    if not nw.dependencies.is_into_series(X):
        return False
    return has_categorical_dtype(nw.from_native(X, series_only=True))


def holds_texts_alone(X: Any) -> bool:
    """Whether a net would read X as texts, one for each sample."""
    X = texts_as_column(X, None)
    is_table = is_frame(X) or (isinstance(X, np.ndarray) and X.ndim == 2)
    columns = list(columns_of(X)) if is_table else []
    return len(columns) == 1 and texts_among(columns, None, "auto") == [True]
