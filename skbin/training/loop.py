"""Torch's side of the door: a skorch net that ends in one logit."""

import copy
from typing import Any

import numpy as np
import torch
from scipy.special import logit
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from skorch.history import History
from skorch.utils import TeeGenerator, to_device
from torch import nn
from torch.utils.data import IterableDataset, Subset

from skbin.data.balanced import BalancedBatches
from skbin.data.rows import (
    TensorBatches,
    TensorRows,
    iterate_batches,
    lives_in_memory,
    some_rows,
)
from skbin.data.splits import chooses_rows_freely, hold_out
from skbin.machine.randomness import RandomState
from skbin.networks.inputs import input_sizes
from skbin.training.callbacks import CosineDecay, EpochProgress, EpochTable, EpochTasks
from skbin.training.loss import (
    refuse_logits_under_bce,
    refuse_loss_of_two_outputs,
    refuse_weight_of_classes,
    weighted_loss,
)
from skbin.training.output import positive_logit, refuse_squashed, single_output
from skbin.training.parameters import ParameterNet
from skbin.training.speed import can_be_fused

# Kernels of linear algebra depend on the number of rows. In blocks of 16 each row is
# computed alike, so its probability does not depend on which rows come with it.
_ROW_BLOCK = 16
# Batches of prediction that stay in the caches and still keep Python's share small.
_EVALUATION_VALUES = 32_768
_MOST_EVALUATION_ROWS = 1024


class LogitNet(ParameterNet):
    """The steps of skorch's training loop that we change, each in its own method.

    Targets are 0 and 1 here and inputs are tensors; `BinaryNetClassifier` sees to it.
    It also sets what the steps read: ``pos_weight_``, ``batch_prior_``,
    ``_input_shape``, ``_largest_id``, ``_seed``, ``_is_new``, ``_is_training`` and
    ``_checkpoints``.
    """

    pos_weight: Any = None
    pos_weight_: float
    batch_prior_: float

    @property
    def _default_callbacks(self):
        inherited = dict(super()._default_callbacks)
        inherited["valid_average_precision"] = EpochScoring(
            "average_precision", name="valid_average_precision", lower_is_better=False
        )
        inherited["progress"] = EpochProgress()
        inherited["cosine_decay"] = CosineDecay()
        inherited["epoch_tasks"] = EpochTasks()
        inherited["print_log"] = EpochTable()
        return list(inherited.items())

    def _uniquely_named_callbacks(self):
        # A parameter stays as it was given: fit works on copies.
        for name, callback in super()._uniquely_named_callbacks():
            yield name, copy.copy(callback)

    def notify(self, method_name, **cb_kwargs):
        """Tell the callbacks what happens; see skorch.

        Those that do not override the method are not called: with small networks the
        empty calls, three for each callback and batch, took a tenth of the time.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        if method_name == "on_train_begin" or "_listeners" not in vars(self):
            self._listeners: dict[str, list[Any]] = {}  # callbacks may be new ones
        if method_name not in self._listeners:
            self._listeners[method_name] = [
                callback
                for _, callback in self.callbacks_
                if getattr(type(callback), method_name, None)
                is not getattr(Callback, method_name, None)
            ]
        for callback in self._listeners[method_name]:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                # skorch lets callbacks end a training as Ctrl-C does.
                self._was_interrupted = not isinstance(callback, EarlyStopping)
                raise
        checkpoints = vars(self).get("_checkpoints")
        if method_name == "on_epoch_end" and checkpoints is not None:
            checkpoints.offer(self._state_between_epochs)

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Let a new network begin where the data are; see skorch."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        if "_random_state_between" in vars(self):
            self.__dict__.pop("_random_state_between").restore()
        module = self._bare_module()
        if self.__dict__.pop("_is_new", False):
            self._begin_at_base_rate(module)
        if not getattr(module, "wants_input_scale", False):
            return
        if isinstance(dataset_train, IterableDataset):
            return  # what is read from a stream once may not come again
        rows = self.get_iterator(some_rows(dataset_train), training=False)
        batches = [X for X, _ in rows]
        if isinstance(batches[0], torch.Tensor):
            module.learn_input_scale(
                to_device(torch.cat(batches), self._compute_device())
            )

    def _bare_module(self) -> Any:
        return self.module_

    def _compute_device(self) -> Any:
        return self.device

    def _begin_at_base_rate(self, module) -> None:
        """Let the network give every row the share of positives, as weighted."""
        set_base_logit = getattr(module, "set_base_logit", None)
        is_users = isinstance(self.module, nn.Module)
        if set_base_logit and not is_users and 0 < self.batch_prior_ < 1:
            set_base_logit(logit(self.batch_prior_) + np.log(self.pos_weight_))

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train, and note whether something but early stopping ended it; see skorch.

        A training that was killed goes on after the last epoch that it has left.
        """
        self._was_interrupted = True
        checkpoints = vars(self).get("_checkpoints")
        if checkpoints is not None and checkpoints.left is not None:
            self._go_on_from(checkpoints)
            epochs = self.max_epochs - len(self.history)
        elif checkpoints is not None:
            checkpoints.random_state_before = RandomState(self._compute_device())
        super().fit_loop(X, y, epochs, **fit_params)
        # No epoch has taken it if all of them were done when the process was killed.
        self.__dict__.pop("_random_state_between", None)
        self._was_interrupted = False
        return self

    def _state_between_epochs(self) -> dict[str, Any]:
        return {
            "attributes": self._what_training_sets(),
            "random_state_before": self._checkpoints.random_state_before,
            "random_state_between": RandomState(self._compute_device()),
        }

    def _go_on_from(self, checkpoints) -> None:
        new_callbacks = self.callbacks_
        self.__dict__.update(checkpoints.left["attributes"])
        self.__dict__.pop("_is_new", None)
        for (_, new), (_, old) in zip(new_callbacks, self.callbacks_, strict=True):
            if isinstance(old, EpochProgress):
                old.go_on_with(new, n_epochs=len(self.history))
        # The iterators over batches are made as they were when the training began.
        checkpoints.random_state_before = checkpoints.left["random_state_before"]
        checkpoints.random_state_before.restore()
        self._random_state_between = checkpoints.left["random_state_between"]

    def _set_training(self, training=True):
        # Walking through all layers at each step costs more than some of the layers.
        if self.module_.training != training:
            super()._set_training(training)

    def initialize_module(self):
        """Make the network, its input sizes taken from the data; see skorch."""
        kwargs = self.get_params_for("module")
        module = self.module
        if isinstance(module, nn.Module):
            if not kwargs:
                self.module_ = copy.deepcopy(module)
                return self
            module = type(module)
        seen = vars(self)
        sizes = input_sizes(
            module, seen.get("_input_shape"), kwargs, seen.get("_largest_id")
        )
        self.module_ = module(**sizes, **kwargs)
        return self

    def initialize_criterion(self):
        """Make the loss; see skorch."""
        refuse_loss_of_two_outputs(self.criterion)
        refuse_weight_of_classes(self.get_params_for("criterion"))
        super().initialize_criterion()
        self._criterion_takes_logits = isinstance(self.criterion_, nn.BCEWithLogitsLoss)
        self._set_pos_weight()
        return self

    def _set_pos_weight(self) -> None:
        pos_weight = self.__dict__.get("pos_weight_", 1.0)
        if self._criterion_takes_logits:
            criterion: Any = getattr(self.criterion_, "_orig_mod", self.criterion_)
            if pos_weight != 1 or criterion.pos_weight is not None:
                device = self._compute_device()
                criterion.pos_weight = torch.tensor(pos_weight, device=device)
            return
        if self.pos_weight is not None:
            raise ValueError(
                f"{type(self.criterion_).__name__} takes no pos_weight, got "
                f"pos_weight={self.pos_weight!r}. End the module in a logit and use "
                "BCEWithLogitsLoss (the default), or pass sample_weight to fit."
            )

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Collect the arguments of an optimizer; see skorch.

        Adam and AdamW are fused, unless ``optimizer__fused`` or ``optimizer__foreach``
        says otherwise.

        Parameters
        ----------
        prefix : str
            Name of the optimizer's parameter.
        named_parameters : iterator
            The weights.

        Returns
        -------
        args : tuple
            The groups of weights.
        kwargs : dict
            All other arguments.
        """
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        if can_be_fused(getattr(self, prefix, None), args[0], kwargs):
            kwargs["fused"] = True
        return args, kwargs

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
        # NeuralNetBinaryClassifier would refuse two outputs.
        try:
            output = NeuralNet.infer(self, x, **fit_params)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            _tell_what_was_given(error, x, fit_params)
            raise
        if not isinstance(output, tuple):
            return self._to_single(output)
        return (self._to_single(output[0]), *output[1:])

    def _to_single(self, output: torch.Tensor) -> torch.Tensor:
        if not self._criterion_takes_logits:
            output = single_output(output)
            if output.requires_grad and self._is_first_batch():
                refuse_logits_under_bce(output, self.criterion_)
            return output
        if output.grad_fn is not None and self._is_first_batch():
            refuse_squashed(output)
        return positive_logit(output)

    def _is_first_batch(self) -> bool:
        # What a module ends in does not change from batch to batch.
        return len(self.history) == 1 and len(self.history[0]["batches"]) == 1

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
            return super().get_loss(y_pred, y_true, X, training)
        if y_true.sample_weight is None:
            return self.criterion_(y_pred, y_true)
        return weighted_loss(self.criterion_, y_pred, y_true, y_true.sample_weight)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch and stop at a loss that is no number; see skorch."""
        if iterator is None:
            return
        run = super().run_single_epoch
        if isinstance(iterator, TensorBatches) and type(self.history) is History:
            run = self._run_tensor_batches
        run(iterator, training, prefix, step_fn, **fit_params)
        losses = [b.get(f"{prefix}_loss", 0.0) for b in self.history[-1]["batches"]]
        if np.isfinite(losses).all():
            return
        raise ValueError(
            f"The {prefix} loss became NaN or infinite in epoch {len(self.history)}. "
            "Scale the inputs (StandardScaler in a Pipeline), lower the learning rate, "
            f"now lr={self.lr}, or clip gradients (skorch's GradientNormClipping)."
        )

    def _run_tensor_batches(self, iterator, training, prefix, step_fn, **fit_params):
        # As in skorch, but the history is looked up once and not four times a batch,
        # and holds losses as they lie on the device until the epoch ends: reading one
        # would make the processor wait for a GPU at each batch.
        batches = self.history[-1]["batches"]
        try:
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=training)
                step = step_fn(batch, **fit_params)
                batches[-1][f"{prefix}_loss"] = step["loss"].detach()
                batches[-1][f"{prefix}_batch_size"] = len(batch[0])
                self.notify("on_batch_end", batch=batch, training=training, **step)
        finally:
            _read_losses(batches, f"{prefix}_loss")
        self.history.record(f"{prefix}_batch_count", len(iterator))

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer; see skorch."""
        if not _needs_no_closure(self.optimizer_) or len(self._optimizers) > 1:
            return super().train_step(batch, **fit_params)
        self.optimizer_.zero_grad()
        step = self.train_step_single(batch, **fit_params)
        self.notify(
            "on_grad_computed",
            named_parameters=TeeGenerator(self.get_all_learnable_params()),
            batch=batch,
            training=True,
        )
        self.optimizer_.step()
        return step

    def evaluation_step(self, batch, training=False):
        """Compute the outputs of a batch for prediction; see skorch."""
        Xi = batch[0]
        missing = -len(Xi) % _ROW_BLOCK if isinstance(Xi, torch.Tensor) else 0
        if training or not missing:
            return super().evaluation_step(batch, training=training)
        padding = Xi[-1:].expand(missing, *Xi.shape[1:])
        output = super().evaluation_step([torch.cat([Xi, padding]), *batch[1:]])
        if isinstance(output, tuple):
            return tuple(part[: len(Xi)] for part in output)
        return output[: len(Xi)]

    def _evaluation_batch_size(self, dataset) -> int:
        while isinstance(dataset, Subset):
            dataset = dataset.dataset
        values_per_row = int(np.prod(dataset.shape[1:]))
        rows = min(_MOST_EVALUATION_ROWS, _EVALUATION_VALUES // max(values_per_row, 1))
        return max(self.batch_size or 1, rows - rows % _ROW_BLOCK, _ROW_BLOCK)

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
        order: Any = X.training_order(
            keep_order=not (chooses_freely and self._shuffles_training())
        )
        if self.train_split and chooses_freely:
            order = np.arange(len(X)) if order is None else order
            return hold_out(self.train_split, X, order, random_state=self._seed)
        dataset: Any = X if order is None else Subset(X, order)
        if not self.train_split:
            return dataset, None
        return self.train_split(dataset, y if order is None else y[order], **fit_params)

    def _shuffles_training(self) -> bool:
        shuffle = self.get_params_for("iterator_train").get("shuffle", True)
        return self.iterator_train in (iterate_batches, BalancedBatches) and shuffle

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
            if iterator is not BalancedBatches:
                _refuse_lost_weights(dataset, prefix)
            batches = super().get_iterator(dataset, training=training)
            if training and isinstance(batches, BalancedBatches):
                self.batch_prior_ = batches.positive_share
            return batches
        of_iterator = self.get_params_for(prefix)
        kwargs = {"batch_size": self.batch_size, **of_iterator}
        if training:
            kwargs.setdefault("shuffle", self.__dict__.get("_is_training", False))
        elif lives_in_memory(dataset) and "batch_size" not in of_iterator:
            kwargs["batch_size"] = self._evaluation_batch_size(dataset)
        if kwargs["batch_size"] == -1:
            kwargs["batch_size"] = len(dataset)
        if kwargs["batch_size"] is None and lives_in_memory(dataset):
            raise ValueError(
                "batch_size=None is for a Dataset whose samples are batches, but X is "
                "an array. Pass a number of rows, or -1 for all."
            )
        return iterator(dataset, **kwargs)


def _read_losses(batches: list[dict[str, Any]], name: str) -> None:
    """Turn the losses of an epoch from tensors into numbers, all at once."""
    batches = [batch for batch in batches if name in batch]
    if not batches:
        return
    losses = torch.stack([batch[name] for batch in batches]).flatten().tolist()
    for batch, loss in zip(batches, losses, strict=True):
        batch[name] = loss


def _tell_what_was_given(error: Exception, x: Any, fit_params: dict) -> None:
    if fit_params:
        error.add_note(
            f"What fit does not know is passed to the module: {sorted(fit_params)}. "
            "Weights of rows are called sample_weight."
        )
    for name, part in x.items() if isinstance(x, dict) else [("a batch", x)]:
        if isinstance(part, torch.Tensor):
            error.add_note(
                f"The module was given {name} of shape {tuple(part.shape)}, rows "
                f"first, of {part.dtype} on {part.device}."
            )
    if "more than 1 value per channel" in str(error):
        error.add_note(
            "Batch normalization needs two rows in each training step: pass more rows, "
            "and a batch_size of 2 or more."
        )


def _needs_no_closure(optimizer: torch.optim.Optimizer) -> bool:
    # Of torch's own, LBFGS alone evaluates the loss more than once for a step.
    of_torch = type(optimizer).__module__.startswith("torch.optim.")
    return of_torch and not isinstance(optimizer, torch.optim.LBFGS)


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
