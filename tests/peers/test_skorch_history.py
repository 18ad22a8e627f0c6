from stand_ins import SKORCHS, SKORCHS_HOMES, import_tests

globals().update(import_tests("skorch.tests.test_history", SKORCHS, *SKORCHS_HOMES))
