"""Where scikit-learn and torch meet: `BinaryNetClassifier`."""

from array import array
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metadata_routing import process_routing
from skorch.utils import is_dataset, to_numpy
from torch import nn
from torch.utils.data import Dataset

from skbin.data.fitted import FittedData
from skbin.data.intake import Samples, admit, admit_for_prediction, is_dict
from skbin.data.labels import CODES, BinaryLabels, warn_if_positive_is_frequent
from skbin.data.rows import TensorRows, is_in_memory, resolve
from skbin.data.seen import SeenRows, warn_if_trained_on
from skbin.data.splits import split_rows
from skbin.machine.callers import stacklevel_of_user
from skbin.machine.devices import give_memory_back, require_device
from skbin.machine.randomness import draw_seed, seeded
from skbin.memory.cache import load_or_train
from skbin.networks.inputs import require_takes
from skbin.networks.signals import ConvNet
from skbin.networks.tables import DenseNet
from skbin.training.callbacks import FitTask
from skbin.training.loop import LogitNet, refuse_other_order
from skbin.training.loss import pos_weight_of_class_weight
from skbin.training.output import (
    log_probability_columns,
    prior_shift,
    probability_columns,
    require_no_nan,
    require_probabilities,
    takes_token_ids,
)
from skbin.training.parameters import refuse_unknown_names
from skbin.training.resuming import CHECKPOINTING
from skbin.training.rollback import as_before_on_error
from skbin.training.run import Run, inside_training, is_inside_training
from skbin.training.settling import settle

# What one call brings along, beside parameters: never kept as a result of training, or
# a network that comes from memory would bring the labels and listeners of another call.
_OF_THE_CALL = {
    "_callback_fit_ctx",
    "_metadata_request",
    "_params_to_validate",
    "_parent_callback_ctx",
    "_part_params",
    "_run",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "feature_names_in_",
    "n_features_in_",
}
_NO_PART_IN_TRAINING = ("threshold", "prior", "verbose", "memory", "pos_label")


class BinaryNetClassifier(CallbackSupportMixin, LogitNet):
    """Neural network for two classes, one of them rare.

    A skorch net (each parameter and callback of skorch works) and a scikit-learn
    classifier. The network ends in one logit and is trained with
    ``BCEWithLogitsLoss(pos_weight=...)``. Labels of any type, DataFrames and sparse
    matrices become float32 tensors once, and batches are sliced from tensors that live
    on the device. `predict` returns the positive class where its probability is at
    least `threshold`, which can be changed and tuned without training again.

    Parameters
    ----------
    module : "auto", torch.nn.Module class, callable or instance, default="auto"
        The network. "auto" is `DenseNet` for two dimensions and `ConvNet` for signals.
        An output of shape ``(n,)`` or ``(n, 1)`` is a logit; of ``(n, 2)``, two logits
        or log-softmax scores, it becomes ``out[:, 1] - out[:, 0]``. Parameters
        ``n_features``, ``n_channels``, ``length`` and ``vocab_size`` without a default
        are set from the data. An instance is copied, never trained itself; its weights
        were drawn before, so that `random_state` plays no part in them: pass a class.
    criterion : torch.nn.Module class or instance, default=torch.nn.BCEWithLogitsLoss
        The loss. With ``torch.nn.BCELoss`` the module ends in a sigmoid; a loss of your
        own takes logits, unless `predict_nonlinearity` says otherwise. An instance is
        copied.
    optimizer : torch.optim.Optimizer class, default=torch.optim.Adam
        The optimizer. Its parameters are ``optimizer__weight_decay`` and so on.
    lr : float, default=0.001
        Learning rate.
    max_epochs : int, default=50
        Passes over the data.
    batch_size : int, default=128
        Rows for each training step; -1 for all. Predictions are computed in batches
        of ``iterator_valid__batch_size``, by default as large as caches like them.
    iterator_train, iterator_valid : "auto" or callable, default="auto"
        Makes the iterator over batches from the dataset. "auto": slices of tensors if
        it is in memory, else, or with any parameter of a ``DataLoader``, that. For
        training `BalancedBatches` draws both classes in a chosen ratio. Training
        batches are shuffled unless ``iterator_train__shuffle=False``. A sampler names
        rows of X.
    dataset : "auto" or class, default="auto"
        Holds samples and targets; see skorch.
    train_split : None or callable, default=None
        Internal validation split, such as ``skorch.dataset.ValidSplit(5,
        stratified=True)``. None: every row is trained on.
    callbacks : None, "disable" or list of skorch.callbacks.Callback, default=None
        Callbacks beside the default ones. Instances are used as they are, as in skorch,
        so that they hold what they found after `fit`.
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
        n_positive of the rows that are trained on, by sample weight.
        ``class_weight="balanced"`` is accepted as another name for it.
    prior : None, "train" or float in (0, 1), default=None
        What probabilities refer to. None: the sigmoid of the logit as trained, which
        `pos_weight` and resampling have shifted. "train": the shift by `pos_weight`
        and `BalancedBatches` is undone. A number: a population with this share of
        positives.
    pos_label : object, default=None
        The label of the positive class. None: ``classes_[1]``. Some meta-estimators
        (``cross_val_predict`` of probabilities, stacking, voting) number the labels
        before they fit; with them encode y yourself and leave it at None.
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
        Share of positives among the rows that were trained on, by sample weight. NaN
        for a Dataset without `y`.
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
    DenseNet : The default network for tables.
    ConvNet : The default network for signals.
    skorch.NeuralNetBinaryClassifier : The parent class.

    Notes
    -----
    A `sample_weight` multiplies the loss of its row: the loss of a batch is
    ``sum(w * loss) / sum(w)``, and only ratios of weights count. If all rows fit into
    one batch, equal rows are merged into one with the sum of their weights; then a
    weight of 2 gives exactly what repeating the row gives. Losses and scores of the
    history are weighted means. Rows of weight zero are as if they were not there.

    A call of `fit` or `partial_fit` that fails, by whatever error, leaves the estimator
    as it was before the call. One object is not meant to be fitted in one thread while
    another predicts with it.

    Columns of numbers far from zero, such as times in milliseconds, are brought near it
    in double precision before they become float32: their median is subtracted.

    Fits with `random_state` or `memory` in several threads of one process take turns,
    because torch has one generator for all of them. A callback may fit another network,
    but not in other threads: that would deadlock.

    With `memory`, `fit` trains only what the folder does not hold for the same data,
    parameters, code and versions; `threshold`, `prior`, `verbose` and `pos_label` play
    no part. What it gives is what training gives: weights, `history`, optimizer.
    Processes that want the same network wait for the one that trains it. With
    ``random_state=None`` a network of any seed is reused, so that repeated fits are
    identical. What callbacks do elsewhere, such as writing files, is not repeated, and
    scikit-learn's callbacks see no epochs of it. A training that was killed or
    interrupted goes on after the last epoch that it left in the folder. Saving takes at
    most 5 % of the training time, except for the first save; a resumed training gives
    exactly the result of an undisturbed one. The folder holds pickles: whoever can
    write there can run code here. `partial_fit`, warm starts and torch Datasets always
    train.

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
        "module": [callable, StrOptions({"auto"})],
        "criterion": [callable],
        "optimizer": [callable],
        "iterator_train": [callable, StrOptions({"auto"})],
        "iterator_valid": [callable, StrOptions({"auto"})],
        "dataset": [callable, Dataset, StrOptions({"auto"})],
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

    def __init__(
        self,
        module: Any = "auto",
        *,
        criterion: Any = nn.BCEWithLogitsLoss,
        optimizer: Any = torch.optim.Adam,
        lr: float = 0.001,
        max_epochs: int = 50,
        batch_size: int = 128,
        iterator_train: Any = "auto",
        iterator_valid: Any = "auto",
        dataset: Any = "auto",
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
        if "class_weight" in kwargs:
            pos_weight = pos_weight_of_class_weight(
                kwargs.pop("class_weight"), pos_weight
            )
        self._refuse_unknown_names(kwargs, module, criterion, optimizer)
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
        if self._data is None and not self.initialized_:
            raise AttributeError("There are no classes_ before fit.")
        return self._seen_labels().classes

    def _seen_labels(self) -> BinaryLabels:
        if self._data is None or is_inside_training(self):
            return CODES
        return self._data.labels

    def _fitted_data(self, name: str) -> FittedData:
        if self._data is None:
            raise AttributeError(f"There is no {name} before fit.")
        return self._data

    @property
    def pos_weight_(self):
        """Weight of the positive class that the loss was given."""
        return self._fitted_data("pos_weight_").pos_weight

    @property
    def train_prior_(self):
        """Share of positives among the rows that were trained on, by weight."""
        return self._fitted_data("train_prior_").train_prior

    @property
    def batch_prior_(self):
        """Share of positives in the batches that were trained on."""
        return self._fitted_data("batch_prior_").batch_prior

    def set_params(self, **params):
        """Set parameters; nothing is trained again. See `ParameterNet.set_params`."""
        if "class_weight" in params:
            params["pos_weight"] = pos_weight_of_class_weight(
                params.pop("class_weight"), params.get("pos_weight")
            )
        return super().set_params(**params)

    def _refuse_unknown_names(self, names, module, criterion, optimizer) -> None:
        modules = (module,)
        if isinstance(module, nn.Module):
            modules = (type(module),)
        if isinstance(module, str):  # "auto"
            modules = (DenseNet, ConvNet)
        refuse_unknown_names(
            names,
            known=BaseEstimator._get_param_names.__func__(type(self)),
            parts={
                "module": modules,
                "criterion": (criterion,),
                "optimizer": (optimizer,),
            },
            owner=type(self).__name__,
            knows_all_parts=type(self) is BinaryNetClassifier,
        )

    def _validate_params(self):
        super()._validate_params()
        self._check_parameters()

    def _check_parameters(self) -> None:
        self._check_threshold()
        BaseEstimator._validate_params(self)
        self._refuse_unknown_names(
            self._params_of_parts(), self.module, self.criterion, self.optimizer
        )
        refuse_other_order(self.iterator_valid, self.get_params_for("iterator_valid"))

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

    def __getstate__(self):
        # A checkpoint that is written while training must not load as if training.
        state = super().__getstate__()
        for name in ("_run", "_callback_fit_ctx", "_skl_callbacks_to_teardown"):
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
            with NaN after each signal's end. A dict of arrays becomes the keyword
            arguments of the module's ``forward``.
        y : array-like of shape (n_samples,)
            Two classes. For a Dataset the targets come from it; then `y` holds the same
            labels, and is only needed for a stratified split, "balanced", a numeric
            prior, or labels other than 0 and 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; see Notes of the class.
        **fit_params : dict
            ``epochs`` in the place of `max_epochs`; all else is passed to the module's
            ``forward`` and to `train_split`.

        Returns
        -------
        self : BinaryNetClassifier

        Raises
        ------
        ValueError
            For unusable data or parameters, a device that is not there, a module
            whose output is no logit, or a loss that becomes NaN or infinite. The
            estimator is then as it was before.
        RuntimeError
            What torch says of a module of your own that does not fit the data, with
            the shape of the batch, or of a device without room for it.
        """
        fresh = not (self.warm_start and self.initialized_)
        n_epochs = self._n_epochs(fit_params)
        context = self._init_callback_context(max_subtasks=n_epochs)
        task = FitTask(context, self, X, y, sample_weight)
        with as_before_on_error(self, continues=not fresh):
            task.begin()
            self._train(
                X, y, sample_weight, fit_params, "fit", fresh, n_epochs, task=task
            )
            task.end()
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
        n_epochs = self._n_epochs(fit_params)
        with as_before_on_error(self, continues=not fresh):
            self._train(
                X,
                y,
                sample_weight,
                fit_params,
                "partial_fit",
                fresh,
                n_epochs,
                classes=classes,
            )
        return self

    def _n_epochs(self, fit_params: dict[str, Any]) -> int:
        epochs = fit_params.pop("epochs", None)
        if epochs is None:
            return self.max_epochs
        validate_parameter_constraints(
            {"epochs": self._parameter_constraints["max_epochs"]},
            {"epochs": epochs},
            caller_name="fit",
        )
        return epochs

    def _train(
        self,
        X,
        y,
        sample_weight,
        fit_params,
        method,
        fresh,
        n_epochs,
        *,
        classes=None,
        task=None,
    ):
        self._check_parameters()
        require_device(self.device)
        fitted = None if fresh else self._data
        samples = admit(self, X, y, sample_weight, fitted=fitted, classes=classes)
        if fitted is None and self.pos_label is None:
            warn_if_positive_is_frequent(
                samples.labels,
                *samples.class_totals(),
                stacklevel=stacklevel_of_user() + 1,
            )
        # With memory a fit moves torch's generator by one draw, trained or loaded.
        shared = self.memory is not None and fresh
        seed = draw_seed(self.random_state, else_from_torch=shared)
        if seed is not None and not fresh:
            seed += len(self.history)
        run = Run(seed, n_epochs, is_fresh=fresh, task=task)

        def train(checkpoints: Any = None) -> tuple[dict[str, Any], bool]:
            run.checkpoints = checkpoints
            self._run_training(samples, fitted, run, fit_params, method)
            return self._what_training_sets(), not run.was_interrupted

        if self.memory is None or not fresh or samples.is_dataset:
            train()
            return
        self._data = _describe(samples)
        depends_on = self._depends_on(samples, run, fit_params)
        self._take_over(load_or_train(self.memory, depends_on, train))
        self._data = replace(
            _describe(samples),
            class_totals=self._data.class_totals,
            pos_weight=self._data.pos_weight,
            batch_prior=self._data.batch_prior,
        )

    def _depends_on(self, samples, run, fit_params) -> dict[str, Any]:
        params = self.get_params(deep=False)
        for name in (*_NO_PART_IN_TRAINING, "max_epochs"):
            del params[name]
        # What these say is said by the numbers that they lead to.
        params.update(
            device=str(self.device),
            random_state=None if self.random_state is None else run.seed,
        )
        return {
            "estimator": type(self),
            "parameters": sorted(params.items()),
            "epochs": run.n_epochs,
            "data": [samples.X, samples.target, samples.weight, samples.offset],
            "fit_params": sorted(fit_params.items()),
        }

    def _run_training(self, samples, fitted, run, fit_params, method) -> None:
        with seeded(run.seed, self._compute_device()), inside_training(self):
            self._run = run
            try:
                if fitted is None:
                    self._data = _describe(samples)
                if run.is_fresh:
                    self.initialized_ = False
                    self.initialize()
                require_takes(self._bare_module(), samples, self._fitted_shape())
                run.train, run.valid = self._split(samples, method, fit_params)
                self._data = settle(self, samples, fitted, method)
                self._hand_pos_weight_over()
                if fitted is None:
                    self._prepare_module()
                # skorch's fit is initialize and partial_fit.
                super().partial_fit(
                    samples.X, samples.target, _routing_method=method, **fit_params
                )
            except torch.OutOfMemoryError as error:
                run.train = run.valid = None
                give_memory_back(error)
                raise
            finally:
                del self._run
        self.callbacks_ = [pair for pair in self.callbacks_ if pair[0] != CHECKPOINTING]
        # Layers are switched one by one: threads that predict must find it done.
        self._set_training(False)

    def _split(self, samples, method, fit_params) -> tuple[Any, Any]:
        split_params = fit_params
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, method, **fit_params)
            split_params = routed.get("splitter", {"split": {}})["split"]
        dataset = self._dataset_of(samples, samples.target, samples.weight)
        if isinstance(dataset, TensorRows):
            train, valid = split_rows(
                self.train_split,
                dataset,
                samples.target,
                random_state=self._run.seed,
                **split_params,
            )
        elif not self.train_split:
            train, valid = dataset, None
        else:
            targets = () if samples.target is None else (samples.target,)
            train, valid = self.train_split(dataset, *targets, **split_params)
        if valid is None or resolve(valid)[0] is dataset:
            return train, valid
        return train, self._admit_held_out(valid)

    def _admit_held_out(self, valid: Any) -> Any:
        """Admit a Dataset of the user's that a split holds out, by the same labels."""
        if is_in_memory(valid):
            return valid
        samples = admit(self, valid, fitted=self._data)
        return self._dataset_of(samples, samples.target, samples.weight)

    def _what_training_sets(self) -> dict[str, Any]:
        others = _OF_THE_CALL | self.get_params(deep=False).keys()
        state = {k: v for k, v in vars(self).items() if k not in others}
        state["callbacks_"] = [
            pair for pair in self.callbacks_ if pair[0] != CHECKPOINTING
        ]
        return state

    def _take_over(self, state: dict[str, Any]) -> None:
        """Set what training sets; the user's own callbacks stay the ones in use."""
        own = dict(vars(self).get("callbacks_", []))
        own |= dict(self._named_callbacks())
        self.__dict__.update(state)
        taken = []
        for name, callback in self.callbacks_:
            users = own.get(name)
            if type(users) is type(callback) and users is not callback:
                vars(users).update(vars(callback))
                callback = users
            taken.append((name, callback))
        self.callbacks_ = taken

    def _named_callbacks(self) -> list[tuple[str, Any]]:
        if self.callbacks == "disable":
            return []
        return [
            (name, callback)
            for name, callback in self._uniquely_named_callbacks()
            if not isinstance(callback, type) and callback is not None
        ]

    def _module_for_data(self) -> Any:
        if not isinstance(self.module, str):
            return self.module
        shape = None if self._data is None else self._data.shape
        return ConvNet if shape is not None and len(shape) == 3 else DenseNet

    def _fitted_shape(self) -> tuple[int, ...] | None:
        """Shape of the arrays of `fit`; a Dataset may hold samples of other axes."""
        is_of_arrays = "n_features_in_" in vars(self) and self._data is not None
        return self._data.shape if is_of_arrays else None

    # ---- datasets

    def _dataset_of(self, samples: Samples, target=None, weight=None) -> Any:
        """Rows as tensors, or the user's own kind of dataset of them."""
        if samples.is_dataset:
            return samples.X
        if self.dataset == "auto":
            return TensorRows(
                samples.X,
                target,
                weight,
                device=self._compute_device(),
                integers=self._dtype_of_integers(),
            )
        if weight is not None:
            raise ValueError(
                f"sample_weight needs dataset='auto', got dataset={self.dataset!r}."
            )
        return super().get_dataset(samples.X, target)

    def _dtype_of_integers(self) -> torch.dtype:
        takes_ids = self.initialized_ and takes_token_ids(self._bare_module())
        return torch.int64 if takes_ids else torch.float32

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
        is_ours = isinstance(X, torch.Tensor) or is_dict(X)
        if fitted is not None and is_ours and is_inside_training(self):
            # Scores without caching read rows back that were admitted before.
            fitted = replace(fitted, offset=None)
        samples = admit_for_prediction(self, X, fitted)
        if self.initialized_:
            require_takes(self._bare_module(), samples, self._fitted_shape())
        return self._dataset_of(samples, y)

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
            The positive class where its probability is at least `threshold`.
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
        self.check_is_fitted()
        if self.prior is None and not self._outputs_are_logits():
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

    def _warn_if_trained_on(self, X, is_positive, *, stacklevel):
        """Warn if most of these rows were trained on; displays ask for it."""
        if self._data is None or self._data.seen_rows is None:
            return
        warn_if_trained_on(
            self._data.seen_rows,
            admit_for_prediction(self, X, self._data).X,
            is_positive,
            name=type(self).__name__,
            stacklevel=stacklevel + 1,
        )

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
        self.check_is_fitted()
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
        if self._data is None:
            raise NotFittedError(
                f"prior={self.prior!r} needs the share of positives in training, which "
                "weights alone do not tell. Call fit or partial_fit; or leave prior at "
                "None."
            )
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


def _describe(samples: Samples) -> FittedData:
    """Describe the first samples, for later calls and for predictions."""
    X = samples.X
    return FittedData(
        samples.labels,
        samples.shape,
        samples.largest_id,
        samples.offset,
        inputs=tuple(X) if is_dict(X) else None,
        seen_rows=SeenRows(X) if isinstance(X, np.ndarray) else None,
    )
