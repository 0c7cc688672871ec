"""Control flow ops on tensors: computed at the highest level among their operands, then recorded there.

A transform of such an op is another such op over transformed graphs. A graph is transformed by running it op by op
inside the transform (`call`), while that is traced into a new graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella.graph import Graph, Value
from lamella.graph.control import lifted, named
from lamella.tensor import Tensor, where
from lamella.tensor.extend import GRAD, LEVEL, Level, Op, SymScalar, dispatch, level_of, rule, tls, wrap

__all__ = ["apply", "call", "is_smooth"]


def is_smooth(t: Any) -> bool:
    """Whether gradients go through a value: a floating or complex tensor."""
    return isinstance(t, Tensor) and t._data.dtype.kind in "fcV"


def call(graph: Graph, operands: Sequence[Any]) -> list[Any]:
    """The outputs of a graph on tensors of any level, by dispatching its ops."""
    env: dict[Any, Any] = dict(zip(graph.inputs, operands, strict=True))
    trace = tls.trace
    sizes = None if trace is None else trace.sizes
    builder = getattr(trace, "builder", None)  # of a trace, where nodes keep their lines
    for node in graph.nodes:
        args = tuple([env[a] if type(a) is Value else a for a in node.args])
        params = dict(node.params) if sizes is None else {k: lifted(v, sizes) for k, v in node.params.items()}
        first = 0 if builder is None else builder.size
        if node.op.spec == "control":
            out: Any = apply(node.op, args, params)
        elif node.op.name == "scalar.size":
            out = (lifted(named(params["name"]), tls.trace.sizes),)
        elif node.op.spec == "scalar":
            out = (_scalar(node.op, args),)
        else:
            out = dispatch(node.op, args, params)
            out = out if type(out) is tuple else (out,)
        if builder is not None and node.source is not None:
            builder.attribute(first, node.source)
        env.update(zip(node.outputs, out, strict=True))
    return [env[v] for v in graph.outputs]


def _scalar(op: Op, args: tuple[Any, ...]) -> Any:
    if any(isinstance(a, SymScalar) for a in args):
        return tls.trace.scalar_op(op.name.removeprefix("scalar."), args)
    return rule(op, "numpy")(*args)


def apply(op: Op, operands: Sequence[Any], params: dict[str, Any]) -> tuple[Tensor, ...]:
    """The results of a control flow op."""
    operands = tuple(operands)
    level = _level(operands)
    if level is not None and level.kind == "vmap" and op.name == "cond" and _varies(operands[0], level):
        # which branch is taken differs among the examples: both are, and each takes its own result
        pairs = zip(call(params["then"], operands[1:]), call(params["otherwise"], operands[1:]), strict=True)
        return tuple([where(operands[0], a, b) for a, b in pairs])
    if tls.grad and any(is_smooth(a) and a._flags & GRAD and level_of(a) is level for a in operands):
        from ._reverse import recorded  # which applies ops itself

        return recorded(op, operands, params, level)
    return compute(op, operands, params, level)


def _varies(t: Tensor, level: Level) -> bool:
    return level_of(t) is level and bool(t._data.batched)


def _level(operands: tuple[Any, ...]) -> Level | None:
    found: Level | None = None
    for a in operands:
        if isinstance(a, Tensor):
            a.requires_grad  # noqa: B018 - brings a stale view up to date
            if a._flags & LEVEL:
                level = a._data.level
                level.check()
                if found is None or level.serial > found.serial:
                    found = level
    if found is None and tls.levels:
        found = tls.levels[-1]  # like a creation
    floor: Level | None = tls.floor
    if floor is not None and (found is None or found.serial < floor.serial):
        return floor
    return found


def compute(op: Op, operands: tuple[Any, ...], params: dict[str, Any], level: Level | None) -> tuple[Tensor, ...]:
    """The results at one level, unrecorded there."""
    if level is None:
        if tls.trace is not None:
            out = tls.trace.record(op, operands, params)
        else:
            arrays = [a._data if isinstance(a, Tensor) else a for a in operands]
            out = rule(op, "numpy")(*arrays, **params)
            out = tuple(map(wrap, out)) if type(out) is tuple else wrap(out)
        return out if type(out) is tuple else (out,)
    if level.kind == "region":
        return level.control(op, operands, params)  # type: ignore[attr-defined,no-any-return]
    if level.kind == "vmap":
        from ._batch import batched

        return batched(op, operands, params, level)
    from ._forward import forwarded

    return forwarded(op, operands, params, level)
