"""scikit-learn's tests of thresholds, with our estimator in place of classifiers."""

from stand_ins import sklearns_tests

globals().update(
    sklearns_tests("sklearn.model_selection.tests.test_classification_threshold")
)
