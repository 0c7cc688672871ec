"""A backward without some of its cotangents: absence spreads where zeros would have been multiplied."""

from __future__ import annotations

import numpy as np
import pytest

from lamella.graph import Graph, Marked, dce, interpret, parse, verify, without

HEAD = "graph b(%0: f64[2], %1: f64[2], %2: f64[2]) {\n"
SCAN = """graph step(%0: f64[], %1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[]) {
  %6: f64[] = mul(%1, %0)
  %7: f64[] = mul(%4, %4)
  %8: f64[] = add(%2, %7)
  %9: f64[] = add(%3, %5)
  return %6, %8, %9, %7
}"""
ORDER = "carried=3, scanned=2, length=2, reverse=False, indexed=False"

# body over two cotangents and a factor, and what the outputs are for factor f where only the second, h, comes
CASES = {
    "apart": ("  %3: f64[2] = mul(%0, %2)\n  %4: f64[2] = mul(%1, %1)\n  return %3, %4\n", lambda f, h: (None, h * h)),
    "sum": ("  %3: f64[2] = mul(%0, %2)\n  %4: f64[2] = add(%3, %1)\n  return %4\n", lambda f, h: (h,)),
    "sum with what is no cotangent": (
        "  %3: f64[2] = add(%0, %2)\n  %4: f64[2] = add(%1, %2)\n  return %3, %4\n",
        lambda f, h: (None, h + f),
    ),
    "zeros in another op": (
        "  %3: f64[2] = mul(%0, %2)\n  %4: f64[2] = sub(%1, %3)\n  %5: f64[4] = cat(%3, %1; dim=0)\n  return %4, %5\n",
        lambda f, h: (h, np.concatenate([0 * h, h])),
    ),
    "an input": ("  return %0, %1, %2\n", lambda f, h: (None, h, f)),
    "branches": (
        """  %3: bool[] = full(True; shape=(), dtype=bool)
  %4: f64[2], %5: f64[2], %6: f64[2] = cond(%3, %0, %1, %2; then=graph t(%0: f64[2], %1: f64[2], %2: f64[2]) {
    %3: f64[2] = mul(%0, %2)
    %4: f64[2] = add(%3, %1)
    return %3, %4, %3
  }, otherwise=graph o(%0: f64[2], %1: f64[2], %2: f64[2]) {
    %3: f64[2] = full(0.0; shape=(2,), dtype=f64)
    return %3, %0, %1
  })
  return %4, %5, %6
""",
        lambda f, h: (None, h, 0 * h),
    ),
    "steps": (
        """  %3: f64[] = full(0.0; shape=(), dtype=f64)
  %4: f64[] = full(1.5; shape=(), dtype=f64)
  %5: f64[] = sum(%0; dims=(0,), keepdim=False)
  %6: f64[], %7: f64[], %8: f64[], %9: f64[2] = scan(%4, %5, %3, %3, %0, %1; body=BODY, ORDER)
  return %6, %7, %8, %9
""",
        lambda f, h: (None, None, h.sum(), None),
    ),
}


def graph_of(name: str) -> Graph:
    graph = parse(HEAD + CASES[name][0].replace("BODY", SCAN).replace("ORDER", ORDER) + "}")
    verify(graph)
    return graph


@pytest.mark.parametrize("name", CASES)
def test_one_of_two_cotangents(name: str) -> None:
    graph = graph_of(name)
    found = without(graph, graph.inputs[:2], graph.inputs[:1])
    given = [v for v in found.outputs if v is not None]
    left = dce(found.replace(found.nodes, given))
    verify(left)
    f, h = np.array([np.inf, 2.0]), np.array([3.0, 4.0])
    out = iter(interpret(left)([np.full(2, np.nan), h, f]))
    got = [None if v is None else next(out) for v in found.outputs]
    want = CASES[name][1](f, h)
    assert [g is None for g in got] == [w is None for w in want]
    for g, w in zip(got, want, strict=True):
        if w is not None:
            np.testing.assert_array_equal(g, w)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_absent(name: str) -> None:
    graph = graph_of(name)
    assert without(graph, graph.inputs[:2], ()) == graph


def test_marks() -> None:
    graph = parse(
        HEAD + "  %3: f64[2] = copy(%0)\n  %4: f64[2] = copy(%1)\n  %5: f64[2] = mul(%3, %2)\n"
        "  %6: f64[2] = add(%5, %4)\n  %7: f64[2] = copy(%2)\n  return %6, %7\n}"
    )
    marks = Marked({3: (0, 1), 4: (0, 1)}, {7: (0,)})
    both = without(graph, graph.inputs[:2], (), marks)
    assert [node.op.name for node in both.nodes] == ["mul", "add"]
    assert both.outputs[1] is graph.inputs[2]
    second = without(graph, graph.inputs[:2], graph.inputs[:1], marks)
    assert [node.op.name for node in second.nodes] == ["full", "mul", "add"]  # its zeros meet the factor
    assert second.outputs[1] is None
    assert without(graph, graph.inputs[:2], graph.inputs[:2], marks).outputs == (None, None)
