"""skorch's tests of its callbacks, in which targets of one value become two classes."""

import numpy as np
import pytest
from stand_ins import SKORCHS, SKORCHS_HOMES, import_tests

globals().update(import_tests("skorch.tests.callbacks.test_training", SKORCHS, *SKORCHS_HOMES))


def _two_classes(of):
    """Rows of zeros as in skorch, but of two classes."""

    class TwoClasses(of):
        @pytest.fixture(scope="module")
        def data(self):
            n_rows = 10
            X = np.zeros((n_rows, 1), dtype="float32")
            return X, np.arange(n_rows) % 2

    TwoClasses.__name__ = TwoClasses.__qualname__ = of.__name__
    return TwoClasses


TestCheckpoint = _two_classes(globals()["TestCheckpoint"])
TestLoadInitState = _two_classes(globals()["TestLoadInitState"])
TestTrainEndCheckpoint = _two_classes(globals()["TestTrainEndCheckpoint"])
