"""One member of a cross-fit: trained on some rows, scored on those left out."""

import inspect
import sys
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from scipy.special import logit
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, has_fit_parameter
from skorch.utils import multi_indexing
from tqdm.auto import tqdm

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.splits import Split
from skbin.data.cells import is_frame
from skbin.data.dicts import is_dict
from skbin.data.ngrams import each_text_read_once
from skbin.data.signals import pad_signals
from skbin.data.splits import HeldOut
from skbin.data.which_texts import holds_texts_alone
from skbin.machine.randomness import draw_seed
from skbin.nesting import input_of_innermost

# Fewer members and less dropout than in a single fit, because five nets are trained and
# each stops early. Measured on raw tables: see docs/benchmarks/tables.rst.
_TABLE_PARAMETERS: dict[str, Any] = {
    "lr": 0.002,
    "max_epochs": 40,
    "module__n_members": 4,
    "module__dropout": 0.3,
    "callbacks__best_weights__patience": 6,
}

_LOOKED_AT = 100  # samples, to find out what they are
_LEAST_IF_CALIBRATED, _LEAST = 1e-3, 1e-9  # probabilities


def default_member(X: Any) -> BinaryNetClassifier:
    """Make what is trained where the user names no estimator."""
    if is_dict(X) or holds_texts_alone(X):
        return BinaryNetClassifier()
    if not is_frame(X) and _are_signals(X):
        return BinaryNetClassifier()
    return BinaryNetClassifier(**_TABLE_PARAMETERS)


def _are_signals(X: Any) -> bool:
    if getattr(X, "ndim", 1) == 1:  # a list of samples, or a Series of them
        X = pad_signals(list(X[:_LOOKED_AT]))
    return np.ndim(X) > 2


def rows_at(X: Any, places: NDArray[np.intp]) -> Any:
    """Take some of the rows of whatever holds samples."""
    if is_dict(X):
        return multi_indexing(X, places)
    if nw.dependencies.is_pandas_index(X):
        return X[places]
    return _safe_indexing(X, places)


def fit_members(
    template: Any,
    X: Any,
    y: NDArray[Any],
    splits: list[Split],
    seeds: list[dict[str, Any]],
    params: dict[str, Any],
    positive: Any,
    *,
    calibrated: bool,
    n_jobs: int | None,
    shows_bar: bool,
) -> tuple[list[Any], NDArray[np.float64]]:
    """Fit a member for each split; return each row's mean logit by members without it.

    It is NaN for rows that no split leaves out.
    """
    # Clusters give results at the end only.
    shows_bar = shows_bar and get_active_backend()[0].supports_return_generator
    with each_text_read_once():
        returned = Parallel(
            n_jobs=n_jobs, return_as="generator" if shows_bar else "list"
        )(
            delayed(_member_and_its_logits)(
                template, X, y, split, own_seeds, params, positive, calibrated
            )
            for split, own_seeds in zip(splits, seeds, strict=True)
        )
        bar = {"total": len(splits), "unit": "member", "file": sys.stderr}
        found = list(tqdm(returned, disable=not shows_bar, **bar))
    if not all(np.isfinite(logits).all() for _, logits in found):
        raise ValueError(
            "A member returns infinite logits or NaN for rows that it was not trained "
            "on, so that logits cannot be averaged. The estimator must return finite "
            "ones."
        )
    total, times = np.zeros(len(y)), np.zeros(len(y))
    for (_, left_out), (_, logits) in zip(splits, found, strict=True):
        total[left_out] += logits
        times[left_out] += 1
    with np.errstate(invalid="ignore"):
        return [member for member, _ in found], total / times


def drawn_seeds(template: Any, rng: np.random.RandomState) -> dict[str, Any]:
    """Draw a seed for each part of a member that takes one."""
    return {
        name: draw_seed(rng)
        for name in sorted(template.get_params())
        if name == "random_state" or name.endswith("__random_state")
    }


def _member_and_its_logits(
    template: Any,
    X: Any,
    y: NDArray[Any],
    split: Split,
    seeds: dict[str, Any],
    params: dict[str, Any],
    positive: Any,
    calibrated: bool,
) -> tuple[Any, NDArray[np.float64]]:
    member = _fit_member(
        clone(template).set_params(**seeds), X, y, *split, params, positive
    )
    X_left = rows_at(X, split[1])
    return member, positive_logits(member, X_left, positive, calibrated=calibrated)


def _fit_member(
    member: Any,
    X: Any,
    y: NDArray[Any],
    train: NDArray[np.intp],
    left_out: NDArray[np.intp],
    params: dict[str, Any],
    positive: Any,
) -> Any:
    """Fit on some rows; a net of skbin stops by the rows left out."""
    X_train, y_train = rows_at(X, train), y[train]
    params_train = _check_method_params(y, params, indices=train)
    net = _last_step(member)
    if isinstance(net, BinaryNetClassifier):
        net.set_params(pos_label=positive)
    if not (isinstance(net, BinaryNetClassifier) and _may_be_stopped(net)):
        return member.fit(X_train, y_train, **params_train)
    X_left, y_left = rows_at(X, left_out), y[left_out]
    params_left = _check_method_params(y, params, indices=left_out)
    if net is member:
        weight = params_left.get("sample_weight")
        held_out = HeldOut(X_left, y_left, weight)
        _fit_and_stop(net, held_out, X_train, y_train, params_train)
        return member
    name = member.steps[-1][0]
    caught = _Caught.in_place_of(net)
    member.steps[-1] = (name, caught)
    member.fit(X_train, y_train, **params_train)
    weight = None
    if "sample_weight" in caught.params:  # by its name in the pipeline, or as routed
        names = (f"{name}__sample_weight", "sample_weight")
        weight = next(params_left[key] for key in names if key in params_left)
    held_out = HeldOut(input_of_innermost(member, X_left), y_left, weight)
    _fit_and_stop(net, held_out, caught.X, caught.y, caught.params)
    member.steps[-1] = (name, net)
    return member


def _last_step(member: Any) -> Any:
    return member.steps[-1][1] if isinstance(member, Pipeline) else member


def _may_be_stopped(net: BinaryNetClassifier) -> bool:
    """Whether the user has set nothing that stops the net."""
    is_on = net.get_params_for("callbacks").get("best_weights", True) is not None
    return not net.train_split and net.callbacks != "disable" and is_on


def _fit_and_stop(
    net: BinaryNetClassifier, held_out: HeldOut, X: Any, y: Any, params: dict[str, Any]
) -> None:
    was_stopping = net.early_stopping
    net.set_params(early_stopping=True, train_split=held_out)
    net.fit(X, y, **params)
    # The held-out rows are no longer needed, and files should not hold them.
    net.set_params(early_stopping=was_stopping, train_split=None)


class _Caught(ClassifierMixin, BaseEstimator):
    """The last step of a Pipeline that keeps what reaches it."""

    @classmethod
    def in_place_of(cls, net: BinaryNetClassifier) -> "_Caught":
        """Ask for the weights that a net asks for, where metadata are routed."""
        caught = cls()
        if get_config()["enable_metadata_routing"]:
            asked = net._get_metadata_request().fit.requests.get("sample_weight")
            caught.set_fit_request(sample_weight=asked)
        return caught

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Any:
        self.X, self.y, self.params = X, y, params
        if sample_weight is not None:
            self.params = {**params, "sample_weight": sample_weight}
        self.classes_ = np.unique(y)
        return self


def positive_logits(
    member: Any, X: Any, positive: Any, *, calibrated: bool
) -> NDArray[np.float64]:
    """Return the logit of the positive class, or a margin to be calibrated."""
    is_second = member.classes_[1] == positive
    is_ours = isinstance(_last_step(member), BinaryNetClassifier)
    has_logits = calibrated or is_ours
    if has_logits and hasattr(member, "decision_function"):
        logits = np.asarray(member.decision_function(X), dtype=np.float64)
        return logits if is_second else -logits
    probability = member.predict_proba(X)[:, int(is_second)].astype(np.float64)
    # A forest returns 0 and 1, whose infinite logits would outweigh all other members.
    least = _LEAST_IF_CALIBRATED if calibrated else _LEAST
    return logit((probability + least) / (1 + 2 * least))


def name_of_weights(estimator: Any) -> str:
    """Name the argument by which the weights reach the classifier."""
    name = "sample_weight"
    while isinstance(estimator, Pipeline):
        step, estimator = estimator.steps[-1]
        name = f"{step}__{name}"
    kinds = [p.kind for p in inspect.signature(estimator.fit).parameters.values()]
    passes_on = inspect.Parameter.VAR_KEYWORD in kinds and hasattr(estimator, "cv")
    if not (has_fit_parameter(estimator, "sample_weight") or passes_on):
        raise ValueError(
            f"{type(estimator).__name__}.fit takes no sample_weight. Leave it out, or "
            "choose an estimator that takes one."
        )
    return name
