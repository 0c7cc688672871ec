"""Composites become their bodies, with the region and source of the node, or are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.graph import GraphError, cse, decompose, interpret, parse, run_passes, to_text, verify
from lamella.tensor.extend import OPS, MetaArray, Op, SymScalar, dispatch, register_rules, tls

NAME = "graph.test.composite"


@pytest.fixture
def composite() -> Iterator[Any]:
    """Registers a unit composite over `signature` whose first output has the type of its first operand."""

    def register(body: Any, signature: str = "x", shape: Any = None) -> None:
        Op(NAME, signature, "opaque", body=body, unit=True)
        register_rules("shape", {NAME: shape or (lambda x, *_, **__: MetaArray(x.shape, x.dtype))})

    yield register
    OPS.pop(NAME, None)


def graph(body: str, head: str = "%0: f32[2, 3]") -> Any:
    return parse(f"graph g({head}) {{\n{body}}}\n")


def ops(g: Any) -> list[str]:
    return [node.op.name for node in g.nodes]


def test_nodes_keep_region_and_source() -> None:
    g = graph("  %1: f32[2, 3] = softmax(%0; dim=1) region 3   # m.py:4\n  return %1\n")
    expanded = run_passes(g, [decompose], verify=True)
    assert ops(expanded) == ["amax", "sub", "exp", "sum", "div"]
    assert {(n.region, n.source) for n in expanded.nodes} == {(3, ("m.py", 4))}
    assert parse(to_text(expanded)) == expanded


def test_only_what_is_asked_for_expands() -> None:
    g = graph("  %1: f32[2, 3] = softmax(%0; dim=1)\n  %2: f32[2, 3] = log_softmax(%1; dim=1)\n  return %2\n")
    half = verify(decompose(g, lambda node: node.op.name == "softmax"))
    assert ops(half)[-1] == "log_softmax"
    assert "softmax" not in ops(half)
    assert decompose(g, lambda _: False) is g


def test_uses_behind_the_node_and_effects_follow() -> None:
    g = graph(
        "  %1: f32[2, 3] = softmax(%0; dim=1)\n  %2: f32[2, 3] = neg(%1)\n"
        "  return %2, %1\n  write %0 <- %1\n  grad g <- %1\n"
    )
    expanded = run_passes(g, [decompose], verify=True)
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    for a, b in zip(interpret(g)([x]), interpret(expanded)([x]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_dropout_masks_are_bit_equal() -> None:
    g = graph(
        "  %3: f32[64], %4: bool[64] = dropout(%0, %1, %2; p=0.5)\n  return %3, %4\n", "%0: f32[64], %1: i64, %2: i64"
    )
    inputs = [np.ones(64, np.float32), 7, 1000]
    for a, b in zip(interpret(g)(inputs), interpret(decompose(g))(inputs), strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_interpreter_runs_the_body_where_there_is_no_kernel(composite: Any) -> None:
    def body(x: Any, scale: Any, *, power: int) -> Any:
        return dispatch(OPS["softmax"], (x * (scale * 2 + power),), {"dim": 1})  # a unit of its own inside

    composite(body, "x, scale; power")
    g = graph(f"  %2: f32[2, 3] = {NAME}(%0, %1; power=3)\n  return %2\n", "%0: f32[2, 3], %1: f64")
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    [found] = interpret(verify(g))([x, 0.5])
    np.testing.assert_allclose(found, lt.softmax(lt.from_numpy(x) * 4.0, dim=1).numpy(), rtol=1e-6)
    expanded = run_passes(g, [decompose], verify=True)
    assert ops(expanded)[:3] == ["scalar.mul", "scalar.add", "mul"]
    assert NAME not in ops(expanded)
    assert "softmax" not in ops(expanded)


def test_an_operand_that_is_returned_is_copied(composite: Any) -> None:
    composite(lambda x: x)
    expanded = run_passes(graph(f"  %1: f32[2, 3] = {NAME}(%0)\n  return %1\n"), [decompose, cse], verify=True)
    assert ops(expanded) == ["copy"]
    x = np.ones((2, 3), np.float32)
    assert not np.shares_memory(interpret(expanded)([x])[0], x)


OUTSIDE = lt.ones(2, 3)


def branch(x: Any, s: Any) -> Any:
    return x if s > 1 else -x


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (branch, "needs the value of a scalar operand"),
        (lambda x, _: x * x.sum().item(), "needs the values of a tensor"),
        (lambda x, _: x + lt.tensor([1.0, 2.0, 3.0]), "makes a tensor of values, which a graph does not hold"),
        (lambda x, _: x.add_(1.0), "writes a tensor in place"),
        (lambda x, _: x * lt.rand(2, 3), "draws from a generator"),
        (lambda x, _: x + OUTSIDE, "reads a tensor that is not one of its operands"),
    ],
    ids=["branch", "item", "tensor", "in place", "rand", "outside"],
)
def test_bodies_that_cannot_be_a_graph_are_refused(composite: Any, body: Any, message: str) -> None:
    composite(body, "x, s")
    g = graph(f"  %2: f32[2, 3] = {NAME}(%0, %1)\n  return %2\n", "%0: f32[2, 3], %1: f64")
    with pytest.raises(GraphError, match=f"the body of {NAME} cannot be expanded: it {message}"):
        decompose(g)
    assert tls.trace is None
    assert not isinstance(lt.ones(1) + 1, SymScalar)


def test_a_body_that_breaks_its_shape_rule_is_named(composite: Any) -> None:
    composite(lambda x: x.sum(dim=1))
    with pytest.raises(GraphError, match=rf"the body of {NAME} gives f32\[2\] where the op gives f32\[2, 3\]"):
        decompose(graph(f"  %1: f32[2, 3] = {NAME}(%0)\n  return %1\n"))


def test_bodies_do_not_see_modes_around_the_pass() -> None:
    g = graph("  %1: f32[2, 3] = softmax(%0; dim=1)\n  return %1\n")
    expected = ops(decompose(g))
    with lt.no_grad():
        assert ops(decompose(g)) == expected
        assert not lt.is_grad_enabled()
    g = graph("  %2: f32[2, 4] = linear(%0, %1, None)\n  return %2\n", "%0: f32[2, 3], %1: f32[4, 3]")
    text = str(decompose(g))
    with lt.autocast("cpu", lt.bfloat16):
        assert str(decompose(g)) == text, "what the op was given is cast already"
        assert tls.autocast is not None
