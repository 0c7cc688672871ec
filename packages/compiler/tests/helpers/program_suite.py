"""The fixed suite of programs whose generated code is looked at: one graph a name, small enough to read its kernels.

The GPU target's tests interpret them and compile them for every architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.graph import Graph, GraphBuilder, ScalarType, TensorType, Value, infer_types, named_sizes, parse
from lamella.tensor.extend import OPS, as_dtype

ROWS, COLUMNS = 17, 1029
LONG = 40_000  # a row that fits no tile


class Program:
    """A graph as it is written: `x = p.tensor("f32", 3, 4)`, `y = p("softmax", x, dim=1)`, `p.build(y)`."""

    def __init__(self, name: str) -> None:
        self.b = GraphBuilder(name)

    def tensor(self, dtype: str, *shape: int) -> Value:
        """A new input."""
        return self.b.input(TensorType(as_dtype(dtype), shape))

    def number(self, kind: str = "f64") -> Value:
        """A new host scalar."""
        return self.b.input(ScalarType(kind))

    def many(self, op: str, *args: Any, **params: Any) -> tuple[Value, ...]:
        """All results of an op."""
        return self.b.add(OPS[op], args, params, infer_types(OPS[op], args, params))

    def __call__(self, op: str, *args: Any, **params: Any) -> Value:
        """The first result of an op."""
        return self.many(op, *args, **params)[0]

    def build(self, *outputs: Value) -> Graph:
        """The graph with these outputs."""
        return self.b.build(list(outputs))


Maker = Callable[[Program], Graph]


def _softmax(dtype: str, rows: int = 0, columns: int = 0, op: str = "softmax", dim: int = 1) -> Maker:
    return lambda p: p.build(p(op, p.tensor(dtype, rows or ROWS, columns or COLUMNS), dim=dim))


def _layer_norm(p: Program) -> Graph:
    x, w, b = p.tensor("f32", ROWS, COLUMNS), p.tensor("f32", COLUMNS), p.tensor("f32", COLUMNS)
    return p.build(*p.many("layer_norm", p("tanh", x), w, b, ndims=1, eps=1e-5))


def _rms_norm(p: Program) -> Graph:
    x, w = p.tensor("f32", ROWS, COLUMNS), p.tensor("f32", COLUMNS)
    mean = p("mean", p("mul", x, x), dims=(1,), keepdim=True)
    return p.build(p("mul", p("mul", x, p("rsqrt", p("add", mean, 1e-6))), w))


def _batch_norm(p: Program) -> Graph:
    """Columns of few rows: two kernels of sums over rows, and one that computes the differences again."""
    x, w, b = p.tensor("f32", ROWS * 20, COLUMNS), p.tensor("f32", COLUMNS), p.tensor("f32", COLUMNS)
    return p.build(*p.many("batch_norm", x, w, b, eps=1e-5))


def _layer_norm_backward(p: Program) -> Graph:
    """The gradients of x, weight and bias: two means over each row, two sums over all rows."""
    g, x, w = p.tensor("f32", ROWS * 20, COLUMNS), p.tensor("f32", ROWS * 20, COLUMNS), p.tensor("f32", COLUMNS)
    mean, rstd = p.tensor("f32", ROWS * 20, 1), p.tensor("f32", ROWS * 20, 1)
    hat = p("mul", p("sub", x, mean), rstd)
    gw = p("mul", g, w)
    m1 = p("mean", gw, dims=(1,), keepdim=True)
    m2 = p("mean", p("mul", gw, hat), dims=(1,), keepdim=True)
    dx = p("mul", p("sub", p("sub", gw, m1), p("mul", hat, m2)), rstd)
    dw = p("sum", p("mul", g, hat), dims=(0,), keepdim=False)
    return p.build(dx, dw, p("sum", g, dims=(0,), keepdim=False))


def _gelu(dtype: str, approximate: str) -> Maker:
    return lambda p: p.build(p("gelu", p.tensor(dtype, ROWS, COLUMNS), approximate=approximate))


_LOSS = {"ignore_index": -100, "reduction": "mean"}


def _cross_entropy(p: Program) -> Graph:
    x, target = p.tensor("f32", ROWS, COLUMNS), p.tensor("i64", ROWS)
    return p.build(*p.many("cross_entropy", x, target, label_smoothing=0.1, **_LOSS))


def _cross_entropy_backward(p: Program) -> Graph:
    g, logp, target = p.tensor("f32"), p.tensor("f32", ROWS, COLUMNS), p.tensor("i64", ROWS)
    return p.build(p("cross_entropy_grad", g, logp, target, label_smoothing=0.1, **_LOSS))


def _adamw(p: Program) -> Graph:
    shape = (ROWS, COLUMNS)
    w, g, m, v = (p.tensor("f32", *shape) for _ in range(4))
    step, lr = p.tensor("f32"), p.number()
    return p.build(*p.many("adam", w, g, m, v, step, lr, 0.9, 0.999, 1e-8, 0.01, decoupled=True))


def _sums(p: Program) -> Graph:
    x = p.tensor("f32", 300, COLUMNS)
    return p.build(*(p("sum", x, dims=dims, keepdim=False) for dims in ((0,), (1,), (0, 1))))


def _long_rows(p: Program) -> Graph:
    """Rows that fit no tile, with a sum over the rows beside the sum over each row."""
    x = p.tensor("f32", 7, LONG)
    y = p("sub", x, p("amax", x, dims=(1,), keepdim=True))
    return p.build(p("exp", y), p("sum", y, dims=(0,), keepdim=False), p("sum", y, dims=(1,), keepdim=False))


def _extremes(p: Program) -> Graph:
    x = p.tensor("f32", ROWS, COLUMNS)
    ends = [p(op, x, dims=(0, 1), keepdim=False) for op in ("amax", "amin", "prod")]
    places = [p(op, x, dim=dim, keepdim=False) for op in ("argmax", "argmin") for dim in (0, 1, None)]
    return p.build(*ends, *places)


def _broadcast(p: Program) -> Graph:
    a, b, c = p.tensor("f32", 5, 1, 33), p.tensor("f32", 7, 1), p.tensor("bool", 5, 7, 33)
    return p.build(p("where", c, p("mul", a, b), p("add", a, 1.5)), p("any", c, dims=(0, 2), keepdim=True))


def _transpose(p: Program) -> Graph:
    x = p("permute", p.tensor("f32", 65, 130), dims=(1, 0))
    return p.build(p("add", x, p.tensor("f32", 130, 65)))


def _casts(p: Program) -> Graph:
    words = (
        "bool",
        "u8",
        "u16",
        "u32",
        "u64",
        "i8",
        "i16",
        "i32",
        "i64",
        "f16",
        "bf16",
        "f8e4m3",
        "f8e5m2",
        "f32",
        "f64",
    )
    x, y = p.tensor("f32", 130), p.tensor("i64", 130)
    return p.build(*(p("cast", v, dtype=as_dtype(w)) for v in (x, y) for w in words if w != ("f32", "i64")[v is y]))


def _math(dtype: str) -> Maker:
    ops = (
        "exp",
        "log",
        "log1p",
        "sqrt",
        "rsqrt",
        "sin",
        "cos",
        "tanh",
        "sigmoid",
        "erf",
        "reciprocal",
        "floor",
        "sign",
    )

    def make(p: Program) -> Graph:
        x = p.tensor(dtype, COLUMNS)
        return p.build(*(p(op, x) for op in ops), p("pow", x, 2.5), p("maximum", x, 0.5))

    return make


def _more_math(dtype: str) -> Maker:
    one = (
        "exp2", "expm1", "log2", "log10", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh",
        "erfc", "lgamma", "ceil", "trunc", "round",
    )  # fmt: skip
    two = ("atan2", "hypot", "copysign", "nextafter", "fmod", "floor_divide", "remainder")

    def make(p: Program) -> Graph:
        x, y = p.tensor(dtype, COLUMNS), p.tensor(dtype, COLUMNS)
        return p.build(*(p(op, x) for op in one), *(p(op, x, y) for op in two))

    return make


def _more_integers(p: Program) -> Graph:
    outs = []
    for dtype in ("i64", "u8"):
        x, y = p.tensor(dtype, 130), p.tensor(dtype, 130)
        outs += [p(op, x, y) for op in ("gcd", "lcm", "bitwise_left_shift", "bitwise_right_shift")]
    return p.build(*outs)


def _draws(p: Program) -> Graph:
    seed, offset = p.number("i64"), p.number("i64")
    f32 = {"shape": (ROWS, COLUMNS), "dtype": as_dtype("f32")}
    return p.build(
        p("rand", seed, offset, **f32), p("randn", seed, offset, **f32), p("bernoulli", seed, offset, p=0.1, **f32)
    )


def _scans(columns: int) -> Maker:
    def make(p: Program) -> Graph:
        x = p.tensor("f32", 3, columns or COLUMNS)
        return p.build(p("cumsum", x, dim=1), *p.many("cummax", x, dim=1), p("cumsum", x, dim=0))

    return make


def _integers(p: Program) -> Graph:
    x, y = p.tensor("i32", COLUMNS), p.tensor("u8", COLUMNS)
    total = p("sum", p("mul", x, x), dims=(0,), keepdim=False)
    return p.build(p("sign", x), p("abs", x), p("pow", y, y), p("minimum", y, 7), total)


def _embedding(p: Program) -> Graph:
    """Rows looked up, and the gradient of the table: tokens of one row meet there in order."""
    table, tokens = p.tensor("f32", 50, 65), p.tensor("i64", ROWS, 9)
    x = p("take", table, tokens, dim=0)
    return p.build(x, p("take_grad", p("mul", x, 2.0), tokens, dim=0, size=50))


SUITE: dict[str, Maker] = {
    "softmax": _softmax("f32"),
    "softmax_bf16": _softmax("bf16"),
    "softmax_f64": _softmax("f64"),
    "softmax_down": _softmax("f32", dim=0),
    "softmax_short": _softmax("f32", 300, 3),
    "softmax_long": _softmax("f16", 3, LONG),
    "log_softmax": _softmax("f32", op="log_softmax"),
    "layer_norm": _layer_norm,
    "layer_norm_backward": _layer_norm_backward,
    "rms_norm": _rms_norm,
    "batch_norm": _batch_norm,
    "gelu": _gelu("f32", "none"),
    "gelu_tanh": _gelu("bf16", "tanh"),
    "cross_entropy": _cross_entropy,
    "cross_entropy_backward": _cross_entropy_backward,
    "adamw": _adamw,
    "embedding": _embedding,
    "sums": _sums,
    "long_rows": _long_rows,
    "extremes": _extremes,
    "broadcast": _broadcast,
    "transpose": _transpose,
    "casts": _casts,
    "math_f32": _math("f32"),
    "math_f64": _math("f64"),
    "integers": _integers,
    "more_math_f32": _more_math("f32"),
    "more_math_f64": _more_math("f64"),
    "more_integers": _more_integers,
    "draws": _draws,
    "scans": _scans(0),
    "scans_long": _scans(LONG // 4),
}


# Graphs with named sizes, and an example of each; only the GPU target prints them as they are.
OPEN_SIZES = {"n0": 17, "n1": 1029}
OPEN = {
    "open_softmax": """(%0: f32[n0, n1]) {
  %1: f32[n0, n1] = softmax(%0; dim=1)
  return %1
}
""",
    "open_batch": """(%0: f32[n0, 1029], %1: f32[1029], %2: f32[1029]) {
  %3: f32[n0, 1029], %4: f32[n0, 1], %5: f32[n0, 1] = layer_norm(%0, %1, %2; ndims=1, eps=1e-05)
  %6: f32[1029] = sum(%3; dims=(0,), keepdim=False)
  return %3, %6
}
""",
    "open_sums": """(%0: f32[n0, n1]) {
  %1: f32[n1] = sum(%0; dims=(0,), keepdim=False)
  %2: f32[n0] = mean(%0; dims=(1,), keepdim=False)
  %3: f32[] = sum(%0; dims=(0, 1), keepdim=False)
  return %1, %2, %3
}
""",
    "open_extremes": """(%0: f32[n0, n1]) {
  %1: i64[n0] = argmax(%0; dim=1, keepdim=False)
  %2: i64[] = argmin(%0; dim=None, keepdim=False)
  %3: f32[n1] = amax(%0; dims=(0,), keepdim=False)
  return %1, %2, %3
}
""",
    "open_cross_entropy": """(%0: f32[n0, n1], %1: i64[n0]) {
  %2: f32[], %3: f32[n0, n1] = cross_entropy(%0, %1; label_smoothing=0.1, ignore_index=-100, reduction="mean")
  return %2, %3
}
""",
    "open_embedding": """(%0: f32[n0, 64], %1: i64[n1]) {
  %2: f32[n1, 64] = take(%0, %1; dim=0)
  %3: f32[n0, 64] = take_grad(%2, %1; dim=0, size=n0)
  return %2, %3
}
""",
    "open_moves": """(%0: f32[n0, n1]) {
  %1: f32[n1, n0] = permute(%0; dims=(1, 0))
  %2: f32[n1, n0] = exp(%1)
  %3: f32[{n0 + -1}, n1] = slice(%0; index=((1, n0, 1), (0, n1, 1)))
  %4: f32[{2*n0 + -1}, n1] = cat(%0, %3; dim=0)
  return %2, %4
}
""",
    "open_scans": """(%0: f32[n0, n1]) {
  %1: f32[n0, n1] = cumsum(%0; dim=1)
  %2: f32[n0, n1] = cumsum(%0; dim=0)
  return %1, %2
}
""",
}


def graph(name: str) -> Graph:
    """A program of the suite."""
    return SUITE[name](Program(name))


def open_graph(name: str) -> Graph:
    """A program with named sizes."""
    return parse(f"graph {name}{OPEN[name]}")


def example(program: Graph) -> dict[str, int]:
    """A number for each named size of a program."""
    return {name: OPEN_SIZES[name] for name in sorted(named_sizes(program))}


def inputs(program: Graph, seed: int = 0) -> list[Any]:
    """Arrays and numbers that fit a program: floats around 1 apart, integers that are classes of any target."""
    rng = np.random.default_rng(seed)
    given: list[Any] = []
    for value in program.inputs:
        type_ = value.type
        if isinstance(type_, ScalarType):
            given.append({"f64": 1e-3, "i64": 3, "bool": True}[type_.kind])
            continue
        kind = type_.dtype.numpy
        if type_.dtype.short == "bool" or kind.kind in "iu":
            given.append(rng.integers(0, 2 if type_.dtype.short == "bool" else 5, type_.shape).astype(kind))
        else:
            # away from zero, below one: what has a pole or an edge there is then as exact as its terms
            given.append((rng.uniform(0.5, 2.0, type_.shape)).astype(kind))
    return given


EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


def agree(got: Any, want: Any, label: str) -> None:
    """Equal, or for floats near in units of their dtype and the size of their terms; AssertionError where not."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape), label
    unit = EPS.get(want.dtype.name)
    if unit is None:
        np.testing.assert_array_equal(got, want, err_msg=label)
    else:
        g, w = got.astype(np.float64), want.astype(np.float64)
        np.testing.assert_allclose(g, w, rtol=300 * unit, atol=100 * unit, err_msg=label)
