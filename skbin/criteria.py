"""Which losses fit a network with one output, and what is said to the others."""

from collections.abc import Mapping
from typing import Any

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
