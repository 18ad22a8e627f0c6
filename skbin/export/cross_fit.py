"""A `CrossFitClassifier` as JSON and tensors: its members and what it learned."""

import json
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.calibration import LogitMap
from skbin.cross_fit.estimator import FROM_MEMBERS, CrossFitClassifier
from skbin.cutoffs.choice import ThresholdChoice
from skbin.export.description import FORMAT, describe
from skbin.export.table import require
from skbin.machine.callers import warn_user

KEY = "cross_fit"
_SCORES, _POSITIVES, _WEIGHT, _GROUPS = (
    f"{KEY}/{name}" for name in ("scores", "is_y", "weight", "groups")
)
_PAIRS = ("threshold_interval", "logit_interval", "value_interval")


def describe_cross_fit(
    model: CrossFitClassifier,
) -> tuple[str, dict[str, torch.Tensor]]:
    """Write down the members, the calibration, the choice and the scores."""
    others = {type(member).__name__ for member in model.estimators_}
    if others != {BinaryNetClassifier.__name__}:
        raise TypeError(
            "save writes a CrossFitClassifier of BinaryNetClassifiers, got one of "
            f"{', '.join(sorted(others))}. Use skops.io.dump, or joblib.dump, whose "
            "files run code when they are read."
        )
    texts, tensors = [], {}
    for place, member in enumerate(model.estimators_):
        text, own = describe(member)
        texts.append(text)
        tensors.update({f"{_prefix(place)}{name}": own[name] for name in own})
    tensors[_SCORES] = torch.tensor(model.out_of_fold_)
    tensors[_POSITIVES] = torch.tensor(model._is_positive)
    if model._weight is not None:
        tensors[_WEIGHT] = torch.tensor(model._weight)
    if model._groups is not None:
        tensors[_GROUPS] = torch.tensor(model._groups)
    described = {
        "members": texts,
        "parameters": _parameters(model),
        "has_default_estimator": model.estimator is None,
        "positive_index": model._positive_index,
        "is_calibrated": model._is_calibrated,
        "calibration": list(model.calibration_),
        "threshold": float(model.threshold_),
        "choice": None if model.choice_ is None else asdict(model.choice_),
        "seed": int(model._seed),
    }
    return json.dumps({"format": FORMAT, KEY: described}), tensors


def _prefix(place: int) -> str:
    return f"member_{place}/"


def _parameters(model: CrossFitClassifier) -> dict[str, Any]:
    """Return the parameters that JSON can hold; warn about the others."""
    params = model.get_params(deep=False)
    del params["estimator"], params["n_jobs"]
    written = {}
    for name, value in params.items():
        try:
            written[name] = json.loads(json.dumps(value, default=np.generic.item))
        except (TypeError, ValueError):
            shown = " ".join(reprlib.repr(value).split())
            warn_user(
                f"save leaves out {name}={shown}. The loaded CrossFitClassifier "
                "predicts the same but has the default value; set it before the next "
                "fit.",
                UserWarning,
            )
    return written


def build_cross_fit(
    described: Any,
    tensors: Mapping[str, torch.Tensor],
    build_member: Callable[[str, dict[str, torch.Tensor]], BinaryNetClassifier],
) -> CrossFitClassifier:
    """Build what `describe_cross_fit` wrote, checking every part of it."""
    members = []
    for place, text in enumerate(described["members"]):
        prefix = _prefix(place)
        own = {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
        members.append(build_member(text, own))
    require(bool(members), "at least one member", members)
    params = described["parameters"]
    require(isinstance(params, dict), "parameters by their names", params)
    model = CrossFitClassifier(**params)
    if not described["has_default_estimator"]:
        model.estimator = clone(members[0])
    model._validate_params()
    _set_fitted(model, described, members)
    scores, is_positive = tensors[_SCORES].numpy(), tensors[_POSITIVES].numpy()
    weight = tensors[_WEIGHT].numpy() if _WEIGHT in tensors else None
    groups = tensors[_GROUPS].numpy() if _GROUPS in tensors else None
    known = [scores, is_positive, weight, groups]
    sizes = {len(array) for array in known if array is not None}
    require(len(sizes) == 1, "a score, a label and a weight for each row", sizes)
    model.out_of_fold_, model._is_positive = scores, is_positive
    model._weight, model._seed = weight, int(described["seed"])
    model._groups = groups
    return model


def _set_fitted(
    model: CrossFitClassifier,
    described: dict[str, Any],
    members: list[BinaryNetClassifier],
) -> None:
    classes = {tuple(member.classes_.tolist()) for member in members}
    require(len(classes) == 1, "members of the same classes", classes)
    index = described["positive_index"]
    require(index in (0, 1), "positive_index to be 0 or 1", index)
    threshold = described["threshold"]
    is_probability = isinstance(threshold, float) and 0 <= threshold <= 1
    require(is_probability, "threshold in [0, 1]", threshold)
    slope, intercept = described["calibration"]
    is_map = slope > 0 and np.isfinite([slope, intercept]).all()
    require(
        bool(is_map), "a finite calibration with a slope above 0", (slope, intercept)
    )
    model.classes_, model._positive_index = members[0].classes_, index
    model.estimators_, model.threshold_ = members, threshold
    model.calibration_ = LogitMap(slope, intercept)
    model._is_calibrated = bool(described["is_calibrated"])
    model.choice_ = _choice_from(described["choice"])
    for name in FROM_MEMBERS:
        if hasattr(members[0], name):
            setattr(model, name, getattr(members[0], name))


def _choice_from(described: dict[str, Any] | None) -> ThresholdChoice | None:
    if described is None:
        return None
    pairs = {name: tuple(described[name]) for name in _PAIRS}
    return ThresholdChoice(**{**described, **pairs})
