"""The door between scikit-learn and torch: `BinaryNetClassifier`."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import issparse
from scipy.special import logit
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, validate_data
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import EpochScoring
from skorch.dataset import Dataset
from skorch.utils import is_dataset, to_numpy
from torch import nn
from torch.utils.data import Subset

from skbin.batches import TensorRows, iterate_batches, lives_in_memory
from skbin.devices import require_device, resolve_device
from skbin.heads import positive_logit, single_output, takes_token_ids
from skbin.holdout import chooses_rows_freely, hold_out
from skbin.input_sizes import input_sizes
from skbin.labels import CODES, BinaryLabels, find_labels, warn_if_positive_is_frequent
from skbin.losses import resolve_pos_weight, weighted_loss
from skbin.networks import ConvNet
from skbin.probability import (
    log_probability_columns,
    prior_shift,
    probability_columns,
)
from skbin.progress import EpochProgress, EpochTable
from skbin.randomness import draw_seed, seeded

# Kernels of linear algebra depend on the number of rows. In blocks of 16 each row is
# computed alike, so its probability does not depend on which rows come with it.
_ROW_BLOCK = 16
_EVALUATION_BATCH_SIZE = 1024


def _private(name: str) -> property:
    """Keep an attribute of skorch's out of sight: estimators set none in __init__."""

    def get(self: Any) -> Any:
        return getattr(self, name)

    def set_(self: Any, value: Any) -> None:
        setattr(self, name, value)

    return property(get, set_)


class BinaryNetClassifier(NeuralNetBinaryClassifier):
    """Neural network for two classes, one of them rare.

    A skorch net (each parameter and callback of skorch works) and a scikit-learn
    classifier. The network ends in one logit and is trained with
    ``BCEWithLogitsLoss(pos_weight=...)``. Labels of any type, DataFrames and sparse
    matrices are turned into float32 tensors here and nowhere else; whole batches are
    sliced from tensors that live on the device. `predict` compares `predict_proba`
    with `threshold`, which can be changed and tuned without training again.

    Parameters
    ----------
    module : torch.nn.Module class or instance, default=ConvNet
        The network. An output of shape ``(n,)`` or ``(n, 1)`` is a logit; of ``(n,
        2)``, two logits or log-softmax scores, it becomes ``out[:, 1] - out[:, 0]``.
        Parameters ``n_features``, ``n_channels`` and ``length`` without a default
        are set from the data. An instance is copied, never trained itself.
    criterion : torch.nn.Module class, default=torch.nn.BCEWithLogitsLoss
        The loss. With ``torch.nn.BCELoss`` the module ends in a sigmoid.
    optimizer : torch.optim.Optimizer class, default=torch.optim.Adam
        The optimizer. Its parameters are ``optimizer__weight_decay`` and so on.
    lr : float, default=0.001
        Learning rate.
    max_epochs : int, default=50
        Passes over the data.
    batch_size : int, default=128
        Rows for each training step; -1 for all. Predictions are computed in batches
        of ``iterator_valid__batch_size``, by default at least 1024.
    iterator_train, iterator_valid : callable, default=iterate_batches
        Makes the iterator over batches from the dataset: slices of tensors if it is
        in memory, else a ``DataLoader``. Training batches are shuffled unless
        ``iterator_train__shuffle=False``.
    dataset : class, default=TensorRows
        Holds samples and targets.
    train_split : None or callable, default=None
        Internal validation split, such as ``skorch.dataset.ValidSplit(5,
        stratified=True)``. None: every row is trained on.
    callbacks : None, "disable" or list of skorch.callbacks.Callback, default=None
        Callbacks beside the default ones.
    predict_nonlinearity : callable, None or "auto", default="auto"
        From the module's output to two columns of probabilities. "auto" is right for
        ``BCEWithLogitsLoss`` and ``BCELoss``.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the fit before.
    verbose : int, default=0
        0 is silent, 1 a progress bar over epochs, 2 a table of epochs.
    device : str, torch.device or None, default="cpu"
        Where to compute. "auto" takes cuda, else mps, else cpu.
    compile : bool, default=False
        Whether to use ``torch.compile``.
    use_caching : bool or "auto", default="auto"
        Whether scoring callbacks keep predictions; see skorch.
    torch_load_kwargs : dict or None, default=None
        Passed to ``torch.load``; see skorch.
    threshold : float in [0, 1], default=0.5
        Probability of the positive class from which on `predict` says positive.
    pos_weight : None, "balanced" or float, default=None
        Weight of the positive class in the loss. "balanced" is n_negative /
        n_positive of the data that is fitted, by sample weight.
    prior : None, "train" or float in (0, 1), default=None
        What probabilities refer to. None: the sigmoid of the logit as trained, which
        `pos_weight` and resampling have shifted. "train": the shift by `pos_weight`
        is undone. A number: a population with this share of positives.
    pos_label : object, default=None
        The label of the positive class. None: ``classes_[1]``.
    random_state : int, numpy.random.RandomState or None, default=None
        Seeds weights, shuffling and dropout without touching global generators.
        With an int two fits on a CPU give the same weights to the bit. None: torch's
        generator is used as it stands.
    **kwargs : dict
        Parameters of the parts, with two underscores: ``module__dropout``,
        ``optimizer__weight_decay``, ``iterator_train__shuffle``,
        ``callbacks__print_log__floatfmt``.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels, sorted. Callbacks and scorers inside training see 0 and 1.
    pos_weight_ : float
        Weight of the positive class that the loss was given.
    train_prior_ : float
        Share of positives in the data that was fitted, by sample weight. NaN for a
        Dataset without `y`.
    n_features_in_ : int
        Size of the second axis of X. For arrays only.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Column names, if X was a DataFrame with string columns.
    module_, criterion_, optimizer_, callbacks_ : object
        skorch's parts.
    history : skorch.history.History
        Losses and scores by epoch and batch.

    See Also
    --------
    ConvNet : The default network.
    DenseNet : For columns without an order.
    skorch.NeuralNetBinaryClassifier : The parent class.

    Notes
    -----
    Training does not depend on the order of the rows: they are brought into an order
    of their own before they are shuffled. A whole-numbered `sample_weight` repeats
    rows, so that it equals repeated rows exactly, batch normalization and dropout
    included, as long as weights are 10 on average or less. Other weights multiply
    the loss of their rows, divided by the weights of the batch. With
    ``iterator_train__shuffle=False`` or a `train_split` that picks certain rows, the
    order is kept.

    References
    ----------
    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skbin import BinaryNetClassifier
    >>> X, y = make_classification(n_samples=500, weights=[0.9], random_state=0)
    >>> net = BinaryNetClassifier(pos_weight="balanced", random_state=0).fit(X, y)
    >>> net.predict(X[:3])
    array([0, 0, 0])
    >>> net.set_params(threshold=0.0).predict(X[:3])
    array([1, 1, 1])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "prior": [
            None,
            StrOptions({"train"}),
            Interval(Real, 0, 1, closed="neither"),
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    history_ = _private("_history")
    initialized_ = _private("_initialized")
    virtual_params_ = _private("_virtual_params")

    def __init__(
        self,
        module: Any = ConvNet,
        *,
        criterion: Any = nn.BCEWithLogitsLoss,
        optimizer: Any = torch.optim.Adam,
        lr: float = 0.001,
        max_epochs: int = 50,
        batch_size: int = 128,
        iterator_train: Any = iterate_batches,
        iterator_valid: Any = iterate_batches,
        dataset: Any = TensorRows,
        train_split: Any = None,
        callbacks: Any = None,
        predict_nonlinearity: Any = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        device: Any = "cpu",
        compile: bool = False,
        use_caching: Any = "auto",
        torch_load_kwargs: dict[str, Any] | None = None,
        threshold: float = 0.5,
        pos_weight: Any = None,
        prior: Any = None,
        pos_label: Any = None,
        random_state: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            dataset=dataset,
            train_split=train_split,
            callbacks=callbacks,
            predict_nonlinearity=predict_nonlinearity,
            warm_start=warm_start,
            verbose=verbose,
            device=device,
            compile=compile,
            use_caching=use_caching,
            torch_load_kwargs=torch_load_kwargs,
            threshold=threshold,
            **kwargs,
        )
        self.pos_weight = pos_weight
        self.prior = prior
        self.pos_label = pos_label
        self.random_state = random_state

    # ---- what scikit-learn asks of an estimator

    __repr__ = BaseEstimator.__repr__

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        return tags

    @property
    def classes_(self):
        """The labels, sorted; 0 and 1 while a callback looks from inside training."""
        if not hasattr(self, "_labels") and not self.initialized_:
            raise AttributeError(
                f"This {type(self).__name__} has no classes_ before it is fitted."
            )
        return self._seen_labels().classes

    def _seen_labels(self) -> BinaryLabels:
        if getattr(self, "_is_training", False):
            return CODES
        return getattr(self, "_labels", CODES)

    @property
    def device(self):
        """The device in use: the parameter, with "auto" resolved."""
        return resolve_device(vars(self)["device"])

    @device.setter
    def device(self, value):
        vars(self)["device"] = value

    def get_params(self, deep=True, **kwargs):
        """Get the parameters, those of skorch's parts and callbacks included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the callbacks' parameters.
        **kwargs : dict
            Passed to skorch.

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep=deep, **kwargs)
        params["device"] = vars(self)["device"]
        return params

    def _get_param_names(self):
        return [name for name in super()._get_param_names() if name[0] != "_"]

    def set_params(self, **params):
        """Set parameters; nothing is trained again.

        Those of the optimizer act at once, so that `partial_fit` goes on with them.
        All others that training depends on act from the next `fit` on. (A plain
        skorch net draws new weights when a parameter of its module is set.)

        Parameters
        ----------
        **params : dict
            Parameters of the estimator, or of its parts with two underscores.

        Returns
        -------
        self : BinaryNetClassifier
        """
        if self.initialized_:
            virtual = {k: v for k, v in params.items() if self._is_virtual_param(k)}
            self._apply_virtual_params(virtual)
        of_parts = {name: params.pop(name) for name in list(params) if "__" in name}
        BaseEstimator.set_params(self, **params)
        self._params_to_validate |= of_parts.keys()
        vars(self).update(of_parts)
        return self

    def _validate_params(self):
        super()._validate_params()
        self._check_parameters()

    def _check_parameters(self) -> None:
        self._check_threshold()
        BaseEstimator._validate_params(self)

    def _check_threshold(self) -> None:
        threshold = self.threshold
        if isinstance(threshold, Real) and 0 <= threshold <= 1:
            return
        raise ValueError(
            f"threshold must be a probability in [0, 1], got {threshold!r}. If it is a "
            "logit, pass its sigmoid: 1 / (1 + exp(-logit))."
        )

    def __setstate__(self, state):
        # skorch looks for the device by its name, which "auto" is none of.
        device = state["device"]
        super().__setstate__({**state, "device": resolve_device(device)})
        if isinstance(device, str) and device == "auto":
            self.device = device

    # ---- training

    def fit(self, X, y=None, sample_weight=None, **fit_params):
        """Train the network.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features) or array of \
shape (n_samples, n_channels, length), dict of arrays, or torch Dataset
            The samples. A dict or Dataset goes through skorch's own path.
        y : array-like of shape (n_samples,)
            Two classes. For a Dataset the targets, 0 and 1, come from it; then `y`
            is only needed for a stratified split, "balanced" or a numeric prior.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. An integer weight equals repeating the row.
        **fit_params : dict
            Passed to the module's ``forward`` and to `train_split`.

        Returns
        -------
        self : BinaryNetClassifier

        Raises
        ------
        ValueError
            For unusable data or parameters, a device that is not there, a module
            whose output is no logit, or a loss that becomes NaN or infinite.
        """
        fresh = not (self.warm_start and self.initialized_)
        return self._train(X, y, sample_weight, fit_params, "fit", fresh=fresh)

    def partial_fit(self, X, y=None, classes=None, sample_weight=None, **fit_params):
        """Go on training, for `max_epochs` passes over these rows.

        Parameters
        ----------
        X, y, sample_weight, **fit_params
            As for `fit`. After the first call `y` may be of one class.
        classes : array-like of shape (2,), default=None
            All labels. Needed in the first call if its `y` has one class only.
            "balanced" is settled in the first call.

        Returns
        -------
        self : BinaryNetClassifier
        """
        fresh = not self.initialized_
        return self._train(
            X, y, sample_weight, fit_params, "partial_fit", fresh=fresh, classes=classes
        )

    def _train(self, X, y, sample_weight, fit_params, method, *, fresh, classes=None):
        self._check_parameters()
        require_device(self.device)
        anew = fresh or not hasattr(self, "_labels")
        X, target, weight = self._admit(X, y, sample_weight, classes, anew=anew)
        self._count_classes(target, weight, anew=anew or method == "fit")
        seed = draw_seed(self.random_state)
        n_epochs_before = 0 if fresh else len(self.history)
        self._seed = None if seed is None else seed + n_epochs_before
        try:
            with seeded(self._seed, self.device), self._inside_training():
                if fresh:
                    self.initialized_ = False
                    self.initialize()
                self._set_pos_weight()
                data = self._training_data(X, target, weight)
                super().partial_fit(data, target, _routing_method=method, **fit_params)
        except Exception:
            self._forget_fit()
            raise
        return self

    @contextmanager
    def _inside_training(self) -> Iterator[None]:
        self._is_training = True
        try:
            yield
        finally:
            self._is_training = False

    def _forget_fit(self) -> None:
        """Be unfitted: half-trained weights must not pass for a model."""
        self.initialized_ = False
        self._is_training = False
        for name in [*self._modules, *self._criteria, *self._optimizers]:
            delattr(self, f"{name}_")
        for name, callback in vars(self).get("callbacks_", []):
            if isinstance(callback, EpochProgress):
                callback.close()
        vars(self).pop("_labels", None)

    # ---- the door: from the user's data to rows and targets

    def _admit(self, X, y, sample_weight, classes, *, anew):
        if _goes_through_skorch(X):
            return self._admit_foreign(X, y, sample_weight, anew=anew)
        X, y = self._validated(X, y, reset=anew)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, ensure_non_negative=True
            )
            kept = sample_weight > 0
            if not kept.all():
                X, y, sample_weight = X[kept], y[kept], sample_weight[kept]
        if anew:
            source = y if classes is None else np.asarray(classes)
            self._labels = find_labels(source, self.pos_label)
            self._input_shape = X.shape
        return X, self._labels.encode(y), sample_weight

    def _admit_foreign(self, X, y, sample_weight, *, anew):
        if sample_weight is not None:
            raise ValueError(
                f"sample_weight works for arrays, but X is a {type(X).__name__}. "
                "Repeat or resample its rows instead."
            )
        if anew:
            self._labels = CODES if y is None else find_labels(np.asarray(y), self.pos_label)
            self._input_shape = _shape_of_first(X)
        return X, None if y is None else self._labels.encode(y), None

    def _validated(self, X, y="no_validation", *, reset):
        if isinstance(X, torch.Tensor):
            X = to_numpy(X)
        return validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float32, np.int64, np.int32],
            allow_nd=True,
        )

    def _count_classes(self, target, weight, *, anew) -> None:
        totals = np.full(2, np.nan)
        if target is not None:
            totals = np.bincount(target.astype(int), weights=weight, minlength=2)
        if anew:
            self._class_totals = np.zeros(2)
        self._class_totals = self._class_totals + totals
        negative, positive = self._class_totals
        self.train_prior_ = float(positive / (negative + positive))
        if not anew:
            return
        if self.pos_label is None and target is not None:
            warn_if_positive_is_frequent(self._labels, negative, positive)
        self.pos_weight_ = self._resolved_pos_weight(negative, positive)

    def _resolved_pos_weight(self, negative, positive) -> float:
        pos_weight = self.pos_weight
        in_criterion = vars(self).get("criterion__pos_weight")
        if in_criterion is not None:
            if pos_weight is not None:
                raise ValueError(
                    "pos_weight and criterion__pos_weight are the same thing, got "
                    f"{pos_weight!r} and {in_criterion!r}. Pass pos_weight alone."
                )
            pos_weight = np.asarray(in_criterion).ravel().tolist()
            pos_weight = pos_weight[0] if len(pos_weight) == 1 else pos_weight
        return resolve_pos_weight(
            pos_weight,
            negative_weight=negative,
            positive_weight=positive,
            negative_label=self._labels.negative,
            positive_label=self._labels.positive,
        )

    def _training_data(self, X, target, weight):
        if _goes_through_skorch(X):
            return X
        return self._rows(X, target, weight)

    def _rows(self, X, target=None, weight=None):
        if self.dataset is TensorRows:
            return TensorRows(
                X, target, weight, device=self.device, dtype=self._input_dtype(X)
            )
        if weight is not None:
            raise ValueError(
                "sample_weight needs the default dataset, got "
                f"dataset={self.dataset!r}."
            )
        return super().get_dataset(X, target)

    def _input_dtype(self, X) -> torch.dtype:
        module = vars(self).get("module_")
        if module is None or X.dtype.kind != "i" or not takes_token_ids(module):
            return torch.float32
        return torch.int64

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
        if is_dataset(X):
            return X
        if _is_dict(X):
            return Dataset(X, y) if self.dataset is TensorRows else super().get_dataset(X, y)
        return self._rows(self._validated(X, reset=False), y)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Split off the rows of the internal validation; see skorch.

        Parameters
        ----------
        X : torch Dataset
            The training data.
        y : ndarray of shape (n_samples,) or None
            Targets 0 and 1.
        **fit_params : dict
            Passed to `train_split`.

        Returns
        -------
        dataset_train, dataset_valid : torch Dataset
            The second is None without `train_split`.
        """
        if not isinstance(X, TensorRows):
            return super().get_split_datasets(X, y, **fit_params)
        chooses_freely = chooses_rows_freely(self.train_split)
        order = X.training_order(
            keep_order=not (chooses_freely and self._shuffles_training())
        )
        if self.train_split and chooses_freely:
            order = np.arange(len(X)) if order is None else order
            return hold_out(self.train_split, X, order, random_state=self._seed)
        dataset = X if order is None else Subset(X, order)
        if not self.train_split:
            return dataset, None
        return self.train_split(
            dataset, y if order is None else y[order], **fit_params
        )

    def _shuffles_training(self) -> bool:
        shuffle = self.get_params_for("iterator_train").get("shuffle", True)
        return self.iterator_train is iterate_batches and shuffle

    def get_iterator(self, dataset, training=False):
        """Make the iterator over batches; see skorch.

        Parameters
        ----------
        dataset : torch Dataset
            The samples.
        training : bool, default=False
            Whether they are trained on.

        Returns
        -------
        iterator : iterable of batches
        """
        prefix = "iterator_train" if training else "iterator_valid"
        iterator = getattr(self, prefix)
        if iterator is not iterate_batches:
            _refuse_lost_weights(dataset, prefix)
            return super().get_iterator(dataset, training=training)
        kwargs = {"batch_size": self.batch_size, **self.get_params_for(prefix)}
        if training:
            kwargs.setdefault("shuffle", vars(self).get("_is_training", False))
        elif lives_in_memory(dataset) and "iterator_valid__batch_size" not in vars(self):
            kwargs["batch_size"] = max(self.batch_size, _EVALUATION_BATCH_SIZE)
        if kwargs["batch_size"] == -1:
            kwargs["batch_size"] = len(dataset)
        return iterator(dataset, **kwargs)

    # ---- torch's side of the door

    @property
    def _default_callbacks(self):
        inherited = dict(super()._default_callbacks)
        inherited["valid_average_precision"] = EpochScoring(
            "average_precision", name="valid_average_precision", lower_is_better=False
        )
        inherited["progress"] = EpochProgress()
        inherited["print_log"] = EpochTable()
        return list(inherited.items())

    def _uniquely_named_callbacks(self):
        # A parameter stays as it was given: fit works on copies.
        for name, callback in super()._uniquely_named_callbacks():
            yield name, copy.copy(callback)

    def initialize_module(self):
        """Make the network, its input sizes taken from the data; see skorch."""
        kwargs = self.get_params_for("module")
        module = self.module
        if isinstance(module, nn.Module):
            if not kwargs:
                self.module_ = copy.deepcopy(module)
                return self
            module = type(module)
        sizes = input_sizes(module, vars(self).get("_input_shape"), kwargs)
        self.module_ = module(**sizes, **kwargs)
        return self

    def initialize_criterion(self):
        """Make the loss; see skorch."""
        super().initialize_criterion()
        self._criterion_takes_logits = isinstance(self.criterion_, nn.BCEWithLogitsLoss)
        self._set_pos_weight()
        return self

    def _set_pos_weight(self) -> None:
        pos_weight = vars(self).get("pos_weight_", 1.0)
        if self._criterion_takes_logits:
            criterion = getattr(self.criterion_, "_orig_mod", self.criterion_)
            if pos_weight != 1 or criterion.pos_weight is not None:
                criterion.pos_weight = torch.tensor(pos_weight, device=self.device)
            return
        if self.pos_weight is not None:
            raise ValueError(
                f"{type(self.criterion_).__name__} takes no pos_weight, got "
                f"pos_weight={self.pos_weight!r}. End the module in a logit and use "
                "BCEWithLogitsLoss (the default), or pass sample_weight to fit."
            )

    def infer(self, x, **fit_params):
        """Compute one output for each sample of a batch.

        Parameters
        ----------
        x : tensor of shape (batch_size, ...) or dict of tensors
            A batch.
        **fit_params : dict
            Passed to the module's ``forward``.

        Returns
        -------
        output : tensor of shape (batch_size,), or a tuple that starts with it
            A logit under ``BCEWithLogitsLoss``.
        """
        if isinstance(x, torch.Tensor) and x.dtype == torch.float64:
            x = x.float()
        # The parent's own infer refuses two outputs, so its parent's is called.
        output = super(NeuralNetBinaryClassifier, self).infer(x, **fit_params)
        first, *rest = output if isinstance(output, tuple) else (output,)
        to_single = positive_logit if self._criterion_takes_logits else single_output
        single = to_single(first)
        return (single, *rest) if rest else single

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the loss of a batch, sample weights included.

        Parameters
        ----------
        y_pred : tensor of shape (batch_size,), or a tuple that starts with it
            Output of `infer`.
        y_true : tensor of shape (batch_size,)
            Targets 0 and 1.
        X : tensor, default=None
            The batch. Unused.
        training : bool, default=False
            Unused.

        Returns
        -------
        loss : tensor of shape ()
        """
        if isinstance(y_pred, tuple):
            y_pred = y_pred[0]
        if not hasattr(y_true, "sample_weight"):
            y_true = _checked_target(y_true)
        weight = getattr(y_true, "sample_weight", None)
        if weight is None:
            return super().get_loss(y_pred, y_true, X, training)
        return weighted_loss(self.criterion_, y_pred, y_true, weight)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch and stop at a loss that is no number; see skorch."""
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        if iterator is None:
            return
        losses = [b.get(f"{prefix}_loss", 0.0) for b in self.history[-1]["batches"]]
        if np.isfinite(losses).all():
            return
        raise ValueError(
            f"The {prefix} loss became NaN or infinite in epoch {len(self.history)}. "
            "Scale the inputs (StandardScaler in a Pipeline), lower the learning rate "
            f"(lr={self.lr}), or clip gradients (skorch.callbacks.GradientNormClipping)."
        )

    def evaluation_step(self, batch, training=False):
        """Compute the outputs of a batch for prediction; see skorch."""
        Xi = batch[0]
        missing = -len(Xi) % _ROW_BLOCK if isinstance(Xi, torch.Tensor) else 0
        if training or not missing:
            return super().evaluation_step(batch, training=training)
        padding = Xi[-1:].expand(missing, *Xi.shape[1:])
        output = super().evaluation_step([torch.cat([Xi, padding]), batch[1]])
        if isinstance(output, tuple):
            return tuple(part[: len(Xi)] for part in output)
        return output[: len(Xi)]

    # ---- prediction

    def predict(self, X):
        """Decide for each sample.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The positive class where its probability is `threshold` or more.
        """
        self._check_threshold()
        probability = self.predict_proba(X)
        labels = self._seen_labels()
        return labels.decode(probability[:, labels.positive_index] >= self.threshold)

    def predict_proba(self, X):
        """Probability of each class, referring to `prior`.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        probability : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.
        """
        if self.prior is None and not self._outputs_are_logits():
            self.check_is_fitted()
            return self._in_class_order(super().predict_proba(X))
        return self._in_class_order(probability_columns(self._positive_logit(X)))

    def predict_log_proba(self, X):
        """Natural logarithm of `predict_proba`, without underflow.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.
        """
        return self._in_class_order(log_probability_columns(self._positive_logit(X)))

    def decision_function(self, X):
        """Logit of the second column of `predict_proba`.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        logit : ndarray of shape (n_samples,)
            Positive where ``classes_[1]`` is the more probable class.
        """
        z = self._positive_logit(X)
        return z if self._seen_labels().positive_index == 1 else -z

    def _in_class_order(self, columns):
        """Reorder columns of the negative and the positive class."""
        return columns if self._seen_labels().positive_index == 1 else columns[:, ::-1]

    def _outputs_are_logits(self) -> bool:
        takes_logits = vars(self).get("_criterion_takes_logits", True)
        return takes_logits and self.predict_nonlinearity == "auto"

    def _positive_logit(self, X):
        self.check_is_fitted()
        self._check_parameters()
        if self._outputs_are_logits():
            outputs = [
                output[0] if isinstance(output, tuple) else output
                for output in self.forward_iter(X)
            ]
            z = to_numpy(torch.cat(outputs)).astype(np.float64)
        else:
            z = logit(super().predict_proba(X)[:, 1].astype(np.float64))
        return z + self._prior_shift()

    def _prior_shift(self) -> float:
        if self.prior is None:
            return 0.0
        if isinstance(self.prior, Real) and not 0 < self.train_prior_ < 1:
            raise ValueError(
                "A numeric prior needs the share of positives in training, which a "
                f"Dataset without y does not tell (train_prior_={self.train_prior_}). "
                "Pass y to fit beside the Dataset."
            )
        return prior_shift(
            self.prior, pos_weight=self.pos_weight_, train_prior=self.train_prior_
        )


def _is_dict(X: Any) -> bool:
    # A sparse matrix of dictionary format is a Mapping too, and no dict of arrays.
    return isinstance(X, Mapping) and not issparse(X)


def _goes_through_skorch(X: Any) -> bool:
    return is_dataset(X) or _is_dict(X)


def _shape_of_first(X: Any) -> tuple[int, ...] | None:
    if _is_dict(X) or not hasattr(X, "__getitem__"):
        return None
    sample = X[0][0]
    return (1, *sample.shape) if hasattr(sample, "shape") else None


def _refuse_lost_weights(dataset: Any, prefix: str) -> None:
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    if getattr(dataset, "sample_weight", None) is None:
        return
    raise ValueError(
        f"Fractional sample_weight needs the default {prefix}, which carries weights "
        "along with batches. Leave it out, or pass whole-numbered weights."
    )


def _checked_target(y_true: Any) -> Any:
    if not isinstance(y_true, torch.Tensor):
        return y_true
    if not bool(((y_true == 0) | (y_true == 1)).all()):
        raise ValueError(
            "Targets from a Dataset must be 0 and 1, got "
            f"{torch.unique(y_true).tolist()[:10]}."
        )
    return y_true.float()
