"""skorch's ``test_history.py``, run with our estimator."""

from stand_ins import skorchs_tests

globals().update(skorchs_tests("test_history"))
