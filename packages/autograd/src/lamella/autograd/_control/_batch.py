"""Control flow under vmap: graphs over batched operands.

What depends on a batched operand is batched: for a carry that is found by tracing the body again until no more of it
is. Where the test of a loop differs among the examples, the loop goes on while one of them wants a step, and those that
are done keep their carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella.graph import Graph, TensorType, Type, plain
from lamella.graph.control import Body, shared, trace_plain
from lamella.tensor import Tensor, expand, where
from lamella.tensor.extend import Batched, Level, Op, level_of, tls, wrap

from .._levels import below
from .._transforms import opened
from ._apply import apply, call

__all__ = ["batched"]

Flags = list[bool]


def batched(op: Op, operands: tuple[Any, ...], params: dict[str, Any], level: Level) -> tuple[Tensor, ...]:
    """The op at a vmap level, on payloads."""
    payloads: list[Any] = []
    flags: Flags = []
    for a in operands:
        mine = isinstance(a, Tensor) and level_of(a) is level
        payloads.append(a._data.tensor if mine else a)
        flags.append(bool(mine and a._data.batched))
    saved = tls.levels
    tls.levels = below(level)
    try:
        if any(flags):
            out, made = _RULES[op.name](op, payloads, flags, params, level.size)
        else:
            out = apply(op, payloads, params)
            made = [False] * len(out)
    finally:
        tls.levels = saved
    return tuple([wrap(Batched(o, level, b)) for o, b in zip(out, made, strict=True)])


def _types(graph: Graph, flags: Flags, size: int) -> list[Type]:
    return [
        TensorType(v.type.dtype, plain((size, *v.type.shape))) if b and isinstance(v.type, TensorType) else v.type
        for v, b in zip(graph.inputs, flags, strict=True)
    ]


def _full(t: Tensor, size: int) -> Tensor:
    return expand(t.unsqueeze(0), (size, *t.shape))


def _examples(graph: Graph, xs: Sequence[Any], flags: Flags, size: int) -> tuple[list[Tensor], Flags]:
    """The payloads of a graph's outputs for payloads of its inputs, and which of them are batched."""
    with opened(Level("vmap", size, "same")) as level:
        given = [wrap(Batched(x, level, b)) if isinstance(x, Tensor) else x for x, b in zip(xs, flags, strict=True)]
        out = call(graph, given)
        mine = [level_of(o) is level for o in out]
        found = [m and bool(o._data.batched) for m, o in zip(mine, out, strict=True)]
        return [o._data.tensor if m else o for m, o in zip(mine, out, strict=True)], found


def _mapped(graph: Graph, flags: Flags, size: int, wanted: Flags | None = None) -> tuple[Body, Flags]:
    """The graph over batched operands; outputs that are `wanted` batched are, the others as they come."""
    found: Flags = []

    def run(*xs: Any) -> list[Tensor]:
        out, made = _examples(graph, xs, flags, size)
        found.extend(made)
        if wanted is None:
            return out
        return [_full(o, size) if w and not m else o for o, w, m in zip(out, wanted, made, strict=True)]

    body = trace_plain(graph.name, run, _types(graph, flags, size))
    return body, found


def _joined(*flags: Flags) -> Flags:
    return [any(some) for some in zip(*flags, strict=True)]


def _raised(xs: list[Any], flags: Flags, now: Flags, size: int) -> list[Any]:
    """Operands that were not batched and have to be."""
    return [_full(x, size) if n and not b else x for x, b, n in zip(xs, flags, now, strict=True)]


def _cond(op: Op, xs: list[Any], flags: Flags, params: dict[str, Any], size: int) -> Any:
    graphs = [params["then"], params["otherwise"]]
    made = _joined(*[_mapped(g, flags[1:], size)[1] for g in graphs])
    operands, (then, otherwise) = shared([_mapped(g, flags[1:], size, made)[0] for g in graphs], xs[1:])
    return apply(op, (xs[0], *operands), {"then": then, "otherwise": otherwise}), made


def _settled(graph: Graph, flags: Flags, first: int, count: int, size: int, index: Flags) -> tuple[Flags, Flags]:
    """The flags of the operands once the carry, `count` of them from `first` on, is batched as far as it becomes so;
    and those of the results.
    """
    flags = list(flags)
    while True:
        _, made = _mapped(graph, index + flags, size)
        now = _joined(flags[first : first + count], made[:count])
        if now == flags[first : first + count]:
            return flags, made
        flags[first : first + count] = now


def _while(op: Op, xs: list[Any], flags: Flags, params: dict[str, Any], size: int) -> Any:
    test, body, carried = params["test"], params["body"], params["carried"]
    first = len(xs) - carried
    now, _ = _settled(body, flags, first, carried, size, [])
    (differs,) = _mapped(test, now, size)[1]
    if differs:
        now = now[:first] + [True] * carried

    def going(*operands: Any) -> list[Tensor]:
        (one,), _ = _examples(test, operands, now, size)
        return [one.any() if differs else one]

    def step(*operands: Any) -> list[Tensor]:
        new, made = _examples(body, operands, now, size)
        new = [_full(n, size) if w and not m else n for n, w, m in zip(new, now[first:], made, strict=True)]
        if not differs:
            return new
        (wants,), _ = _examples(test, operands, now, size)
        old = operands[first:]
        return [where(wants.reshape(size, *(1,) * (n.ndim - 1)), n, o) for n, o in zip(new, old, strict=True)]

    types = _types(body, now, size)
    bodies = [trace_plain(test.name, going, types), trace_plain(body.name, step, types)]
    operands, (test, body) = shared(bodies, _raised(xs, flags, now, size))
    return apply(op, operands, {**params, "test": test, "body": body}), now[first:]


def _scan(op: Op, xs: list[Any], flags: Flags, params: dict[str, Any], size: int) -> Any:
    graph, carried, scanned = params["body"], params["carried"], params["scanned"]
    index = [False] * int(params["indexed"])
    last = len(xs) - scanned
    first = last - carried
    now, made = _settled(graph, flags, first, carried, size, index)
    made = [*now[first:last], *made[carried:]]
    body, _ = _mapped(graph, index + now, size, made)
    # a row is taken along dim 0, where the batch is
    xs = [_swapped(x) if b and i >= last else x for i, (x, b) in enumerate(zip(xs, flags, strict=True))]
    operands = [*[t for t, _ in body.trace.captured], *_raised(xs, flags, now, size)]
    out = apply(op, operands, {**params, "body": body.graph(behind=len(index))})
    return [_swapped(o) if b and k >= carried else o for k, (o, b) in enumerate(zip(out, made, strict=True))], made


def _swapped(t: Tensor) -> Tensor:
    return t.permute(1, 0, *range(2, t.ndim))


_RULES = {"cond": _cond, "while_loop": _while, "scan": _scan}
