"""Control flow inside a capture: the functions are traced into graphs, and one op takes their place.

What a function reads of the program around it becomes an operand. Random numbers are drawn at offsets that follow from
the number of the step, and the generator moves on as far as the eager program would move it; where that depends on
values (branches that draw different numbers, a loop that draws) the capture is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamella.graph import CaptureError, Graph, Node, ScalarType, Value
from lamella.graph.control import Body, shared, type_of
from lamella.tensor import Tensor, cat, reshape, zeros
from lamella.tensor.extend import OPS, describe, reserve, user_location

from ._apply import apply
from ._eager import rows
from ._region import trace_body

__all__ = ["cond", "no_rows", "scan", "while_loop"]

Tensors = list[Tensor]
Step = Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]
_I64 = ScalarType("i64")


def _drawn(bodies: Sequence[Body]) -> list[tuple[Any, list[int]]]:
    """Every generator that a body draws from and how much each of them draws; its seed and offset become operands in
    front of each body's.
    """
    found: dict[int, tuple[Any, list[int]]] = {}
    for n, body in enumerate(bodies):
        for key, entry in body.trace.drawn.items():
            found.setdefault(key, (entry[0], [0] * len(bodies)))[1][n] = entry[3]
    for body in bodies:
        front: list[Value] = []
        for key in found:
            mine = body.trace.drawn.get(key)
            if mine is None:
                front += [body.trace.builder.input(_I64) for _ in range(2)]
            else:
                front += [symbol.value for symbol in mine[1:3]]
        body.inputs = [*front, *body.inputs]
    return list(found.values())


def cond(pred: Tensor, first: Callable[[], Tensors], second: Callable[[], Tensors]) -> Callable[[], Tensors]:
    """The bodies are traced now; what this returns records the op, once the caller has compared their results."""
    bodies = [trace_body("true_fn", lambda _: first(), ()), trace_body("false_fn", lambda _: second(), ())]

    def record() -> Tensors:
        operands: list[Any] = []
        for generator, (one, other) in _drawn(bodies):
            if one != other:
                raise CaptureError(
                    f"the branches of a cond draw {one} and {other} random numbers, at {describe(user_location(2))}; "
                    "in a capture they must draw as many: draw before the cond, and pass the numbers in"
                )
            operands += reserve(generator, one)
        given, (then, otherwise) = shared(bodies, operands)
        return list(apply(OPS["cond"], (pred, *given), {"then": then, "otherwise": otherwise}))

    return record


def while_loop(
    test: Callable[[Tensors], Tensor], step: Callable[[Tensors], Tensors], carry: Tensors, limit: int | None
) -> Tensors:
    """The op of a loop."""
    types = [type_of(t) for t in carry]
    bodies = [trace_body("cond_fn", lambda xs: [test(xs)], types), trace_body("body_fn", step, types)]
    if any(body.trace.drawn for body in bodies):
        raise CaptureError(
            f"a while_loop draws random numbers, at {describe(user_location(2))}; in a capture the generator could not "
            "tell how many: draw them outside, or use scan"
        )
    operands, (decide, body) = shared(bodies, carry)
    params = {"test": decide, "body": body, "carried": len(carry), "limit": limit}
    return list(apply(OPS["while_loop"], operands, params))


def scan(
    name: str, step: Step, carry: Tensors, xs: Tensors, length: int, reverse: bool, unroll: int
) -> tuple[Tensors, Tensors]:
    """The op of a scan; `unroll` steps stand in one pass, those that are left over behind them."""
    if unroll >= length:
        return rows(step, carry, xs, length, reverse)
    if unroll == 1:
        return _scan(name, step, carry, xs, length, reverse)
    passes, left = divmod(length, unroll)
    begin = left if reverse else 0
    most = [x.narrow(0, begin, passes * unroll) for x in xs]
    rest = [x.narrow(0, 0 if reverse else passes * unroll, left) for x in xs]

    def several(carry: Tensors, some: Tensors) -> tuple[Tensors, Tensors]:
        return rows(step, carry, some, unroll, reverse)

    grouped = [reshape(x, (passes, unroll, *x.shape[1:])) for x in most]
    carry, ys = _scan(name, several, carry, grouped, passes, reverse)
    ys = [reshape(y, (passes * unroll, *y.shape[2:])) for y in ys]
    if not left:
        return carry, ys
    carry, others = rows(step, carry, rest, left, reverse)
    pairs = zip(ys, others, strict=True)
    return carry, [cat([b, a] if reverse else [a, b], 0) for a, b in pairs]


def _traced(name: str, step: Step, carry: Tensors, xs: Tensors) -> tuple[Body, int]:
    """The body of one step, and how many of its results are the carry."""

    def run(leaves: Tensors) -> Tensors:
        new, ys = step(leaves[: len(carry)], leaves[len(carry) :])
        return [*new, *ys]

    row_types = [type(t)(t.dtype, t.shape[1:]) for t in map(type_of, xs)]
    return trace_body(name, run, [*map(type_of, carry), *row_types]), len(carry)


def no_rows(name: str, step: Step, carry: Tensors, xs: Tensors) -> Tensors:
    """The stacked results of no step: their types are those of a step that does not run."""
    body, carried = _traced(name, step, carry, xs)
    return [zeros((0, *t.shape), dtype=t.dtype) for t in body.types()[carried:]]


def _scan(name: str, step: Step, carry: Tensors, xs: Tensors, length: int, reverse: bool) -> tuple[Tensors, Tensors]:
    body, carried = _traced(name, step, carry, xs)
    operands: list[Any] = []
    moving: list[tuple[Value, int]] = []
    for generator, (count,) in _drawn([body]):
        length = int(length)  # a size that may differ from call to call is one number here
        operands += reserve(generator, count * length)
        if count:
            moving.append((body.trace.drawn[id(generator)][2].value, count))
    given, (graph,) = shared([body], [*operands, *carry, *xs])
    params = {
        "body": _stepped(graph, moving, length, reverse) if moving else graph,
        "carried": carried,
        "scanned": len(xs),
        "length": length,
        "reverse": reverse,
        "indexed": bool(moving),
    }
    out = apply(OPS["scan"], given, params)
    return list(out[:carried]), list(out[carried:])


def _stepped(graph: Graph, moving: list[tuple[Value, int]], length: int, reverse: bool) -> Graph:
    """The body with the number of its row in front: its offsets are those of the first step, moved on by as many draws
    as the steps before it took.
    """
    at = graph.next_id()
    fresh = [Value(at + i, _I64) for i in range(2 + 2 * len(moving))]
    index = fresh.pop()
    inputs = dict(zip(graph.inputs, graph.inputs, strict=True))
    nodes: list[Node] = []

    def add(name: str, *args: Any, to: Value | None = None) -> Value:
        out = fresh.pop() if to is None else to
        nodes.append(Node(OPS[f"scalar.{name}"], args, {}, (out,)))
        return out

    done = add("sub", length - 1, index) if reverse else index
    for offset, count in moving:
        inputs[offset] = fresh.pop()
        add("add", inputs[offset], add("mul", done, count), to=offset)
    return Graph(graph.name, [index, *inputs.values()], [*nodes, *graph.nodes], graph.outputs)
