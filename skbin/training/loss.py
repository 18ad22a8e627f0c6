"""The loss: which criteria fit one output, `pos_weight` and sample weights."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import nn

from skbin.machine.callers import warn_user
from skbin.training.module import uncompiled

_OF_TWO_OUTPUTS = (nn.CrossEntropyLoss, nn.NLLLoss)
_OF_ONE_OUTPUT = (nn.BCEWithLogitsLoss, nn.BCELoss)
_ARRAYS = (torch.Tensor, np.ndarray, list, tuple)


def refuse_unusable_criterion(
    criterion: Any, params: Mapping[str, Any], predict_nonlinearity: Any
) -> None:
    """Refuse a loss, or a class of one, that does not fit one output for each row."""
    kind = criterion if isinstance(criterion, type) else type(criterion)
    if issubclass(kind, _OF_TWO_OUTPUTS):
        raise ValueError(
            f"criterion={kind.__name__} needs a score for each of two classes, but "
            "networks are trained on one logit here. Leave the criterion at "
            "BCEWithLogitsLoss, which is the same loss: if a network has two outputs, "
            "logits or log-softmax, their difference is the logit. fold_softmax_head "
            "turns two outputs into one; class weights [w0, w1] are pos_weight=w1 / w0."
        )
    weight = params.get("weight", getattr(criterion, "weight", None))
    # In a loss of the user's own, `weight` may mean anything.
    if isinstance(weight, _ARRAYS) and torch.as_tensor(weight).numel() == 2:
        negative, positive = torch.as_tensor(weight).flatten().tolist()
        raise ValueError(
            f"criterion__weight={weight!r} looks like two class weights, but a loss of "
            "one output uses it as weights of rows. Use "
            f"pos_weight={positive / negative:g}."
        )
    if params.get("reduction", getattr(criterion, "reduction", None)) == "none":
        raise ValueError(
            "criterion__reduction='none' gives a loss for each row, but training needs "
            "one number. Leave it at 'mean'; to weight rows, pass sample_weight to fit."
        )
    is_of_torch = kind.__module__.startswith("torch.nn")
    if is_of_torch and issubclass(kind, nn.Module) and predict_nonlinearity == "auto":
        _refuse_unknown_link(kind)


def _refuse_unknown_link(kind: type) -> None:
    if issubclass(kind, _OF_ONE_OUTPUT):
        return
    raise ValueError(
        f"criterion={kind.__name__} takes neither a logit nor a probability, so that "
        "predict_nonlinearity='auto' cannot compute probabilities. Use "
        "BCEWithLogitsLoss (the default), BCELoss or a loss of your own on logits; or "
        "pass a predict_nonlinearity that turns outputs into two columns of "
        "probabilities."
    )


def applies_pos_weight(criterion: nn.Module) -> bool:
    """Whether a loss has `pos_weight` and computes with it.

    A loss with its own forward is tried; if it ignores `pos_weight`, rows are weighted.
    """
    if getattr(criterion, "weighs_positives", False):
        return True
    if getattr(type(criterion), "forward", None) is nn.BCEWithLogitsLoss.forward:
        return True
    return hasattr(criterion, "pos_weight") and _loss_changes_with_pos_weight(criterion)


def _loss_changes_with_pos_weight(criterion: nn.Module) -> bool:
    before = criterion.pos_weight
    output, target = torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0])
    losses = []
    try:
        for pos_weight in (1.0, 2.0):
            criterion.pos_weight = torch.tensor(pos_weight)
            losses.append(criterion(output, target).sum().item())
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return before is not None  # it cannot be tried: trust the user who set it
    finally:
        criterion.pos_weight = before
    return losses[0] != losses[1]


def pos_weight_in(criterion: nn.Module) -> Any:
    """Read the `pos_weight` that a loss was made with, a number where it is one."""
    given = getattr(criterion, "pos_weight", None)
    if not isinstance(given, (Real, *_ARRAYS)):
        return None
    values = torch.as_tensor(given).flatten().tolist()
    return values[0] if len(values) == 1 else values


def refuse_logits_under_bce(output: torch.Tensor, criterion: nn.Module) -> None:
    """Refuse an output that is not a probability under ``BCELoss``."""
    if not isinstance(criterion, nn.BCELoss):
        return
    least, largest = output.detach().aminmax()
    if least >= 0 and largest <= 1:
        return
    raise ValueError(
        "criterion=BCELoss needs probabilities in [0, 1], but the module returned "
        f"values from {least.item():g} to {largest.item():g}: these are logits. Leave "
        "the criterion at BCEWithLogitsLoss, which takes logits, is exact where a "
        "sigmoid has rounded to 0 or 1, and has pos_weight; or end the module in a "
        "Sigmoid."
    )


def resolve_pos_weight(
    pos_weight: Any,
    *,
    negative_weight: float,
    positive_weight: float,
    negative_label: Any = 0,
    positive_label: Any = 1,
) -> float:
    """Turn the parameter `pos_weight` into the number that the loss takes.

    Examples
    --------
    >>> resolve_pos_weight("balanced", negative_weight=90, positive_weight=10)
    9.0
    """
    if pos_weight is None:
        return 1.0
    if isinstance(pos_weight, str) and pos_weight == "balanced":
        return _balanced_weight(negative_weight, positive_weight)
    if _is_positive_number(pos_weight):
        return float(pos_weight)
    fix = _ratio_hint(pos_weight, negative_label, positive_label)
    raise ValueError(
        "pos_weight must be None, 'balanced' or a positive number, got "
        f"{pos_weight!r}.{fix}"
    )


def _balanced_weight(negative_weight: float, positive_weight: float) -> float:
    if negative_weight > 0 and positive_weight > 0:
        return float(negative_weight / positive_weight)
    raise ValueError(
        "pos_weight='balanced' needs both classes in the first data it sees, got a "
        f"total weight of {negative_weight} for the negative and {positive_weight} "
        "for the positive class. Pass the ratio n_negative / n_positive as a number."
    )


def _is_positive_number(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return False
    return bool(np.isfinite(float(value)) and float(value) > 0)


def _ratio_hint(weights: Any, negative_label: Any, positive_label: Any) -> str:
    explanation = (
        " One logit takes one weight, the ratio of the positive class's weight to the "
        "negative's"
    )
    if isinstance(weights, Mapping):
        pair = [
            weights.get(label, weights.get(code))
            for code, label in enumerate([negative_label, positive_label])
        ]
    elif isinstance(weights, (list, tuple, np.ndarray, torch.Tensor)):
        pair = np.asarray(weights).ravel().tolist()
    else:
        return " To give every row the same weight, leave it at None."
    if len(pair) == 2 and all(_is_positive_number(weight) for weight in pair):
        return f"{explanation}: use pos_weight={pair[1] / pair[0]:g}."
    return f"{explanation}: pass that number."


def pos_weight_of_class_weight(
    class_weight: Any, pos_weight: Any = None, pos_label: Any = None
) -> Any:
    """Turn scikit-learn's `class_weight` into `pos_weight`.

    Examples
    --------
    >>> pos_weight_of_class_weight("balanced")
    'balanced'
    >>> pos_weight_of_class_weight({0: 1, 1: 9})
    Traceback (most recent call last):
        ...
    ValueError: class_weight must be None or 'balanced', got {0: 1, 1: 9}. One logit \
takes one weight, the ratio of the positive class's weight to the negative's: use \
pos_weight=9.
    """
    if pos_weight is not None and class_weight is not None:
        raise ValueError(
            "class_weight and pos_weight are the same thing, got "
            f"{class_weight!r} and {pos_weight!r}. Pass only pos_weight."
        )
    if class_weight is None or (
        isinstance(class_weight, str) and class_weight == "balanced"
    ):
        return pos_weight if class_weight is None else class_weight
    if isinstance(class_weight, Mapping) and len(class_weight) == 2:
        labels = sorted(class_weight, key=lambda one: (one == pos_label, str(one)))
        fix = _ratio_hint(class_weight, *labels)
    elif isinstance(class_weight, Mapping) and [*class_weight] == [pos_label]:
        # A class that is not named has weight 1.
        fix = _ratio_hint([1, class_weight[pos_label]], 0, 1)
    elif isinstance(class_weight, str):
        fix = " Use pos_weight='balanced'."
    else:
        fix = _ratio_hint(class_weight, 0, 1)
    raise ValueError(
        f"class_weight must be None or 'balanced', got {class_weight!r}.{fix}"
    )


def warn_if_pos_weight_inverted(
    pos_weight: float, negative: float, positive: float
) -> None:
    """Warn if the weight makes the rare class count even less."""
    # A class is rare up to one row in three; near one half, no weight is inverted.
    is_upside_down = (2 * positive <= negative and pos_weight < 1) or (
        2 * negative <= positive and pos_weight > 1
    )
    if not is_upside_down:
        return
    warn_user(
        f"pos_weight={pos_weight:g} makes the rare class count even less: the positive "
        f"class has {positive:g} of {negative + positive:g} rows. To weight both "
        f"classes equally, use n_negative / n_positive, {negative / positive:.3g} "
        "here, or pos_weight='balanced'.",
        about=("pos_weight", pos_weight),
    )


def weighted_loss(
    criterion: nn.Module,
    output: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    pos_weight: float = 1.0,
) -> torch.Tensor:
    """Loss of a batch in which row ``i`` counts ``weight[i]`` times.

    It is ``sum(w * loss) / sum(w)``, or ``sum(w * loss)`` if the criterion sums. As in
    ``BCEWithLogitsLoss``, `pos_weight` multiplies only the losses of positives.

    Examples
    --------
    >>> output, target = torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0])
    >>> criterion = nn.BCEWithLogitsLoss()
    >>> weighted = weighted_loss(criterion, output, target, torch.tensor([1.0, 2.0]))
    >>> repeated = criterion(output[[0, 1, 1]], target[[0, 1, 1]])
    >>> torch.testing.assert_close(weighted, repeated)
    """
    losses, reduction = _losses_of_rows(criterion, output, target)
    if pos_weight != 1:
        losses = torch.where(target == 1, pos_weight * losses, losses)
    if weight is None:
        return losses.sum() if reduction == "sum" else losses.mean()
    weight = weight.to(losses)
    total = (losses * weight).sum()
    if reduction == "sum":
        return total
    # Weights that float32 rounds to zero add nothing, and must not give 0 / 0.
    return total / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)


def _losses_of_rows(
    criterion: nn.Module, output: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, Any]:
    # torch.compile wraps a loss, whose attributes are those of the one inside.
    bare = uncompiled(criterion)
    reduction = getattr(bare, "reduction", None)
    losses = None
    if reduction in ("mean", "sum"):
        setattr(bare, "reduction", "none")  # noqa: B010  mypy knows modules only
        try:
            losses = criterion(output, target)
        finally:
            setattr(bare, "reduction", reduction)  # noqa: B010  as above
    if losses is not None and losses.shape == target.shape:
        return losses, reduction
    raise ValueError(
        "sample_weight and pos_weight need a loss for each row, which "
        f"{type(bare).__name__} does not give. Make its forward obey self.reduction "
        "('mean', 'sum', or 'none' for one value per row), as torch's losses do; or "
        "leave the weights out."
    )
