"""skorch's parameters, kept the way scikit-learn asks for."""

from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from skorch import NeuralNetBinaryClassifier

from skbin.machine.devices import resolve_device


def _private(name: str) -> property:
    """Keep an attribute of skorch's out of sight: estimators set none in __init__."""

    def get(self: Any) -> Any:
        return getattr(self, name)

    def set_(self: Any, value: Any) -> None:
        setattr(self, name, value)

    return property(get, set_)


def _is_of_a_part(name: str) -> bool:
    return "__" in name.strip("_")


class ParameterNet(NeuralNetBinaryClassifier):
    """A skorch net whose public attributes are its parameters, and nothing else.

    Those of its parts (``module__dropout``) live together under one private name:
    they are no parameters of ``__init__``, so scikit-learn allows no attribute.
    """

    cuda_dependent_attributes_: ClassVar[list[str]] = [
        *NeuralNetBinaryClassifier.cuda_dependent_attributes_,
        "_part_params",
    ]

    _part_params: dict[str, Any]

    history_ = _private("_history")
    initialized_ = _private("_initialized")
    virtual_params_ = _private("_virtual_params")

    def __init__(self, module: Any, *, device: Any, **kwargs: Any) -> None:
        super().__init__(module, device=device, **kwargs)
        for name in [name for name in self.__dict__ if _is_of_a_part(name)]:
            setattr(self, name, self.__dict__.pop(name))

    def __setattr__(self, name, value):
        if _is_of_a_part(name):
            self.__dict__.setdefault("_part_params", {})[name] = value
        elif name in self.__dict__ and not name.endswith("_"):
            # skorch takes a network for one of its parts, and refuses it out of fit.
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name):
        # Called for names that are found nowhere else.
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

    def _params_of_parts(self) -> dict[str, Any]:
        return self.__dict__.get("_part_params", {})

    def _get_params_for(self, prefix):
        start = f"{prefix}__"
        return {
            name.removeprefix(start): value
            for name, value in self._params_of_parts().items()
            if name.startswith(start)
        }

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
        return params

    def set_params(self, **params):
        """Set parameters; nothing is trained again.

        Those of the optimizer act at once, so that `partial_fit` goes on with them.
        All others that training depends on act from the next `fit` on. (A plain
        skorch net draws new weights when a parameter of its module is set.)

        Parameters
        ----------
        **params : dict
            Parameters of the estimator, or of its parts with two underscores.

        Returns
        -------
        self : BinaryNetClassifier
        """
        if self.initialized_:
            virtual = {k: v for k, v in params.items() if self._is_virtual_param(k)}
            self._apply_virtual_params(virtual)
        of_parts = {name: params.pop(name) for name in list(params) if "__" in name}
        BaseEstimator.set_params(self, **params)
        self._params_to_validate |= of_parts.keys()
        for name, value in of_parts.items():
            setattr(self, name, value)
        return self

    def __setstate__(self, state):
        # skorch looks for the device by its name, which "auto" is none of.
        device = state["device"]
        super().__setstate__({**state, "device": resolve_device(device)})
        if isinstance(device, str) and device == "auto":
            self.device = device
