"""The Triton printer without Triton: operations have texts, schedules keep promises, kernels read well."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import pytest

from lamella.compiler._kernel import KernelBuilder, Level, Position
from lamella.compiler._kernel._ir import FLOATS, INTS, OPERATIONS, STORAGE_TYPES, VALUE_TYPES
from lamella.compiler._kernel._verify import result_type
from lamella.compiler._triton import _binding, _schedule
from lamella.compiler._triton._compile import compile_functions
from lamella.compiler._triton._library import LIBRARY, closure
from lamella.compiler._triton._print import module_text, print_kernel
from lamella.compiler._triton._values import POINTERS, Val, literal, operation, template
from lamella.compiler.triton import TritonMissing, print_graph
from lamella.graph import parse


def test_every_operation_of_the_ir_has_a_text_for_every_type_it_takes() -> None:
    for op in OPERATIONS - {"cast"}:
        for dtype in VALUE_TYPES:
            for types in ((dtype,), (dtype, dtype), ("bool", dtype, dtype)):
                out = result_type(op, types)
                if out is not None:
                    text = operation(op, out, [Val(n) for n in "xyz"[: len(types)]], list(types))
                    ast.parse(text)
    for source in VALUE_TYPES:
        for target in VALUE_TYPES:
            ast.parse(operation("cast", target, [Val("x")], [source]))


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(KeyError, match="the Triton target has no text for bessel of f32"):
        template("bessel", "f32")


def test_library_functions_parse_and_come_after_what_they_call() -> None:
    for name in LIBRARY:
        texts = closure({name})
        seen: set[str] = set()
        for text in texts:
            (function,) = ast.parse(text).body
            assert isinstance(function, ast.FunctionDef)
            called = {n.func.id for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            assert {c for c in called if c.startswith("lm_")} <= seen
            assert ast.get_docstring(function)
            seen.add(function.name)
        assert name in seen


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (True, "bool", "True"),
        (-3, "i32", "-3"),
        (0.1, "f64", "0.1"),
        (0.1, "f32", "0.100000001"),
        (1.0, "f32", "1.0"),
        (-2.5, "f64", "(-2.5)"),
        (float("inf"), "f32", 'float("inf")'),
        (1e39, "f32", 'float("inf")'),
        (float("nan"), "f64", 'float("nan")'),
    ],
)
def test_literals(value: Any, dtype: str, text: str) -> None:
    assert literal(value, dtype) == text


def test_operations_on_literals_alone_keep_their_type() -> None:
    one, two = Val("1.0", 0, True), Val("2.0", 0, True)
    assert "tl.full([], 1.0, tl.float64)" in operation("add", "f64", [one, two], ["f64", "f64"])
    assert "tl.full([], 1.0, tl.float64)" in operation("select", "f64", [Val("c"), one, two], ["bool", "f64", "f64"])
    assert "tl.full([], 2.0, tl.float32)" in operation("pow", "f32", [Val("x"), two], ["f32", "f32"])


def _row_sum(rows: int, columns: int) -> Any:
    b = KernelBuilder((rows,), (columns,))
    x, y = b.buffer("f32", rows * columns), b.buffer("f32", rows, output=True)
    b.open(Level.INNER)
    (total,) = b.reduce("sum", b.load(x, Position(0, (columns, 1))), over="inner")
    b.open(Level.ROW)
    b.store(y, Position(0, (1, 0)), total)
    return b.finish(("sum",))


@pytest.mark.parametrize("rows", [0, 1, 3, 17, 4096])
@pytest.mark.parametrize("columns", [0, 1, 3, 1024, 1029, 16384, 100_000])
def test_schedules_cover_every_point_and_respect_limits(rows: int, columns: int) -> None:
    part = _schedule.schedule(_row_sum(rows, columns)).main
    assert part.chunks * part.row_steps * part.row_tile >= rows
    assert (part.programs == 0) == (rows == 0)
    assert part.row_tile * part.col_tile <= _schedule.MOST_TILE
    for number in (part.row_tile, part.col_tile, part.num_warps):
        assert number & (number - 1) == 0, "Triton wants powers of two"
    assert part.num_warps <= _schedule.MOST_WARPS
    assert part.loops_over_columns == (columns > part.col_tile)
    ast.parse(module_text([print_kernel(_row_sum(rows, columns)).text.replace("$KERNEL", "k")]))


def test_a_printed_kernel_reads_as_one_would_write_it() -> None:
    (function,) = print_kernel(_row_sum(64, 100)).functions
    assert (
        function.text
        == """@triton.jit
def $KERNEL(b0, b1):
    \"\"\"sum

    Axes i0=64, j0=100; 8 programs of 4 warps, tiles of 8 x 128.
    b0: f32[6400], read
    b1: f32[64], written
    \"\"\"
    pid = tl.program_id(0)
    c = tl.arange(0, 128)[None, :]
    cm = c < 100
    r = (pid * 8 + tl.arange(0, 8))[:, None]
    # every element
    v0 = tl.load(b0 + r * 100 + c, mask=cm, other=0)
    x1 = tl.where(cm, v0, 0.0)
    v1 = tl.sum(x1, 1, keep_dims=True)
    # every row
    tl.store(b1 + r, v1)
"""
    )


def test_same_kernels_are_printed_once() -> None:
    source = print_graph(
        parse("""
graph two(%0: f32[64, 128], %1: f32[64, 128]) {
  %2: f32[64, 128] = softmax(%0; dim=1)
  %3: f32[128, 64] = permute(%2; dims=(1, 0))
  %4: f32[64, 128] = softmax(%1; dim=1)
  %5: f32[64, 64] = matmul(%4, %3)
  return %5
}
""")
    )
    assert source.count("def k0(") == 1
    assert "def k1(" not in source


def test_importing_the_compiler_imports_neither_triton_nor_torch() -> None:
    code = (
        "import sys, lamella.compiler, lamella.compiler.triton as t; "
        "from lamella.graph import parse; "
        "t.print_graph(parse('graph g(%0: f32[3]) {\\n  %1: f32[3] = exp(%0)\\n  return %1\\n}\\n')); "
        "print(sorted({'triton', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_triton_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _binding._triton.cache_clear()
    monkeypatch.setattr(_binding, "installed", lambda: False)
    with pytest.raises(TritonMissing, match=r"pip install 'lamella-compiler\[triton\]'"):
        compile_functions(print_kernel(_row_sum(3, 4)).functions, 90)


def test_tables_of_types_are_whole() -> None:
    assert set(POINTERS) == set(STORAGE_TYPES)
    assert set(VALUE_TYPES) == FLOATS | INTS | {"bool"}
