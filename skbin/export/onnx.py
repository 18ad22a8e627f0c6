"""Out of torch: `export_onnx`."""

import copy
import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.data.tokens import TokenEncoder
from skbin.machine.extras import import_optional
from skbin.training.output import positive_logit, probability_columns, single_output

_OPSETS = {"": 20, "ai.onnx.ml": 3}


def export_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator as one ONNX file, for services without torch.

    The graph takes ``X`` with any number of rows: float32 for a net, int64 if it takes
    token ids, float64 for a Pipeline with steps before the net. It returns
    ``probabilities``, float64 of shape (n, 2), with `prior` and in the order of
    ``classes_``, and ``label`` by `threshold`. The network computes in float32, all
    else in float64; labels are those of `predict` but where the last digits of a
    float32 logit decide.

    The metadata hold JSON: ``classes``, the labels in the order of the columns;
    ``positive_class``, one of them; and ``threshold``.

    Parameters
    ----------
    estimator : BinaryNetClassifier or Pipeline
        Fitted, with ``BCEWithLogitsLoss`` or ``BCELoss``. The steps before the net of a
        Pipeline, such as a ``StandardScaler``, go along by skl2onnx if they take a
        table of numbers, columns by position; samplers play no part in prediction and
        are left out.
    path : str or path-like
        The file.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If a step, the network or its `predict_nonlinearity` cannot be translated.
    ImportError
        If the extra ``onnx`` is not installed.

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
    onnx = import_optional("onnx", "onnx")
    import_optional("onnxscript", "onnx")
    steps, net = _steps_and_net(estimator)
    check_is_fitted(net)
    net._check_parameters()
    _refuse_other_probabilities(net)
    model = _translated_net(net, dtype=_input_dtype(net, steps))
    labels = net._seen_labels()
    names = _label_array(labels.classes)
    _name_decisions(onnx, model, names)
    for name, step in reversed(steps):
        model = _after(onnx, _translated_step(onnx, name, step), model)
    onnx.helper.set_model_props(
        model,
        {
            "classes": json.dumps(names.tolist()),
            "positive_class": json.dumps(names.tolist()[labels.positive_index]),
            "threshold": json.dumps(float(net.threshold)),
        },
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, Path(path))


def _steps_and_net(
    estimator: Any,
) -> tuple[list[tuple[str, Any]], BinaryNetClassifier]:
    *steps, (_, net) = (
        estimator.steps if isinstance(estimator, Pipeline) else [("net", estimator)]
    )
    if not isinstance(net, BinaryNetClassifier):
        raise TypeError(
            "export_onnx takes a BinaryNetClassifier, or a Pipeline that ends in one, "
            f"got {type(net).__name__}. Of a search pass best_estimator_; of a "
            "TunedThresholdClassifierCV estimator_, with best_threshold_ as threshold."
        )
    steps = [(name, step) for name, step in steps if hasattr(step, "transform")]
    for _, step in steps:
        if isinstance(step, TokenEncoder):
            raise ValueError(
                "ONNX has no tokens of scikit-learn's analyzers: export the net alone, "
                "pipeline[-1], and give it the ids of TokenEncoder.transform."
            )
    return steps, net


def _refuse_other_probabilities(net: BinaryNetClassifier) -> None:
    if net.compile:
        raise ValueError("export_onnx needs a net with compile=False.")
    is_known = isinstance(net.criterion_, (nn.BCEWithLogitsLoss, nn.BCELoss))
    if is_known and net.predict_nonlinearity == "auto":
        return
    raise ValueError(
        "export_onnx knows the probabilities of BCEWithLogitsLoss and BCELoss with "
        f"predict_nonlinearity='auto', got {type(net.criterion_).__name__} with "
        f"predict_nonlinearity={net.predict_nonlinearity!r}. Let the module compute "
        "what the nonlinearity does, and return a logit under BCEWithLogitsLoss or a "
        "probability under BCELoss."
    )


def _input_dtype(net: BinaryNetClassifier, steps: list[tuple[str, Any]]) -> torch.dtype:
    takes_ids = (
        net._largest_id is not None
        and net._input_dtype(np.zeros(1, dtype=np.int64)) == torch.int64
    )
    if not takes_ids:
        return torch.float64 if steps else torch.float32
    if not steps:
        return torch.int64
    name, step = steps[0]
    raise _untranslated(name, step, "the net takes token ids, and steps give float64.")


class _Prediction(nn.Module):
    """What `predict_proba` and `predict` compute, from a batch."""

    shift: torch.Tensor
    least: torch.Tensor

    def __init__(self, net: BinaryNetClassifier) -> None:
        super().__init__()
        self.module = copy.deepcopy(net.module_).cpu().eval()
        self.takes_logits = net._outputs_are_logits()
        self.gives_probabilities = not self.takes_logits and net.prior is None
        self.positive_index = net._seen_labels().positive_index
        least = (
            # As NumPy compares float32 with it.
            float(np.result_type(np.float32, net.threshold).type(net.threshold))
            if self.gives_probabilities
            else _least_logit(net.threshold)
        )
        # A number in the code would be rounded to float32.
        self.register_buffer("least", torch.tensor(least, dtype=torch.float64))
        self.register_buffer(
            "shift", torch.tensor(net._prior_shift(), dtype=torch.float64)
        )

    def forward(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        output = self.module(X.float() if X.dtype == torch.float64 else X)
        output = output[0] if isinstance(output, tuple) else output
        if self.gives_probabilities:
            score = single_output(output)
            columns = [(1 - score).double(), score.double()]
        else:
            score = self._logit(output) + self.shift
            columns = [torch.sigmoid(-score), torch.sigmoid(score)]
        is_positive = score.double() >= self.least
        if self.positive_index == 1:
            return torch.stack(columns, dim=1), is_positive.long()
        return torch.stack(columns[::-1], dim=1), (~is_positive).long()

    def _logit(self, output: torch.Tensor) -> torch.Tensor:
        if self.takes_logits:
            return positive_logit(output).double()
        return torch.logit(single_output(output).double())


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


def _translated_net(net: BinaryNetClassifier, dtype: torch.dtype) -> Any:
    shape = net._input_shape
    if shape is None:
        raise ValueError("export_onnx needs a net that was fitted on arrays.")
    # Two rows: torch takes sizes of 0 and 1 for fixed ones.
    example = torch.zeros(2, *shape[1:], dtype=dtype)
    try:
        with _without_news_of_torch():
            program = torch.onnx.export(
                _Prediction(net).eval(),
                (example,),
                input_names=["X"],
                output_names=["probabilities", "skbin_index"],
                dynamic_shapes={"X": {0: torch.export.Dim("n_samples")}},
                opset_version=_OPSETS[""],
                dynamo=True,
                verbose=False,
                custom_translation_table={torch.ops.aten.sigmoid.default: _sigmoid},
            )
    except Exception as error:
        raise ValueError(
            f"torch.onnx cannot translate {type(net.module_).__name__}: {error}"
        ) from error
    return program.model_proto  # type: ignore[union-attr]


def _sigmoid(z: Any) -> Any:
    """Of small probabilities onnxruntime's own sigmoid has no digit right."""
    op = import_optional("onnxscript", "onnx").opset20
    return op.Reciprocal(op.Add(op.Exp(op.Neg(z)), op.CastLike(1.0, z)))


@contextmanager
def _without_news_of_torch() -> Iterator[None]:
    """Keep quiet what no user can mend: deprecations within torch, its own options."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.disabled = was_disabled


def _name_decisions(onnx: Any, model: Any, names: NDArray[Any]) -> None:
    """Put labels in the place of their indices."""
    helper = onnx.helper
    graph = model.graph
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


def _label_array(classes: NDArray[Any]) -> NDArray[Any]:
    if classes.dtype.kind in "OUST":
        return np.array([str(label) for label in classes], dtype=object)
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    return classes


def _translated_step(onnx: Any, name: str, step: Any) -> Any:
    skl2onnx = import_optional("skl2onnx", "onnx")
    types = import_optional("skl2onnx.common.data_types", "onnx")
    if not hasattr(step, "n_features_in_"):
        raise _untranslated(name, step, "it takes no table of numbers.")
    rows = types.DoubleTensorType([None, step.n_features_in_])
    try:
        model = skl2onnx.convert_sklearn(
            make_sklearn_pipeline(step),
            initial_types=[("X", rows)],
            final_types=[("transformed", types.DoubleTensorType([None, None]))],
            target_opset=_OPSETS,
            custom_conversion_functions={SimpleImputer: _impute},
            custom_shape_calculators={SimpleImputer: _keep_shape},
        )
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise _untranslated(name, step, f"skl2onnx says: {error}") from error
    return model


def _untranslated(name: str, step: Any, reason: str) -> ValueError:
    return ValueError(
        f"The step {name!r}, {type(step).__name__}, cannot go into the file: {reason} "
        "Export the net alone, pipeline[-1], and give it what pipeline[:-1] transforms."
    )


def _keep_shape(operator: Any) -> None:
    operator.outputs[0].type = copy.deepcopy(operator.inputs[0].type)


def _impute(scope: Any, operator: Any, container: Any) -> None:
    """Fill in float64, of which the operator Imputer has no kernel in onnxruntime."""
    imputer = operator.raw_operator
    if imputer.add_indicator or not np.isnan([imputer.missing_values]).all():
        raise ValueError("SimpleImputer goes along for NaN and without indicator.")
    fill = np.asarray(imputer.statistics_, dtype=np.float64)
    if np.isnan(fill).any():
        raise ValueError("SimpleImputer drops columns that held no value in training.")
    values, is_missing = (scope.get_unique_variable_name(n) for n in ("fill", "nan"))
    (rows,) = operator.input_full_names
    double = import_optional("onnx", "onnx").TensorProto.DOUBLE
    container.add_initializer(values, double, [1, len(fill)], fill)
    container.add_node("IsNaN", [rows], [is_missing], op_version=_OPSETS[""])
    container.add_node(
        "Where",
        [is_missing, values, rows],
        operator.output_full_names,
        op_version=_OPSETS[""],
    )


def _after(onnx: Any, first: Any, model: Any) -> Any:
    """Put a step before what follows it."""
    compose = import_optional("onnx.compose", "onnx")
    model = compose.add_prefix(model, "next_", rename_inputs=True, rename_outputs=False)
    # skl2onnx names the first set of operators that will do, of those up to _OPSETS.
    for operators in first.opset_import:
        operators.version = _OPSETS.get(operators.domain, operators.version)
    first.ir_version = model.ir_version
    return compose.merge_models(first, model, io_map=[("transformed", "next_X")])
