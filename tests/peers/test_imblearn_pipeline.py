"""imbalanced-learn's tests of pipelines, with our estimator in place of classifiers."""

from stand_ins import sklearns_tests

globals().update(sklearns_tests("imblearn.tests.test_pipeline"))
