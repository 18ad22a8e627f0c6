"""A classifier without torch: `load_onnx`."""

import os
from numbers import Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from skbin.serving.file import OnnxFile, read_onnx_file


class OnnxClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier computed by onnxruntime, as `load_onnx` returns it.

    It is always fitted: so are copies, clones and pickles, and `fit` raises an error.
    For a meta-estimator that calls `fit`, wrap it in
    ``sklearn.frozen.FrozenEstimator``. Several threads may use one classifier.

    Parameters
    ----------
    file : OnnxFile
        The file that `load_onnx` read.
    threshold : float, default=None
        `predict` returns ``positive_class_`` if its probability is at least this; can
        be changed at any time. None: the threshold in the file.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels, in the order of the columns of `predict_proba`.
    positive_class_ : label
        The label of the positive class.
    n_features_in_ : int
        Number of columns that the file reads, or of channels of signals.
    feature_names_in_ : ndarray of str
        Names of the columns. Only if the estimator was fitted on a DataFrame.

    See Also
    --------
    load_onnx : Read a file, with an example.
    """

    def __init__(self, file: OnnxFile, *, threshold: float | None = None) -> None:
        self.file = file
        self.threshold = file.threshold if threshold is None else threshold

    @property
    def threshold(self) -> float:
        """Least probability at which `predict` returns ``positive_class_``."""
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
        """The label of the positive class."""
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
        """Raise an error: a classifier from a file cannot be trained.

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
            Rows as in training. Named columns are found by their names.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
            In the order of ``classes_``.

        Raises
        ------
        ValueError
            If the columns or the shape of X differ from training, or X holds values
            that the file does not take.
        """
        return self.file.probabilities(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the label of each row.

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
            In the same cases as `predict_proba`.
        """
        file = self.file
        if self._threshold == file.threshold:
            # The file decides by logits, which have more digits.
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
    """Read a file of `export_onnx` as a fitted classifier that does not need torch.

    It needs onnxruntime: ``pip install "skbin[serve]"``. Several threads may use one
    classifier. It can be pickled, copied and cloned, and stays fitted.

    Rows are given as in training: an array, or a DataFrame of pandas or polars. If
    columns have names, rows may also be a dict of lists or a list of dicts, as decoded
    from JSON, with None for a missing value and times in ISO 8601. Values that
    `predict` of the estimator refuses, such as infinity, raise a ValueError here as
    well.

    Parameters
    ----------
    path : str or path-like
        The file. It is read only once.
    n_threads : int, default=1
        Number of threads for one call. Concurrent requests already use several cores.

    Returns
    -------
    OnnxClassifier
        With `predict`, `predict_proba`, ``classes_``, ``positive_class_``,
        ``n_features_in_``, ``feature_names_in_`` if columns have names, and
        `threshold`, which can be set.

    Raises
    ------
    ValueError
        If the file was not written by `export_onnx` of this version or an older one, or
        is truncated.
    OSError
        As raised by ``open``, for example if the file does not exist.
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
