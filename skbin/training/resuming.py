"""A training that was killed goes on after the last epoch that it has left."""

from typing import Any

from skorch.callbacks import Callback

from skbin.machine.randomness import RandomState
from skbin.training.callbacks import EpochProgress
from skbin.training.run import Run

CHECKPOINTING = "checkpoints"


class LeaveCheckpoints(Callback):
    """Offers the state between two epochs; the last of the callbacks."""

    def __init__(self, checkpoints: Any) -> None:
        self.checkpoints = checkpoints

    def _get_param_names(self) -> list[str]:
        return []

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Leave a checkpoint, if it is time to."""
        self.checkpoints.offer(
            lambda: {
                "attributes": net._what_training_sets(),
                "random_state_before": self.checkpoints.random_state_before,
                "random_state_between": RandomState(net._compute_device()),
            }
        )


def resume(net: Any, run: Run) -> int:
    """Take over what a killed training has left; return its number of epochs."""
    checkpoints = run.checkpoints
    if checkpoints.left is None:
        checkpoints.random_state_before = RandomState(net._compute_device())
        return 0
    own = dict(net.callbacks_)
    net._take_over(checkpoints.left["attributes"])
    for name, callback in net.callbacks_:
        if isinstance(callback, EpochProgress):
            callback.go_on_with(own[name], n_epochs=len(net.history))
    net.callbacks_.append((CHECKPOINTING, LeaveCheckpoints(checkpoints)))
    # The iterators over batches are made as they were when the training began.
    checkpoints.random_state_before = checkpoints.left["random_state_before"]
    checkpoints.random_state_before.restore()
    run.random_state_between = checkpoints.left["random_state_between"]
    return len(net.history)
