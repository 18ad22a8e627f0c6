"""Out of torch: `export_onnx`."""

import copy
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
from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skbin.classifier import BinaryNetClassifier
from skbin.heads import positive_logit
from skbin.optional import import_optional
from skbin.text import TokenEncoder

_OPSET = 20


def export_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator as one ONNX file, for services without torch.

    The graph takes ``X`` with any number of rows, float32 or, for token ids, int64. It
    returns ``probabilities`` of shape (n, 2), with `prior` and in the order of
    ``classes_``, and ``label`` by `threshold`. The class names, the threshold and the
    positive class are in the metadata, too.

    Parameters
    ----------
    estimator : BinaryNetClassifier or Pipeline
        Fitted. The steps before the net of a Pipeline, such as a ``StandardScaler``, go
        along by skl2onnx; samplers play no part in prediction and are left out.
    path : str or path-like
        The file.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If a step or the network cannot be translated.
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
    model = _translated_net(net)
    _decide(onnx, model, net)
    if steps:
        model = _after(onnx, _translated_steps(steps), model)
    onnx.helper.set_model_props(
        model,
        {
            "classes": repr(net.classes_.tolist()),
            "positive_class": repr(net._seen_labels().positive),
            "threshold": repr(float(net.threshold)),
        },
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, Path(path))


def _steps_and_net(estimator: Any) -> tuple[list[Any], BinaryNetClassifier]:
    *steps, net = (
        [step for _, step in estimator.steps]
        if isinstance(estimator, Pipeline)
        else [estimator]
    )
    if not isinstance(net, BinaryNetClassifier):
        raise TypeError(
            "export_onnx takes a BinaryNetClassifier, or a Pipeline that ends in one, "
            f"got {type(net).__name__}. Of a search pass best_estimator_."
        )
    steps = [step for step in steps if hasattr(step, "transform")]
    for step in steps:
        if isinstance(step, TokenEncoder):
            raise ValueError(
                "ONNX has no tokens of scikit-learn's analyzers: export the net alone, "
                "pipeline[-1], and give it the ids of TokenEncoder.transform."
            )
    return steps, net


class _Probabilities(nn.Module):
    """The network, its prior and its two columns."""

    def __init__(self, net: BinaryNetClassifier) -> None:
        super().__init__()
        self.module = copy.deepcopy(net.module_).cpu().eval()
        self.takes_logits = net._outputs_are_logits()
        self.shift = net._prior_shift()
        self.positive_index = net._seen_labels().positive_index

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        output = self.module(X)
        output = output[0] if isinstance(output, tuple) else output
        if self.takes_logits:
            z = positive_logit(output) + self.shift
        else:
            z = torch.logit(output.reshape(-1)) + self.shift
        sign = 1.0 if self.positive_index == 1 else -1.0
        return torch.stack([torch.sigmoid(-sign * z), torch.sigmoid(sign * z)], dim=1)


def _translated_net(net: BinaryNetClassifier) -> Any:
    shape = net._input_shape
    if shape is None:
        raise ValueError("export_onnx needs a net that was fitted on arrays.")
    if net.compile:
        raise ValueError("export_onnx needs a net with compile=False.")
    is_ids = (
        net._largest_id is not None
        and net._input_dtype(np.zeros(1, dtype=np.int64)) == torch.int64
    )
    # Two rows: torch takes sizes of 0 and 1 for fixed ones.
    example = torch.zeros(2, *shape[1:], dtype=torch.int64 if is_ids else torch.float32)
    try:
        with _without_news_of_torch():
            program = torch.onnx.export(
                _Probabilities(net).eval(),
                (example,),
                input_names=["X"],
                output_names=["probabilities"],
                dynamic_shapes={"X": {0: torch.export.Dim("n_samples")}},
                opset_version=_OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise ValueError(
            f"torch.onnx cannot translate {type(net.module_).__name__}: {error}"
        ) from error
    return program.model_proto  # type: ignore[union-attr]


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


def _decide(onnx: Any, model: Any, net: BinaryNetClassifier) -> None:
    """Add the label: the positive class from `threshold` on."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    labels = net._seen_labels()
    names = _label_array(labels.classes)
    positive, negative = names[labels.positive_index], names[1 - labels.positive_index]
    constants = {
        "skbin_column": np.array([labels.positive_index], dtype=np.int64),
        "skbin_threshold": np.array(_float32_at_least(net.threshold), dtype=np.float32),
        "skbin_choices": np.array([negative, positive], dtype=names.dtype),
        "skbin_axis": np.array([1], dtype=np.int64),
    }
    graph = model.graph
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    graph.node.extend(
        [
            helper.make_node(
                "Gather", ["probabilities", "skbin_column"], ["skbin_score"], axis=1
            ),
            helper.make_node(
                "Squeeze", ["skbin_score", "skbin_axis"], ["skbin_scores"]
            ),
            helper.make_node(
                "GreaterOrEqual", ["skbin_scores", "skbin_threshold"], ["skbin_is"]
            ),
            helper.make_node(
                "Cast", ["skbin_is"], ["skbin_index"], to=onnx.TensorProto.INT64
            ),
            helper.make_node("Gather", ["skbin_choices", "skbin_index"], ["label"]),
        ]
    )
    graph.output.append(
        helper.make_tensor_value_info(
            "label", helper.np_dtype_to_tensor_dtype(names.dtype), ["n_samples"]
        )
    )


def _float32_at_least(threshold: float) -> np.float32:
    """Smallest float32 that is not below: probabilities in the graph are float32."""
    rounded = np.float32(threshold)
    return rounded if rounded >= threshold else np.nextafter(rounded, np.float32(2))


def _label_array(classes: NDArray[Any]) -> NDArray[Any]:
    if classes.dtype.kind in "OUST":
        return np.array([str(label) for label in classes], dtype=object)
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    return classes


def _translated_steps(steps: list[Any]) -> Any:
    skl2onnx = import_optional("skl2onnx", "onnx")
    types = import_optional("skl2onnx.common.data_types", "onnx")
    n_features = steps[0].n_features_in_
    pipeline = make_sklearn_pipeline(*steps)
    try:
        return skl2onnx.convert_sklearn(
            pipeline,
            initial_types=[("skbin_input", types.DoubleTensorType([None, n_features]))],
            final_types=[("skbin_transformed", types.DoubleTensorType([None, None]))],
            target_opset={"": _OPSET, "ai.onnx.ml": 3},
        )
    except Exception as error:
        raise ValueError(
            f"skl2onnx cannot translate {pipeline}: {error} Export the net alone, "
            "pipeline[-1], and transform before."
        ) from error


def _after(onnx: Any, first: Any, model: Any) -> Any:
    """Put the transformers before the net, between casts to double and back."""
    helper, compose = onnx.helper, import_optional("onnx.compose", "onnx")
    float32, float64 = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    model = compose.add_prefix(model, "net_", rename_inputs=True, rename_outputs=False)
    graph = first.graph
    n_features = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    graph.node.insert(0, helper.make_node("Cast", ["X"], ["skbin_input"], to=float64))
    graph.node.append(
        helper.make_node("Cast", ["skbin_transformed"], ["skbin_rows"], to=float32)
    )
    del graph.input[:], graph.output[:]
    graph.input.append(
        helper.make_tensor_value_info("X", float32, ["n_samples", n_features])
    )
    graph.output.append(
        helper.make_tensor_value_info("skbin_rows", float32, ["n_samples", None])
    )
    # skl2onnx names the first set of operators that will do, of those up to _OPSET.
    for operators in first.opset_import:
        if operators.domain == "":
            operators.version = _OPSET
    first.ir_version = model.ir_version
    return compose.merge_models(first, model, io_map=[("skbin_rows", "net_X")])
