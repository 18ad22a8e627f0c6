"""make_payments: the raw table of the examples."""

import numpy as np
import pandas as pd
import pytest

from skbin import make_payments


def test_the_same_seed_gives_the_same_payments():
    (X, y), (X_again, y_again) = (make_payments(200, random_state=1) for _ in range(2))
    pd.testing.assert_frame_equal(X, X_again)
    assert (y == y_again).all()
    assert not make_payments(200, random_state=2)[0].equals(X)


def test_frauds_are_rare_and_have_the_causes_that_are_documented():
    X, y = make_payments(20_000, random_state=0)
    is_fraud = pd.Series(y == "fraud")
    assert 0.02 < is_fraud.mean() < 0.04
    assert 0.08 < X["n_before"].isna().mean() < 0.12
    for cause in (
        X["time"].dt.hour < 5,
        X["country"] == "BR",
        np.log(X["amount"]) > 4,
        X["n_before"] < 2,
    ):
        assert is_fraud[cause].mean() > 2 * is_fraud[~cause].mean()


@pytest.mark.parametrize("n_samples", [0, -1, 2.5])
def test_a_number_of_payments_that_is_none_is_refused(n_samples):
    with pytest.raises(ValueError, match="n_samples"):
        make_payments(n_samples)
