"""Elementwise ops of the second row, activations and draws, against their numpy kernels: all dtypes, special values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler_programs import ALL, EXACT, FLOATS, INTS, SHAPES, SUM, TRANSCENDENTAL, Program, values

from lamella.compiler.executor import compile_graph
from lamella.tensor.extend import OPS, as_dtype

REAL, NUMBERS = FLOATS, (*INTS, *FLOATS)
# how many operands, dtypes, tolerance in epsilons, params
Row = tuple[int, tuple[str, ...], int, dict[str, Any]]
ROWS: dict[str, Row] = {
    **{name: (1, REAL, TRANSCENDENTAL, {}) for name in (
        "exp2", "expm1", "log2", "log10", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh",
        "silu", "hardswish",
    )},
    "erfc": (1, REAL, 16, {}), "lgamma": (1, REAL, SUM, {}), "sinc": (1, REAL, SUM, {}),
    **{name: (1, NUMBERS, EXACT, {}) for name in ("ceil", "trunc", "round")},
    **{name: (1, ALL, EXACT, {}) for name in ("isfinite", "isinf", "conj")},
    "signbit": (1, NUMBERS, EXACT, {}), "bitwise_not": (1, ("bool", *INTS), EXACT, {}),
    "exponent": (1, REAL, EXACT, {}),
    "atan2": (2, REAL, TRANSCENDENTAL, {}), "hypot": (2, REAL, 2, {}), "copysign": (2, REAL, EXACT, {}),
    "nextafter": (2, REAL, EXACT, {}), "logaddexp": (2, REAL, SUM, {}),
    "logaddexp2": (2, REAL, SUM, {}), "xlogy": (2, REAL, TRANSCENDENTAL, {}),
    "fmod": (2, REAL, EXACT, {}), "floor_divide": (2, REAL, EXACT, {}), "remainder": (2, REAL, EXACT, {}),
    "fmax": (2, ALL, EXACT, {}), "fmin": (2, ALL, EXACT, {}),
    "gcd": (2, INTS, EXACT, {}), "lcm": (2, INTS, EXACT, {}), "logical_xor": (2, ALL, EXACT, {}),
    "bitwise_and": (2, ("bool", *INTS), EXACT, {}), "bitwise_or": (2, ("bool", *INTS), EXACT, {}),
    "bitwise_xor": (2, ("bool", *INTS), EXACT, {}),
    "bitwise_left_shift": (2, INTS, EXACT, {}), "bitwise_right_shift": (2, INTS, EXACT, {}),
    "nan_to_num": (1, REAL, EXACT, {"nan": 0.5, "posinf": 7.0, "neginf": -7.0}),
    "leaky_relu": (1, REAL, EXACT, {"negative_slope": 0.25}),
    "elu": (1, REAL, TRANSCENDENTAL, {"alpha": 1.5, "scale": 1.25, "input_scale": 0.5}),
    "softplus": (1, REAL, TRANSCENDENTAL, {"beta": 2.0, "threshold": 20.0}),
    "hardtanh": (1, REAL, EXACT, {"min_val": -0.5, "max_val": 2.0}),
    "hardsigmoid": (1, REAL, 2, {}),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("special", [False, True])
def test_pointwise(dtype: str, special: bool) -> None:
    p = Program()
    half = dtype in ("f16", "bf16")
    for seed, shape in enumerate(SHAPES):
        x, y = (p.input(values(dtype, shape, seed + k, special=special)) for k in (0, 100))
        for name, (count, dtypes, tolerance, params) in ROWS.items():
            if dtype in dtypes:
                loose = 4 if half and 0 < tolerance < SUM else tolerance
                p.output(f"{name} {dtype} {shape}", loose, *p.add(name, *(x, y)[:count], **params))
        if dtype in NUMBERS:
            p.output(f"clamp {shape}", EXACT, *p.add("clamp", x, y, None))
            p.output(f"clamp {shape}", EXACT, *p.add("clamp", x, None, 2))
            p.output(f"clamp {shape}", EXACT, *p.add("clamp", x, 1, y))
    p.check()


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("name", ["fmod", "floor_divide", "remainder"])
def test_integer_division(name: str, dtype: str) -> None:
    p = Program()
    info = np.iinfo(as_dtype(dtype).numpy)
    divisor = values(dtype, (1029,), 1, special=True)
    divisor[divisor == 0] = 3
    divisor[:40] = info.max if info.min == 0 else -1
    x, y = p.input(values(dtype, (1029,), 0, special=True)), p.input(divisor)
    p.arrays[0][:20] = info.min
    if name == "fmod" and info.min < 0:
        divisor[:20] = 2  # numpy gives an error of its own for the smallest integer by -1
    p.output(name, EXACT, *p.add(name, x, y))
    run = p.check()
    divisor[1028] = 0
    with pytest.raises(ZeroDivisionError, match=name):
        run(p.arrays)


def test_a_loss_of_what_is_no_probability_raises() -> None:
    p = Program()
    x = p.input(np.random.default_rng(0).random((5, 33)).astype(np.float32))
    t = p.input(np.random.default_rng(1).random((5, 33)).astype(np.float32))
    p.arrays[0][0, :2] = 0, 1
    p.output("loss", TRANSCENDENTAL, *p.add("binary_cross_entropy", x, t))
    run = p.check()
    for bad in (1.5, -0.5, np.nan):
        p.arrays[0][4, 32] = bad
        with pytest.raises(ValueError, match="probabilities"):
            run(p.arrays)


DRAWS: dict[str, tuple[tuple[str, ...], list[dict[str, Any]]]] = {
    "rand": (("f16", "bf16", "f32", "f64"), [{}]),
    "randn": (("f16", "bf16", "f32", "f64"), [{}]),
    "bernoulli": (("bool", "f32", "i8"), [{"p": p} for p in (0.0, 0.25, 0.9, 1.0)]),
    "randint": (("i64", "u8", "f32"), [{"low": -3, "high": 200}, {"low": -(2**63), "high": 2**62}]),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_have_the_bits_of_eager_draws(name: str) -> None:
    """At any offset, in any shape: what a kernel draws is what numpy draws, to the bit."""
    from lamella.graph import ScalarType, infer_types, interpret

    p = Program()
    seed, offset = p.b.input(ScalarType("i64")), p.b.input(ScalarType("i64"))
    dtypes, choices = DRAWS[name]
    outs = []
    for dtype in dtypes:
        for shape in ((), (0,), (1,), (3, 5), (1029,), (2, 3, 70)):
            for params in choices:
                given = {**params, "shape": shape, "dtype": as_dtype(dtype)}
                args = (seed, offset)
                outs += p.b.add(OPS[name], args, given, infer_types(OPS[name], args, given))
    graph = p.b.build(outs)
    run = compile_graph(graph)
    for inputs in ([0, 0], [12345, 7], [-5, 2**40 + 1], [2**62, 2**63 - 5]):
        with np.errstate(all="ignore"):
            wanted = interpret(graph)(inputs)
        for g, w in zip(run(inputs), wanted, strict=True):
            assert g.dtype == w.dtype
            np.testing.assert_array_equal(g.view(np.uint8) if g.ndim else g, w.view(np.uint8) if w.ndim else w)


def test_draws_of_wrong_ranges_raise_what_eager_raises() -> None:
    p = Program()
    f32 = as_dtype("f32")
    run = compile_graph(p.b.build(p.add("bernoulli", 1, 2, p=1.5, shape=(3,), dtype=f32)))
    with pytest.raises(ValueError, match="probability"):
        run([])


def test_dropout_is_one_kernel() -> None:
    p = Program()
    x = p.input(values("f32", (70, 300), 0))
    p.output("dropout", EXACT, *p.add("dropout", x, 5, 17, p=0.3))
    assert len(p.check().kernels) == 1


@pytest.mark.parametrize("source", ALL)
@pytest.mark.parametrize("target", FLOATS)
def test_what_was_cast_is_compared_and_chosen(source: str, target: str) -> None:
    """GCC 12 failed on widened vectors that are compared and then chosen from."""
    p = Program()
    x = p.input(values(source, (130,), 1, special=True))
    (y,) = p.add("cast", x, dtype=as_dtype(target))
    (positive,) = p.add("gt", y, 0.5)
    p.output("chosen", EXACT, *p.add("where", positive, 0.0, y))
    p.check()


@pytest.mark.parametrize("shape", [(1,), (4,), (7,), (130,)])
def test_rounding_to_a_narrower_dtype_is_kept(shape: tuple[int, ...]) -> None:
    """GCC 12 left out (double)(float)x where several rows are worked on side by side."""
    for narrow in ("f32", "f16", "bf16"):
        p = Program()
        x = p.input(values("f64", (*shape, 8), 1))
        for y in (x, *p.add("sum", x, dims=(1,), keepdim=False), *p.add("logsumexp", x, dims=(1,), keepdim=False)):
            (cut,) = p.add("cast", y, dtype=as_dtype(narrow))
            p.output("rounded", EXACT if y is x else SUM, *p.add("cast", cut, dtype=as_dtype("f64")))
        compiled = compile_graph(p.b.build(p.outputs))
        with np.errstate(all="ignore"):
            for found in compiled(p.arrays):
                np.testing.assert_array_equal(found.astype(as_dtype(narrow).numpy).astype(np.float64), found)
        p.check()
