"""skorch's training loop on one logit: each step that differs, in its own method."""

import copy
import functools
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.dataset import unpack_data
from skorch.history import History
from skorch.utils import TeeGenerator, to_tensor
from torch import nn

from skbin.data.batches import as_given
from skbin.data.fitted import FittedData
from skbin.training.amount import suited_rate
from skbin.training.callbacks import (
    CosineDecay,
    EpochLoss,
    EpochProgress,
    EpochTable,
    EpochTasks,
    WeightedScoring,
    refuse_unknown_callbacks,
)
from skbin.training.early_stopping import BestWeights
from skbin.training.iterators import make_iterator
from skbin.training.loss import (
    applies_pos_weight,
    pos_weight_in,
    refuse_logits_under_bce,
    refuse_unusable_criterion,
    weighted_loss,
)
from skbin.training.module import (
    make_module,
    takes_is_whole,
    tell_what_was_given,
    uncompiled,
)
from skbin.training.monitors import refuse_absent_monitors
from skbin.training.output import (
    as_float32,
    cut_rows,
    first_output,
    in_blocks,
    n_rows_of,
    positive_logit,
    refuse_constant,
    refuse_squashed,
    single_output,
    tensors_of,
)
from skbin.training.parameters import ParameterNet
from skbin.training.preparing import prepare_module
from skbin.training.run import CHECKPOINTING, Run
from skbin.training.speed import (
    can_be_fused,
    can_be_read_at_once,
    listens,
    needs_no_closure,
    read_numbers,
)
from skbin.training.state import LeaveCheckpoints, resume


class LogitNet(ParameterNet):
    """A skorch net that ends in one logit and is trained on targets 0 and 1.

    `_data` is what it stores about the data; `_run` exists only during training.
    """

    pos_weight: Any = None
    _data: FittedData | None = None
    _run: Run | None = None
    _pos_weight_in_criterion: Any = None

    @property
    def _default_callbacks(self):
        inherited = dict(super()._default_callbacks)
        inherited["train_loss"] = EpochLoss("train_loss", on_train=True)
        inherited["valid_loss"] = EpochLoss("valid_loss")
        for name, metric in (
            ("valid_acc", "accuracy"),
            ("valid_average_precision", "average_precision"),
        ):
            inherited[name] = WeightedScoring(metric, name=name, lower_is_better=False)
        inherited["progress"] = EpochProgress()
        inherited["cosine_decay"] = CosineDecay()
        inherited["best_weights"] = BestWeights()
        inherited["epoch_tasks"] = EpochTasks()
        inherited["print_log"] = EpochTable()
        return list(inherited.items())

    def __getstate__(self):
        # A checkpoint that is written while training must not load as if training.
        state = super().__getstate__()
        for name in ("_run", "_callback_fit_ctx", "_skl_callbacks_to_teardown"):
            state.pop(name, None)
        return state

    # ---- the parts

    def initialize_callbacks(self):
        """Make the callbacks; with `memory` the last one writes checkpoints."""
        if self._run is not None and self._run.train is not None:
            return self  # new ones would lack the state of the current training
        super().initialize_callbacks()
        refuse_unknown_callbacks(
            self.get_params_for("callbacks"), self._uniquely_named_callbacks()
        )
        if self._run is not None and self._run.checkpoints is not None:
            self.callbacks_.append(
                (CHECKPOINTING, LeaveCheckpoints(self._run.checkpoints))
            )
        return self

    def initialize_module(self):
        """Make the network, its input sizes taken from the data; see skorch."""
        kwargs = self.get_params_for("module")
        self.module_ = make_module(self._module_for_data(), kwargs, self._data)
        if self._run is not None and self._run.train is not None:
            prepare_module(self)
        return self

    def _module_for_data(self) -> Any:
        return self.module

    def initialize_criterion(self):
        """Make the loss; an instance is copied, never changed. See skorch."""
        kwargs = self.get_params_for("criterion")
        criterion = self.criterion
        if isinstance(criterion, nn.Module) and not kwargs:
            criterion = copy.deepcopy(criterion)
        refuse_unusable_criterion(criterion, kwargs, self.predict_nonlinearity)
        self.criterion_ = self.initialized_instance(criterion, kwargs)
        refuse_unusable_criterion(self.criterion_, {}, self.predict_nonlinearity)
        self._pos_weight_in_criterion = pos_weight_in(self.criterion_)
        if self._run is None or self._run.train is not None:  # else not yet computed
            self._hand_pos_weight_over()
        return self

    def _bare_criterion(self) -> Any:
        criterion = vars(self).get("criterion_")
        if criterion is None and self._criteria:  # of a subclass, by another name
            criterion = getattr(self, f"{self._criteria[0]}_")
        return uncompiled(criterion)

    def trim_for_prediction(self):
        """Drop what only training needs; not the loss, which tells what outputs are."""
        criterion = vars(self).get("criterion_")
        super().trim_for_prediction()
        if criterion is not None:
            self.criterion_ = criterion

    def _takes_logits(self) -> bool:
        return not isinstance(self._bare_criterion(), nn.BCELoss)

    def _hand_pos_weight_over(self) -> None:
        """Let a loss that has `pos_weight` apply it; for others, weight the rows."""
        criterion = self._bare_criterion()
        if self._data is None or not applies_pos_weight(criterion):
            return
        if self._data.pos_weight != 1 or criterion.pos_weight is not None:
            device = self._compute_device()
            criterion.pos_weight = torch.tensor(self._data.pos_weight, device=device)

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Collect the arguments of an optimizer; Adam is fused by default."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        if isinstance(kwargs.get("lr"), str):
            shape = None if self._data is None else self._data.shape
            kwargs["lr"] = suited_rate(self._bare_module(), shape)
        if can_be_fused(getattr(self, prefix, None), args[0], kwargs):
            kwargs["fused"] = True
        return args, kwargs

    def _bare_module(self) -> Any:
        return uncompiled(self.module_)

    def _compute_device(self) -> Any:
        return self.device

    # ---- the loop

    def notify(self, method_name, **cb_kwargs):
        """Notify the callbacks; see skorch.

        Only those that override the method are called: empty calls take their time.
        """
        run = self._run
        if run is None:
            super().notify(method_name, **cb_kwargs)
            return
        getattr(self, method_name)(self, **cb_kwargs)
        if method_name in ("on_train_begin", "on_epoch_begin"):
            run.listeners = {}  # callbacks may be new ones
        if method_name not in run.listeners:
            run.listeners[method_name] = [
                callback
                for _, callback in self.callbacks_
                if listens(callback, method_name)
            ]
        for callback in run.listeners[method_name]:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                # skorch lets callbacks end a training as Ctrl-C does.
                run.was_interrupted = not isinstance(callback, EarlyStopping)
                raise

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Continue the random numbers of a training that was killed."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        if self._run is not None and self._run.random_state_between is not None:
            self._run.random_state_between.restore()
            self._run.random_state_between = None

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train; resume after the last saved epoch of a training that was killed."""
        run = self._run
        if run is None:
            return super().fit_loop(X, y, epochs, **fit_params)
        refuse_absent_monitors(self.callbacks_, has_valid=run.valid is not None)
        epochs = run.n_epochs
        if run.checkpoints is not None:
            epochs -= resume(self, run)
        run.was_interrupted = True
        super().fit_loop(X, y, epochs, **fit_params)
        run.was_interrupted = False
        return self

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the training rows and the held-out rows; see skorch."""
        run = self._run
        if run is not None and run.train is not None and X is run.X:
            return run.train, run.valid
        return super().get_split_datasets(X, y, **fit_params)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch and stop at a loss that is NaN or infinite; see skorch."""
        if iterator is None:
            return
        batches = self.history[-1]["batches"]
        name = f"{prefix}_loss"
        n_before = len([batch for batch in batches if name in batch])
        self._run_batches(iterator, training, prefix, step_fn, **fit_params)
        if self._run is not None:
            self._run.contention.look(self.device)
        losses = [batch[name] for batch in batches if name in batch]
        if training and len(losses) == n_before:
            raise ValueError(
                "The training data yielded no batch, so that nothing was learned. Pass "
                "samples, with iterator_train__drop_last=True at least "
                f"batch_size={self.batch_size} of them; a sampler must draw some."
            )
        if np.isfinite(losses).all():
            return
        raise ValueError(
            f"The {prefix} loss became NaN or infinite in epoch {len(self.history)}. "
            "Scale the inputs (StandardScaler in a Pipeline), lower the learning rate, "
            f"now lr={self.lr}, or clip gradients (skorch's GradientNormClipping)."
        )

    def _run_batches(self, iterator, training, prefix, step_fn, **fit_params):
        # As in skorch, but the history is looked up once and not four times per batch.
        # On a GPU, losses stay on the device until the epoch ends: reading one would
        # make Python wait for the GPU at each batch.
        if type(self.history) is not History:
            step = functools.partial(self._weighted_step, step_fn, prefix)
            NeuralNet.run_single_epoch(
                self, iterator, training, prefix, step, **fit_params
            )
            return
        batches = self.history[-1]["batches"]
        n_batches = 0
        try:
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=training)
                weight = self._weight_of(batch)
                step = step_fn(batch, **self._says_whole(batch), **fit_params)
                if self._run is not None:
                    self._run.end_step(type(self).__name__, self._pos_weight_of_rows())
                batch, step["y_pred"] = as_given(batch, tensors_of(step["y_pred"]))
                row = batches[-1]
                row[f"{prefix}_loss"] = _number(step["loss"].detach())
                row[f"{prefix}_batch_size"] = n_rows_of(batch[0])
                if weight is not None:
                    row[f"{prefix}_batch_weight"] = _number(weight.sum())
                self.notify("on_batch_end", batch=batch, training=training, **step)
                n_batches += 1
        finally:
            read_numbers(batches, f"{prefix}_loss")
            read_numbers(batches, f"{prefix}_batch_weight")
        self.history.record(f"{prefix}_batch_count", n_batches)

    def _weighted_step(self, step_fn, prefix, batch, **fit_params):
        weight = self._weight_of(batch)
        if weight is not None:
            self.history.record_batch(f"{prefix}_batch_weight", float(weight.sum()))
        step = step_fn(batch, **self._says_whole(batch), **fit_params)
        if self._run is not None:
            self._run.end_step(type(self).__name__, self._pos_weight_of_rows())
        return step

    def _weight_of(self, batch: Any) -> torch.Tensor | None:
        weight = getattr(batch, "sample_weight", None)
        if self._run is not None:
            self._run.batch_weight = weight
        return weight

    def _says_whole(self, batch: Any) -> dict[str, bool]:
        """Tell a network that no value is missing, so that it need not check."""
        module_type: Any = type(self._bare_module())
        takes_it = takes_is_whole(module_type)
        is_whole = takes_it and getattr(batch, "is_whole", False)
        return {"is_whole": True} if is_whole else {}

    def _abandon_training(self) -> None:
        """Release what a failed training holds of other objects."""
        for _, callback in vars(self).get("callbacks_", []):
            if isinstance(callback, EpochProgress):
                callback.close()

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer; see skorch."""
        if not needs_no_closure(self.optimizer_) or len(self._optimizers) > 1:
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

    def _set_training(self, training=True):
        # Visiting all layers at each step costs more than some of the layers.
        if self.module_.training != training:
            super()._set_training(training)

    def infer(self, x, **fit_params):
        """Compute one output for each sample of a batch, a logit for most losses."""
        # NeuralNetBinaryClassifier would refuse two outputs.
        try:
            x = as_float32(x, self._bare_module())
            output = NeuralNet.infer(self, x, **fit_params)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            tell_what_was_given(error, x, fit_params)
            raise
        if not isinstance(output, tuple):
            return self._to_single(output)
        return (self._to_single(output[0]), *output[1:])

    def _to_single(self, output: Any) -> torch.Tensor:
        if not self._takes_logits():
            output = single_output(output)
            if output.requires_grad and self._is_first_batch():
                refuse_constant(output)
                refuse_logits_under_bce(output, self._bare_criterion())
            return output
        output = first_output(output)
        is_checked = self.predict_nonlinearity == "auto" and output.grad_fn is not None
        if is_checked and self._is_first_batch():
            refuse_squashed(output)
        return positive_logit(output)

    def _is_first_batch(self) -> bool:
        # The end of a module does not change from batch to batch.
        return len(self.history) == 1 and len(self.history[0]["batches"]) == 1

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the loss of a batch, weights of rows included; see skorch."""
        output = y_pred[0] if isinstance(y_pred, tuple) else y_pred
        if not isinstance(y_true, torch.Tensor) or y_true.device != output.device:
            y_true = to_tensor(y_true, device=output.device)
        y_true = y_true.float().reshape(output.shape)
        weight = None if self._run is None else self._run.batch_weight
        if self._run is not None:
            self._run.loss_was_ours = True
        pos_weight = self._pos_weight_of_rows()
        if weight is None and pos_weight == 1:
            loss = self.criterion_(output, y_true)
        else:
            loss = weighted_loss(self.criterion_, output, y_true, weight, pos_weight)
        if loss.dim():
            raise ValueError(
                f"The loss has shape {tuple(loss.shape)}, but training needs one "
                f"number: make {type(self._bare_criterion()).__name__} return a mean "
                "or a sum."
            )
        return loss

    def _pos_weight_of_rows(self) -> float:
        """Return the weight of positives if the loss itself does not apply it."""
        if self._data is None or self._data.pos_weight == 1:
            return 1.0
        known = applies_pos_weight(self._bare_criterion())
        return 1.0 if known else self._data.pos_weight

    def evaluation_step(self, batch, training=False):
        """Compute the outputs of a batch for prediction; see skorch."""
        if not self.initialized_:  # the whole check costs as much as a small network
            self.check_is_fitted()
        X, _ = unpack_data(batch)
        n_rows = n_rows_of(X)
        with torch.set_grad_enabled(training):
            self._set_training(training)
            if not training:
                X = in_blocks(X, n_rows)
            output = tensors_of(self.infer(X, **self._says_whole(batch)))
        if not isinstance(output, tuple):
            return output[:n_rows]
        return tuple(cut_rows(part, len(output[0]), n_rows) for part in output)

    def get_iterator(self, dataset, training=False):
        """Make the iterator over batches; see skorch."""
        return make_iterator(self, dataset, training=training)


def _number(value: torch.Tensor) -> Any:
    """Read a number if that need not wait; else keep it as a tensor."""
    # A CUDA graph writes the next loss into the same memory.
    return value.item() if can_be_read_at_once(value) else value.clone()
