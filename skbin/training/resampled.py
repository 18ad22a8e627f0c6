"""Whether ``prior="train"`` would refer to rows that were resampled before `fit`."""

from typing import Any

from skbin.machine.callers import fitting_steps, warn_user


def warn_if_prior_is_resampled(net: Any, samples: Any) -> None:
    """Warn if the share of positives in training is that of a sampler."""
    if not isinstance(net.prior, str):
        return
    # A cross-fit corrects the shift by a sampler inside it, and warns about others.
    steps = fitting_steps(within="skbin.cross_fit")
    samplers = [type(step).__name__ for step in steps if hasattr(step, "fit_resample")]
    if not samplers:
        return
    negatives, positives = samples.class_totals()
    share = positives / (negatives + positives)
    warn_user(
        "prior='train' refers to the rows that fit was given, which "
        f"{' and '.join(samplers)} has resampled: {share:.3g} of them are positive. "
        "Pass the share of positives in your data, such as prior=0.03; or leave the "
        f"sampler out, and see pos_weight. If {share:.3g} is that share, pass "
        "prior=None.",
        about=("prior", *samplers),
    )
