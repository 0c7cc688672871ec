"""What lies between a forward and its backward: fewer bytes for a higher price, and the same bits for any price."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from lamella.graph import (
    Graph,
    GraphBuilder,
    TensorType,
    Value,
    infer_types,
    interpret,
    live_bytes,
    parse,
    partition,
    rematerialize,
    size_bytes,
    verify,
)
from lamella.tensor.extend import OPS, as_dtype

F64 = as_dtype("float64")
SQUARE = TensorType(F64, (3, 3))
UNARY = ("neg", "exp", "tanh", "abs", "copy", "permute", "sum")


def add(builder: GraphBuilder, name: str, *args: Any, **params: Any) -> Any:
    return builder.add(OPS[name], args, params, infer_types(OPS[name], args, params))[0]


@st.composite
def pairs(draw: Any) -> tuple[Graph, Graph, int]:
    """A forward over two inputs and a number, and a backward that reads some of its values."""
    builder = GraphBuilder("forward")
    values = [builder.input(SQUARE), builder.input(SQUARE)]
    number = builder.input(parse("graph s(%0: f64) {\n return\n}").inputs[0].type)
    for name in draw(st.lists(st.sampled_from([*UNARY, "add", "mul", "matmul", "rand", "scaled"]), max_size=14)):
        x, y = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        if name == "permute":
            values.append(add(builder, "permute", x, dims=(1, 0)))
        elif name == "sum":
            values.append(add(builder, "expand", add(builder, "sum", x, dims=(0,), keepdim=True), shape=(3, 3)))
        elif name == "rand":
            values.append(add(builder, "rand", 3, 7, shape=(3, 3), dtype=F64))
        elif name == "scaled":
            values.append(add(builder, "mul", x, number))
        elif name in UNARY:
            values.append(add(builder, name, x))
        else:
            values.append(add(builder, name, x, y))
    outputs = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2))
    kept: list[Value] = draw(st.lists(st.sampled_from([*values, number]), max_size=5, unique=True))
    if draw(st.booleans()):
        builder.write(values[0], draw(st.sampled_from(values)))
    forward = builder.build([*outputs, *kept])
    later = GraphBuilder("backward")
    total = later.input(SQUARE)
    for v in kept:
        x = later.input(v.type)
        total = add(later, "add", add(later, "mul", total, x), x)
    return forward, later.build([total]), len(outputs)


def run(forward: Graph, backward: Graph, outputs: int) -> list[Any]:
    rng = np.random.default_rng(0)
    found = interpret(forward)([rng.standard_normal((3, 3)), rng.standard_normal((3, 3)), 0.5])
    held = found[outputs : len(forward.outputs)]
    results = [*found[:outputs], *found[len(forward.outputs) :]]
    return [*results, *interpret(backward)([np.ones((3, 3)), *held])]


@given(pairs(), st.sampled_from([0.01, 1.0, 50.0, 1e9]))
@settings(max_examples=200, deadline=None)
def test_any_price_gives_the_same_bits(pair: tuple[Graph, Graph, int], worth: float) -> None:
    forward, backward, outputs = pair
    less, more = partition(forward, backward, outputs, worth)
    verify(less)
    verify(more)
    for a, b in zip(run(less, more, outputs), run(forward, backward, outputs), strict=True):
        assert a.tobytes() == b.tobytes()
    read = {v for v in forward.outputs[outputs:] if isinstance(v, Value)}
    reachable = {*forward.inputs, *forward.outputs[:outputs], *[e.value for e in forward.effects]}
    kept = {v for v in less.outputs[outputs:] if isinstance(v, Value)}
    # what the caller may write to in between is not relied on, unless the backward reads it anyway
    assert not (kept & reachable) - read
    assert not any(n.op.name == "rand" for n in more.nodes)


CHAIN = """graph g(%0: f32[64, 64], %1: f32[64, 64]) {
  %2: f32[64, 64] = matmul(%0, %1)
  %3: f32[64, 64] = mul(%2, 2.0)
  %4: bool[64, 64] = gt(%3, 0.0)
  %5: f32[64, 64] = where(%4, %3, 0.0)
  %6: f32[64, 64] = exp(%5)
  %7: f32[64, 64] = matmul(%6, %1)
  return %7, %3, %4, %5, %6
}
"""
LATER = """graph b(%0: f32[64, 64], %1: f32[64, 64], %2: bool[64, 64], %3: f32[64, 64], %4: f32[64, 64]) {
  %5: f32[64, 64] = mul(%0, %4)
  %6: f32[64, 64] = where(%2, %5, 0.0)
  %7: f32[64, 64] = mul(%6, %3)
  %8: f32[64, 64] = mul(%7, %1)
  return %8
}
"""


@pytest.mark.parametrize(
    ("worth", "kept", "again"),
    [
        (0.01, 4, []),  # memory is nearly free
        (1.0, 2, ["gt", "where"]),  # casts, masks and cheap steps; not the polynomial
        (50.0, 1, ["gt", "where", "exp"]),
    ],
)
def test_a_higher_price_keeps_less(worth: float, kept: int, again: list[str]) -> None:
    forward, backward = partition(parse(CHAIN), parse(LATER), 1, worth)
    assert len(forward.outputs) == 1 + kept
    assert sorted(n.op.name for n in backward.nodes if n.region) == sorted(again)


def test_the_inputs_of_the_forward_are_not_relied_on() -> None:
    forward, backward = partition(parse(CHAIN), parse(LATER), 1, 1e9)
    # to compute the product again it would have to keep %0 and %1, which the caller may write to
    assert [v.id for v in forward.outputs[1:]] == [3]
    assert "matmul" not in [n.op.name for n in backward.nodes]


@pytest.mark.parametrize(("segments", "most"), [(1, 1.01), (2, 0.9), (4, 0.65)])
def test_a_chain_in_segments_needs_less_at_its_peak(segments: int, most: float) -> None:
    builder = GraphBuilder("step")
    x = builder.input(TensorType(as_dtype("float32"), (100, 100)))
    made = [x]
    for _ in range(12):
        made.append(add(builder, "tanh", add(builder, "mul", made[-1], 0.5)))
    g = made[-1]
    for h in reversed(made[1:]):
        g = add(builder, "mul", g, h)
    graph = builder.build([g])
    found = verify(rematerialize(graph, 64.0, segments))
    assert max(live_bytes(found)) < most * max(live_bytes(graph))
    value = np.random.default_rng(0).standard_normal((100, 100)).astype(np.float32)
    assert interpret(found)([value])[0].tobytes() == interpret(graph)([value])[0].tobytes()


def test_bytes() -> None:
    graph = parse(CHAIN)
    assert [size_bytes(v) for v in graph.inputs] == [16384, 16384]
    assert live_bytes(graph)[0] == 16384
    assert live_bytes(graph)[-1] == 4 * 16384 + 4096  # all but the first product, which is read no more
