"""checkpoint(f, x): the same numbers as f(x), computed twice instead of kept."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from lamella.autograd import checkpoint, checkpoint_sequential, grad, jvp, vmap
from lamella.tensor import Generator, dropout, float32, float64, manual_seed, no_grad, randn, tensor
from lamella.tensor.extend import default_generator
from lamella.testing import assert_close, gradcheck, gradgradcheck

X = np.array([[0.5, -1.0, 2.0], [0.1, 0.7, -0.4]])


def leaf(a=X):
    return tensor(np.asarray(a), dtype=float64, requires_grad=True)


def block(x, w, scale=1.0):
    return ((x @ w).tanh() * scale + x).sin()


W = np.array([[0.2, -0.3, 0.1], [0.4, 0.0, -0.5], [0.3, 0.3, 0.9]])


def both(call):
    """(values and gradients of call(f)) with f plain and f checkpointed."""
    results = []
    for run in (lambda f, *a, **k: f(*a, **k), checkpoint):
        manual_seed(11)
        x, w = leaf(), leaf(W)
        out = call(run, x, w)
        out.sum().backward()
        results.append((out.detach().numpy(), x.grad.numpy(), w.grad.numpy(), default_generator.get_state()))
    return results


def test_no_way_leads_through_a_result_that_is_not_followed():
    x = leaf([0.0, 4.0])
    for i, slope in enumerate((2.0, [np.inf, 0.25])):
        outs = checkpoint(lambda x: (x * 2.0, x.sqrt()), x)
        assert_close(grad(outs[i].sum(), [x])[0].numpy(), np.broadcast_to(slope, 2))


CALLS = {
    "arguments": lambda run, x, w: run(block, x, w),
    "keywords": lambda run, x, w: run(block, x, w=w, scale=3.0),
    "closed over": lambda run, x, w: run(lambda a: block(a, w), x),
    "closed over result": lambda run, x, w: (lambda v: run(lambda a: block(a, v) + v.sum(), x) + v.exp().sum())(
        w * 2.0
    ),
    "everything closed over": lambda run, x, w: run(lambda: block(x, w)),
    "argument that depends on another": lambda run, x, w: (lambda y: run(lambda a, b: a * b + a, x, y))(
        x.exp() * w.sum()
    ),
    "one tensor twice": lambda run, x, w: run(lambda a, b: a * b * a, x, x) + w.sum(),
    "argument also closed over": lambda run, x, w: run(lambda a: a * x * w.sum(), x),
    "nested": lambda run, x, w: run(lambda a: run(block, a, w) * run(lambda b: b.exp() + w.sum(), a), x),
    "chain": lambda run, x, w: run(block, run(block, run(block, x, w), w), w),
    "dropout": lambda run, x, w: run(lambda a: dropout(block(a, w), 0.5), x) + dropout(x, 0.5),
    "random": lambda run, x, w: run(lambda a: a * randn(2, 3, dtype=float64) @ w, x) * randn(2, 3, dtype=float64),
    "in place inside": lambda run, x, w: run(lambda a: (a * 1.0).add_(w[0]).mul_(a), x),
    "view result": lambda run, x, w: run(lambda a: (a @ w).T[1:], x) * 2.0,
    "argument returned": lambda run, x, w: run(lambda a, b: a, x, w) * w.sum(),
    "parameter returned": lambda run, x, w: run(lambda a: w, x) * 3.0 + x.sum(),
    "inner grad": lambda run, x, w: run(lambda a: grad(lambda b: block(b, w).sum())(a), x),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_same_values_gradients_and_generator(call):
    (value, gx, gw, state), (again, hx, hw, other) = both(CALLS[call])
    np.testing.assert_array_equal(again, value)
    np.testing.assert_allclose(hx, gx, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(hw, gw, rtol=1e-13, atol=1e-15)
    assert other == state


@pytest.mark.parametrize("call", CALLS)
def test_double_backward(call):
    results = []
    for run in (lambda f, *a, **k: f(*a, **k), checkpoint):
        manual_seed(11)
        x, w = leaf(), leaf(W)
        out = CALLS[call](run, x, w)
        gx, gw = grad((out * out).sum(), [x, w], create_graph=True, materialize_grads=True)
        hx, hw = grad(gx.sum() + (gw * gw).sum(), [x, w], materialize_grads=True)
        results.append((hx.numpy(), hw.numpy()))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-13)


def test_against_differences():
    gradcheck(lambda x, w: checkpoint(block, x, w), [leaf(), leaf(W)])
    gradgradcheck(lambda x, w: checkpoint(block, x, w), [leaf(), leaf(W)])


def test_several_results_and_other_values():
    def f(tree, n):
        return {"a": tree["x"] * n, "n": n, "b": [tree["x"].exp(), tree["x"].argmax()]}

    x = leaf()
    out = checkpoint(f, {"x": x}, 3)
    assert out["n"] == 3
    assert not out["b"][1].requires_grad
    out["b"][0].sum().backward()  # one of several is enough
    assert_close(x.grad, np.exp(X))
    x = leaf()
    out = checkpoint(f, {"x": x}, 3)
    (out["a"] * out["b"][0]).sum().backward()
    assert_close(x.grad, 3 * np.exp(X) * (1 + X))


def test_results_that_share_memory_learn_of_writes():
    x = leaf()
    a, b = checkpoint(lambda t: (lambda y: (y, y[0]))(t * 2.0), x)
    a.mul_(3.0)
    (b * 1.0).sum().backward()
    assert_close(b.detach(), X[0] * 2)  # b has memory of its own
    assert_close(x.grad, np.stack([np.full(3, 2.0), np.zeros(3)]))


def test_inside_transforms():
    x, w = tensor(X, dtype=float64), tensor(W, dtype=float64)
    plain = grad(lambda x: block(x, w).sum())
    kept = grad(lambda x: checkpoint(block, x, w).sum())
    assert_close(kept(x), plain(x))
    second = lambda g: grad(lambda x: (g(x) * g(x)).sum())  # noqa: E731
    assert_close(second(kept)(x), second(plain)(x))
    rows = vmap(grad(lambda r: checkpoint(block, r, w).sum()))
    assert_close(rows(x), plain(x))
    assert_close(vmap(lambda r: checkpoint(block, r, w))(x), block(x, w))
    assert_close(jvp(lambda x: checkpoint(block, x, w), (x,), (x,))[1], jvp(lambda x: block(x, w), (x,), (x,))[1])
    moved = jvp(kept, (x,), (x,))[1]
    assert_close(moved, jvp(plain, (x,), (x,))[1])


def test_under_vmap_the_parameters_below_it_keep_their_gradients():
    x, w = leaf(), leaf(W)
    vmap(lambda r: checkpoint(block, r, w))(x).sum().backward()
    y, v = leaf(), leaf(W)
    block(y, v).sum().backward()
    assert_close(x.grad, y.grad)
    assert_close(w.grad, v.grad)
    x, w = leaf(), leaf(W)
    vmap(lambda r: grad(lambda s: checkpoint(lambda t: block(t, w), s).sum())(r))(x).sum().backward()
    y, v = leaf(), leaf(W)
    vmap(lambda r: grad(lambda s: block(s, v).sum())(r))(y).sum().backward()
    assert_close(x.grad, y.grad)
    assert_close(w.grad, v.grad)


def test_a_leaf_of_an_enclosing_grad_is_closed_over():
    x = tensor(3.0, dtype=float64)
    assert float(grad(lambda a: checkpoint(lambda b: a * b, a * 2))(x)) == 12.0
    assert float(grad(grad(lambda a: checkpoint(lambda b: b * b * a, a * 2)))(x)) == 72.0


@pytest.mark.parametrize("run", [lambda f, *a: f(*a), checkpoint], ids=["plain", "checkpoint"])
def test_hooks_run_once(run):
    x, w = leaf(), leaf(W)
    y, v = x * 1.0, w * 1.0
    seen = []
    for t, name in ((x, "x"), (w, "w"), (y, "y"), (v, "v")):
        t.register_hook(lambda g, name=name: seen.append(name))
    run(lambda a: block(a, v) + w.sum(), y).sum().backward()
    assert sorted(seen) == ["v", "w", "x", "y"]


def test_a_generator_among_the_arguments_draws_again():
    def f(x, g):
        return x * randn(2, 3, dtype=float64, generator=g)

    x = leaf()
    out = checkpoint(f, x, Generator(4))
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy() * X, out.detach().numpy())


def test_nothing_is_recorded_where_nothing_requires_grad():
    x = tensor(X, dtype=float64)
    assert not checkpoint(block, x, tensor(W, dtype=float64)).requires_grad
    with no_grad():
        assert not checkpoint(block, leaf(), leaf(W)).requires_grad
    assert checkpoint(lambda: 3) == 3
    with pytest.raises(TypeError, match="needs a function"):
        checkpoint(3)


def test_a_function_that_changes_is_refused():
    calls = []

    def f(x):
        calls.append(1)
        return x * 2 if len(calls) == 1 else x[0]

    with pytest.raises(RuntimeError, match="returned something else when it ran again"):
        checkpoint(f, leaf()).sum().backward()


def test_an_exception_in_the_second_run_restores_the_generator():
    calls = []

    def f(x):
        calls.append(1)
        if len(calls) > 1:
            randn(5)
            raise KeyError
        return x * randn(2, 3, dtype=float64)

    out = checkpoint(f, leaf())
    state = default_generator.get_state()
    with pytest.raises(KeyError):
        out.sum().backward()
    assert default_generator.get_state() == state


def test_freed_like_any_other_node():
    y = checkpoint(block, leaf(), leaf(W)).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="already went through"):
        y.backward()
    y = checkpoint(block, leaf(), leaf(W)).sum()
    y.backward(retain_graph=True)
    y.backward()


def test_intermediate_results_are_not_kept():
    kept = []

    def f(x):
        y = x.exp()
        kept.append(weakref.ref(y))
        kept.append(weakref.ref(y.grad_fn))
        return y * y

    gc.disable()
    try:
        x = leaf()
        out = checkpoint(f, x * 1.0)
        assert [k() for k in kept] == [None, None]
        out.sum().backward()
        assert [k() for k in kept] == [None] * 4
    finally:
        gc.enable()


# -- torch's arguments


def test_arguments_that_say_what_is_anyway():
    x = tensor([0.5, -1.0], dtype=float64, requires_grad=True)
    checkpoint(
        lambda t: t.exp(), x, use_reentrant=False, preserve_rng_state=True, determinism_check="none"
    ).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.5, -1.0]))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"use_reentrant": True}, "use_reentrant=True is not supported"),
        ({"debug": True}, "debug=True is not supported"),
        ({"determinism_check": "strict"}, "'default' or 'none', got 'strict'"),
    ],
)
def test_arguments_that_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        checkpoint(lambda t: t, tensor([1.0], requires_grad=True), **kwargs)


def test_contexts_of_both_runs():
    from contextlib import contextmanager

    seen = []

    @contextmanager
    def noted(name):
        seen.append(name)
        yield
        seen.append("end of " + name)

    x = tensor([0.5], dtype=float64, requires_grad=True)
    y = checkpoint(lambda t: t.exp(), x, context_fn=lambda: (noted("first"), noted("second")))
    assert seen == ["first", "end of first"]
    y.sum().backward()
    assert seen == ["first", "end of first", "second", "end of second"]


def test_random_numbers_go_on_where_they_are_not_preserved():
    from lamella.tensor import manual_seed, rand

    x = tensor([1.0], dtype=float64, requires_grad=True)
    drawn = []

    def f(t):
        drawn.append(rand(1, dtype=float64).item())
        return t * drawn[-1]

    for preserve in (True, False):
        manual_seed(0)
        drawn.clear()
        checkpoint(f, x, preserve_rng_state=preserve).sum().backward()
        assert (drawn[0] == drawn[1]) == preserve


def test_another_dtype_in_the_second_run_is_refused():
    dtypes = iter([float64, float32])
    f = lambda t: t.to(next(dtypes))  # noqa: E731
    x = tensor([1.0], dtype=float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="returned float64 first and float32 when it ran again"):
        checkpoint(f, x).sum().backward()


def test_a_sequence_in_segments():
    runs = []

    def step(n):
        def f(t):
            runs.append(n)
            return t.exp() * 0.1

        return f

    x = tensor([0.5], dtype=float64, requires_grad=True)
    steps = [step(n) for n in range(5)]
    y = checkpoint_sequential(steps, 2, x, use_reentrant=False)
    assert runs == [0, 1, 2, 3, 4]
    (g,) = grad(y.sum(), x)
    assert runs == [0, 1, 2, 3, 4, 0, 1]  # the last segment is kept
    z = x
    for s in steps:
        z = s(z)
    np.testing.assert_allclose(g.numpy(), grad(z.sum(), x)[0].numpy())
    with pytest.raises(ValueError, match="between 1 and the 5 functions, got 6"):
        checkpoint_sequential(steps, 6, x)
