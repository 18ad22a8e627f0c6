"""The state of one fit, which exists only during it: `Run`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from skbin.machine.contention import Contention

CHECKPOINTING = "checkpoints"  # name of the callback that leaves them

# Kept per thread and not per net, because other threads may predict meanwhile.
_in_training: ContextVar[tuple[Any, ...]] = ContextVar("in_training", default=())


@dataclass
class Run:
    """One training: its parameters, its rows and its progress."""

    seed: int | None
    n_epochs: int
    is_fresh: bool
    split_seed: int | None = None  # the same in each call that continues training
    task: Any = None  # as scikit-learn's callbacks see it
    checkpoints: Any = None
    X: Any = None
    train: Any = None
    valid: Any = None
    batch_weight: Any = None  # of the rows in the batch of this step
    loss_was_ours: bool = False
    stops_early: bool = False
    random_state_between: Any = None  # of a training that is resumed
    was_interrupted: bool = False
    listeners: dict[str, list[Any]] = field(default_factory=dict)
    contention: Contention = field(default_factory=Contention)

    def end_step(self, owner: str, pos_weight: float) -> None:
        """Forget the weights of a batch; a `get_loss` must have used them."""
        ignored = []
        if not self.loss_was_ours:
            ignored += ["sample_weight"] if self.batch_weight is not None else []
            ignored += ["pos_weight"] if pos_weight != 1 else []
        if ignored:
            raise ValueError(
                f"{owner}.get_loss takes no account of {' and '.join(ignored)}. Make "
                "it call super().get_loss(...), or leave the weights out."
            )
        self.batch_weight = None

    def release(self) -> None:
        """Forget what lies in a device's memory: an error's frames hold the run."""
        self.train = self.valid = self.batch_weight = None
        self.listeners = {}  # a schedule holds the optimizer, and that the weights


@contextmanager
def inside_training(net: Any) -> Iterator[None]:
    """Show `net` with the labels 0 and 1 to callbacks and scorers of this thread."""
    token = _in_training.set((*_in_training.get(), net))
    try:
        yield
    finally:
        _in_training.reset(token)


def is_inside_training(net: Any) -> bool:
    """Whether this thread trains `net`."""
    return any(net is other for other in _in_training.get())
