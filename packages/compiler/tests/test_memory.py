"""Memory of a compiled graph: what shares it, that the arena is exactly what was planned, and updates in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.compiler as lc
import lamella.tensor as lt
from lamella.compiler import _running
from lamella.compiler.executor import CompiledGraph, compile_graph, compile_step, planned_bytes
from lamella.graph import interpret, parse

CHAIN = """graph chain(%0: f32[64, 48], %1: f32[48, 48]) {
  %2: f32[64, 48] = matmul(%0, %1)
  %3: f32[64, 48] = relu(%2)
  %4: f32[64, 48] = matmul(%3, %1)
  %5: f32[64, 48] = softmax(%4; dim=1)
  %6: f32[64, 48] = matmul(%5, %1)
  return %6
}"""


def normal(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def check(text: str, *inputs: Any) -> CompiledGraph:
    graph = parse(text)
    compiled: CompiledGraph = compile_graph(graph)
    for got, want in zip(compiled(list(inputs)), interpret(graph)(list(inputs)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    return compiled


def test_results_lie_over_operands_that_die() -> None:
    compiled = check(CHAIN, normal(64, 48), normal(48, 48))
    assert len(compiled.layout.over) == 2
    assert compiled.memory.arena_bytes == 2 * 64 * 48 * 4


KEPT_APART = {
    "read somewhere else, too": """graph g(%0: f32[40, 40]) {
  %1: f32[40, 40] = matmul(%0, %0)
  %2: f32[40, 40] = permute(%1; dims=(1, 0))
  %3: f32[40, 40] = add(%1, %2)
  %4: f32[40, 40] = matmul(%3, %3)
  return %4
}""",
    "read later": """graph g(%0: f32[40, 40]) {
  %1: f32[40, 40] = matmul(%0, %0)
  %2: f32[40, 40] = exp(%1)
  %3: f32[40, 40] = matmul(%2, %1)
  return %3
}""",
    "an input": """graph g(%0: f32[40, 40]) {
  %1: f32[40, 40] = tanh(%0)
  %2: f32[40, 40] = matmul(%1, %1)
  return %2
}""",
    "of another type": """graph g(%0: f32[40, 40]) {
  %1: f32[40, 40] = matmul(%0, %0)
  %2: i32[40, 40] = cast(%1; dtype=i32)
  %3: i32[40] = sum(%2; dims=(1,), keepdim=False)
  return %2, %3
}""",
    "read again after the result is there": """graph g(%0: f32[40, 40]) {
  %1: f32[40, 40] = matmul(%0, %0)
  %2: f32[40, 1] = sum(%1; dims=(1,), keepdim=True)
  %3: f32[40, 40] = mul(%1, %2)
  %4: f32[40, 1] = sum(%3; dims=(1,), keepdim=True)
  %5: f32[40, 40] = sub(%1, %4)
  %6: f32[40, 40] = matmul(%3, %5)
  return %6
}""",
}


@pytest.mark.parametrize("case", KEPT_APART)
def test_what_must_not_share_memory_does_not(case: str) -> None:
    compiled = check(KEPT_APART[case], normal(40, 40) / 7)
    for new, old in compiled.layout.over.items():
        assert case == "read again after the result is there", f"{new} lies over {old}"


def test_the_arena_is_used_to_its_last_line_and_not_beyond() -> None:
    compiled = check(CHAIN, normal(64, 48), normal(48, 48))
    inputs = [normal(64, 48), normal(48, 48)]
    frame = _running._Frame(compiled)
    size, guard = compiled.memory.arena_bytes, 4096
    block = np.full(size + 2 * guard + 64, 0xA5, np.uint8)
    start = guard - (block.ctypes.data + guard) % 64 + 64
    frame.data[_running.ARENA] = block.ctypes.data + start
    compiled.runner.frames[:] = [frame]
    (got,) = compiled(inputs)
    np.testing.assert_allclose(got, interpret(parse(CHAIN))(inputs)[0], rtol=1e-4, atol=1e-5)
    assert (block[:start] == 0xA5).all()
    assert (block[start + size :] == 0xA5).all()
    lines = block[start : start + size].reshape(-1, 64)
    assert (lines != 0xA5).any(1).all(), "every line was planned for something"


def test_the_plan_is_told_before_the_first_run() -> None:
    compiled = compile_graph(parse(CHAIN))
    assert f"arena {compiled.memory.arena_bytes} bytes" in compiled.explain()
    assert planned_bytes(parse(CHAIN)) == compiled.memory.arena_bytes + 64 * 48 * 4, "and its result"


# -- updates in place -------------------------------------------------------------------------------------------------

STEP = """graph step(%0: f32[30, 20], %1: f32[30, 20], %2: i64[4], %3: f32[30, 20]) {
  %4: f32[4, 20] = take(%3, %2; dim=0)
  %5: f32[30, 20] = sgd(%0, %1, 0.5, 0.1)
  return %4
  write %0 <- %5
}"""


def given() -> list[Any]:
    return [normal(30, 20), normal(30, 20) + 1, np.array([3, 0, 29, 7]), normal(30, 20)]


def test_an_update_is_written_into_its_input() -> None:
    inputs, run = given(), compile_step(parse(STEP))
    want = interpret(parse(STEP))(given())
    taken, value = run(inputs)
    assert value is inputs[0]
    np.testing.assert_allclose(value, want[1], rtol=1e-6)
    np.testing.assert_array_equal(taken, want[0])
    assert run.memory.arena_bytes == 0


def test_compile_graph_leaves_inputs_alone() -> None:
    inputs, run = given(), compile_graph(parse(STEP))
    value = run(inputs)[1]
    np.testing.assert_array_equal(inputs[0], given()[0])
    assert not np.shares_memory(value, inputs[0])


def test_a_run_that_fails_has_written_nothing() -> None:
    inputs, run = given(), compile_step(parse(STEP))
    inputs[2] = np.array([3, 0, 30, 7])
    with pytest.raises(IndexError):
        run(inputs)
    np.testing.assert_array_equal(inputs[0], given()[0])


@pytest.mark.parametrize("kind", ["read-only", "strided"])
def test_inputs_that_cannot_be_written_as_they_are_come_back_fresh(kind: str) -> None:
    inputs, run = given(), compile_step(parse(STEP))
    if kind == "strided":
        inputs[0] = np.asfortranarray(inputs[0])
    else:
        inputs[0].flags.writeable = False
    value = run(inputs)[1]
    np.testing.assert_array_equal(inputs[0], given()[0])
    np.testing.assert_allclose(value, interpret(parse(STEP))(given())[1], rtol=1e-6)


NOT_IN_PLACE = {
    "the old value is a result": "return %0\n  write %0 <- %3",
    "the new value is a result": "return %3\n  write %0 <- %3",
    "the old value is read later": "return %4\n  write %0 <- %3",
    "a later step can fail": "return %5\n  write %0 <- %3",
}


@pytest.mark.parametrize("case", NOT_IN_PLACE)
def test_updates_that_must_not_be_in_place(case: str) -> None:
    text = f"""graph g(%0: f32[20, 20], %1: f32[20, 20], %2: i64[3]) {{
  %3: f32[20, 20] = sgd(%0, %1, 0.5, 0.1)
  %4: f32[20, 20] = matmul(%0, %3)
  %5: f32[3, 20] = take(%4, %2; dim=0)
  {NOT_IN_PLACE[case]}
}}"""
    x = normal(20, 20)
    inputs = [x.copy(), x + 1, np.array([0, 19, 5])]
    found = compile_step(parse(text))(inputs)
    np.testing.assert_array_equal(inputs[0], x)
    for got, want in zip(found, interpret(parse(text))(inputs), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


CHECKED_AGAIN = {  # the check that follows the update, and whether it cannot fail
    "the same index": ("%2", "take_grad(%4, {}; dim=0, size=20)", True),
    "part of the same index": ("%9", "take_grad(%8, {}; dim=0, size=20)", True),
    "against another size": ("%2", "take_grad(%4, {}; dim=0, size=19)", False),
    "another index": ("%7", "take_grad(%4, {}; dim=0, size=20)", False),
}


@pytest.mark.parametrize("case", CHECKED_AGAIN)
def test_a_check_that_has_been_made_cannot_fail_again(case: str) -> None:
    index, later, holds = CHECKED_AGAIN[case]
    rows = later.split("size=")[1][:2]
    text = f"""graph g(%0: f32[20, 20], %1: f32[20, 20], %2: i64[3], %7: i64[3]) {{
  %4: f32[3, 20] = take(%1, %2; dim=0)
  %8: f32[2, 20] = slice(%4; index=((0, 2, 1), (0, 20, 1)))
  %9: i64[2] = slice(%2; index=((0, 2, 1),))
  %3: f32[20, 20] = sgd(%0, %1, 0.5, 0.1)
  %5: f32[{rows}, 20] = {later.format(index)}
  return %5
  write %0 <- %3
}}"""
    inputs = [normal(20, 20), normal(20, 20) + 1, np.array([0, 18, 5]), np.array([4, 4, 4])]
    want, run = interpret(parse(text))(inputs), compile_step(parse(text))
    found = run(list(inputs))
    assert (found[1] is inputs[0]) == holds
    for got, expected in zip(found, want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    before = inputs[0].copy()
    inputs[2] = np.array([0, 20, 5])
    with pytest.raises(IndexError, match="out of range"):
        run(list(inputs))
    np.testing.assert_array_equal(inputs[0], before)


def test_a_check_that_never_ran_holds_nothing() -> None:
    text = """graph g(%0: f32[20, 20], %1: f32[20, 0], %2: i64[3], %3: f32[3, 20]) {
  %4: f32[3, 0] = take(%1, %2; dim=0)
  %5: f32[20, 20] = sgd(%0, %0, 0.5, 0.1)
  %6: f32[20, 20] = take_grad(%3, %2; dim=0, size=20)
  return %4, %6
  write %0 <- %5
}"""
    x = normal(20, 20)
    inputs = [x.copy(), normal(20, 0), np.array([0, 20, 5]), normal(3, 20)]
    with pytest.raises(IndexError):
        compile_step(parse(text))(inputs)
    np.testing.assert_array_equal(inputs[0], x)


def test_a_step_that_reads_its_loss_still_writes_in_place() -> None:
    text = """graph g(%0: f32[20, 20], %1: f32[20, 20]) {
  %2: f32[20, 20] = sgd(%0, %1, 0.5, 0.1)
  %3: f32[] = sum(%1; dims=(0, 1), keepdim=False)
  %4: f64 = scalar.item(%3)
  return %4
  write %0 <- %2
}"""
    inputs = [normal(20, 20), normal(20, 20) + 1]
    want = interpret(parse(text))([a.copy() for a in inputs])
    _, value = compile_step(parse(text))(inputs)
    assert value is inputs[0]
    np.testing.assert_allclose(value, want[1], rtol=1e-6)


def test_a_compiled_step_writes_where_parameters_lie() -> None:
    p = lt.randn(50, 40, requires_grad=True)
    x = lt.randn(8, 50)

    def step() -> lt.Tensor:
        p.grad = None
        loss = (x @ p).square().sum()
        loss.backward()
        with lt.no_grad():
            p.sub_(p.grad.mul(0.001))
        return loss

    before, address = p.detach().clone(), p.detach().numpy().ctypes.data
    compiled = lc.compile(step)
    losses = [float(compiled().item()) for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert p.detach().numpy().ctypes.data == address
    twin = before.clone().requires_grad_()
    for _ in range(5):
        (x @ twin).square().sum().backward()
        with lt.no_grad():
            twin.sub_(twin.grad.mul(0.001))
        twin.grad = None
    np.testing.assert_allclose(p.detach().numpy(), twin.detach().numpy(), rtol=1e-4, atol=1e-5)
