"""Where scikit-learn and torch meet: `BinaryNetClassifier`."""

import inspect
from typing import Any

import torch
from sklearn.callback import CallbackSupportMixin, with_callbacks
from torch import nn

from skbin.data.intake import admit
from skbin.data.labels import warn_if_positive_is_frequent
from skbin.default_network import (
    network_for,
    networks_of,
    refuse_parameters_of_others,
    takes_missing_values,
)
from skbin.machine.devices import require_device
from skbin.machine.randomness import draw_seed
from skbin.memory.cache import load_or_train
from skbin.memory.outputs import outputs_of
from skbin.training.amount import given_epochs, suited_epochs
from skbin.training.callbacks import FitTask
from skbin.training.fitting import describe, run_training, what_training_depends_on
from skbin.training.iterators import refuse_other_order
from skbin.training.loss import pos_weight_of_class_weight
from skbin.training.parameters import refuse_unknown_names
from skbin.training.prediction import PredictingNet
from skbin.training.resampled import warn_if_prior_is_resampled
from skbin.training.run import Run
from skbin.training.state import as_before_on_error, take_over, what_training_sets


class BinaryNetClassifier(CallbackSupportMixin, PredictingNet):
    """Neural network for two classes, one of them rare.

    A skorch net (every parameter and callback of skorch works) and a scikit-learn
    classifier. The network ends in one logit and is trained with
    ``BCEWithLogitsLoss(pos_weight=...)`` on slices of tensors that stay on the device.
    `predict` returns the positive class where its probability is at least `threshold`,
    which can be changed and tuned without training again.

    Parameters
    ----------
    module : "auto", torch.nn.Module class, callable or instance, default="auto"
        The network. "auto" is `DenseNet` for tables, `SignalNet` for signals and
        `TextNet` for texts. An output of shape ``(n,)`` or ``(n, 1)`` is read as a
        logit; ``(n, 2)`` as two logits or log-softmax scores, whose difference,
        ``out[:, 1] - out[:, 0]``, is the logit. Parameters ``n_features``,
        ``n_channels``, ``length`` and ``vocab_size`` without a default are set from the
        data. An instance is copied and stays untrained. Its weights were drawn
        beforehand; pass a class to have `random_state` seed them.
    criterion : torch.nn.Module class or instance, default=torch.nn.BCEWithLogitsLoss
        The loss; an instance is copied. ``torch.nn.BCELoss`` needs a module that ends
        in a sigmoid; your own loss gets logits, unless `predict_nonlinearity` says
        otherwise.
    optimizer : torch.optim.Optimizer class, default=torch.optim.Adam
        The optimizer. Its parameters are ``optimizer__weight_decay`` and so on.
    lr : float or "auto", default="auto"
        Learning rate. "auto": 0.001, or what the module's ``training_for`` returns.
    max_epochs : int or "auto", default="auto"
        Passes over the data. "auto": 50, or what the module's ``training_for`` returns.
    batch_size : int, default=128
        Rows in each training step; -1 for all. Predictions are computed in batches of
        ``iterator_valid__batch_size`` rows; the default suits the device.
    iterator_train, iterator_valid : "auto" or callable, default="auto"
        Makes the iterator over batches from the dataset. "auto": slices of tensors if
        the dataset is in memory, otherwise, or if you set a parameter of a
        ``DataLoader``, a ``DataLoader``. In training, `BalancedBatches` draws both
        classes in a chosen ratio. Training batches are shuffled unless
        ``iterator_train__shuffle=False``. A sampler returns row numbers of X.
    dataset : "auto" or class, default="auto"
        Holds samples and targets; see skorch.
    train_split : None or callable, default=None
        Internal validation split, such as ``skorch.dataset.ValidSplit(5,
        stratified=True)``. None: `fit` trains on every row.
    callbacks : None, "disable" or list of skorch.callbacks.Callback, default=None
        Callbacks in addition to the default ones. As in skorch, instances are not
        copied, so that you can read their attributes after `fit`.
    predict_nonlinearity : callable, None or "auto", default="auto"
        Turns the module's output into two columns of probabilities. "auto" is right for
        ``BCEWithLogitsLoss`` and ``BCELoss``.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.
    verbose : int, default=0
        0: silent. 1: a progress bar over the epochs. 2: a table, one line per epoch.
    device : str, torch.device or None, default="cpu"
        Where to compute. "auto" takes cuda, else mps, else cpu.
    compile : bool, default=False
        Whether to use ``torch.compile``.
    use_caching : bool or "auto", default="auto"
        Whether scoring callbacks cache predictions; see skorch.
    torch_load_kwargs : dict or None, default=None
        Passed to ``torch.load``; see skorch.
    threshold : float in [0, 1], default=0.5
        `predict` returns the positive class if its probability is at least this.
    pos_weight : None, "balanced" or float, default=None
        Weight of the positive class in the loss. "balanced": n_negative / n_positive of
        the training rows, by sample weight. ``class_weight="balanced"`` is an alias.
    prior : None, "train" or float in (0, 1), default=None
        Share of positives that probabilities refer to. None: the sigmoid of the logit
        as trained, shifted by `pos_weight` and resampling. "train": that of training;
        the shift by `pos_weight` and `BalancedBatches` is undone. A number: that share.
    pos_label : object, default=None
        The label of the positive class. None: ``classes_[1]``. Some meta-estimators
        (``cross_val_predict`` of probabilities, stacking, voting) encode the labels
        before they fit; with them encode y yourself and keep None.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Columns of a table that hold categories: names, indices or a mask. Strings and
        columns of a categorical dtype are always categories.
    text_features : "auto", None or list, default="auto"
        Columns of a table that hold texts. "auto": columns whose strings typically have
        four words or more, at least half of the strings being distinct.
    early_stopping : bool, default=False
        Whether `fit` holds out rows (those of `train_split`, else 15 % of each class),
        stops when their loss no longer falls, and restores the best weights.
    memory : str, os.PathLike, joblib.Memory or None, default=None
        A folder in which `fit` caches trained networks: a search over `threshold` or
        `prior` then trains once per fold, and the process keeps the last predictions.
        See Notes.
    random_state : int, numpy.random.RandomState or None, default=None
        Seeds weights, shuffling and dropout without changing global generators. With an
        int, two fits on a CPU with the same number of threads give identical weights.
        None: torch's global generator is used in its current state.
    **kwargs : dict
        Parameters of the components, with two underscores: ``module__dropout``,
        ``optimizer__weight_decay``, ``iterator_train__shuffle``,
        ``callbacks__print_log__floatfmt``.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels, sorted. Callbacks and scorers inside training see 0 and 1.
    pos_weight_ : float
        Weight of the positive class in the loss.
    train_prior_ : float
        Share of positives among the training rows, by sample weight. NaN for a Dataset
        without `y`.
    n_features_in_ : int
        Size of the second axis of X. For arrays only.
    feature_names_in_ : ndarray of str of shape (``n_features_in_``,)
        Column names, if X was a DataFrame with string columns.
    batch_prior_ : float
        `train_prior_`, or the share of positives that `BalancedBatches` draws.
    module_, criterion_, optimizer_, callbacks_ : object
        The components, as in skorch.
    history : skorch.history.History
        Losses and scores by epoch and batch.
    n_iter_, loss_curve_, best_loss_ : int, list of float, float
        Epochs, their training losses, and the lowest loss: of held-out rows if any.

    See Also
    --------
    DenseNet : The default network for tables.
    SignalNet : The default network for signals.
    TextNet : The default network for texts.
    skorch.NeuralNetBinaryClassifier : The parent class.

    Notes
    -----
    A `sample_weight` multiplies the loss of its row: the loss of a batch is
    ``sum(w * loss) / sum(w)``, and only ratios of weights count. If all rows fit into
    one batch, equal rows are merged into one with the sum of their weights; then a
    weight of 2 gives exactly what repeating the row gives. (Rare categories of a table
    are still found by counting rows.) The losses and scores of the default callbacks
    are weighted means. Rows of weight zero are ignored.

    A call of `fit` or `partial_fit` that fails, with any error, leaves the estimator as
    it was before the call. Do not fit an estimator in one thread while another thread
    predicts with it.

    From numbers far from zero, such as times in milliseconds, the median of their
    column is subtracted in double precision before they become float32.

    Fits with `random_state` or `memory` in threads of one process take turns, because
    torch has one generator. A callback may fit another network, but not in other
    threads: that would deadlock.

    With `memory`, `fit` trains only if the folder holds no network for the same data,
    parameters, code and versions. `threshold`, `prior`, `verbose` and `pos_label` are
    not compared, unless an ``EpochScoring`` of yours or a ``monitor`` uses decisions or
    probabilities. With ``random_state=None`` a network of any seed is reused: repeated
    fits are identical. Side effects of callbacks, such as writing files, are not
    repeated. A training that was killed or interrupted resumes after the last epoch
    saved in the folder, with exactly the result of an uninterrupted one. The folder
    holds pickles: anyone who can write to it can run code here. It does not notice
    changes in code that is looked up by a string, in files and environment variables
    that code reads, in decisions that a callback of your own class requests from the
    net, or in libraries patched at run time: clear it after such a change. The history
    of a loaded network is that of its training, with ``valid_acc`` at the `threshold`
    of that time. `partial_fit`, warm starts and torch Datasets always train.

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

    def __init__(
        self,
        module: Any = "auto",
        *,
        criterion: Any = nn.BCEWithLogitsLoss,
        optimizer: Any = torch.optim.Adam,
        lr: Any = "auto",
        max_epochs: Any = "auto",
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
        categorical_features: Any = "from_dtype",
        text_features: Any = "auto",
        early_stopping: bool = False,
        memory: Any = None,
        random_state: Any = None,
        **kwargs: Any,
    ) -> None:
        if "class_weight" in kwargs:
            pos_weight = pos_weight_of_class_weight(
                kwargs.pop("class_weight"), pos_weight, pos_label
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
        self.categorical_features = categorical_features
        self.text_features = text_features
        self.early_stopping = early_stopping
        self.memory = memory
        self.random_state = random_state

    # ---- what scikit-learn asks of an estimator

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = takes_missing_values(self.module)
        tags.input_tags.three_d_array = True
        return tags

    def set_params(self, **params):
        """Set parameters; nothing is trained again. See `ParameterNet.set_params`."""
        if "class_weight" in params:
            params["pos_weight"] = pos_weight_of_class_weight(
                params.pop("class_weight"),
                params.get("pos_weight"),
                params.get("pos_label", self.pos_label),
            )
        return super().set_params(**params)

    def _refuse_unknown_names(self, names, module, criterion, optimizer) -> None:
        parts = {"criterion": (criterion,), "optimizer": (optimizer,)}
        refuse_unknown_names(
            names,
            known=inspect.signature(BinaryNetClassifier).parameters,
            parts={"module": networks_of(module), **parts},
            owner=type(self).__name__,
            knows_all_parts=type(self) is BinaryNetClassifier,
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._refuse_unknown_names(
            self._params_of_parts(), self.module, self.criterion, self.optimizer
        )
        refuse_other_order(self.iterator_valid, self.get_params_for("iterator_valid"))

    # ---- training

    @with_callbacks
    def fit(self, X, y=None, sample_weight=None, **fit_params):
        """Train the network.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_samples, n_features), \
array of shape (n_samples, n_channels, length), list of arrays of shape (n_channels, \
length), list or Series of str, dict of arrays, or torch Dataset
            The samples. A DataFrame may hold strings, texts, categories, times and
            missing values; an array NaN. Signals may differ in length: as a list, as a
            masked array, or with NaN after each signal's end. A dict of arrays becomes
            the keyword arguments of the module's ``forward``.
        y : array-like of shape (n_samples,)
            Labels of two classes. A Dataset yields its own targets; `y` then holds the
            same labels, and is only needed for a stratified split, "balanced", a
            numeric prior, or labels other than 0 and 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; see Notes of the class.
        **fit_params : dict
            ``epochs`` replaces `max_epochs`; all others are passed to the module's
            ``forward`` and to `train_split`.

        Returns
        -------
        self : BinaryNetClassifier

        Raises
        ------
        ValueError
            For unusable data or parameters, an unavailable device, a module whose
            output is not a logit, or a loss that becomes NaN or infinite. The estimator
            is then left as it was.
        RuntimeError
            If a module of your own does not fit the data (torch's message, with the
            shape of the batch), or if the device runs out of memory.
        """
        fresh = not (self.warm_start and self.initialized_)
        n_epochs = given_epochs(self, fit_params)
        context = self._init_callback_context(max_subtasks=n_epochs)
        task = FitTask(context, self, X, y, sample_weight)
        with as_before_on_error(self, continues=not fresh):
            task.begin()
            how = (fit_params, "fit", fresh, n_epochs)
            self._train(X, y, sample_weight, *how, task=task)
            task.end()
        return self

    def partial_fit(self, X, y=None, classes=None, sample_weight=None, **fit_params):
        """Continue training, for `max_epochs` passes over these rows.

        Parameters
        ----------
        X, y, sample_weight, **fit_params
            As for `fit`. After the first call `y` may hold one class only.
        classes : array-like of shape (2,), default=None
            Both labels. Needed in the first call if its `y` holds one class only.
            "balanced" is computed in the first call.

        Returns
        -------
        self : BinaryNetClassifier
        """
        fresh = not self.initialized_
        n_epochs = given_epochs(self, fit_params)
        with as_before_on_error(self, continues=not fresh):
            how = (fit_params, "partial_fit", fresh, n_epochs)
            self._train(X, y, sample_weight, *how, classes)
        return self

    def _train(
        self,
        X,
        y,
        sample_weight,
        fit_params,
        method,
        fresh,
        n_epochs,
        classes=None,
        task=None,
    ):
        self.check_training_readiness()
        self._check_parameters()
        require_device(self.device)
        fitted = None if fresh else self._data
        again = {"fitted": fitted, "fits_again": method == "fit"}
        samples = admit(self, X, y, sample_weight, classes=classes, **again)
        if fitted is None and self.pos_label is None:
            warn_if_positive_is_frequent(
                samples.labels,
                *samples.class_totals(),
            )
        if fresh:
            warn_if_prior_is_resampled(self, samples)
        # With memory a fit moves torch's generator by one draw, trained or loaded.
        shared = self.memory is not None and fresh
        seed = draw_seed(self.random_state, else_from_torch=shared)
        split_seed = seed
        if seed is not None and not fresh:
            seed += len(self.history)
        if n_epochs is None:
            n_epochs = suited_epochs(network_for(self.module, samples), samples.shape)
        run = Run(seed, n_epochs, is_fresh=fresh, split_seed=split_seed, task=task)

        def train(checkpoints: Any = None) -> tuple[dict[str, Any], bool]:
            run.checkpoints = checkpoints
            run_training(self, samples, fitted, run, fit_params, method)
            return what_training_sets(self), not run.was_interrupted

        if self.memory is None or not fresh or samples.is_dataset:
            train()
        else:
            described = self._data = describe(samples)
            depends_on = what_training_depends_on(self, samples, run, fit_params)
            take_over(self, load_or_train(self.memory, depends_on, train))
            self._data = self._data.described_by(described)
        if fitted is None:
            self._remember_made_parts()

    def _outputs(self, X):
        if self.memory is None or self._run is not None:
            return super()._outputs(X)
        return outputs_of(self, self.get_dataset(X), super()._outputs)

    def _module_for_data(self) -> Any:
        network = network_for(self.module, self._data)
        if isinstance(self.module, str):
            refuse_parameters_of_others(network, self.get_params_for("module"))
        return network
