"""Graphs built by hand, run compiled and by the interpreter: what the table tests of lowering share."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from lamella.compiler.executor import compile_graph
from lamella.graph import Graph, GraphBuilder, TensorType, Value, infer_types, interpret
from lamella.tensor.extend import OPS, as_dtype

FLOATS = ("f16", "bf16", "f32", "f64")
INTS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
ALL = ("bool", *INTS, *FLOATS)
SHAPES = ((), (1,), (7,), (64,), (130,), (0,), (3, 0), (5, 33), (2, 3, 17), (4, 1, 9))

# Relative tolerance by class of op, in units of the dtype's epsilon; exact where 0.
EXACT, ROUNDED, TRANSCENDENTAL, SUM = 0, 1, 8, 64
EPS = {"f8e4m3": 2.0**-3, "f8e5m2": 2.0**-2, "f16": 2.0**-10, "bf16": 2.0**-7, "f32": 2.0**-23, "f64": 2.0**-52}
SPECIAL = (np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-42, -1e-42, 3e38, 1e5, -1e5, 88.9, -88.9, -104.5, 0.5, 2.0)


def values(dtype: str, shape: tuple[int, ...], seed: int, *, special: bool = False) -> np.ndarray[Any, Any]:
    """Random values of a dtype; `special` mixes in infinities, NaN and the ends of ranges."""
    rng = np.random.default_rng(seed)
    kind = as_dtype(dtype).numpy
    if dtype == "bool":
        return np.asarray(rng.integers(0, 2, shape), kind)
    if dtype in INTS:
        info = np.iinfo(kind)
        if special:
            return np.asarray(rng.integers(info.min, info.max, shape, dtype=kind, endpoint=True), kind)
        return np.asarray(rng.integers(max(info.min, -5), 6, shape), kind)
    out = np.asarray(rng.standard_normal(shape) * 3)
    if special and out.size:
        pick = rng.random(shape) < 0.3
        out = np.where(pick, rng.choice(SPECIAL, shape), out)
    with np.errstate(all="ignore"):
        return np.asarray(out).astype(kind)


class Program:
    """A graph built by hand: inputs with their arrays, nodes with the tolerance of their outputs."""

    def __init__(self) -> None:
        self.b = GraphBuilder("g")
        self.arrays: list[Any] = []
        self.outputs: list[Value] = []
        self.labels: list[tuple[str, int]] = []

    def input(self, array: np.ndarray[Any, Any]) -> Value:
        from lamella.tensor.extend import from_numpy_dtype

        self.arrays.append(array)
        return self.b.input(TensorType(from_numpy_dtype(array.dtype), array.shape))

    def add(self, name: str, *args: Any, **params: Any) -> tuple[Value, ...]:
        return self.b.add(OPS[name], args, params, infer_types(OPS[name], args, params))

    def output(self, label: str, tolerance: int, *outs: Value) -> None:
        self.outputs += outs
        self.labels += [(label, tolerance)] * len(outs)

    def check(self) -> Any:
        graph: Graph = self.b.build(self.outputs)
        compiled = compile_graph(graph)
        got = compiled(self.arrays)
        with np.errstate(all="ignore"):
            want = interpret(graph)(self.arrays)
        for (label, tolerance), g, w in zip(self.labels, got, want, strict=True):
            same(label, tolerance, g, w)
        return compiled


def same(label: str, tolerance: int, got: Any, want: Any) -> None:
    assert isinstance(got, np.ndarray), label
    assert (got.dtype, got.shape) == (want.dtype, want.shape), label
    if want.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want, err_msg=label)
        return
    from lamella.tensor.extend import from_numpy_dtype

    word = from_numpy_dtype(want.dtype).short
    g, w = got.astype(np.float64), want.astype(np.float64)
    np.testing.assert_array_equal(np.isnan(g), np.isnan(w), err_msg=label)
    inf = np.isinf(w) | np.isinf(g)
    np.testing.assert_array_equal(g[inf], w[inf], err_msg=label)
    fine = ~(np.isnan(w) | inf)
    # below the normal range errors are absolute; sums and what is made of them err relative to their terms, about 1
    least = 1.0 if tolerance >= SUM else 2.0**-14 if word == "f16" else 2.0**-122
    limit = tolerance * EPS[word] * np.maximum(np.abs(w[fine]), least)
    worst = np.abs(g[fine] - w[fine]) - limit
    assert (worst <= 0).all(), f"{label}: {g[fine][worst > 0][:5]} is not {w[fine][worst > 0][:5]}"


def externs(run: Any) -> list[str]:
    """The ops of a compiled graph that run as numpy's kernels."""
    return re.findall(r"^ +extern (\w+)", run.explain(), re.MULTILINE)
