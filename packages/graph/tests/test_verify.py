"""Graphs that break one rule each: the verifier names the rule, the node and its line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamella.graph import (
    Effect,
    Graph,
    GraphBuilder,
    GraphError,
    Node,
    ScalarType,
    TensorType,
    Value,
    parse,
    run_passes,
    to_text,
    verify,
)
from lamella.tensor.extend import OPS, Op, as_dtype

F32 = as_dtype("float32")
T23 = TensorType(F32, (2, 3))
T2 = TensorType(F32, (2,))
X = Value(0, T23)
S = Value(1, ScalarType("f64"))
B = Value(2, TensorType(as_dtype("bool"), (2, 3)))


def node(op: str, args: tuple[Any, ...], outputs: Any = T23, id: int = 10, **params: Any) -> Node:
    types = outputs if isinstance(outputs, list) else [outputs]
    return Node(OPS[op], args, params, tuple(Value(id + i, t) for i, t in enumerate(types)))


GOOD = node("exp", (X,))
OUT = GOOD.outputs[0]
SUM: dict[str, Any] = {"dims": (1,), "keepdim": False}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (node("exp", ()), "it has 0 operands, exp takes 1 (x)"),
        (node("add", (X,)), "it has 1 operands, add takes 2 (a, b)"),
        (node("cat", (), dim=0), "cat needs at least one operand"),
        (node("cat", (X, None), dim=0), "operand 1 (xs) is None, but it is not optional"),
        (node("add", (X, None)), "operand 1 (b) is None, but it is not optional"),
        (
            node("add", (X, np.float64(1))),
            "operand 1 is np.float64(1.0) of type float64; an operand is a value, a Python number or None",
        ),
        (node("add", (X, "1")), "operand 1 is '1' of type str"),
        (node("add", (X, 10**400)), "operand 1 is an int with too many digits"),
        (node("exp", (Value(7, T23),)), "%7 is used before it is defined"),
        (node("exp", (Value(0, T23),)), "%0 is used, but that id stands for another value"),
        (node("exp", (OUT,), id=OUT.id), "%10 is defined twice"),
        (node("exp", (X,), id=0), "%0 is defined twice"),
        (node("exp", (X,), id=-1), "the id of a value must be an int from 0 on, got -1"),
        (node("exp", (X,), dim=1), "its params are (dim), exp takes exactly ()"),
        (node("sum", (X,), T2, dims=(1,)), "its params are (dims), sum takes exactly (dims, keepdim)"),
        (node("sum", (X,), T2, dims=[1], keepdim=False), "param dims is [1] of type list; a param is None, bool, int"),
        (node("sum", (X,), T2, dims=(np.int64(1),), keepdim=False), "param dims is"),
        (node("sum", (X,), T23, **SUM), "%10 is declared f32[2, 3], the shape rule of sum gives f32[2]"),
        (
            node("sum", (X,), TensorType(as_dtype("float64"), (2,)), **SUM),
            "%10 is declared f64[2], the shape rule of sum gives f32[2]",
        ),
        (node("sum", (X,), ScalarType("f64"), **SUM), "%10 is declared f64, the shape rule of sum gives f32[2]"),
        (node("exp", (X,), [T23, T23]), "it has 2 outputs, its shape rule gives 1"),
        (node("exp", (X,), []), "it has 0 outputs, its shape rule gives 1"),
        (node("reshape", (X,), T2, shape=(7,)), "its shape rule refuses: cannot reshape"),
        (node("view_write", (X, X), chain=(("lice", 1),)), "its shape rule refuses: KeyError: 'lice'"),
        (
            node("full", (0,), shape=(2.5,), dtype=F32),
            "the shape rule of full gives what is no type: sizes in a graph are",
        ),
        (node("where", (X, X, X)), "its shape rule refuses: where needs a bool condition"),
        (node("scalar.add", (S, X), ScalarType("f64")), "its shape rule refuses: scalar.add takes host scalars"),
        (node("scalar.add", (S, 1), ScalarType("i64")), "%10 is declared i64, the shape rule of scalar.add gives f64"),
        (Node(OPS["exp"], (X,), {}, (Value(10, "f32"),)), "%10 has 'f32' for a type"),  # type: ignore[arg-type]
        (Node(OPS["exp"], (X,), {}, (Value(10, T23),), region=-1), "its region must be an int from 0 on, got -1"),
    ],
)
def test_bad_nodes(bad: Node, message: str) -> None:
    first = node("neg", (X,), id=20)
    defined = [first, GOOD] if "twice" in message and bad.args == (OUT,) else [first]
    with pytest.raises(GraphError) as caught:
        verify(Graph("bad", [X, S, B], [*defined, bad], [first.outputs[0]]))
    where = f"graph 'bad', node {len(defined)} (line {len(defined) + 2})"
    assert message in str(caught.value)
    assert str(caught.value).startswith(where)


def test_the_line_is_that_of_the_text() -> None:
    inputs = [Value(i, T23) for i in range(12)]  # a header over several lines
    graph = Graph("long", inputs, [node("exp", (inputs[0],), id=50), node("exp", (inputs[1],), T2, id=51)], [])
    with pytest.raises(GraphError) as caught:
        verify(graph)
    line = to_text(graph).splitlines().index("  %51: f32[2] = exp(%1)") + 1
    assert f"node 1 (line {line}), `%51: f32[2] = exp(%1)`" in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "effects", "message"),
    [
        ([Value(9, T23)], [], "output 0 (line 3): %9 is used before it is defined"),
        ([Value(10, T23)], [], "output 0 (line 3): %10 is used, but that id stands for another value"),
        ([None, (1,)], [], "output 1 (line 3): (1,) of type tuple is neither a value nor a Python constant"),
        (
            [],
            [Effect("write", OUT, OUT)],
            "effect 0 (line 4), `write %10 <- %10`: the target of a write must be an input",
        ),
        (
            [],
            [Effect("write", X, None)],
            "a write keeps the type of its tensor target, f32[2, 3], and the value is None",
        ),
        ([], [Effect("write", S, S)], "a write keeps the type of its tensor target, f64, and the value is f64"),
        ([], [Effect("write", X, B)], "and the value is bool[2, 3]"),
        ([], [Effect("write", "x", OUT)], "the target of a write must be an input"),
        (
            [],
            [Effect("write", X, OUT), Effect("write", X, X)],
            "effect 1 (line 5), `write %0 <- %0`: there are two effects 'write' on this target",
        ),
        ([], [Effect("grad", "grad[0]", S)], "a gradient is a tensor or None, got f64"),
        ([], [Effect("grad", "grad[0]", 1.0)], "a gradient is a tensor or None, got 1.0"),
        ([], [Effect("grad", X, OUT)], "the target of a 'grad' effect is a label"),
        (
            [],
            [Effect("state", "s", OUT)],
            "a state effect stores a host scalar or a constant, got a tensor of type f32[2, 3]",
        ),
        ([], [Effect("state", "s", Value(9, S.type))], "%9 is used before it is defined"),
        ([], [Effect("move", "s", S)], "'move' is not a kind of effect; the kinds are write, grad, state"),
    ],
)
def test_bad_results(outputs: list[Any], effects: list[Effect], message: str) -> None:
    with pytest.raises(GraphError) as caught:
        verify(Graph("bad", [X, S, B], [GOOD], outputs, effects))
    assert message in str(caught.value)


def test_good_results() -> None:
    effects = [
        Effect("write", X, OUT),
        Effect("grad", "g", OUT),
        Effect("grad", "h", None),
        Effect("state", "s", S),
        Effect("state", "t", 3),
    ]
    graph = Graph("good", [X, S, B], [GOOD], [OUT, X, None, 1, "s"], effects)
    assert verify(graph) is graph


def test_bad_inputs() -> None:
    with pytest.raises(GraphError, match="input 1: %0 is defined twice"):
        verify(Graph("bad", [X, Value(0, T2)], [], []))
    with pytest.raises(ValueError, match="1 inputs and 2 source labels"):
        Graph("bad", [X], [], [], (), ["a", "b"])


def test_an_op_that_is_not_registered() -> None:
    op = Op("graph.test.removed", "x", "elementwise")
    del OPS["graph.test.removed"]
    with pytest.raises(GraphError, match=r"its op is not the one that is registered as 'graph\.test\.removed'"):
        verify(Graph("bad", [X], [Node(op, (X,), {}, (Value(1, T23),))], []))


def test_an_op_without_a_shape_rule() -> None:
    op = Op("graph.test.shapeless", "x", "elementwise")
    try:
        with pytest.raises(GraphError, match=r"node 0 .*has no rule of kind 'shape'"):
            verify(Graph("bad", [X], [Node(op, (X,), {}, (Value(1, T23),))], []))
    finally:
        del OPS["graph.test.shapeless"]


def test_a_param_without_text_is_still_named() -> None:
    with pytest.raises(GraphError, match="no text: a graph cannot hold"):
        verify(Graph("bad", [X], [node("exp", (X,), dim=[1])], []))


def test_the_builder_checks_writes() -> None:
    builder = GraphBuilder("g")
    x, s = builder.input(T23), builder.input(ScalarType("f64"))
    for target, value in [(x, builder.input(T2)), (s, s)]:
        with pytest.raises(TypeError, match="a write keeps the type of its tensor target"):
            builder.write(target, value)


def test_run_passes_names_the_broken_pass() -> None:
    graph = parse("graph g(%0: f32[2]) {\n  %1: f32[2] = exp(%0)\n  return %1\n}\n")

    def forget(graph: Graph) -> Graph:
        return graph.replace([])

    with pytest.raises(GraphError, match="after pass 'forget': graph 'g', output 0"):
        run_passes(graph, [forget], verify=True)
    assert run_passes(graph, [forget]).nodes == ()
    with pytest.raises(GraphError, match=r"^graph 'g', output 0"):
        run_passes(forget(graph), [], verify=True)


@pytest.mark.parametrize("check", [verify, to_text, repr, str])
def test_long_chains_do_not_recurse(check: Callable[[Graph], Any]) -> None:
    builder = GraphBuilder("chain")
    x = builder.input(T23)
    for _ in range(5000):
        (x,) = builder.add(OPS["exp"], (x,), {}, (T23,))
    check(builder.build([x]))
