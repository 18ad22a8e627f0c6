"""From the user's labels to targets 0 and 1."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target


class BinaryLabels(NamedTuple):
    """The two classes, and which of them is the positive one.

    Parameters
    ----------
    classes : ndarray of shape (2,)
        The labels, sorted.
    positive_index : {0, 1}
        Index of the positive class in `classes`.

    Examples
    --------
    >>> labels = BinaryLabels(np.array(["fraud", "ok"]), positive_index=0)
    >>> labels.encode(["ok", "fraud"])
    array([0., 1.], dtype=float32)
    >>> labels.decode([False, True]).tolist()
    ['ok', 'fraud']
    """

    classes: NDArray[Any]
    positive_index: int

    @property
    def negative(self) -> Any:
        """The label of the negative class."""
        return self.classes.tolist()[1 - self.positive_index]

    @property
    def positive(self) -> Any:
        """The label of the positive class."""
        return self.classes.tolist()[self.positive_index]

    def require_same(self, classes: ArrayLike) -> None:
        """Refuse other classes than these.

        Parameters
        ----------
        classes : array-like of shape (2,)
            Labels in any order.

        Raises
        ------
        ValueError
            If they are not those of the first call.
        """
        if np.array_equal(np.unique(np.asarray(classes)), self.classes):
            return
        raise ValueError(
            f"classes={classes!r} are not those of the first call, "
            f"{self.classes.tolist()}. Call fit to begin anew."
        )

    def encode(self, y: ArrayLike) -> NDArray[np.float32]:
        """Turn labels into targets.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels, all of them among the classes.

        Returns
        -------
        target : ndarray of float32 of shape (n_samples,)
            1.0 for the positive class, else 0.0.

        Raises
        ------
        ValueError
            If `y` holds another label.
        """
        y = np.asarray(y)
        unknown = np.setdiff1d(y, self.classes)
        if unknown.size:
            raise ValueError(
                f"y holds the labels {unknown.tolist()}, but the classes are "
                f"{self.classes.tolist()}."
            )
        return (y == self.positive).astype(np.float32)

    def decode(self, is_positive: ArrayLike) -> NDArray[Any]:
        """Turn decisions into labels.

        Parameters
        ----------
        is_positive : array-like of bool of shape (n_samples,)
            The decisions.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels, of the type that was fitted.
        """
        index = np.where(is_positive, self.positive_index, 1 - self.positive_index)
        return self.classes[index]


CODES = BinaryLabels(np.array([0, 1]), positive_index=1)


def find_labels(y: NDArray[Any], pos_label: Any = None) -> BinaryLabels:
    """Read the two classes from the labels.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    pos_label : object, default=None
        The positive class. None: the second of the sorted labels.

    Returns
    -------
    labels : BinaryLabels
        Classes and positive class.

    Raises
    ------
    ValueError
        If there are not exactly two classes, if `y` is continuous, or if
        `pos_label` is none of the classes.

    Examples
    --------
    >>> find_labels(np.array(["ok", "fraud", "ok"]), pos_label="fraud").positive_index
    0
    """
    check_classification_targets(y)
    y_type = type_of_target(y, input_name="y", raise_unknown=True)
    if y_type != "binary":
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{y_type}. Make y 1 for the class you look for and 0 for all others."
        )
    classes = np.unique(y)
    if len(classes) < 2:
        found = "one class only" if len(classes) else "no labels"
        raise ValueError(
            f"Samples of two classes are needed, but y has {found} (after rows of "
            f"weight zero are left out): {classes.tolist()}."
        )
    return BinaryLabels(classes, _positive_index(classes, pos_label))


def _positive_index(classes: NDArray[Any], pos_label: Any) -> int:
    if pos_label is None:
        return 1
    (found,) = np.nonzero(classes == pos_label)
    if found.size:
        return int(found[0])
    raise ValueError(
        f"pos_label={pos_label!r} is none of the classes {classes.tolist()}."
    )


def warn_if_positive_is_frequent(
    labels: BinaryLabels,
    negative_weight: float,
    positive_weight: float,
    *,
    stacklevel: int = 2,
) -> None:
    """Warn where alphabetical order has made the frequent class the positive one.

    Parameters
    ----------
    labels : BinaryLabels
        Classes and positive class, chosen by default.
    negative_weight, positive_weight : float
        Sum of the sample weights in each class.
    stacklevel : int, default=2
        Of the warning.

    Warns
    -----
    UserWarning
        If the labels are strings and the positive class is the more frequent one.

    Examples
    --------
    >>> labels = find_labels(np.array(["spam", "ham"]))
    >>> warn_if_positive_is_frequent(labels, negative_weight=87, positive_weight=13)
    """
    if labels.classes.dtype.kind not in "OUST" or positive_weight <= negative_weight:
        return
    warnings.warn(
        f"The positive class is {labels.positive!r}, the second label in alphabetical "
        "order and the more frequent one. pos_weight, threshold and prior speak of "
        f"it. If you look for {labels.negative!r}, pass "
        f"pos_label={labels.negative!r}; else pass pos_label={labels.positive!r} to "
        "silence this warning.",
        UserWarning,
        stacklevel=stacklevel,
    )
