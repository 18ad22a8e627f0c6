"""skorch's parameters, stored as scikit-learn requires."""

import difflib
import functools
import inspect
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions
from skorch import NeuralNetBinaryClassifier
from torch.utils.data import Dataset

from skbin.machine.devices import resolve_device

_PREFIXES = (
    "module",
    "criterion",
    "optimizer",
    "iterator_train",
    "iterator_valid",
    "dataset",
    "callbacks",
    "compile",
)


def _private(name: str) -> property:
    """Hide an attribute of skorch: scikit-learn's estimators set none in __init__."""

    def get(self: Any) -> Any:
        return getattr(self, name)

    def set_(self: Any, value: Any) -> None:
        setattr(self, name, value)

    return property(get, set_)


def is_of_a_part(name: str) -> bool:
    """Whether a name is a parameter of a part, such as ``module__dropout``."""
    return "__" in name.strip("_") and not name.startswith("_")


class ParameterNet(NeuralNetBinaryClassifier):
    """A skorch net whose public attributes are its parameters, and nothing else.

    Those of its parts (``module__dropout``) are stored under one private name: they are
    not parameters of ``__init__``, so scikit-learn forbids attributes for them.
    """

    _part_params: dict[str, Any]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "module": [callable, StrOptions({"auto"})],
        "criterion": [callable],
        "optimizer": [callable],
        "iterator_train": [callable, StrOptions({"auto"})],
        "iterator_valid": [callable, StrOptions({"auto"})],
        "dataset": [callable, Dataset, StrOptions({"auto"})],
        "lr": [
            Interval(Real, 0, None, closed="left"),
            torch.Tensor,
            np.ndarray,
            StrOptions({"auto"}),
        ],
        "max_epochs": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "batch_size": [
            None,  # for a Dataset whose samples are batches
            Interval(Integral, 1, None, closed="left"),
            Options(Integral, {-1}),
        ],
        "train_split": [None, callable, Options(bool, {False})],
        "early_stopping": ["boolean"],
        "warm_start": ["boolean"],
        "categorical_features": [None, StrOptions({"from_dtype"}), "array-like"],
        "text_features": [None, StrOptions({"auto"}), list, tuple, np.ndarray],
        "callbacks": [None, StrOptions({"disable"}), list, tuple],
        "prior": [
            None,
            StrOptions({"train"}),
            Interval(Real, 0, 1, closed="neither"),
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    history_ = _private("_history")
    initialized_ = _private("_initialized")
    virtual_params_ = _private("_virtual_params")

    def __init__(self, module: Any, *, device: Any, **kwargs: Any) -> None:
        super().__init__(module, device=device, **kwargs)
        self._gather_params_of_parts()

    def __setattr__(self, name, value):
        if is_of_a_part(name):
            self.__dict__.setdefault("_part_params", {})[name] = value
        elif name in self.__dict__ and not name.endswith("_"):
            # skorch would register a network as a part, which it refuses outside fit.
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name):
        # Called only for names that are not found otherwise.
        try:
            return self.__dict__["_part_params"][name]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}"
            ) from None

    __repr__ = BaseEstimator.__repr__

    @property
    def device(self):
        """The device in use: the parameter, with "auto" resolved."""
        return resolve_device(self.__dict__["device"])

    @device.setter
    def device(self, value):
        self.__dict__["device"] = value

    def _validate_params(self):
        super()._validate_params()
        self._check_parameters()

    def _check_parameters(self) -> None:
        BaseEstimator._validate_params(self)

    def _gather_params_of_parts(self) -> None:
        """Collect the parameters of parts that skorch set as attributes."""
        for name in [name for name in self.__dict__ if is_of_a_part(name)]:
            setattr(self, name, self.__dict__.pop(name))

    def _params_of_parts(self) -> dict[str, Any]:
        return self.__dict__.get("_part_params", {})

    def _get_params_for(self, prefix):
        start = f"{prefix}__"
        return {
            name.removeprefix(start): value
            for name, value in self._params_of_parts().items()
            if name.startswith(start)
        }

    def _params_of_made_parts(self) -> dict[str, Any]:
        """Collect the parameters of networks and losses, to notice later changes."""
        made = {*self._modules, *self._criteria} or {"module", "criterion"}
        params = self.get_params(deep=False)
        return {k: v for k, v in params.items() if k.partition("__")[0] in made}

    def _get_param_names(self):
        own = [name for name in super()._get_param_names() if name[0] != "_"]
        return [*own, *self._params_of_parts()]

    def get_params(self, deep=True, **kwargs):
        """Get the parameters, those of skorch's parts and callbacks included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the callbacks' parameters.
        **kwargs : dict
            Passed to skorch.

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep=deep, **kwargs)
        params["device"] = self.__dict__["device"]
        # skorch returns the defaults of its callbacks even if others were set.
        return params | self._params_of_parts()

    def _get_params_html(self, deep=True, doc_link=""):
        """Show what was set, and not the defaults of skorch's callbacks."""
        shown = super()._get_params_html(deep, doc_link)
        of_parts = self._params_of_parts()
        for name in list(shown):
            if name.startswith("callbacks__") and name not in of_parts:
                del shown[name]
        shown.non_default = tuple(name for name in shown.non_default if name in shown)
        return shown

    def set_params(self, **params):
        """Set parameters; nothing is trained again.

        Parameters of the optimizer take effect immediately, so that `partial_fit`
        continues with them. All others that training depends on take effect at the next
        `fit`. As in skorch, they take effect immediately if a callback sets them, and
        if the net is only initialized: the parts are created again, a module with new
        weights. (A plain skorch net does so even after training.)

        Parameters
        ----------
        **params : dict
            Parameters of the estimator, or with two underscores of its parts.

        Returns
        -------
        self : BinaryNetClassifier
        """
        if self._acts_at_once():
            _refuse_another_optimizer(params)
            super().set_params(**params)
            self._gather_params_of_parts()
            # skorch does not keep those of the optimizer for the next fit; the code
            # below does.
        groups = set()
        if self.initialized_:
            virtual = {k: v for k, v in params.items() if self._is_virtual_param(k)}
            self._apply_virtual_params(virtual)
            groups = {name for name in virtual if "__param_groups__" in name}
        of_parts = {name: params.pop(name) for name in list(params) if "__" in name}
        BaseEstimator.set_params(self, **params)
        self._params_to_validate |= of_parts.keys()
        for name, value in of_parts.items():
            # Parameter groups exist only as long as the optimizer.
            if name not in groups:
                setattr(self, name, value)
        return self

    def _acts_at_once(self) -> bool:
        in_training = vars(self).get("_run") is not None
        is_fitted = getattr(self, "_data", None) is not None
        return in_training or (self.initialized_ and not is_fitted)

    def __getstate__(self):
        state = super().__getstate__()
        if "_part_params" in state:
            state["_part_params"] = {
                name: value.cpu() if isinstance(value, torch.Tensor) else value
                for name, value in state["_part_params"].items()
            }
        return state

    def __setstate__(self, state):
        # skorch needs the name of a device, which "auto" is not.
        device = state["device"]
        super().__setstate__({**state, "device": resolve_device(device)})
        if isinstance(device, str) and device == "auto":
            self.device = device


def _refuse_another_optimizer(params: dict[str, Any]) -> None:
    # skorch would ask the user to open an issue.
    if "optimizer" in params:
        raise ValueError(
            "The optimizer cannot be replaced while a net trains, or between "
            f"initialize and fit, got {params['optimizer']!r}. Set it before, or "
            "change its parameters: set_params(lr=..., optimizer__weight_decay=...)."
        )


def refuse_unknown_names(
    names: Iterable[str],
    known: Iterable[str],
    parts: Mapping[str, Iterable[Any]],
    *,
    owner: str,
    knows_all_parts: bool,
) -> None:
    """Refuse unknown parameters, and suggest similar names.

    `parts` holds the classes or functions that make each part: one of them must take
    the parameter. A subclass may have parts that are not known yet.
    """
    known = [*known]
    for name in names:
        prefix, _, rest = name.partition("__")
        if name == "kwargs":  # a check of scikit-learn treats it as a parameter
            continue
        if not rest:
            raise TypeError(_unexpected(owner, name, [*known, *_PREFIXES]))
        if prefix in parts:
            _refuse_unknown_of_part(owner, prefix, rest, parts[prefix])
        elif prefix not in _PREFIXES and knows_all_parts:
            near = [f"{prefix}__{rest}" for prefix in _PREFIXES]
            raise TypeError(_unexpected(owner, name, near))


def _refuse_unknown_of_part(
    owner: str, prefix: str, rest: str, makers: Iterable[Any]
) -> None:
    if "__" in rest or rest in ("param_groups",):
        return
    names: list[str] = []
    for maker in makers:
        taken = _names_taken_by(maker)
        if taken is None or rest in taken:
            return
        names += taken
    near = [f"{prefix}__{name}" for name in dict.fromkeys(names)]
    raise TypeError(
        _unexpected(owner, f"{prefix}__{rest}", near)
        + f" The {prefix} takes {', '.join(near) if near else 'no parameters'}."
    )


@functools.lru_cache(maxsize=256)
def _names_taken_by(maker: Any) -> tuple[str, ...] | None:
    """Names of the parameters of a class or function, None if it takes any."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind != p.VAR_POSITIONAL)


# Names that scikit-learn's networks and other libraries use for a parameter.
_SYNONYMS = {
    "learning_rate": "lr",
    "learning_rate_init": "lr",
    "epochs": "max_epochs",
    "n_epochs": "max_epochs",
    "num_epochs": "max_epochs",
    "max_iter": "max_epochs",
    "n_estimators": "max_epochs",
    "hidden_layer_sizes": "module__hidden_units",
    "hidden_units": "module__hidden_units",
    "dropout": "module__dropout",
    "alpha": "optimizer__weight_decay",
    "weight_decay": "optimizer__weight_decay",
    "momentum": "optimizer__momentum",
    "solver": "optimizer",
    "loss": "criterion",
    "patience": "callbacks__best_weights__patience",
    "n_iter_no_change": "callbacks__best_weights__patience",
    "validation_fraction": "train_split",
    "scale_pos_weight": "pos_weight",
    "class_weights": "class_weight",
    "seed": "random_state",
    "cat_features": "categorical_features",
}


def _unexpected(owner: str, name: str, known: list[str]) -> str:
    meant = meant_by(name, known)
    hint = "" if meant is None else f" Did you mean {meant!r}?"
    if name in _SYNONYMS:
        hint = f" It is {meant!r} here."
    return f"{owner} got an unexpected argument {name!r}.{hint}"


def meant_by(name: str, known: list[str]) -> str | None:
    """Return the parameter that a name stands for, or nearly is, if any."""
    if name in _SYNONYMS:
        return _SYNONYMS[name]
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.7)), None)
