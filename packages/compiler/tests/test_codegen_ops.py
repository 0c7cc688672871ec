"""Every op that lowers to loops, against its numpy kernel: dtypes x shapes x special values, in one graph a dtype."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler_programs import (
    ALL,
    EXACT,
    FLOATS,
    INTS,
    ROUNDED,
    SHAPES,
    SUM,
    TRANSCENDENTAL,
    Program,
    externs,
    values,
)

import lamella.compiler.rules
from lamella.compiler._lower.rules import RULES
from lamella.compiler.executor import compile_graph
from lamella.graph import Value
from lamella.tensor.extend import OPS, as_dtype

ELEMENTWISE: dict[str, tuple[int, tuple[str, ...], int]] = {
    "neg": (1, (*INTS, *FLOATS), EXACT), "abs": (1, ALL, EXACT), "sign": (1, (*INTS, *FLOATS), EXACT),
    "exp": (1, FLOATS, TRANSCENDENTAL), "log": (1, FLOATS, TRANSCENDENTAL), "log1p": (1, FLOATS, TRANSCENDENTAL),
    "sqrt": (1, FLOATS, EXACT), "rsqrt": (1, FLOATS, ROUNDED), "sin": (1, FLOATS, TRANSCENDENTAL),
    "cos": (1, FLOATS, TRANSCENDENTAL), "tanh": (1, FLOATS, TRANSCENDENTAL), "sigmoid": (1, FLOATS, TRANSCENDENTAL),
    "erf": (1, FLOATS, TRANSCENDENTAL), "relu": (1, (*INTS, *FLOATS), EXACT), "reciprocal": (1, FLOATS, EXACT),
    "floor": (1, (*INTS, *FLOATS), EXACT), "logical_not": (1, ALL, EXACT), "isnan": (1, ALL, EXACT),
    "copy": (1, ALL, EXACT),
    "add": (2, ALL, EXACT), "sub": (2, (*INTS, *FLOATS), EXACT), "mul": (2, ALL, EXACT), "div": (2, FLOATS, EXACT),
    "pow": (2, ("u8", "u16", "u32", "u64", *FLOATS), TRANSCENDENTAL), "maximum": (2, ALL, EXACT),
    "minimum": (2, ALL, EXACT),
    "eq": (2, ALL, EXACT), "ne": (2, ALL, EXACT), "lt": (2, ALL, EXACT), "le": (2, ALL, EXACT), "gt": (2, ALL, EXACT),
    "ge": (2, ALL, EXACT), "logical_and": (2, ALL, EXACT), "logical_or": (2, ALL, EXACT),
}  # fmt: skip
REDUCTIONS: dict[str, tuple[tuple[str, ...], int]] = {
    "sum": (ALL, SUM), "prod": (ALL, SUM), "amax": (ALL, EXACT), "amin": (ALL, EXACT),
    "any": (ALL, EXACT), "all": (ALL, EXACT),
}  # fmt: skip


def test_every_rule_is_tested_somewhere() -> None:
    text = "".join(file.read_text() for file in Path(__file__).parent.glob("test_codegen_*.py"))
    assert [name for name in RULES if f'"{name}"' not in text] == []
    assert lamella.compiler.rules.RULES is RULES


def test_every_op_lowers_or_says_why_not() -> None:
    """A new op fails here by its name: give it a rule, a library kernel or a body, or say why it runs as numpy's."""
    from lamella.compiler.rules import EXTERN, LIBRARY

    ops = [op for op in OPS.values() if op.package == "lamella.tensor" and op.spec != "scalar"]
    known = RULES.keys() | LIBRARY.keys() | EXTERN.keys()
    assert [op.name for op in ops if op.body is None and op.name not in known] == []
    stale = [name for name in EXTERN if name in RULES or name in LIBRARY or name not in OPS or OPS[name].body]
    assert stale == []


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("special", [False, True])
def test_elementwise(dtype: str, special: bool) -> None:
    p = Program()
    for seed, shape in enumerate(SHAPES):
        x = p.input(values(dtype, shape, seed, special=special))
        y = p.input(values(dtype, shape, seed + 100, special=special))
        for name, (arity, dtypes, tolerance) in ELEMENTWISE.items():
            if dtype in dtypes:
                half = dtype in ("f16", "bf16") and tolerance
                p.output(f"{name} {dtype} {shape}", 2 if half else tolerance, *p.add(name, *(x, y)[:arity]))
    p.check()


@pytest.mark.parametrize("dtype", ALL)
def test_broadcast_weak_numbers_and_where(dtype: str) -> None:
    p = Program()
    for a, b in (
        ((5, 33), (33,)),
        ((5, 33), ()),
        ((4, 1, 9), (1, 6, 1)),
        ((3, 1), (1, 40)),
        ((0, 3), (1, 3)),
        ((2, 1, 8), (2, 5, 8)),
    ):
        x, y = p.input(values(dtype, a, 1)), p.input(values(dtype, b, 2))
        cond = p.input(values("bool", a, 3))
        p.output(f"mul {a} {b}", EXACT, *p.add("mul", x, y))
        p.output(f"where {a} {b}", EXACT, *p.add("where", cond, x, y))
        p.output(f"where number {a}", EXACT, *p.add("where", cond, x, True if dtype == "bool" else 3))
        if dtype != "bool":
            p.output(f"add number {a}", EXACT, *p.add("add", x, 2))
            p.output(f"number sub {a}", EXACT, *p.add("sub", 100, x))
            p.output(f"pow number {a}", TRANSCENDENTAL, *p.add("pow", x, 3))
        if dtype in ("f32", "f64"):  # in half types 0.1 is rounded to f32 here and to the half type by numpy
            p.output(f"mul float {a}", EXACT, *p.add("mul", x, 0.1))
        if dtype in ("f16", "f32", "f64"):
            for power in (2, 0.5, -1, 1, 2.5, 0):
                p.output(f"pow {power}", TRANSCENDENTAL, *p.add("pow", x, power))
    p.check()


EDGES = (
    np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 2.9, -2.9, 255.0, 256.0, 300.0, 448.0, 464.0, 465.0, 480.0,
    57344.0, 61439.0, 61440.0, 65519.0, 65520.0, 65536.0, 2.0**31, -(2.0**31), 2.0**32, 2.0**63, 2.0**64, 2.0**-9,
    2.0**-10, 2.0**-16, 2.0**-17, 3 * 2.0**-17, 2.0**-25, 3 * 2.0**-25,
)  # fmt: skip


def cast_values(dtype: str) -> np.ndarray[Any, Any]:
    """Every number of a small type; of others, what lies at the ends of types and halfway between their numbers."""
    kind = as_dtype(dtype).numpy
    if dtype.startswith("f8"):
        return np.arange(256, dtype=np.uint8).view(kind)
    if dtype not in FLOATS:
        return values(dtype, (130,), 4, special=True)
    rng = np.random.default_rng(0)
    spread = rng.standard_normal(300) * 10.0 ** rng.integers(-10, 10, 300)
    halves = [1 + 2.0**-n + d for n in (3, 4, 8, 11) for d in (0, 2.0**-40, -(2.0**-40))]
    with np.errstate(all="ignore"):
        return np.concatenate([spread, EDGES, halves, np.negative(halves)]).astype(kind)


@pytest.mark.parametrize("source", (*ALL, "f8e4m3", "f8e5m2"))
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_casts(source: str) -> None:
    """To the bit what eager gives, also where a number does not fit."""
    p = Program()
    for array in (cast_values(source), cast_values(source)[:1].reshape(()), cast_values(source)[:0]):
        x = p.input(array)
        for target in (*ALL, "f8e4m3", "f8e5m2"):
            p.output(f"cast {source} {target}", EXACT, *p.add("cast", x, dtype=as_dtype(target)))
    assert externs(p.check()) == []


def test_float_to_int_is_defined_everywhere() -> None:
    p = Program()
    x = p.input(np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 2.9, -2.9] * 5, np.float32))
    outs = [p.add("cast", x, dtype=as_dtype(t))[0] for t in ("i8", "i32", "i64", "u8", "u64")]
    run = compile_graph(p.b.build(outs))
    first, second = run(p.arrays), run(p.arrays)
    for a, b in zip(first, second, strict=True):
        assert (a == b).all()
        assert (a[:7] == a[7:14]).all(), "vector and tail lanes agree"
    least = np.iinfo(np.int32).min
    assert first[1][:7].tolist() == [least, least, least, least, least, 2, -2]


@pytest.mark.parametrize("dtype", ALL)
def test_reductions(dtype: str) -> None:
    p = Program()
    cases: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((), ()), ((7,), (0,)), ((5000,), (0,)), ((5, 33), (0,)), ((5, 33), (1,)), ((5, 33), (0, 1)), ((70, 33), (0,)),
        ((2, 3, 17), (1,)), ((2, 3, 17), (0, 2)), ((4, 1, 9), (1,)), ((4, 5, 6, 7), (0, 2, 3)), ((3, 9000), (1,)),
    ]  # fmt: skip
    empty: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((3, 0), (1,)),
        ((0, 3), (1,)),
        ((0,), (0,)),
        ((2, 0, 3), (0,)),
    ]
    for shape, dims in cases + empty:
        for special in (False, True) if dtype in FLOATS else (False,):
            x = p.input(values(dtype, shape, 5, special=special))
            for name, (_, tolerance) in REDUCTIONS.items():
                if name in ("amax", "amin") and any(shape[d] == 0 for d in dims):
                    continue
                if special and name in ("sum", "prod"):
                    continue
                for keepdim in (False, True):
                    label = f"{name} {dtype} {shape} {dims} {keepdim}"
                    scale = tolerance * (16 if name == "sum" and len(shape) == 1 else 1)
                    p.output(label, scale, *p.add(name, x, dims=dims, keepdim=keepdim))
    p.check()


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_arg_reductions(dtype: str, name: str) -> None:
    p = Program()
    for shape, dim in (
        ((7,), 0),
        ((5, 33), 1),
        ((5, 33), 0),
        ((2, 3, 17), 1),
        ((4, 1, 9), 1),
        ((5, 33), None),
        ((), None),
        ((0, 4), 1),
    ):
        for special in (False, True):
            if 0 in shape and dim is None:
                continue
            x = p.input(values(dtype, shape, 6, special=special))
            for keepdim in (False, True):
                p.output(f"{name} {shape} {dim} {special}", EXACT, *p.add(name, x, dim=dim, keepdim=keepdim))
    p.check()


VIEWS: tuple[Callable[[Program, Value], Value], ...] = (
    lambda p, x: p.add("permute", x, dims=(2, 0, 1))[0],
    lambda p, x: p.add("reshape", x, shape=(4, 30))[0],
    lambda p, x: p.add("slice", x, index=((1, 4, 2), (0, 5, 1), (5, -1, -1)))[0],
    lambda p, x: p.add("slice", x, index=(2, (0, 5, 1), (1, 1, 1)))[0],
    lambda p, x: p.add("slice", x, index=(2, 3, 4))[0],
    lambda p, x: p.add("expand", p.add("slice", x, index=((0, 1, 1), (0, 5, 1), (0, 6, 1)))[0], shape=(3, 7, 5, 6)[1:])[
        0
    ],
    lambda p, x: p.add("flip", x, dims=(0, 2))[0],
    lambda p, x: p.add("reshape", p.add("permute", x, dims=(2, 1, 0))[0], shape=(30, 4))[0],
    lambda p, x: p.add("alias", p.add("detach", x)[0])[0],
)


@pytest.mark.parametrize("dtype", ["f32", "bool", "i16", "bf16"])
def test_views_of_inputs_results_and_views(dtype: str) -> None:
    p = Program()
    x = p.input(values(dtype, (4, 5, 6), 7))
    fresh = p.add("maximum", x, x)[0]
    for number, view in enumerate(VIEWS):
        for base in (x, fresh):
            seen = view(p, base)
            p.output(f"view {number}", EXACT, seen, *p.add("maximum", seen, seen))
            p.output(
                f"any {number}", EXACT, *p.add("any", seen, dims=tuple(range(len(seen.type.shape))), keepdim=False)
            )  # type: ignore[union-attr]
    p.check()


def test_non_contiguous_inputs() -> None:
    base = values("f32", (6, 8), 8)
    p = Program()
    for array in (base.T, base[::2], base[:, ::-1], base[1:, 3:], np.broadcast_to(base[0], (4, 8))):
        x = p.input(array)
        p.output(f"strides {array.strides}", EXACT, *p.add("add", x, 1.0))
    p.check()


def test_creation() -> None:
    p = Program()
    for dtype in ALL:
        p.output(f"full {dtype}", EXACT, *p.add("full", 1, shape=(3, 40), dtype=as_dtype(dtype)))
    for dtype in ("i64", "f32", "f64"):
        p.output(f"arange {dtype}", EXACT, *p.add("arange", 3, 50, 2, dtype=as_dtype(dtype)))
    p.check()


@pytest.mark.parametrize("dtype", FLOATS)
def test_units(dtype: str) -> None:
    p = Program()
    half = dtype in ("f16", "bf16")
    loose = 4 if half else SUM
    for shape, dim in (((5, 33), 1), ((5, 33), 0), ((2, 3, 17), 1), ((0, 4), 1), ((3, 1), 1), ((2, 300), 1)):
        x = p.input(values(dtype, shape, 9))
        p.output(f"softmax {shape} {dim}", loose, *p.add("softmax", x, dim=dim))
        p.output(f"log_softmax {shape} {dim}", loose, *p.add("log_softmax", x, dim=dim))
    x, w, b = (p.input(values(dtype, s, k)) for k, s in enumerate([(12, 40), (40,), (40,)]))
    for approximate in ("none", "tanh"):
        p.output(f"gelu {approximate}", loose * 4, *p.add("gelu", p.add("abs", x)[0], approximate=approximate))
    image, cw = p.input(values(dtype, (3, 4, 5, 6), 10)), p.input(values(dtype, (4,), 11))
    if not half:  # a result near zero has a large relative error when its terms are rounded to 8 or 11 bits
        y, mean, rstd = p.add("layer_norm", p.add("exp", x)[0], w, b, ndims=1, eps=1e-5)
        p.output("layer_norm", 1 << 14, y)
        p.output("layer_norm statistics", SUM, mean, rstd)
        y, mean, rstd = p.add("batch_norm", p.add("exp", image)[0], cw, None, eps=1e-5)
        p.output("batch_norm", 1 << 14, y)
        p.output("batch_norm statistics", SUM, mean, rstd)
    p.check()


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(reduction: str, smoothing: float) -> None:
    for dtype in ("f32", "f64"):
        p = Program()
        x = p.input(values(dtype, (40, 12), 12))
        target = np.random.default_rng(0).integers(0, 12, 40)
        target[::7] = -100
        t = p.input(target)
        loss, logp = p.add("cross_entropy", x, t, label_smoothing=smoothing, ignore_index=-100, reduction=reduction)
        p.output("loss", SUM * 4, loss)
        p.output("logp", SUM, logp)
        compiled = p.check()
        assert len(compiled.kernels) == 1
        q = Program()
        up = q.input(values(dtype, (40,) if reduction == "none" else (), 13))
        seen = (up, q.input(values(dtype, (40, 12), 12)), q.input(target))
        grad = q.add("cross_entropy_grad", *seen, label_smoothing=smoothing, ignore_index=-100, reduction=reduction)
        q.output("gradient", SUM, *grad)
        assert len(q.check().kernels) == (2 if reduction == "mean" else 1)
        target[3] = 12
        with pytest.raises(IndexError, match="target"):
            compiled(p.arrays)
        target[3] = 0
        compiled(p.arrays)


@pytest.mark.parametrize("decoupled", [True, False])
def test_updates(decoupled: bool) -> None:
    for dtype in ("f32", "f64"):
        p = Program()
        w, g, m = (p.input(values(dtype, (30, 7), k)) for k in range(3))
        v = p.input(np.abs(values(dtype, (30, 7), 3)))
        step = p.input(np.array(4, as_dtype(dtype).numpy))
        p.output("adam", 256, *p.add("adam", w, g, m, v, step, 1e-3, 0.9, 0.999, 1e-8, 0.01, decoupled=decoupled))
        p.output("sgd", 16, *p.add("sgd", w, g, 0.1, 0.01))
        p.output("momentum", 64, *p.add("momentum", w, g, m, 0.1, 0.9, 0.0, nesterov=decoupled))
        p.check()
