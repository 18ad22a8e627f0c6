"""pos_weight and sample weights in the loss."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skbin.training.loss import resolve_pos_weight, weighted_loss


@given(
    logit=st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=20),
    data=st.data(),
    pos_weight=st.floats(0.1, 50),
    reduction=st.sampled_from(["mean", "sum"]),
)
def test_integer_weights_equal_repeated_rows_in_the_loss(
    logit, data, pos_weight, reduction
):
    n = len(logit)
    target = data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))
    copies = data.draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    output, target = torch.tensor(logit).double(), torch.tensor(target).double()
    copies = torch.tensor(copies)
    criterion = nn.BCEWithLogitsLoss(
        pos_weight=torch.tensor(pos_weight), reduction=reduction
    )
    weighted = weighted_loss(criterion, output, target, copies)
    repeated = criterion(
        output.repeat_interleave(copies), target.repeat_interleave(copies)
    )
    torch.testing.assert_close(weighted, repeated)
    assert criterion.reduction == reduction


def test_weights_need_a_criterion_that_reduces():
    with pytest.raises(ValueError, match="need a loss for each row"):
        weighted_loss(
            nn.BCELoss(reduction="none"), torch.ones(1), torch.ones(1), torch.ones(1)
        )


def test_balanced_makes_both_classes_count_alike():
    weights = {"negative_weight": 80.0, "positive_weight": 20.0}
    assert resolve_pos_weight("balanced", **weights) * 20.0 == 80.0


@pytest.mark.parametrize(("value", "expected"), [(None, 1.0), (3, 3.0), (0.5, 0.5)])
def test_none_is_one_and_numbers_are_taken_as_they_are(value, expected):
    assert resolve_pos_weight(value, negative_weight=1, positive_weight=1) == expected


@pytest.mark.parametrize(
    ("pos_weight", "mend"),
    [
        ((1.0, 30.0), "use pos_weight=30."),
        ([0.5, 10], "use pos_weight=20."),
        (np.array([2.0, 3.0]), "use pos_weight=1.5."),
        (torch.tensor([1.0, 4.0]), "use pos_weight=4."),
        ({0: 1, 1: 25}, "use pos_weight=25."),
        ({"ham": 2, "spam": 5}, "use pos_weight=2.5."),
        ({"other": 2}, "pass that number."),
        ((1, 0), "pass that number."),
        (0, "leave it at None."),
        (-3.0, "leave it at None."),
        (float("nan"), "leave it at None."),
        (float("inf"), "leave it at None."),
        ("balance", "leave it at None."),
        (True, "leave it at None."),
    ],
)
def test_anything_else_is_refused_with_the_number_to_use(pos_weight, mend):
    with pytest.raises(ValueError, match="pos_weight must be None") as error:
        resolve_pos_weight(
            pos_weight,
            negative_weight=9,
            positive_weight=1,
            negative_label="ham",
            positive_label="spam",
        )
    assert repr(pos_weight) in str(error.value)
    assert str(error.value).endswith(mend)


def test_balanced_needs_both_classes():
    with pytest.raises(ValueError, match="needs both classes"):
        resolve_pos_weight("balanced", negative_weight=5, positive_weight=0)
