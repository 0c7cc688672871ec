"""What shares a kernel: rows of softmax, norms and cross-entropy in one, chains, siblings, and what must not fuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamella.compiler import _assembly, _cache, _toolchain
from lamella.compiler._c import _unit
from lamella.compiler.executor import CompiledGraph, compile_graph
from lamella.graph import Graph, interpret, parse


def run(text: str, *inputs: Any, rtol: float = 2e-5) -> CompiledGraph:
    """Compile a graph, compare it with the interpreter, and give it back."""
    graph: Graph = parse(text)
    compiled = compile_graph(graph)
    for got, want in zip(compiled(list(inputs)), interpret(graph)(list(inputs)), strict=True):
        if isinstance(want, np.ndarray):
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)
        else:
            assert got == want
    return compiled


def normal(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


FORWARD = {
    "softmax": (
        """graph g(%0: f32[37, 70]) {
  %1: f32[37, 70] = softmax(%0; dim=1)
  return %1
}""",
        (normal(37, 70),),
    ),
    "log_softmax over the middle": (
        """graph g(%0: f32[4, 30, 50]) {
  %1: f32[4, 30, 50] = log_softmax(%0; dim=1)
  return %1
}""",
        (normal(4, 30, 50),),
    ),
    "layer_norm of a sum": (
        """graph g(%0: f32[37, 70], %1: f32[37, 70], %2: f32[70], %3: f32[70]) {
  %4: f32[37, 70] = add(%0, %1)
  %5: f32[37, 70], %6: f32[37, 1], %7: f32[37, 1] = layer_norm(%4, %2, %3; ndims=1, eps=1e-05)
  %8: f32[37, 70] = relu(%5)
  return %8, %6, %7
}""",
        (normal(37, 70), normal(37, 70), normal(70), normal(70)),
    ),
    "batch_norm": (
        """graph g(%0: f32[6, 5, 7, 9], %1: f32[5], %2: f32[5]) {
  %4: f32[6, 5, 7, 9], %5: f32[5], %6: f32[5] = batch_norm(%0, %1, %2; eps=1e-05)
  return %4, %5, %6
}""",
        (normal(6, 5, 7, 9), normal(5), normal(5)),
    ),
    "cross_entropy of biased logits": (
        """graph g(%0: f32[64, 10], %1: f32[10], %2: i64[64]) {
  %3: f32[64, 10] = add(%0, %1)
  %4: f32[], %5: f32[64, 10] = cross_entropy(%3, %2; label_smoothing=0.0, ignore_index=-100, reduction="mean")
  return %4, %5
}""",
        (normal(64, 10), normal(10), np.arange(64) % 10),
    ),
    "mean squared error": (
        """graph g(%0: f32[64, 10], %1: f32[64, 10]) {
  %2: f32[64, 10] = sub(%0, %1)
  %3: f32[64, 10] = mul(%2, %2)
  %4: f32[] = sum(%3; dims=(0, 1), keepdim=False)
  %5: f32[] = div(%4, 640.0)
  return %5
}""",
        (normal(64, 10), normal(10, 64).T),
    ),
}

BACKWARD = {
    "softmax": (
        """graph g(%0: f32[37, 70], %1: f32[37, 70]) {
  %2: f32[37, 70] = mul(%0, %1)
  %3: f32[37, 1] = sum(%2; dims=(1,), keepdim=True)
  %4: f32[37, 70] = sub(%0, %3)
  %5: f32[37, 70] = mul(%1, %4)
  return %5
}""",
        (normal(37, 70), normal(37, 70)),
    ),
    "layer_norm with the gradients of weight and bias": (
        """graph g(%0: f32[70, 40], %1: f32[70, 40], %2: f32[70, 1], %3: f32[70, 1], %4: f32[40]) {
  %5: f32[70, 40] = sub(%0, %2)
  %6: f32[70, 40] = mul(%5, %3)
  %7: f32[70, 40] = mul(%1, %4)
  %8: f32[70, 1] = sum(%7; dims=(1,), keepdim=True)
  %9: f32[70, 1] = div(%8, 40.0)
  %10: f32[70, 40] = sub(%7, %9)
  %11: f32[70, 40] = mul(%7, %6)
  %12: f32[70, 1] = sum(%11; dims=(1,), keepdim=True)
  %13: f32[70, 1] = div(%12, 40.0)
  %14: f32[70, 40] = mul(%6, %13)
  %15: f32[70, 40] = sub(%10, %14)
  %16: f32[70, 40] = mul(%15, %3)
  %17: f32[70, 40] = mul(%1, %6)
  %18: f32[40] = sum(%17; dims=(0,), keepdim=False)
  %19: f32[40] = sum(%1; dims=(0,), keepdim=False)
  return %16, %18, %19
}""",
        (normal(70, 40), normal(70, 40), normal(70, 1), normal(70, 1), normal(40)),
    ),
    "cross_entropy of a sum": (
        """graph g(%0: f32[], %1: f32[64, 10], %2: i64[64]) {
  %3: f32[64, 10] = cross_entropy_grad(%0, %1, %2; label_smoothing=0.1, ignore_index=-100, reduction="sum")
  %4: f32[10] = sum(%3; dims=(0,), keepdim=False)
  return %3, %4
}""",
        (np.array(0.5, np.float32), normal(64, 10), np.arange(64) % 10),
    ),
}


@pytest.mark.parametrize("name", FORWARD)
def test_forward_is_one_kernel(name: str) -> None:
    text, inputs = FORWARD[name]
    compiled = run(text, *inputs)
    assert len(compiled.kernels) == 1, compiled.explain()
    assert compiled.memory.arena_bytes <= 1024, "only partial sums need memory"


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_is_one_kernel(name: str) -> None:
    text, inputs = BACKWARD[name]
    compiled = run(text, *inputs)
    assert len(compiled.kernels) == 1, compiled.explain()


def test_siblings_over_one_input_share_a_kernel() -> None:
    compiled = run(
        """graph g(%0: f32[90, 80]) {
  %1: f32[90, 80] = exp(%0)
  %2: f32[90, 80] = relu(%0)
  %3: f32[90] = sum(%0; dims=(1,), keepdim=False)
  return %1, %2, %3
}""",
        normal(90, 80),
    )
    assert len(compiled.kernels) == 1


def test_independent_chains_that_meet_become_one() -> None:
    compiled = run(
        """graph g(%0: f32[90, 80], %1: f32[90, 80]) {
  %2: f32[90, 80] = exp(%0)
  %3: f32[90, 80] = sin(%1)
  %4: f32[90, 80] = add(%2, %3)
  return %4
}""",
        normal(90, 80),
        normal(80, 90).T,
    )
    assert len(compiled.kernels) == 1


def test_fusion_across_an_extern_step_makes_no_cycle() -> None:
    compiled = run(
        """graph g(%0: f32[70, 70]) {
  %1: f32[70, 70] = exp(%0)
  %2: f32[70, 70] = matmul(%1, %1)
  %3: f32[70, 70] = add(%1, %2)
  %4: f32[70, 70] = mul(%3, %0)
  return %4
}""",
        normal(70, 70),
        rtol=1e-3,
    )
    assert len(compiled.kernels) == 2


def test_a_value_read_transposed_is_materialized() -> None:
    compiled = run(
        """graph g(%0: f32[70, 70]) {
  %1: f32[70, 70] = exp(%0)
  %2: f32[70, 70] = permute(%1; dims=(1, 0))
  %3: f32[70, 70] = add(%1, %2)
  return %3
}""",
        normal(70, 70),
    )
    assert len(compiled.kernels) == 2


def test_equal_kernels_of_different_sizes_are_compiled_once() -> None:
    lines = [f'  %{k + 6}: f32[{n}, {m}] = gelu(%{k}; approximate="none")' for k, (n, m) in enumerate(SIZES)]
    inputs = ", ".join(f"%{k}: f32[{n}, {m}]" for k, (n, m) in enumerate(SIZES))
    text = f"graph g({inputs}) {{\n" + "\n".join(lines) + "\n  return %6, %7, %8, %9, %10, %11\n}"
    compiled = run(text, *(normal(n, m) for n, m in SIZES))
    assert len(compiled.kernels) == 6
    assert len({kernel.number for kernel in compiled.kernels}) == 1


SIZES = [(70, 70), (71, 80), (100, 90), (200, 33), (90, 77), (128, 64)]


def test_generators_are_computed_where_they_are_read() -> None:
    compiled = run(
        """graph g(%0: f32[70, 70]) {
  %1: f32[70, 70] = full(2.0; shape=(70, 70), dtype=f32)
  %2: i64[70] = arange(0, 70, 1; dtype=i64)
  %3: f32[70] = cast(%2; dtype=f32)
  %4: f32[70, 70] = mul(%0, %1)
  %5: f32[70, 70] = add(%4, %3)
  return %5
}""",
        normal(70, 70),
    )
    assert len(compiled.kernels) <= 2
    assert compiled.memory.arena_bytes <= 320


def test_kernels_stay_small_enough_to_compile() -> None:
    lines, last = [], 0
    for k in range(1, 400):
        lines.append(f"  %{k}: f32[8, 8] = {'sin' if k % 2 else 'exp'}(%{last})")
        last = k
    text = "graph g(%0: f32[8, 8]) {\n" + "\n".join(lines) + f"\n  return %{last}\n}}"
    compiled = run(text, normal(8, 8), rtol=1e-2)
    assert 400 // 64 <= len(compiled.kernels) <= 10


def test_updates_of_all_parameters_are_one_kernel() -> None:
    shapes = [(7,), (40, 30), (3, 3, 5), (64,), (500, 20)]
    inputs, lines, outs = [], [], []
    for k, shape in enumerate(shapes):
        kind, base, made = f"f32{list(shape)}", 5 * k, 100 + 4 * k
        inputs += [f"%{base + j}: {kind}" for j in range(4)] + [f"%{base + 4}: f32[]"]
        results = ", ".join(f"%{made + j}: {kind}" for j in range(3))
        operands = ", ".join(f"%{base + j}" for j in range(5))
        lines.append(f"  {results}, %{made + 3}: f32[] = adam({operands}, %90, 0.9, 0.99, 1e-08, 0.01; decoupled=True)")
        outs += [f"%{made + j}" for j in range(4)]
    text = f"graph g({', '.join(inputs)}, %90: f64) {{\n" + "\n".join(lines) + f"\n  return {', '.join(outs)}\n}}"
    arrays: list[object] = []
    for shape in shapes:
        arrays += [normal(*shape), normal(*shape), normal(*shape), np.abs(normal(*shape)), np.array(3, np.float32)]
    compiled = run(text, *arrays, 0.1)
    assert len({k.number for k in compiled.kernels if "pow" in k.printed.text}) == 1, compiled.explain()


def test_a_large_unit_is_compiled_in_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_unit, "_FILE_BYTES", 500)
    monkeypatch.setattr(_assembly, "usable_cpus", lambda: 3)
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "cache"))
    compiled = run(
        """graph parts(%0: f32[6, 50], %1: f32[70], %2: f32[9, 8], %3: f32[40]) {
  %4: f32[6, 50] = softmax(%0; dim=1)
  %5: f32[70] = exp(%1)
  %6: f32[8] = sum(%2; dims=(0,), keepdim=False)
  %7: f32[40] = tanh(%3)
  return %4, %5, %6, %7
}""",
        normal(6, 50), normal(70), normal(9, 8), normal(40),
    )  # fmt: skip
    assert len(compiled.kernels) == 4
    key = next((tmp_path / "cache").glob("*.2.c")).name.partition(".")[0]
    assert len(list((tmp_path / "cache").glob(f"{key}*.c"))) == 3
    assert _cache.source(key) == compiled.c_source


def test_a_group_that_nobody_has_read_waits_for_what_joins_it() -> None:
    compiled = run(
        """graph later(%0: f32[300, 40], %1: f32[40, 300]) {
  %2: f32[300, 40] = exp(%0)
  %3: f32[40, 40] = matmul(%1, %0)
  %4: f32[300, 40] = matmul(%0, %3)
  %5: f32[300, 40] = add(%2, %4)
  return %5
}""",
        normal(300, 40),
        normal(40, 300),
        rtol=1e-3,
    )
    assert len(compiled.kernels) == 1, "exp runs after the products, with add"


def test_what_is_looked_up_anywhere_is_complete_before_the_kernel_that_looks() -> None:
    compiled = run(
        """graph g(%0: f32[3, 1], %1: f32[3, 1], %2: i64[3]) {
  %3: f32[3, 1] = mul(%0, %1)
  %4: f32[3, 1] = take(%3, %2; dim=0)
  %5: f32[3, 1] = add(%4, %3)
  return %5
}""",
        normal(3, 1),
        normal(3, 1),
        np.array([2, 0, -1]),
    )
    assert len(compiled.kernels) == 2


def test_a_sum_of_more_single_numbers_than_a_kernel_reads() -> None:
    count = 60
    lines = [f"  %{count + 1}: f32[] = add(%1, %2)"]
    lines += [f"  %{count + k}: f32[] = add(%{count + k - 1}, %{k + 1})" for k in range(2, count)]
    last = 2 * count - 1
    inputs = ", ".join(f"%{k}: f32[]" for k in range(1, count + 1))
    text = f"graph g(%0: f32[3], {inputs}) {{\n" + "\n".join(lines)
    text += f"\n  %{last + 1}: f32[3] = mul(%0, %{last})\n  return %{last}, %{last + 1}\n}}"
    run(text, normal(3), *(np.array(k, np.float32) for k in range(count)))


def test_a_number_is_checked_where_what_reads_it_is_empty() -> None:
    compiled = compile_graph(
        parse("""graph g(%0: i64[1], %1: i64[1], %2: i64[0]) {
  %3: i64[1] = floor_divide(%0, %1)
  %4: i64[0] = add(%2, %3)
  return %4
}""")
    )
    one, nothing = np.ones(1, np.int64), np.zeros(0, np.int64)
    assert compiled([one, one, nothing])[0].shape == (0,)
    with pytest.raises(ZeroDivisionError):
        compiled([one, one - 1, nothing])


@pytest.mark.parametrize("region", ["", " region 1"])
def test_what_is_computed_again_and_later_joins_no_kernel_that_ran_before(region: str) -> None:
    compiled = run(
        f"""graph again(%0: f32[300, 40], %1: f32[40, 40]) {{
  %2: f32[300, 40] = matmul(%0, %1)
  %3: f32[300, 40] = exp(%2)
  %4: f32[300, 40] = matmul(%3, %1)
  %5: f32[300, 40] = sqrt(%2){region}
  %6: f32[300, 40] = matmul(%5, %1)
  %7: f32[300, 40] = tanh(%2)
  %8: f32[300, 40] = add(%6, %7)
  return %4, %8
}}""",
        np.abs(normal(300, 40)),
        np.abs(normal(40, 40)) / 40,
        rtol=1e-3,
    )
    sources = [kernel.made.kernel.source for kernel in compiled.kernels]
    for later in ("sqrt", "tanh"):
        assert any("exp" in source and later in source for source in sources) == (region == "")


NORM = """graph g(%0: f32[640, 48], %1: f32[48], %2: f32[48]) {
  %3: f32[640, 48], %4: f32[48], %5: f32[48] = batch_norm(%0, %1, %2; eps=1e-05)
  return %3, %4, %5
}"""


def test_statistics_of_columns_are_one_kernel() -> None:
    """Mean and distances are found together, and the second kernel reads what the first has read."""
    compiled = run(NORM, normal(640, 48) + 2, normal(48), normal(48))
    assert len(compiled.kernels) == 2
    assert compiled.memory.arena_bytes < 640 * 48


def test_a_cheap_value_is_computed_again_where_it_is_read() -> None:
    compiled = run(
        """graph g(%0: f32[640, 48]) {
  %1: f32[48] = mean(%0; dims=(0,), keepdim=False)
  %2: f32[640, 48] = sub(%0, %1)
  %3: f32[640, 48] = mul(%2, %2)
  %4: f32[48] = mean(%3; dims=(0,), keepdim=False)
  %5: f32[48] = add(%4, 1e-05)
  %6: f32[48] = rsqrt(%5)
  %7: f32[640, 48] = mul(%2, %6)
  return %7, %1, %6
}""",
        normal(640, 48) + 2,
    )
    assert len(compiled.kernels) == 3
    assert compiled.memory.arena_bytes < 640 * 48, "the difference from the mean is in no memory"


def test_a_value_computed_again_reads_others_that_are() -> None:
    compiled = run(
        """graph g(%0: f32[640, 48], %1: f32[640, 48]) {
  %2: f32[48] = mean(%0; dims=(0,), keepdim=False)
  %3: f32[640, 48] = sub(%0, %2)
  %4: f32[640, 48] = mul(%3, %3)
  %5: f32[48] = mean(%4; dims=(0,), keepdim=False)
  %6: f32[640, 48] = mul(%3, %5)
  %7: f32[640, 48] = mul(%6, %1)
  %8: f32[48] = mean(%7; dims=(0,), keepdim=False)
  %9: f32[640, 48] = add(%6, %8)
  %10: f32[640, 48] = mul(%9, %3)
  return %10
}""",
        normal(640, 48),
        normal(641, 48)[1:],
    )
    assert compiled.memory.arena_bytes < 640 * 48


@pytest.mark.parametrize(("a", "b", "c"), [(2, 2, 3), (4, 4, 4), (1, 5, 5)])
def test_what_is_read_with_its_dims_in_another_order_is_not_computed_at_the_readers_point(
    a: int, b: int, c: int
) -> None:
    run(
        f"""graph g(%0: f32[{a}, {b}, {c}]) {{
  %1: f32[{c}, {b}, {a}] = permute(%0; dims=(2, 1, 0))
  %2: f32[{c}, {b}, {a}] = add(%1, 1.0)
  %3: f32[{a}, {b}, {c}] = view_write(%0, %2; chain=(("permute", (2, 1, 0)),))
  %4: i64[{a * b * c}] = arange(0, {a * b * c}, 1; dtype=i64)
  %5: i64[{a}, {b}, {c}] = reshape(%4; shape=({a}, {b}, {c}))
  %6: f32[{a}, {b}, {c}] = cast(%5; dtype=f32)
  %7: f32[{a}, {b}, {c}] = mul(%6, %3)
  return %7
}}""",
        normal(a, b, c),
    )


@pytest.mark.parametrize(
    ("made", "read"),
    [
        ("pow(%3, %0)", "mul(%4, %5)"),  # dear
        ("mul(%3, %0)", "flip(%4; dims=(0,))"),  # at another point
    ],
)
def test_other_values_are_written_once(made: str, read: str) -> None:
    compiled = run(
        f"""graph g(%0: f32[640, 48]) {{
  %1: f32[48] = mean(%0; dims=(0,), keepdim=False)
  %3: f32[640, 48] = sub(%0, %1)
  %4: f32[640, 48] = {made}
  %5: f32[48] = mean(%4; dims=(0,), keepdim=False)
  %6: f32[640, 48] = {read}
  return %5, %6
}}""",
        np.clip(np.abs(normal(640, 48)), 0.5, 2),
        rtol=1e-4,
    )
    touched = sum(root.size == 640 * 48 for kernel in compiled.kernels for root in kernel.roots)
    assert touched == 5, "x twice, the value written and read, the result"


@pytest.mark.parametrize(("graph", "past"), [(NORM, True), (FORWARD["softmax"][0], False)])
def test_results_that_fill_the_last_cache_go_past_it(graph: str, past: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing reads them again, in kernels that wait for memory; exp takes longer than that."""
    target = _toolchain.host_target()._replace(cache_bytes=37 * 70 * 8)
    monkeypatch.setattr(_toolchain, "host_target", lambda: target)
    inputs = (normal(640, 48), normal(48), normal(48)) if graph == NORM else FORWARD["softmax"][1]
    assert ("lm_drain();" in run(graph, *inputs).c_source) == past
