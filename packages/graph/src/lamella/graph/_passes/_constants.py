"""Constant folding: what is made of `full` and `arange` alone is worked out here, by the interpreter's kernels.

A graph holds no data, so a result is kept only where a node can say it: one number everywhere (`full`) or whole numbers
in even steps (`arange`). At most 4096 elements are computed for a result; of equal numbers, one is enough. What would
raise at run time stays a node.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from lamella.tensor.extend import OPS, rule

from .._graph import Graph, Node, Value
from .._types import TensorType
from ._memory import reaching_results

__all__ = ["fold_constants"]

_MOST: Final = 4096
_MOVING: Final = frozenset({"cat", "stack", "pad", "flip", "roll", "tril", "triu", "take", "gather", "cumsum"})
Known = dict[Value, Any]  # arrays; those of one number everywhere are broadcast, so that they take no memory


def fold_constants(graph: Graph) -> Graph:
    """The graph with nodes over constants replaced by `full` or `arange`."""
    known: Known = {}
    kept = reaching_results(graph)
    nodes: list[Node] = []
    changed = False
    for node in graph.nodes:
        fresh = node.mapped(fold_constants) if node.op.spec == "control" else node
        changed = changed or fresh is not node
        if len(node.outputs) == 1 and _may_fold(node, known):
            array = _computed(node, known)
            if array is not None:
                (out,) = node.outputs
                known[out] = array
                said = None if node.op.name in ("full", "arange") else _said(array)
                if said is not None and not (node.op.spec == "view" and out in kept):
                    name, args, params = said
                    params = params | {"dtype": out.tensor.dtype}
                    fresh = Node(OPS[name], args, params, node.outputs, node.region, node.source)
                    changed = True
        nodes.append(fresh)
    return graph.replace(nodes) if changed else graph


def _may_fold(node: Node, known: Known) -> bool:
    name, spec = node.op.name, node.op.spec
    if name in ("full", "arange"):
        return not any(type(a) is Value for a in node.args)
    if spec not in ("elementwise", "reduce", "view") and name not in _MOVING:
        return False
    tensors = [a for a in node.args if type(a) is Value]
    return bool(tensors) and all(a in known for a in tensors)


def _computed(node: Node, known: Known) -> Any:
    type_ = node.outputs[0].type
    if not isinstance(type_, TensorType) or type_.dtype.category > 2:
        return None
    shape, dtype = type_.shape, type_.dtype.numpy
    arrays = [known[a] if type(a) is Value else a for a in node.args]
    given = [a for a in arrays if type(a) is np.ndarray]
    alike = node.op.name == "full" or (node.op.spec in ("elementwise", "view") and all(map(_is_even, given)))
    if not alike and max([math.prod(shape), *[a.size for a in given]]) > _MOST:
        return None
    params = node.params
    if alike:
        if node.op.spec == "view":
            arrays, params = [given[0].reshape(-1)[:1].reshape(())], {}
        else:
            arrays = [a[(0,) * a.ndim + (...,)] if type(a) is np.ndarray else a for a in arrays]
            params = {**params, "shape": ()} if node.op.name == "full" else params
    if not math.prod(shape):
        return None
    try:
        with np.errstate(all="ignore"):
            out = arrays[0] if alike and node.op.spec == "view" else rule(node.op, "numpy")(*arrays, **params)
    except (ArithmeticError, ValueError, IndexError, TypeError):
        return None  # the run must raise it, where the user can see it
    out = np.asarray(out)
    if out.dtype != dtype:
        return None
    return np.broadcast_to(out, shape) if alike else out


def _is_even(array: Any) -> bool:
    """Whether an array is broadcast from one element."""
    return array.size > 0 and not any(s for s, n in zip(array.strides, array.shape, strict=True) if n > 1)


def _said(array: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]] | None:
    """The creation that gives an array."""
    first = array.reshape(-1)[:1]
    if _is_even(array) or array.tobytes() == first.tobytes() * array.size:
        return "full", (_number(first[0]),), {"shape": array.shape}
    if array.ndim == 1 and array.dtype.kind in "iu":
        start, step = int(array[0]), int(array[1]) - int(array[0])
        stop = start + step * array.size
        if step and [*range(start, stop, step)] == array.tolist():
            return "arange", (start, stop, step), {}
    return None


def _number(item: Any) -> bool | int | float:
    kind = item.dtype.kind
    return bool(item) if kind == "b" else int(item) if kind in "iu" else float(item)
