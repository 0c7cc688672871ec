"""Hooks: their order, what each kind sees and may replace, how they go away, and what a write into a tensor means."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from lamella.autograd import grad
from lamella.autograd._engine import current_walk
from lamella.autograd.graph import register_multi_grad_hook
from lamella.tensor import float64, tensor
from lamella.testing import assert_close

X = np.array([0.5, -1.0, 2.0])


def leaf(a=X):
    return tensor(np.asarray(a), dtype=float64, requires_grad=True)


def noting(seen, name):
    return lambda *values: seen.append((name, values))


def test_the_order_of_all_kinds():
    seen: list[Any] = []
    a = leaf()
    b = a * 3
    # registered in another order than they run
    b.grad_fn.register_hook(noting(seen, "post"))
    b.grad_fn.register_prehook(noting(seen, "pre"))
    b.register_hook(noting(seen, "tensor"))
    collector = b.grad_fn.next_functions[0][0]
    collector.register_hook(noting(seen, "leaf post"))
    collector.register_prehook(noting(seen, "leaf pre"))
    a.register_post_accumulate_grad_hook(noting(seen, "accumulated"))
    a.register_hook(noting(seen, "leaf tensor"))
    b.sum().backward()
    assert [n for n, _ in seen] == [
        "tensor", "pre", "post", "leaf tensor", "leaf pre", "accumulated", "leaf post",
    ]  # fmt: skip
    of = dict(seen)
    gradients, cotangents = of["post"]
    assert_close(gradients[0], np.full(3, 3.0))
    assert gradients[1] is None
    assert_close(cotangents[0], np.ones(3))
    assert of["leaf post"][0] == ()
    assert_close(of["leaf post"][1][0], np.full(3, 3.0))
    assert of["accumulated"][0] is a


def test_hooks_run_in_order_of_registration_and_may_be_removed_in_any():
    x = leaf()
    y = x * 1.0
    seen = []
    handles = [y.register_hook(lambda g, n=n: seen.append(n) or g * 2) for n in range(3)]
    handles[1].remove()
    y.sum().backward(retain_graph=True)
    assert seen == [0, 2]
    assert_close(x.grad, np.full(3, 4.0))
    with y.register_hook(lambda g: seen.append("inside")):
        y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert seen == [0, 2, 0, 2, "inside", 0, 2]


@pytest.mark.parametrize("kind", ["tensor", "pre", "post", "leaf tensor", "leaf pre"])
def test_every_kind_that_replaces_does(kind):
    x = leaf()
    y = x * 2
    if kind == "tensor":
        y.register_hook(lambda g: g * 10)
    elif kind == "pre":
        y.grad_fn.register_prehook(lambda g: (g[0] * 10,))
    elif kind == "post":
        y.grad_fn.register_hook(lambda gradients, cotangents: (gradients[0] * 10, None))
    elif kind == "leaf tensor":
        x.register_hook(lambda g: g * 10)
    else:
        y.grad_fn.next_functions[0][0].register_prehook(lambda g: (g[0] * 10,))
    y.sum().backward()
    assert_close(x.grad, np.full(3, 20.0))


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda x, y: y.grad_fn.register_hook(lambda a, b: (a[0],)), "tuple of 2 gradients"),
        (lambda x, y: y.grad_fn.register_hook(lambda a, b: (3, None)), "a node post-hook must"),
        (lambda x, y: y.grad_fn.register_prehook(lambda g: (g[0][:2],)), r"keep the shape \(3,\)"),
        (lambda x, y: y.grad_fn.next_functions[0][0].register_prehook(lambda g: (g[0][:2],)), "one tensor of shape"),
        (lambda x, y: y.grad_fn.next_functions[0][0].register_hook(lambda a, b: (b[0],)), "must return None"),
    ],
)
def test_wrong_results_are_refused(register, message):
    x = leaf()
    y = x * 2
    register(x, y)
    with pytest.raises(TypeError, match=message):
        y.sum().backward()


def test_a_post_accumulate_hook_returns_nothing():
    x = leaf()
    x.register_post_accumulate_grad_hook(lambda t: t)
    with pytest.raises(RuntimeError, match="must return None"):
        (x * 2).sum().backward()


def test_hooks_of_what_is_only_asked_for():
    # the hooks of a tensor run where its gradient is the result; those of its node do not, for it does not run
    x = leaf()
    y = x * 2
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append("tensor") or g * 3)
    y.grad_fn.register_prehook(lambda g: seen.append("pre"))
    y.grad_fn.register_hook(lambda a, b: seen.append("post"))
    x.register_hook(lambda g: seen.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda t: seen.append("accumulated"))
    (g,) = grad(y.sum(), y, retain_graph=True)
    assert_close(g, np.full(3, 3.0))
    assert seen == ["tensor"]
    seen.clear()
    grad(y.sum(), x)
    assert seen == ["tensor", "pre", "post", "leaf"]


def test_a_hook_stays_with_the_value_it_was_registered_on():
    x = leaf()
    y = x * 2
    before, after = [], []
    y.register_hook(lambda g: before.append(g.numpy().copy()))
    y.mul_(3)
    y.register_hook(lambda g: after.append(g.numpy().copy()))
    (y * 5).sum().backward()
    np.testing.assert_allclose(after[0], np.full(3, 5.0))
    np.testing.assert_allclose(before[0], np.full(3, 15.0))
    assert_close(x.grad, np.full(3, 30.0))


def test_retained_gradients():
    x = leaf()
    assert not x.retains_grad
    x.retain_grad()  # a leaf collects anyway
    assert not x.retains_grad
    y = x * 2
    assert y.grad is None
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    y.register_hook(lambda g: g * 10)
    for n in (1, 2):
        (y * y).sum().backward(retain_graph=True)
        assert_close(y.grad, n * 40 * X)  # after all hooks, and added up
    y.grad = None
    (y * y).sum().backward()
    assert_close(y.grad, 40 * X)
    with pytest.raises(RuntimeError, match="needs a tensor that requires grad"):
        tensor(X).retain_grad()
    with pytest.raises(RuntimeError, match=r"or a result after retain_grad"):
        (x * 2).grad = tensor(X, dtype=float64)


@pytest.mark.parametrize("through_view", [False, True])
def test_a_retained_gradient_follows_a_write(through_view):
    x = leaf()
    y = x * 2
    y.retain_grad()
    if through_view:
        y[:] = y * 3
    else:
        y.mul_(3)
    assert y.retains_grad
    (y * 5).sum().backward()
    assert_close(y.grad, np.full(3, 5.0))
    assert_close(x.grad, np.full(3, 30.0))


def test_a_retained_gradient_of_a_view_follows_a_write_into_its_base():
    x = leaf()
    base = x * 2
    part = base[1:]
    part.retain_grad()
    base.mul_(3)
    (part * 5).sum().backward()
    assert_close(part.grad, np.full(2, 5.0))
    assert_close(x.grad, np.array([0.0, 30.0, 30.0]))


def test_a_retained_gradient_of_the_second_output():
    from lamella.tensor import batch_norm

    x = leaf(np.arange(12.0).reshape(4, 3) ** 1.5)
    _, mean, rstd = batch_norm(x)
    assert (mean.output_nr, rstd.output_nr) == (1, 2)
    rstd.retain_grad()
    (rstd * 3).sum().backward()
    assert_close(rstd.grad, np.full(3, 3.0))
    assert mean.grad is None


def test_backward_into_a_result():
    x = leaf()
    y = x * 2
    (y * y).sum().backward(inputs=[y])
    assert_close(y.grad, 4 * X)
    assert x.grad is None


def test_all_gradients_at_once():
    x, y = leaf(), leaf()
    z = x * y
    seen: list[Any] = []
    handle = register_multi_grad_hook([x, z, y], lambda grads: seen.append(grads))
    z.sum().backward(retain_graph=True)
    assert len(seen) == 1
    assert_close(seen[0][0], X)
    assert_close(seen[0][1], np.ones(3))
    assert_close(seen[0][2], X)
    (x * 2).sum().backward()  # only x is reached
    assert len(seen) == 2
    assert_close(seen[1][0], np.full(3, 2.0))
    assert seen[1][1] is None
    assert seen[1][2] is None
    (x.exp() * 2).sum().backward(inputs=[x])
    assert len(seen) == 3
    handle.remove()
    handle.remove()
    z.sum().backward(retain_graph=True)
    assert len(seen) == 3
    # a hook that goes while it runs leaves nothing behind
    last = register_multi_grad_hook([z], lambda grads: last.remove())
    z.sum().backward()
    assert current_walk() is None


def test_the_first_gradient_of_several():
    x, y = leaf(), leaf()
    z = x * y
    seen: list[Any] = []
    register_multi_grad_hook([x, z], seen.append, mode="any")
    z.sum().backward(retain_graph=True)
    z.sum().backward()
    assert len(seen) == 2
    assert_close(seen[0], np.ones(3))
    with pytest.raises(ValueError, match="'all' or 'any', got 'some'"):
        register_multi_grad_hook([x], seen.append, mode="some")
    with pytest.raises(RuntimeError, match="needs a tensor that requires grad"):
        register_multi_grad_hook([tensor(X)], seen.append)
    with pytest.raises(TypeError, match="must be callable"):
        register_multi_grad_hook([x], 3)


def test_leaves_get_their_gradients_in_the_order_of_the_walk():
    leaves = [leaf() for _ in range(4)]
    order: list[Any] = []
    h = tensor(X, dtype=float64)
    for n, p in enumerate(leaves):
        p.register_post_accumulate_grad_hook(lambda t, n=n: order.append(n))
        h = h * p
    h.sum().backward()
    assert order == [3, 2, 1, 0]


def test_the_leaf_of_a_graph_knows_its_tensor_and_does_not_hold_it():
    x = leaf()
    node = (x * 2).grad_fn.next_functions[0][0]
    assert node.name() == "AccumulateGrad"
    assert node.variable is x
    assert node.next_functions == ()
    gone = weakref.ref(x)
    gc.disable()
    try:
        del x
        assert gone() is None
        assert node.variable is None
    finally:
        gc.enable()
