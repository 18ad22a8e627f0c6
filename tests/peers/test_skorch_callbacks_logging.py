"""skorch's tests of its callbacks, in which targets of one value become two classes."""

import numpy as np
import pytest
from stand_ins import SKORCHS, SKORCHS_HOMES, import_tests

globals().update(import_tests("skorch.tests.callbacks.test_logging", SKORCHS, *SKORCHS_HOMES))


def _two_classes(of):
    """Rows of zeros as in skorch, but of two classes."""

    class TwoClasses(of):
        @pytest.fixture(scope="module")
        def data(self):
            n_rows = 20
            X = np.zeros((n_rows, 1), dtype="float32")
            return X, np.arange(n_rows) % 2

    TwoClasses.__name__ = TwoClasses.__qualname__ = of.__name__
    return TwoClasses


TestProgressBar = _two_classes(globals()["TestProgressBar"])
