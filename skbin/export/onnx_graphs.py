"""Graphs one after the other, and side by side."""

from collections.abc import Sequence
from typing import Any

from skbin.export.onnx_steps import OPSETS, TRANSFORMED, translated_step
from skbin.machine.extras import import_optional


def after(first: Any, model: Any) -> Any:
    """Put a graph before the one that takes its output."""
    compose = import_optional("onnx.compose", "onnx")
    # skl2onnx names the first set of operators that will do, of those up to OPSETS.
    for operators in [*first.opset_import, *model.opset_import]:
        operators.version = OPSETS.get(operators.domain, operators.version)
    first.ir_version = model.ir_version
    before, behind = "skbin_before_", "skbin_next_"
    first = compose.add_prefix(first, before, rename_inputs=False)
    model = compose.add_prefix(model, behind, rename_outputs=False)
    joint = (f"{before}{TRANSFORMED}", f"{behind}X")
    return compose.merge_models(first, model, io_map=[joint])


def graph_of_steps(members: Sequence[list[tuple[str, Any]]]) -> Any:
    """Translate the steps of each member, whose outputs come one after the other."""
    graphs = [_chained(steps) for steps in members]
    return graphs[0] if len(graphs) == 1 else _side_by_side(graphs)


def _chained(steps: list[tuple[str, Any]]) -> Any:
    translated = [
        translated_step(name, step, is_first=place == 0)
        for place, (name, step) in enumerate(steps)
    ]
    model = translated.pop()
    while translated:
        model = after(translated.pop(), model)
    return model


def _side_by_side(graphs: list[Any]) -> Any:
    """Give all graphs the same inputs, and join their outputs."""
    compose = import_optional("onnx.compose", "onnx")
    helper = import_optional("onnx", "onnx").helper
    prefixes = [f"skbin_member_{place}_" for place in range(len(graphs))]
    joined, *others = [
        compose.add_prefix(graph, prefix, rename_inputs=False)
        for graph, prefix in zip(graphs, prefixes, strict=True)
    ]
    for other in others:
        for name in ("node", "initializer", "value_info"):
            getattr(joined.graph, name).extend(getattr(other.graph, name))
        known = {operators.domain for operators in joined.opset_import}
        joined.opset_import.extend(
            operators
            for operators in other.opset_import
            if operators.domain not in known
        )
    output = joined.graph.output[0]
    parts = [f"{prefix}{TRANSFORMED}" for prefix in prefixes]
    joined.graph.node.append(helper.make_node("Concat", parts, [TRANSFORMED], axis=1))
    output.name = TRANSFORMED
    output.type.tensor_type.shape.dim[1].ClearField("dim_value")
    return joined
