"""Several processes train one network: `AcceleratedBinaryNetClassifier`."""

from typing import Any

import torch
from skorch.hf import AccelerateMixin

from skbin.classifier import BinaryNetClassifier
from skbin.data.batches import TensorBatches
from skbin.data.rows import Batch


class AcceleratedBinaryNetClassifier(AccelerateMixin, BinaryNetClassifier):
    """`BinaryNetClassifier` on several GPUs or machines, by Hugging Face Accelerate.

    Each process holds all rows and trains on its part of each epoch; gradients are
    averaged. Each step uses ``batch_size`` rows per process. Start the script with
    ``torchrun`` or ``accelerate launch``; in a single process, the class behaves as a
    `BinaryNetClassifier` on the device that Accelerate finds.

    Parameters
    ----------
    *args : tuple
        As for `BinaryNetClassifier`.
    accelerator : accelerate.Accelerator
        Describes the processes. Its ``mixed_precision`` is supported.
    callbacks__print_log__sink : callable, default=print
        Function that writes skorch's table of epochs; see `BinaryNetClassifier`.
    **kwargs : dict
        As for `BinaryNetClassifier`, but with ``device=None``: Accelerate chooses the
        device. With ``unwrap_after_train=False`` the network stays inside Accelerate's
        wrapper. Several processes need an int as `random_state`, and neither `memory`
        nor `early_stopping`.

    References
    ----------
    skorch's ``skorch.hf.AccelerateMixin``.

    Examples
    --------
    >>> from accelerate import Accelerator
    >>> from sklearn.datasets import make_classification
    >>> from skbin import AcceleratedBinaryNetClassifier
    >>> X, y = make_classification(weights=[0.9], random_state=0)
    >>> net = AcceleratedBinaryNetClassifier(
    ...     accelerator=Accelerator(cpu=True), random_state=0
    ... )
    >>> net.fit(X, y).predict_proba(X).shape
    (100, 2)
    """

    _criteria: list[str]

    def __init__(
        self,
        *args: Any,
        accelerator: Any,
        callbacks__print_log__sink: Any = print,  # the mixin's default always prints
        **kwargs: Any,
    ) -> None:
        super().__init__(
            *args,
            accelerator=accelerator,
            callbacks__print_log__sink=callbacks__print_log__sink,
            **kwargs,
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        n_processes = self.accelerator.num_processes
        if n_processes == 1:
            return
        if not isinstance(self.random_state, int):
            raise ValueError(
                f"{n_processes} processes that train one network must draw the same "
                f"numbers: set random_state to an int, got {self.random_state!r}."
            )
        if self.early_stopping:
            raise ValueError(
                f"{n_processes} processes that train one network would stop at "
                "different epochs: pass early_stopping=False."
            )
        if self.memory is not None:
            raise ValueError(
                f"{n_processes} processes that train one network would wait for each "
                f"other in the memory folder: leave memory out, got {self.memory!r}."
            )

    def _compute_device(self) -> Any:
        return self.accelerator.device

    def _bare_module(self) -> Any:
        return self.accelerator.unwrap_model(self.module_)

    def _initialize_accelerator(self):
        # On CPUs Accelerate wraps a loss without parameters too, which torch refuses.
        criteria, self._criteria = self._criteria, []
        super()._initialize_accelerator()
        self._criteria = criteria
        self.criterion_.to(self.accelerator.device)
        return self

    def get_iterator(self, dataset, training=False):
        """Make the iterator over this process's part of the batches; see skorch."""
        batches = super().get_iterator(dataset, training=training)
        if training and isinstance(batches, TensorBatches):
            batches.part = self.accelerator.process_index
            batches.n_parts = self.accelerator.num_processes
        return batches

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Let all processes end with the same network; see skorch."""
        if self.accelerator.num_processes > 1:
            # Synchronise the buffers of the last step; DDP would only do so before the
            # next.
            for buffer in self._bare_module().buffers():
                torch.distributed.broadcast(buffer, src=0)
        if self.unwrap_after_train:
            self._leave_accelerator()
        return super().on_train_end(net, X=X, y=y, **kwargs)

    def _leave_accelerator(self) -> None:
        """Remove from the user's accelerator what this net added to it.

        Its ``free_memory`` would also remove what others have added.
        """
        names = [*self._modules, *self._criteria, *self._optimizers]
        own = [getattr(self, f"{name}_", None) for name in names]
        # With several processes the bare modules are registered, with one the wrapped
        # ones.
        own += [
            self.accelerator.unwrap_model(part)
            for part in own
            if isinstance(part, torch.nn.Module)
        ]
        own_ids = {id(part) for part in own}
        for held in (self.accelerator._models, self.accelerator._optimizers):
            held[:] = [part for part in held if id(part) not in own_ids]

    def _abandon_training(self) -> None:
        self._leave_accelerator()
        super()._abandon_training()

    def evaluation_step(self, batch, training=False):
        """Compute the outputs of a batch for prediction; see skorch."""
        if not isinstance(batch, Batch):
            return super().evaluation_step(batch, training=training)
        # The mixin would gather the outputs of all processes.
        return BinaryNetClassifier.evaluation_step(self, batch, training=training)
