"""skorch's ``callbacks.test_training.py``, run with our estimator."""

import numpy as np
from stand_ins import skorchs_tests, with_data

globals().update(skorchs_tests("callbacks.test_training"))

y = np.arange(10) % 2
X = (2 * y - 1 + np.arange(10) / 100).astype("float32").reshape(-1, 1)
for name in ("TestCheckpoint", "TestLoadInitState", "TestTrainEndCheckpoint"):
    globals()[name] = with_data(globals()[name], X, y)
