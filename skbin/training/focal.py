"""The focal loss and its inverse link: `FocalLoss`."""

from numbers import Real
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

_REDUCTIONS = ("mean", "sum", "none")


class FocalLoss(nn.Module):
    r"""Cross-entropy that down-weights rows that are already classified well.

    If the network gives the true class of a row the probability :math:`p`, the row adds
    :math:`-(1 - p)^\gamma \log p` [1]_, computed from the logit without overflow.

    Parameters
    ----------
    gamma : float, default=2.0
        How strongly rows that are classified well are down-weighted, 0 or more. With 0
        the loss is :class:`torch.nn.BCEWithLogitsLoss`.
    pos_weight : float or tensor of one value, default=None
        Weight of the positive rows. None: 1. `BinaryNetClassifier` sets it from its own
        parameter `pos_weight`.
    reduction : {"mean", "sum", "none"}, default="mean"
        Whether to return the mean over rows, their sum, or one value for each row.

    Raises
    ------
    TypeError
        If `gamma` or `pos_weight` is not a number.
    ValueError
        If a parameter has a value that is not allowed.

    See Also
    --------
    BinaryNetClassifier : Corrects probabilities for `gamma`.

    Notes
    -----
    A network that minimises the focal loss does not output probabilities: with
    ``gamma > 0`` its sigmoid is too close to 0.5 where the classes overlap.
    `inverse_link` maps its logits back [2]_.

    References
    ----------
    .. [1] Lin, Goyal, Girshick, He and Dollár, "Focal loss for dense object detection",
       ICCV 2017.
    .. [2] Charoenphakdee, Vongkulbhisal, Chairatanakul and Sugiyama, "On focal loss for
       class-posterior probability estimation: a theoretical perspective", CVPR 2021.

    Examples
    --------
    >>> import torch
    >>> from skbin import BinaryNetClassifier, FocalLoss
    >>> loss = FocalLoss(gamma=2.0, reduction="none")
    >>> loss(torch.tensor([0.0, 3.0, 3.0]), torch.tensor([1.0, 1.0, 0.0]))
    tensor([1.7329e-01, 1.0928e-04, 2.7663e+00])
    >>> net = BinaryNetClassifier(criterion=FocalLoss, criterion__gamma=1.5)
    """

    weighs_positives = True  # the estimator must not
    pos_weight: torch.Tensor | None

    def __init__(
        self,
        gamma: float = 2.0,
        pos_weight: float | torch.Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.gamma = _require_gamma(gamma)
        self.register_buffer("pos_weight", _weight_tensor(pos_weight))
        self.reduction = _require_reduction(reduction)

    def forward(self, logit: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compute the loss.

        Parameters
        ----------
        logit : tensor of any shape
            The network's outputs.
        target : tensor of the same shape
            1 for positive rows, 0 for negative rows.

        Returns
        -------
        loss : tensor
            Of shape ``()``, or of the shape of `logit` with ``reduction="none"``.
        """
        if logit.shape != target.shape:
            raise ValueError(
                "logit and target must have the same shape, got "
                f"{tuple(logit.shape)} and {tuple(target.shape)}."
            )
        reduction = _require_reduction(self.reduction)
        logit = logit.to(torch.promote_types(logit.dtype, torch.float32))
        positive = self._loss_of_positives(logit)
        if self.pos_weight is not None:
            positive = positive * self.pos_weight
        losses = target * positive + (1 - target) * self._loss_of_positives(-logit)
        return losses if reduction == "none" else getattr(losses, reduction)()

    def _loss_of_positives(self, logit: torch.Tensor) -> torch.Tensor:
        # A power of 1 - p would have an infinite gradient where 1 - p rounds to 0.
        return -(self.gamma * F.logsigmoid(-logit)).exp() * F.logsigmoid(logit)

    def inverse_link(self, logit: Any) -> Any:
        r"""Map logits of a network that minimises this loss to true logits.

        Parameters
        ----------
        logit : tensor or array-like of float
            The network's outputs.

        Returns
        -------
        logit : tensor or ndarray of float64
            Logits of the probability of the positive class, of the same shape. The
            effect of `pos_weight` is still in them: it adds ``log(pos_weight)``.

        Notes
        -----
        Where a fraction :math:`\eta` of rows is positive, the expected loss is least at
        the logit :math:`z` for which

        .. math::

            \operatorname{logit} \eta = (1 + \gamma) z
            + \log(1 + \gamma r(-z)) - \log(1 + \gamma r(z)),
            \quad r(z) = e^z \log(1 + e^{-z}).

        Examples
        --------
        >>> from skbin import FocalLoss
        >>> FocalLoss(gamma=2.0).inverse_link([-2.0, 0.0, 2.0]).round(3)
        array([-5.398,  0.   ,  5.398])
        """
        if not isinstance(logit, torch.Tensor):
            logit = np.asarray(logit, dtype=np.float64)
        if self.gamma == 0:
            return logit
        xp = torch if isinstance(logit, torch.Tensor) else np
        bend_below = xp.log1p(self.gamma * _ratio(-logit, xp))
        bend_above = xp.log1p(self.gamma * _ratio(logit, xp))
        return (1 + self.gamma) * logit + (bend_below - bend_above)

    def extra_repr(self) -> str:
        """Show the parameters; see :class:`torch.nn.Module`."""
        return f"gamma={self.gamma:g}, reduction={self.reduction!r}"


def _ratio(z: Any, xp: ModuleType) -> Any:
    """Compute ``exp(z) * log1p(exp(-z))`` without overflow."""
    # Beyond 80 the result is 1 or 0 up to rounding, and exp is a normal float32.
    small = xp.exp(-xp.clip(xp.abs(z), 0, 80))
    return xp.where(z < 0, (xp.log1p(small) - z) * small, xp.log1p(small) / small)


def _require_gamma(gamma: Any) -> float:
    if isinstance(gamma, bool) or not isinstance(gamma, Real):
        raise TypeError(
            f"gamma must be a number, got {gamma!r}. Leave it out for 2.0, or "
            "use 0 for plain cross-entropy."
        )
    if not 0 <= float(gamma) < float("inf"):
        raise ValueError(
            f"gamma must be 0 or more and finite, got {gamma!r}. Common values are 0.5 "
            "to 5."
        )
    return float(gamma)


def _weight_tensor(pos_weight: Any) -> torch.Tensor | None:
    if pos_weight is None:
        return None
    if not isinstance(pos_weight, Real | torch.Tensor) or isinstance(pos_weight, bool):
        raise TypeError(
            "pos_weight must be None, a number or a tensor of one value, got "
            f"{pos_weight!r}. For weights [w0, w1] of both classes use w1 / w0."
        )
    weight = torch.as_tensor(pos_weight, dtype=torch.get_default_dtype())
    if weight.numel() == 1 and bool(weight.isfinite().all() and (weight > 0).all()):
        return weight.detach().clone().reshape(())
    raise ValueError(
        "pos_weight must be one positive, finite value, got "
        f"{pos_weight!r}. For weights [w0, w1] of both classes use w1 / w0."
    )


def _require_reduction(reduction: Any) -> str:
    if reduction in _REDUCTIONS:
        return reduction
    raise ValueError(
        f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}. Pass "
        "reduction='mean' unless you combine the losses yourself."
    )
