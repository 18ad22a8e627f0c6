"""From a net's outputs to probabilities and decisions: `PredictingNet`."""

from array import array
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import validate_parameter_constraints
from skorch import NeuralNet
from skorch.utils import is_dataset, to_numpy

from skbin.data.dicts import is_dict
from skbin.data.fitted import FittedData
from skbin.data.intake import Samples, admit_for_prediction
from skbin.data.labels import CODES, BinaryLabels
from skbin.data.notebook import ShowsColumns
from skbin.data.offsets import warn_of_offset
from skbin.data.rows import TensorRows, is_in_memory
from skbin.data.seen import warn_if_trained_on
from skbin.machine.devices import give_memory_back
from skbin.training.loop import LogitNet
from skbin.training.module import require_takes
from skbin.training.output import (
    log_probability_columns,
    prior_shift,
    probability_columns,
    require_no_nan,
    require_probabilities,
    takes_token_ids,
)
from skbin.training.run import is_inside_training


class PredictingNet(ShowsColumns, LogitNet):
    """A net that predicts the user's labels, by `threshold` and `prior`."""

    prior: Any = None

    @property
    def classes_(self):
        """The labels, sorted; 0 and 1 for callbacks during training."""
        if self._data is None and not self.initialized_:
            raise AttributeError("There are no classes_ before fit.")
        return self._seen_labels().classes

    def _seen_labels(self) -> BinaryLabels:
        if self._data is None or is_inside_training(self):
            return CODES
        return self._data.labels

    def _remember_made_parts(self) -> None:
        """Keep the parameters of the parts, so that `save` notices later changes."""
        self._data = replace(
            self._fitted_data("made_from"), made_from=self._params_of_made_parts()
        )

    def _fitted_data(self, name: str) -> FittedData:
        if self._data is None:
            raise AttributeError(f"There is no {name} before fit.")
        return self._data

    @property
    def pos_weight_(self):
        """Weight of the positive class in the loss."""
        return self._fitted_data("pos_weight_").pos_weight

    @property
    def train_prior_(self):
        """Share of positives among the training rows, by weight."""
        return self._fitted_data("train_prior_").train_prior

    @property
    def batch_prior_(self):
        """Share of positives in the training batches."""
        return self._fitted_data("batch_prior_").batch_prior

    @property
    def n_iter_(self):
        """Number of epochs."""
        self._fitted_data("n_iter_")
        return len(self.history)

    @property
    def loss_curve_(self):
        """Training loss of each epoch."""
        self._fitted_data("loss_curve_")
        return [epoch["train_loss"] for epoch in self.history]

    @property
    def best_loss_(self):
        """Lowest loss of an epoch: of held-out rows if there are any."""
        self._fitted_data("best_loss_")
        key = (
            "valid_loss" if self.history and "valid_loss" in self.history[-1] else None
        )
        return min((epoch[key or "train_loss"] for epoch in self.history), default=None)

    def _check_parameters(self) -> None:
        self._check_threshold()
        super()._check_parameters()

    def _check_threshold(self) -> None:
        threshold = self.threshold
        is_number = isinstance(threshold, Real) and not isinstance(threshold, bool)
        if is_number and 0 <= float(threshold) <= 1:
            return
        fix = "pass its sigmoid: 1 / (1 + exp(-logit))"
        if isinstance(threshold, Real) and np.isfinite(float(threshold)):
            fix = f"pass its sigmoid, {expit(float(threshold)):.4g}"
        raise ValueError(
            f"threshold must be a probability in [0, 1], got {threshold!r}. If it is a "
            f"logit, {fix}."
        )

    # ---- samples as datasets

    def _fitted_shape(self) -> tuple[int, ...] | None:
        """Shape of the arrays of `fit`; a Dataset may hold samples of other axes."""
        if self._data is None or "n_features_in_" not in vars(self):
            return None
        return self._data.shape

    def _dataset_of(self, samples: Samples, target=None, weight=None) -> Any:
        """Rows as tensors, or the user's own kind of dataset of them."""
        if samples.is_dataset:
            return samples.X
        if self.dataset == "auto":
            takes_ids = samples.holds_integers and self._takes_ids()
            return TensorRows(
                samples.X,
                target,
                weight,
                device=self._compute_device(),
                integers=torch.int64 if takes_ids else torch.float32,
            )
        if weight is not None:
            raise ValueError(
                f"sample_weight needs dataset='auto', got dataset={self.dataset!r}."
            )
        return super().get_dataset(samples.X, target)

    def _takes_ids(self) -> bool:
        return self.initialized_ and takes_token_ids(self._bare_module())

    def get_dataset(self, X, y=None):
        """Make the dataset of samples to predict; see skorch.

        Parameters
        ----------
        X : array-like, CSR matrix, dict of arrays or torch Dataset
            The samples. Arrays are validated here.
        y : array-like of shape (n_samples,), default=None
            Targets 0 and 1.

        Returns
        -------
        dataset : torch Dataset
        """
        if is_dataset(X) and is_in_memory(X):
            return X
        fitted = self._data
        if fitted is not None and _are_rows(X) and is_inside_training(self):
            # Scores without caching read back rows that were admitted before.
            if fitted.table is not None:
                return self._dataset_of(Samples(to_numpy(X), shape=tuple(X.shape)), y)
            fitted = replace(fitted, offset=None)
        samples = admit_for_prediction(self, X, fitted)
        if self.initialized_:
            require_takes(self._bare_module(), samples, self._fitted_shape())
        return self._dataset_of(samples, y)

    # ---- only weights

    def save_params(self, *args, **kwargs):
        """Save weights; see skorch. Constants subtracted from columns are not saved."""
        super().save_params(*args, **kwargs)
        if self._run is None and self._data is not None:
            warn_of_offset(self._data.offset, "saved")

    def load_params(self, *args, **kwargs):
        """Load weights; see skorch."""
        # During training, a callback such as Checkpoint loads the net's own weights.
        is_before_training = self._run is not None and not self.history
        super().load_params(*args, **kwargs)
        if is_before_training and self._data is not None:
            warn_of_offset(self._data.offset, "loaded")

    # ---- prediction

    def predict(self, X):
        """Predict the label of each sample.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The positive class where its probability is at least `threshold`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns or the shape of X differ from `fit`, values cannot be read,
            or `threshold` is not in [0, 1].
        """
        self._check_threshold()
        probability = self.predict_proba(X)
        labels = self._seen_labels()
        return labels.decode(probability[:, labels.positive_index] >= self.threshold)

    def predict_proba(self, X):
        """Compute the probability of each class, referring to `prior`.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        probability : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns or the shape of X differ from `fit`, or values cannot be
            read.
        """
        self.check_is_fitted()
        if self.prior is None and not self._outputs_are_logits():
            columns = require_probabilities(super().predict_proba(X))
        else:
            columns = probability_columns(self._positive_logit(X))
        return self._in_class_order(columns)

    def predict_log_proba(self, X):
        """Compute the natural logarithm of `predict_proba`, without underflow.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns or the shape of X differ from `fit`, or values cannot be
            read.
        """
        self.check_is_fitted()
        return self._in_class_order(log_probability_columns(self._positive_logit(X)))

    def decision_function(self, X):
        """Compute the logit of the second column of `predict_proba`.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        logit : ndarray of shape (n_samples,)
            Positive where ``classes_[1]`` is the more probable class.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns or the shape of X differ from `fit`, or values cannot be
            read.
        """
        self.check_is_fitted()
        z = self._positive_logit(X)
        return z if self._seen_labels().positive_index == 1 else -z

    def _in_class_order(self, columns):
        """Reorder columns of the negative and the positive class."""
        return columns if self._seen_labels().positive_index == 1 else columns[:, ::-1]

    def _outputs_are_logits(self) -> bool:
        return self.predict_nonlinearity == "auto" and self._takes_logits()

    def _check_what_predictions_use(self) -> None:
        # Checking all parameters takes as long as a small network.
        self._check_threshold()
        validate_parameter_constraints(
            {"prior": self._parameter_constraints["prior"]},
            {"prior": self.prior},
            caller_name=type(self).__name__,
        )

    def _positive_logit(self, X):
        self._check_what_predictions_use()
        if self._outputs_are_logits():
            z = require_no_nan(self._outputs(X))
            inverse_link = getattr(self._bare_criterion(), "inverse_link", None)
            z = z if inverse_link is None else inverse_link(z)
        else:
            columns = require_probabilities(super().predict_proba(X))
            z = logit(columns[:, 1].astype(np.float64))
        return z + self._prior_shift()

    def _outputs(self, X) -> NDArray[np.float64]:
        # Not a list of tensors, because small tensors between large temporary ones
        # fragment the memory.
        if any(layer.training for layer in self.module_.modules()):
            NeuralNet._set_training(self, False)  # the user has switched one of them
        outputs = array("d")
        try:
            for output in self.forward_iter(X):
                output = output[0] if isinstance(output, tuple) else output
                outputs.frombytes(to_numpy(output).astype(np.float64).tobytes())
        except torch.OutOfMemoryError as error:
            give_memory_back(error)
            raise
        return np.frombuffer(outputs)

    def _prior_shift(self) -> float:
        if self.prior is None:
            return 0.0
        if self._data is None:
            raise NotFittedError(
                f"prior={self.prior!r} needs the share of positives in training, which "
                "is not known after only loading weights. Call fit or partial_fit; or "
                "leave prior at None."
            )
        if self._data.prior_hidden_by is not None:
            raise ValueError(
                f"prior={self.prior!r} needs the share of positives that "
                f"{self._data.prior_hidden_by} draws, which is not known. Use "
                "BalancedBatches or a WeightedRandomSampler with replacement; pass y "
                "along with a Dataset; or give your iterator an attribute "
                "positive_share."
            )
        if isinstance(self.prior, Real) and not 0 < self.train_prior_ < 1:
            raise ValueError(
                "A numeric prior needs both classes in training, and their shares, got "
                f"train_prior_={self.train_prior_}. Continue training until both "
                "classes have occurred; for a Dataset, pass y to fit as well."
            )
        return prior_shift(
            self.prior,
            pos_weight=self.pos_weight_,
            train_prior=self.train_prior_,
            batch_prior=self.batch_prior_,
        )

    def _warn_if_trained_on(self, X, is_positive):
        """Warn if most of these rows were trained on; displays ask for it."""
        if self._data is None or self._data.seen_rows is None:
            return
        warn_if_trained_on(
            self._data.seen_rows,
            admit_for_prediction(self, X, self._data).X,
            is_positive,
            name=type(self).__name__,
        )


def _are_rows(X: Any) -> bool:
    """Whether X can have been read back from rows: float32 and nothing else."""
    parts = list(X.values()) if is_dict(X) else [X]
    return all(
        isinstance(part, torch.Tensor) and part.dtype == torch.float32 for part in parts
    )
