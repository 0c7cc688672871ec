"""Control flow in both libraries: values and gradients of cond, scan and map, values of while_loop."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch._higher_order_ops import map as torch_map
from torch._higher_order_ops import scan as torch_scan
from torch._higher_order_ops import while_loop as torch_while_loop

import lamella.autograd
import lamella.tensor

# the other library warns of parts of its own when it traces a body
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")]

OURS = SimpleNamespace(
    lib=lamella.tensor,
    cond=lamella.autograd.cond,
    scan=lamella.autograd.scan,
    map=lamella.autograd.map,
    while_loop=lamella.autograd.while_loop,
)
THEIRS = SimpleNamespace(lib=torch, cond=torch.cond, scan=torch_scan, map=torch_map, while_loop=torch_while_loop)
Program = Callable[[Any, Any, Any, Any], tuple[Any, ...]]


def _step(n: Any, w: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        new = n.lib.tanh(carry @ w + x)
        return new, carry * x

    return step


# programs of (library, w [3, 3], xs [4, 3], c [3]); every result is a tensor
DIFFERENTIABLE: dict[str, Program] = {
    "scan": lambda n, w, xs, c: n.scan(_step(n, w), c, xs),
    "scan in reverse": lambda n, w, xs, c: n.scan(_step(n, w), c, xs, reverse=True),
    "map": lambda n, w, xs, c: (n.map(lambda x: (x @ w).sin(), xs),),
    "map with operands": lambda n, w, xs, c: (n.map(lambda x, c: x * c, xs, c),),
    "cond, true": lambda n, w, xs, c: (n.cond((c * c).sum() > 0, lambda a: a @ w, lambda a: a * 2, (c,)),),
    "cond, false": lambda n, w, xs, c: (n.cond((c * c).sum() < 0, lambda a: a @ w, lambda a: a.sin(), (c,)),),
}
LOOPS: dict[str, Program] = {
    "while_loop": lambda n, w, xs, c: n.while_loop(
        lambda i, a: i < 4, lambda i, a: (i + 1, (a @ w).sin()), (n.lib.tensor(0), c)
    ),
    "no step": lambda n, w, xs, c: n.while_loop(lambda i, a: i < 0, lambda i, a: (i + 1, a * 2), (n.lib.tensor(0), c)),
    "until a value": lambda n, w, xs, c: n.while_loop(lambda a: (a * a).sum() < 50, lambda a: (a * 1.5,), (c,)),
}
_ARRAYS = [np.random.default_rng(0).normal(size=shape) for shape in ((3, 3), (4, 3), (3,))]


def run(n: Any, program: Program, gradients: bool) -> list[Any]:
    leaves = [n.lib.tensor(a.tolist(), dtype=n.lib.float64, requires_grad=gradients) for a in _ARRAYS]
    out = program(n, *leaves)
    found = [t.detach().numpy() for t in out]
    if gradients:
        sum([(t * t).sum() for t in out]).backward()
        found += [np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in leaves]
    return found


@pytest.mark.parametrize("name", [*DIFFERENTIABLE, *LOOPS])
def test_as_theirs(name: str) -> None:
    gradients = name in DIFFERENTIABLE
    program = (DIFFERENTIABLE | LOOPS)[name]
    for ours, theirs in zip(run(OURS, program, gradients), run(THEIRS, program, gradients), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
