from stand_ins import SKORCHS, SKORCHS_HOMES, import_tests

globals().update(import_tests("skorch.tests.callbacks.test_all", SKORCHS, *SKORCHS_HOMES))
