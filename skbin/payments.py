"""A raw table for examples: `make_payments`."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_payments(n_samples: int = 8000, random_state: Any = None) -> tuple[Any, Any]:
    """Simulate card payments, about three in a hundred of them frauds.

    The table is raw, as most tables are: strings, times, missing values, and a number
    whose logarithm matters.

    Parameters
    ----------
    n_samples : int, default=8000
        Number of payments.
    random_state : int, numpy.random.RandomState or None, default=None
        Seeds the simulation. An int gives the same table each time.

    Returns
    -------
    X : pandas.DataFrame of shape (n_samples, 4)
        ``amount``, ``country`` (a string, or None), ``time``, and ``n_before``, the
        number of earlier payments with the same card (NaN for one in ten).
    y : ndarray of shape (n_samples,)
        "fraud" or "ok". Frauds are more probable at night, from Brazil, for large
        amounts and for cards with few payments before.

    Raises
    ------
    ImportError
        If pandas is not installed.

    Examples
    --------
    >>> from skbin import make_payments
    >>> X, y = make_payments(random_state=0)
    >>> X.shape, list(X.columns)
    ((8000, 4), ['amount', 'country', 'time', 'n_before'])
    >>> bool(0.02 < (y == "fraud").mean() < 0.05)
    True
    """
    import pandas as pd  # which need not be installed

    rng = check_random_state(random_state)
    minutes = 37 * np.arange(n_samples)
    payments = pd.DataFrame(
        {
            "amount": rng.lognormal(3.5, 1.2, n_samples).round(2),
            "country": rng.choice(["BR", "DE", "FR", "US", None], n_samples),
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(minutes, "min"),
            "n_before": rng.poisson(4, n_samples).astype(float),
        }
    )
    risk = (
        4.0 * (payments["country"] == "BR")
        + 5.0 * (payments["time"].dt.hour < 5)
        - 1.5 * payments["n_before"]
        + 1.0 * np.log(payments["amount"])
    )
    is_fraud = rng.logistic(size=n_samples) < risk - 8.0
    payments.loc[rng.uniform(size=n_samples) < 0.1, "n_before"] = np.nan
    return payments, np.where(is_fraud, "fraud", "ok")
