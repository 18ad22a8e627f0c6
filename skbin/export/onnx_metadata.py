"""The metadata of an ONNX file: labels, threshold, and what its inputs mean."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skbin.export.table import names_in_json
from skbin.machine.extras import import_optional
from skbin.serving.file import FORMAT


def add_labels(model: Any, classes: NDArray[Any], positive_index: int) -> None:
    """Put labels in the place of their indices."""
    onnx = import_optional("onnx", "onnx")
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


def add_metadata(
    model: Any,
    estimator: Any,
    net: Any,
    positive_index: int,
    threshold: float,
    *,
    columns: list[dict[str, Any]] | None,
    takes_missing: bool,
) -> None:
    """Write as JSON what a service needs in addition to the graph."""
    names = _label_array(net.classes_).tolist()
    features = getattr(estimator, "feature_names_in_", None)
    channels = net._data.channels if len(net._data.shape) == 3 else None
    properties = {
        "classes": names,
        "positive_class": names[positive_index],
        "threshold": threshold,
        "skbin_format": FORMAT,
        "feature_names": None if features is None else list(features),
        "columns": columns,
        "channels": names_in_json(channels),
        "takes_missing": takes_missing,
    }
    import_optional("onnx", "onnx").helper.set_model_props(
        model, {key: json.dumps(value) for key, value in properties.items()}
    )


def _label_array(classes: NDArray[Any]) -> NDArray[Any]:
    if classes.dtype.kind in "OUST":
        return np.array([str(label) for label in classes], dtype=object)
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    return classes
