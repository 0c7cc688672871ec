"""What each pass removes and what it must leave; the law that no pass changes a bit of what a run returns, on random
graphs.
"""

from __future__ import annotations

import sys
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from lamella.graph import (
    Graph,
    GraphBuilder,
    TensorType,
    canonicalize,
    cse,
    dce,
    fold_constants,
    fold_scalars,
    infer_types,
    interpret,
    join_pads,
    parse,
    rematerialize,
    run_passes,
    simplify,
    to_text,
)
from lamella.tensor.extend import OPS, as_dtype


def after(pass_: Any, body: str, head: str = "%0: f32[4], %1: f32[4], %2: f64, %3: i64") -> str:
    graph = run_passes(parse(f"graph g({head}) {{\n{body}}}\n"), [pass_], verify=True)
    return "".join(line + "\n" for line in to_text(graph).splitlines()[1:-1])


UNCHANGED = ""


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = neg(%4)\n  return %0\n", "  return %0\n", id="a dead chain goes"
        ),
        pytest.param("  %4: f32[4] = exp(%0)\n  return\n  write %0 <- %4\n", UNCHANGED, id="a write keeps its value"),
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  return\n  grad grad[0] <- %4\n", UNCHANGED, id="a gradient keeps its value"
        ),
        pytest.param(
            "  %4: i64 = scalar.add(%3, 1)\n  return\n  state n <- %4\n", UNCHANGED, id="a state keeps its value"
        ),
        pytest.param("  return\n  write %0 <- %0\n", UNCHANGED, id="effects stay, they are the signature"),
        pytest.param(
            "  %4: f64[2, 3], %5: f64[2, 1], %6: f64[2, 1] = layer_norm(%0, None, None; ndims=1, eps=1e-05)\n"
            "  return %6\n",
            UNCHANGED,
            id="one live output keeps a node",
        ),
    ],
)
def test_dce(before: str, expected: str) -> None:
    head = "%0: f64[2, 3]" if "layer_norm" in before else "%0: f32[4], %1: f32[4], %2: f64, %3: i64"
    assert after(dce, before, head) == (expected or before)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = exp(%0)\n  %6: f32[4] = add(%4, %5)\n  return %6\n",
            "  %4: f32[4] = exp(%0)\n  %6: f32[4] = add(%4, %4)\n  return %6\n",
            id="equal nodes merge",
        ),
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = exp(%0)\n  %6: f32[4] = neg(%4)\n  %7: f32[4] = neg(%5)\n"
            "  %8: f32[4] = mul(%6, %7)\n  return %8\n",
            "  %4: f32[4] = exp(%0)\n  %6: f32[4] = neg(%4)\n  %8: f32[4] = mul(%6, %6)\n  return %8\n",
            id="chains merge",
        ),
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = exp(%0) region 1\n  %6: f32[4] = exp(%0) region 1\n"
            "  %7: f32[4] = mul(%4, %5)\n"
            "  %8: f32[4] = mul(%7, %6)\n  return %8\n",
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = exp(%0) region 1\n  %7: f32[4] = mul(%4, %5)\n"
            "  %8: f32[4] = mul(%7, %5)\n  return %8\n",
            id="regions do not merge with each other",
        ),
        pytest.param(
            "  %4: f32[4] = rand(%3, 0; shape=(4,), dtype=f32)\n  %5: f32[4] = rand(%3, 0; shape=(4,), dtype=f32)\n"
            "  %6: f32[4] = rand(%3, 4; shape=(4,), dtype=f32)\n  %7: f32[4] = mul(%4, %5)\n"
            "  %8: f32[4] = mul(%7, %6)\n  return %8\n",
            "  %4: f32[4] = rand(%3, 0; shape=(4,), dtype=f32)\n"
            "  %6: f32[4] = rand(%3, 4; shape=(4,), dtype=f32)\n  %7: f32[4] = mul(%4, %4)\n"
            "  %8: f32[4] = mul(%7, %6)\n  return %8\n",
            id="randomness is a function of seed and offset",
        ),
        pytest.param(
            "  %4: f32[4] = mul(%0, 0.0)\n  %5: f32[4] = mul(%0, -0.0)\n  %6: f32[4] = mul(%0, 0)\n"
            "  %7: f32[4] = mul(%0, False)\n"
            "  %8: f32[4] = cat(%4, %5, %6, %7; dim=0)\n  return %8\n".replace("%8: f32[4]", "%8: f32[16]"),
            UNCHANGED,
            id="constants are the same only when exact",
        ),
        pytest.param(
            "  %4: f32[] = sum(%0; dims=(0,), keepdim=False)\n  %5: f32[1] = sum(%0; dims=(0,), keepdim=True)\n"
            "  %6: f32[1] = add(%4, %5)\n  return %6\n",
            UNCHANGED,
            id="params tell nodes apart",
        ),
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = exp(%0)\n  return %4, %5\n",
            UNCHANGED,
            id="two results stay two arrays",
        ),
        pytest.param(
            "  %4: f32[4] = copy(%0)\n  %5: f32[4] = copy(%0)\n  return %4\n  write %1 <- %5\n",
            UNCHANGED,
            id="a result and an effect stay two arrays",
        ),
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[2, 2] = reshape(%4; shape=(2, 2))\n  %6: f32[4] = exp(%0)\n"
            "  %7: f32[4] = permute(%6; dims=(0,))\n  return %5, %7\n",
            UNCHANGED,
            id="nor do they meet through views",
        ),
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = neg(%4)\n  %6: f32[4] = exp(%0)\n  return %5, %6\n",
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = neg(%4)\n  return %5, %4\n",
            id="one result may be an intermediate",
        ),
        pytest.param(
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = neg(%4)\n  %6: f32[4] = exp(%0)\n  %7: f32[4] = exp(%0)\n"
            "  return %5, %6, %7\n",
            "  %4: f32[4] = exp(%0)\n  %5: f32[4] = neg(%4)\n  %7: f32[4] = exp(%0)\n  return %5, %4, %7\n",
            id="but only once",
        ),
        pytest.param(
            "  %4: f64 = scalar.mul(%2, 2)\n  %5: f64 = scalar.mul(%2, 2.0)\n  return %4, %5\n",
            UNCHANGED,
            id="int and float differ",
        ),
    ],
)
def test_cse(before: str, expected: str) -> None:
    assert after(cse, before) == (expected or before)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(
            "  %4: i64 = scalar.add(2, 3)\n  %5: i64 = scalar.mul(%4, %4)\n  %6: f32[4] = mul(%0, %5)\n"
            "  return %6, %5\n  state n <- %4\n",
            "  %6: f32[4] = mul(%0, 25)\n  return %6, 25\n  state n <- 5\n",
            id="constants go on",
        ),
        pytest.param(
            "  %4: f64 = scalar.min(1, 2.0)\n  return %4\n", "  return 1.0\n", id="a result has its declared kind"
        ),
        pytest.param("  %4: f64 = scalar.div(1, 0)\n  return %4\n", UNCHANGED, id="what raises stays"),
        pytest.param("  %4: f64 = scalar.log(-1.0)\n  return %4\n", UNCHANGED, id="what raises stays, math"),
        pytest.param("  %4: i64 = scalar.pow(2, 64)\n  return %4\n", UNCHANGED, id="what does not fit stays"),
        pytest.param("  %4: i64 = scalar.pow(2, -1)\n  return %4\n", UNCHANGED, id="what leaves its kind stays"),
        pytest.param("  %4: i64 = scalar.add(%3, 1)\n  return %4\n", UNCHANGED, id="inputs are not constants"),
        pytest.param(
            "  %4: f32[4] = full(1.0; shape=(4,), dtype=f32)\n  return %4\n", UNCHANGED, id="tensors are not folded"
        ),
    ],
)
def test_fold_scalars(before: str, expected: str) -> None:
    assert after(fold_scalars, before) == (expected or before)


HEAD = "%0: f32[4, 2], %1: f32[4, 3], %2: f32[4, 5], %3: i64[4, 2], %4: i64[4, 3]"
FIRST = "  %10: f32[4, 5] = pad(%0; pads=((0, 0), (0, 3)), value=0.0)\n"
SECOND = "  %11: f32[4, 5] = pad(%1; pads=((0, 0), (2, 0)), value=0.0)\n"
LAST = "  %11: f32[4, 5] = pad(%1; pads=((0, 0), (1, 1)), value=0.0)\n"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(
            FIRST + SECOND + "  %12: f32[4, 5] = add(%10, %11)\n  return %12\n",
            "  %13: f32[4, 5] = cat(%0, %1; dim=1)\n  %12: f32[4, 5] = add(%13, 0.0)\n  return %12\n",
            id="parts that fill a dim",
        ),
        pytest.param(
            FIRST + SECOND + "  %12: f32[4, 5] = add(%2, %11)\n  %13: f32[4, 5] = add(%12, %10)\n  return %13\n",
            "  %14: f32[4, 5] = cat(%0, %1; dim=1)\n  %15: f32[4, 5] = add(%2, %14)\n"
            "  %13: f32[4, 5] = add(%15, 0.0)\n  return %13\n",
            id="beside another gradient",
        ),
        pytest.param(
            "  %10: i64[4, 5] = pad(%3; pads=((0, 0), (0, 3)), value=0)\n"
            "  %11: i64[4, 5] = pad(%4; pads=((0, 0), (2, 0)), value=0)\n"
            "  %12: i64[4, 5] = add(%11, %10)\n  return %12\n",
            "  %12: i64[4, 5] = cat(%3, %4; dim=1)\n  return %12\n",
            id="integers have one zero",
        ),
        pytest.param(
            FIRST + LAST + "  %12: f32[4, 5] = add(%10, %11)\n  return %12\n", UNCHANGED, id="parts that overlap"
        ),
        pytest.param(
            FIRST + SECOND + "  %12: f32[4, 5] = add(%10, %11)\n  return %12, %10\n",
            UNCHANGED,
            id="a part that is a result",
        ),
        pytest.param(
            FIRST + SECOND + "  %12: f32[4, 5] = add(%10, %11)\n  %13: f32[4, 5] = mul(%12, %11)\n  return %13\n",
            UNCHANGED,
            id="a part that is used elsewhere",
        ),
        pytest.param(
            FIRST
            + SECOND
            + "  %12: f32[4, 5] = add(%10, %2)\n  %13: f32[4, 5] = add(%12, %2)\n"
            + "  %14: f32[4, 5] = add(%13, %11)\n  return %14\n",
            UNCHANGED,
            id="another gradient between the parts",
        ),
        pytest.param(
            FIRST.replace("0.0)", "1.0)") + SECOND + "  %12: f32[4, 5] = add(%10, %11)\n  return %12\n",
            UNCHANGED,
            id="ones around a part",
        ),
    ],
)
def test_join_pads(before: str, expected: str) -> None:
    graph = parse(f"graph g({HEAD}) {{\n{before}}}\n")
    found = run_passes(graph, [join_pads, dce], verify=True)
    assert "".join(line + "\n" for line in to_text(found).splitlines()[1:-1]) == (expected or before)
    inputs = [-np.zeros(v.type.shape, v.type.dtype.numpy) for v in graph.inputs]
    for a, b in zip(interpret(found)(inputs), interpret(graph)(inputs), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(
            "  %4: f32[9000, 9000] = full(2; shape=(9000, 9000), dtype=f32)\n"
            "  %5: f32[9000, 9000] = mul(%4, %4)\n  return %5\n",
            "  %4: f32[9000, 9000] = full(2; shape=(9000, 9000), dtype=f32)\n"
            "  %5: f32[9000, 9000] = full(4.0; shape=(9000, 9000), dtype=f32)\n  return %5\n",
            id="equal numbers of any size",
        ),
        pytest.param(
            "  %4: i64[4] = arange(0, 4, 1; dtype=i64)\n  %5: i64[4] = mul(%4, 3)\n  %6: i64[4] = add(%5, 1)\n"
            "  return %6\n",
            "  %4: i64[4] = arange(0, 4, 1; dtype=i64)\n  %5: i64[4] = arange(0, 12, 3; dtype=i64)\n"
            "  %6: i64[4] = arange(1, 13, 3; dtype=i64)\n  return %6\n",
            id="whole numbers in even steps",
        ),
        pytest.param(
            "  %4: i64[4] = arange(0, 4, 1; dtype=i64)\n  %5: i64[4, 1] = reshape(%4; shape=(4, 1))\n"
            "  %6: bool[4, 4] = le(%4, %5)\n  %7: i64[] = sum(%6; dims=(0, 1), keepdim=False)\n  return %7\n",
            "  %4: i64[4] = arange(0, 4, 1; dtype=i64)\n  %5: i64[4, 1] = reshape(%4; shape=(4, 1))\n"
            "  %6: bool[4, 4] = le(%4, %5)\n  %7: i64[] = full(10; shape=(), dtype=i64)\n  return %7\n",
            id="what has no name is passed through",
        ),
        pytest.param(
            "  %4: f32[2] = full(-0.0; shape=(2,), dtype=f32)\n  %5: f32[2] = neg(%4)\n  %6: f32[2] = div(1.0, %4)\n"
            "  return %5, %6\n",
            "  %4: f32[2] = full(-0.0; shape=(2,), dtype=f32)\n  %5: f32[2] = full(0.0; shape=(2,), dtype=f32)\n"
            "  %6: f32[2] = full(-inf; shape=(2,), dtype=f32)\n  return %5, %6\n",
            id="zeros keep their sign",
        ),
        pytest.param(
            "  %4: f32[99, 99] = full(0.1; shape=(99, 99), dtype=f32)\n"
            "  %5: f32[] = sum(%4; dims=(0, 1), keepdim=False)\n  return %5\n",
            UNCHANGED,
            id="a sum over many elements is left to the run",
        ),
        pytest.param(
            "  %4: i64[2] = full(7; shape=(2,), dtype=i64)\n  %5: f32[2] = take(%0, %4; dim=0)\n  return %5\n",
            UNCHANGED,
            id="inputs are not constants",
        ),
        pytest.param(
            "  %4: f32[2] = full(1.0; shape=(2,), dtype=f32)\n  %5: i64[2] = full(7; shape=(2,), dtype=i64)\n"
            "  %6: f32[2] = take(%4, %5; dim=0)\n  return %6\n",
            UNCHANGED,
            id="what raises stays",
        ),
        pytest.param(
            "  %4: f32[4] = rand(3, 0; shape=(4,), dtype=f32)\n  %5: f32[4] = neg(%4)\n  return %5\n",
            UNCHANGED,
            id="draws are not constants",
        ),
        pytest.param(
            "  %4: f32[2, 2] = full(1.0; shape=(2, 2), dtype=f32)\n  %5: f32[4] = reshape(%4; shape=(4,))\n"
            "  return %4, %5\n",
            UNCHANGED,
            id="two results that share memory go on sharing it",
        ),
    ],
)
def test_fold_constants(before: str, expected: str) -> None:
    assert after(fold_constants, before) == (expected or before)


F64 = as_dtype("float64")
CHOICES = [
    "copy",
    "full",
    "halves",
    "cast",
    "one",
    "neg",
    "exp",
    "add",
    "mul",
    "sum",
    "reshape",
    "permute",
    "rand",
    "scalar",
    "number",
]


@st.composite
def programs(draw: Any) -> Graph:
    """Programs over two [2, 2] inputs and two scalars, with repeated and dead code, effects and regions."""
    builder = GraphBuilder("random")
    square = TensorType(F64, (2, 2))
    tensors = [builder.input(square), builder.input(square)]
    scalars: list[Any] = [parse("graph s(%0: f64) {\n return\n}").inputs[0].type]
    scalars = [builder.input(scalars[0]), 2, 0.5, True]

    def add(name: str, *args: Any, **params: Any) -> Any:
        types = infer_types(OPS[name], args, params)
        return builder.add(OPS[name], args, params, types, draw(st.integers(0, 1)))[0]

    for kind in draw(st.lists(st.sampled_from(CHOICES), max_size=24)):
        x, y = draw(st.sampled_from(tensors)), draw(st.sampled_from(tensors))
        if kind in ("neg", "exp"):
            tensors.append(add(kind, x))
        elif kind in ("add", "mul"):
            tensors.append(add(kind, x, y))
        elif kind == "sum":
            tensors.append(add("expand", add("sum", x, dims=(1,), keepdim=True), shape=(2, 2)))
        elif kind == "reshape":
            tensors.append(add("reshape", x, shape=(2, 2)))
        elif kind == "permute":
            tensors.append(add("permute", x, dims=(1, 0)))
        elif kind == "copy":
            tensors.append(add("copy", x))
        elif kind == "one":
            tensors.append(add("mul", 1.0, x))
        elif kind == "full":
            tensors.append(add("full", draw(st.sampled_from([0.0, -0.0, 1.0])), shape=(2, 2), dtype=F64))
        elif kind == "cast":
            tensors.append(add("cast", add("cast", x, dtype=as_dtype("float32")), dtype=F64))
        elif kind == "halves":
            rows = [((i, i + 1, 1), (0, 2, 1)) for i in (0, 1)]
            parts = [add("slice", t, index=i) for t, i in zip((x, y), rows, strict=True)]
            grads = [add("view_grad", p, shape=(2, 2), chain=(("slice", i),)) for p, i in zip(parts, rows, strict=True)]
            tensors.append(add("add", *grads))
        elif kind == "rand":
            tensors.append(add("rand", 3, draw(st.sampled_from([0, 4])), shape=(2, 2), dtype=F64))
        elif kind == "scalar":
            op = draw(st.sampled_from(["add", "mul", "min", "where"]))
            a, b = draw(st.sampled_from(scalars)), draw(st.sampled_from(scalars))
            scalars.append(add("scalar." + op, True, a, b) if op == "where" else add("scalar." + op, a, b))
        else:
            tensors.append(add("mul", x, draw(st.sampled_from(scalars))))
    for target in draw(st.lists(st.sampled_from([0, 1]), unique=True)):
        builder.write(tensors[target], draw(st.sampled_from(tensors)))
    if draw(st.booleans()):
        builder.grad("grad[0]", draw(st.sampled_from([None, *tensors])))
    builder.state("n", draw(st.sampled_from(scalars)))
    return builder.build(draw(st.lists(st.sampled_from([*tensors, *scalars]), max_size=4)))


def again(graph: Graph) -> Graph:
    return rematerialize(graph, 1e6)


PASSES = [dce, cse, fold_scalars, fold_constants, canonicalize, simplify, join_pads, again, cse, dce]


@given(programs(), st.permutations(PASSES))
@settings(max_examples=200, deadline=None)
def test_no_pass_changes_what_a_run_returns(graph: Graph, passes: Any) -> None:
    def memory(results: list[Any]) -> list[bool]:
        return [
            isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.shares_memory(a, b)
            for i, a in enumerate(results)
            for b in results[:i]
        ]

    inputs = [np.asarray([[1.0, -0.0], [0.25, -2.0]]), np.asarray([[0.5, 3.0], [float("inf"), 0.1]]), 1.5]
    expected = interpret(graph)(inputs)
    found = interpret(run_passes(graph, passes, verify=True))(inputs)
    for a, b in zip(expected, found, strict=True):
        assert type(a) is type(b)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)  # two NaNs are the same
            np.testing.assert_array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))
        else:
            assert repr(a) == repr(b)
    assert memory(expected) == memory(found)


@pytest.mark.parametrize("pass_", PASSES)
def test_a_pass_with_nothing_to_do_keeps_the_nodes(pass_: Any) -> None:
    graph = parse("graph g(%0: f32[2]) {\n  %1: f32[2] = exp(%0)\n  return %1\n}\n")
    assert pass_(graph) == graph
    assert all(a is b for a, b in zip(pass_(graph).nodes, graph.nodes, strict=True))


def test_uses_and_producers() -> None:
    graph = parse("graph g(%0: f32[2]) {\n  %1: f32[2] = mul(%0, %0)\n  %2: f32[2] = add(%1, %0)\n  return %2\n}\n")
    x, (mul, add) = graph.inputs[0], graph.nodes
    assert graph.uses() == {x: [(mul, 0), (mul, 1), (add, 1)], mul.outputs[0]: [(add, 0)]}
    assert graph.producers() == {mul.outputs[0]: (mul, 0), add.outputs[0]: (add, 0)}
    assert graph.next_id() == 3


INSIDE = """graph g(%0: bool[], %1: f32[4, 5], %2: f32[4, 2], %3: f32[4, 3]) {
  %4: f32[4, 5] = cond(%0, %1, %2, %3; then=graph yes(%0: f32[4, 5], %1: f32[4, 2], %2: f32[4, 3]) {
    %3: f32[4, 5] = pad(%1; pads=((0, 0), (0, 3)), value=0.0)
    %4: f32[4, 5] = pad(%2; pads=((0, 0), (2, 0)), value=0.0)
    %5: f32[4, 5] = add(%4, %3)
    return %5
  }, otherwise=graph no(%0: f32[4, 5], %1: f32[4, 2], %2: f32[4, 3]) {
    %3: f32[] = full(2.0; shape=(), dtype=f32)
    %4: f32[] = neg(%3)
    %5: f32[4, 5] = mul(%4, %0)
    %6: f32[4, 5] = mul(%5, 1)
    %7: f32[4, 5] = neg(%6)
    return %7
  })
  return %4
}
"""


@pytest.mark.parametrize(
    ("passes", "yes", "no"),
    [
        ([fold_constants], ["pad", "pad", "add"], ["full", "full", "mul", "mul", "neg"]),
        ([fold_constants, canonicalize], ["pad", "pad", "add"], ["mul", "mul", "neg"]),
        ([fold_constants, simplify], ["pad", "pad", "add"], ["mul"]),
        ([join_pads, dce], ["cat", "add"], ["full", "neg", "mul", "mul", "neg"]),
    ],
    ids=lambda p: "+".join(getattr(f, "__name__", f) for f in p),
)
def test_passes_go_inside_control_flow(passes: Any, yes: list[str], no: list[str]) -> None:
    graph = parse(INSIDE)
    found = run_passes(graph, passes, verify=True)
    bodies = {g.name: [n.op.name for n in g.nodes] for g in found.regions()}
    assert bodies == {"yes": yes, "no": no}
    for choice in (True, False):
        given = [np.asarray(choice), *[np.full(s, -0.0, np.float32) for s in ((4, 5), (4, 2), (4, 3))]]
        (a,), (b,) = interpret(found)(given), interpret(graph)(given)
        assert a.tobytes() == b.tobytes()


def long(n: int) -> Graph:
    """About 20 n nodes: chains of views, sums of padded rows, slices of a join, repeated and constant code."""
    builder = GraphBuilder("long")
    x = builder.input(TensorType(F64, (n, 4)))

    def add(name: str, *args: Any, **params: Any) -> Any:
        return builder.add(OPS[name], args, params, infer_types(OPS[name], args, params))[0]

    total, rows, flat, whole = None, [], x, ((0, n, 1), (0, 4, 1))
    for i in range(n):
        row = add("slice", x, index=(i, (0, 4, 1)))
        rows.append(add("reshape", add("neg", add("neg", add("mul", 1.0, row))), shape=(1, 4)))
        part = add("view_grad", add("exp", row), shape=(n, 4), chain=(("slice", (i, (0, 4, 1))),))
        total = part if total is None else add("add", total, part)
        flat = add("slice", add("reshape", add("reshape", flat, shape=(4 * n,)), shape=(n, 4)), index=whole)
        add("add", add("full", i, shape=(4,), dtype=F64), add("mul", add("full", 2.0, shape=(4,), dtype=F64), 3.0))
    joined = add("cat", *rows, dim=0)
    cuts = [add("slice", joined, index=((i, i + 1, 1), (0, 4, 1))) for i in range(n)]
    again = add("cat", *cuts, dim=0)
    return builder.build([add("add", add("mul", total, again), flat)])


def test_passes_are_linear() -> None:
    def calls(graph: Graph) -> int:
        count = 0

        def seen(_: Any, event: str, __: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(seen)
        try:
            found = run_passes(graph, [dce, fold_scalars, fold_constants, simplify, join_pads, cse, dce])
        finally:
            sys.setprofile(before)
        assert len(found.nodes) < len(graph.nodes) / 2
        return count

    small, large = long(40), long(160)
    assert calls(large) / calls(small) < 1.2 * len(large.nodes) / len(small.nodes)
