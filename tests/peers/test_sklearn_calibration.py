"""scikit-learn's tests of calibration, with our estimator in place of classifiers."""

from stand_ins import sklearns_tests

globals().update(sklearns_tests("sklearn.tests.test_calibration"))
