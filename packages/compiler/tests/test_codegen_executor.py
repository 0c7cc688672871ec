"""CompiledGraph as an executor: bad inputs, scalars, effects, extern steps, and reentrancy."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from lamella.compiler._native import _load
from lamella.compiler._plan import Span, plan
from lamella.compiler.executor import compile_graph
from lamella.graph import interpret, parse

ADD = """graph add(%0: f32[3, 4], %1: f64) {
  %2: f32[3, 4] = mul(%0, %1)
  %3: f64 = scalar.add(%1, 1.0)
  return %2, %3
}"""


def normal(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (lambda: [normal(3, 5), 2.0], r"input 0 must be f32\[3, 4\], got float32\[3, 5\]"),
        (lambda: [normal(3, 4).astype(np.float64), 2.0], "float64"),
        (lambda: [normal(12), 2.0], r"\[12\]"),
        (lambda: [[1.0], 2.0], "list"),
        (lambda: [normal(3, 4), 2], "input 1 must be a Python float, got 2"),
        (lambda: [normal(3, 4), np.float64(2)], "input 1"),
        (lambda: [normal(3, 4).astype(">f4"), 2.0], "input 0"),
    ],
)
def test_wrong_inputs_are_named(inputs: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        compile_graph(parse(ADD))(inputs())


def test_wrong_number_of_inputs() -> None:
    with pytest.raises(ValueError, match="takes 2 inputs, got 1"):
        compile_graph(parse(ADD))([normal(3, 4)])
    run = compile_graph(parse("graph g(%0: f32[2]) {\n  %1: f32[2] = neg(%0)\n  return %1\n}"))
    with pytest.raises(ValueError, match="takes 1 inputs, got 2"):
        run([normal(2), normal(2)])


def test_subclasses_and_strided_inputs_are_copied_once() -> None:
    run = compile_graph(parse(ADD))

    class Mine(np.ndarray):  # type: ignore[type-arg]
        pass

    x = normal(3, 4)
    misaligned = np.frombuffer(b"\0" + x.tobytes(), np.float32, offset=1).reshape(3, 4)
    for given in (x.view(Mine), np.asfortranarray(x), misaligned, x[::-1][::-1]):
        out, number = run([given, 2.0])
        np.testing.assert_array_equal(out, x * 2)
        assert number == 3.0


def test_reading_arrays_by_asking_numpy_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load.runtime().reads_lists, "this interpreter keeps its objects where the runtime looks"
    monkeypatch.setattr(_load.runtime(), "reads_lists", False)
    run = compile_graph(parse(ADD))
    x = normal(3, 4)
    np.testing.assert_array_equal(run([x.T.copy().T, 2.0])[0], x * 2)
    with pytest.raises(TypeError, match="input 0"):
        run([x[:2], 2.0])


SCALARS = """graph s(%0: f32[5], %1: i64, %2: f64, %3: bool) {
  %4: f64 = scalar.mul(%2, %1)
  %5: i64 = scalar.floordiv(%1, 2)
  %6: f64 = scalar.where(%3, %4, 0.5)
  %7: f64 = scalar.cos(%6)
  %8: bool = scalar.lt(%1, 3)
  %9: i64 = scalar.max(%5, 7)
  %10: f32[5] = mul(%0, %7)
  %11: f32[5] = add(%10, %9)
  %12: f32[5] = pow(%0, %5)
  %13: f64 = scalar.mul(%2, -inf)
  %14: bool = scalar.ne(%2, nan)
  return %11, %12, %4, %5, %6, %8, %9, %13, %14
}"""


def test_host_scalars_follow_python() -> None:
    graph = parse(SCALARS)
    run, oracle = compile_graph(graph), interpret(graph)
    for i, f, b in ((4, 0.25, True), (-7, 1.5, False), (2, -0.0, True)):
        for got, want in zip(run([normal(5), i, f, b]), oracle([normal(5), i, f, b]), strict=True):
            assert type(got) is type(want)
            np.testing.assert_allclose(got, want, rtol=1e-6)


def test_outputs_constants_and_effects() -> None:
    graph = parse("""graph e(%0: f32[4], %1: f32[4]) {
  %2: f32[4] = add(%0, %1)
  %3: f32[2] = slice(%0; index=((0, 4, 2),))
  return %0, %3, %2, 1.5, None
  write %0 <- %2
  write %1 <- %0
}""")
    run = compile_graph(graph)
    x, y = normal(4), normal(4) + 1
    a, b, c, number, nothing, new_x, new_y = run([x, y])
    assert a is x
    assert not np.shares_memory(b, x)
    assert (number, nothing) == (1.5, None)
    np.testing.assert_array_equal(new_x, x + y)
    np.testing.assert_array_equal(c, new_x)
    np.testing.assert_array_equal(new_y, x)
    assert not np.shares_memory(new_y, x), "effects may be committed in any order"


EXTERN = """graph x(%0: f32[20, 30], %1: f32[30, 40], %2: i64[5], %3: i64, %4: i64) {
  %5: f32[20, 40] = matmul(%0, %1)
  %6: f32[20, 40] = relu(%5)
  %7: f32[40, 20] = permute(%6; dims=(1, 0))
  %8: f32[40, 40] = matmul(%7, %6)
  %9: f32[5, 40] = take(%8, %2; dim=0)
  %10: bool[5, 40] = bernoulli(%3, %4; p=0.5, shape=(5, 40), dtype=bool)
  %11: f32[5, 40] = where(%10, %9, 0.0)
  %12: f32[10, 40] = cat(%11, %9; dim=0)
  %13: f32[10, 40], %14: i64[10, 40] = sort(%12; dim=0, descending=False)
  return %13, %8
}"""


def test_extern_steps_run_on_planned_memory() -> None:
    graph = parse(EXTERN)
    run = compile_graph(graph)
    inputs = [normal(20, 30), normal(30, 40), np.array([3, 0, 39, 7, 7]), 11, 5]
    for _ in range(3):
        for got, want in zip(run(inputs), interpret(graph)(inputs), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    assert "library lm_product: matmul" in run.explain()
    assert "extern sort" in run.explain()
    first, second = run(inputs)[0], run(inputs)[0]
    assert not np.shares_memory(first, second)
    inputs[2] = np.array([3, 0, 40, 7, 7])
    with pytest.raises(IndexError, match="40"):
        run(inputs)


def test_types_without_kernels_run_as_extern_steps() -> None:
    graph = parse("""graph c(%0: c64[3], %1: u8[3]) {
  %2: c64[3] = mul(%0, %0)
  %3: bool[3] = lt(%1, 300)
  return %2, %3
}""")
    run = compile_graph(graph)
    x = np.array([1 + 2j, 3j, 0], np.complex64)
    product, small = run([x, np.array([0, 44, 255], np.uint8)])
    np.testing.assert_allclose(product, x * x)
    assert small.all()


def test_a_call_inside_a_call_and_from_threads() -> None:
    run = compile_graph(parse(EXTERN))
    inputs = [normal(20, 30), normal(30, 40), np.array([3, 0, 39, 7, 7]), 11, 5]
    want = run(inputs)[0]
    wrong: list[int] = []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(100) if not np.array_equal(run(inputs)[0], want))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_plan_reuses_memory_without_overlap() -> None:
    rng = np.random.default_rng(3)
    spans = []
    for key in range(200):
        first = int(rng.integers(0, 100))
        spans.append(Span(key, int(rng.integers(0, 5000)), first, first + int(rng.integers(0, 6))))
    made = plan(spans)
    for a in spans:
        assert made.offsets[a.key] % 64 == 0
        assert made.offsets[a.key] + a.size_bytes <= made.arena_bytes
        for b in spans:
            if a.key < b.key and a.first <= b.last and b.first <= a.last and a.size_bytes and b.size_bytes:
                p, q = made.offsets[a.key], made.offsets[b.key]
                assert p + a.size_bytes <= q or q + b.size_bytes <= p
    assert made.arena_bytes < sum(s.size_bytes for s in spans) / 4


def test_an_extern_step_reads_what_lies_in_an_output_until_that_is_made() -> None:
    graph = parse("""graph g(%0: f32[4, 3], %1: f32[4, 1]) {
  %2: f32[4, 3] = mul(%0, 2.0)
  %3: f32[4, 3], %4: i64[4, 3] = sort(%2; dim=1, descending=False)
  %5: f32[4, 1] = sum(%3; dims=(1,), keepdim=True)
  %6: f32[4, 3] = add(%2, %5)
  return %3, %6
}""")
    inputs = [np.arange(12, dtype=np.float32).reshape(4, 3) - 5.0, np.ones((4, 1), np.float32)]
    for got, want in zip(compile_graph(graph)(inputs), interpret(graph)(inputs), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_the_first_of_a_tensor_without_dims(op: str) -> None:
    graph = parse(f"graph g(%0: f32[]) {{\n  %1: i64[] = {op}(%0; dim=0, keepdim=False)\n  return %1\n}}")
    (found,) = compile_graph(graph)([np.array(3.0, np.float32)])
    assert found.shape == ()
    assert found == 0
