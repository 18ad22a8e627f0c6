"""A classifier without torch: `load_onnx`."""

import os
from numbers import Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from skbin.serving.file import OnnxFile, read_onnx_file


class OnnxClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier that onnxruntime computes; `load_onnx` makes it.

    It is fitted from the start and stays as it is: copies, clones and pickles are
    fitted too, and `fit` is an error. In a meta-estimator that calls `fit`, put it into
    ``sklearn.frozen.FrozenEstimator``. Threads may share it.

    Parameters
    ----------
    file : OnnxFile
        What `load_onnx` has read.
    threshold : float, default=None
        Probability of ``positive_class_`` from which on `predict` returns it; can be
        set at any time. None takes the one in the file.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels, in the order of the columns of `predict_proba`.
    positive_class_ : label
        The one of them that was looked for.
    n_features_in_ : int
        Number of columns that the file reads, or of channels of signals.
    feature_names_in_ : ndarray of str
        Their names. Only if the estimator was fitted on a DataFrame.

    See Also
    --------
    load_onnx : Read the file; with an example.
    """

    def __init__(self, file: OnnxFile, *, threshold: float | None = None) -> None:
        self.file = file
        self.threshold = file.threshold if threshold is None else threshold

    @property
    def threshold(self) -> float:
        """Probability from which on the label is ``positive_class_``."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        is_number = isinstance(threshold, Real) and not isinstance(threshold, bool)
        if not is_number or not 0 <= threshold <= 1:
            raise ValueError(
                f"threshold must be a probability in [0, 1], got {threshold!r}."
            )
        self._threshold = threshold

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self.file.classes

    @property
    def positive_class_(self) -> Any:
        """The label that was looked for."""
        return self.file.positive_class

    @property
    def n_features_in_(self) -> int:
        """Number of columns that the file reads, or of channels of signals."""
        return self.file.inputs.n_features

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the columns that the file reads."""
        if self.file.inputs.names is None:
            raise AttributeError(f"{self.file.name} does not name its columns.")
        return np.array(self.file.inputs.names, dtype=object)

    def fit(self, X: Any, y: Any = None) -> NoReturn:
        """Refuse: what a file holds is not trained again.

        Parameters
        ----------
        X : ignored
            Not used.
        y : ignored
            Not used.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            "A classifier read by load_onnx cannot be trained. Fit the estimator that "
            "was exported, or, if a meta-estimator calls fit, pass "
            "sklearn.frozen.FrozenEstimator(classifier) to it."
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Compute the probability of each class.

        Parameters
        ----------
        X : array, DataFrame, dict of lists or list of dicts
            Rows as in training. Columns with names are found by them.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
            In the order of ``classes_``.

        Raises
        ------
        ValueError
            If X has other columns or another shape than in training, or values that the
            file does not take.
        """
        return self.file.probabilities(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Decide for each row.

        Parameters
        ----------
        X : array, DataFrame, dict of lists or list of dicts
            As for `predict_proba`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            ``positive_class_`` where its probability is at least `threshold`.

        Raises
        ------
        ValueError
            As `predict_proba`.
        """
        file = self.file
        if self._threshold == file.threshold:
            # They were decided by logits, which have more digits.
            return file.labels(X).astype(file.classes.dtype, copy=False)
        positive = file.positive_index
        is_positive = file.probabilities(X)[:, positive] >= self._threshold
        return file.classes[np.where(is_positive, positive, 1 - positive)]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = self.file.inputs.takes_missing
        return tags


def load_onnx(path: str | os.PathLike[str], *, n_threads: int = 1) -> OnnxClassifier:
    """Read a file of `export_onnx` as a fitted classifier that needs no torch.

    It needs onnxruntime: ``pip install "skbin[serve]"``. Threads may share it, and it
    can be pickled, copied and cloned: it stays fitted.

    Rows are given as in training: an array, or a DataFrame of pandas or polars. Where
    columns have names, a dict of lists or a list of dicts, such as JSON gives them,
    will do, with None for a missing value and times as ISO 8601. What `predict` of the
    estimator would refuse, such as infinity, is a ValueError here as well.

    Parameters
    ----------
    path : str or path-like
        The file. It is read once.
    n_threads : int, default=1
        Threads for one call. Requests side by side use the cores already.

    Returns
    -------
    OnnxClassifier
        With `predict`, `predict_proba`, ``classes_``, ``positive_class_``,
        ``n_features_in_``, ``feature_names_in_`` if columns have names, and
        `threshold`, which can be set.

    Raises
    ------
    ValueError
        If it is not a file of `export_onnx`, of this version or an older one, or is cut
        short.
    OSError
        As ``open`` raises it, such as for a file that does not exist.
    ImportError
        If onnxruntime is not installed.

    References
    ----------
    `onnxruntime <https://onnxruntime.ai/>`_.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from tempfile import TemporaryDirectory
    >>> from skbin import BinaryNetClassifier, export_onnx, load_onnx
    >>> X, y = make_classification(random_state=0)
    >>> net = BinaryNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     export_onnx(net, f"{folder}/net.onnx")
    ...     classifier = load_onnx(f"{folder}/net.onnx")
    >>> classifier.classes_
    array([0, 1])
    >>> bool((classifier.predict(X) == net.predict(X)).all())
    True
    >>> classifier.set_params(threshold=0.0).predict(X[:3])
    array([1, 1, 1])
    """
    return OnnxClassifier(read_onnx_file(path, n_threads))
