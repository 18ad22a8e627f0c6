from stand_ins import SKORCHS, SKORCHS_HOMES, import_tests

globals().update(import_tests("skorch.tests.callbacks.test_regularization", SKORCHS, *SKORCHS_HOMES))
