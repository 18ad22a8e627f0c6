"""A fitted estimator as an ONNX file: `export_onnx`."""

import copy
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.estimator import CrossFitClassifier
from skbin.export.onnx_graphs import after, graph_of_steps
from skbin.export.onnx_metadata import add_labels, add_metadata
from skbin.export.onnx_steps import (
    OPSETS,
    described_inputs,
    flat_steps,
    refuse_untranslated,
    take_missing,
    untranslated,
)
from skbin.export.onnx_table import (
    InputColumn,
    TableEncoding,
    input_columns,
    joined_inputs,
)
from skbin.export.replacing import replaced_file
from skbin.machine.extras import import_optional
from skbin.nesting import layers, steps_before_innermost
from skbin.training.output import positive_logit, probability_columns, single_output


def export_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator as one ONNX file, for services without torch.

    The graph has one input, ``X``, with any number of rows: float32 for a net, int64
    for a net that takes token ids, float64 for a Pipeline with steps before the net and
    for numbers far from zero. If the net reads a raw table, if the first step of a
    Pipeline is a ``ColumnTransformer`` that names columns, or if columns hold strings,
    each column is a separate input instead, named as in the DataFrame and of shape (n,
    1): strings, with ``""`` for a missing value, or float64. Times are days since 1970
    in local time, durations are days. For texts, the inputs are what `load_onnx`
    computes from them: the logit of the linear model and the ids of the words.

    The outputs are ``probabilities``, float64 of shape (n, 2), which refer to `prior`
    and are in the order of ``classes_``, and ``label``, decided by `threshold`. The
    network computes in float32, everything else in float64. Labels equal those of
    `predict`, except where the last digits of a float32 logit decide.

    The metadata hold, as JSON: ``classes``, the labels in the order of the columns;
    ``positive_class``, one of them; ``threshold``; ``feature_names``; ``columns``, the
    kinds of the inputs; ``takes_missing``; and ``skbin_format``. `load_onnx` reads the
    file as a classifier.

    Parameters
    ----------
    estimator : BinaryNetClassifier, CrossFitClassifier, Pipeline or search
        A fitted estimator with ``predict_nonlinearity="auto"``. In a Pipeline, the
        steps before the net, such as a ``StandardScaler`` or a ``ColumnTransformer``,
        are translated by skl2onnx, except for samplers, which prediction does not use.
        Of a search, the best estimator is written; of a cross-fit, all members.
    path : str or path-like
        The file. An existing file is replaced only after everything has succeeded.

    Raises
    ------
    TypeError
        If `estimator` is none of these.
    ValueError
        If a step, the network or `predict_nonlinearity` cannot be translated.
    ImportError
        If the extra ``onnx`` is not installed.
    OSError
        As raised by ``open``, for example if the folder does not exist.

    References
    ----------
    `ONNX <https://onnx.ai/onnx/>`_, `skl2onnx <https://onnx.ai/sklearn-onnx/>`_.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skbin import BinaryNetClassifier, export_onnx
    >>> X, y = make_classification(random_state=0)
    >>> net = BinaryNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> export_onnx(net, "net.onnx")  # doctest: +SKIP
    """
    # Quick checks come before those that take seconds.
    nets = _nets_in(estimator)
    check_is_fitted(estimator)
    for net in nets:
        check_is_fitted(net)
        net._check_parameters()
        _refuse_other_nets(net)
    net = nets[0]
    is_cross_fit = isinstance(estimator, CrossFitClassifier)
    members = estimator.estimators_ if is_cross_fit else [estimator]
    steps_of = [flat_steps(steps_before_innermost(member)) for member in members]
    for steps in steps_of:
        refuse_untranslated(steps)
    steps = steps_of[0]
    _refuse_signals_behind_steps(nets, steps)
    columns = _columns_of(nets, steps)
    dtypes = {_input_dtype(net, steps) for net in nets}
    dtype = torch.float64 if columns or torch.float64 in dtypes else dtypes.pop()
    onnx = import_optional("onnx", "onnx")
    import_optional("onnxscript", "onnx")
    with replaced_file(path) as file:
        first = graph_of_steps(steps_of) if steps else None
        made = (
            _CrossFitPrediction(estimator, nets, columns, is_split=first is not None)
            if is_cross_fit
            else _Prediction(net, columns)
        )
        model = _translated(net, made, _example(nets, columns, dtype, bool(steps)))
        threshold = float(estimator.threshold_ if is_cross_fit else net.threshold)
        add_labels(model, net.classes_, made.positive_index)
        if columns:
            model = after(joined_inputs(columns), model)
        if first is not None:
            model = after(first, model)
        add_metadata(
            model,
            estimator,
            net,
            made.positive_index,
            threshold,
            columns=[column.described() for column in columns]
            or described_inputs(steps, model),
            takes_missing=take_missing([s for _, s in steps], _takes_missing(net)),
        )
        onnx.checker.check_model(model, full_check=True)
        file.write(model.SerializeToString())


def _nets_in(estimator: Any) -> list[BinaryNetClassifier]:
    if not isinstance(estimator, CrossFitClassifier):
        return [_net_in(estimator)]
    check_is_fitted(estimator)
    return [_net_in(member) for member in estimator.estimators_]


def _net_in(estimator: Any) -> BinaryNetClassifier:
    *around, net = layers(estimator)
    is_same = all(
        isinstance(layer, Pipeline) or hasattr(layer, "best_estimator_")
        for layer in around
    )
    if is_same and isinstance(net, BinaryNetClassifier):
        return net
    raise TypeError(
        "export_onnx takes a BinaryNetClassifier, a Pipeline that ends in one, or a "
        f"search over them, got {type(estimator).__name__}. For a "
        "TunedThresholdClassifierCV, pass estimator_, with best_threshold_ as "
        "threshold."
    )


def _refuse_other_nets(net: BinaryNetClassifier) -> None:
    if net.compile:
        raise ValueError(
            "export_onnx needs a net with compile=False: save it, and export what "
            "skbin.load returns."
        )
    if net.predict_nonlinearity != "auto":
        raise ValueError(
            "export_onnx needs predict_nonlinearity='auto', got "
            f"{net.predict_nonlinearity!r}. Move its computation into the module, "
            "which must return a logit, or a probability if the loss is BCELoss."
        )
    if net._data is None or net._data.shape is None:
        raise ValueError(
            "export_onnx needs a net that was fitted on one array, not on a Dataset or "
            "a dict. Fit it on arrays, or use torch.onnx.export for its module_."
        )


def _refuse_signals_behind_steps(nets: list[Any], steps: list[tuple[str, Any]]) -> None:
    if steps and len(nets) > 1 and len(nets[0]._data.shape) != 2:
        raise untranslated(*steps[0], "a cross-fit takes only tables behind steps.")


def _takes_missing(net: BinaryNetClassifier) -> bool:
    """Whether NaN in X is a missing value, or the end of a signal."""
    data: Any = net._data
    are_signals = len(data.shape) == 3
    trait = "takes_unequal_lengths" if are_signals else "takes_missing_values"
    return bool(getattr(net.module_, trait, False))


def _input_dtype(net: BinaryNetClassifier, steps: list[tuple[str, Any]]) -> torch.dtype:
    data: Any = net._data
    takes_ids = data.largest_id is not None and net._takes_ids()
    if not takes_ids:
        is_far_from_zero = data.offset is not None
        return torch.float64 if steps or is_far_from_zero else torch.float32
    if not steps:
        return torch.int64
    raise untranslated(*steps[0], "the net takes token ids, and steps give float64.")


class _Prediction(nn.Module):
    """What `predict_proba` and `predict` compute, from a batch."""

    shift: torch.Tensor
    least: torch.Tensor
    offset: torch.Tensor

    def __init__(
        self, net: BinaryNetClassifier, columns: Sequence[InputColumn], member: int = 0
    ) -> None:
        super().__init__()
        data: Any = net._data
        self.encoding = TableEncoding(data.table, columns, member) if columns else None
        self.module = copy.deepcopy(net.module_).cpu().eval()
        self.takes_logits = net._outputs_are_logits()
        self.gives_probabilities = not self.takes_logits and net.prior is None
        self.positive_index = net._seen_labels().positive_index
        self.inverse_link = getattr(net._bare_criterion(), "inverse_link", None)
        least = (
            # As NumPy compares float32 with it.
            float(np.result_type(np.float32, net.threshold).type(net.threshold))
            if self.gives_probabilities
            else _least_logit(net.threshold)
        )
        # A Python number would be rounded to float32.
        offset = 0.0 if data.offset is None else data.offset
        for name, value in [
            ("least", least),
            ("shift", net._prior_shift()),
            ("offset", offset),
        ]:
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    def forward(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        output = self._output(X)
        if self.gives_probabilities:
            score = self._unless_refused(single_output(output), X)
            columns = [(1 - score).double(), score.double()]
        else:
            score = self._unless_refused(self._logit(output) + self.shift, X)
            columns = [torch.sigmoid(-score), torch.sigmoid(score)]
        return _in_class_order(columns, score.double() >= self.least, self)

    def positive_logit(self, X: torch.Tensor) -> torch.Tensor:
        """Compute the logit of the positive class, as `decision_function` does."""
        return self._unless_refused(self._logit(self._output(X)) + self.shift, X)

    def _unless_refused(self, score: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """Return NaN for rows that a step or the net would refuse: infinite values."""
        if X.dtype != torch.float64 or self.encoding is not None:
            return score
        is_refused = (X - self.offset).float().isinf().flatten(1).any(dim=1)
        return torch.where(is_refused, torch.nan, score)

    def _output(self, X: torch.Tensor) -> torch.Tensor:
        if self.encoding is not None:
            X = self.encoding(X)
        if X.dtype == torch.float64:
            X = (X - self.offset).float()
        output = self.module(X)
        return output[0] if isinstance(output, tuple) else output

    def _logit(self, output: torch.Tensor) -> torch.Tensor:
        if not self.takes_logits:
            return torch.logit(single_output(output).double())
        logit = positive_logit(output).double()
        return logit if self.inverse_link is None else self.inverse_link(logit)


class _CrossFitPrediction(nn.Module):
    """What a cross-fit computes from a batch: the members' mean, calibrated."""

    slope: torch.Tensor
    intercept: torch.Tensor
    least: torch.Tensor

    def __init__(
        self,
        model: CrossFitClassifier,
        nets: Sequence[BinaryNetClassifier],
        columns: Sequence[InputColumn],
        *,
        is_split: bool,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            _Prediction(net, columns, member) for member, net in enumerate(nets)
        )
        # Of what the steps of each member make of the inputs.
        self.widths = _widths(nets) if is_split else None
        self.positive_index = model._positive_index
        for name, value in [
            ("slope", model.calibration_.slope),
            ("intercept", model.calibration_.intercept),
            ("least", _least_logit(model.threshold_)),
        ]:
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    def forward(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        members: Any = self.members
        parts = [X] * len(members) if self.widths is None else X.split(self.widths, 1)
        logits = [
            member.positive_logit(part)
            if member.positive_index == self.positive_index
            else -member.positive_logit(part)
            for member, part in zip(members, parts, strict=True)
        ]
        z = self.slope * torch.stack(logits).mean(dim=0) + self.intercept
        columns = [torch.sigmoid(-z), torch.sigmoid(z)]
        return _in_class_order(columns, z >= self.least, self)


def _in_class_order(
    columns: list[torch.Tensor], is_positive: torch.Tensor, prediction: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    if prediction.positive_index == 1:
        return torch.stack(columns, dim=1), is_positive.long()
    return torch.stack(columns[::-1], dim=1), (~is_positive).long()


def _least_logit(threshold: float) -> float:
    """Return the least logit whose probability, as `predict` rounds it, is positive.

    Logits are compared because the sigmoids of torch and onnxruntime differ in their
    last digits. A threshold of 1 is reached near a logit of 37.
    """
    if threshold == 0:
        return -np.inf
    low, high = -800.0, 800.0  # where probabilities are 0 and 1
    while low < (middle := (low + high) / 2) < high:
        if probability_columns([middle, middle])[0, 1] >= threshold:
            high = middle
        else:
            low = middle
    return high


def _columns_of(
    nets: Sequence[BinaryNetClassifier], steps: list[tuple[str, Any]]
) -> list[InputColumn]:
    """Find the inputs, where nets read the columns of a raw table."""
    tables = [net._data.table for net in nets if net._data is not None]
    if all(table is None for table in tables):
        return []
    if steps:
        raise untranslated(*steps[0], "the net reads strings, and steps give numbers.")
    if any(table is None for table in tables):
        raise ValueError(
            "Some members of the cross-fit were trained on numbers only, others also "
            "on strings, so that they cannot share inputs. Give the columns types that "
            "do not depend on the rows, for example by astype(float)."
        )
    return input_columns([table for table in tables if table is not None])


def _example(
    nets: Sequence[BinaryNetClassifier],
    columns: Sequence[InputColumn],
    dtype: torch.dtype,
    has_steps: bool,
) -> torch.Tensor:
    # Two rows, because torch treats sizes of 0 and 1 as fixed.
    data: Any = nets[0]._data
    shape = data.shape[1:]
    if columns:
        shape = (sum(column.width for column in columns),)
    elif has_steps and len(nets) > 1:
        shape = (sum(_widths(nets)),)
    return torch.zeros(2, *shape, dtype=dtype)


def _widths(nets: Sequence[Any]) -> list[int]:
    return [int(net._data.shape[1]) for net in nets]


def _translated(
    net: BinaryNetClassifier, prediction: nn.Module, example: torch.Tensor
) -> Any:
    try:
        with _without_news_of_torch():
            program = torch.onnx.export(
                prediction.eval(),
                (example,),
                input_names=["X"],
                output_names=["probabilities", "skbin_index"],
                dynamic_shapes={"X": {0: torch.export.Dim("n_samples")}},
                opset_version=OPSETS[""],
                dynamo=True,
                verbose=False,
                custom_translation_table={
                    torch.ops.aten.sigmoid.default: _sigmoid,
                    torch.ops.aten.log1p.default: _log1p,
                },
            )
    except Exception as error:
        raise ValueError(
            f"torch.onnx cannot translate {type(net.module_).__name__}: {error} Write "
            "its forward without what is named there, such as a choice that depends on "
            "the values of a tensor."
        ) from error
    assert program is not None  # with dynamo=True it is a program
    return program.model_proto


def _sigmoid(z: Any) -> Any:
    """Of small probabilities onnxruntime's own sigmoid has no digit right."""
    op = import_optional("onnxscript", "onnx").opset20
    return op.Reciprocal(op.Add(op.Exp(op.Neg(z)), op.CastLike(1.0, z)))


def _log1p(x: Any) -> Any:
    """Compute log(1 + x) accurately even if 1 + x rounds [Kahan]."""
    op = import_optional("onnxscript", "onnx").opset20
    one = op.CastLike(1.0, x)
    whole = op.Add(one, x)
    is_rounded = op.Equal(whole, one)
    # If 1 + x rounds to 1, the logarithm is x itself, and 0 / 0 must be avoided.
    part = op.Where(is_rounded, one, op.Sub(whole, one))
    return op.Where(is_rounded, x, op.Mul(op.Log(whole), op.Div(x, part)))


@contextmanager
def _without_news_of_torch() -> Iterator[None]:
    """Silence what users can do nothing about: deprecations within torch."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.disabled = was_disabled
