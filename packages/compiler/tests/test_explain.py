"""explain(): every step with its ops, lines, bytes, operations and seconds, the memory plan, and why calls missed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.compiler import compile, explain  # noqa: A004
from lamella.compiler._account import account, measured, rates
from lamella.compiler.executor import compile_graph
from lamella.graph import parse

GRAPH = """
graph two(%0: f32[64, 32], %1: f32[32, 16], %2: f64) {
  %3: f32[64, 16] = matmul(%0, %1)   # model.py:7
  %4: f32[64, 16] = gelu(%3; approximate="none")   # model.py:8
  %5: f32[64, 16] = mul(%4, %2)   # model.py:9
  %6: f32[64, 16], %7: i64[64, 16] = sort(%5; dim=1, descending=False)   # model.py:10
  return %6
}
"""


def test_steps_have_the_costs_and_lines_of_their_ops() -> None:
    compiled = compile_graph(parse(GRAPH))
    product, kernel, extern = account(compiled)
    assert product.ops == ("matmul",)
    assert product.lines == ("model.py:7",)
    assert product.flops == 2 * 64 * 32 * 16
    assert product.bytes == 4 * (64 * 32 + 32 * 16 + 64 * 16)
    assert set(kernel.ops) == {"gelu", "mul"}
    assert set(kernel.lines) == {"model.py:8", "model.py:9"}
    assert kernel.bytes == 4 * 2 * 64 * 16
    assert extern.name == "extern sort"
    assert extern.bytes == (4 + 4 + 8) * 64 * 16
    flops, moved = rates()
    assert product.predicted() == max(product.flops / flops, product.bytes / moved)


def test_every_step_is_timed_and_results_stay_right() -> None:
    compiled = compile_graph(parse(GRAPH))
    rng = np.random.default_rng(0)
    inputs: list[Any] = [rng.random((64, 32), np.float32), rng.random((32, 16), np.float32), 0.5]
    before = compiled(inputs)
    seconds = measured(compiled)
    assert len(seconds) == len(compiled.steps)
    assert all(s > 0 for s in seconds)
    for a, b in zip(before, compiled(inputs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_text_names_lines_plan_code_and_misses() -> None:
    compiled = compile(lambda x: (x * 2.0).exp().sum(0))
    compiled(lt.ones(8, 4))
    compiled(lt.ones(8, 4, dtype=lt.float64))
    text = explain(compiled, measure=True)
    assert re.search(r"k0 \(1 chunks\): .*exp.* MB, .* Mflop, predicted .*, measured .*# .*test_explain.py:\d+", text)
    assert re.search(r"memory: arena \d+ bytes, its exact peak, and 16 bytes of results; C in .*\.c", text)
    assert "  1 x x is not a lamella.float32[8, 4] of the same layout" in text
    path = Path(re.findall(r"C in (.*\.c)", text)[-1])
    assert "lm_kernels" in path.read_text(encoding="utf-8")


def test_only_what_compile_returned_can_be_explained() -> None:
    with pytest.raises(TypeError, match="needs what compile"):
        explain(len)


def test_a_program_in_stages_is_explained_and_timed() -> None:
    compiled = compile(lambda x: (x * (x * 2.0).sum().item()).sum())
    assert compiled(lt.ones(3)).item() == 18.0
    assert ", measured" in explain(compiled, measure=True)


LOOPS = """
graph loops(%0: f32[4], %1: f32[8, 4], %2: bool[]) {
  %3: f32[4] = scan(%0, %1; body=graph step(%0: f32[4], %1: f32[4]) {
    %2: f32[4] = add(%0, %1)   # model.py:3
    return %2
  }, carried=1, scanned=1, length=8, reverse=False, indexed=False)   # model.py:5
  %4: bool[], %5: f32[4] = while_loop(%2, %3; test=graph test(%0: bool[], %1: f32[4]) {
    %2: bool[] = logical_not(%0)
    return %2
  }, body=graph body(%0: bool[], %1: f32[4]) {
    %2: f32[4] = exp(%1)
    return %0, %2
  }, carried=2, limit=None)
  %6: f32[4] = neg(%5)
  return %6
}
"""


def test_bodies_of_loops_are_listed_below_their_step() -> None:
    compiled = compile_graph(parse(LOOPS))
    text = compiled.explain(measure=True)  # over zeros the loop would not end
    for line in (r"  extern scan: .*model\.py:5", r"    graph step: 1 kernel launches", r"      k0 .*add.*model\.py:3"):
        assert re.search(f"^{line}", text, re.MULTILINE), line
    assert re.search(r"^  extern while_loop: .*no time: how often a loop runs depends on values", text, re.MULTILINE)
    assert re.search(r"^    graph test: .*\n(.*\n)+    graph body: ", text, re.MULTILINE)
