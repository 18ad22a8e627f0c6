"""The one way in: what X holds, as the user gives it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import issparse
from skorch.utils import is_dataset
from torch.utils.data import IterableDataset


def is_dict(X: Any) -> bool:
    """Whether X is a dict of arrays.

    Parameters
    ----------
    X : object
        The samples.

    Returns
    -------
    is_dict : bool
        Not for a sparse matrix of dictionary format, which is a Mapping too.

    Examples
    --------
    >>> is_dict({"X": np.eye(2)})
    True
    """
    return isinstance(X, Mapping) and not issparse(X)


def goes_through_skorch(X: Any) -> bool:
    """Whether skorch looks after the samples, and not scikit-learn's validation.

    Parameters
    ----------
    X : object
        The samples.

    Returns
    -------
    goes_through_skorch : bool
        True for torch Datasets and dicts of arrays.

    Examples
    --------
    >>> goes_through_skorch(np.eye(2))
    False
    """
    return is_dataset(X) or is_dict(X)


def shape_of(X: Any) -> tuple[int, ...] | None:
    """Shape of the samples, the first axis counting them.

    Parameters
    ----------
    X : array, dict or torch Dataset
        The samples.

    Returns
    -------
    shape : tuple of int or None
        Of a Dataset it is read from the first sample. None where that is not known.

    Examples
    --------
    >>> shape_of(np.zeros((5, 2)))
    (5, 2)
    """
    if not goes_through_skorch(X):
        return X.shape
    if is_dict(X) or isinstance(X, IterableDataset):
        return None
    sample = X[0][0]
    return (1, *sample.shape) if hasattr(sample, "shape") else None


def largest_id_of(X: Any) -> int | None:
    """Largest token id.

    Parameters
    ----------
    X : array
        The samples.

    Returns
    -------
    largest_id : int or None
        None if there is a value that is no id.

    Examples
    --------
    >>> largest_id_of(np.array([[7, 2, 0]]))
    7
    """
    if not isinstance(X, np.ndarray) or X.dtype.kind != "i" or X.min() < 0:
        return None
    return int(X.max())


def refuse_texts(X: Any) -> None:
    """Say what texts need, where scikit-learn would try to read them as numbers.

    Parameters
    ----------
    X : object
        The samples.

    Raises
    ------
    ValueError
        If the first of them is a string.

    Examples
    --------
    >>> refuse_texts([[1.0, 2.0]])
    """
    is_one_column = isinstance(X, list | tuple) or getattr(X, "ndim", 0) == 1
    if not is_one_column or not len(X):
        return
    first = next(iter(X))
    if isinstance(first, str):
        raise ValueError(
            f"X holds texts, the first is {first[:40]!r}. Put a TokenEncoder before "
            "the net: make_pipeline(TokenEncoder(), BinaryNetClassifier(TextConvNet))."
        )


def refuse_samples_of_nothing(X: Any) -> None:
    """Refuse samples that hold no values.

    Parameters
    ----------
    X : array
        The samples.

    Raises
    ------
    ValueError
        If an axis has length 0.

    Examples
    --------
    >>> refuse_samples_of_nothing(np.eye(2))
    """
    if 0 in X.shape:
        raise ValueError(
            f"Found array of shape {X.shape}, whose samples hold no values. Each axis "
            "needs a minimum of 1."
        )
