"""Which iterator over batches a net uses, and options that it refuses."""

from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader

from skbin.data.balanced import BalancedBatches
from skbin.data.batches import iterate_batches, load_batches
from skbin.data.rows import is_in_memory, resolve, weights_of
from skbin.training.output import ROW_BLOCK
from skbin.training.sampling import sampler_of

# Batches for prediction: small enough for the caches, large enough for Python.
# The most rows and values of a batch of predictions: as many as stay in the caches of a
# CPU, and as keep a GPU busy and leave memory for the outputs of hidden layers.
_EVALUATION_ON_CPU = (2**10, 2**15)
_EVALUATION_ON_GPU = (2**15, 2**20)
_REORDERS = ("shuffle", "sampler", "batch_sampler", "drop_last")
_NAMES_ROWS = ("sampler", "batch_sampler")


def make_iterator(net: Any, dataset: Any, *, training: bool) -> Any:
    """Make the iterator over batches that the parameters of a net ask for."""
    prefix = "iterator_train" if training else "iterator_valid"
    iterator, kwargs = getattr(net, prefix), net.get_params_for(prefix)
    # To a DataLoader, None means "not given", except for batch_size.
    kwargs = {k: v for k, v in kwargs.items() if v is not None or k == "batch_size"}
    iterator, kwargs = _opened(iterator, kwargs)
    if training:
        _refuse_misplaced_options(iterator, kwargs)
        _refuse_row_numbers(kwargs, dataset)
    else:
        refuse_other_order(iterator, kwargs)
    if isinstance(iterator, str):  # "auto"
        iterator = iterate_batches
    in_memory = is_in_memory(dataset)
    if "batch_size" not in kwargs and "batch_sampler" not in kwargs:
        kwargs["batch_size"] = net.batch_size
        if not training and in_memory and iterator is iterate_batches:
            kwargs["batch_size"] = _evaluation_batch_size(net, dataset)
    if kwargs.get("batch_size") == -1 and not _is_balanced(iterator):
        kwargs["batch_size"] = len(dataset)
    if iterator not in (iterate_batches, DataLoader):
        _refuse_lost_weights(iterator, dataset, prefix)
        batches = iterator(dataset, **kwargs)
        if not training:
            _refuse_other_rows(batches)
        return batches
    if in_memory and kwargs.get("batch_size", 1) is None:
        raise ValueError(
            "batch_size=None is for a Dataset whose samples are batches, but X is "
            "an array. Pass a number of rows, or -1 for all."
        )
    if training and iterator is iterate_batches and net._run is not None:
        kwargs.setdefault("shuffle", True)
    uses_loader = iterator is DataLoader or len(kwargs) > 1 or not in_memory
    if uses_loader and not training:
        # A DataLoader draws a seed for its workers, but predictions must not change the
        # global generator.
        kwargs.setdefault("generator", torch.Generator())
    make = load_batches if iterator is DataLoader else iterate_batches
    return make(dataset, **kwargs)


def _opened(iterator: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Merge the options of a ``functools.partial`` with the other options."""
    while isinstance(iterator, partial) and not iterator.args:
        iterator, kwargs = iterator.func, {**iterator.keywords, **kwargs}
    return iterator, kwargs


def _refuse_misplaced_options(iterator: Any, kwargs: dict[str, Any]) -> None:
    if hasattr(kwargs.get("sampler"), "fit_resample") and not _is_balanced(iterator):
        raise ValueError(
            f"iterator_train__sampler={kwargs['sampler']!r} is a sampler of "
            "imbalanced-learn. Set iterator_train=BalancedBatches as well."
        )
    others = kwargs.keys() - {"batch_size", "sampler"}
    if others and _is_balanced(iterator):
        raise ValueError(
            "BalancedBatches draws rows in random order and takes only batch_size and "
            f"sampler, got {', '.join(sorted(others))}. Leave it out."
        )


def _refuse_other_rows(batches: Any) -> None:
    if not isinstance(batches, DataLoader):
        return
    if sampler_of(batches) is not None or batches.drop_last:
        raise ValueError(
            "iterator_valid makes a DataLoader that shuffles, samples or drops rows, "
            "so that predictions would not match the rows of X. Use one that does not."
        )


def _refuse_lost_weights(iterator: Any, dataset: Any, prefix: str) -> None:
    if _is_balanced(iterator) or weights_of(dataset) is None:
        return
    raise ValueError(
        f"sample_weight needs {prefix}='auto', DataLoader or BalancedBatches, which "
        f"carry weights along with batches, got {iterator!r}."
    )


def _evaluation_batch_size(net: Any, dataset: Any) -> int:
    root, _ = resolve(dataset)
    device = net._compute_device()
    is_gpu = device is not None and torch.device(device).type != "cpu"
    most_rows, n_values = _EVALUATION_ON_GPU if is_gpu else _EVALUATION_ON_CPU
    rows = min(most_rows, n_values // max(root.n_values, 1))
    return max(net.batch_size or 1, rows - rows % ROW_BLOCK, ROW_BLOCK)


def _is_balanced(iterator: Any) -> bool:
    return isinstance(iterator, type) and issubclass(iterator, BalancedBatches)


def _refuse_row_numbers(kwargs: dict[str, Any], dataset: Any) -> None:
    """Refuse a sampler if row numbers differ from those of the user's X."""
    named = [name for name in _NAMES_ROWS if kwargs.get(name) is not None]
    root, index = resolve(dataset)
    if not named or index is None:
        return
    raise ValueError(
        f"iterator_train__{named[0]} returns row numbers of X, but only {len(index)} "
        f"of the {len(root)} rows are trained on, so that it would draw other rows. "
        "Row numbers are the same only without train_split and without rows of weight "
        "zero. Hold rows out with train_split=predefined_split(Dataset(X_valid, "
        "y_valid)), and leave out rows of weight zero before fit: X[weight > 0]."
    )


def refuse_other_order(iterator: Any, kwargs: dict[str, Any]) -> None:
    """Refuse options that would predict other rows than those of X."""
    iterator, kwargs = _opened(iterator, kwargs)
    if _is_balanced(iterator):
        raise ValueError(
            "iterator_valid=BalancedBatches would predict and validate on rows drawn "
            "by a sampler. Use iterator_train=BalancedBatches, and leave "
            "iterator_valid at 'auto'."
        )
    wrong = [name for name in _REORDERS if kwargs.get(name)]
    if wrong:
        raise ValueError(
            f"iterator_valid__{wrong[0]} would return predictions in another order "
            "than the rows of X, or for other rows. Leave it out."
        )
