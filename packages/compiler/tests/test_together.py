"""Launches that run side by side: which may, that they compute what they compute alone, and that totals and errors of
theirs are right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import compile as capture
from lamella.compiler._native._load import get_num_threads, set_num_threads
from lamella.compiler._together import LEAST_BYTES, MOST, Neighbour, Touched, side_by_side
from lamella.compiler.executor import compile_graph, compile_step
from lamella.graph import interpret, parse


def launch(*touched: tuple[int, int, int, bool], chunks: int = 2) -> Neighbour:
    return Neighbour(chunks, [Touched(*t) for t in touched])


BIG = LEAST_BYTES
READS, WRITES = (0, 0, BIG, False), (0, 0, BIG, True)
TABLE: dict[str, tuple[list[Any], dict[int, int]]] = {
    "readers of one array": ([launch(READS), launch(READS), launch(READS)], {0: 3}),
    "a writer after a reader": ([launch(READS), launch(WRITES)], {}),
    "a reader after a writer": ([launch(WRITES), launch(READS)], {}),
    "two writers": ([launch(WRITES), launch(WRITES)], {}),
    "the same bytes of other buffers": ([launch(WRITES), launch((1, 0, BIG, True))], {0: 2}),
    "neighbours in one buffer": ([launch(WRITES), launch((0, BIG, 2 * BIG, True))], {0: 2}),
    "one byte in common": ([launch(WRITES), launch((0, BIG - 1, 2 * BIG, True))], {}),
    "with one of several before": ([launch(READS), launch((1, 0, 8, True)), launch((1, 4, 8, True))], {0: 2}),
    "a new region after it": ([launch(WRITES), launch(READS), launch(READS)], {1: 2}),
    "something else between": ([launch(READS), None, launch(READS), launch(READS)], {2: 2}),
    "nothing": ([], {}),
    "alone": ([launch(READS)], {}),
    "too small": ([launch((0, 0, 8, True)), launch((0, 8, 16, True))], {}),
    "one chunk in all": ([launch(READS, chunks=1), launch(READS, chunks=0)], {}),
    "more than a region takes": ([launch(READS)] * (MOST + 2), {0: MOST, MOST: 2}),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_runs_side_by_side(case: str) -> None:
    steps, expected = TABLE[case]
    assert side_by_side(steps) == expected


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Any:
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


SIZES = (70_000, 3, 0, 300_001, 1024, 150_000)


def updates(n: tuple[int, ...]) -> str:
    inputs = [f"%{k}: f32[{size}], %{k + 50}: f32[{size}]" for k, size in enumerate(n)]
    lines = [f"  %{k + 100}: f32[{size}] = sgd(%{k}, %{k + 50}, 0.5, 0.1)" for k, size in enumerate(n)]
    effects = [f"  write %{k} <- %{k + 100}" for k in range(len(n))]
    return f"graph g({', '.join(inputs)}) {{\n" + "\n".join([*lines, "  return", *effects]) + "\n}"


@pytest.mark.usefixtures("threads")
def test_updates_of_all_parameters_are_one_region() -> None:
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(n).astype(np.float32) for n in SIZES for _ in range(2)]
    graph = parse(updates(SIZES))
    run = compile_step(graph)
    assert [n for _, n in run.image.together] == [len(run.kernels)]
    assert "side by side, in one parallel region, the next" in run.explain()
    want = interpret(graph)([a.copy() for a in given])
    for _ in range(3):
        arrays = [a.copy() for a in given]
        for got, expected in zip(run(arrays), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert len(run.runner.step_seconds([a.copy() for a in given], 1)) == len(run.steps), "each alone, too"


@pytest.mark.usefixtures("threads")
def test_totals_come_after_the_region() -> None:
    text = """graph g(%0: f32[700, 300], %1: f32[300, 700], %2: f32[900, 200]) {
  %3: f32[] = sum(%0; dims=(0, 1), keepdim=False)
  %4: f32[700] = sum(%1; dims=(0,), keepdim=False)
  %5: f32[900, 200] = exp(%2)
  %6: f32[] = amax(%2; dims=(0, 1), keepdim=False)
  return %3, %4, %5, %6
}"""
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(s).astype(np.float32) for s in ((700, 300), (300, 700), (900, 200))]
    run = compile_graph(parse(text))
    assert [n for _, n in run.image.together] == [len(run.kernels)]
    for got, expected in zip(run(given), interpret(parse(text))(given), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3)


def test_what_may_fail_runs_alone() -> None:
    text = """graph g(%0: f32[400, 300], %1: f32[400, 300], %2: i64[400, 300], %3: i64[400, 300]) {
  %4: i64[400, 300] = floor_divide(%2, %3)
  %5: f32[400, 300] = sgd(%0, %1, 0.5, 0.1)
  return %4
  write %0 <- %5
}"""
    p = np.ones((400, 300), np.float32)
    given = [p.copy(), p, np.ones((400, 300), np.int64), np.zeros((400, 300), np.int64)]
    run = compile_step(parse(text))
    assert not run.image.together
    with pytest.raises(ZeroDivisionError):
        run(given)
    np.testing.assert_array_equal(given[0], p)


def test_an_optimizer_step_is_one_region() -> None:
    parameters = [nn.Parameter(lt.randn(n, 40)) for n in (300, 7, 500, 64)]
    twins = [nn.Parameter(p.detach().clone()) for p in parameters]
    for p, twin in zip(parameters, twins, strict=True):
        p.grad = lt.randn(*p.shape)
        twin.grad = p.grad.clone()
    ours, theirs = (optim.AdamW(ps, lr=1e-2) for ps in (parameters, twins))
    step = capture(lambda: ours.step())
    for _ in range(3):
        step()
        theirs.step()
    (program,) = step.programs
    assert [n for _, n in program.run.image.together] == [len(parameters)], "behind what counts the steps"
    for p, twin in zip(parameters, twins, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), twin.detach().numpy(), rtol=1e-5, atol=1e-6)
