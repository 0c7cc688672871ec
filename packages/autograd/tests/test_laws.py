"""Laws over random programs: gradients equal differences, pullbacks are linear, forward and backward are transposes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.autograd import checkpoint, grad, jvp, vjp, vmap
from lamella.tensor import cat, float64, pad, softmax, tensor, where
from lamella.testing import assert_close, gradcheck

# a step takes and returns [3, 4]; what it does to values keeps them moderate and away from kinks
UNARY = {
    "sin": lambda x: x.sin(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "erf": lambda x: x.erf(),
    "exp": lambda x: (x * 0.3).tanh().exp(),
    "log": lambda x: (x * x + 1.0).log(),
    "sqrt": lambda x: (x * x + 0.5).sqrt(),
    "power": lambda x: (x * x + 1.0) ** -0.5,
    "scaled": lambda x: 2.0 - x * 0.5,
    "rows": lambda x: x - x.mean(0, True),
    "normalized": lambda x: softmax(x, -1),
    "transposed": lambda x: (x.T @ x.cos() / 4).reshape(4, 4)[:3],
    "rolled": lambda x: cat([x[1:], x[:1]]),
    "mirrored": lambda x: x.flip(1).permute(0, 1),
    "summed": lambda x: x.cumsum(1) * 0.3,
    "picked": lambda x: x.take(tensor([2, 0, 0]), 0),
    "written": lambda x: write(x),
    "windows": lambda x: cat([x.unfold(1, 2, 1).sum(-1), x.unfold(0, 2, 1)[:, :1, 1].T.repeat(3, 1)[:, :1]], 1) * 0.5,
    "walked": lambda x: walk(x),
    "around": lambda x: pad(x[None], (2, 1), "reflect")[0, :, :4] + x.tril().roll(1, 0),
    "repeated": lambda x: x.repeat(2, 1)[1:4] * x.repeat_interleave(2, 1)[:, 2:6],
    "chosen": lambda x: where(tensor(np.arange(12).reshape(3, 4) % 3 == 0), x, x * x),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b.sum(1, True) / 4,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 1.0),
    "matmul": lambda a, b: a @ b.T @ a / 8,
    "stacked": lambda a, b: cat([a[:1], b[1:]]),
}


def write(x):
    y = x * 1.0
    v = y[1:]
    v *= x[:2]
    y[:, 0] = x[:, 1].sin()
    return y + v.sum() / 6


def walk(x):
    y = x * 1.0
    d = y.diagonal(1)
    d *= x[:, 0]
    y.unfold(1, 2, 2).movedim(2, 0)[1].sub_(x[:, 1:3])
    return y.diagonal_scatter(d.flip(0)) + d.sum() / 3


@st.composite
def programs(draw):
    """A list of steps; step n reads earlier values by index."""
    steps = []
    for n in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            steps.append((draw(st.sampled_from(sorted(UNARY))), (draw(st.integers(0, n)),)))
        else:
            steps.append((draw(st.sampled_from(sorted(BINARY))), (draw(st.integers(0, n)), draw(st.integers(0, n)))))
    return steps


def run(steps, x):
    values = [x]
    for name, at in steps:
        values.append((UNARY | BINARY)[name](*[values[i] for i in at]))
    return values[-1]


def point(seed, *shape):
    return tensor(np.random.default_rng(seed).uniform(-1.5, 1.5, shape or (3, 4)), dtype=float64)


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(0, 2**31))
def test_gradients_equal_central_differences(steps, seed):
    gradcheck(lambda x: run(steps, x), [point(seed).requires_grad_()], rtol=1e-5, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(0, 2**31), st.floats(-3, 3), st.floats(-3, 3))
def test_pullbacks_are_linear(steps, seed, a, b):
    _, back = vjp(lambda x: run(steps, x), point(seed))
    u, v = point(seed + 1), point(seed + 2)
    left = back(u * a + v * b)[0]
    right = back(u)[0] * a + back(v)[0] * b
    np.testing.assert_allclose(left.numpy(), right.numpy(), rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(0, 2**31))
def test_forward_and_backward_mode_are_transposes(steps, seed):
    x, u, v = point(seed), point(seed + 1), point(seed + 2)
    _, moved = jvp(lambda x: run(steps, x), (x,), (u,))
    (pulled,) = vjp(lambda x: run(steps, x), x)[1](v)
    np.testing.assert_allclose(float((moved * v).sum()), float((pulled * u).sum()), rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(programs(), st.integers(0, 2**31))
def test_vmap_is_a_loop_and_so_is_its_gradient(steps, seed):
    xs = point(seed, 3, 3, 4)
    out = vmap(lambda x: run(steps, x))(xs)
    np.testing.assert_allclose(out.numpy(), np.stack([run(steps, xs[i]).numpy() for i in range(3)]), rtol=1e-12)
    g = grad(lambda x: (run(steps, x) * run(steps, x)).sum())
    np.testing.assert_allclose(
        vmap(g)(xs).numpy(), np.stack([g(xs[i]).numpy() for i in range(3)]), rtol=1e-9, atol=1e-12
    )


@settings(max_examples=40, deadline=None)
@given(programs(), st.integers(0, 2**31), st.integers(1, 5))
def test_a_checkpoint_anywhere_changes_nothing(steps, seed, cut):
    first, last = steps[:cut], steps[cut:]
    x = point(seed)
    if not all(i <= 0 for _, at in last for i in at):
        last = [(name, tuple(min(i, n) for i in at)) for n, (name, at) in enumerate(last)]

    def loss(x, call):
        return call(lambda y: run(last, y), call(lambda y: run(first, y), x)).sum()

    plain = grad(lambda x: loss(x, lambda f, y: f(y)))(x)
    assert_close(grad(lambda x: loss(x, checkpoint))(x), plain, factor=100)
