"""Whatever comes in: a documented error, or a result that makes sense, and no trace.

``python tests/fuzz.py`` drives the same properties by coverage.
"""

import pickle
import random
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import event, given, note
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from skorch.dataset import ValidSplit
from skorch.utils import is_dataset
from torch import nn

from skbin import (
    BalancedBatches,
    BinaryNetClassifier,
    ConvNet,
    DenseNet,
    TableConvNet,
    TextConvNet,
    TokenEncoder,
    select_threshold,
)
from skbin.data.batches import iterate_batches

DOCUMENTED_ERRORS = (ValueError, TypeError)
MODULES_ERRORS = (RuntimeError, IndexError)

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.just(()),
    st.just([1.0, 2.0]),
    st.just({"a": 1}),
    st.just(object),
)
numbers = st.one_of(
    st.floats(-5, 5, width=32),
    st.sampled_from([0.0, 1e-45, 1e30, 3e38, -3e38, 1e300, np.nan, np.inf, -np.inf]),
)
n_samples = st.integers(0, 12)


@st.composite
def arrays(draw, rows):
    """Mostly of numbers that a network can learn, sometimes of anything."""
    shape = (rows, *draw(st.lists(st.integers(0, 6), max_size=3)))
    dtype = draw(
        st.sampled_from(
            ["f4", "f8", "f8", "f2", "i8", "i1", "u8", "?", "O", "U2", "c8"]
        )
    )
    values = draw(npst.arrays(np.float64, shape, elements=draw_from(numbers)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return values.astype(dtype)


def draw_from(elements):
    return st.one_of(st.floats(-5, 5, width=32), st.floats(-5, 5, width=32), elements)


containers = st.sampled_from(
    [
        lambda X: X,
        lambda X: X,
        lambda X: X.tolist(),
        lambda X: list(X),
        lambda X: X[::-1],
        np.asfortranarray,
        pd.DataFrame,
        np.ma.masked_invalid,
        torch.from_numpy,
        sparse.csr_matrix,
        sparse.dok_array,
        lambda X: [row[: 1 + i % 3] for i, row in enumerate(X)],
        lambda X: {"X": X},
        lambda X: torch.utils.data.TensorDataset(torch.from_numpy(X)),
        iter,
    ]
)


@st.composite
def samples(draw, rows):
    X = draw(arrays(rows))
    container = draw(containers)
    try:
        return container(X)
    except Exception:  # such as a table with four axes
        return X


@st.composite
def labels(draw, rows):
    pair = st.sampled_from(
        [[0, 1], [0, 1], [1, 2], ["a", "b"], [False, True], [0.5, 2.5], [-1, 1]]
    )
    more = st.sampled_from([[0], [0, 1, 2], [0, np.nan], ["a", None], [0, "a"], [[1]]])
    kinds = draw(st.one_of(pair, pair, pair, more))
    y = draw(st.lists(st.sampled_from(kinds), min_size=rows, max_size=rows))
    container = draw(st.sampled_from([list, np.array, pd.Series, np.array, np.array]))
    return container(y)


def ordinary_samples(rows):
    shapes = st.one_of(
        st.tuples(st.just(rows), st.integers(1, 6)),
        st.tuples(st.just(rows), st.integers(1, 2), st.integers(1, 9)),
    )
    return npst.arrays(np.float32, shapes, elements=st.floats(-9, 9, width=32))


def two_classes(rows):
    return st.permutations([0] * (rows - rows // 3) + [1] * (rows // 3))


def weights(rows):
    right = st.lists(st.floats(0, 9), min_size=rows, max_size=rows)
    return st.one_of(right, st.lists(st.floats(), max_size=12), anything)


PARAMETERS = {
    "threshold": st.floats(0, 1),
    "pos_weight": st.one_of(st.just("balanced"), st.floats(0, 1e6)),
    "prior": st.one_of(st.just("train"), st.floats(0, 1)),
    "pos_label": st.sampled_from([0, 1, "a", "b", None]),
    "lr": st.floats(0, 10),
    "batch_size": st.integers(-1, 20),
    "max_epochs": st.integers(-1, 2),
    "random_state": st.integers(0, 2**32 - 1),
    "train_split": st.sampled_from(
        [None, ValidSplit(2), ValidSplit(2, stratified=True)]
    ),
    "criterion": st.sampled_from([nn.BCEWithLogitsLoss, nn.BCELoss, nn.MSELoss]),
    "optimizer": st.sampled_from([torch.optim.SGD, torch.optim.LBFGS]),
    "iterator_train": st.sampled_from([iterate_batches, BalancedBatches]),
    "warm_start": st.booleans(),
    "callbacks": st.sampled_from([None, "disable", []]),
    "device": st.sampled_from(["cpu", "auto", None, "cuda:99"]),
    "predict_nonlinearity": st.sampled_from(["auto", None]),
    "module__dropout": st.floats(0, 1),
    "module__kernel_sizes": st.lists(st.integers(-1, 9), max_size=3),
    "module__num_filters": st.integers(-1, 4),
    "module__hidden_units": st.integers(-1, 4),
    "iterator_train__shuffle": st.booleans(),
    "module": st.sampled_from([TextConvNet, nn.Linear(2, 1)]),
}


@st.composite
def parameters(draw):
    names = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), unique=True, max_size=4))
    chosen = {name: draw(PARAMETERS[name]) for name in names}
    if draw(st.integers(0, 9)) == 0:
        chosen[draw(st.sampled_from(sorted(PARAMETERS)))] = draw(anything)
    if isinstance(chosen.get("max_epochs"), int):
        chosen["max_epochs"] = min(chosen["max_epochs"], 2)  # a million take their time
    return chosen


def as_bytes(*objects):
    # A sparse matrix notes in itself whether it is sorted; its values count here.
    objects = [X.toarray() if sparse.issparse(X) else X for X in objects]
    try:
        return pickle.dumps(objects)
    except TypeError:  # an iterator over an array
        return None


def global_state():
    # Hypothesis keeps `random` and NumPy's generator as they were by itself.
    return pickle.dumps((random.getstate(), np.random.get_state())), (  # noqa: NPY002  the global one
        torch.get_rng_state().numpy().tobytes()
    )


@given(data=st.data())
def test_any_data_and_parameters_give_probabilities_or_a_documented_error(data):
    # One or two things out of the ordinary: with more, the first would hide the others.
    odd = data.draw(
        st.sets(st.sampled_from(["X", "y", "weight", "params"]), max_size=2)
    )
    rows = data.draw(n_samples if odd else st.integers(4, 12))
    X = data.draw(samples(rows) if "X" in odd else ordinary_samples(rows))
    y = data.draw(
        st.one_of(labels(rows), anything) if "y" in odd else two_classes(rows)
    )
    sample_weight = data.draw(weights(rows)) if "weight" in odd else None
    params = {"module": data.draw(st.sampled_from([ConvNet, DenseNet, TableConvNet]))}
    params |= {"max_epochs": 1, "random_state": 0}
    params |= data.draw(parameters()) if "params" in odd else {}
    note(f"{params}\n{X!r}\n{y!r}\n{sample_weight!r}")
    given_bytes, state = as_bytes(X, y, sample_weight), global_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            net = BinaryNetClassifier(**params).fit(X, y, sample_weight)
            probability = net.predict_proba(X)
        except DOCUMENTED_ERRORS as error:
            assert odd, error
            assert str(error)
            event("refused")
            probability = None
        except MODULES_ERRORS as error:
            check_that_it_is_the_users(error, params["module"], X)
            probability = None
        assert as_bytes(X, y, sample_weight) == given_bytes
        assert params["random_state"] is None or global_state() == state
        if probability is None:
            return
        event("fitted")
        check_probabilities(probability, rows)
        assert_array_equal(net.predict_proba(X), probability)
        assert set(net.predict(X)) <= set(net.classes_)
        others = data.draw(st.one_of(as_in_training(X), samples(data.draw(n_samples))))
        note(f"then {others!r}")
        given_bytes = as_bytes(others)
        try:
            check_probabilities(net.predict_proba(others), None)
        except DOCUMENTED_ERRORS as error:
            assert str(error)
        except MODULES_ERRORS as error:
            check_that_it_is_the_users(error, params["module"], others)
        assert as_bytes(others) == given_bytes


def check_that_it_is_the_users(error, module, X):
    """Of a module that the user has made, or samples that nobody looks into before."""
    assert isinstance(module, nn.Module) or is_dataset(X) or isinstance(X, dict)
    assert "The module was given" in error.__notes__[0]


def check_probabilities(probability, rows):
    assert probability.shape[1:] == (2,)
    assert rows is None or len(probability) == rows
    assert ((probability >= 0) & (probability <= 1)).all()
    assert_allclose(probability.sum(1), 1)


def as_in_training(X):
    """Samples of the same shape, their values as extreme as they come."""
    shape = np.shape(X) if isinstance(X, np.ndarray) else (3, 2)
    return npst.arrays(np.float64, shape, elements=numbers)


@given(
    texts=st.one_of(
        st.lists(st.one_of(st.text(), st.text(), anything), max_size=6),
        st.lists(st.one_of(st.text(), st.just("two words")), min_size=1, max_size=6),
    ),
    again=st.lists(st.text(), max_size=6),
)
def test_any_texts_give_ids_or_a_documented_error(texts, again):
    encoder = TokenEncoder()
    has_words = all(isinstance(text, str) for text in texts) and any(
        re.search("[a-z]{2}", text) for text in texts
    )
    try:
        ids = encoder.fit(texts).transform(again)
    except DOCUMENTED_ERRORS as error:
        assert not (has_words and again), error
        assert str(error)
        return
    assert len(ids) == len(again)
    assert ids.dtype.kind == "i"
    assert (ids >= 0).all()


@pytest.mark.filterwarnings(
    "ignore:y_true has", "ignore:y_score", "ignore:Samples of the positive"
)
@given(data=st.data())
def test_any_scores_give_a_threshold_or_a_documented_error(data):
    odd = data.draw(st.sets(st.sampled_from(["y", "scores", "metric"]), max_size=2))
    rows = data.draw(n_samples if odd else st.integers(4, 12))
    y_true = data.draw(
        st.one_of(labels(rows), anything) if "y" in odd else two_classes(rows)
    )
    right = st.lists(st.floats(0, 1), min_size=rows, max_size=rows)
    wrong = st.one_of(st.lists(st.floats(0, 1), max_size=12), arrays(rows))
    scores = data.draw(wrong if "scores" in odd else right)
    metric = data.draw(
        st.one_of(st.just("nonsense"), anything)
        if "metric" in odd
        else st.sampled_from(["f1", "recall"])
    )
    try:
        choice = select_threshold(y_true, scores, metric, n_bootstraps=10)
    except DOCUMENTED_ERRORS as error:
        assert odd, error
        assert str(error)
        return
    assert not np.isnan(choice.threshold)
    assert not np.isnan(choice.value)
