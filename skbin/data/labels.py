"""From the user's labels to targets 0 and 1."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skbin.machine.callers import warn_user


class BinaryLabels(NamedTuple):
    """The two classes, sorted, and which of them is the positive one.

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
        """Raise unless these are the same classes, in any order."""
        if np.array_equal(np.unique(np.asarray(classes)), self.classes):
            return
        raise ValueError(
            f"classes={classes!r} are not those of the first call, "
            f"{self.classes.tolist()}. Call fit to start again."
        )

    def encode(self, y: ArrayLike) -> NDArray[np.float32]:
        """Turn labels into targets, 1.0 for the positive class."""
        y = np.asarray(y)
        unknown = np.setdiff1d(y, self.classes)
        if unknown.size:
            raise ValueError(
                f"y holds the labels {unknown.tolist()}, but the classes are "
                f"{self.classes.tolist()}."
            )
        return (y == self.positive).astype(np.float32)

    def decode(self, is_positive: ArrayLike) -> NDArray[Any]:
        """Turn decisions into labels of the type that was fitted."""
        index = np.where(is_positive, self.positive_index, 1 - self.positive_index)
        return self.classes[index]


CODES = BinaryLabels(np.array([0, 1]), positive_index=1)


def find_labels(y: NDArray[Any], pos_label: Any = None) -> BinaryLabels:
    """Read the two classes from the labels; the second is positive by default.

    Examples
    --------
    >>> find_labels(np.array(["ok", "fraud", "ok"]), pos_label="fraud").positive_index
    0
    """
    _refuse_objects(y)
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
        both = [*classes.tolist(), "the other"][:2]
        if both[0] in (0, 1):
            both = [0, 1]
        raise ValueError(
            f"Samples of two classes are needed, but y has {found}: {classes.tolist()} "
            "(rows of weight zero do not count). To begin training with one class, "
            f"name both: partial_fit(X, y, classes={both})."
        )
    return BinaryLabels(classes, _positive_index(classes, pos_label))


def _refuse_objects(y: NDArray[Any]) -> None:
    if y.dtype != object or not len(y):
        return
    is_missing = np.array([label is None or label != label for label in y.ravel()])
    if is_missing.any():
        raise ValueError(
            f"y holds no label for {is_missing.sum()} of {len(y)} samples, the first "
            f"is y[{is_missing.argmax()}]. Leave these samples out: X[keep], y[keep]."
        )
    kinds = sorted({type(label).__name__ for label in y.ravel()})
    if kinds != ["str"]:
        raise ValueError(
            f"Unknown label type: y has dtype object and holds {', '.join(kinds)}. "
            "Convert it: y.astype(int) for 0 and 1, or y.astype(str)."
        )


def _positive_index(classes: NDArray[Any], pos_label: Any) -> int:
    if pos_label is None:
        return 1
    (found,) = np.nonzero(classes == pos_label)
    if found.size:
        return int(found[0])
    message = f"pos_label={pos_label!r} is not one of the classes {classes.tolist()}."
    if classes.tolist() == [0, 1]:
        message += (
            " Some meta-estimators (cross_val_predict of probabilities, stacking, "
            "voting, bagging, calibration) encode the sorted labels as 0 and 1 before "
            f"they fit. Encode them yourself, y = (y == {pos_label!r}).astype(int), "
            "and leave out pos_label: then 1 is positive everywhere."
        )
    raise ValueError(message)


def warn_if_positive_is_frequent(
    labels: BinaryLabels,
    negative_weight: float,
    positive_weight: float,
) -> None:
    """Warn if alphabetical order makes the more frequent class the positive one."""
    if labels.classes.dtype.kind not in "OUST" or positive_weight <= negative_weight:
        return
    warn_user(
        f"The positive class is {labels.positive!r}, the second label in alphabetical "
        "order and the more frequent one. Weights, probabilities and cutoffs refer to "
        f"it. If you look for {labels.negative!r}, pass "
        f"pos_label={labels.negative!r}; else pass pos_label={labels.positive!r} to "
        "silence this warning.",
        UserWarning,
    )
