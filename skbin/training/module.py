"""A module made for the data: its input sizes, and the inputs that it takes."""

import copy
import functools
import inspect
from typing import Any

import torch
from torch import nn

_SIZES = ("n_features", "n_channels", "length", "vocab_size")


def uncompiled(module: Any) -> Any:
    """Return the module inside a wrapper of ``torch.compile``, or the module itself."""
    if not isinstance(module, nn.Module):
        return module
    # getattr would raise and catch an error here, for each batch several times.
    return module._modules.get("_orig_mod", module)


def make_module(module: Any, params: dict[str, Any], data: Any = None) -> nn.Module:
    """Make the network from a class, a function or an instance, which is copied.

    Its sizes are taken from `data`, with ``shape`` and ``largest_id``; see
    `input_sizes`.
    """
    if isinstance(module, nn.Module):
        if not params:
            return copy.deepcopy(module)
        module = type(module)
    shape, largest_id = (None, None) if data is None else (data.shape, data.largest_id)
    table = None if data is None else data.table
    if table is not None and table.text is not None:
        largest_id = table.text.vocab_size - 1
    sizes = input_sizes(module, shape, params, largest_id)
    takes_sizes = "n_categories" in inspect.signature(module).parameters
    if table is not None and takes_sizes and "n_categories" not in params:
        sizes["n_categories"] = table.n_categories
    return module(**sizes, **params)


def input_sizes(
    module: Any,
    shape: tuple[int, ...] | None,
    given: dict[str, Any],
    largest_id: int | None = None,
) -> dict[str, Any]:
    """Return values for the size parameters that a module requires.

    A module takes its sizes from the data if it has parameters without a default of
    these names: ``n_features`` (values in a sample), ``n_channels`` and ``length`` (of
    ``(n, length)`` or ``(n, n_channels, length)``), and ``vocab_size`` (one more than
    the largest token id).

    Examples
    --------
    >>> from skbin import ConvNet
    >>> input_sizes(ConvNet, (500, 12, 29), given={})
    {'n_channels': 12, 'length': 29}
    """
    wanted = [name for name in _required(module) if name not in given]
    if not wanted:
        return {}
    name = name_of(module)
    if shape is None or len(shape) < 2:
        raise ValueError(
            f"{name} takes {', '.join(wanted)} from the data, but there are none yet. "
            "Call fit or partial_fit; or, to load trained weights, set "
            f"{', '.join(f'module__{name}' for name in wanted)}."
        )
    if len(shape) > 3 and "length" in wanted:
        raise ValueError(
            f"{name} takes arrays of shape (n_samples, length) or "
            f"(n_samples, n_channels, length), got {shape}. Join or drop axes by "
            "reshape, or pass a module of your own."
        )
    known = _sizes(shape)
    if largest_id is not None:
        known["vocab_size"] = max(largest_id, 1) + 1
    if "vocab_size" in wanted and largest_id is None:
        raise ValueError(
            f"{name} takes token ids, integers from 0 up, but X holds other numbers. "
            "Put a TokenEncoder before the net."
        )
    return {name: known[name] for name in wanted}


@functools.cache
def takes_is_whole(module_type: Any) -> bool:
    """Whether the forward of a module takes `is_whole`, that no value is missing."""
    return "is_whole" in inspect.signature(module_type.forward).parameters


def require_takes(module: nn.Module, samples: Any, fitted_shape: Any = None) -> None:
    """Raise unless a module takes these samples, by its traits and the sizes of fit.

    ``takes_unequal_lengths = True``: NaN marks the end of a signal.
    ``takes_ids_from_0 = True``: token ids, integers of 0 and more, of two dimensions.
    ``takes_missing_values = True``: NaN in a table is a missing value.
    ``takes_categories = True``: columns of codes, as many as ``n_categories`` says.
    """
    _require_takes_tables(module, samples)
    if samples.has_short_signals and not getattr(
        module, "takes_unequal_lengths", False
    ):
        raise ValueError(
            f"X holds signals of unequal lengths, which {name_of(module)} does not "
            "take. Use ConvNet; or bring the signals to one length; or give the module "
            "an attribute takes_unequal_lengths = True and let it read NaN as the end "
            "of a signal."
        )
    if samples.shape is None or samples.is_dataset:
        return
    if fitted_shape is not None:
        _require_same_sizes(module, samples.shape, fitted_shape)
    if getattr(module, "takes_ids_from_0", False):
        _require_token_ids(module, samples.X)


def _require_takes_tables(module: nn.Module, samples: Any) -> None:
    table = samples.table
    _require_takes_texts(module, table)
    names = [] if table is None else table.names_of_categories()
    if names and not getattr(module, "takes_categories", False):
        raise ValueError(
            f"X holds strings or categories in the columns {names}, which "
            f"{name_of(module)} does not take. Use DenseNet; or turn them into numbers "
            "before the net, such as by make_column_transformer(("
            f"OneHotEncoder(handle_unknown='ignore'), {names}), "
            "remainder='passthrough')."
        )
    if names and not samples.is_dataset:
        _require_same_categories(module, table)
    if samples.has_missing and not getattr(module, "takes_missing_values", False):
        if getattr(module, "takes_unequal_lengths", False):
            raise ValueError(
                f"Input X contains NaN, and {name_of(module)} reads it as the end of a "
                "signal, but X has two axes. Pass X[:, np.newaxis], signals of one "
                "channel; missing values within them must be filled before."
            )
        raise ValueError(
            f"Input X contains NaN, and {name_of(module)} does not take missing "
            "values. Use DenseNet; or fill them before the net, such as by "
            "SimpleImputer(add_indicator=True); or give the module an attribute "
            "takes_missing_values = True and let it read NaN."
        )


def _require_takes_texts(module: nn.Module, table: Any) -> None:
    takes_texts = getattr(module, "takes_texts", False)
    are_texts = table is not None and table.text is not None
    if are_texts and not takes_texts:
        raise ValueError(
            f"X holds texts, which {name_of(module)} does not take. Leave module at "
            "'auto', or use TextNet; or put a TokenEncoder before the net: "
            "make_pipeline(TokenEncoder(), BinaryNetClassifier(TextConvNet))."
        )
    if takes_texts and not are_texts:
        raise ValueError(
            f"{name_of(module)} takes texts, one string for each sample, but X holds "
            "something else. For token ids use TextConvNet; for tables leave module "
            "at 'auto'."
        )


def _require_same_categories(module: nn.Module, table: Any) -> None:
    """Refuse a network made for other columns, which would read codes as numbers."""
    made_for = getattr(module, "n_categories", table.n_categories)
    made_for = (0,) * len(table.n_categories) if made_for is None else tuple(made_for)
    if made_for == table.n_categories:
        return
    raise ValueError(
        f"X has columns of {list(table.n_categories)} categories (0 for numbers), but "
        f"{name_of(module)} was made for {list(made_for)}. Pass the class and not an "
        "instance, without module__n_categories: it is taken from the data."
    )


def _require_same_sizes(module: nn.Module, shape: Any, fitted: Any) -> None:
    if shape[1:] == fitted[1:]:
        return
    has_fixed_size = "n_features" in inspect.signature(type(module)).parameters
    if len(shape) == len(fitted) and not has_fixed_size:
        return
    fix = ""
    if len(shape) == len(fitted) - 1:
        fix = " If X is one sample, pass it in a list: [X]."
    raise ValueError(
        f"X has samples of shape {shape[1:]}, but fit saw samples of shape "
        f"{fitted[1:]}.{fix}"
    )


def _require_token_ids(module: nn.Module, X: Any) -> None:
    name = name_of(module)
    if X.ndim != 2:
        raise ValueError(
            f"{name} takes token ids of shape (n_samples, length), got {X.shape}."
        )
    if X.min() >= 0:
        return
    raise ValueError(
        f"{name} takes token ids, integers from 0 up, but X holds {X.min()}. Put a "
        "TokenEncoder before the net, or write 0 for padding and 1 for unknown tokens."
    )


def name_of(module: Any) -> str:
    """Return the name of a class, a partial's function, or an instance's class."""
    module = getattr(module, "func", module)
    return getattr(module, "__name__", type(module).__name__)


def _sizes(shape: tuple[int, ...]) -> dict[str, int]:
    n_features = 1
    for size in shape[1:]:
        n_features *= size
    n_channels = 1 if len(shape) == 2 else shape[1]
    return {"n_features": n_features, "n_channels": n_channels, "length": shape[-1]}


def _required(module: Any) -> list[str]:
    parameters = inspect.signature(module).parameters
    return [
        name
        for name, parameter in parameters.items()
        if name in _SIZES and parameter.default is inspect.Parameter.empty
    ]


def tell_what_was_given(error: Exception, x: Any, fit_params: dict) -> None:
    """Add to an error of a module what it was given, and a possible fix."""
    unknown = sorted(fit_params.keys() - {"is_whole"})
    if unknown:
        error.add_note(
            f"Arguments that fit does not take are passed to the module: {unknown}. "
            "The argument for weights of rows is sample_weight."
        )
    for name, part in x.items() if isinstance(x, dict) else [("a batch", x)]:
        if isinstance(part, torch.Tensor):
            error.add_note(
                f"The module was given {name} of shape {tuple(part.shape)}, rows "
                f"first, of {part.dtype} on {part.device}."
            )
    if "more than 1 value per channel" in str(error):
        error.add_note(
            "Batch normalization needs two rows in each training step: pass more rows, "
            "and a batch_size of 2 or more. With iterator_train__drop_last=True a "
            "DataLoader leaves out a last batch of one row."
        )


def refuse_mixed_scales(module: nn.Module, criterion: Any) -> None:
    """Refuse to average logits of a linear model with outputs on another scale."""
    averages = getattr(module, "linear_share", 0) != 0
    if averages and hasattr(criterion, "inverse_link"):
        raise ValueError(
            f"{name_of(module)} averages its logits with those of a linear model, but "
            f"with {name_of(criterion)} its outputs are on another scale. Pass "
            "module__linear_share=0 to use only the convolutions, or leave out the "
            "criterion."
        )
