"""Random graphs of maps, reductions, views, units and extern steps agree with the interpreter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lamella.compiler.executor import compile_graph
from lamella.graph import GraphBuilder, TensorType, Value, infer_types, interpret
from lamella.tensor.extend import OPS, as_dtype

UNARY = ("sin", "tanh", "neg", "abs", "sigmoid", "relu", "exp")
BINARY = ("add", "sub", "mul", "maximum")


def random_graph(seed: int, length: int) -> tuple[Any, list[np.ndarray[Any, Any]]]:
    """A graph in float64 and its inputs; values stay near 1 so that errors do not grow."""
    rng = np.random.default_rng(seed)
    n, m, k = (int(v) for v in rng.choice([1, 2, 3, 5, 40, 70], 3))
    b = GraphBuilder(f"random{seed}")
    arrays = [rng.uniform(-1, 1, shape) for shape in ((n, m), (n, m), (m,), (n, 1), (k, n, m))]
    f64 = as_dtype("f64")
    values: list[Value] = [b.input(TensorType(f64, a.shape)) for a in arrays]

    def shape(v: Value) -> tuple[int, ...]:
        assert isinstance(v.type, TensorType)
        return v.type.shape

    def add(name: str, *args: Any, **params: Any) -> Value:
        return b.add(OPS[name], args, params, infer_types(OPS[name], args, params))[0]

    def tame(v: Value) -> Value:
        return add("tanh", v)

    while len(values) < length:
        x = values[int(rng.integers(max(0, len(values) - 8), len(values)))]
        s = shape(x)
        kind = int(rng.integers(0, 14))
        if kind <= 2:
            y = add(str(rng.choice(UNARY)), x)
            values.append(tame(y) if rng.random() < 0.3 else y)
        elif kind <= 5:
            others = [
                v for v in values if _broadcasts(s, shape(v)) and math.prod(shape(v)) * max(1, math.prod(s)) < 1e7
            ]
            if not others:
                continue
            other = others[int(rng.integers(0, len(others)))]
            values.append(tame(add(str(rng.choice(BINARY)), x, other)))
        elif kind <= 7 and s:
            dims = tuple(sorted(set(rng.choice(len(s), int(rng.integers(1, len(s) + 1))).tolist())))
            name, keepdim = str(rng.choice(["sum", "amax", "sum"])), bool(rng.random() < 0.6)
            count = math.prod(s[d] for d in dims)
            y = add(name, x, dims=dims, keepdim=keepdim)
            values.append(add("div", y, float(count)) if name == "sum" else y)
        elif kind == 8 and s:
            values.append(add(str(rng.choice(["softmax", "log_softmax"])), x, dim=int(rng.integers(0, len(s)))))
        elif kind == 9 and len(s) > 1:
            view = int(rng.integers(0, 3))
            if view == 0:
                values.append(add("permute", x, dims=tuple(rng.permutation(len(s)).tolist())))
            elif view == 1:
                values.append(add("reshape", x, shape=(math.prod(s),)))
            else:
                values.append(add("slice", x, index=tuple((0, d, 1) if d < 3 else (d - 1, 0, -1) for d in s)))
        elif kind == 10 and len(s) == 2:
            values.append(tame(add("matmul", x, add("permute", x, dims=(1, 0)))))
        elif kind == 11 and s and s[-1] == m:
            values.append(add("layer_norm", x, None, None, ndims=1, eps=0.1) if m > 1 else x)
        elif kind == 12:
            # away from where rounding decides: 0 is a frequent value
            values.append(add("where", add("gt", x, 0.1234), add("floor", add("add", x, 0.4321)), x))
        elif kind == 13:
            x = values[int(rng.integers(0, 5))]
            s = shape(x)
            at = add("argmax", x, dim=int(rng.integers(0, len(s))), keepdim=bool(rng.random() < 0.5))
            values.append(add("sin", add("cast", at, dtype=f64)))
    picks = rng.choice(len(values), 4, replace=False)
    return b.build([values[-1], *(values[int(p)] for p in picks)]), arrays


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    pairs = zip(a[::-1], b[::-1], strict=False)
    return all(p == q or p == 1 or q == 1 for p, q in pairs)


@pytest.mark.parametrize("seed", [*range(40), 1160])
def test_random_graph(seed: int) -> None:
    graph, arrays = random_graph(seed, 10 + seed % 70)
    compiled = compile_graph(graph)
    with np.errstate(all="ignore"):
        want = interpret(graph)(arrays)
    for number, (g, w) in enumerate(zip(compiled(arrays), want, strict=True)):
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-11, err_msg=f"output {number} of {graph}")
