"""Members trained on folds, and what the rows left out tell: `CrossFitClassifier`."""

from functools import cached_property
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    _fit_context,
)
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.admission import (
    labels_of_fit,
    require_probabilities,
    rows_of_fit,
    warn_if_resampled_before,
)
from skbin.cross_fit.calibration import LogitMap, fitted_map
from skbin.cross_fit.members import (
    default_member,
    drawn_seeds,
    fit_members,
    name_of_weights,
    positive_logits,
)
from skbin.cross_fit.report import Report, report_on
from skbin.cross_fit.rule import CutoffRule
from skbin.cross_fit.splits import splits_of
from skbin.cross_fit.unknown_parameters import refuses_unknown_parameters
from skbin.cutoffs.scored_rows import codes_of
from skbin.data.labels import BinaryLabels
from skbin.data.notebook import ShowsColumns
from skbin.machine.randomness import draw_seed
from skbin.nesting import layers

FROM_MEMBERS = ("n_features_in_", "feature_names_in_")


class CrossFitClassifier(
    ShowsColumns, MetaEstimatorMixin, ClassifierMixin, BaseEstimator
):
    """Members on folds, calibrated together, with a cutoff and metrics to expect.

    Each member is trained on all folds but one. The training of a
    `BinaryNetClassifier`, alone or at the end of a Pipeline, stops early by the loss on
    the fold left out. Thus every row gets a score from a member that was not trained on
    it, while every row is also trained on. These scores calibrate the probabilities,
    choose the cutoff, and estimate the metrics on new rows. Predictions average the
    members' logits. Parameters set after `fit` take effect at the next `fit`.

    Parameters
    ----------
    estimator : estimator instance, default=None
        A scikit-learn classifier with `predict_proba` or `decision_function`. None: a
        `BinaryNetClassifier`; for tables, with settings that suit an average of several
        members.
    cv : int, cross-validation splitter or iterable, default=5
        An int is the number of stratified, shuffled folds; they keep groups whole if
        `fit` is given ``groups``. Rows that no split leaves out, such as the first ones
        of a split by time, have no score.
    n_repeats : int, default=1
        Number of times that the rows are divided into folds, if `cv` is an int.
    calibrate : bool, default=True
        Whether logits are scaled and shifted by two numbers that are fitted to the
        scores of the rows left out. The ranking does not change.
    cutoff : None, float, str, callable or dict, default=None
        How `predict` decides. None: the `threshold` of `estimator` if it has one, else
        0.5. A float is the threshold itself. A str or callable is a metric, and a dict
        holds arguments, of `select_threshold`: ``{"cost_matrix": [[0, 1], [10, 0]]}``.
    pos_label : object, default=None
        The label of the positive class. None: that of `estimator` if it has one, else
        ``classes_[1]``.
    n_jobs : int, default=None
        Number of members that joblib trains in parallel.
    verbose : int, default=0
        0 is silent, 1 shows a bar that counts the members.
    random_state : int, numpy.random.RandomState or None, default=None
        Seeds folds, members and bootstrap. None: members keep their own seeds.

    Attributes
    ----------
    estimators_ : list of estimators
        The members, in the order of the splits.
    classes_ : ndarray of shape (2,)
        The labels, sorted.
    out_of_fold_ : ndarray of shape (n_samples,)
        Probability of the positive class for each training row, computed by members
        that were not trained on it. NaN for rows that no split leaves out.
    threshold_ : float
        The cutoff of `predict`.
    choice_ : ThresholdChoice or None
        The choice of the cutoff. None if `cutoff` gives a threshold.
    calibration_ : tuple of float
        ``slope`` and ``intercept`` of the calibrated logit.
    report_ : Report
        Metrics to expect on new rows, with intervals. Computed on first access.
    n_features_in_, feature_names_in_
        Those of the members.

    See Also
    --------
    select_threshold : Describes the metrics and arguments that `cutoff` takes.
    sklearn.calibration.CalibratedClassifierCV : Calibrates each member separately.
    sklearn.model_selection.TunedThresholdClassifierCV : Chooses a cutoff, then trains
        once more on all rows.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999. Breiman, "Stacked
    regressions", Machine Learning 24, 1996, for the scores of rows left out.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skbin import CrossFitClassifier
    >>> X, y = make_classification(2000, weights=[0.9], random_state=0)
    >>> model = CrossFitClassifier(LogisticRegression(), cutoff="f1", random_state=0)
    >>> model = model.fit(X, y)
    >>> len(model.estimators_), model.out_of_fold_.shape
    (5, (2000,))
    >>> 0 < model.threshold_ < 1
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods("fit"), None],
        "cv": ["cv_object"],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "calibrate": ["boolean"],
        "cutoff": "no_validation",
        "pos_label": "no_validation",
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    @refuses_unknown_parameters
    def __init__(
        self,
        estimator: Any = None,
        *,
        cv: Any = 5,
        n_repeats: int = 1,
        calibrate: bool = True,
        cutoff: Any = None,
        pos_label: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.cv = cv
        self.n_repeats = n_repeats
        self.calibrate = calibrate
        self.cutoff = cutoff
        self.pos_label = pos_label
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    # ---- what scikit-learn asks of an estimator

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags = get_tags(self._given_estimator()).input_tags
        return tags

    def get_metadata_routing(self):
        """Return what `fit` passes on; see scikit-learn's user guide.

        Returns
        -------
        routing : MetadataRouter
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self._given_estimator(),
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(
                splitter=check_cv(self.cv, classifier=True),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _given_estimator(self) -> Any:
        return BinaryNetClassifier() if self.estimator is None else self.estimator

    # ---- training

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **params):
        """Train the members, calibrate them, and choose the cutoff.

        Parameters
        ----------
        X : array-like, DataFrame, list, dict of arrays
            Samples as the estimator takes them, but not a torch Dataset.
        y : array-like of shape (n_samples,)
            Two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, for the members and for everything that is computed
            from the rows left out.
        **params : dict
            ``groups`` is passed to `cv`, all others to the members' `fit`; of a
            parameter with one entry per row, the entries of the rows trained on. With
            metadata routing, as requested.

        Returns
        -------
        self : CrossFitClassifier

        Raises
        ------
        ValueError
            For unusable data or parameters, and if the training rows of a split lack a
            class.
        """
        X, y, weight = rows_of_fit(X, y, sample_weight, self.cutoff, params)
        labels = labels_of_fit(y, weight, self._given_estimator(), self.pos_label)
        require_probabilities(self._given_estimator(), self.calibrate)
        warn_if_resampled_before()
        if weight is not None:  # rows of weight zero may have a third label
            y = np.where(weight > 0, y, labels.negative)
        routed = self._routed(weight, params)
        of_splitter = routed.splitter.split
        groups = codes_of(of_splitter.get("groups"))
        rule = self._rule()
        rule.check(y, weight, groups, labels.positive)
        rng = check_random_state(self.random_state)
        counted = np.ones(len(y)) if weight is None else weight
        splits = splits_of(
            self.cv, self.n_repeats, X, y, counted, labels, of_splitter, rng
        )
        template = default_member(X) if self.estimator is None else self.estimator
        seeds: list[dict[str, Any]] = [{} for _ in splits]
        if self.random_state is not None:
            seeds = [drawn_seeds(template, rng) for _ in splits]
        members, logits = fit_members(
            template,
            X,
            y,
            splits,
            seeds,
            routed.estimator.fit,
            labels.positive,
            calibrated=self.calibrate,
            n_jobs=self.n_jobs,
            shows_bar=self.verbose > 0,
        )
        is_positive = labels.encode(y) == 1
        is_scored = ~np.isnan(logits) & (counted > 0)
        calibration = LogitMap()
        if self.calibrate:
            calibration = fitted_map(
                logits[is_scored], is_positive[is_scored], counted[is_scored]
            )
        scores = expit(calibration(logits))
        seed: Any = draw_seed(rng)
        choice = rule.choose(y, scores, weight, groups, labels.positive, seed)
        # Attributes are set only after everything has succeeded.
        self.__dict__.pop("report_", None)
        for name in FROM_MEMBERS:
            self.__dict__.pop(name, None)
            if hasattr(members[0], name):
                setattr(self, name, getattr(members[0], name))
        self.classes_, self._positive_index = labels.classes, labels.positive_index
        self.estimators_, self.calibration_ = members, calibration
        self.out_of_fold_, self.choice_ = scores, choice
        self.threshold_: Any = (choice or rule).threshold
        self._is_positive, self._weight, self._groups = is_positive, weight, groups
        self._is_calibrated, self._seed = self.calibrate, seed
        return self

    def _rule(self) -> CutoffRule:
        known = (
            getattr(layer, "threshold", None)
            for layer in layers(self._given_estimator())
        )
        numbers = (value for value in known if isinstance(value, Real))
        return CutoffRule(self.cutoff, otherwise=float(next(numbers, 0.5)))

    def _routed(self, weight: Any, params: dict[str, Any]) -> Any:
        if _routing_enabled():
            return process_routing(self, "fit", sample_weight=weight, **params)
        groups = params.pop("groups", None)
        if weight is not None:
            params[name_of_weights(self._given_estimator())] = weight
        splitter = Bunch(split={} if groups is None else {"groups": groups})
        return Bunch(splitter=splitter, estimator=Bunch(fit=params))

    # ---- prediction

    def decision_function(self, X):
        """Compute the logit of the second column of `predict_proba`.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        logit : ndarray of shape (n_samples,)
            Calibrated mean of the members' logits.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the members raise it, for example for columns other than those in `fit`.
        """
        z = self._positive_logit(X)
        return z if self._positive_index == 1 else -z

    def predict_proba(self, X):
        """Compute the probability of each class.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        probability : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the members raise it, for example for columns other than those in `fit`.
        """
        z = self.decision_function(X)
        return np.column_stack([expit(-z), expit(z)])

    def predict_log_proba(self, X):
        """Compute the natural logarithm of `predict_proba`, without underflow.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the members raise it, for example for columns other than those in `fit`.
        """
        z = self.decision_function(X)
        return np.column_stack([log_expit(-z), log_expit(z)])

    def predict(self, X):
        """Predict the label of each sample.

        Parameters
        ----------
        X : as for `fit`
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The positive class where its probability is at least ``threshold_``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the members raise it, for example for columns other than those in `fit`.
        """
        is_positive = expit(self._positive_logit(X)) >= self.threshold_
        return BinaryLabels(self.classes_, self._positive_index).decode(is_positive)

    def _positive_logit(self, X) -> NDArray[np.float64]:
        check_is_fitted(self)
        positive = self.classes_[self._positive_index]
        calibrated = self._is_calibrated
        logits = [
            positive_logits(member, X, positive, calibrated=calibrated)
            for member in self.estimators_
        ]
        return self.calibration_(np.mean(logits, axis=0))

    # ---- results on the rows left out

    def out_of_fold_rows(self) -> dict[str, Any]:
        """Return the rows that have a score and a weight, for `select_threshold`.

        Returns
        -------
        rows : dict
            ``y_true``, ``y_score``, ``sample_weight``, ``groups`` and ``pos_label``, as
            in ``select_threshold(**model.out_of_fold_rows(), metric="f1")``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        is_scored = ~np.isnan(self.out_of_fold_)
        if self._weight is not None:
            is_scored &= self._weight > 0
        labels = BinaryLabels(self.classes_, self._positive_index)
        return {
            "y_true": labels.decode(self._is_positive[is_scored]),
            "y_score": self.out_of_fold_[is_scored],
            "sample_weight": None if self._weight is None else self._weight[is_scored],
            "groups": None if self._groups is None else self._groups[is_scored],
            "pos_label": labels.positive,
        }

    @cached_property
    def report_(self) -> Report:
        """What to expect on new rows."""
        rows = self.out_of_fold_rows()
        given = {"threshold": self.threshold_, "rng": self._seed}
        return report_on(**rows, **given, n_unscored=np.isnan(self.out_of_fold_).sum())
