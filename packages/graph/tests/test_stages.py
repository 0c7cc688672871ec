"""Graphs in which a number comes out of a tensor, by an executor that has no such op: the same as the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamella.graph import Graph, interpret, parse, staged, verify

X = np.arange(1.0, 7.0).reshape(2, 3)
SUM = "f64[] = sum({}; dims=(0, 1), keepdim=False)"
PROGRAMS = {
    "returned": (f"  %2: {SUM.format('%0')}\n  %3: f64 = scalar.item(%2)\n  return %3, %2\n", 1),
    "arithmetic after the last kernel": (
        f"  %2: {SUM.format('%0')}\n  %3: f64 = scalar.item(%2)\n  %4: f64 = scalar.mul(%3, %1)\n"
        "  %5: bool = scalar.gt(%4, 3)\n  return %5, 7, None\n  state n <- %4\n",
        1,
    ),
    "a factor": (
        f"  %2: {SUM.format('%0')}\n  %3: f64 = scalar.item(%2)\n  %4: f64[2, 3] = mul(%0, %3)\n  return %4\n",
        2,
    ),
    "two in a row": (
        f"  %2: {SUM.format('%0')}\n  %3: f64 = scalar.item(%2)\n  %4: f64[2, 3] = mul(%0, %3)\n"
        f"  %5: {SUM.format('%4')}\n  %6: f64 = scalar.item(%5)\n  %7: f64 = scalar.add(%6, %3)\n"
        "  %8: f64[2, 3] = add(%4, %7)\n  return %8, %6\n  write %0 <- %8\n  state n <- %7\n",
        3,
    ),
    "of an input": ("  %2: f64[] = reshape(%0; shape=())\n  %3: f64 = scalar.item(%2)\n  return %3\n", 1),
    "effects without the number": (
        f"  %2: {SUM.format('%0')}\n  %3: f64 = scalar.item(%2)\n  %4: f64[2, 3] = neg(%0)\n  return %3\n"
        "  write %0 <- %4\n  grad w <- %4\n  grad b <- None\n  state n <- %1\n",
        1,
    ),
    "unused": (f"  %2: {SUM.format('%0')}\n  %3: f64 = scalar.item(%2)\n  %4: f64[2, 3] = neg(%0)\n  return %4\n", 1),
}


def without_items(graph: Graph) -> Any:
    assert not [n for n in verify(graph).nodes if n.op.name == "scalar.item"]
    COMPILED.append(graph)
    return interpret(graph)


COMPILED: list[Graph] = []


@pytest.mark.parametrize("name", PROGRAMS)
def test_stages_compute_what_the_graph_does(name: str) -> None:
    body, stages = PROGRAMS[name]
    x = X[:1, :1] if name == "of an input" else X
    shape = "f64[1, 1]" if name == "of an input" else "f64[2, 3]"
    graph = verify(parse(f"graph g(%0: {shape} from x, %1: f64 from lr) {{\n{body}}}\n"))
    COMPILED.clear()
    got, expected = staged(graph, without_items)([x, 0.5]), interpret(graph)([x, 0.5])
    assert len(COMPILED) == stages
    for stage in COMPILED:
        twice = {effect.value for effect in stage.effects} & set(stage.outputs)
        assert twice <= set(graph.outputs), "what is only an effect may be written over its input"
    assert [type(v) for v in got] == [type(v) for v in expected]
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b) if b is not None else None
    changed = np.asarray(x)
    assert not any(isinstance(v, np.ndarray) and np.shares_memory(v, changed) for v in got[len(graph.outputs) :])


def test_a_graph_without_items_is_compiled_whole() -> None:
    graph = parse("graph g(%0: f64[2]) {\n  %1: f64[2] = neg(%0)\n  return %1\n}\n")
    assert staged(graph, lambda g: g) is graph


def test_a_wrong_number_of_inputs_is_named() -> None:
    graph = parse(
        f"graph g(%0: f64[2, 3]) {{\n  %2: {SUM.format('%0')}\n  %3: f64 = scalar.item(%2)\n  return %3\n}}\n"
    )
    with pytest.raises(ValueError, match="takes 1 inputs, got 2"):
        staged(graph, interpret)([X, X])
