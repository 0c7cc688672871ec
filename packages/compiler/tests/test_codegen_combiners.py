"""Means with distances, and largest values with sums of powers: reductions that carry two values, in every layout.

Expected values are numpy's in float64; whether NaN and infinity mean the same is asked of the graph's interpreter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler_programs import EPS

from lamella import compiler, tensor
from lamella.compiler._schedule import schedule
from lamella.compiler._toolchain import host_target
from lamella.compiler.executor import compile_graph
from lamella.graph import Graph, interpret, parse
from lamella.tensor import get_num_threads, set_num_threads
from lamella.tensor.extend import as_dtype

# (shape, reduced dims): rows of few, of many and of more than a block of numbers; columns; everything; and others
ROWS = [((3, n), (1,)) for n in (1, 2, 3, 17, 1029, 5000, 9001)]
COLUMNS = [((n, 37), (0,)) for n in (1, 2, 33, 1029, 5000)]
OTHER = [
    ((3, 4, 5), (0, 1, 2)),
    ((70_000,), (0,)),
    ((3, 400, 21), (1,)),
    ((8, 3, 5, 30), (0, 2, 3)),
    ((3, 4, 5, 6), (1, 3)),
]
LAYOUTS = [*ROWS, *COLUMNS, *OTHER]
LOOKED_AT_ONCE = [((3, 9001), (1,)), ((2, 20_000), (1,)), *COLUMNS[2:], ((70_000,), (0,)), ((8, 3, 5, 300), (0, 2, 3))]
MOST = {"f16": "f32", "bf16": "f32"}


def shape_text(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def dims_text(dims: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, dims))}{',' if len(dims) == 1 else ''})"


def statistics(shape: tuple[int, ...], dims: tuple[int, ...], dtype: str, before: str = "", given: str = "") -> Graph:
    """var with its mean, std and logsumexp of a tensor, or of what `before` makes of it as %1."""
    kept = shape_text(tuple(1 if d in dims else n for d, n in enumerate(shape)))
    gone = shape_text(tuple(n for d, n in enumerate(shape) if d not in dims))
    wide, x, over = MOST.get(dtype, dtype), "%1" if before else "%0", f"dims={dims_text(dims)}"
    return parse(f"""graph statistics(%0: {dtype}{given or shape_text(shape)}) {{
{before}
  %2: {dtype}{gone}, %3: {wide}{kept} = var({x}; {over}, correction=1.0, keepdim=False)
  %4: {dtype}{kept}, %5: {wide}{kept} = std({x}; {over}, correction=0.0, keepdim=True)
  %6: {dtype}{gone} = logsumexp({x}; {over}, keepdim=False)
  return %2, %3, %4, %6
}}""")


def exact(x: np.ndarray[Any, Any], dims: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
    x = x.astype(np.float64)
    with np.errstate(all="ignore"):
        count = np.prod([x.shape[d] for d in dims])
        mean = x.mean(dims, keepdims=True)
        squares = ((x - mean) ** 2).sum(dims, keepdims=True)
        top = x.max(dims, keepdims=True)
        powers = np.log(np.exp(x - top).sum(dims, keepdims=True)) + top
        gone = tuple(n for d, n in enumerate(x.shape) if d not in dims)
        var = (squares / np.float64(count - 1)).reshape(gone)
        return [var, mean, np.sqrt(squares / count), powers.reshape(gone)]


def check(graph: Graph, x: np.ndarray[Any, Any], seen: np.ndarray[Any, Any], dims: tuple[int, ...], dtype: str) -> Any:
    compiled = compile_graph(graph)
    for got, want in zip(compiled([x]), exact(seen, dims), strict=True):
        assert got.shape == want.shape
        unit = EPS[dtype] if got.dtype == x.dtype else EPS["f32"]
        np.testing.assert_allclose(
            np.asarray(got, np.float64), want, rtol=max(unit, 64 * EPS[MOST.get(dtype, dtype)]), atol=8 * unit
        )
    return compiled


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize(("shape", "dims"), LAYOUTS)
def test_statistics(shape: tuple[int, ...], dims: tuple[int, ...], dtype: str) -> None:
    x = (np.random.default_rng(0).standard_normal(shape) + 2).astype(as_dtype(dtype).numpy)
    check(statistics(shape, dims, dtype), x, x, dims, dtype)


@pytest.mark.parametrize(
    ("before", "given", "shape", "dims"),
    [
        ("%1: f32[700, 40] = permute(%0; dims=(1, 0))", (40, 700), (700, 40), (0,)),
        ("%1: f32[700, 40] = permute(%0; dims=(1, 0))", (40, 700), (700, 40), (1,)),
        ("%1: f32[40, 700] = expand(%0; shape=(40, 700))", (1, 700), (40, 700), (1,)),
        ("%1: f32[40, 700] = expand(%0; shape=(40, 700))", (40, 1), (40, 700), (0, 1)),
        ("%1: f32[40, 700] = exp(%0)", (40, 700), (40, 700), (1,)),
    ],
)
def test_what_lies_otherwise(
    before: str, given: tuple[int, ...], shape: tuple[int, ...], dims: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).standard_normal(given).astype(np.float32)
    seen = np.exp(x) if "exp(" in before else x.T if "permute" in before else np.broadcast_to(x, shape)
    check(statistics(shape, dims, "f32", "  " + before, shape_text(given)), x, seen, dims, "f32")


SPECIAL = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize(("shape", "dims"), [(s, d) for s, d in LAYOUTS if np.prod(s) < 50_000])
def test_nan_and_infinity_mean_what_they_mean_to_eager_code(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    graph = statistics(shape, dims, "f32")
    compiled, eager = compile_graph(graph), interpret(graph)
    plain = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    cases = [np.full_like(plain, value) for value in SPECIAL]
    for value in SPECIAL:
        for place in (0, plain.size // 2, plain.size - 1):
            x = plain.copy()
            x.reshape(-1)[place] = value
            cases.append(x)
    cases.append(np.where(np.arange(plain.size).reshape(shape) % 2, plain, np.float32(-np.inf)))
    cases.append(np.where(np.arange(plain.size).reshape(shape) % 3, np.float32(np.inf), np.float32(-np.inf)))
    for x in cases:
        with np.errstate(all="ignore"):
            want = eager([x])
        for got, expected in zip(compiled([x]), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "dims"), [((2000, 300), (0,)), ((600_000,), (0,))])
def test_nan_and_infinity_in_one_of_several_chunks(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    graph = statistics(shape, dims, "f32")
    compiled, eager = compile_graph(graph), interpret(graph)
    assert min(schedule(k.made.kernel, host_target()).chunks for k in compiled.kernels) > 1
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for place in (0, x.size // 2, x.size - 1):
        for value in SPECIAL:
            given = x.copy()
            given.reshape(-1)[place] = value
            with np.errstate(all="ignore"):
                want = eager([given])
            for got, expected in zip(compiled([given]), want, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("shape", "dim"), [((3, 40), 1), ((60, 40), 0)])
def test_log_softmax_of_what_is_not_finite(shape: tuple[int, ...], dim: int, value: float) -> None:
    text = shape_text(shape)
    graph = parse(f"""graph g(%0: f32{text}) {{
  %1: f32{text} = log_softmax(%0; dim={dim})
  return %1
}}""")
    compiled, eager = compile_graph(graph), interpret(graph)
    plain = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for part in (np.s_[:0], np.s_[:1, :1], np.s_[-1:, -1:], np.s_[:2], np.s_[:, :2], np.s_[:]):
        x = plain.copy()
        x[part] = value
        with np.errstate(all="ignore"):
            (want,) = eager([x])
        np.testing.assert_allclose(compiled([x])[0], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "dims"), LOOKED_AT_ONCE)
def test_equal_numbers_have_no_distance(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    """What has been seen is never multiplied by how much of all it is: a mean of equal numbers is that number."""
    value = np.float32(0.1)
    var, mean, std, _ = compile_graph(statistics(shape, dims, "f32"))([np.full(shape, value)])
    assert not var.any()
    assert not std.any()
    np.testing.assert_array_equal(mean, value)


@pytest.mark.parametrize(("shape", "dims"), [*LAYOUTS, ((2, 70_000), (1,))])
def test_distances_from_a_large_mean_do_not_cancel(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    """A mean that is off by a few units of its last place adds their square to the variance.

    The rest is what docs/decisions/0011-reductions.md promises.
    """
    noise = np.random.default_rng(0).standard_normal(shape)
    count = np.prod([shape[d] for d in dims])
    unit = EPS["f32"] / 2 * (256 * np.ceil(np.log(count + 1) / np.log(256)) + 68)
    for x in (noise + 1e4, np.where(np.arange(noise.size).reshape(shape) == 0, 1e6, noise)):
        given = x.astype(np.float32)
        _, mean, std, _ = compile_graph(statistics(shape, dims, "f32"))([given])
        want, size = exact(given, dims), np.abs(given.astype(np.float64)).mean(dims, keepdims=True)
        off = 4 * EPS["f32"] * size
        assert np.all(np.abs(mean - want[1]) <= 4 * off)
        assert np.all(np.abs(std.astype(np.float64) ** 2 - want[2] ** 2) <= unit * want[2] ** 2 + off**2)


def test_the_largest_that_grows_all_along() -> None:
    """Every number is larger than all before it, so the sum of powers is scaled at each."""
    for shape, dims in LAYOUTS:
        x = np.linspace(-300, 300, int(np.prod(shape))).reshape(shape).astype(np.float32)
        for given in (x, np.ascontiguousarray(np.flip(x))):
            got = compile_graph(statistics(shape, dims, "f32"))([given])[-1]
            np.testing.assert_allclose(got, exact(given, dims)[-1], rtol=1e-6, atol=1e-5)


def test_nothing_has_no_mean() -> None:
    for shape, dims in (((0, 4), (0,)), ((4, 0), (1,)), ((0,), (0,))):
        graph, x = statistics(shape, dims, "f32"), np.empty(shape, np.float32)
        with np.errstate(all="ignore"):
            want = interpret(graph)([x])
        for got, expected in zip(compile_graph(graph)([x]), want, strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("correction", [-1.0, 0.0, 0.5, 3.0, 4.0])
def test_corrections_beyond_the_count(correction: float) -> None:
    graph = parse(f"""graph g(%0: f32[50, 3]) {{
  %1: f32[50], %2: f32[50, 1] = var(%0; dims=(1,), correction={correction}, keepdim=False)
  %3: f32[1, 3], %4: f32[1, 3] = std(%0; dims=(0,), correction={correction + 47}, keepdim=True)
  return %1, %2, %3, %4
}}""")
    x = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    with np.errstate(all="ignore"):
        want = interpret(graph)([x])
    for got, expected in zip(compile_graph(graph)([x]), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_a_row_and_then_everything() -> None:
    """What a kernel has reduced row by row it reduces over its rows as well."""
    graph = parse("""graph g(%0: f32[60, 700]) {
  %1: f32[60, 700] = softmax(%0; dim=1)
  %2: f32[], %3: f32[1, 1] = var(%1; dims=(0, 1), correction=1.0, keepdim=False)
  %4: f32[] = logsumexp(%1; dims=(0, 1), keepdim=False)
  return %1, %2, %3, %4
}""")
    x = np.random.default_rng(0).standard_normal((60, 700)).astype(np.float32)
    compiled = compile_graph(graph)
    assert len(compiled.kernels) == 1
    for got, want in zip(compiled([x]), interpret(graph)([x]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(("shape", "dims"), [((900, 700), (0,)), ((300_000,), (0,)), ((60, 10_000), (1,))])
def test_results_do_not_depend_on_threads(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    compiled = compile_graph(statistics(shape, dims, "f32"))
    found = []
    before = get_num_threads()
    try:
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(compiled([x]))
    finally:
        set_num_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_open_sizes_on_both_sides_of_every_limit() -> None:
    """One program for all sizes: what is reduced goes over rows or over the grid, looked at once or twice."""

    def f(x: tensor.Tensor) -> tuple[tensor.Tensor, ...]:
        return tensor.var(x, 0), tensor.logsumexp(x, 0), tensor.std(x, 1)

    compiled = compiler.compile(f, dynamic=True)
    for shape in ((3, 40), (40, 100), (5, 9001)):
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32) + 3
        wide = x.astype(np.float64)
        want = [wide.var(0, ddof=1), np.log(np.exp(wide).sum(0)), wide.std(1, ddof=1)]
        for got, expected in zip(compiled(tensor.from_numpy(x)), want, strict=True):
            np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)
