"""The table of differences names tests that exist."""

import functools
import importlib
from itertools import chain

import pytest
from differences import DIFFERENT, NOT_RUN

NAMES = [*chain(*DIFFERENT.values(), *NOT_RUN.values())]


@pytest.mark.parametrize("name", NAMES)
def test_each_entry_names_a_test_of_a_peer(name):
    file, *path = name.partition("[")[0].split("::")
    module = importlib.import_module(file.removesuffix(".py"))
    assert callable(functools.reduce(getattr, path, module))


def test_no_entry_is_written_twice():
    assert sorted(NAMES) == sorted(set(NAMES))
