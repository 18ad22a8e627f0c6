"""The steps before a net as ONNX graphs: numbers in double precision, and strings."""

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)
from sklearn.utils import get_tags

from skbin.data.cells import CATEGORY, NUMBER
from skbin.data.tokens import TokenEncoder
from skbin.machine.extras import import_optional

OPSETS = {"": 20, "ai.onnx.ml": 3}
_ENCODERS = (OneHotEncoder, OrdinalEncoder, TargetEncoder)
OUTPUTS = {"label", "probabilities"}
TRANSFORMED = "skbin_transformed"


def untranslated(name: str, step: Any, reason: str) -> ValueError:
    """Return an error that names a step, the reason, and what to do."""
    return ValueError(
        f"The step {name!r}, {type(step).__name__}, cannot be exported: {reason} "
        "Export only the net, pipeline[-1], and pass it the output of "
        "pipeline[:-1].transform."
    )


def refuse_untranslated(steps: list[tuple[str, Any]]) -> None:
    """Refuse steps that certainly have no translation."""
    for name, step in steps:
        if isinstance(step, TokenEncoder):
            raise ValueError(
                "ONNX cannot split texts as scikit-learn's analyzers do: export only "
                "the net, pipeline[-1], and pass it the ids of TokenEncoder.transform."
            )
        if not hasattr(step, "n_features_in_"):
            raise untranslated(name, step, "it does not take a table of columns.")
        if isinstance(step, FunctionTransformer) and step.func is not None:
            raise untranslated(name, step, f"ONNX has no translation of {step.func!r}.")
        columns = set(getattr(step, "feature_names_in_", []))
        if isinstance(step, ColumnTransformer) and columns & OUTPUTS:
            raise untranslated(
                name,
                step,
                f"a column has the name of an output, {sorted(columns & OUTPUTS)}: "
                "rename it and fit again.",
            )


def flat_steps(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Replace nested pipelines by their steps."""
    flat: list[tuple[str, Any]] = []
    for name, step in steps:
        flat += flat_steps(step.steps) if isinstance(step, Pipeline) else [(name, step)]
    return [(name, step) for name, step in flat if hasattr(step, "transform")]


def translated_step(name: str, step: Any, *, is_first: bool) -> Any:
    """Translate a step from X, or for the first one from its columns."""
    onnx = import_optional("onnx", "onnx")
    skl2onnx = import_optional("skl2onnx", "onnx")
    types = import_optional("skl2onnx.common.data_types", "onnx")
    columns = _named_columns(step) if is_first else None
    if columns is None:
        inputs = [("X", types.DoubleTensorType([None, step.n_features_in_]))]
    else:
        kinds = {str: types.StringTensorType, float: types.DoubleTensorType}
        inputs = [(column, kinds[kind]([None, 1])) for column, kind in columns]
    try:
        model = skl2onnx.convert_sklearn(
            make_pipeline(_by_position(step)),
            initial_types=inputs,
            final_types=[(TRANSFORMED, types.DoubleTensorType([None, None]))],
            target_opset=OPSETS,
            custom_conversion_functions={
                SimpleImputer: _impute,
                **dict.fromkeys(_ENCODERS, _look_up),
            },
            custom_shape_calculators={
                SimpleImputer: _set_type_of_input,
                **dict.fromkeys(_ENCODERS, _set_type_of_codes),
            },
        )
        _set_inputs(model, [name for name, _ in inputs])
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise untranslated(name, step, f"skl2onnx says: {error}") from error
    return model


def take_missing(steps: list[Any], net_takes_missing: bool) -> bool:
    """Whether missing numbers reach an imputer, or a net that takes them."""
    for step in steps:
        if isinstance(step, Pipeline):
            return take_missing([part for _, part in step.steps], net_takes_missing)
        if isinstance(step, ColumnTransformer):
            parts = [part for _, part, _ in step.transformers_ if part != "drop"]
            return all(take_missing([part], net_takes_missing) for part in parts)
        if isinstance(step, (SimpleImputer, *_ENCODERS)):
            return True
        if hasattr(step, "fit") and not get_tags(step).input_tags.allow_nan:
            return False
    return net_takes_missing


def described_inputs(steps: list[tuple[str, Any]], model: Any) -> Any:
    """Describe the inputs of a graph, if each is a single column."""
    if not steps or _named_columns(steps[0][1]) is None:
        return None
    string = import_optional("onnx", "onnx").TensorProto.STRING
    return [
        {
            "name": given.name,
            "kind": CATEGORY if given.type.tensor_type.elem_type == string else NUMBER,
        }
        for given in model.graph.input
    ]


# ---- which columns become separate inputs


def _named_columns(step: Any) -> list[tuple[str, type]] | None:
    """Return name and kind of each column, or None if X is one table of numbers."""
    strings = set(_places_of_strings(step, range(step.n_features_in_)))
    names = getattr(step, "feature_names_in_", None)
    if not strings and not _selects_by_name(step):
        return None
    if names is None:
        names = [f"x{place}" for place in range(step.n_features_in_)]
    return [
        (str(name), str if place in strings else float)
        for place, name in enumerate(names)
    ]


def _selects_by_name(step: Any) -> bool:
    return isinstance(step, ColumnTransformer) and any(
        isinstance(name, str)
        for _, _, columns in step.transformers
        for name in (columns if isinstance(columns, list) else [columns])
    )


def _places_of_strings(step: Any, places: Any) -> Iterator[int]:
    """List the columns, of those at `places`, in which a fitted step saw strings."""
    if isinstance(step, ColumnTransformer):
        for _, part, columns in step.transformers_:
            yield from _places_of_strings(part, _places(step, columns))
    if isinstance(step, Pipeline):
        parts = [part for _, part in step.steps if _looks_at_values(part)]
        yield from _places_of_strings(parts[0] if parts else None, places)
    known = getattr(step, "categories_", None)
    if isinstance(step, SimpleImputer):
        known = [[value] for value in step.statistics_]
    if known is not None:
        for place, values in zip(places, known, strict=True):
            if any(isinstance(value, str) for value in values):
                yield place


def _looks_at_values(step: Any) -> bool:
    return step not in (None, "passthrough") and not isinstance(
        step, FunctionTransformer
    )


def _places(step: ColumnTransformer, columns: Any) -> list[int]:
    names = list(getattr(step, "feature_names_in_", []))
    if isinstance(columns, slice):
        columns = range(step.n_features_in_)[columns]
    columns = [columns] if isinstance(columns, str) else list(columns)
    if columns and all(isinstance(column, (bool, np.bool_)) for column in columns):
        columns = np.flatnonzero(columns)
    return [names.index(c) if isinstance(c, str) else int(c) for c in columns]


def _by_position(step: Any) -> Any:
    """Make a ColumnTransformer refer to columns by their positions."""
    if not isinstance(step, ColumnTransformer):
        return step
    step = copy.copy(step)
    step.transformers_ = [
        (name, part, _places(step, columns))
        for name, part, columns in step.transformers_
    ]
    return step


def _set_inputs(model: Any, names: list[str]) -> None:
    """Name the inputs by the columns, and drop those that are not used."""
    new = {
        given.name: name for given, name in zip(model.graph.input, names, strict=True)
    }
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
    used = {name for node in model.graph.node for name in node.input}
    for given in list(model.graph.input):
        given.name = new[given.name]
        if given.name not in used:
            model.graph.input.remove(given)


# ---- SimpleImputer and the encoders, for which skl2onnx computes something else


class _Graph:
    """Adds nodes to a graph of skl2onnx, each with one output of a new name."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def constant(self, array: Any) -> str:
        onnx = import_optional("onnx", "onnx")
        name = self._scope.get_unique_variable_name("constant")
        tensor = onnx.numpy_helper.from_array(np.asarray(array), name)
        values = tensor.string_data or np.asarray(array).ravel()
        self._container.add_initializer(name, tensor.data_type, tensor.dims, values)
        return name

    def add(
        self, kind: str, *inputs: str, output: Any = None, **attributes: Any
    ) -> str:
        name = output or self._scope.get_unique_variable_name(kind)
        self._container.add_node(
            kind, list(inputs), [name], op_version=OPSETS[""], **attributes
        )
        return name

    def columns(self, operator: Any) -> Iterator[tuple[str, bool]]:
        """Return the name of each input column, and whether it holds strings."""
        types = import_optional("skl2onnx.common.data_types", "onnx")
        for given in operator.inputs:
            is_string = isinstance(given.type, types.StringTensorType)
            for place in range(given.type.shape[1]):
                index = self.constant(np.array([place]))
                yield self.add("Gather", given.full_name, index, axis=1), is_string


def _set_type_of_input(operator: Any) -> None:
    n_columns = sum(given.type.shape[1] for given in operator.inputs)
    operator.outputs[0].type = copy.deepcopy(operator.inputs[0].type)
    operator.outputs[0].type.shape = [None, n_columns]


def _set_type_of_codes(operator: Any) -> None:
    types = import_optional("skl2onnx.common.data_types", "onnx")
    n_columns = len(operator.raw_operator.get_feature_names_out())
    operator.outputs[0].type = types.DoubleTensorType([None, n_columns])


def _impute(scope: Any, operator: Any, container: Any) -> None:
    """Fill in float64, of which the operator Imputer has no kernel, or strings."""
    imputer, graph = operator.raw_operator, _Graph(scope, container)
    if imputer.add_indicator:
        raise ValueError("SimpleImputer can only be exported without add_indicator.")
    filled = []
    for (column, is_string), value in zip(
        graph.columns(operator), imputer.statistics_, strict=True
    ):
        if _is_missing(value):
            raise ValueError("SimpleImputer drops columns that held no value in fit.")
        dtype = object if is_string else np.float64
        fill = graph.constant(np.array([[value]], dtype=dtype))
        key = _key(imputer.missing_values, is_string)
        filled.append(graph.add("Where", _equal(graph, column, [key]), fill, column))
    graph.add("Concat", *filled, output=operator.output_full_names[0], axis=1)


def _look_up(scope: Any, operator: Any, container: Any) -> None:
    """Encode by a table of what the encoder itself returns for each category."""
    encoder, graph = operator.raw_operator, _Graph(scope, container)
    encoded = []
    for place, (column, is_string) in enumerate(graph.columns(operator)):
        keys = [_key(value, is_string) for value in encoder.categories_[place]]
        if len(set(keys)) < len(keys):
            raise ValueError(
                "two categories are the same in the file, where a missing string is ''"
                f" and a number is in double precision: {keys}."
            )
        is_key = _equal(graph, column, keys)
        int64 = import_optional("onnx", "onnx").TensorProto.INT64
        as_integers = graph.add("Cast", is_key, to=int64)
        n_found = graph.add("ReduceSum", as_integers, graph.constant([1]), keepdims=0)
        found = graph.add("ArgMax", as_integers, axis=1, keepdims=0)
        unknown = graph.constant(np.array(len(keys)))
        none = graph.constant(np.array(0))
        row = graph.add("Where", graph.add("Equal", n_found, none), unknown, found)
        table = graph.constant(_table(encoder, place))
        encoded.append(graph.add("Gather", table, row, axis=0))
    graph.add("Concat", *encoded, output=operator.output_full_names[0], axis=1)


def _equal(graph: _Graph, column: str, keys: list[Any]) -> str:
    """Compare a column with each of some values, (n, 1) -> (n, len(keys))."""
    if isinstance(keys[0], str):
        return graph.add(
            "Equal", column, graph.constant(np.array([keys], dtype=object))
        )
    values = np.array([keys], dtype=np.float64)
    is_equal = graph.add("Equal", column, graph.constant(values))
    if not np.isnan(values).any():
        return is_equal
    is_nan = graph.add("IsNaN", column)
    are_nan = graph.add("And", is_nan, graph.constant(np.isnan(values)))
    return graph.add("Or", is_equal, are_nan)


def _key(value: Any, is_string: bool) -> Any:
    """Return a category in the form of the graph: a missing string is ''."""
    if is_string:
        return "" if _is_missing(value) else str(value)
    return np.nan if _is_missing(value) else float(value)


def _is_missing(value: Any) -> bool:
    return value is None or value != value or type(value).__name__ == "NAType"


def _table(encoder: Any, place: int) -> np.ndarray:
    """Ask an encoder for the codes of each category of a column, and of all others."""
    categories = encoder.categories_[place]
    X = np.empty((len(categories) + 1, len(encoder.categories_)), dtype=object)
    X[:] = [values[0] for values in encoder.categories_]
    X[:-1, place] = categories
    if getattr(encoder, "handle_unknown", "ignore") == "error":
        codes = _codes(encoder, X[:-1], place)
        # Not NaN, which may be a missing value to the network.
        return np.vstack([codes, np.full(codes.shape[1], np.inf)])
    X[-1, place] = _other_than(categories)
    return _codes(encoder, X, place)


def _other_than(categories: Any) -> Any:
    known = set(categories)
    if any(isinstance(value, str) for value in known):
        return max((value for value in known if isinstance(value, str)), key=len) + "_"
    return next(
        float(number) for number in range(len(known) + 1) if number not in known
    )


def _codes(encoder: Any, X: np.ndarray, place: int) -> np.ndarray:
    encoder = copy.copy(encoder)
    vars(encoder).pop("feature_names_in_", None)  # or it would miss them in X
    encoder.set_output(transform="default")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the unknown category
        codes = encoder.transform(X)
    codes = codes.toarray() if issparse(codes) else codes
    n_columns = getattr(encoder, "_n_features_outs", [1] * X.shape[1])
    begin = sum(n_columns[:place])
    return codes[:, begin : begin + n_columns[place]].astype(np.float64)
