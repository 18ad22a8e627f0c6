"""Out of torch: `export_onnx`."""

import copy
import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.cross_fit.estimator import CrossFitClassifier
from skbin.export.onnx_steps import (
    OPSETS,
    TRANSFORMED,
    flat_steps,
    refuse_untranslated,
    translated_step,
    untranslated,
)
from skbin.export.replacing import replaced_file
from skbin.machine.extras import import_optional
from skbin.nesting import layers, steps_before_innermost
from skbin.training.output import positive_logit, probability_columns, single_output


def export_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator as one ONNX file, for services without torch.

    The graph takes ``X`` with any number of rows: float32 for a net, int64 if it takes
    token ids, float64 for a Pipeline with steps before the net and for numbers far from
    zero. If the first step is a ``ColumnTransformer`` that names its columns, or if
    columns hold strings, each column is an input of its own, named as in the DataFrame:
    of shape (n, 1), float64 or strings, a missing string written as ``""``.

    It returns ``probabilities``, float64 of shape (n, 2), with `prior` and in the order
    of ``classes_``, and ``label`` by `threshold`. The network computes in float32, all
    else in float64; labels are those of `predict` except where the last digits of a
    float32 logit decide.

    The metadata hold JSON: ``classes``, the labels in the order of the columns;
    ``positive_class``, one of them; and ``threshold``.

    Parameters
    ----------
    estimator : BinaryNetClassifier, CrossFitClassifier, Pipeline or search
        Fitted, with ``predict_nonlinearity="auto"``. The steps before the net of a
        Pipeline, such as a ``StandardScaler`` or a ``ColumnTransformer``, are
        translated by skl2onnx, except for samplers, which play no part in prediction.
        Of a search it is the best estimator, and of a cross-fit of nets the whole.
    path : str or path-like
        The file. It is replaced as a whole, or not at all.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If a step, the network or its `predict_nonlinearity` cannot be translated.
    ImportError
        If the extra ``onnx`` is not installed.
    OSError
        As ``open`` raises it, such as for a folder that does not exist.

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
    # From what is known at once to what takes seconds.
    nets = _nets_in(estimator)
    check_is_fitted(estimator)
    for net in nets:
        check_is_fitted(net)
        net._check_parameters()
        _refuse_other_nets(net)
    net = nets[0]
    steps = flat_steps(steps_before_innermost(estimator))
    refuse_untranslated(steps)
    dtypes = {_input_dtype(net, steps) for net in nets}
    dtype = torch.float64 if torch.float64 in dtypes else dtypes.pop()
    onnx = import_optional("onnx", "onnx")
    import_optional("onnxscript", "onnx")
    with replaced_file(path) as file:
        translated = [
            translated_step(name, step, is_first=place == 0)
            for place, (name, step) in enumerate(steps)
        ]
        is_cross_fit = isinstance(estimator, CrossFitClassifier)
        made = _CrossFitPrediction(estimator) if is_cross_fit else _Prediction(net)
        model = _translated(net, made, dtype)
        threshold = float(estimator.threshold_ if is_cross_fit else net.threshold)
        _add_labels(onnx, model, net.classes_, made.positive_index, threshold)
        for step in reversed(translated):
            model = _after(onnx, step, model)
        onnx.checker.check_model(model, full_check=True)
        file.write(model.SerializeToString())


def _nets_in(estimator: Any) -> list[BinaryNetClassifier]:
    if not isinstance(estimator, CrossFitClassifier):
        return [_net_in(estimator)]
    check_is_fitted(estimator)
    others = {type(member).__name__ for member in estimator.estimators_}
    if all(isinstance(m, BinaryNetClassifier) for m in estimator.estimators_):
        return estimator.estimators_
    raise TypeError(
        "export_onnx takes a CrossFitClassifier of BinaryNetClassifiers, got one of "
        f"{', '.join(sorted(others))}."
    )


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
        f"search over them, got {type(estimator).__name__}. Of a "
        "TunedThresholdClassifierCV pass estimator_, with best_threshold_ as threshold."
    )


def _refuse_other_nets(net: BinaryNetClassifier) -> None:
    if net.compile:
        raise ValueError(
            "export_onnx needs a net with compile=False: save it, and export what "
            "skbin.load gives you."
        )
    table = None if net._data is None else net._data.table
    if table is not None:
        raise ValueError(
            "export_onnx writes a graph of numbers, but the net reads a table with "
            f"{', '.join(sorted({column.kind for column in table.columns}))} columns. "
            "Encode them before the net, in a Pipeline of scikit-learn's transformers, "
            "or keep the estimator with skbin.save."
        )
    if net.predict_nonlinearity != "auto":
        raise ValueError(
            "export_onnx needs predict_nonlinearity='auto', got "
            f"{net.predict_nonlinearity!r}. Let the module compute what it does, and "
            "return a logit, or a probability under BCELoss."
        )
    if net._data is None or net._data.shape is None:
        raise ValueError(
            "export_onnx needs a net that was fitted on one array, not on a Dataset or "
            "a dict. Fit it on arrays, or use torch.onnx.export for its module_."
        )


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

    def __init__(self, net: BinaryNetClassifier) -> None:
        super().__init__()
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
        # A number in the code would be rounded to float32.
        data: Any = net._data
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
            score = single_output(output)
            columns = [(1 - score).double(), score.double()]
        else:
            score = self._logit(output) + self.shift
            columns = [torch.sigmoid(-score), torch.sigmoid(score)]
        return _in_class_order(columns, score.double() >= self.least, self)

    def positive_logit(self, X: torch.Tensor) -> torch.Tensor:
        """Compute the logit of the positive class, as `decision_function` does."""
        return self._logit(self._output(X)) + self.shift

    def _output(self, X: torch.Tensor) -> torch.Tensor:
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

    def __init__(self, model: CrossFitClassifier) -> None:
        super().__init__()
        self.members = nn.ModuleList(_Prediction(net) for net in model.estimators_)
        self.positive_index = model._positive_index
        for name, value in [
            ("slope", model.calibration_.slope),
            ("intercept", model.calibration_.intercept),
            ("least", _least_logit(model.threshold_)),
        ]:
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    def forward(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        members: Any = self.members
        logits = [
            member.positive_logit(X)
            if member.positive_index == self.positive_index
            else -member.positive_logit(X)
            for member in members
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
    """Least logit from which on the probability, as `predict` rounds it, is enough.

    Comparing logits is exact, where the sigmoids of torch and of onnxruntime differ in
    their last digits. A threshold of 1 is reached near 37.
    """
    if threshold == 0:
        return -np.inf
    low, high = -800.0, 800.0  # the probabilities are 0 and 1
    while low < (middle := (low + high) / 2) < high:
        if probability_columns([middle, middle])[0, 1] >= threshold:
            high = middle
        else:
            low = middle
    return high


def _translated(
    net: BinaryNetClassifier, prediction: nn.Module, dtype: torch.dtype
) -> Any:
    # Two rows: torch takes sizes of 0 and 1 for fixed ones.
    data: Any = net._data
    example = torch.zeros(2, *data.shape[1:], dtype=dtype)
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
    """Compute log(1 + x), right where 1 + x rounds [Kahan]."""
    op = import_optional("onnxscript", "onnx").opset20
    one = op.CastLike(1.0, x)
    whole = op.Add(one, x)
    is_rounded = op.Equal(whole, one)
    # Where nothing is left of x its logarithm is x itself, and 0 / 0 must not be met.
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


def _add_labels(
    onnx: Any,
    model: Any,
    classes: NDArray[Any],
    positive_index: int,
    threshold: float,
) -> None:
    """Put labels in the place of their indices, and say what they mean."""
    helper, graph = onnx.helper, model.graph
    names = _label_array(classes)
    graph.initializer.append(onnx.numpy_helper.from_array(names, "skbin_names"))
    graph.node.append(
        helper.make_node("Gather", ["skbin_names", "skbin_index"], ["label"])
    )
    del graph.output[1]
    graph.output.append(
        helper.make_tensor_value_info(
            "label", helper.np_dtype_to_tensor_dtype(names.dtype), ["n_samples"]
        )
    )
    helper.set_model_props(
        model,
        {
            "classes": json.dumps(names.tolist()),
            "positive_class": json.dumps(names.tolist()[positive_index]),
            "threshold": json.dumps(threshold),
        },
    )


def _label_array(classes: NDArray[Any]) -> NDArray[Any]:
    if classes.dtype.kind in "OUST":
        return np.array([str(label) for label in classes], dtype=object)
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    return classes


def _after(onnx: Any, first: Any, model: Any) -> Any:
    """Put a step before what follows it."""
    compose = import_optional("onnx.compose", "onnx")
    properties = {p.key: p.value for p in model.metadata_props}
    prefix = "skbin_next_"
    model = compose.add_prefix(model, prefix, rename_inputs=True, rename_outputs=False)
    # skl2onnx names the first set of operators that will do, of those up to OPSETS.
    for operators in first.opset_import:
        operators.version = OPSETS.get(operators.domain, operators.version)
    first.ir_version = model.ir_version
    merged = compose.merge_models(first, model, io_map=[(TRANSFORMED, f"{prefix}X")])
    onnx.helper.set_model_props(merged, properties)
    return merged
