"""skorch's ``callbacks.test_lr_scheduler.py``, run with our estimator."""

from stand_ins import skorchs_tests

globals().update(skorchs_tests("callbacks.test_lr_scheduler"))
