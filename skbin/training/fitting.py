"""One training of a net: its parts, its rows, and their counts."""

import difflib
import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing
from skorch import NeuralNet
from torch.utils.data import (
    Dataset,
    IterableDataset,
    Subset,
)

from skbin.data.datasets import encoded_part
from skbin.data.dicts import is_dict
from skbin.data.fitted import FittedData
from skbin.data.intake import Samples, admit, count_classes, len_or_none
from skbin.data.offsets import warn_of_offset
from skbin.data.rows import TensorRows, is_in_memory, resolve, targets_of, weights_of
from skbin.data.seen import SeenRows
from skbin.data.splits import HeldOut, split_rows
from skbin.machine.devices import give_memory_back
from skbin.machine.randomness import seeded
from skbin.training.early_stopping import split_to_stop
from skbin.training.loss import (
    resolve_pos_weight,
    warn_if_pos_weight_inverted,
)
from skbin.training.module import require_takes
from skbin.training.monitors import decisions_steer_training
from skbin.training.preparing import conclude, prepare_module, tell_shift
from skbin.training.run import CHECKPOINTING, Run, inside_training
from skbin.training.sampling import Drawn, drawn_by, warn_if_weighed_twice

_NO_PART_IN_TRAINING = ("verbose", "memory", "pos_label")


def run_training(
    net: Any,
    samples: Samples,
    fitted: FittedData | None,
    run: Run,
    fit_params: dict[str, Any],
    method: str,
) -> None:
    """Train a net on its admitted samples; `fitted` is from earlier calls."""
    with seeded(run.seed, net._compute_device()), inside_training(net):
        net._run = run
        run.X = samples.X
        try:
            if fitted is None:
                net._data = describe(samples)
                if not run.is_fresh:
                    warn_of_offset(samples.offset, "used")
            if run.is_fresh:
                net.initialized_ = False
                net.initialize()
            require_takes(net._bare_module(), samples, net._fitted_shape())
            _refuse_unknown_fit_params(net, fit_params)
            run.train, run.valid = _split(net, samples, method, fit_params)
            net._data = settle(net, samples, fitted, method)
            net._hand_pos_weight_over()
            if fitted is None:
                prepare_module(net)
            tell_shift(net)
            # Layers of an instance may have been left as in predictions.
            NeuralNet._set_training(net, True)
            # skorch's fit is initialize and partial_fit.
            NeuralNet.partial_fit(
                net, samples.X, samples.target, _routing_method=method, **fit_params
            )
        except torch.OutOfMemoryError as error:
            run.release()
            give_memory_back(error)
            raise
        finally:
            conclude(net)
            del net._run
    net.callbacks_ = [pair for pair in net.callbacks_ if pair[0] != CHECKPOINTING]
    # Layers are switched one by one, which must be done before threads predict.
    net._set_training(False)


def what_training_depends_on(
    net: Any, samples: Samples, run: Run, fit_params: dict[str, Any]
) -> dict[str, Any]:
    """Collect what two trainings must have in common to end in the same network."""
    left_out = [*_NO_PART_IN_TRAINING]
    if not decisions_steer_training(net):
        left_out += ["threshold", "prior"]
    params = net.get_params(deep=False)
    for name in left_out:
        del params[name]
    # Replaced by the values that follow from them.
    params.update(
        device=str(net.device),
        random_state=None if net.random_state is None else run.seed,
    )
    return {
        "estimator": type(net),
        "parameters": sorted(params.items()),
        "epochs": run.n_epochs,
        "data": [samples.X, samples.target, samples.weight, samples.offset],
        "table": samples.table,
        "fit_params": sorted(fit_params.items()),
    }


def _split(
    net: Any, samples: Samples, method: str, fit_params: dict[str, Any]
) -> tuple[Any, Any]:
    """Split the rows before callbacks see the net, since counts come from a part."""
    split_params = fit_params
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(net, method, **fit_params)
        split_params = routed.get("splitter", {"split": {}})["split"]
    dataset = net._dataset_of(samples, samples.target, samples.weight)
    to_stop = split_to_stop(net, samples, dataset, method)
    net._run.stops_early = to_stop is not None
    train_split = net.train_split or to_stop
    split_params = split_params if net.train_split else {}
    if isinstance(train_split, HeldOut):
        return split_rows(None, dataset, None)[0], _rows_held_out(net, train_split)
    if isinstance(dataset, TensorRows):
        train, valid = split_rows(
            train_split,
            dataset,
            samples.target,
            random_state=net._run.split_seed,
            **split_params,
        )
    elif not train_split:
        train, valid = dataset, None
    else:
        targets = () if samples.target is None else (samples.target,)
        parts = train_split(dataset, *targets, **split_params)
        train, valid = (encoded_part(part, dataset) for part in parts)
    if valid is not None and not isinstance(valid, IterableDataset) and not len(valid):
        raise ValueError(
            "train_split holds out no row of positive weight. Leave out rows of weight "
            "zero before fit: X[weight > 0]."
        )
    for part in (train, valid):
        _refuse_hidden_rows(part, dataset, is_trained_on=part is train)
    return _admit_part(net, train, dataset), _admit_part(net, valid, dataset)


def _rows_held_out(net: Any, rows: HeldOut) -> Any:
    samples = admit(net, rows.X, rows.y, rows.sample_weight, fitted=net._data)
    dataset = net._dataset_of(samples, samples.target, samples.weight)
    return split_rows(None, dataset, None)[0]


def _refuse_unknown_fit_params(net: Any, fit_params: dict[str, Any]) -> None:
    """Refuse an argument of `fit` that the module's forward does not take."""
    if get_config()["enable_metadata_routing"]:
        return
    taken = inspect.signature(net._bare_module().forward).parameters
    if any(p.kind == p.VAR_KEYWORD for p in taken.values()):
        return
    for name in fit_params:
        if name in taken:
            continue
        near = difflib.get_close_matches(name, ["epochs", "sample_weight"], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        module = type(net._bare_module()).__name__
        raise TypeError(
            f"fit got an unexpected argument {name!r}.{hint} It takes sample_weight, "
            f"epochs, and the arguments of {module}.forward other than X. To hold out "
            "rows for early stopping, use early_stopping=True or train_split."
        )


def _refuse_hidden_rows(part: Any, dataset: Any, is_trained_on: bool) -> None:
    """Refuse rows in a Dataset of the user's, in which they are not found again."""
    if resolve(part)[0] is dataset or not isinstance(dataset, TensorRows):
        return
    holds = _holds(part, dataset)
    if is_trained_on and not holds:
        raise ValueError(
            f"train_split returns a {type(part).__name__} as training set. It must "
            "return torch.utils.data.Subset(dataset, rows)."
        )
    if holds and dataset.exact_weight is not None:
        raise ValueError(
            f"train_split puts rows into a {type(part).__name__}, which hides their "
            "sample_weight. It must return torch.utils.data.Subset(dataset, rows)."
        )


def _admit_part(net: Any, part: Any, dataset: Any) -> Any:
    """Admit a Dataset of the user's that a split returns, by the same labels."""
    if part is None or is_in_memory(part) or _holds(part, dataset):
        return part
    samples = admit(net, part, fitted=net._data)
    return net._dataset_of(samples, samples.target, samples.weight)


def _holds(outer: Any, dataset: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Whether a Dataset is this one, or wraps it: then its targets are encoded."""
    if outer is dataset:
        return True
    if not isinstance(outer, Dataset) or any(outer is other for other in seen):
        return False
    parts = list(vars(outer).values())
    parts += [item for part in parts if isinstance(part, list | tuple) for item in part]
    return any(_holds(part, dataset, (*seen, outer)) for part in parts)


def describe(samples: Samples) -> FittedData:
    """Describe the first samples, for later calls and for predictions."""
    X = samples.X
    is_array = isinstance(X, np.ndarray)
    return FittedData(
        samples.labels,
        samples.shape,
        samples.largest_id,
        samples.offset,
        inputs=tuple(X) if is_dict(X) else None,
        channels=samples.channels,
        table=samples.table,
        input_columns=samples.input_columns,
        total_weight=samples.total_weight,
        seen_rows=SeenRows(samples.rows_to_recognise()) if is_array else None,
    )


def settle(
    net: Any, samples: Samples, fitted: FittedData | None, method: str
) -> FittedData:
    """Count the classes in the training rows; a first call computes `pos_weight`."""
    totals = _totals(net._run.train, samples)
    is_first = fitted is None
    data: FittedData = net._data if fitted is None else fitted
    if is_first:
        _require_both_classes(totals, samples)
    elif method == "partial_fit":
        totals = totals + data.totals
    pos_weight = data.pos_weight
    batches = net.get_iterator(net._run.train, training=True)
    drawn = drawn_by(batches, net._run.train, totals)
    if np.isnan(drawn.share) and abs(data.batch_prior - data.train_prior) > 0:
        # The network still reflects what was drawn before.
        drawn = Drawn(np.nan, drawn.hidden_by or "a Dataset without y")
    # A warm start computes it again, partial_fit only in its first call.
    if is_first or method == "fit":
        pos_weight = _pos_weight(net, data, totals)
        warn_if_weighed_twice(net.pos_weight, drawn, totals)
    elif not isinstance(net.pos_weight, str):
        pos_weight = _pos_weight(net, data, totals)
    if is_first and samples.target is not None:
        warn_if_pos_weight_inverted(pos_weight, *totals)
    if is_first and drawn.share in (0, 1) and (totals > 0).all():
        raise ValueError(
            "Samples of two classes are needed to train on, but the sampler draws rows "
            "of one class only."
        )
    return replace(
        data,
        class_totals=(float(totals[0]), float(totals[1])),
        pos_weight=pos_weight,
        batch_prior=drawn.share,
        prior_hidden_by=drawn.hidden_by,
        seen_rows=_seen_rows(net._run.train, samples, data),
    )


def _seen_rows(train: Any, samples: Samples, data: FittedData) -> Any:
    """Leave out the rows that are held out."""
    root, index = resolve(train)
    is_array = isinstance(root, TensorRows) and isinstance(samples.X, np.ndarray)
    if data.seen_rows is None or index is None or not is_array:
        return data.seen_rows
    return SeenRows(samples.rows_to_recognise(index))


def _totals(train: Any, samples: Samples) -> NDArray[np.float64]:
    rows = _rows_inside(train)
    target = targets_of(rows)
    if target is None and samples.target is not None:
        _, index = resolve(rows)  # of a dataset of the user's own class
        target = samples.target if index is None else samples.target[index]
        if len_or_none(train) not in (None, len(target)):
            target = None
    if target is None:
        return np.full(2, np.nan)
    return count_classes(target, weights_of(rows)) * samples.total_weight


def _rows_inside(dataset: Any) -> Any:
    """Look for the rows in a Dataset that wraps them, one for one, as to augment."""
    if isinstance(dataset, Subset) or targets_of(dataset) is not None:
        return dataset
    parts = list(vars(dataset).values()) if isinstance(dataset, Dataset) else []
    for part in parts:
        is_whole = isinstance(part, Dataset) and len_or_none(part) is not None
        if is_whole and len_or_none(part) == len_or_none(dataset):
            return _rows_inside(part)
    return dataset


def _require_both_classes(totals: NDArray[np.float64], samples: Samples) -> None:
    """Refuse a split that leaves one class for training."""
    of_all = samples.class_totals()
    if not (of_all > 0).all() or (totals > 0).all() or np.isnan(totals).any():
        return
    which = samples.labels.positive if totals[1] == 0 else samples.labels.negative
    raise ValueError(
        f"Samples of two classes are needed to train on, but train_split holds out all "
        f"samples of the class {which!r}. Use ValidSplit(5, stratified=True), or pass "
        "more samples of it."
    )


def _pos_weight(net: Any, data: FittedData, totals: NDArray[np.float64]) -> float:
    pos_weight = net.pos_weight
    in_criterion = net._pos_weight_in_criterion
    if in_criterion is not None:
        if pos_weight is not None:
            raise ValueError(
                "pos_weight and criterion__pos_weight are the same thing, got "
                f"{pos_weight!r} and {in_criterion!r}. Pass only pos_weight."
            )
        pos_weight = in_criterion
    if pos_weight is not None and not net._takes_logits():
        raise ValueError(
            f"{type(net._bare_criterion()).__name__} takes no pos_weight, got "
            f"pos_weight={pos_weight!r}. End the module in a logit and use "
            "BCEWithLogitsLoss (the default), or pass sample_weight to fit."
        )
    return resolve_pos_weight(
        pos_weight,
        negative_weight=totals[0],
        positive_weight=totals[1],
        negative_label=data.labels.negative,
        positive_label=data.labels.positive,
    )
