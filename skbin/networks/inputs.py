"""The sizes of a network's input, read from the data."""

import inspect
from typing import Any


def input_sizes(
    module: Any,
    shape: tuple[int, ...] | None,
    given: dict[str, Any],
    largest_id: int | None = None,
) -> dict[str, Any]:
    """Values for the size parameters that a module requires.

    A module says that it wants its sizes from the data by a parameter without a
    default of one of these names: ``n_features`` (values in a sample),
    ``n_channels`` and ``length`` (of ``(n, length)`` or ``(n, n_channels, length)``),
    and ``vocab_size`` (one more than the largest token id). It is also told, by a
    parameter ``has_channels`` with or without a default, whether samples have two axes.

    Parameters
    ----------
    module : type or callable
        What makes the module.
    shape : tuple of int or None
        Shape of the data, the first axis counting samples. None: no data yet.
    given : dict
        Parameters that the user has set.
    largest_id : int, default=None
        Largest value of the data, if they are integers.

    Returns
    -------
    sizes : dict
        Parameters of the module.

    Raises
    ------
    ValueError
        If there are no data to read a required size from, more axes than the module
        knows, or no integers to read ``vocab_size`` from.

    Examples
    --------
    >>> from skbin import ConvNet
    >>> input_sizes(ConvNet, (500, 12, 29), given={})
    {'n_channels': 12, 'length': 29, 'has_channels': True}
    """
    wanted = [name for name in _required(module) if name not in given]
    if not wanted:
        return _whether_channels(module, shape, given)
    if shape is None or len(shape) < 2:
        raise ValueError(
            f"{module.__name__} takes {', '.join(wanted)} from the data, but there are "
            "none yet. Call fit or partial_fit; or, to load trained weights, set "
            f"{', '.join(f'module__{name}' for name in wanted)}."
        )
    if len(shape) > 3 and "length" in wanted:
        raise ValueError(
            f"{module.__name__} takes arrays of shape (n_samples, length) or "
            f"(n_samples, n_channels, length), got {shape}. Join or drop axes by "
            "reshape, or pass a module of your own."
        )
    known = _sizes(shape)
    if largest_id is not None:
        known["vocab_size"] = max(largest_id, 1) + 1
    if "vocab_size" in wanted and largest_id is None:
        raise ValueError(
            f"{module.__name__} takes token ids, integers of 0 and more, but X holds "
            "other numbers. Put a TokenEncoder before the net."
        )
    return {
        **{name: known[name] for name in wanted},
        **_whether_channels(module, shape, given),
    }


def refuse_other_sizes(
    module: Any, shape: tuple[int, ...], seen: tuple[int, ...]
) -> None:
    """Refuse samples of other sizes than in `fit`, but for signals of another length.

    Parameters
    ----------
    module : type, torch.nn.Module or callable
        With a parameter ``n_features`` it takes no other number of values.
    shape, seen : tuple of int
        Of the data now and in `fit`, the first axis counting samples.

    Raises
    ------
    ValueError
        If axes are more or fewer, or a module has a fixed number of values.

    Examples
    --------
    >>> from skbin import ConvNet
    >>> refuse_other_sizes(ConvNet, (5, 1, 40), seen=(9, 1, 30))
    """
    if shape[1:] == seen[1:]:
        return
    has_fixed_size = "n_features" in inspect.signature(module).parameters
    if len(shape) == len(seen) and not has_fixed_size:
        return
    raise ValueError(
        f"X has samples of shape {shape[1:]}, but fit saw samples of shape {seen[1:]}."
    )


def refuse_other_than_ids(module: Any, X: Any) -> None:
    """Refuse token ids below 0, which no table of embeddings holds, and other shapes.

    Parameters
    ----------
    module : type, torch.nn.Module or callable
        With ``takes_ids_from_0 = True`` it is known to give them no meaning of its own.
    X : ndarray or sparse matrix
        The samples, in the memory of the processor.

    Raises
    ------
    ValueError
        If it has such an attribute, and X is no table or there is a value below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skbin import TextConvNet
    >>> refuse_other_than_ids(TextConvNet, np.array([[7, 8, 0]]))
    """
    if not getattr(module, "takes_ids_from_0", False):
        return
    name = getattr(module, "__name__", type(module).__name__)
    if X.ndim != 2:
        raise ValueError(
            f"{name} takes token ids of shape (n_samples, length), got {X.shape}."
        )
    if X.min() >= 0:
        return
    raise ValueError(
        f"{name} takes token ids, integers of 0 and more, but X holds {X.min()}. "
        "Put a TokenEncoder before the net, or write 0 for padding and 1 for tokens "
        "that are not known."
    )


def _whether_channels(module: Any, shape: Any, given: dict[str, Any]) -> dict[str, Any]:
    takes_it = "has_channels" in inspect.signature(module).parameters
    if shape is None or "has_channels" in given or not takes_it:
        return {}
    return {"has_channels": len(shape) > 2}


def _sizes(shape: tuple[int, ...]) -> dict[str, int]:
    n_features = 1
    for size in shape[1:]:
        n_features *= size
    n_channels = 1 if len(shape) == 2 else shape[1]
    return {"n_features": n_features, "n_channels": n_channels, "length": shape[-1]}


def _required(module: Any) -> list[str]:
    names = ("n_features", "n_channels", "length", "vocab_size")
    parameters = inspect.signature(module).parameters
    return [
        name
        for name, parameter in parameters.items()
        if name in names and parameter.default is inspect.Parameter.empty
    ]
