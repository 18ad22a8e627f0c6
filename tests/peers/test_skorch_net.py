"""skorch's ``test_net.py``, run with our estimator."""

import sys
from types import SimpleNamespace

from stand_ins import skorchs_tests

globals().update(skorchs_tests("test_net"))

# One test seeds torch by the clock, to have other luck when it is tried again. It is
# tried once here, and must not depend on when.
sys.modules["skorch.tests.test_net"].time = SimpleNamespace(time=lambda: 0)
