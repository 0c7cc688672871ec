"""The suite of programs and others with tiles made small, in Triton's interpreter against the graph's interpreter."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import program_suite as suite
import pytest
from triton_machine import Interpreted, tables

from lamella.compiler._toolchain import host_target
from lamella.compiler.executor import compile_graph as c_target
from lamella.graph import Graph, interpret


def check(graph: Graph, inputs: list[Any]) -> Interpreted:
    """The printed program gives what the graph's interpreter gives."""
    run = Interpreted(graph)
    with np.errstate(all="ignore"):
        want = interpret(graph)(inputs)
    for number, (g, w) in enumerate(zip(run(inputs), want, strict=True)):
        suite.agree(g, w, f"{graph.name}: result {number}")
    return run


@pytest.mark.parametrize("name", suite.SUITE)
def test_suite(name: str) -> None:
    graph = suite.graph(name)
    check(graph, suite.inputs(graph))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("size", [0, 1, 3, 17, 40])
@pytest.mark.parametrize(
    "name",
    [
        "softmax",
        "log_softmax",
        "layer_norm",
        "layer_norm_backward",
        "batch_norm",
        "sums",
        "extremes",
        "rms_norm",
        "adamw",
    ],
)
def test_loops(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in ("extremes", "batch_norm"):
        size = max(size, 1)  # the largest and the statistics of nothing are refused by shape rules
    monkeypatch.setattr(suite, "ROWS", 1 + size // 4)
    monkeypatch.setattr(suite, "COLUMNS", size)
    graph = suite.graph(name)
    check(graph, suite.inputs(graph))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("seed", range(200, 216))
def test_random_graphs_with_small_tiles(seed: int) -> None:
    graph, arrays = tables("test_codegen_random").random_graph(seed, 10 + seed % 50)
    run = Interpreted(graph)
    with np.errstate(all="ignore"):
        want = interpret(graph)(arrays)
    for number, (g, w) in enumerate(zip(run(arrays), want, strict=True)):
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-11, err_msg=f"output {number} of {graph}")


def test_small_tiles_reach_every_form_of_loop(small_tiles: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests above are for: loops over columns, over rows, over partial results, and sums kept in memory."""
    monkeypatch.setattr(suite, "LONG", 100)
    graph = suite.graph("long_rows")
    source = Interpreted(graph).program.source
    for text in ("for c0 in range(", "for step in range(", "for k0 in range(", "tl.debug_barrier()"):
        assert text in source, text
    check(graph, suite.inputs(graph))


BITWISE = ("exp", "log", "log1p", "tanh", "sigmoid", "erf", "sqrt", "rsqrt", "reciprocal", "floor", "sign", "relu")


@pytest.mark.skipif(
    not host_target().fma, reason="the C target has FMA in its polynomials only where the machine has it"
)
def test_elementwise_results_are_those_of_the_c_target_to_the_bit() -> None:
    p = suite.Program("bitwise")
    x = p.tensor("f32", 4000)
    graph = p.build(*(p(op, x) for op in BITWISE), p("gelu", x, approximate="none"))
    rng = np.random.default_rng(0)
    specials = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-42, 3e38, 88.9, -104.5], np.float32)
    values = np.concatenate([specials, rng.normal(0, 30, 3992).astype(np.float32)])
    for name, got, want in zip(
        [*BITWISE, "gelu"], Interpreted(graph)([values]), c_target(graph)([values]), strict=True
    ):
        same = (got.view(np.uint32) == want.view(np.uint32)) | (np.isnan(got) & np.isnan(want))
        assert same.all(), f"{name}: {values[~same][:5]} gives {got[~same][:5]} and {want[~same][:5]}"


def test_torch_is_not_imported() -> None:
    graph = suite.graph("softmax")
    check(graph, suite.inputs(graph))
    assert "triton" in sys.modules
    assert "torch" not in sys.modules
