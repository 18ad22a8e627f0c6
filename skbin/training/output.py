"""What a module's output means: one logit, probabilities, priors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, logit
from torch import nn

# Autograd nodes that keep a probability a probability: shapes, types, limits, 1 - p.
_PASS_ON = (
    "AliasBackward",
    "AmaxBackward",
    "CatBackward",
    "ClampBackward",
    "ClampMaxBackward",
    "ClampMinBackward",
    "CloneBackward",
    "ExpandBackward",
    "IndexBackward",
    "MaximumBackward",
    "MeanBackward",
    "MinimumBackward",
    "NanToNumBackward",
    "PermuteBackward",
    "ReshapeAliasBackward",
    "RsubBackward",
    "SelectBackward",
    "SliceBackward",
    "SqueezeBackward",
    "StackBackward",
    "TBackward",
    "ToCopyBackward",
    "TransposeBackward",
    "UnsafeViewBackward",
    "UnsqueezeBackward",
    "ViewBackward",
    "WhereBackward",
)
# Kernels of linear algebra depend on the number of rows. In blocks of 16, each row is
# computed in the same way, so its probability does not depend on the other rows.
ROW_BLOCK = 16
_LIMITS = {
    "HardtanhBackward": "Hardtanh",
    "ReluBackward": "ReLU",
    "SoftplusBackward": "Softplus",
    "TanhBackward": "Tanh",
}
_LOGARITHMS = {"LogSoftmaxBackward", "LogSigmoidBackward"}
_SQUASHINGS = {
    "HardsigmoidBackward": "Hardsigmoid",
    "LogSigmoidBackward": "LogSigmoid",
    "SigmoidBackward": "Sigmoid",
    "SoftmaxBackward": "Softmax",
}


def first_output(output: Any) -> torch.Tensor:
    """Return the tensor that a module returned, or the first of several."""
    if isinstance(output, torch.Tensor):
        return output
    raise ValueError(
        "A module must return a tensor with one logit for each sample, or a tuple that "
        f"begins with it, got {type(output).__name__}. Return only the logits."
    )


def as_float32(x: Any, module: nn.Module) -> Any:
    """Cast what a Dataset or a user's own iterator may give; ids stay integers."""
    if isinstance(x, Mapping):
        return {name: as_float32(part, module) for name, part in x.items()}
    if not isinstance(x, torch.Tensor) or x.dtype in (torch.float32, torch.bool):
        return x
    if x.is_complex() or not (x.is_floating_point() or not takes_token_ids(module)):
        return x
    return x.float()


def positive_logit(output: torch.Tensor) -> torch.Tensor:
    """Reduce an output of shape (n,), (n, 1) or (n, 2) to one logit for each sample.

    Of two logits or log-softmax scores it is the second minus the first: then
    ``sigmoid(logit)`` is exactly the second column of the softmax.

    Examples
    --------
    >>> positive_logit(torch.tensor([[1.0, 3.0], [0.5, 0.0]]))
    tensor([ 2.0000, -0.5000])
    """
    output = output.float() if output.dtype != torch.float64 else output
    if output.dim() == 2 and output.shape[1] == 2:
        return output[:, 1] - output[:, 0]
    return single_output(output)


def single_output(output: Any) -> torch.Tensor:
    """Flatten an output of shape (n,) or (n, 1) to (n,)."""
    output = first_output(output)
    if output.dtype in (torch.bfloat16, torch.float16):
        output = output.float()
    if output.dim() == 1 or (output.dim() == 2 and output.shape[1] == 1):
        return output.reshape(-1)
    raise ValueError(
        "Expected module output to have shape (n,) or (n, 1), or (n, 2) under "
        f"BCEWithLogitsLoss, got {tuple(output.shape)} instead. End the network in "
        "Linear(..., 1): one logit for each sample."
    )


def takes_token_ids(module: nn.Module) -> bool:
    """Whether a module looks its input up in a table of embeddings."""
    return any(isinstance(m, (nn.Embedding, nn.EmbeddingBag)) for m in module.modules())


def refuse_squashed(output: torch.Tensor) -> None:
    """Refuse an output that is a probability already."""
    squashing = _squashing_of(output)
    if squashing is None:
        return
    if squashing in _LIMITS.values():
        raise ValueError(
            f"The module ends in {squashing}, but a logit may be any number: if its "
            "range is limited, some probabilities are never reached. Remove the "
            f"{squashing} and return the output of the last Linear layer."
        )
    keep = ""
    if squashing == "Sigmoid":
        keep = "; or keep it and pass criterion=torch.nn.BCELoss, without pos_weight"
    raise ValueError(
        f"The module ends in {squashing}, but BCEWithLogitsLoss and predict_proba "
        "apply the sigmoid themselves: the output would be squashed twice, gradients "
        "would vanish and probabilities would never come near 0 or 1. Remove the "
        f"{squashing} and return the output of the last Linear layer{keep}."
    )


def refuse_constant(output: torch.Tensor) -> None:
    """Refuse a softmax over one output, which is always 1."""
    if _squashing_of(output) == "Softmax":
        raise ValueError(
            "The module ends in Softmax over one output, which is always 1. End it in "
            "a Sigmoid; or return the logit under BCEWithLogitsLoss, the default."
        )


def _squashing_of(output: torch.Tensor) -> str | None:
    """Name of the squashing function that made `output`, read from autograd.

    The graph tells what was computed, whether by a module or by a function, where
    a list of the module's layers only tells what it owns.
    """
    one_column = output.dim() == 1 or output.shape[1:] == (1,)
    nodes, seen = [output.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = _name_of(node)
        if name in _SQUASHINGS or name in _LIMITS:
            return _SQUASHINGS.get(name) or _LIMITS[name]
        if name == "LogSoftmaxBackward" and one_column:
            return "LogSoftmax"
        parents = [parent for parent, _ in node.next_functions]
        if name == "ExpBackward" and _LOGARITHMS & {_name_of(p) for p in parents}:
            return "Softmax"
        if name in _PASS_ON:
            nodes += parents
    return None


def _name_of(node: Any) -> str:
    return "" if node is None else node.name().rstrip("0123456789")


def probability_columns(positive_logit: ArrayLike) -> NDArray[np.float64]:
    """Probabilities of the negative and the positive class.

    Each column is computed from the logit separately: ``1 - p`` would round a small
    probability of the negative class to 0.

    Examples
    --------
    >>> probability_columns([0.0, 2.1972245773362196]).round(3)
    array([[0.5, 0.5],
           [0.1, 0.9]])
    """
    z = np.asarray(positive_logit, dtype=np.float64)
    columns = np.empty((len(z), 2))
    # Not with torch, which rounds the last few values differently, so that a row's
    # probability would depend on the other rows.
    expit(-z, out=columns[:, 0])
    expit(z, out=columns[:, 1])
    return columns


def log_probability_columns(positive_logit: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of :func:`probability_columns`, without underflow.

    Examples
    --------
    >>> log_probability_columns([800.0])[0, 0]
    np.float64(-800.0)
    """
    z = np.asarray(positive_logit, dtype=np.float64)
    return np.column_stack([log_expit(-z), log_expit(z)])


def prior_shift(
    prior: float | str | None,
    *,
    pos_weight: float,
    train_prior: float,
    batch_prior: float | None = None,
) -> float:
    """Compute what to add to a trained logit so that it refers to `prior`.

    Training with ``pos_weight=w`` adds ``log(w)`` to every logit, as a share of
    positives that is ``w`` times too large in odds would. Bayes' rule takes both
    away and puts the prior of the population in their place [1]_, [2]_. Batches that
    draw positives more often count as data with that share.

    The shift is 0 for None, else ``-log(w) - logit(batch_prior) + logit(prior)``, where
    "train" stands for `train_prior`.

    References
    ----------
    .. [1] Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
    .. [2] Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier
       to new a priori probabilities", Neural Computation 14(1), 2002.

    Examples
    --------
    >>> round(prior_shift("train", pos_weight=10.0, train_prior=0.5), 4)
    -2.3026
    >>> prior_shift(0.5, pos_weight=1.0, train_prior=0.5)
    0.0
    """
    if prior is None:
        return 0.0
    undo_weight = float(0 - np.log(pos_weight))  # 0.0 and not -0.0
    drawn = train_prior if batch_prior is None else batch_prior
    if prior == "train":
        prior = train_prior
    # Not by subtraction: the share may still be 0, or unknown for a Dataset.
    if prior == drawn or np.isnan(drawn):
        return undo_weight
    return float(logit(prior) - logit(drawn)) + undo_weight


def require_no_nan(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Refuse outputs that are NaN."""
    is_nan = np.isnan(logit)
    if not is_nan.any():
        return logit
    raise ValueError(
        f"The output is NaN for {is_nan.sum()} of {len(logit)} samples, first "
        f"for X[{is_nan.argmax()}]. The usual cause is values too large for float32 "
        "arithmetic: scale the inputs (StandardScaler in a Pipeline) or clip them."
    )


def require_probabilities(columns: NDArray[Any]) -> NDArray[Any]:
    """Refuse anything but a column of probabilities for each class."""
    if columns.ndim != 2 or columns.shape[1] != 2:
        found = f"an output of shape {columns.shape}"
    elif not ((columns >= 0) & (columns <= 1)).all():
        found = f"values from {columns.min():.4g} to {columns.max():.4g}"
    else:
        return columns
    raise ValueError(
        f"Two columns of probabilities are needed, got {found}. BCEWithLogitsLoss (the "
        "default) and BCELoss give them; with another criterion pass a "
        "predict_nonlinearity that does."
    )


def n_rows_of(X: Any) -> int:
    """Count the rows of a batch."""
    if isinstance(X, dict):
        return len(next(iter(X.values())))
    return len(X[0]) if isinstance(X, (list, tuple)) else len(X)


def in_blocks(X: Any, n_rows: int) -> Any:
    """Repeat the last row until the rows fill blocks."""
    missing = -n_rows % ROW_BLOCK
    if not missing:
        return X
    if isinstance(X, dict) and all(isinstance(v, torch.Tensor) for v in X.values()):
        return {name: in_blocks(part, n_rows) for name, part in X.items()}
    if not isinstance(X, torch.Tensor):
        return X
    return torch.cat([X, X[-1:].expand(missing, *X.shape[1:])])


def tensors_of(output: Any) -> Any:
    """Leave out what else a module returns: callbacks and skorch move tensors only."""
    if not isinstance(output, tuple):
        return output
    return tuple(part for part in output if isinstance(part, torch.Tensor))


def cut_rows(output: torch.Tensor, n_computed: int, n_rows: int) -> torch.Tensor:
    """Leave out the rows that filled a block."""
    is_by_row = output.dim() > 0 and len(output) == n_computed
    return output[:n_rows] if is_by_row else output
