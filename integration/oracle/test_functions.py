"""Functions and methods whose spelling both libraries share, promotion over all pairs of dtypes, creation, updates.

A function is a text evaluated once with `lib` = lamella.tensor and once with `lib` = torch: the names and arguments
that users of the one know are thereby shown to work in the other.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import lamella.tensor as lt
from integration.oracle.inputs import DTYPES, numpy_of, ours, theirs
from integration.oracle.rows import ERRORS, FUNCTIONS, VALUES
from lamella import autograd
from lamella.tensor.extend import OPS, dispatch

pytestmark = pytest.mark.oracle

# x and y [3, 4], m [4, 5], v [4], i integers [2, 3] below 3, k bools [3, 4]
_FUNCTIONS = [
    "x + y", "x - 2", "2 - x", "x * 0.5", "x / y", "1 / y", "abs(y) ** 1.5", "-x", "x @ m", "v @ m", "abs(x)",
    "lib.sum(x)", "x.sum(0)", "x.sum((0, 1), keepdim=True)", "x.mean()", "x.mean(1, keepdim=True)", "x.var(1)",
    "x.std(0, correction=0)", "x.prod(1)", "x.amax(0)", "x.amin((0, 1))", "lib.logsumexp(x, 1)", "x.argmax(1)",
    "x.argmin()", "x.cumsum(0)", "x.clamp(-0.5, 0.5)", "lib.clamp(x, min=0.1)", "lib.where(k, x, y)", "lib.square(x)",
    "lib.where(k, x, 0.0)", "x.reshape(2, -1)", "x.view(6, 2)", "x.flatten()", "x.transpose(0, 1)", "x.t() @ y", "x.T",
    "x.permute(1, 0)", "x.unsqueeze(1)", "x.unsqueeze(-1).squeeze()", "v.expand(3, 4)", "lib.cat([x, y], 1)",
    "lib.stack([x, y], -1)", "lib.split(x, 2, 1)[1]", "x.narrow(1, 1, 2)", "lib.flip(x, (0,))", "lib.tril(x, -1)",
    "x[1]", "x[:, 1:3]", "x[..., -1]", "x[None, 1]", "x[i]", "x[k]", "x[:, [0, 2]]", "x[::2, 3:0:1]",
    "lib.gather(x, 1, i)", "x.scatter_add(1, i, y[:2, :3])", "lib.exp(x)", "lib.log1p(y * y)", "lib.sigmoid(x)",
    "lib.maximum(x, y)", "lib.softmax(x, -1)", "lib.log_softmax(x, 0)", "(x > y) | k", "(x == y)", "~k",
    "lib.tanh(x).sum().sqrt().abs()", "x.add(y).mul(2).sub(v).div(3)", "x.pow(2).neg().exp()",
]  # fmt: skip

_RNG = np.random.default_rng(3)
_VALUES: dict[str, Any] = {
    "x": _RNG.normal(size=(3, 4)), "y": _RNG.normal(size=(3, 4)), "m": _RNG.normal(size=(4, 5)),
    "v": _RNG.normal(size=4), "i": _RNG.integers(0, 3, (2, 3)), "k": _RNG.random((3, 4)) < 0.5,
}  # fmt: skip


_ALL_VALUES = _VALUES | VALUES
_FLOATING = sorted(n for n, v in _ALL_VALUES.items() if isinstance(v, np.ndarray) and v.dtype == np.float64)


def _results(out: Any) -> list[Any]:
    return [r for o in out for r in _results(o)] if isinstance(out, (tuple, list)) else [out]


@pytest.mark.parametrize("text", [*_FUNCTIONS, *FUNCTIONS])
def test_functions_and_their_gradients(text: str) -> None:
    a = {name: ours(value) if isinstance(value, np.ndarray) else value for name, value in _ALL_VALUES.items()}
    b = {name: theirs(value) if isinstance(value, np.ndarray) else value for name, value in _ALL_VALUES.items()}
    for name in _FLOATING:
        a[name].requires_grad_()
        b[name].requires_grad_()
    # each text is one of the lists above
    outs = list(zip(_results(eval(text, {**a, "lib": lt})), _results(eval(text, {**b, "lib": torch})), strict=True))
    for mine, other in outs:
        if not isinstance(other, torch.Tensor):
            assert mine == other
            continue
        (got, got_dtype), (wanted, wanted_dtype) = numpy_of(mine), numpy_of(other)
        assert got_dtype == wanted_dtype
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
        assert mine.requires_grad == other.requires_grad
        shared = mine._view is not None and any(mine._view.base is v for v in a.values())
        assert shared == any(other._base is v for v in b.values()), "a view in one library is a copy in the other"
        if shared:
            # the stride of a dim of size 1 is never used
            strides = [(s, o) for s, o, n in zip(mine.stride(), other.stride(), other.shape, strict=True) if n > 1]
            assert all(s == o for s, o in strides)
    followed = [(m, o) for m, o in outs if isinstance(o, torch.Tensor) and o.requires_grad and not o.is_leaf]
    if not followed:
        return
    rng = np.random.default_rng(4)
    cotangents = [rng.normal(size=tuple(o.shape)) for _, o in followed]
    gradients = autograd.grad(
        [m for m, _ in followed], [a[n] for n in _FLOATING], [lt.tensor(c) for c in cotangents], allow_unused=True
    )
    expected = torch.autograd.grad(
        [o for _, o in followed], [b[n] for n in _FLOATING], [torch.tensor(c) for c in cotangents], allow_unused=True
    )
    for g, e in zip(gradients, expected, strict=True):
        assert (g is None) == (e is None)
        if g is not None:
            np.testing.assert_allclose(numpy_of(g)[0], numpy_of(e)[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("text", ERRORS)
def test_what_the_oracle_refuses_is_refused(text: str) -> None:
    for lib, make in ((torch, theirs), (lt, ours)):
        values = {name: make(value) if isinstance(value, np.ndarray) else value for name, value in _ALL_VALUES.items()}
        with pytest.raises((TypeError, ValueError, IndexError, RuntimeError, OverflowError, ZeroDivisionError)):
            eval(text, {**values, "lib": lib})


_OPERANDS = [*DTYPES, "number:True", "number:2", "number:0.5"]


def _operand(lib: Any, name: str, shape: tuple[int, ...]) -> Any:
    if name.startswith("number:"):
        return {"True": True, "2": 2, "0.5": 0.5}[name.removeprefix("number:")]
    return lib.ones(shape, dtype=getattr(lib, name))


@pytest.mark.parametrize("shapes", [((2,), (2,)), ((2,), ()), ((), (2,))], ids=["tensors", "right-0d", "left-0d"])
@pytest.mark.parametrize("name", ["add", "mul", "div", "maximum", "eq", "pow"])
def test_promotion(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    for left, right in itertools.product(DTYPES, _OPERANDS):
        if name == "maximum" and right.startswith("number"):
            continue  # the oracle's takes tensors only
        if name == "pow" and left == "bool" and right in ("bool", "number:True"):
            continue  # the oracle refuses it
        wanted = getattr(torch, name)(_operand(torch, left, shapes[0]), _operand(torch, right, shapes[1])).dtype
        got = getattr(lt, name)(_operand(lt, left, shapes[0]), _operand(lt, right, shapes[1])).dtype
        assert got.name == str(wanted).removeprefix("torch."), (left, right)


@pytest.mark.parametrize(
    "text",
    [
        "lib.full((2, 3), 7)", "lib.full((2,), 0.5)", "lib.full((2,), True)", "lib.zeros(2, 3)", "lib.ones((2,))",
        "lib.arange(5)", "lib.arange(1, 9, 3)", "lib.arange(0.0, 1.0, 0.25)", "lib.arange(5, 0, -2)", "lib.eye(3)",
        "lib.linspace(0, 1, 5)", "lib.zeros_like(lib.ones(3))", "lib.tensor([1, 2])", "lib.tensor([1.5])",
        "lib.tensor(True)", "lib.tensor([[1, 2.5]])", "lib.full_like(lib.ones(2), 3)",
    ],
)  # fmt: skip
def test_creation(text: str) -> None:
    (got, got_dtype), (wanted, wanted_dtype) = (numpy_of(eval(text, {"lib": lib})) for lib in (lt, torch))
    assert got_dtype == wanted_dtype
    np.testing.assert_array_equal(got, wanted)


_P, _G = _RNG.normal(size=(5, 3)), _RNG.normal(size=(4, 5, 3))


def _their_steps(kind: Any, **options: Any) -> Any:
    p = torch.nn.Parameter(torch.tensor(_P))
    optimizer = kind([p], lr=0.05, weight_decay=0.1, **options)
    for g in _G:
        p.grad = torch.tensor(g)
        optimizer.step()
    return p.detach().numpy()


def test_sgd() -> None:
    p = lt.tensor(_P)
    for g in _G:
        p = dispatch(OPS["sgd"], (p, lt.tensor(g), 0.05, 0.1))
    np.testing.assert_allclose(p.numpy(), _their_steps(torch.optim.SGD), rtol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov: bool) -> None:
    p, buf = lt.tensor(_P), lt.tensor(np.zeros_like(_P))
    for g in _G:
        p, buf = dispatch(OPS["momentum"], (p, lt.tensor(g), buf, 0.05, 0.9, 0.1), {"nesterov": nesterov})
    np.testing.assert_allclose(p.numpy(), _their_steps(torch.optim.SGD, momentum=0.9, nesterov=nesterov), rtol=1e-12)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam(decoupled: bool) -> None:
    p, m, v = lt.tensor(_P), lt.tensor(np.zeros_like(_P)), lt.tensor(np.zeros_like(_P))
    step = lt.tensor(0.0, dtype=lt.float64)
    for g in _G:
        operands = (p, lt.tensor(g), m, v, step, 0.05, 0.8, 0.95, 1e-6, 0.1)
        p, m, v, step = dispatch(OPS["adam"], operands, {"decoupled": decoupled})
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    np.testing.assert_allclose(p.numpy(), _their_steps(kind, betas=(0.8, 0.95), eps=1e-6), rtol=1e-12)
