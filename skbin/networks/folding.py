"""Turn a trained network with two outputs into one with one logit."""

import copy
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import fx, nn
from torch.nn import functional as F

_LOG_SOFTMAX_FUNCTIONS: set[str | Callable[..., Any]] = {
    F.log_softmax,
    torch.log_softmax,
    "log_softmax",
}
_SOFTMAX_FUNCTIONS = {F.softmax, torch.softmax, "softmax", *_LOG_SOFTMAX_FUNCTIONS}


def fold_softmax_head(module: nn.Module) -> nn.Module:
    r"""Turn a network with two outputs into one with one logit.

    The softmax of two logits is the sigmoid of their difference, so the last layer,
    ``Linear(h, 2)``, becomes ``Linear(h, 1)`` whose weights are the difference of its
    two rows. The probabilities are the same up to float precision, and all other
    weights are kept. A softmax or log-softmax after the layer is removed.

    Parameters
    ----------
    module : torch.nn.Module
        A module that ends in ``Linear(h, 2)``, with or without ``Softmax`` or
        ``LogSoftmax`` after it, as modules or as functions. It is not changed.

    Returns
    -------
    torch.nn.Module
        A copy that returns logits of shape ``(n, 1)``, whose sigmoid is the second
        column of the softmax. Its class is that of `module`, or
        :class:`torch.fx.GraphModule` if the softmax was called as a function.

    Raises
    ------
    TypeError
        If `module` is not a module.
    ValueError
        If `module` ends in any other way, or if :mod:`torch.fx` cannot trace it.

    Notes
    -----
    With :math:`p_1 = e^{z_1} / (e^{z_0} + e^{z_1})`, dividing by :math:`e^{z_1}` gives
    :math:`p_1 = 1 / (1 + e^{-(z_1 - z_0)}) = \sigma(z_1 - z_0)`. The last layer is
    found in the graph of :mod:`torch.fx`.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from skbin import fold_softmax_head
    >>> old = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(1))
    >>> new = fold_softmax_head(old)
    >>> X = torch.randn(5, 8)
    >>> torch.testing.assert_close(new(X).sigmoid()[:, 0], old(X)[:, 1])
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"fold_softmax_head takes a torch.nn.Module, got {type(module).__name__}. "
            "For a fitted skorch net, pass net.module_."
        )
    # In a container, the last layer can be replaced even if it is the module itself.
    folded = nn.Sequential(copy.deepcopy(module))
    graph = _graph_of(folded)
    linear, layer, softmaxes = _end_of(graph, folded)
    in_functions = [node for node in softmaxes if node.op != "call_module"]
    if in_functions and _code(graph) != _code(_graph_of(folded, not module.training)):
        _refuse(
            "its forward depends on self.training and calls a softmax as a function, "
            "which can only be removed from code that is the same in both modes. Let "
            "it return the two logits (the loss is the same with CrossEntropyLoss)"
        )
    folded.set_submodule(linear, _difference_of_rows(layer))
    for node in softmaxes:
        if node.op == "call_module":
            folded.set_submodule(str(node.target), nn.Identity())
    if in_functions:
        for node in in_functions:
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph.erase_node(node)
        return fx.GraphModule(folded, graph).train(module.training)
    return folded[0]


class _EndTracer(fx.Tracer):
    """Traces into the modules that hold a layer of two outputs, and no others."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Linear) or not any(
            _has_two_outputs(n) for n in m.modules()
        )


def _has_two_outputs(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) and module.out_features == 2


def _graph_of(module: nn.Module, training: bool | None = None) -> fx.Graph:
    if training is not None:
        module = copy.deepcopy(module).train(training)
    try:
        return _EndTracer().trace(module)
    except Exception as error:
        raise ValueError(
            "fold_softmax_head cannot tell how this module ends, because torch.fx "
            f"cannot trace its forward: {error}. Fold the part that holds the last "
            "layer, or move the steps that depend on the data into their own module."
        ) from error


def _code(graph: fx.Graph) -> str:
    return graph.python_code("self").src


def _end_of(graph: fx.Graph, module: nn.Module) -> tuple[str, nn.Linear, list[fx.Node]]:
    """Return the last linear layer, by name and itself, and the softmaxes after it."""
    returned = graph.output_node().args[0]
    softmaxes: list[fx.Node] = []
    node = returned
    while True:
        if not isinstance(node, fx.Node):
            _refuse(f"it returns {returned}, not one tensor")
        is_layer = node.op == "call_module"
        layer = module.get_submodule(str(node.target)) if is_layer else None
        if isinstance(layer, nn.Linear):
            break
        if _is_softmax(node, layer):
            if softmaxes and not _is_logarithmic(node, layer):
                _refuse("it applies a softmax twice")
            softmaxes.append(node)
        elif not isinstance(layer, nn.Identity):
            _refuse(f"it ends in {node.target if layer is None else layer!r}")
        node = node.all_input_nodes[0]
    _check_linear(layer)
    for each in [node, *softmaxes]:
        if each.op == "call_module":
            _check_used_once(str(each.target), graph, module)
    return str(node.target), layer, softmaxes


def _is_softmax(node: fx.Node, layer: nn.Module | None) -> bool:
    dim: Any
    if isinstance(layer, (nn.Softmax, nn.LogSoftmax)):
        dim = layer.dim
    elif layer is None and node.target in _SOFTMAX_FUNCTIONS:
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    else:
        return False
    if dim in (1, -1, None):
        return True
    _refuse(f"its softmax runs along dim={dim}, not along the two outputs (dim=1)")


def _is_logarithmic(node: fx.Node, layer: nn.Module | None) -> bool:
    """Whether a softmax of its output changes nothing: it is a log-softmax."""
    return isinstance(layer, nn.LogSoftmax) or node.target in _LOG_SOFTMAX_FUNCTIONS


def _check_linear(layer: nn.Linear) -> None:
    if not _has_two_outputs(layer):
        _refuse(f"its last layer has {layer.out_features} outputs")
    if type(layer) is not nn.Linear:
        _refuse(
            f"its last layer is a {type(layer).__name__}, whose weight is computed "
            "from others. Remove the parametrization first, keeping the weight"
        )


def _check_used_once(name: str, graph: fx.Graph, module: nn.Module) -> None:
    """Raise if replacing this layer would change another part of the network."""
    calls = [node for node in graph.nodes if node.target == name]
    if len(calls) > 1 or len(calls[0].users) > 1:
        _refuse(f"it uses {name.removeprefix('0.')!r} more than once")
    layer = module.get_submodule(name)
    layers = [m for _, m in module.named_modules(remove_duplicate=False)]
    parameters = [p for _, p in module.named_parameters(remove_duplicate=False)]
    is_shared = sum(m is layer for m in layers) > 1 or any(
        sum(p is own for p in parameters) > 1 for own in layer.parameters()
    )
    if is_shared:
        _refuse(f"it shares {name.removeprefix('0.')!r} with another of its parts")


def _refuse(reason: str) -> NoReturn:
    raise ValueError(
        "fold_softmax_head needs a module that ends in Linear(h, 2), with or without "
        f"Softmax or LogSoftmax after it, but {reason}."
    )


def _difference_of_rows(linear: nn.Linear) -> nn.Linear:
    weight = linear.weight
    folded = nn.Linear(
        linear.in_features,
        1,
        bias=linear.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    ).train(linear.training)
    with torch.no_grad():
        folded.weight.copy_(weight[1:] - weight[:1])
        folded.weight.requires_grad_(weight.requires_grad)
        if linear.bias is not None:
            folded.bias.copy_(linear.bias[1:] - linear.bias[:1])
            folded.bias.requires_grad_(linear.bias.requires_grad)
    return folded
