"""Random graphs of moves, lookups, writes, scans and maps agree with the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiler_programs import Program

from lamella.compiler.executor import compile_graph
from lamella.graph import Value, interpret


class Draw:
    """A program over matrices of one shape, grown by one random step after the other."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.p = Program()
        self.n, self.m = int(self.rng.choice([3, 5, 40])), int(self.rng.choice([2, 7, 70]))
        self.values = [self.p.input(self.rng.uniform(-1, 1, (self.n, self.m))) for _ in range(3)]
        self.rows = self.p.input(self.rng.integers(-self.n, self.n, 6))
        self.places = self.p.input(self.rng.integers(-self.n, self.n, (self.n, self.m)))

    def __call__(self, name: str, *args: Any, **params: Any) -> Value:
        return self.p.add(name, *args, **params)[0]

    def below(self, n: int) -> int:
        return int(self.rng.integers(0, n))

    def columns(self, start: int, stop: int) -> tuple[Any, ...]:
        return ((0, self.n, 1), (start, stop, 1))


def _pieces(d: Draw, x: Value, y: Value) -> Value:
    a = d.below(d.m)
    terms = []
    for v, start, stop in ((x, 0, a), (y, a, d.m)):
        index = d.columns(start, stop)
        terms.append(d("view_grad", d("slice", v, index=index), shape=(d.n, d.m), chain=(("slice", index),)))
    return d("add", *terms) if d.below(3) else d("add", d("add", terms[0], x), terms[1])


def _written(d: Draw, x: Value, y: Value) -> Value:
    index = (d.below(d.n), (0, d.m, 1))
    return d("view_write", x, d("slice", y, index=index), chain=(("slice", index),))


def _joined(d: Draw, x: Value, y: Value) -> Value:
    a = d.below(d.m + 1)
    return d("slice", d("cat", x, y, dim=1), index=d.columns(a, a + d.m))


def _turned(d: Draw, x: Value, _: Value) -> Value:
    return d("reshape", d("permute", x, dims=(1, 0)), shape=(d.n, d.m))


def _shifted(d: Draw, x: Value, y: Value) -> Value:
    less = d("slice", x, index=d.columns(0, d.m - 1))
    return d("add", d("pad", less, pads=((0, 0), (1, 0)), value=0.0), y)


STEPS: tuple[Callable[[Draw, Value, Value], Value], ...] = (
    _pieces, _written, _joined, _turned, _shifted,
    lambda d, x, y: d(str(d.rng.choice(["sin", "tanh", "neg"])), x),
    lambda d, x, y: d(str(d.rng.choice(["add", "mul", "sub"])), x, y),
    lambda d, x, y: d("tanh", d("take_grad", d("take", x, d.rows, dim=0), d.rows, dim=0, size=d.n)),
    lambda d, x, y: d("gather", x, d.places, dim=0),
    lambda d, x, y: d("tanh", d("scatter_add", x, d.places, y, dim=0)),
    lambda d, x, y: d("tanh", d("cumsum", x, dim=d.below(2))),
    lambda d, x, y: d("tanh", d("add", x, d("sum", x, dims=(d.below(2),), keepdim=True))),
    lambda d, x, y: d(str(d.rng.choice(["tril", "triu"])), x, diagonal=d.below(5) - 2),
    lambda d, x, y: d("roll", x, shifts=(1,), dims=(d.below(2),)),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(15))
def test_random_moves(seed: int) -> None:
    d = Draw(seed)
    for _ in range(6 + d.below(20)):
        x, y = d.values[-1 - d.below(min(6, len(d.values)))], d.values[d.below(len(d.values))]
        d.values.append(STEPS[d.below(len(STEPS))](d, x, y))
    graph = d.p.b.build([d.values[-1], *(d.values[d.below(len(d.values))] for _ in range(3))])
    for got, want in zip(compile_graph(graph)(d.p.arrays), interpret(graph)(d.p.arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)
