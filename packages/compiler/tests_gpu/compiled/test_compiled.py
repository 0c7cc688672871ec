"""Every program of the suite compiles for each architecture without spills; what is compiled keeps exact arithmetic.

Nothing here needs a GPU, and nothing imports torch.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import program_suite as suite
import pytest

from lamella.compiler import _cache
from lamella.compiler._triton import _binding, _compile, _schedule
from lamella.compiler._triton._cubin import CubinError, resources
from lamella.compiler.triton import ARCHITECTURES, SpillError, TritonGraph, compile_graph, runs_on
from lamella.graph import parse


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_suite_compiles_without_spills(arch: int, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for name in [*suite.SUITE, *suite.OPEN]:
        graph = suite.graph(name) if name in suite.SUITE else suite.open_graph(name)
        made = compile_graph(graph, arch, suite.example(graph))
        assert made.functions, name
        lines += [f"{name} {f.line()}" for f in made.functions]
        for f in made.functions:
            assert f.resources.registers <= 255
            assert f.shared_bytes <= 48 * 1024
            given = [{"i32": 4, "fp32": 4}.get(kind, 8) for _, kind in f.function.arguments]
            taken = [size for _, size in f.resources.parameters]
            assert taken[: len(given)] == given
            assert taken[len(given) :] in ([], [8], [8, 8]), "after ours, at most two pointers to scratch"
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))


def test_the_report_says_what_cuobjdump_says() -> None:
    triton = pytest.importorskip("triton")
    (tool,) = Path(triton.__file__).parent.glob("backends/nvidia/bin/cuobjdump")
    for name in ("softmax", "math_f64", "layer_norm_backward"):
        for f in compile_graph(suite.graph(name), 90).functions:
            path = _cache.folder() / "looked_at.cubin"
            path.write_bytes(f.compiled.cubin)
            text = subprocess.run([tool, "-res-usage", path], check=True, capture_output=True, text=True).stdout
            found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+)", text)
            assert found, text
            needs = f.resources
            assert [int(n) for n in found.groups()] == [needs.registers, needs.stack_bytes, needs.static_shared_bytes]


def ptx(made: TritonGraph) -> list[str]:
    """The text in front of the machine code of each function."""
    return [f.compiled.cubin.decode("latin-1") for f in made.functions]


def test_products_and_sums_are_not_contracted() -> None:
    graph = parse("""
graph muladd(%0: f32[1000], %1: f32[1000], %2: f64[1000]) {
  %3: f32[1000] = mul(%0, %1)
  %4: f32[1000] = add(%3, %1)
  %5: f32[1000] = div(%4, %0)
  %6: f32[1000] = sqrt(%5)
  %7: f64[1000] = mul(%2, %2)
  %8: f64[1000] = add(%7, %2)
  return %6, %8
}
""")
    for text in ptx(compile_graph(graph, 90)):
        assert "mul.rn.f32" in text or "mul.f32" in text or "mul.rn.f64" in text or "mul.f64" in text
        assert "fma.rn.f32 \t%" not in text.split("div.rn")[0]
        assert ".ftz" not in text
        assert "approx" not in text


def test_a_second_compilation_comes_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = parse("graph own(%0: f32[123]) {\n  %1: f32[123] = exp(%0)\n  return %1\n}\n")
    first = compile_graph(graph, 90)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("compiled again")

    with monkeypatch.context() as m:
        m.setattr(_binding, "compile_function", refuse)
        again = compile_graph(graph, 90)
        assert [f.compiled for f in again.functions] == [f.compiled for f in first.functions]
        with pytest.raises(AssertionError, match="compiled again"):
            compile_graph(graph, 80)
    key = first.functions[0].key
    assert "def kernel(" in _cache.source(key)
    assert key in {entry.key for entry in _cache.entries()}
    (_cache.folder() / f"{key}.kernel").write_bytes(b"something else")
    with monkeypatch.context() as m:
        m.setattr(_binding, "compile_function", refuse)
        with pytest.raises(AssertionError, match="compiled again"):
            compile_graph(graph, 90)
    assert compile_graph(graph, 90).functions[0].resources == first.functions[0].resources


def test_a_spill_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_schedule, "THREAD_BYTES", 1 << 20)  # as if a thread had registers without end
    monkeypatch.setattr(_schedule, "REGISTER_BYTES", 1 << 30)
    monkeypatch.setattr(_schedule, "MOST_WARPS", 1)
    monkeypatch.setattr(suite, "COLUMNS", 8192)
    with pytest.raises(SpillError, match="bytes of stack on sm_90"):
        compile_graph(suite.graph("layer_norm_backward"), 90)
    monkeypatch.setattr(_compile, "STACK", (("layer_norm", 1 << 20, "this test"), ("sub", 1 << 20, "this test")))
    made = compile_graph(suite.graph("layer_norm_backward"), 90)
    assert any("bytes of stack" in f.line() for f in made.functions)


def test_wrong_architectures_and_files() -> None:
    with pytest.raises(ValueError, match="sm_80, sm_90 and sm_100, got 75"):
        compile_graph(suite.graph("softmax"), 75)
    with pytest.raises(CubinError, match="not a 64-bit ELF file"):
        resources(b"nothing of the kind", "kernel")
    cubin = compile_graph(suite.graph("softmax"), 90).functions[0].compiled.cubin
    with pytest.raises(CubinError, match="no kernel 'other'"):
        resources(cubin, "other")
    assert [runs_on(80, d) for d in (75, 80, 86, 89, 90)] == [False, True, True, True, False]
    assert [runs_on(90, d) for d in (89, 90, 100)] == [False, True, False]


def test_explain_and_files(tmp_path: Path) -> None:
    made = compile_graph(suite.graph("sums"), 90)
    text = made.explain()
    assert re.search(r"k0 sm_90: \d+ programs of \d+ warps, \d+ registers, \d+ bytes shared: sum", text)
    module, *cubins = made.write(tmp_path)
    assert module.read_text(encoding="utf-8") == made.source
    assert [path.name for path in cubins] == ["k0.sm_90.cubin", "k0_total.sm_90.cubin"]


def test_other_sizes_find_their_kernels_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in suite.OPEN:
        graph = suite.open_graph(name)
        first = compile_graph(graph, 90, suite.example(graph))
        with monkeypatch.context() as m:
            m.setattr(_binding, "compile_function", None)  # which would have to be called
            again = compile_graph(graph, 90, {name: 3 * n + 2 for name, n in suite.example(graph).items()})
        assert [f.key for f in again.functions] == [f.key for f in first.functions]


def test_explain_of_a_graph_with_named_sizes_says_for_which(tmp_path: Path) -> None:
    made = compile_graph(suite.open_graph("open_batch"), 90, {"n0": 5000})
    lines = made.explain().splitlines()
    assert lines[0].startswith("graph open_batch (for n0=5000): 2 kernel launches")
    assert re.match(r"  k0 sm_90: 250 programs of 8 warps, \d+ registers", lines[1])  # 5000 rows, 20 each
    module, *_ = made.write(tmp_path)
    assert module.read_text(encoding="utf-8") == made.source
    with pytest.raises(ValueError, match="has the named sizes n0, got sizes={}"):
        compile_graph(suite.open_graph("open_batch"), 90)


def test_without_a_gpu_a_call_says_what_is_missing() -> None:
    made = compile_graph(suite.graph("softmax"), 90)
    with pytest.raises(RuntimeError, match=r"needs CuPy|compute|device|driver"):
        made(suite.inputs(suite.graph("softmax")))


def test_torch_is_not_imported() -> None:
    compile_graph(suite.graph("softmax"), 90)
    assert "triton" in sys.modules
    assert "torch" not in sys.modules
