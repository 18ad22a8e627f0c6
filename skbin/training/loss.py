"""The loss: which criteria fit one output, `pos_weight` and sample weights."""

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import nn

_OF_TWO_OUTPUTS = (nn.CrossEntropyLoss, nn.NLLLoss)


def refuse_loss_of_two_outputs(criterion: Any) -> None:
    """Refuse a loss that wants a score for each class.

    Parameters
    ----------
    criterion : type or torch.nn.Module
        The loss.

    Raises
    ------
    ValueError
        For ``CrossEntropyLoss`` and ``NLLLoss``: on one logit the first would take the
        rows of a batch for classes, without a word.

    Examples
    --------
    >>> refuse_loss_of_two_outputs(nn.BCEWithLogitsLoss)
    """
    kind = criterion if isinstance(criterion, type) else type(criterion)
    if not issubclass(kind, _OF_TWO_OUTPUTS):
        return
    raise ValueError(
        f"criterion={kind.__name__} wants a score for each of two classes, but here a "
        "network has one logit. Leave the criterion at BCEWithLogitsLoss, which is the "
        "same loss: of two outputs, logits or log-softmax, it takes the difference. "
        "fold_softmax_head makes one output of two; class weights [w0, w1] are "
        "pos_weight=w1 / w0."
    )


def refuse_weight_of_classes(criterion_params: Mapping[str, Any]) -> None:
    """Refuse class weights where torch's loss would take them for weights of rows.

    Parameters
    ----------
    criterion_params : dict
        What the loss is made with.

    Raises
    ------
    ValueError
        If it holds a ``weight`` of two values.

    Examples
    --------
    >>> refuse_weight_of_classes({"reduction": "sum"})
    """
    weight = criterion_params.get("weight")
    if weight is None or torch.as_tensor(weight).numel() != 2:
        return
    negative, positive = torch.as_tensor(weight).flatten().tolist()
    raise ValueError(
        f"criterion__weight={weight!r} looks like two class weights, but a loss of one "
        f"output takes it for weights of rows. Use pos_weight={positive / negative:g}."
    )


def refuse_logits_under_bce(output: torch.Tensor, criterion: nn.Module) -> None:
    """Refuse an output that is no probability under ``BCELoss``.

    Parameters
    ----------
    output : tensor of shape (batch_size,)
        What the module returned.
    criterion : torch.nn.Module
        The loss.

    Raises
    ------
    ValueError
        If a value lies outside of [0, 1].

    Examples
    --------
    >>> refuse_logits_under_bce(torch.tensor([-2.0]), nn.BCEWithLogitsLoss())
    """
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

    Parameters
    ----------
    pos_weight : None, "balanced" or float
        None is 1. "balanced" is the weight at which both classes count alike.
    negative_weight, positive_weight : float
        Sum of the sample weights in each class.
    negative_label, positive_label : object
        The user's labels, to read the keys of a dict that was passed by mistake.

    Returns
    -------
    weight : float
        A positive, finite number.

    Raises
    ------
    ValueError
        For anything but None, "balanced" and a positive finite number. For a pair
        or a dict of class weights the message gives the ratio to use instead.

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
    mend = _ratio_hint(pos_weight, negative_label, positive_label)
    raise ValueError(
        "pos_weight must be None, 'balanced' or a positive number, got "
        f"{pos_weight!r}.{mend}"
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
        " One logit takes one weight, the ratio of the positive class's weight to"
        " the negative's"
    )
    if isinstance(weights, Mapping):
        pair = [
            weights.get(label, weights.get(code))
            for code, label in enumerate([negative_label, positive_label])
        ]
    elif isinstance(weights, (list, tuple, np.ndarray, torch.Tensor)):
        pair = np.asarray(weights).ravel().tolist()
    else:
        return " To count positives and negatives alike, leave it at None."
    if len(pair) == 2 and all(_is_positive_number(weight) for weight in pair):
        return f"{explanation}: use pos_weight={pair[1] / pair[0]:g}."
    return f"{explanation}: pass that number."


def refuse_class_weight(class_weight: Any) -> None:
    """Say what scikit-learn's `class_weight` is called here.

    Parameters
    ----------
    class_weight : object
        What was passed.

    Raises
    ------
    ValueError
        Always.

    Examples
    --------
    >>> refuse_class_weight({0: 1, 1: 9})
    Traceback (most recent call last):
        ...
    ValueError: There is no class_weight, got {0: 1, 1: 9}. One logit takes one \
weight, the ratio of the positive class's weight to the negative's: use pos_weight=9.
    """
    mend = " Use pos_weight='balanced'."
    if isinstance(class_weight, Mapping) and len(class_weight) == 2:
        mend = _ratio_hint(class_weight, *sorted(class_weight, key=str))
    elif not isinstance(class_weight, str):
        mend = _ratio_hint(class_weight, 0, 1)
    raise ValueError(f"There is no class_weight, got {class_weight!r}.{mend}")


def warn_if_upside_down(
    pos_weight: float, negative: float, positive: float, *, stacklevel: int
) -> None:
    """Warn where the weight makes the rare class rarer still.

    Parameters
    ----------
    pos_weight : float
        Weight of the positive class.
    negative, positive : float
        Sum of the sample weights in each class.
    stacklevel : int
        Frames between here and the user.

    Warns
    -----
    UserWarning
        If one class has at most a third of the weight, and counts less still.

    Examples
    --------
    >>> warn_if_upside_down(9.0, negative=90, positive=10, stacklevel=1)
    """
    # A class is called rare from one in three down: about half nothing is upside down.
    is_upside_down = (2 * positive <= negative and pos_weight < 1) or (
        2 * negative <= positive and pos_weight > 1
    )
    if not is_upside_down:
        return
    warnings.warn(
        f"pos_weight={pos_weight:g} makes the rare class rarer: the positive class has "
        f"{positive:g} of {negative + positive:g} rows. It is n_negative / n_positive "
        f"that makes both count alike, {negative / positive:.3g} here; "
        "pos_weight='balanced' is that.",
        UserWarning,
        stacklevel=stacklevel,
    )


def weighted_loss(
    criterion: nn.Module,
    output: torch.Tensor,
    target: torch.Tensor,
    sample_weight: torch.Tensor,
) -> torch.Tensor:
    """Loss of a batch in which row ``i`` counts ``sample_weight[i]`` times.

    Parameters
    ----------
    criterion : torch.nn.Module
        A loss with the attribute ``reduction``, as all of torch's have.
    output, target : tensor of shape (batch_size,)
        What the criterion takes.
    sample_weight : tensor of shape (batch_size,)
        Non-negative weights, not all zero.

    Returns
    -------
    loss : tensor of shape ()
        ``sum(w * loss) / sum(w)``, or ``sum(w * loss)`` if the criterion sums.

    Examples
    --------
    >>> output, target = torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0])
    >>> criterion = nn.BCEWithLogitsLoss()
    >>> weighted = weighted_loss(criterion, output, target, torch.tensor([1.0, 2.0]))
    >>> repeated = criterion(output[[0, 1, 1]], target[[0, 1, 1]])
    >>> torch.testing.assert_close(weighted, repeated)
    """
    reduction = getattr(criterion, "reduction", None)
    if reduction not in ("mean", "sum"):
        raise ValueError(
            "sample_weight needs a criterion with reduction='mean' or 'sum', got "
            f"{type(criterion).__name__} with reduction={reduction!r}."
        )
    setattr(criterion, "reduction", "none")  # noqa: B010  mypy knows modules only
    try:
        losses = criterion(output, target)
    finally:
        setattr(criterion, "reduction", reduction)  # noqa: B010
    total = (losses * sample_weight).sum()
    return total if reduction == "sum" else total / sample_weight.sum()
