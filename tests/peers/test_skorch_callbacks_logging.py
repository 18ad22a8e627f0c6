"""skorch's ``callbacks.test_logging.py``, run with our estimator."""

import numpy as np
from stand_ins import skorchs_tests, with_data

globals().update(skorchs_tests("callbacks.test_logging"))

X = np.zeros((20, 1), dtype="float32")
TestProgressBar = with_data(globals()["TestProgressBar"], X, np.arange(20) % 2)
