"""What a module's output means, and the check that it is a logit."""

import torch
from torch import nn

# Autograd nodes that only change the shape of their input.
_RESHAPES = (
    "AliasBackward",
    "CloneBackward",
    "ExpandBackward",
    "PermuteBackward",
    "ReshapeAliasBackward",
    "SelectBackward",
    "SliceBackward",
    "SqueezeBackward",
    "TBackward",
    "ToCopyBackward",
    "TransposeBackward",
    "UnsafeViewBackward",
    "UnsqueezeBackward",
    "ViewBackward",
)
_SQUASHINGS = {
    "SigmoidBackward": "Sigmoid",
    "SoftmaxBackward": "Softmax",
    "LogSigmoidBackward": "LogSigmoid",
}


def positive_logit(output: torch.Tensor) -> torch.Tensor:
    """Reduce a module's output to one logit for each sample.

    Parameters
    ----------
    output : tensor of shape (n,), (n, 1) or (n, 2)
        One logit, or two logits or log-softmax scores.

    Returns
    -------
    logit : tensor of shape (n,)
        Of two outputs, the second minus the first: then ``sigmoid(logit)`` is
        exactly the second column of the softmax.

    Raises
    ------
    ValueError
        If the output has another shape.

    Examples
    --------
    >>> positive_logit(torch.tensor([[1.0, 3.0], [0.5, 0.0]]))
    tensor([ 2.0000, -0.5000])
    """
    if output.dim() == 2 and output.shape[1] == 2:
        return output[:, 1] - output[:, 0]
    return single_output(output)


def single_output(output: torch.Tensor) -> torch.Tensor:
    """Flatten an output of shape (n,) or (n, 1) to (n,).

    Parameters
    ----------
    output : tensor of shape (n,) or (n, 1)
        What the module returned.

    Returns
    -------
    output : tensor of shape (n,)
        The same values.

    Raises
    ------
    ValueError
        If the output has another shape.

    Examples
    --------
    >>> single_output(torch.tensor([[1.0], [3.0]]))
    tensor([1., 3.])
    """
    if output.dim() == 1 or (output.dim() == 2 and output.shape[1] == 1):
        return output.reshape(-1)
    raise ValueError(
        "Expected module output to have shape (n,) or (n, 1), or (n, 2) under "
        f"BCEWithLogitsLoss, got {tuple(output.shape)} instead. End the network in "
        "Linear(..., 1): one logit for each sample."
    )


def takes_token_ids(module: nn.Module) -> bool:
    """Whether the module looks its input up in a table of embeddings.

    Parameters
    ----------
    module : torch.nn.Module
        The network.

    Returns
    -------
    takes_token_ids : bool
        True if it holds an ``Embedding`` or ``EmbeddingBag``.

    Examples
    --------
    >>> takes_token_ids(nn.Linear(3, 1))
    False
    """
    return any(isinstance(m, (nn.Embedding, nn.EmbeddingBag)) for m in module.modules())


def refuse_squashed(output: torch.Tensor) -> None:
    """Refuse an output that is a probability already.

    Parameters
    ----------
    output : tensor of shape (n, ...)
        What the module returned, with the graph of its computation.

    Raises
    ------
    ValueError
        If a sigmoid or softmax was the last that was computed.

    Examples
    --------
    >>> refuse_squashed(nn.Linear(3, 1)(torch.zeros(4, 3)))
    """
    squashing = _squashing_of(output)
    if squashing is None:
        return
    raise ValueError(
        f"The module ends in {squashing}, but BCEWithLogitsLoss and predict_proba "
        "apply the sigmoid themselves: the output would be squashed twice, gradients "
        "would vanish and probabilities would never come near 0 or 1. Remove the "
        f"{squashing} and return the output of the last Linear layer; or keep a "
        "Sigmoid and pass criterion=torch.nn.BCELoss (which has no pos_weight)."
    )


def _squashing_of(output: torch.Tensor) -> str | None:
    """Name of the squashing function that made `output`, read from autograd.

    The graph tells what was computed, whether by a module or by a function, where
    a list of the module's layers only tells what it owns.
    """
    node = output.grad_fn
    while node is not None and node.name().rstrip("0123456789") in _RESHAPES:
        node = node.next_functions[0][0]
    if node is None:
        return None
    name = node.name().rstrip("0123456789")
    one_column = output.dim() == 1 or output.shape[1:] == (1,)
    if name == "LogSoftmaxBackward" and one_column:
        return "LogSoftmax"
    return _SQUASHINGS.get(name)
