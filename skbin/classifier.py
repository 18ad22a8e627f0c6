"""The door between scikit-learn and torch: `BinaryNetClassifier`."""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_sample_weight, validate_data
from skorch.dataset import Dataset
from skorch.utils import is_dataset, to_numpy
from torch import nn

from skbin.data.intake import (
    goes_through_skorch,
    is_dict,
    largest_id_of,
    refuse_samples_of_nothing,
    refuse_texts,
    shape_of,
)
from skbin.data.labels import (
    CODES,
    BinaryLabels,
    find_labels,
    warn_if_positive_is_frequent,
)
from skbin.data.rows import TensorRows, iterate_batches
from skbin.data.seen import SeenRows
from skbin.data.signals import end_early, pad_signals, refuse_unequal_lengths
from skbin.machine.devices import give_memory_back, require_device
from skbin.machine.randomness import draw_seed, seeded
from skbin.memory.cache import load_or_train
from skbin.memory.checkpoints import Checkpoints
from skbin.networks.inputs import refuse_other_sizes, refuse_other_than_ids
from skbin.networks.signals import ConvNet
from skbin.training.callbacks import EpochProgress, FitTask
from skbin.training.loop import LogitNet
from skbin.training.loss import (
    refuse_class_weight,
    resolve_pos_weight,
    warn_if_upside_down,
)
from skbin.training.output import (
    log_probability_columns,
    prior_shift,
    probability_columns,
    require_no_nan,
    require_probabilities,
    takes_token_ids,
)

# Attributes that belong to this estimator and this call of fit, beside parameters.
_NOT_SET_BY_TRAINING = {
    "_callback_fit_ctx",
    "_checkpoints",
    "_class_totals",
    "_fit_task",
    "_input_shape",
    "_labels",
    "_largest_id",
    "_metadata_request",
    "_params_to_validate",
    "_parent_callback_ctx",
    "_part_params",
    "_seed",
    "_seen_rows",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "feature_names_in_",
    "n_features_in_",
    "pos_weight_",
    "train_prior_",
}


class BinaryNetClassifier(CallbackSupportMixin, LogitNet):
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
        of ``iterator_valid__batch_size``, by default as large as caches like them.
    iterator_train, iterator_valid : callable, default=iterate_batches
        Makes the iterator over batches from the dataset: slices of tensors if it is
        in memory, else a ``DataLoader``. For training `BalancedBatches` draws both
        classes in a chosen ratio. Training batches are shuffled unless
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
        and `BalancedBatches` is undone. A number: a population with this share of
        positives.
    pos_label : object, default=None
        The label of the positive class. None: ``classes_[1]``.
    memory : str, os.PathLike, joblib.Memory or None, default=None
        A folder that keeps what `fit` has trained, so that a search over `threshold`
        or `prior` trains once per fold. See Notes.
    random_state : int, numpy.random.RandomState or None, default=None
        Seeds weights, shuffling and dropout without touching global generators.
        With an int two fits on a CPU give the same weights to the bit, if torch may use
        the same number of threads for both; fits in threads take turns for it. None:
        torch's generator is used as it stands.
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
    feature_names_in_ : ndarray of str of shape (``n_features_in_``,)
        Column names, if X was a DataFrame with string columns.
    batch_prior_ : float
        Share of positives in the batches that were trained on: `train_prior_`, or what
        `BalancedBatches` draws.
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

    Fits with `random_state` or `memory` in several threads of one process take turns,
    because torch has one generator for all of them. A callback may fit another network,
    but not in threads of its own: they would wait for it, and it for them.

    With `memory`, `fit` trains only what the folder does not hold for the same data,
    parameters, code and versions; `threshold`, `prior`, `verbose` and `pos_label` play
    no part. What it gives is what training gives: weights, `history`, optimizer.
    Processes that want the same network wait for the one that trains it. With
    ``random_state=None`` any network trained with that setting will do. What callbacks
    do elsewhere, such as writing files, is not repeated, and scikit-learn's callbacks
    see no epochs of it. A training that was killed or interrupted goes on after the
    last epoch that it left in the folder, which it does for a twentieth of its time at
    most (the first time, after a second of training, however long it takes), and ends
    as if nothing had been. The folder holds pickles: whoever can write there can run
    code here. `partial_fit`, warm starts and torch Datasets always train.

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
        "module": [callable],
        "criterion": [callable],
        "optimizer": [callable],
        "lr": [Interval(Real, 0, None, closed="left"), torch.Tensor, np.ndarray],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [
            None,  # of a Dataset whose samples are batches
            Interval(Integral, 1, None, closed="left"),
            Options(Integral, {-1}),
        ],
        "train_split": [None, callable, Options(bool, {False})],
        "callbacks": [None, StrOptions({"disable"}), list, tuple],
        "prior": [
            None,
            StrOptions({"train"}),
            Interval(Real, 0, 1, closed="neither"),
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _labels: BinaryLabels
    _class_totals: NDArray[Any]

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
        memory: Any = None,
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
        self.memory = memory
        self.random_state = random_state

    # ---- what scikit-learn asks of an estimator

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
            raise AttributeError("There are no classes_ before fit.")
        return self._seen_labels().classes

    def _seen_labels(self) -> BinaryLabels:
        if getattr(self, "_is_training", False):
            return CODES
        return getattr(self, "_labels", CODES)

    def _validate_params(self):
        if "class_weight" in self.__dict__:
            refuse_class_weight(self.class_weight)
        super()._validate_params()
        self._check_parameters()

    def _check_parameters(self) -> None:
        self._check_threshold()
        BaseEstimator._validate_params(self)

    def _check_threshold(self) -> None:
        threshold = self.threshold
        is_number = isinstance(threshold, Real) and not isinstance(threshold, bool)
        if is_number and 0 <= float(threshold) <= 1:
            return
        mend = "pass its sigmoid: 1 / (1 + exp(-logit))"
        if isinstance(threshold, Real) and np.isfinite(float(threshold)):
            mend = f"pass its sigmoid, {expit(float(threshold)):.4g}"
        raise ValueError(
            f"threshold must be a probability in [0, 1], got {threshold!r}. If it is a "
            f"logit, {mend}."
        )

    def __getstate__(self):
        # A checkpoint that is written while training must not load as if training.
        state = {**super().__getstate__(), "_is_training": False}
        for name in (
            "_checkpoints",
            "_fit_task",
            "_callback_fit_ctx",
            "_skl_callbacks_to_teardown",
        ):
            state.pop(name, None)
        return state

    # ---- training

    @with_callbacks
    def fit(self, X, y=None, sample_weight=None, **fit_params):
        """Train the network.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features) or array of \
shape (n_samples, n_channels, length), list of arrays of shape (n_channels, length), \
dict of arrays, or torch Dataset
            The samples. Signals may differ in length: as a list, as a masked array, or
            with NaN after each signal's end. A dict or Dataset goes through skorch's
            own path.
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
        RuntimeError
            What torch says of a module of your own that does not fit the data, with
            the shape of the batch, or of a device without room for it.
        """
        fresh = not (self.warm_start and self.initialized_)
        context = self._init_callback_context(max_subtasks=self.max_epochs)
        self._fit_task = FitTask(context, self, X, y, sample_weight)
        try:
            self._fit_task.begin()
            self._train(X, y, sample_weight, fit_params, "fit", fresh=fresh)
            self._fit_task.end()
        finally:
            del self._fit_task
        return self

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
        first = fresh or not hasattr(self, "_labels")
        X, y, weight = self._admit(X, y, sample_weight, reset=first)
        labels = self._find_labels(y, classes) if first else self._labels
        if not first and classes is not None:
            labels.require_same(classes)
        target = None if y is None else labels.encode(y)
        self._settle_classes(labels, target, weight, first=first, method=method)
        if first:
            self._input_shape = shape_of(X)
            self._seen_rows = SeenRows(X) if isinstance(X, np.ndarray) else None
            self._largest_id = largest_id_of(X)
        # With memory a fit moves torch's generator by one draw, trained or recalled.
        shared = self.memory is not None and fresh
        seed = draw_seed(self.random_state, else_from_torch=shared)
        n_epochs_before = 0 if fresh else len(self.history)
        self._seed = None if seed is None else seed + n_epochs_before

        def train(checkpoints: Checkpoints | None = None) -> tuple[dict, bool]:
            self._checkpoints = checkpoints
            try:
                return self._run_training(X, target, weight, fit_params, method, fresh)
            finally:
                del self._checkpoints

        if self.memory is None or not fresh or is_dataset(X):
            train()
            return self
        depends_on = self._depends_on(X, target, weight, fit_params)
        self.__dict__.update(load_or_train(self.memory, depends_on, train))
        return self

    def _depends_on(self, X, target, weight, fit_params) -> dict[str, Any]:
        params = self.get_params(deep=False)
        for name in ("threshold", "prior", "verbose", "memory", "pos_label"):
            del params[name]
        # What these say is said by the numbers that they lead to.
        params.update(
            device=str(self.device),
            random_state=None if self.random_state is None else self._seed,
            pos_weight=self.pos_weight_,
        )
        return {
            "estimator": type(self),
            "parameters": sorted(params.items()),
            "data": [X, target, weight, sorted(fit_params.items())],
        }

    def _run_training(self, X, target, weight, fit_params, method, fresh):
        """Train; return what this has set, and whether it came to its end."""
        try:
            with seeded(self._seed, self._compute_device()), self._inside_training():
                if fresh:
                    self.initialized_ = False
                    self.initialize()
                    self._is_new = True
                self._set_pos_weight()
                data = X if goes_through_skorch(X) else self._rows(X, target, weight)
                # skorch's fit is initialize and partial_fit.
                super().partial_fit(data, target, _routing_method=method, **fit_params)
            # Layers are switched one by one: threads that predict must find it done.
            self._set_training(False)
        except Exception as error:
            data = None
            self._forget_fit()
            if isinstance(error, torch.OutOfMemoryError):
                give_memory_back(error)
            raise
        return self._what_training_sets(), not self._was_interrupted

    def _what_training_sets(self) -> dict[str, Any]:
        others = _NOT_SET_BY_TRAINING | self.get_params(deep=False).keys()
        return {k: v for k, v in vars(self).items() if k not in others}

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
        for _, callback in self.__dict__.get("callbacks_", []):
            if isinstance(callback, EpochProgress):
                callback.close()
        self.__dict__.pop("_labels", None)

    # ---- the door: from the user's data to rows and targets

    def _admit(self, X, y, sample_weight, *, reset):
        if goes_through_skorch(X):
            if reset:  # of an array that was fitted before
                for name in ("n_features_in_", "feature_names_in_"):
                    self.__dict__.pop(name, None)
            if sample_weight is None:
                return X, None if y is None else np.asarray(y), None
            raise ValueError(
                f"sample_weight works for arrays, but X is a {type(X).__name__}. "
                "Repeat or resample its rows instead."
            )
        X, y = self._validated(X, y, reset=reset)
        if sample_weight is None:
            return X, y, None
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        kept = weight > 0
        return (X, y, weight) if kept.all() else (X[kept], y[kept], weight[kept])

    def _validated(self, X, y="no_validation", *, reset):
        refuse_texts(X)
        if isinstance(X, torch.Tensor):
            X = to_numpy(X)
        seen = None if reset else self.__dict__.get("_input_shape")
        X = pad_signals(X, least_length=seen[-1] if seen and len(seen) == 3 else 0)
        of_unequal_lengths = end_early(X)
        if of_unequal_lengths:
            refuse_unequal_lengths(self.module)
        validated = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float32, np.int64, np.int32],
            allow_nd=True,
            ensure_all_finite=not of_unequal_lengths,
        )
        rows = validated[0] if isinstance(validated, tuple) else validated
        refuse_samples_of_nothing(rows)
        if seen and "n_features_in_" in vars(self):
            refuse_other_sizes(self.module, rows.shape, seen)
        refuse_other_than_ids(self.module, rows)
        return validated

    def _find_labels(self, y, classes) -> BinaryLabels:
        if y is None and classes is None:
            return CODES
        known = y if classes is None else np.asarray(classes)
        return find_labels(known, self.pos_label)

    def _settle_classes(self, labels, target, weight, *, first, method) -> None:
        """Set what is counted in the targets, once nothing can be refused any more."""
        totals = np.full(2, np.nan)
        if target is not None:
            totals = np.bincount(target.astype(int), weights=weight, minlength=2)
        pos_weight_settled = not first and method == "partial_fit"
        if pos_weight_settled:
            totals = totals + self._class_totals
            pos_weight = self.pos_weight_
        else:
            pos_weight = self._resolved_pos_weight(labels, *totals)
        if first and target is not None:
            # with_callbacks puts one frame between the user and fit.
            stacklevel = 6 if method == "fit" else 5
            if self.pos_label is None:
                warn_if_positive_is_frequent(labels, *totals, stacklevel=stacklevel)
            warn_if_upside_down(pos_weight, *totals, stacklevel=stacklevel)
        self._labels = labels
        self._class_totals = totals
        self.train_prior_ = self.batch_prior_ = float(totals[1] / totals.sum())
        self.pos_weight_ = pos_weight

    def _resolved_pos_weight(self, labels, negative, positive) -> float:
        pos_weight = self.pos_weight
        in_criterion = self.get_params_for("criterion").get("pos_weight")
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
            negative_label=labels.negative,
            positive_label=labels.positive,
        )

    def _rows(self, X, target=None, weight=None):
        if self.dataset is TensorRows:
            return TensorRows(
                X,
                target,
                weight,
                device=self._compute_device(),
                dtype=self._input_dtype(X),
            )
        if weight is not None:
            raise ValueError(
                "sample_weight needs the default dataset, got "
                f"dataset={self.dataset!r}."
            )
        return super().get_dataset(X, target)

    def _input_dtype(self, X) -> torch.dtype:
        module = self.__dict__.get("module_")
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
        if is_dict(X):
            return (
                Dataset(X, y)
                if self.dataset is TensorRows
                else super().get_dataset(X, y)
            )
        return self._rows(self._validated(X, reset=False), y)

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
            columns = require_probabilities(super().predict_proba(X))
            return self._in_class_order(columns)
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
        takes_logits = self.__dict__.get("_criterion_takes_logits", True)
        return takes_logits and self.predict_nonlinearity == "auto"

    def _check_what_predictions_use(self) -> None:
        # Checking all parameters takes as long as a small network.
        self._check_threshold()
        validate_parameter_constraints(
            {"prior": self._parameter_constraints["prior"]},
            {"prior": self.prior},
            caller_name=type(self).__name__,
        )

    def _positive_logit(self, X):
        self.check_is_fitted()
        self._check_what_predictions_use()
        if self._outputs_are_logits():
            z = require_no_nan(self._outputs(X))
        else:
            columns = require_probabilities(super().predict_proba(X))
            z = logit(columns[:, 1].astype(np.float64))
        return z + self._prior_shift()

    def _outputs(self, X) -> NDArray[np.float64]:
        # Not a list of tensors: small ones between large temporary ones leave holes in
        # memory.
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
        if isinstance(self.prior, Real) and not 0 < self.train_prior_ < 1:
            raise ValueError(
                "A numeric prior needs the share of positives in training, and both "
                f"classes there, got train_prior_={self.train_prior_}. Go on training "
                "until both have been seen; beside a Dataset pass y to fit."
            )
        return prior_shift(
            self.prior,
            pos_weight=self.pos_weight_,
            train_prior=self.train_prior_,
            batch_prior=self.batch_prior_,
        )
