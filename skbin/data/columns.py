"""The columns of a DataFrame, before they become one array of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def refuse_columns_without_numbers(X: Any) -> None:
    """Refuse strings, dates and vectors, and name their columns."""
    kinds = [getattr(dtype, "kind", "O") for dtype in X.dtypes]
    if all(kind in "biuf" for kind in kinds):
        return
    values = [np.asarray(X[[name]])[:, 0] for name in dict.fromkeys(X.columns)]
    vectors = [
        name
        for name, column in zip(dict.fromkeys(X.columns), values, strict=True)
        if column.dtype == object and len(column) and np.ndim(column[0]) > 0
    ]
    if vectors:
        raise ValueError(
            f"X holds a vector in each row of the columns {vectors}. Make an array of "
            f"them: np.stack(X[{vectors[0]!r}])."
        )
    wrong = [
        name
        for name, column in zip(dict.fromkeys(X.columns), values, strict=True)
        if not _are_numbers(column)
    ]
    if wrong:
        raise ValueError(
            f"X holds strings, categories or dates in the columns {wrong}. Turn them "
            "into numbers before the net, such as by make_column_transformer(("
            f"OneHotEncoder(handle_unknown='ignore'), {wrong}), "
            "remainder='passthrough')."
        )


def _are_numbers(column: NDArray[Any]) -> bool:
    if column.dtype.kind in "mM":
        return False
    try:
        column.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True
