"""Whether ``prior="train"`` would refer to rows that were resampled before `fit`."""

import warnings
from typing import Any

from skbin.data.splits import HeldOut
from skbin.machine.callers import fitting_steps, stacklevel_of_user


def warn_if_prior_is_resampled(net: Any, samples: Any) -> None:
    """Warn where the share of positives in training is that of a sampler."""
    # A cross-fit calibrates on rows that no sampler has touched.
    if not isinstance(net.prior, str) or isinstance(net.train_split, HeldOut):
        return
    negatives, positives = samples.class_totals()
    samplers = [
        type(step).__name__ for step in fitting_steps() if hasattr(step, "fit_resample")
    ]
    is_weighed = net.pos_weight is not None and not isinstance(net.pos_weight, str)
    if samplers:
        cause = f"which {' and '.join(samplers)} has resampled"
    elif negatives == positives and not is_weighed:
        cause = "where both classes are equally frequent, as resampling leaves them"
    else:
        return
    share = positives / (negatives + positives)
    warnings.warn(
        f"prior='train' refers to the rows that fit was given, {cause}: "
        f"{share:.3g} of them are positive. Pass the share of positives in your data, "
        "such as prior=0.03; or leave the sampler out, and see pos_weight. If "
        f"{share:.3g} is that share, pass prior=None.",
        UserWarning,
        stacklevel=stacklevel_of_user(),
    )
