"""Files that version 0.1 has saved are loaded, and predict as they did there."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from skbin import load, save

pytest.importorskip("safetensors")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.skbin"


DATA = Path(__file__).parent / "data"
TABLE = np.linspace(-2, 2, 60).reshape(20, 3)
SAMPLES = {
    "conv_table": TABLE,
    "conv_signals": np.sin(np.linspace(0, 40, 480)).reshape(20, 2, 12),
    "dense_strings": pd.DataFrame(TABLE, columns=["a", "b", "c"]),
    "text": np.arange(120).reshape(20, 6) * 7 % 11,
    "instance": TABLE,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_of_version_0_1_predicts_as_it_did(name):
    module = None
    if name == "instance":
        module = nn.Sequential(
            nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1), nn.Sigmoid()
        )
    loaders = pytest.warns(UserWarning, match="The file sets iterator_.* is ignored")
    has_loaders = name in ("dense_strings", "text")
    with loaders if has_loaders else contextlib.nullcontext():
        net = load(DATA / f"{name}.skbin", module=module)
    expected = json.loads((DATA / "expected.json").read_text())[name]
    assert_allclose(net.predict_proba(SAMPLES[name])[::4, 1], expected, atol=1e-6)


def test_what_a_file_of_version_0_1_says_of_its_data_is_read():
    with pytest.warns(UserWarning, match="iterator_train, iterator_valid__batch_size"):
        net = load(DATA / "dense_strings.skbin")
    assert net.classes_.tolist() == ["fault", "fine"]
    assert (net.pos_label, net.threshold, net.prior) == ("fault", 0.3, "train")
    assert (net.pos_weight_, net.train_prior_, net.batch_prior_) == (2.0, 0.35, 0.5)
    assert net.feature_names_in_.tolist() == ["a", "b", "c"]
    assert net.optimizer is torch.optim.SGD
    assert len(net.history) == 3
    net.partial_fit(SAMPLES["dense_strings"], np.resize(["fault", "fine"], 20))


def test_a_file_of_format_1_is_read():
    probability = load(DATA / "format_1.skbin").predict_proba(TABLE)[::6, 0]
    assert_allclose(probability, [0.216907, 0.213186, 0.216754, 0.27775], atol=1e-6)


def test_a_file_of_version_0_1_can_be_saved_again(path):
    net = load(DATA / "conv_signals.skbin")
    save(net, path)
    X = SAMPLES["conv_signals"]
    assert_array_equal(load(path).predict_proba(X), net.predict_proba(X))
