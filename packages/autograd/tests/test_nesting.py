"""grad, vmap and jvp nested three deep in every order, against differences in extended precision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamella.autograd import grad, jvp, vmap
from lamella.tensor import cat, float64, softmax, stack, tensor

POINT = np.array([0.3, -0.7, 1.1])
TANGENT = np.array([0.5, 1.0, -0.25])
SHIFTS = np.array([[0.1, 0.0, -0.2], [0.0, 0.3, 0.1]])
WEIGHT = np.array([[0.2, -0.5, 0.3], [0.7, 0.1, -0.4]])
WIDE = np.longdouble


def t64(a):
    return tensor(np.asarray(a, np.float64), dtype=float64)


def smooth(x):
    return (x.sin() * x).sum() + (x[0] * x[1]).exp()


def smooth_np(x):
    return (np.sin(x) * x).sum() + np.exp(x[0] * x[1])


def network(x):
    # a closed-over unbatched parameter, a unit composite and an indexed view
    h = (t64(WEIGHT) @ x).tanh()
    return (softmax(cat([h, x[1:]]), 0) * cat([x[:2], h])).sum()


def network_np(x):
    h = np.tanh(WEIGHT.astype(WIDE) @ x)
    z = np.concatenate([h, x[1:]])
    e = np.exp(z - z.max())
    return (e / e.sum() * np.concatenate([x[:2], h])).sum()


def written(x):
    # in place inside: a fresh tensor, a view of it, and a write that the view has to see
    y = x * 1.0
    head = y[:2]
    y[0] = x[1] * x[2]
    head *= x[1:]
    y += head.sum()
    return (y * y * head.exp().sum()).sum()


def written_np(x):
    y = x.copy()
    y[0] = x[1] * x[2]
    y[:2] *= x[1:]
    y = y + y[:2].sum()
    return (y * y * np.exp(y[:2]).sum()).sum()


PROGRAMS = {"smooth": (smooth, smooth_np), "network": (network, network_np), "written": (written, written_np)}


def g(h):
    return grad(lambda x: h(x).sum())


def v(h):
    return lambda x: vmap(lambda shift: h(x + shift))(t64(SHIFTS))


def j(h):
    return lambda x: jvp(h, (x,), (t64(TANGENT),))[1]


def slope(h, x, along):
    """Fourth-order central difference."""
    eps = WIDE("2e-3")
    return (8 * (h(x + eps * along) - h(x - eps * along)) - (h(x + 2 * eps * along) - h(x - 2 * eps * along))) / (
        12 * eps
    )


def g_np(h):
    return lambda x: np.stack([slope(lambda y: np.sum(h(y)), x, row) for row in np.eye(3, dtype=WIDE)])


def v_np(h):
    return lambda x: np.stack([h(x + shift) for shift in SHIFTS.astype(WIDE)])


def j_np(h):
    return lambda x: slope(h, x, TANGENT.astype(WIDE))


TRANSFORMS = {"grad": (g, g_np), "vmap": (v, v_np), "jvp": (j, j_np)}
ORDERS = [o for depth in (1, 2, 3) for o in itertools.product(TRANSFORMS, repeat=depth)]


@pytest.mark.parametrize("order", ORDERS, ids=["-of-".join(o) for o in ORDERS])
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_order_of_transforms(program, order):
    ours, reference = PROGRAMS[program]
    for name in reversed(order):
        ours, reference = TRANSFORMS[name][0](ours), TRANSFORMS[name][1](reference)
    found = ours(t64(POINT)).numpy()
    expected = reference(POINT.astype(WIDE)).astype(np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS, ids=["-of-".join(o) for o in ORDERS])
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_order_of_transforms_under_backward(program, order):
    # the same once more, recorded from outside: .backward() through the nesting is one more derivative
    ours, reference = PROGRAMS[program]
    if len(order) == 3:
        order = order[:2]
    for name in reversed(order):
        ours, reference = TRANSFORMS[name][0](ours), TRANSFORMS[name][1](reference)
    x = t64(POINT).requires_grad_()
    ours(x).sum().backward()
    np.testing.assert_allclose(
        x.grad.numpy(), g_np(reference)(POINT.astype(WIDE)).astype(np.float64), rtol=1e-6, atol=1e-6
    )


def test_perturbations_are_not_confused():
    assert float(grad(lambda x: x * grad(lambda y: x + y)(tensor(1.0)))(tensor(3.0))) == 1.0
    d = jvp(lambda x: x * jvp(lambda y: x + y, (tensor(1.0),), (tensor(1.0),))[1], (tensor(3.0),), (tensor(1.0),))[1]
    assert float(d) == 1.0
    d = grad(lambda x: x * jvp(lambda y: x + y, (tensor(1.0),), (tensor(1.0),))[1])(tensor(3.0))
    assert float(d) == 1.0
    d = jvp(lambda x: x * grad(lambda y: x + y)(tensor(1.0)), (tensor(3.0),), (tensor(1.0),))[1]
    assert float(d) == 1.0
    # and with the inner point made from the outer variable
    assert float(grad(lambda x: x * grad(lambda y: x * y)(2 * x))(tensor(3.0))) == 6.0
    assert float(grad(lambda x: grad(lambda y: x * y * y)(x))(tensor(3.0))) == 12.0


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_higher_derivatives_of_a_power(depth):
    f = lambda x: x**5  # noqa: E731
    for _ in range(depth):
        f = grad(f)
    assert float(f(tensor(2.0, dtype=float64))) == pytest.approx({2: 160, 3: 240, 4: 240}[depth])


def test_per_example_gradients_with_a_shared_parameter():
    w = t64([0.5, -1.0, 2.0]).requires_grad_()
    xs = t64(np.arange(12.0).reshape(4, 3) / 7)
    loss = lambda p, x: (p * x).sin().sum()  # noqa: E731
    each = vmap(grad(loss), in_dims=(None, 0))(w, xs)
    np.testing.assert_allclose(each.detach().numpy(), np.cos(w.detach().numpy() * xs.numpy()) * xs.numpy())
    # closed over instead of passed, and recorded: the sum of per-example gradients can be differentiated
    closed = vmap(lambda x: grad(lambda p: loss(p, x))(w))(xs)
    np.testing.assert_allclose(closed.detach().numpy(), each.detach().numpy())
    closed.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), (-np.sin(w.detach().numpy() * xs.numpy()) * xs.numpy() ** 2).sum(0))


def test_a_level_reaches_through_a_closed_over_result_of_the_level_outside():
    def outer(a):
        b = a * a
        return vmap(lambda c: grad(lambda d: (d * b * c).sum())(c))(stack([a, a + 1])).sum()

    # inner gradient wrt d at d = c is b * c: sum over c in (a, a+1) of a^2 c, so its derivative is 6 a^2 + 2 a
    assert float(grad(outer)(tensor(2.0, dtype=float64))) == pytest.approx(6 * 4 + 4)
