"""Control flow in reverse mode: one node, whose rule applies another control flow op.

A scan goes back as a scan in the other direction: its carry is the cotangent of the carry, and the gradients of what is
captured, summed up; its rows are the cotangents of the ys and what the forward scan saved, stacked. A loop with a limit
is a scan of as many steps, of which those behind its end hand the carry on. Where the backward is itself recorded, it
reads the operands and the carries of all steps instead of what was saved, and computes each step again: all of these
have their place in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lamella.graph import Graph, TensorType, Type, as_value
from lamella.graph.control import Body, lifted, shared, trace_plain, type_of
from lamella.tensor import Tensor, full, logical_and, zeros, zeros_like
from lamella.tensor.extend import GRAD, OPS, Level, Op, level_of, set_edge, tls, user_location

from .._engine import Context
from .._history import Made, Taking
from .._node import Node, OwnRule, Plan, Port, metas_of, new_node
from .._saving import recorded_specially
from .._tape import save, unpack
from ._apply import apply, call, compute, is_smooth
from ._eager import no_way_back
from ._linear import Linear, linearized
from ._sums import without_sums

__all__ = ["recorded"]


def recorded(op: Op, operands: tuple[Any, ...], params: dict[str, Any], level: Level | None) -> tuple[Tensor, ...]:
    """The results of an op with an operand that requires grad at `level`, connected to its node."""
    wanted = [i for i, a in enumerate(operands) if is_smooth(a) and a._flags & GRAD and level_of(a) is level]
    if op.name == "while_loop":
        if params["limit"] is None:
            out = compute(op, operands, params, level)
            return _connected(op, operands, wanted, out, len(out), level, no_way_back)
        alive, given, more = _bounded(operands, params)
        return apply(OPS["scan"], (*given[:alive], full((), True), *given[alive:]), more)[1:]
    plan: _Cond | _Scan = _Cond(params, wanted) if op.name == "cond" else _Scan(len(operands), params, wanted)
    out = compute(op, plan.operands(operands), plan.params, level)
    return _connected(op, operands, wanted, out, plan.results, level, plan)


def _connected(
    op: Op, operands: tuple[Any, ...], wanted: list[int], out: tuple[Tensor, ...], count: int, level: Any, rule: Any
) -> tuple[Tensor, ...]:
    """The first `count` of the results, all of which are outputs of a new node with this rule."""
    plan = Plan(op.name, rule, sum([1 << i for i in wanted]), custom=True)
    edges = tuple([a._edge if i in wanted else None for i, a in enumerate(operands)])
    node = new_node(plan, edges, [(t._data.shape, t._data.dtype) for t in out], user_location(4))
    saved = [save(a, i, level) for i, a in enumerate(operands)]
    node.saved = (*saved, *[save(t, ~k if is_smooth(t) else 0, level) for k, t in enumerate(out)])
    recorded_specially(node, 4)
    for k, t in enumerate(out):
        if is_smooth(t):
            set_edge(t, node if k == 0 else Port(node, k))
    return out[:count]


class _Kept:
    """What a node kept: its operands, its outputs when they are asked for, and the cotangents of its outputs."""

    def __init__(self, ctx: Context, g: Sequence[Tensor | None]) -> None:
        self.node: Node = ctx.node
        self.keep = ctx.keeps_graph
        count = len(self.node.edges)
        self.operands = [unpack(self.node, e, self.keep) for e in (self.node.saved or ())[:count]]
        self.cotangents = g

    def output(self, k: int) -> Tensor:
        entry = (self.node.saved or ())[len(self.node.edges) + k]
        out: Tensor = unpack(self.node, entry, self.keep)
        return out


def _read(linear: Linear, inputs: Sequence[Any], saved: Sequence[Any], cotangents: dict[int, Any]) -> list[Any]:
    """The operands of a backward graph; None where a cotangent does not come."""
    source: dict[str, Any] = {"input": inputs, "saved": saved}
    return [
        at if kind == "outside" else cotangents.get(at) if kind == "cotangent" else source[kind][at]
        for kind, at in linear.reads
    ]


def _zeros(type_: Type) -> Tensor:
    assert isinstance(type_, TensorType)
    shape = type_.shape if tls.trace is None else lifted(type_.shape, tls.trace.sizes)
    return zeros(shape, dtype=type_.dtype)


def _filled(g: Tensor | None, like: tuple[tuple[int, ...], Any]) -> Tensor:
    from lamella.tensor.extend import from_numpy_dtype

    return zeros(tuple(like[0]), dtype=from_numpy_dtype(like[1])) if g is None else g


# -- cond


class _Cond(OwnRule):
    """A cond whose branches also give what each of them saves; the places of the other are zeros."""

    def __init__(self, params: dict[str, Any], wanted: list[int]) -> None:
        self.given = params
        self.wanted = [i - 1 for i in wanted]  # pred stands in front
        graphs = params["then"], params["otherwise"]
        self.types = [v.type for v in graphs[0].inputs]
        self.results = len(graphs[0].outputs)
        self.smooth = [j for j, v in enumerate(graphs[0].outputs) if _is_smooth(v.type)]
        self.branches = [linearized(g, self.wanted) for g in graphs]
        self.saved = [[v.type for v in b.saved] for b in self.branches]
        bodies = [trace_plain(g.name, self._ahead(k), self.types) for k, g in enumerate(graphs)]
        self._captured, (then, otherwise) = shared(bodies, [])
        self.params = {"then": then, "otherwise": otherwise}

    def operands(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        return (operands[0], *self._captured, *operands[1:])

    def _ahead(self, k: int) -> Any:
        def run(*xs: Any) -> list[Tensor]:
            linear = self.branches[k]
            out = call(linear.forward, [*linear.captured, *xs])
            rest = [_zeros(t) for t in self.saved[1 - k]]
            kept = out[self.results :]
            return [*out[: self.results], *(kept + rest if k == 0 else rest + kept)]

        return run

    def taken(self, taking: Taking) -> Callable[[Made], OwnRule]:
        """The same for the sizes of a call."""
        params = {key: taking.keeper.plain(value) for key, value in self.given.items()}
        wanted = [i + 1 for i in self.wanted]
        return lambda made: _Cond(_bound(made, params), wanted)

    def __call__(self, ctx: Context, *g: Tensor | None) -> list[Tensor | None]:
        kept = _Kept(ctx, g)
        pred, inputs = kept.operands[0], kept.operands[1:]
        came = [j for j in self.smooth if g[j] is not None]
        branches = [b.towards(came) for b in self.branches]
        cotangents = [g[j] for j in came]
        saved: list[Tensor] = []
        if not kept.keep:
            saved = [kept.output(self.results + k) for k in range(len(self.saved[0]) + len(self.saved[1]))]
        operands = [*inputs, *cotangents, *saved]
        types = [*self.types, *map(type_of, [*cotangents, *saved])]
        reached = [i for i in self.wanted if any(i in b.reached for b in branches)]
        if not reached:
            return [None] * len(kept.operands)
        backs = [self._back(k, b, came, reached, kept.keep) for k, b in enumerate(branches)]
        bodies = [trace_plain(b.backward.name, back, types) for b, back in zip(branches, backs, strict=True)]
        given, (then, otherwise) = shared(bodies, operands)
        found = iter(apply(OPS["cond"], (pred, *given), {"then": then, "otherwise": otherwise}))
        return [next(found) if i - 1 in reached else None for i in range(len(kept.operands))]

    def _back(self, k: int, linear: Linear, came: list[int], reached: list[int], again: bool) -> Any:
        def run(*xs: Any) -> list[Tensor]:
            first, second = len(self.types), len(self.types) + len(came)
            inputs, rest = xs[:first], xs[second:]
            if again:
                saved: Sequence[Any] = call(linear.forward, [*linear.captured, *inputs])[self.results :]
            else:
                saved = rest[: len(self.saved[0])] if k == 0 else rest[len(self.saved[0]) :]
            cotangents = dict(zip(came, xs[first:second], strict=True))
            made = dict(
                zip(linear.reached, call(linear.backward, _read(linear, inputs, saved, cotangents)), strict=True)
            )
            return [made[i] if i in made else zeros_like(inputs[i]) for i in reached]

        return run


def _bound(made: Made, params: dict[str, Any]) -> dict[str, Any]:
    return {key: made.given.bind(value) for key, value in params.items()}


def _is_smooth(type_: Type) -> bool:
    return isinstance(type_, TensorType) and type_.dtype.numpy.kind in "fcV"


# -- scan


class _Way(NamedTuple):
    """The way back through a scan from what is followed: the places of what it reaches, by kind."""

    linear: Linear
    carry: list[int]
    captured: list[int]
    rows: list[int]


class _Scan(OwnRule):
    """A scan that also stacks what its steps save, and the carry before each step."""

    def __init__(self, count: int, params: dict[str, Any], wanted: list[int]) -> None:
        graph: Graph = params["body"]
        self.given = params
        self.index = int(params["indexed"])
        self.carried = params["carried"]
        self.count = count
        self.last = count - params["scanned"]
        self.first = self.last - self.carried
        self.types = [v.type for v in graph.inputs]
        self.outputs = [as_value(v).type for v in graph.outputs]
        self.results = len(self.outputs)
        self.smooth = [j for j, t in enumerate(self.outputs) if _is_smooth(t)]
        # the carry may come to depend on what is wanted, wherever it begins
        self.carry = [k for k in range(self.carried) if k in self.smooth]
        self.captured = [i for i in wanted if i < self.first]
        self.rows = [i for i in wanted if i >= self.last]
        self.wanted = wanted
        need = [*self.captured, *[self.first + k for k in self.carry], *self.rows]
        fixed = range(self.index, self.index + self.first)
        self.linear = linearized(graph, [self.index + i for i in need], fixed)
        self.saved = [v.type for v in self.linear.saved]
        body = trace_plain(graph.name, self._ahead, self.types)
        self.params = {**params, "body": body.graph(behind=self.index)}
        self._outside = [t for t, _ in body.trace.captured]

    def operands(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*self._outside, *operands)

    def _ahead(self, *xs: Any) -> list[Tensor]:
        out = call(self.linear.forward, [*self.linear.captured, *xs])
        begin = self.index + self.first
        return [*out, *xs[begin : begin + self.carried]]

    def taken(self, taking: Taking) -> Callable[[Made], OwnRule]:
        """The same for the sizes of a call."""
        params = {key: taking.keeper.plain(value) for key, value in self.given.items()}
        count, wanted = self.count, self.wanted
        return lambda made: _Scan(count, _bound(made, params), wanted)

    def __call__(self, ctx: Context, *g: Tensor | None) -> list[Tensor | None]:
        kept = _Kept(ctx, g)
        ops, metas = kept.operands, metas_of(kept.node)
        stacks = self.results + len(self.saved)  # where the carries stand among the outputs
        ys = [j for j in self.smooth if j >= self.carried and g[j] is not None]
        more = [k for k in self.carry if g[stacks + k] is not None]
        way = self._way({k for k in self.carry if g[k] is not None or k in more}, ys)
        if not way.linear.reached:
            return [None] * len(ops)
        ends = [_filled(g[k], metas[k]) for k in way.carry]
        sums = [zeros_like(ops[i]) for i in way.captured]
        carries = [kept.output(stacks + k) for k in range(self.carried)]
        saved = [] if kept.keep else [kept.output(self.results + k) for k in range(len(self.saved))]
        rows = [*[g[j] for j in ys], *[g[stacks + k] for k in more], *carries, *ops[self.last :], *saved]
        types: list[Type] = [
            *self.types[: self.index + self.first],
            *map(type_of, [*ends, *sums]),
            *[TensorType(t.dtype, t.shape[1:]) for t in map(type_of, rows)],
        ]

        def step(*xs: Any) -> list[Tensor]:
            return self._step(xs, way, ys, more, kept.keep)

        body = trace_plain(self.linear.backward.name, step, types)
        outside = [t for t, _ in body.trace.captured]
        first = self.index + len(outside) + self.first + len(ends)
        graph, products = without_sums(body.graph(behind=self.index), first, len(sums), len(ends), first + len(sums))
        left = [k for k in range(len(sums)) if k not in products]
        params = {
            "body": graph,
            "carried": len(ends) + len(left),
            "scanned": len(rows),
            "length": self.given["length"],
            "reverse": not self.given["reverse"],
            "indexed": bool(self.index),
        }
        given = [*outside, *ops[: self.first], *ends, *[sums[k] for k in left], *rows]
        out = iter(apply(OPS["scan"], given, params))
        found: dict[int, Tensor] = {self.first + k: next(out) for k in way.carry}
        found |= {way.captured[k]: next(out) for k in left}
        found |= {i: next(out) for i in way.rows}
        factors = list(out)
        found |= {way.captured[k]: product.of(rows, factors) for k, product in products.items()}
        return [found.get(i) if i in self.wanted else None for i in range(len(ops))]

    def _way(self, came: set[int], ys: list[int]) -> _Way:
        """What is reached where cotangents come of some carries, after the last step or at any, and of some ys."""
        begin = self.index + self.first
        while True:
            linear = self.linear.towards([*came, *ys])
            back = {k for k in self.carry if begin + k in linear.reached} - came
            if not back:
                break
            came = came | back  # of the step before
        captured, rows = (
            [i for i in places if self.index + i in linear.reached] for places in (self.captured, self.rows)
        )
        return _Way(linear, [k for k in self.carry if k in came], captured, rows)

    def _step(self, xs: Sequence[Any], way: _Way, ys: list[int], more: list[int], again: bool) -> list[Tensor]:
        """One step back: cotangents of the carry before it, sums of those captured, those of its rows."""
        rest = iter(xs)
        front = [next(rest) for _ in range(self.index + self.first)]
        ends = [next(rest) for _ in way.carry]
        sums = [next(rest) for _ in way.captured]
        cotangents: dict[int, Any] = dict(zip(way.carry, ends, strict=True))
        cotangents |= {j: next(rest) for j in ys}
        extra = {k: next(rest) for k in more}
        inputs = [*front, *[next(rest) for _ in self.types[len(front) :]]]
        linear = way.linear
        saved = call(linear.forward, [*linear.captured, *inputs])[self.results :] if again else list(rest)
        made = dict(zip(linear.reached, call(linear.backward, _read(linear, inputs, saved, cotangents)), strict=True))
        out: list[Tensor] = []
        for k, end in zip(way.carry, ends, strict=True):
            back = made.get(self.index + self.first + k)
            back = zeros_like(end) if back is None else back
            out.append(back + extra[k] if k in extra else back)
        out += [total + made[self.index + i] for i, total in zip(way.captured, sums, strict=True)]
        out += [made[self.index + i] for i in way.rows]
        return out


# -- while


def _bounded(operands: tuple[Any, ...], params: dict[str, Any]) -> tuple[int, list[Any], dict[str, Any]]:
    """(where the carry begins, operands, params of the scan) of a loop with a limit: its carry begins with whether it
    still goes on.
    """
    test, body, carried = params["test"], params["body"], params["carried"]
    first = len(operands) - carried

    def step(*xs: Any) -> list[Tensor]:
        captured, going, carry = xs[:first], xs[first], xs[first + 1 :]
        going = logical_and(going, call(test, [*captured, *carry])[0])
        bodies = [
            trace_plain(body.name, lambda *xs: call(body, xs), [v.type for v in body.inputs]),
            trace_plain("done", lambda *xs: list(xs[first:]), [v.type for v in body.inputs]),
        ]
        given, (then, otherwise) = shared(bodies, [*captured, *carry])
        return [going, *apply(OPS["cond"], (going, *given), {"then": then, "otherwise": otherwise})]

    types: list[Type] = [v.type for v in body.inputs]
    types.insert(first, test.outputs[0].type)
    traced: Body = trace_plain(body.name, step, types)
    outside = [t for t, _ in traced.trace.captured]
    scan = {
        "body": traced.graph(),
        "carried": carried + 1,
        "scanned": 0,
        "length": params["limit"],
        "reverse": False,
        "indexed": False,
    }
    return len(outside) + first, [*outside, *operands], scan
