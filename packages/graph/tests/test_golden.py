"""One stored graph for each op family: it parses, verifies, prints unchanged and runs, and no pass changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamella.graph import (
    TensorType,
    canonicalize,
    cse,
    dce,
    decompose,
    executor,
    fold_constants,
    fold_scalars,
    interpret,
    join_pads,
    parse,
    run_passes,
    simplify,
    to_text,
    verify,
)
from lamella.interfaces import first_party

PIPELINE = [dce, fold_scalars, fold_constants, simplify, join_pads, cse, dce]


def test_text_is_stable(golden: Path) -> None:
    text = golden.read_text("ascii")
    graph = verify(parse(text))
    assert to_text(graph) == text
    assert parse(to_text(graph)) == graph


def test_results_have_the_declared_types(golden: Path, inputs_of: Any) -> None:
    graph = parse(golden.read_text("ascii"))
    results = interpret(graph)(inputs_of(graph))
    assert len(results) == len(graph.results())
    for value, result in zip(graph.results(), results, strict=True):
        type_ = getattr(value, "type", None)
        if isinstance(type_, TensorType):
            assert type(result) is np.ndarray
            assert (result.dtype, result.shape) == (type_.dtype.numpy, type_.shape)


def test_only_views_share_memory_with_inputs(golden: Path, inputs_of: Any) -> None:
    graph = parse(golden.read_text("ascii"))
    inputs = inputs_of(graph)
    before = [x.copy() if isinstance(x, np.ndarray) else x for x in inputs]
    producers = graph.producers()
    results = interpret(graph)(inputs)
    for value, result in zip(graph.outputs, results[: len(graph.outputs)], strict=True):
        if isinstance(result, np.ndarray) and producers[value][0].op.spec != "view":  # type: ignore[index]
            assert not any(isinstance(x, np.ndarray) and np.shares_memory(result, x) for x in inputs), value
    for old, new in zip(before, inputs, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "passes",
    [[dce], [cse], [fold_scalars], [fold_constants], [canonicalize], [simplify], PIPELINE],
    ids=lambda p: "+".join(f.__name__ for f in p),
)
def test_passes_change_no_bit(golden: Path, passes: Any, inputs_of: Any, same: Any) -> None:
    graph = parse(golden.read_text("ascii"))
    inputs = inputs_of(graph)
    same(interpret(run_passes(graph, passes, verify=True))(inputs), interpret(graph)(inputs))


def test_decompose_keeps_the_values(golden: Path, inputs_of: Any) -> None:
    graph = parse(golden.read_text("ascii"))
    expanded = run_passes(graph, [decompose], verify=True)
    assert not any(node.op.unit for node in expanded.nodes)
    inputs = inputs_of(graph)
    for a, b in zip(interpret(graph)(inputs), interpret(expanded)(inputs), strict=True):
        if isinstance(a, np.ndarray):
            tolerance = 1e-12 if a.dtype == np.float64 else 2e-2 if a.dtype.itemsize < 4 else 1e-5
            np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=tolerance, atol=tolerance)


def test_the_interpreter_is_a_graph_executor(golden: Path, inputs_of: Any, same: Any) -> None:
    assert executor.__name__ in first_party("executor")
    assert executor.NAME == "interpreter"
    graph = parse(golden.read_text("ascii"))
    inputs = inputs_of(graph)
    same(executor.compile_graph(graph)(inputs), interpret(graph)(inputs))


@pytest.mark.parametrize("name", ["gated", "positions", "split"])
def test_the_pipeline_gives_the_stored_text(name: str, inputs_of: Any, same: Any) -> None:
    folder = Path(__file__).parent / "golden" / "passes"
    graph = verify(parse((folder / f"{name}.graph").read_text("ascii")))
    found = run_passes(graph, PIPELINE, verify=True)
    assert to_text(found) == (folder / f"{name}.after.graph").read_text("ascii")
    inputs = inputs_of(graph)
    same(interpret(found)(inputs), interpret(graph)(inputs))
