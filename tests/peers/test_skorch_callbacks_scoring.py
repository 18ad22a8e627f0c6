"""skorch's ``callbacks.test_scoring.py``, run with our estimator."""

from stand_ins import skorchs_tests

globals().update(skorchs_tests("callbacks.test_scoring"))
