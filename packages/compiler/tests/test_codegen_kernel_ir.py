"""The kernel IR by itself: text, verifier, and printed kernels that no graph would make."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamella.compiler._c._unit import Unit
from lamella.compiler._kernel import Kernel, KernelBuilder, KernelError, Level, Position, kernel_text
from lamella.compiler._native._load import Frame, Loaded, build_unit, runtime
from lamella.compiler._schedule import schedule
from lamella.compiler._steps import FIRST, MISSING, Launch, Place, fill
from lamella.compiler._target import Target
from lamella.compiler._toolchain import host_target


def at(*strides: int, offset: int = 0) -> Position:
    return Position(offset, strides)


def softmax(rows: int, columns: int) -> Kernel:
    b = KernelBuilder((rows,), (columns,))
    x, y = b.buffer("f32", rows * columns), b.buffer("f32", rows * columns, output=True)
    kept = b.local("f32")
    here = at(columns, 1)
    b.open(Level.INNER)
    (top,) = b.reduce("max", b.load(x, here), over="inner")
    b.open(Level.INNER)
    power = b.apply("exp", b.apply("sub", b.load(x, here), top))
    b.put(kept, power)
    (total,) = b.reduce("sum", power, over="inner")
    b.open(Level.INNER)
    b.store(y, here, b.apply("div", b.get(kept), total))
    return b.finish(("softmax",))


def run(
    kernel: Kernel,
    *arrays: np.ndarray[Any, Any],
    target: Target | None = None,
    streams: frozenset[int] = frozenset(),
) -> None:
    """Compile one kernel and run it over its buffers in order."""
    unit = Unit(target or host_target())
    number, printed = unit.add(kernel, streams=streams)
    partial = np.zeros(printed.partial_bytes + 64, np.uint8)
    loaded = Loaded(build_unit(unit.source_files()), 1)
    place = Place(len(arrays)) if printed.partial_bytes else MISSING
    places = tuple(Place(k) for k in range(len(arrays)))
    launch = Launch(number, printed.chunks, places, tuple(printed.dims), partial=place)
    table, _ = fill([launch], loaded.kernels)
    data = (ctypes.c_void_p * (len(arrays) + 1))(*[a.ctypes.data for a in arrays], partial.ctypes.data)
    frame = Frame(ctypes.addressof(data), None, None, 0, table.ctypes.data)
    assert runtime().walk(ctypes.addressof(frame), FIRST) == 0


def row_sums(rows: int, columns: int) -> Kernel:
    """What rows abreast must keep apart: values of a row, a local buffer, a log, sums over rows and over both."""
    b = KernelBuilder((rows,), (columns,))
    x = b.buffer("f32", rows * columns)
    y, z, s = (b.buffer("f32", n, output=True) for n in (rows * columns, columns, 1))
    kept, here = b.local("f32"), at(columns, 1)
    b.open(Level.INNER)
    power = b.apply("exp", b.load(x, here))
    b.put(kept, power)
    (total,) = b.reduce("sum", power, over="inner")
    b.open(Level.ROW)
    size = b.apply("log", total)
    (whole,) = b.reduce("sum", size, over="grid")
    b.open(Level.INNER)
    value = b.apply("sub", b.get(kept), size)
    b.store(y, here, value)
    (column,) = b.reduce("sum", value, over="grid")
    b.open(Level.TOTAL_INNER)
    b.store(z, at(0, 1), column)
    b.open(Level.TOTAL)
    b.store(s, at(0, 0), whole)
    return b.finish()


@pytest.mark.parametrize("columns", [3, 16, 45, 256, 300, 5000])
@pytest.mark.parametrize("rows", [2, 4, 7, 9])
def test_rows_abreast_are_computed_as_rows_alone(rows: int, columns: int) -> None:
    x = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
    y, z, s = np.empty_like(x), np.empty(columns, np.float32), np.empty(1, np.float32)
    run(row_sums(rows, columns), x, y, z, s)
    alone = np.empty((rows, 1, columns), np.float32)
    for k in range(rows):
        run(row_sums(1, columns), np.ascontiguousarray(x[k]), alone[k], np.empty_like(z), np.empty_like(s))
    np.testing.assert_array_equal(y, alone[:, 0])
    size = np.log(np.exp(x.astype(float)).sum(1))
    expected = np.exp(x.astype(float)) - size[:, None]
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(z, expected.sum(0), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(s, size.sum(), rtol=1e-5)


@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
@pytest.mark.parametrize("shift", [0, 1, 4])
def test_stores_past_the_caches(vector_bytes: int, shift: int) -> None:
    """Results at any address, 64 of 16 bytes aligned or not at all."""
    x = np.random.default_rng(0).standard_normal((5, 70)).astype(np.float32)
    room = np.zeros(5 * 70 + 32, np.float32)
    start = -room.ctypes.data // 4 % 16 + shift
    y, plain = room[start : start + x.size].reshape(x.shape), np.empty_like(x)
    target = Target(min(vector_bytes, host_target().vector_bytes), host_target().fma)
    run(softmax(5, 70), x, plain, target=target)
    run(softmax(5, 70), x, y, target=target, streams=frozenset({1}))
    np.testing.assert_array_equal(y, plain)
    assert not room[:start].any()
    assert not room[start + x.size :].any()


@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
@pytest.mark.parametrize("op", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons_of_more_lanes_than_a_register_has(op: str, vector_bytes: int) -> None:
    """Positions are 64 bits wide where a kernel's floats, and so its lanes, are of 32."""
    b = KernelBuilder((70,))
    x, k, y = b.buffer("f32", 70), b.buffer("i64", 70), b.buffer("f32", 70, output=True)
    b.open(Level.ROW)
    holds = b.apply(op, b.load(k, at(1)), b.index(0))
    b.store(y, at(1), b.apply("select", holds, b.load(x, at(1)), b.const(0.0, "f32")))
    values = np.random.default_rng(0).standard_normal(70).astype(np.float32)
    places = np.arange(70) + np.random.default_rng(1).choice([-(2**40), -1, 0, 1, 2**32], 70)
    got = np.empty_like(values)
    target = Target(min(vector_bytes, host_target().vector_bytes), host_target().fma)
    run(b.finish(), values, places, got, target=target)
    compared = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater}
    holding = compared.get(op, np.greater_equal)(places, np.arange(70))
    np.testing.assert_array_equal(got, np.where(holding, values, np.float32(0)))


def test_a_number_is_one_value_in_whatever_type_it_came() -> None:
    b = KernelBuilder((4,))
    b.open(Level.ROW)
    assert b.cast(b.const(0.1, "f64"), "f32") == b.const(0.1, "f32")
    assert b.cast(b.const(1e300, "f64"), "f32") == b.const(float("inf"), "f32")


def test_text() -> None:
    assert kernel_text(softmax(4, 6)) == (
        """kernel grid(i0=4) inner(j0=6) {
  # softmax
  in b0: f32[24]
  out b1: f32[24]
  local t0: f32
  inner:
    %0: f32 = load b0[i0*6 + j0]
    %1: f32 = max over inner (%0)
  inner:
    %2: f32 = load b0[i0*6 + j0]
    %3: f32 = sub(%2, %1)
    %4: f32 = exp(%3)
    put t0 <- %4
    %5: f32 = sum over inner (%4)
  inner:
    %6: f32 = get t0
    %7: f32 = div(%6, %5)
    store b1[i0*6 + j0] <- %7
}
"""
    )


def test_the_ir_knows_nothing_of_targets() -> None:
    import lamella.compiler._kernel as package

    for module in ("_ir", "_build", "_verify", "_text"):
        source = __import__(f"{package.__name__}.{module}", fromlist=["x"]).__file__
        with open(source, encoding="utf-8") as file:
            code = re.sub(r'"""[\s\S]*?"""|#.*', "", file.read())
        assert not re.search(r"\b(pointer|lane|lanes|thread|simd|width|float\s*\*|int64_t|_c)\b", code)


def rows(build: Callable[[KernelBuilder], None], *, inner: tuple[int, ...] = (8,)) -> Kernel:
    b = KernelBuilder((4,), inner)
    b.buffer("f32", 32)
    b.buffer("f32", 32, output=True)
    build(b)
    return b.finish()


def _stage_escape(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    v = b.load(0, at(8, 1))
    b.open(Level.INNER)
    b.store(1, at(8, 1), v)


def _own_reduction(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    v = b.load(0, at(8, 1))
    (s,) = b.reduce("sum", v, over="inner")
    b.store(1, at(8, 1), b.apply("div", v, s))


def _out_of_bounds(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.store(1, at(8, 1), b.load(0, at(8, 1, offset=1)))


def _race(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.store(1, at(0, 1), b.load(0, at(8, 1)))


def _never_written(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.load(0, at(8, 1))


def _wrong_axis(b: KernelBuilder) -> None:
    b.open(Level.ROW)
    b.store(1, at(8, 1), b.load(0, at(8, 0)))


def _twice(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.store(1, at(8, 1), b.load(0, at(8, 1)))
    b.store(1, at(8, 1), b.load(0, at(8, 1)))


def _read_back_elsewhere(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.store(1, at(8, 1), b.load(0, at(8, 1)))
    b.open(Level.INNER)
    b.reduce("sum", b.load(1, at(8, 0)), over="inner")


def _unput(b: KernelBuilder) -> None:
    kept = b.local("f32")
    b.open(Level.INNER)
    b.store(1, at(8, 1), b.get(kept))


def _mixed(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.apply("add", b.load(0, at(8, 1)), b.const(1, "i64"))


def _grid_escape(b: KernelBuilder) -> None:
    b.open(Level.ROW)
    v = b.load(0, at(8, 0))
    b.open(Level.TOTAL)
    b.store(1, at(0, 0), v)


def _any_of_floats(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.reduce("any", b.load(0, at(8, 1)), over="inner")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_stage_escape, "one stage only"), (_own_reduction, "complete only after"), (_out_of_bounds, "reaches"),
        (_race, "write one element"), (_never_written, "never written"), (_wrong_axis, "does not loop over j0"),
        (_twice, "written once"), (_read_back_elsewhere, "read back only"), (_unput, "before it is written"),
        (_mixed, "does not take operands"), (_grid_escape, "end of the grid"), (_any_of_floats, "any and all"),
    ],
)  # fmt: skip
def test_verifier_refuses(build: Callable[[KernelBuilder], None], message: str) -> None:
    with pytest.raises(KernelError, match=message):
        rows(build)


@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (5, 64), (2, 5000), (130, 67)])
def test_every_width_computes_the_same_softmax(shape: tuple[int, int], vector_bytes: int) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y = np.empty_like(x)
    run(softmax(*shape), x, y, target=Target(vector_bytes, host_target().fma))
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(axis=1, keepdims=True), rtol=2e-6)


def test_masked_and_indirect_loads() -> None:
    b = KernelBuilder((50,))
    table, index, out = b.buffer("f32", 10), b.buffer("i64", 50), b.buffer("f32", 50, output=True)
    b.open(Level.ROW)
    at_index = b.load(index, at(1))
    inside = b.apply("lt", at_index, b.const(10, "i64"))
    b.store(out, at(1), b.load(table, Position(0, (0,), ((at_index, 1),)), inside))
    values = np.arange(10, dtype=np.float32) + 1
    where = np.arange(50) % 13
    result = np.empty(50, np.float32)
    run(b.finish(), values, where, result)
    np.testing.assert_array_equal(result, np.where(where < 10, values[np.minimum(where, 9)], 0))


def test_integer_division_and_shifts_are_guarded() -> None:
    names = ("floordiv", "mod", "shl", "shr")
    for dtype in (np.int8, np.int32, np.int64, np.uint8):
        word = {"int8": "i8", "int32": "i32", "int64": "i64", "uint8": "u8"}[np.dtype(dtype).name]
        info = np.iinfo(dtype)
        a = np.array([info.min, info.min, info.max, 7, 7, 0, 5, 1] * 9, dtype)
        c = np.array([0, info.max if info.min == 0 else -1, 2, 3, 0, 0, 100, 7] * 9, dtype)
        b = KernelBuilder((a.size,))
        x, y = b.buffer(word, a.size), b.buffer(word, a.size)
        outs = [b.buffer(word, a.size, output=True) for _ in names]
        b.open(Level.ROW)
        for name, out in zip(names, outs, strict=True):
            b.store(out, at(1), b.apply(name, b.load(x, at(1)), b.load(y, at(1))))
        results = [np.empty_like(a) for _ in names]
        run(b.finish(), a, c, *results)
        bits = 8 * a.itemsize

        def wrap(n: int, bits: int = bits, low: int = int(info.min)) -> int:
            return (n - low) % 2**bits + low

        for k in range(a.size):
            p, q = int(a[k]), int(c[k])
            assert results[0][k] == (0 if q == 0 else wrap(p // q))
            assert results[1][k] == (0 if q == 0 else p % q)
            assert results[2][k] == (wrap(p << q) if 0 <= q < bits else 0)
            assert results[3][k] == (p >> q if 0 <= q < bits else p >> (bits - 1) if info.min else 0)


def test_float_remainder_has_the_sign_of_the_divisor() -> None:
    a = np.array([7.5, -7.5, 7.5, -7.5, 0.0, 1.0, np.nan], np.float32)
    c = np.array([2.0, 2.0, -2.0, -2.0, 3.0, np.inf, 1.0], np.float32)
    b = KernelBuilder((7,))
    x, y, m, d = (
        b.buffer("f32", 7),
        b.buffer("f32", 7),
        b.buffer("f32", 7, output=True),
        b.buffer("f32", 7, output=True),
    )
    b.open(Level.ROW)
    b.store(m, at(1), b.apply("mod", b.load(x, at(1)), b.load(y, at(1))))
    b.store(d, at(1), b.apply("floordiv", b.load(x, at(1)), b.load(y, at(1))))
    rest, whole = np.empty_like(a), np.empty_like(a)
    run(b.finish(), a, c, rest, whole)
    np.testing.assert_array_equal(rest, np.mod(a, c))
    np.testing.assert_array_equal(whole, np.floor_divide(a, c))


ULP = {"exp": 2, "log": 2, "log1p": 4, "tanh": 4, "sigmoid": 4, "erf": 6, "sin": 2, "cos": 2, "rsqrt": 2}
DOMAIN = {
    "log": (1e-38, 1e38),
    "log1p": (-0.99, 50.0),
    "rsqrt": (1e-30, 1e30),
    "exp": (-87.0, 88.0),
    "sin": (-1e5, 1e5),
}


@pytest.mark.parametrize("name", ULP)
def test_functions_are_within_their_ulps(name: str) -> None:
    from scipy import special

    exact = {"sigmoid": special.expit, "erf": special.erf, "rsqrt": lambda v: 1 / np.sqrt(v)}.get(name) or getattr(
        np, name
    )
    low, high = DOMAIN.get(name, (-30.0, 30.0))
    rng = np.random.default_rng(1)
    n = 100_003
    if low > 0:
        x = np.exp(rng.uniform(np.log(low), np.log(high), n))
    else:
        x = np.concatenate([rng.uniform(low, high, n - n // 2), rng.standard_normal(n // 2)])
        x = np.clip(x, low, high)
    x = x.astype(np.float32)
    b = KernelBuilder((n,))
    i, o = b.buffer("f32", n), b.buffer("f32", n, output=True)
    b.open(Level.ROW)
    b.store(o, at(1), b.apply(name, b.load(i, at(1))))
    y = np.empty_like(x)
    run(b.finish(), x, y)
    want = exact(x.astype(np.float64))
    ulp = np.abs(y - want) / np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)
    assert ulp.max() <= ULP[name], (x[ulp.argmax()], y[ulp.argmax()], want[ulp.argmax()])


def test_chunks_do_not_depend_on_threads() -> None:
    plan = schedule(softmax(1000, 300), Target(64, True))
    assert plan == schedule(softmax(1000, 300), Target(64, True))
    assert plan.chunks > 2


# Reductions that carry two values, in every place that a kernel has for them: (grid, inner, strides, levels). What is
# reduced is an array of 3 x n x 5 numbers, over its middle; or all of it.
def carried(combiner: str, dtype: str, place: str, n: int) -> Kernel:
    size = 15 * n
    everything = place in ("all", "rows, then all")
    b = KernelBuilder(
        {"columns": (n,), "rows": (3, 5), "abreast": (15,), "side by side": (3, 5), "all": (size,)}.get(place, (15,)),
        {"columns": (3, 5), "all": ()}.get(place, (n,)),
    )
    x = b.buffer(dtype, size)
    outs = [b.buffer(dtype, 1 if everything else 15, output=True) for _ in range(2)]
    match place:
        case "columns":  # partial results for each column and chunk
            b.open(Level.INNER)
            made = b.reduce(combiner, b.load(x, at(5, 5 * n, 1)), over="grid")
            b.open(Level.TOTAL_INNER)
            to = at(0, 5, 1)
        case "rows" | "side by side":  # a row that crosses memory: vectors along it, or along the rows
            b.open(Level.INNER)
            strides = (5 * n, 1, 5) if place == "side by side" else (5 * n, n, 1)
            made = b.reduce(combiner, b.load(x, at(*strides)), over="inner")
            b.open(Level.ROW)
            to = at(5, 1, 0)
        case "abreast":
            b.open(Level.INNER)
            made = b.reduce(combiner, b.load(x, at(n, 1)), over="inner")
            b.open(Level.ROW)
            to = at(1, 0)
        case "all":
            b.open(Level.ROW)
            made = b.reduce(combiner, b.load(x, at(1)), over="grid")
            b.open(Level.TOTAL)
            to = at(0)
        case _:
            b.open(Level.INNER)
            rows = b.reduce(combiner, b.load(x, at(n, 1)), over="inner")
            b.open(Level.ROW)
            made = b.reduce(combiner, *rows, over="grid")
            b.open(Level.TOTAL)
            to = at(0, 0)
    for out, value in zip(outs, made, strict=True):
        b.store(out, to, value)
    return b.finish()


@pytest.mark.parametrize(("dtype", "vector_bytes"), [("f32", 16), ("f32", 64), ("f64", 32)])
@pytest.mark.parametrize("combiner", ["welford", "softmax"])
@pytest.mark.parametrize("place", ["columns", "rows", "side by side", "abreast", "all", "rows, then all"])
def test_two_values_are_carried_everywhere(place: str, combiner: str, dtype: str, vector_bytes: int) -> None:
    kind = np.float32 if dtype == "f32" else np.float64
    target = Target(min(vector_bytes, host_target().vector_bytes), host_target().fma)
    for n in (1, 3, 45, 300, 4500):
        x = (np.random.default_rng(n).standard_normal((3, n, 5)) * 3 + 100).astype(kind)
        given = x if place in ("columns", "side by side") else np.ascontiguousarray(np.swapaxes(x, 1, 2))
        over = (0, 1, 2) if place in ("all", "rows, then all") else 1
        got = [np.empty(1 if over != 1 else (3, 5), kind) for _ in range(2)]
        run(carried(combiner, dtype, place, n), given, *got, target=target)
        exact = x.astype(np.float64)
        if combiner == "welford":
            want = [exact.mean(over), ((exact - exact.mean(over, keepdims=True)) ** 2).sum(over)]
        else:
            want = [exact.max(over), np.exp(exact - exact.max(over, keepdims=True)).sum(over)]
        many = (
            combiner == "softmax" and n > 1000
        )  # sums of powers of columns are not cut into blocks, as others are not
        rtol = (1e-5 if many else 2e-6) if dtype == "f32" else 1e-13
        for a, expected in zip(got, want, strict=True):
            np.testing.assert_allclose(a, np.reshape(expected, a.shape), rtol=rtol, atol=rtol)
        run(carried(combiner, dtype, place, n), np.full_like(given, 0.1), *got, target=target)
        if combiner == "welford":
            np.testing.assert_array_equal(got[0], kind(0.1))
            assert not got[1].any()
        else:
            np.testing.assert_array_equal(got[0], kind(0.1))
            np.testing.assert_array_equal(got[1], n if over == 1 else 15 * n)


@pytest.mark.parametrize("combiner", ["welford", "softmax"])
@pytest.mark.parametrize("place", ["columns", "rows", "side by side", "abreast", "all", "rows, then all"])
def test_what_is_not_finite_among_two_values(place: str, combiner: str) -> None:
    """A mean is what a sum is; a sum of powers counts an infinite largest, and is NaN for NaN alone."""
    for n in (1, 2, 45, 300):
        for value in (np.nan, np.inf, -np.inf):
            for where in (0, n // 2, n - 1):
                x = np.random.default_rng(n).standard_normal((3, n, 5)).astype(np.float32)
                x[1, where, 2] = value
                given = x if place in ("columns", "side by side") else np.ascontiguousarray(np.swapaxes(x, 1, 2))
                over = (0, 1, 2) if place in ("all", "rows, then all") else 1
                got = [np.empty(1 if over != 1 else (3, 5), np.float32) for _ in range(2)]
                run(carried(combiner, "f32", place, n), given, *got)
                with np.errstate(all="ignore"):
                    if combiner == "welford":
                        mean = x.mean(over, keepdims=True)
                        want = [mean, ((x - mean) ** 2).sum(over)]
                    else:
                        top = np.maximum(np.fmax.reduce(x, over, keepdims=True), np.finfo(np.float32).min)
                        top = np.where(np.isnan(top), np.finfo(np.float32).min, top)
                        want = [top, np.where(x == top, np.float32(1), np.exp(x - top)).sum(over)]
                for a, expected in zip(got, want, strict=True):
                    np.testing.assert_allclose(a, np.reshape(expected, a.shape), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("place", ["columns", "rows", "side by side", "abreast", "all", "rows, then all"])
def test_several_largest_values_may_be_infinite(place: str) -> None:
    for n in (2, 45, 300):
        x = np.where(np.arange(15 * n).reshape(3, n, 5) % 4, np.float32(np.inf), np.float32(1))
        given = x if place in ("columns", "side by side") else np.ascontiguousarray(np.swapaxes(x, 1, 2))
        top, total = (np.empty(1 if "all" in place else (3, 5), np.float32) for _ in range(2))
        run(carried("softmax", "f32", place, n), given, top, total)
        assert np.all(top == np.inf)
        assert np.all((total >= 1) & (total <= 15 * n))


def test_text_of_two_values() -> None:
    text = kernel_text(carried("welford", "f32", "rows, then all", 4))
    assert "%1: f32, %2: f32 = welford over inner (%0)" in text
    assert "%3: f32, %4: f32 = welford over grid (%1, %2)" in text


def test_equal_reductions_of_a_stage_are_one() -> None:
    b = KernelBuilder((4,), (8,))
    x = b.buffer("f32", 32)
    b.open(Level.INNER)
    first = b.reduce("welford", b.load(x, at(8, 1)), over="inner")
    assert b.reduce("welford", b.load(x, at(8, 1)), over="inner") == first
    assert b.reduce("sum", b.load(x, at(8, 1)), over="inner") != first[:1]
    b.open(Level.INNER)
    assert b.reduce("welford", b.load(x, at(8, 1)), over="inner") != first


def _moments_of_whole_numbers(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.reduce("welford", b.cast(b.load(0, at(8, 1)), "i64"), over="inner")


def _moments_of_pairs(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    v = b.load(0, at(8, 1))
    b.reduce("welford", v, v, over="inner")


def _parts_of_others(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    rows = b.reduce("welford", b.load(0, at(8, 1)), over="inner")
    b.open(Level.ROW)
    b.reduce("welford", *reversed(rows), over="grid")


def _parts_by_another(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    rows = b.reduce("welford", b.load(0, at(8, 1)), over="inner")
    b.open(Level.ROW)
    b.reduce("softmax", *rows, over="grid")


def _positions_of_columns(b: KernelBuilder) -> None:
    b.open(Level.INNER)
    b.reduce("argmax", b.load(0, at(8, 1)), b.index(0), over="grid")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_moments_of_whole_numbers, "those of floats"), (_moments_of_pairs, "number of values"),
        (_parts_of_others, "number of values"), (_parts_by_another, "number of values"),
        (_positions_of_columns, "only in row stages"),
    ],
)  # fmt: skip
def test_verifier_refuses_two_values(build: Callable[[KernelBuilder], None], message: str) -> None:
    with pytest.raises(KernelError, match=message):
        rows(build)
