"""Random programs that branch on tensors and on numbers out of tensors, write state, draw and go backward: what they
return and leave behind is compared with eager runs. LAMELLA_FORK_PROGRAMS says how many (15).
"""

from __future__ import annotations

import os
import random
import types
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.compiler import compile as capture
from lamella.tensor.extend import default_generator

UNARY = ("tanh()", "sin()", "neg()", "exp().clamp(max=3.0)", "clone()", "T.contiguous().T", "mul(0.5)")
STATEMENTS = (
    "unary",
    "binary",
    "write",
    "number",
    "branch",
    "branch on numbers",
    "draw",
    "rows",
    "write a row",
    "count",
)
COUNT = int(os.environ.get("LAMELLA_FORK_PROGRAMS", "15"))


class Writer:
    """Writes one program: its lines, and the names of tensors and numbers that exist so far."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.lines: list[str] = []
        self.names = 0

    def block(self, indent: str, tensors: list[str], numbers: list[str], depth: int = 0) -> tuple[list[str], list[str]]:
        """Some statements; the names after them."""
        for _ in range(self.r.randint(2, 4)):
            tensors, numbers = self.statement(indent, tensors, numbers, depth)
        return tensors, numbers

    def statement(self, indent: str, tensors: list[str], numbers: list[str], depth: int) -> tuple[list[str], list[str]]:
        """One statement; the names after it."""
        r, kind = self.r, self.r.choice(STATEMENTS)
        a, b, n = r.choice(tensors), r.choice(tensors), r.choice(numbers)
        self.names += 1
        new = f"t{self.names}"
        if kind.startswith("write"):
            write = f"S.b.{r.choice(('add_', 'mul_', 'copy_', 'sub_'))}({a}.detach().tanh())"
            row = f"S.b[{r.randint(0, 1)}] = {a}.detach()[0].sin()"
            self.lines.append(f"{indent}with lt.no_grad(): {write if kind == 'write' else row}")
            return tensors, numbers
        if kind == "number":
            self.lines.append(f"{indent}{new} = {a}.{r.choice(('sum', 'mean', 'max'))}().item()")
            return tensors, [*numbers, new]
        if kind.startswith("branch"):
            if depth == 2:
                return tensors, numbers
            asked = f"{a}.sum() > {n}" if kind == "branch" else f"{r.choice(numbers)} > {n} - 1.0"
            for line, tail in ((f"if {asked}:", "* 1.5"), ("else:", "- 1.0")):
                self.lines.append(indent + line)
                inner, _ = self.block(indent + "    ", list(tensors), list(numbers), depth + 1)
                self.lines.append(f"{indent}    {new} = {r.choice(inner)} {tail}")
            return [*tensors, new], numbers
        value = {
            "unary": f"{a}.{r.choice(UNARY)}",
            "binary": f"{a} {r.choice('+*-')} {b}",
            "draw": f"{a} * lt.rand(2, 3, dtype=lt.float64)",
            "rows": f"{a}.sum(0, keepdim=True) * {n} + {b}",
            "count": f"{a} * int(({b} > 0).sum())",
        }[kind]
        self.lines.append(f"{indent}{new} = {value}")
        return [*tensors, new], numbers


def program(seed: int) -> str:
    w = Writer(seed)
    tensors, numbers = w.block("    ", ["x", "S.b", "S.w"], ["2.0", "0.5"])
    first, second = w.r.choice(tensors[3:] or tensors), w.r.choice(tensors)
    body = "\n".join(w.lines)
    return f"def f(x):\n{body}\n    return ({first} * 1.0).sum(), {w.r.choice(numbers)}, {second} * 1.0\n"


def history(source: str, seed: int, backend: str | None) -> list[tuple[Any, ...]]:
    """What eight calls give and leave behind."""
    rng, state = np.random.default_rng(seed), types.SimpleNamespace()
    state.w = lt.from_numpy(rng.standard_normal((2, 3))).requires_grad_()
    state.b = lt.from_numpy(rng.standard_normal((2, 3)))
    lt.manual_seed(seed)
    scope: dict[str, Any] = {"lt": lt, "S": state}
    exec(compile(source, f"<program {seed}>", "exec"), scope)
    f = scope["f"] if backend is None else capture(scope["f"], backend=backend, fullgraph=True)
    out = []
    for call in range(8):
        state.w.grad = None
        total, number, y = f(lt.from_numpy(rng.standard_normal((2, 3)) * (1 + call % 2)))
        if total.requires_grad:
            total.backward()
        grad = np.zeros(0) if state.w.grad is None else state.w.grad.numpy().copy()
        arrays = (np.asarray(total.item()), y.detach().numpy().copy(), state.b.numpy().copy(), grad)
        out.append((*arrays, number, y.requires_grad, default_generator.get_state()["offset"]))
        with lt.no_grad():
            state.w.mul_(0.9)
    return out


@pytest.mark.parametrize("seed", range(COUNT))
def test_random_programs_that_fork(seed: int) -> None:
    source = program(seed)
    for backend in ("interpreter", "c") if seed < 3 else ("interpreter",):
        for n, (a, b) in enumerate(zip(history(source, seed, None), history(source, seed, backend), strict=True)):
            where = f"{source}\nseed {seed}, call {n}, {backend}"
            for expected, got in zip(a[:5], b[:5], strict=True):
                assert type(expected) is type(got), where
                np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9, err_msg=where)
            assert a[5:] == b[5:], where
