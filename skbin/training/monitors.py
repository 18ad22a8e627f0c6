"""The scores that callbacks watch: whether they exist, and what they depend on."""

from typing import Any

from skorch.callbacks import BatchScoring, EpochScoring, PassthroughScoring

from skbin.training.callbacks import EpochLoss, WeightedScoring

_BY_RANK = ("average_precision", "roc_auc")
_OF_ANY_CUTOFF = ("train_loss", "valid_loss", "valid_average_precision")
_SCORINGS = (EpochScoring, PassthroughScoring, BatchScoring)


def decisions_steer_training(net: Any) -> bool:
    """Whether what callbacks do may depend on `threshold` or `prior`."""
    params = net.get_params_for("callbacks")
    callbacks = [callback for _, callback in net._uniquely_named_callbacks()]
    monitors = [value for name, value in params.items() if name.endswith("__monitor")]
    return any(map(_looks_at_decisions, (*callbacks, *params.values()))) or any(
        map(_is_of_decisions, monitors)
    )


def _looks_at_decisions(callback: Any) -> bool:
    if isinstance(callback, (EpochLoss, WeightedScoring)):
        return False  # a callback that stops by one of these has it as its monitor
    if isinstance(callback, (EpochScoring, BatchScoring)):
        return callback.scoring not in _BY_RANK
    return _is_of_decisions(getattr(callback, "monitor", None))


def _is_of_decisions(monitor: Any) -> bool:
    if not isinstance(monitor, str):
        return monitor is not None
    return monitor.removesuffix("_best") not in _OF_ANY_CUTOFF


def refuse_absent_monitors(
    callbacks: list[tuple[str, Any]], *, has_valid: bool
) -> None:
    """Refuse to watch a score that no callback records, or that needs held-out rows."""
    recorded = {"epoch", "dur", "train_loss", "train_batch_count"}
    recorded |= {"valid_batch_count"} if has_valid else set()
    for name, callback in callbacks:
        is_ours = isinstance(callback, (EpochLoss, WeightedScoring))
        if isinstance(callback, _SCORINGS) and (has_valid or not is_ours):
            recorded.add(getattr(callback, "name_", None) or callback.name or name)
    for name, callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str) or monitor.removesuffix("_best") in recorded:
            continue
        if monitor.startswith("valid_") and not has_valid:
            raise ValueError(
                f"The callback {name} watches {monitor!r}, but no rows are held out. "
                "Add train_split=ValidSplit(5, stratified=True) (from skorch.dataset), "
                "or watch 'train_loss'."
            )
        if all(_is_of_a_library(callback) for _, callback in callbacks):
            raise ValueError(
                f"The callback {name} watches {monitor!r}, which is not recorded. "
                f"Recorded are {', '.join(sorted(recorded))}."
            )


def _is_of_a_library(callback: Any) -> bool:
    """Whether it is known what a callback records; a user's may record anything."""
    return type(callback).__module__.partition(".")[0] in ("skorch", "skbin")
