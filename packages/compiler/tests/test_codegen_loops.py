"""Scans in native code: every way in which a carry, a row and a result can go together, beside the interpreter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from lamella.compiler import _loops
from lamella.compiler._loops import _Scan, _While, control_kernel
from lamella.compiler.executor import compile_graph
from lamella.graph import as_value, interpret, parse, verify

# name -> operands' types, body, params, whether the runtime alone does all steps
SCANS: dict[str, tuple[str, str, str, bool]] = {
    "a carry that is the result": (
        "%0: f64[3], %1: f64[3], %2: f64[5, 3]",
        "%0: f64[3], %1: f64[3], %2: f64[3]) {\n %3: f64[3] = mul(%0, %1)\n %4: f64[3] = add(%3, %2)\n return %4, %4",
        "carried=1, scanned=1, length=5",
        True,
    ),
    "a carry that is no result": (
        "%0: f64[3], %1: f64[3], %2: f64[5, 3]",
        "%0: f64[3], %1: f64[3], %2: f64[3]) {\n %3: f64[3] = mul(%0, %1)\n %4: f64[3] = add(%3, %2)\n return %4, %3",
        "carried=1, scanned=1, length=5",
        True,
    ),
    "an even number of steps": (
        "%0: f64[3]",
        "%0: f64[3]) {\n %1: f64[3] = add(%0, %0)\n return %1",
        "carried=1, scanned=0, length=4",
        True,
    ),
    "carries that change places": (
        "%0: f64[3], %1: f64[3]",
        "%0: f64[3], %1: f64[3]) {\n %2: f64[3] = exp(%0)\n return %1, %0, %2",
        "carried=2, scanned=0, length=3",
        True,
    ),
    "a carry handed on": (
        "%0: f64[3], %1: f64[4, 3]",
        "%0: f64[3], %1: f64[3]) {\n %2: f64[3] = add(%0, %1)\n return %0, %2, %2",
        "carried=1, scanned=1, length=4",
        True,
    ),
    "two carries with one value": (
        "%0: f64[3], %1: f64[3]",
        "%0: f64[3], %1: f64[3]) {\n %2: f64[3] = add(%0, %1)\n return %2, %2",
        "carried=2, scanned=0, length=3",
        True,
    ),
    "views of a row": (
        "%0: f64[3], %1: f64[4, 1, 3]",
        "%0: f64[3], %1: f64[1, 3]) {\n %2: f64[3] = reshape(%1; shape=(3,))\n %3: f64[3] = add(%0, %2)\n"
        " return %2, %3",
        "carried=1, scanned=1, length=4",
        True,
    ),
    "an integer counter without dims": (
        "%0: i64[], %1: f32[4]",
        "%0: i64[], %1: f32[]) {\n %2: i64[] = add(%0, 1)\n %3: f32[] = cast(%2; dtype=f32)\n"
        " %4: f32[] = mul(%1, %3)\n return %2, %4",
        "carried=1, scanned=1, length=4",
        True,
    ),
    "a product": (
        "%0: f32[8, 8], %1: f32[4, 8], %2: f32[6, 4, 8]",
        "%0: f32[8, 8], %1: f32[4, 8], %2: f32[4, 8]) {\n %3: f32[4, 8] = matmul(%1, %0)\n"
        " %4: f32[4, 8] = add(%3, %2)\n %5: f32[4, 8] = tanh(%4)\n return %5, %5",
        "carried=1, scanned=1, length=6",
        True,
    ),
    "what every step reads": (
        "%0: f64[3], %1: f64, %2: f64[2, 3]",
        "%0: f64[3], %1: f64, %2: f64[3]) {\n %3: f64[3] = mul(%0, %1)\n %4: f64[3] = add(%3, %2)\n return %4",
        "carried=0, scanned=1, length=2",
        True,
    ),
    "no element": (
        "%0: f64[0], %1: f64[3, 0]",
        "%0: f64[0], %1: f64[0]) {\n %2: f64[0] = add(%0, %1)\n return %2, %2",
        "carried=1, scanned=1, length=3",
        True,
    ),
    "a step that numpy does": (
        "%0: f64[3], %1: f64[4, 3]",
        "%0: f64[3], %1: f64[3]) {\n %2: f64[3] = add(%0, %1)\n"
        " %3: f64[3], %4: i64[3] = sort(%2; dim=0, descending=True)\n return %3, %4",
        "carried=1, scanned=1, length=4",
        False,
    ),
    "no step": (
        "%0: f64[3], %1: f64[0, 3]",
        "%0: f64[3], %1: f64[3]) {\n %2: f64[3] = add(%0, %1)\n return %2, %2",
        "carried=1, scanned=1, length=0",
        False,
    ),
}


def graph_of(types: str, body: str, params: str, reverse: bool, indexed: bool = False) -> Any:
    count = types.count(":")
    operands = ", ".join(f"%{i}" for i in range(count))
    step = f"graph step({body}\n}}, {params}, reverse={reverse}, indexed={indexed}"
    carried = int(params.split("carried=")[1].split(",")[0])
    length = int(params.split("length=")[1])
    parsed = parse(f"graph step({body}\n}}")
    outs = []
    for k, value in enumerate(map(as_value, parsed.outputs)):
        shape = value.tensor.shape if k < carried else (length, *value.tensor.shape)
        outs.append(f"%{count + k}: {value.tensor.dtype.short}[{', '.join(map(str, shape))}]")
    results = ", ".join(f"%{count + k}" for k in range(len(outs)))
    text = f"graph g({types}) {{\n {', '.join(outs)} = scan({operands}; body={step})\n return {results}\n}}"
    return verify(parse(text))


def inputs_of(graph: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    found: list[Any] = []
    for value in graph.inputs:
        if not hasattr(value.type, "shape"):
            found.append({"f64": 0.5, "i64": 7}[value.type.kind])
        else:
            found.append(rng.normal(size=value.type.shape).astype(value.type.dtype.numpy))
    return found


def same(ours: list[Any], wanted: list[Any]) -> None:
    for a, b in zip(ours, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        tolerance = 1e-4 if a.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(a, b, tolerance, tolerance)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", SCANS)
def test_as_interpreted(name: str, reverse: bool) -> None:
    types, body, params, native = SCANS[name]
    graph = graph_of(types, body, params, reverse)
    (node,) = graph.nodes
    assert isinstance(control_kernel(node.op, node.params), _Scan) == native
    inputs = inputs_of(graph)
    before = [np.copy(x) for x in inputs]
    run = compile_graph(graph)
    for _ in range(2):
        found = run(inputs)
        same(found, interpret(graph)(inputs))
    for x, kept in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x, kept)
    arrays = [*[x for x in inputs if isinstance(x, np.ndarray)], *found]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


@pytest.mark.parametrize("reverse", [False, True])
def test_numbers_of_each_step(reverse: bool) -> None:
    graph = graph_of(
        "%0: i64, %1: f64[2]",
        "%0: i64, %1: i64, %2: f64[2]) {\n %3: i64 = scalar.mul(%0, 2)\n %4: i64 = scalar.add(%1, %3)\n"
        " %5: f64[2] = rand(%1, %4; shape=(2,), dtype=f64)\n %6: f64[2] = add(%2, %5)\n return %6, %6",
        "carried=1, scanned=0, length=4",
        reverse,
        indexed=True,
    )
    inputs = inputs_of(graph)
    run = compile_graph(graph)
    for seed in (7, 8):
        inputs[0] = seed
        same(run(inputs), interpret(graph)(inputs))


WHILE = """graph g(%0: i64[], %1: f64[3], %2: f64[3], %3: f64) {
  %4: i64[], %5: f64[3], %6: f64[3] = while_loop(%2, %3, %0, %1, %1; test=graph test(
    %0: f64[3],
    %1: f64,
    %2: i64[],
    %3: f64[3],
    %4: f64[3]
  ) {
    %5: f64[3] = mul(%0, %3)
    %6: f64[] = sum(%5; dims=(0,), keepdim=False)
    %7: bool[] = lt(%6, %1)
    return %7
  }, body=graph body(%0: f64[3], %1: f64, %2: i64[], %3: f64[3], %4: f64[3]) {
    %5: i64[] = add(%2, 1)
    %6: f64[3] = add(%3, %0)
    %7: f64[3] = mul(%4, %1)
    return %5, %7, %6
  }, carried=3, limit=LIMIT)
  return %4, %5, %6
}
"""


@pytest.mark.parametrize("limit", ["None", "0", "1", "4", "5"])
@pytest.mark.parametrize("bound", [-1.0, 1.5, 30.0])
def test_loops_on_a_test(limit: str, bound: float) -> None:
    graph = verify(parse(WHILE.replace("LIMIT", limit)))
    assert isinstance(control_kernel(graph.nodes[0].op, graph.nodes[0].params), _While)
    run = compile_graph(graph)
    inputs = [np.asarray(0), np.full(3, 0.25), np.ones(3), bound]
    for _ in range(2):
        found = run(inputs)
        same(found, interpret(graph)(inputs))
    assert inputs[1].tolist() == [0.25] * 3
    assert not any(np.shares_memory(a, b) for a in found for b in (inputs[1], inputs[2]))


def test_a_loop_goes_on_behind_a_call_of_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loops, "_STEPS", 3)
    for limit in ("None", "6", "7"):
        graph = verify(parse(WHILE.replace("LIMIT", limit)))
        inputs = [np.asarray(0), np.full(3, 0.25), np.ones(3), 1.3]
        same(compile_graph(graph)(inputs), interpret(graph)(inputs))


def test_an_error_of_a_step_is_raised() -> None:
    graph = graph_of(
        "%0: f64[3], %1: i64[4, 2]",
        "%0: f64[3], %1: i64[2]) {\n %2: f64[2] = take(%0, %1; dim=0)\n return %2",
        "carried=0, scanned=1, length=4",
        False,
    )
    run = compile_graph(graph)
    x, at = np.arange(3.0), np.array([[0, 1], [2, 0], [1, 1], [0, 0]])
    same(run([x, at]), [x[at]])
    at[2, 1] = 5
    with pytest.raises(IndexError):
        run([x, at])
    at[2, 1] = 2
    same(run([x, at]), [x[at]])


def test_calls_of_many_threads() -> None:
    types, body, params, _ = SCANS["a product"]
    graph = graph_of(types, body, params, False)
    run = compile_graph(graph)
    inputs = inputs_of(graph)
    wanted = interpret(graph)(inputs)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(run, [inputs] * 40):
            same(found, wanted)
