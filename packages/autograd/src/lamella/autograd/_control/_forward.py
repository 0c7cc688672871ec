"""Control flow in forward mode: graphs over primals and tangents.

What depends smoothly on an operand with a tangent has one: for a carry that is found by tracing the body again until no
more of it does. Tangents stand behind the primals of their kind, among what is captured, the carry, the rows and the
results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella.graph import Graph, Type
from lamella.graph.control import Body, shared, trace_plain
from lamella.tensor import Tensor, zeros_like
from lamella.tensor.extend import Dual, Level, Op, level_of, tls, wrap

from .._levels import below
from .._transforms import opened
from ._apply import apply, call, is_smooth

__all__ = ["forwarded"]

Flags = list[bool]


def forwarded(op: Op, operands: tuple[Any, ...], params: dict[str, Any], level: Level) -> tuple[Tensor, ...]:
    """The op at a jvp level, on primals and tangents."""
    primals: list[Any] = []
    tangents: list[Any] = []
    for a in operands:
        mine = isinstance(a, Tensor) and level_of(a) is level
        primals.append(a._data.tensor if mine else a)
        tangents.append(a._data.tangent if mine and is_smooth(a) else None)
    saved = tls.levels
    tls.levels = below(level)
    try:
        if any(t is not None for t in tangents):
            out, made = _RULES[op.name](op, primals, tangents, params)
        else:
            out = list(apply(op, primals, params))
            made = [None] * len(out)
    finally:
        tls.levels = saved
    return tuple([wrap(Dual(o, level, t)) for o, t in zip(out, made, strict=True)])


def _picked(items: Sequence[Any], flags: Flags) -> list[Any]:
    return [item for item, f in zip(items, flags, strict=True) if f]


def _spread(items: Sequence[Any], flags: Flags) -> list[Any]:
    """The items at the places that have one, None elsewhere."""
    rest = iter(items)
    return [next(rest) if f else None for f in flags]


def _derived(graph: Graph, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Tensor], list[Any]]:
    """The outputs of a graph and their tangents."""
    with opened(Level("jvp")) as level:
        given = [
            wrap(Dual(x, level, t)) if isinstance(x, Tensor) else x for x, t in zip(primals, tangents, strict=True)
        ]
        out = call(graph, given)
        mine = [level_of(o) is level for o in out]
        found = [o._data.tangent if m and is_smooth(o) else None for m, o in zip(mine, out, strict=True)]
        return [o._data.tensor if m else o for m, o in zip(mine, out, strict=True)], found


def _dual(graph: Graph, flags: Flags, parts: list[int], wanted: Flags | None, kinds: list[int]) -> tuple[Body, Flags]:
    """The graph over its inputs in parts of these sizes, each followed by the tangents of those in it that have one;
    its outputs in parts `kinds`, each followed by the tangents that are wanted (None: those that come).
    """
    types: list[Type] = []
    at = 0
    for size in parts:
        some = [v.type for v in graph.inputs[at : at + size]]
        types += [*some, *_picked(some, flags[at : at + size])]
        at += size
    found: Flags = []

    def run(*operands: Any) -> list[Tensor]:
        primals: list[Any] = []
        tangents: list[Any] = []
        rest = iter(operands)
        at = 0
        for size in parts:
            primals += [next(rest) for _ in range(size)]
            tangents += [next(rest) if f else None for f in flags[at : at + size]]
            at += size
        out, made = _derived(graph, primals, tangents)
        found.extend([t is not None for t in made])
        keep = found if wanted is None else wanted
        made = [zeros_like(o) if k and t is None else t for o, t, k in zip(out, made, keep, strict=True)]
        results: list[Tensor] = []
        at = 0
        for size in kinds:
            end = at + size
            results += [*out[at:end], *_picked(made[at:end], keep[at:end])]
            at = end
        return results

    body = trace_plain(graph.name, run, types)
    return body, found


def _split(out: Sequence[Any], kinds: list[int], flags: Flags) -> tuple[list[Any], list[Any]]:
    """(results, their tangents or None) of an op over such a graph."""
    rest = iter(out)
    primals: list[Any] = []
    tangents: list[Any] = []
    at = 0
    for size in kinds:
        primals += [next(rest) for _ in range(size)]
        tangents += [next(rest) if f else None for f in flags[at : at + size]]
        at += size
    return primals, tangents


def _cond(op: Op, xs: list[Any], ts: list[Any], params: dict[str, Any]) -> Any:
    graphs = [params["then"], params["otherwise"]]
    flags = [t is not None for t in ts[1:]]
    parts, kinds = [len(flags)], [len(graphs[0].outputs)]
    found = [_dual(g, flags, parts, None, kinds)[1] for g in graphs]
    wanted = [a or b for a, b in zip(*found, strict=True)]
    bodies = [_dual(g, flags, parts, wanted, kinds)[0] for g in graphs]
    operands, (then, otherwise) = shared(bodies, [*xs[1:], *_picked(ts[1:], flags)])
    out = apply(op, (xs[0], *operands), {"then": then, "otherwise": otherwise})
    return _split(out, kinds, wanted)


def _settled(graph: Graph, flags: Flags, parts: list[int], kinds: list[int]) -> tuple[Flags, Flags]:
    """The flags of the inputs once the carry, their part 1, has the tangents that it gets; and those of the results."""
    flags = list(flags)
    first, count = parts[0], parts[1]
    while True:
        _, made = _dual(graph, flags, parts, None, kinds)
        now = [a or b for a, b in zip(flags[first : first + count], made[:count], strict=True)]
        if now == flags[first : first + count]:
            return flags, made
        flags[first : first + count] = now


def _with_zeros(xs: list[Any], ts: list[Any], flags: Flags) -> list[Any]:
    return [zeros_like(x) if f and t is None else t for x, t, f in zip(xs, ts, flags, strict=True)]


def _while(op: Op, xs: list[Any], ts: list[Any], params: dict[str, Any]) -> Any:
    test, graph, carried = params["test"], params["body"], params["carried"]
    first = len(xs) - carried
    parts, kinds = [first, carried], [carried]
    flags, _ = _settled(graph, [t is not None for t in ts], parts, kinds)
    wanted = flags[first:]
    body, _ = _dual(graph, flags, parts, wanted, kinds)
    decide, _ = _dual(test, flags, parts, [False], [1])
    ts = _with_zeros(xs, ts, flags)
    given = [*xs[:first], *_picked(ts[:first], flags[:first]), *xs[first:], *_picked(ts[first:], wanted)]
    operands, (test, graph) = shared([decide, body], given)
    out = apply(op, operands, {**params, "test": test, "body": graph, "carried": carried + sum(wanted)})
    return _split(out, kinds, wanted)


def _scan(op: Op, xs: list[Any], ts: list[Any], params: dict[str, Any]) -> Any:
    graph, carried, scanned = params["body"], params["carried"], params["scanned"]
    index = int(params["indexed"])
    last = len(xs) - scanned
    first = last - carried
    parts, kinds = [index + first, carried, scanned], [carried, len(graph.outputs) - carried]
    flags, made = _settled(graph, [False] * index + [t is not None for t in ts], parts, kinds)
    now = flags[index:]
    wanted = [*now[first:last], *made[carried:]]
    body, _ = _dual(graph, flags, parts, wanted, kinds)
    ts = _with_zeros(xs, ts, now)
    operands = [t for t, _ in body.trace.captured]
    for a, b in ((0, first), (first, last), (last, len(xs))):
        operands += [*xs[a:b], *_picked(ts[a:b], now[a:b])]
    more = {"carried": carried + sum(now[first:last]), "scanned": scanned + sum(now[last:])}
    out = apply(op, operands, {**params, **more, "body": body.graph(behind=index)})
    return _split(out, kinds, wanted)


_RULES = {"cond": _cond, "while_loop": _while, "scan": _scan}
