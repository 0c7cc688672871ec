"""Nodes that hold graphs: what they compute beside plain loops, what is refused, and what passes do inside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamella.graph import (
    GraphError,
    ParseError,
    bound,
    cse,
    dce,
    decompose,
    fold_scalars,
    interpret,
    parse,
    run_passes,
    to_text,
    verify,
)
from lamella.tensor.extend import OPS, MetaArray, rule

SCAN = """graph g(%0: f64[3], %1: f64[3], %2: f64[4, 3]) {{
  %3: f64[3], %4: f64[4, 3] = scan(%0, %1, %2; body=graph step(%0: f64[3], %1: f64[3], %2: f64[3]) {{
    %3: f64[3] = mul(%0, %1)
    %4: f64[3] = add(%3, %2)
    return %4, %3
  }}, carried=1, scanned=1, length=4, reverse={reverse}, indexed=False)
  return %3, %4
}}
"""


def scanned(w: Any, carry: Any, xs: Any, reverse: bool) -> tuple[Any, Any]:
    ys = np.empty_like(xs)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        ys[t] = w * carry
        carry = ys[t] + xs[t]
    return carry, ys


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_the_loop(reverse: bool) -> None:
    rng = np.random.default_rng(0)
    w, carry, xs = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(4, 3))
    found = interpret(verify(parse(SCAN.format(reverse=reverse))))([w, carry, xs])
    for ours, theirs in zip(found, scanned(w, carry, xs, reverse), strict=True):
        np.testing.assert_array_equal(ours, theirs)


WHILE = """graph g(%0: i64[], %1: f64[2], %2: i64[]) {
  %3: i64[], %4: f64[2] = while_loop(%2, %0, %1; test=graph test(%0: i64[], %1: i64[], %2: f64[2]) {
    %3: bool[] = lt(%1, %0)
    return %3
  }, body=graph body(%0: i64[], %1: i64[], %2: f64[2]) {
    %3: i64[] = add(%1, 1)
    %4: f64[2] = mul(%2, 2.0)
    return %3, %4
  }, carried=2, limit=None)
  return %3, %4
}
"""


@pytest.mark.parametrize("limit", [-1, 0, 1, 5])
def test_while_is_the_loop(limit: int) -> None:
    x = np.asarray([1.0, -3.0])
    count, y = interpret(verify(parse(WHILE)))([np.asarray(0), x, np.asarray(limit)])
    steps = max(limit, 0)
    assert int(count) == steps
    np.testing.assert_array_equal(y, x * 2.0**steps)
    assert not np.shares_memory(y, x)


@pytest.mark.parametrize(("limit", "steps"), [(0, 0), (2, 2), (7, 5)])
def test_a_loop_ends_at_its_limit(limit: int, steps: int) -> None:
    graph = verify(parse(WHILE.replace("limit=None", f"limit={limit}")))
    assert int(interpret(graph)([np.asarray(0), np.ones(2), np.asarray(5)])[0]) == steps


COND = """graph g(%0: bool[], %1: f64[2]) {
  %2: f64[2], %3: f64[2] = cond(%0, %1; then=graph yes(%0: f64[2]) {
    %1: f64[2] = exp(%0)
    return %1, %1
  }, otherwise=graph no(%0: f64[2]) {
    return %0, %0
  })
  return %2, %3
}
"""


@pytest.mark.parametrize("pred", [False, True])
def test_cond_takes_one_branch_and_gives_memory_of_its_own(pred: bool) -> None:
    x = np.asarray([0.5, 2.0])
    a, b = interpret(verify(parse(COND)))([np.asarray(pred), x])
    np.testing.assert_array_equal(a, np.exp(x) if pred else x)
    np.testing.assert_array_equal(a, b)
    assert not np.shares_memory(a, b)
    assert not np.shares_memory(a, x)


def test_a_body_of_numbers_gives_arrays_without_dims() -> None:
    text = """graph g(%0: f64[], %1: f64[3]) {
  %2: f64[], %3: f64[3] = scan(%0, %1; body=graph step(%0: f64[], %1: f64[]) {
    %2: f64[] = add(%0, %1)
    return %2, %2
  }, carried=1, scanned=1, length=3, reverse=False, indexed=False)
  return %2, %3
}
"""
    total, sums = interpret(verify(parse(text)))([np.asarray(1.0), np.asarray([1.0, 2.0, 3.0])])
    assert type(total) is np.ndarray
    assert float(total) == 7
    np.testing.assert_array_equal(sums, [2, 4, 7])


def test_no_step_gives_the_first_carry_in_fresh_memory() -> None:
    text = SCAN.format(reverse=False).replace("[4, 3]", "[0, 3]").replace("length=4", "length=0")
    carry = np.ones(3)
    last, ys = interpret(verify(parse(text)))([np.ones(3), carry, np.empty((0, 3))])
    np.testing.assert_array_equal(last, carry)
    assert not np.shares_memory(last, carry)
    assert ys.shape == (0, 3)


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (SCAN, "length=4", "length=5", "scan: xs 0 needs 5 rows along dim 0, got float64[4, 3]"),
        (SCAN, "length=4", "length=-1", "scan: length must be an int from 0 on, got -1"),
        (SCAN, "carried=1", "carried=3", "scan: 3 operands are fewer than carried + scanned"),
        (SCAN, "reverse=False", "reverse=0", "scan: reverse and indexed are bools, got 0"),
        (SCAN, "indexed=False", "indexed=True", "scan: body has 3 inputs for 4 operands"),
        (SCAN, "step(%0: f64[3]", "step(%0: f32[3]", "`%3: f64[3] = mul(%0, %1)`"),
        (SCAN, "return %4, %3\n  }", "return %2\n  }", "it has 2 outputs, its shape rule gives 1"),
        (SCAN, "return %4, %3\n  }", "return 1.0, %3\n  }", "scan: body: output 0 must be a tensor, got 1.0"),
        (SCAN, "return %4, %3\n  }", "return %4, %3\n    state n <- 1\n  }", "a graph inside a node has no effects"),
        (SCAN, "scan(%0, %1, %2;", "scan(%0, 1.0, %2;", "scan: body: input 1 is f64[3], its operand 1.0"),
        (WHILE, "return %3\n  }, body", "return %1\n  }, body", "while_loop: test must give one bool[], got i64[]"),
        (WHILE, "return %3, %4\n  }", "return %4, %3\n  }", "must give the types of the carry, i64[], f64[2], got"),
        (WHILE, "limit=None", "limit=-1", "while_loop: limit must be an int from 0 on, got -1"),
        (COND, "cond(%0, %1;", "cond(%1, %1;", "cond: pred must be a bool tensor without dims, got float64[2]"),
        (COND, "return %0, %0", "return %0", "must give the same types, then gives f64[2], f64[2], otherwise f64[2]"),
        (COND, "no(%0: f64[2])", "no(%0: f64[2], %1: f64[2])", "cond: otherwise has 2 inputs for 1 operands"),
        (COND, "otherwise=graph no", "other=graph no", "cond takes exactly (then, otherwise)"),
    ],
)
def test_what_the_verifier_refuses(text: str, old: str, new: str, message: str) -> None:
    text = text.format(reverse=False) if text is SCAN else text
    assert old in text
    with pytest.raises(GraphError) as error:
        verify(parse(text.replace(old, new)))
    assert message in str(error.value)


def test_a_param_that_is_no_graph_is_refused() -> None:
    text = "graph g(%0: bool[]) {\n  %1: f32[] = cond(%0; then=1, otherwise=2)\n  return %1\n}\n"
    with pytest.raises(GraphError, match="cond: then must be a graph, got int"):
        verify(parse(text))


def test_a_line_inside_is_named() -> None:
    text = SCAN.format(reverse=False).replace("%4: f64[3] = add(%3, %2)", "%4: f64[4] = add(%3, %2)")
    with pytest.raises(
        GraphError, match=r"node 0 \(line 2\), `%3: f64\[3\], .*param body: graph 'step', node 1 \(line 3\)"
    ):
        verify(parse(text))
    later = text.replace("  return %3, %4\n}\n", "  %9: f64[3] = exp(%8)\n  return %9\n}\n").replace(
        "f64[4] =", "f64[3] ="
    )
    with pytest.raises(ParseError, match="line 7, column 20: %8 is used before"):
        parse(later)


def test_a_body_sees_its_own_values_only() -> None:
    text = SCAN.format(reverse=False).replace("add(%3, %2)", "add(%3, %7)")
    with pytest.raises(ParseError, match="%7 is used before it is defined"):
        parse(text)


def test_graphs_nest_up_to_a_limit() -> None:
    head = "graph g(%0: bool[]) { %1: f32[] = cond(%0; then="
    with pytest.raises(ParseError, match="graphs nest at most 32 deep"):
        parse(head * 40)


def test_a_length_known_by_name() -> None:
    text = SCAN.format(reverse=False).replace("[4, 3]", "[n0, 3]").replace("length=4", "length=n0")
    graph = parse(text)
    assert to_text(graph) == text
    w, carry, xs = np.ones(3), np.ones(3), np.ones((6, 3))
    found = interpret(verify(bound(graph, {"n0": 6})))([w, carry, xs])
    np.testing.assert_array_equal(found[1], scanned(w, carry, xs, False)[1])
    with pytest.raises(GraphError, match="scan: xs 0 needs 5 rows along dim 0"):
        verify(bound(parse(text.replace("length=n0", "length=n1")), {"n0": 6, "n1": 5}))


def test_equal_bodies_are_equal_nodes() -> None:
    lines = SCAN.format(reverse=False).splitlines()
    twice = [*lines[:6], *[line.replace("  %3: f64[3], %4", "  %5: f64[3], %6") for line in lines[1:6]]]
    graph = parse("\n".join([*twice, "  %7: f64[4, 3] = add(%4, %6)", "  return %7", "}", ""]))
    assert graph.nodes[0].params["body"] == graph.nodes[1].params["body"]
    assert len(run_passes(graph, [cse], verify=True).nodes) == 2


def test_a_value_is_stacked_once() -> None:
    text = SCAN.format(reverse=False).replace("[4, 3] = scan", "[4, 3], %5: f64[4, 3] = scan")
    text = text.replace("return %4, %3\n  }", "return %4, %3, %3\n  }")
    twice = text.replace("  return %3, %4\n}\n", "  %6: f64[4, 3] = add(%4, %5)\n  return %6\n}\n")
    graph = run_passes(parse(twice), [cse, dce], verify=True)
    assert len(graph.nodes[0].outputs) == 2
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=3), rng.normal(size=3), rng.normal(size=(4, 3))]
    np.testing.assert_array_equal(interpret(graph)(inputs)[0], interpret(parse(twice))(inputs)[0])
    # two results of the program stay two arrays
    both = parse(text.replace("  return %3, %4\n}\n", "  return %4, %5\n}\n"))
    a, b = interpret(run_passes(both, [cse, dce], verify=True))(inputs)
    assert not np.shares_memory(a, b)
    same = parse(COND.replace("  return %2, %3\n}\n", "  %4: f64[2] = add(%2, %3)\n  return %4\n}\n"))
    assert len(run_passes(same, [cse, dce], verify=True).nodes[0].outputs) == 1


def test_cse_and_folding_go_inside() -> None:
    text = """graph g(%0: f64[4, 3]) {
  %1: f64[4, 3] = scan(%0; body=graph step(%0: i64, %1: f64[3]) {
    %2: f64[3] = exp(%1)
    %3: f64[3] = exp(%1)
    %4: f64[3] = add(%2, %3)
    %5: i64 = scalar.add(1, 2)
    %6: f64[3] = mul(%4, %5)
    return %6
  }, carried=0, scanned=1, length=4, reverse=False, indexed=True)
  return %1
}
"""
    graph = run_passes(parse(text), [cse, fold_scalars, dce], verify=True)
    assert [n.op.name for n in graph.nodes[0].params["body"].nodes] == ["exp", "add", "mul"]
    assert graph.nodes[0].params["indexed"] is False
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(interpret(graph)([x])[0], interpret(parse(text))([x])[0])


def test_decompose_goes_inside() -> None:
    graph = decompose(parse((Path(__file__).parent / "golden" / "control.graph").read_text("ascii")))
    verify(graph)
    names = {node.op.name for region in graph.regions() for node in region.nodes}
    assert "softmax" not in names
    assert {"exp", "cond"} <= names


PRUNED = """graph g(%0: f64[3], %1: f64[4, 3], %2: f64[4, 3]) {{
  %3: f64[3], %4: f64[3], %5: f64[3], %6: f64[4, 3], %7: f64[4, 3] = scan(%0, %0, %0, %0, %1, %2; body=graph step(
    %0: f64[3],
    %1: f64[3],
    %2: f64[3],
    %3: f64[3],
    %4: f64[3],
    %5: f64[3]
  ) {{
    %6: f64[3] = add(%1, %4)
    %7: f64[3] = mul(%2, %6)
    %8: f64[3] = mul(%3, %5)
    %9: f64[3] = mul(%8, %0)
    return %6, %7, %8, %7, %9
  }}, carried=3, scanned=2, length=4, reverse=False, indexed=False)
  return {returned}
}}
"""


@pytest.mark.parametrize(
    ("returned", "carried", "scanned", "operands"),
    [
        ("%3", 1, 1, 2),  # a carry alone
        ("%4", 2, 1, 3),  # a carry that reads another
        ("%6", 2, 1, 3),  # a stacked result that reads both
        ("%7", 1, 1, 3),  # the third carry, what is captured, and the other xs
        ("%3, %7", 2, 2, 5),
        ("%3, %4, %5, %6, %7", 3, 2, 6),
    ],
)
def test_dce_drops_what_no_needed_result_reads(returned: str, carried: int, scanned: int, operands: int) -> None:
    graph = parse(PRUNED.format(returned=returned))
    after = run_passes(graph, [dce], verify=True)
    (node,) = after.nodes
    assert (node.params["carried"], node.params["scanned"], len(node.args)) == (carried, scanned, operands)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))]
    for a, b in zip(interpret(after)(inputs), interpret(graph)(inputs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_dce_keeps_what_decides_a_loop() -> None:
    graph = run_passes(parse(WHILE.replace("  return %3, %4\n}\n", "  return %3\n}\n")), [dce], verify=True)
    assert graph.nodes[0].params["carried"] == 1
    graph = run_passes(parse(WHILE.replace("  return %3, %4\n}\n", "  return %4\n}\n")), [dce], verify=True)
    assert graph.nodes[0].params["carried"] == 2
    assert to_text(graph) == to_text(parse(to_text(graph)))


def test_dce_narrows_both_branches() -> None:
    graph = run_passes(parse(COND.replace("  return %2, %3\n}\n", "  return %3\n}\n")), [dce], verify=True)
    assert len(graph.nodes[0].outputs) == 1
    text = COND.replace("return %0, %0", "%1: f64[2] = full(0.0; shape=(2,), dtype=f64)\n    return %1, %1")
    text = text.replace("%1: f64[2] = exp(%0)", "%1: f64[2] = full(1.0; shape=(2,), dtype=f64)")
    assert len(run_passes(parse(text), [dce], verify=True).nodes[0].args) == 1


@pytest.mark.parametrize(
    ("text", "flops"),
    [(SCAN.format(reverse=False), 4 * (3 + 3)), (WHILE, 1 + 1 + 2), (COND, 2)],
    ids=["a scan: all steps", "a loop: one step", "a cond: the dearer branch"],
)
def test_costs(text: str, flops: int) -> None:
    (node,) = parse(text).nodes
    exp = rule(OPS["exp"], "cost")(MetaArray((1,), np.dtype(np.float64)))[0]
    found = rule(node.op, "cost")(**node.params)[0]
    assert found == (flops * exp if node.op.name == "cond" else flops)
