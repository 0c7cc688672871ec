"""Nothing is held longer than it is used: no cycles, flat memory, graphs that free themselves as the walk passes."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

from lamella.autograd import Function, checkpoint, detect_anomaly, grad, jvp, value_and_grad, vjp, vmap
from lamella.autograd.graph import get_gradient_edge, register_multi_grad_hook, save_on_cpu
from lamella.tensor import (
    cross_entropy,
    dropout,
    float32,
    inference_mode,
    layer_norm,
    linear,
    no_grad,
    set_grad_enabled,
    tensor,
    zeros,
)
from lamella.tensor.extend import HOT, OPS, tls


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(*shape):
    return tensor(np.random.default_rng(0).standard_normal(shape), dtype=float32, requires_grad=True)


PARAMETERS = [leaf(16, 8), leaf(16), leaf(16), leaf(16), leaf(4, 16), leaf(4)]
INPUT = tensor(np.random.default_rng(1).standard_normal((32, 8)), dtype=float32)
TARGET = tensor(np.arange(32) % 4)


def loss_of(w1, b1, gain, shift, w2, b2, x=INPUT, target=TARGET):
    h = layer_norm(linear(x, w1, b1), 16, gain, shift).relu()
    h = dropout(checkpoint(lambda t: t.tanh() * t, h), 0.25)
    buffer = zeros(32, 16)
    buffer[:, :8] = h[:, 8:]
    buffer += h
    return cross_entropy(linear(buffer, w2, b2), target)


def train_step():
    loss = loss_of(*PARAMETERS)
    loss.backward()
    with no_grad():
        for p in PARAMETERS:
            p.add_(p.grad * -0.01)
            p.grad = None


def transforms():
    at = tuple(range(6))
    plain = [p.detach() for p in PARAMETERS]
    f = lambda *p: loss_of(*p)  # noqa: E731
    value_and_grad(f, at)(*plain)
    jvp(f, tuple(plain), tuple(plain))
    vjp(f, *plain)[1](tensor(1.0))
    vmap(grad(lambda p, r: (p * r).sin().sum()), in_dims=(None, 0))(plain[1], plain[0].permute(1, 0))
    grad(lambda x: grad(lambda y: (y * y * x).sum())(x).sum())(plain[1])
    (g,) = grad(loss_of(*PARAMETERS), PARAMETERS[:1], create_graph=True)
    grad((g * g).sum(), PARAMETERS)


class Cubed(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x * x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx, g):
        x, _ = ctx.saved_tensors
        return g * 3.0 * x * x

    @staticmethod
    def jvp(ctx, t):
        return t * 3.0 * ctx.saved_tensors[0] ** 2


def hooks_and_functions():
    x = PARAMETERS[1]
    y = x * 2.0
    y.retain_grad()
    seen: list[Any] = []
    handles = [
        x.register_hook(lambda g: g * 2.0),
        y.register_hook(seen.append),
        y.grad_fn.register_prehook(lambda g: None),
        y.grad_fn.register_hook(lambda a, b: None),
        x.register_post_accumulate_grad_hook(lambda t: None),
        register_multi_grad_hook([x, y], lambda grads: None),
    ]
    z = Cubed.apply(y)
    z.sum().backward(retain_graph=True)
    for h in handles:
        h.remove()
    z.sum().backward(inputs=[y], retain_graph=True)
    grad(get_gradient_edge(z), [x], [y.detach()], is_grads_batched=False)
    (g,) = grad(Cubed.apply(x).sum(), x, create_graph=True)
    (g * g).sum().backward()
    jvp(Cubed.apply, (x.detach(),), (x.detach(),))
    vmap(grad(lambda t: Cubed.apply(t).sum()))(PARAMETERS[0].detach())
    x.grad = None


def modes():
    x = PARAMETERS[1]
    with detect_anomaly():
        (x.exp() * x).sum().backward()
    with save_on_cpu():
        y = Cubed.apply(x.exp() * x)
        y = checkpoint(lambda t: t.sin() * t, y)
    y.sum().backward()
    with inference_mode():
        t = x * 2.0
        t += x
    set_grad_enabled(False)
    set_grad_enabled(True)
    x.grad = None


def kept_graph():
    x = PARAMETERS[1]
    loss = (x.exp() * x).tanh().sum()
    loss.backward(retain_graph=True)
    loss.backward()
    x.grad = None


@pytest.mark.parametrize("step", [train_step, transforms, hooks_and_functions, modes, kept_graph])
def test_many_steps_are_flat_without_the_collector(step, no_collector):
    for _ in range(20):
        step()
    gc.collect()  # also empties the interpreter's free lists, which count as allocated
    before = sys.getallocatedblocks()
    for _ in range(200):
        step()
    assert gc.collect() == 0  # nothing was left for the collector
    # a leak of one object a step would show as hundreds of blocks; what remains are windows of random numbers
    assert sys.getallocatedblocks() - before < 150


def test_a_million_small_tensors_leave_nothing(no_collector):
    x, y = tensor([1.0, 2.0]), leaf(2)
    for _ in range(100):
        y * x + x
    before = sys.getallocatedblocks()
    for _ in range(500_000):
        y * x + x
    assert sys.getallocatedblocks() - before < 50


def test_backward_through_a_hundred_thousand_ops(no_collector):
    x = leaf(4)
    y = x
    for _ in range(50_000):
        y = y * 1.00001 + 0.00001
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full(4, np.exp(0.5)), rtol=1e-3)
    node = weakref.ref(y.grad_fn)
    del y  # a long chain is freed without recursion too
    assert node() is None


def test_a_long_chain_of_writes_and_of_results_of_grad(no_collector):
    x = leaf(4)
    y = x * 1.0
    for _ in range(5_000):
        y[:2] += x[:2] * 0.001
    (g,) = grad(y.sum(), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), [6.0, 6.0, 1.0, 1.0], rtol=1e-3)


def test_saved_tensors_are_freed_as_the_walk_passes(no_collector):
    size = 50_000
    x = tensor(np.zeros(size, np.float32), requires_grad=True)
    y = x
    for _ in range(40):
        y = y.sin()  # each keeps its input
    loss = y.sum()
    del y
    tracemalloc.start()
    tracemalloc.reset_peak()
    loss.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # new memory during the walk: a few cotangents, not one per op
    assert peak < 12 * size * 4
    assert loss.grad_fn is not None  # the graph itself is still there, its saved tensors are not
    node = loss.grad_fn.next_functions[0][0]
    assert node.saved is None


def test_a_result_that_is_dropped_frees_its_graph(no_collector):
    x = leaf(3)
    y = x.exp()
    z = y * y
    refs = [weakref.ref(o) for o in (y, z, y.grad_fn, z.grad_fn)]
    del y, z
    assert [r() for r in refs] == [None] * 4


def test_a_leaf_is_not_held_by_its_graph(no_collector):
    x = leaf(3)
    y = (x * 2).sum()
    gone = weakref.ref(x)
    x.register_post_accumulate_grad_hook(lambda t: None)
    del x
    assert gone() is None
    y.backward()


# -- exceptions in rules leave no state


@pytest.fixture
def broken(monkeypatch):
    def install(kind, name):
        def fails(*args, **kwargs):
            raise ArithmeticError("broken rule")

        rules = dict(OPS[name].rules)
        if kind == "vjp":
            original = rules["vjp"]
            rules["vjp"] = type(original)(fails, original.uses, original.shapes)
        else:
            rules[kind] = fails
        monkeypatch.setattr(OPS[name], "rules", rules)
        monkeypatch.setattr(OPS[name], "plans", {})

    return install


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("vjp", lambda x: x.cumsum(0).sum().backward()),
        ("vjp", lambda x: grad(lambda y: y.cumsum(0).sum())(x)),
        ("vjp", lambda x: vmap(grad(lambda y: y.cumsum(0).sum()))(x)),
        ("vjp", lambda x: grad(x.cumsum(0).sum(), x, create_graph=True)),
        ("jvp", lambda x: jvp(lambda y: y.cumsum(0), (x,), (x,))),
        ("batch", lambda x: vmap(lambda y: y.cumsum(0))(x)),
        ("numpy", lambda x: x.cumsum(0)),
        ("numpy", lambda x: vmap(grad(lambda y: y.cumsum(0).sum()))(x)),
        ("vjp", lambda x: checkpoint(lambda y: y.cumsum(0), x).sum().backward()),
    ],
)
def test_an_exception_in_a_rule_leaves_no_state(kind, call, broken):
    broken(kind, "cumsum")
    x = leaf(2, 3)
    with pytest.raises(ArithmeticError, match="broken rule"):
        call(x)
    assert HOT[0] == 0
    assert tls.levels == ()
    assert tls.grad is True
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy(), rtol=1e-6)


def test_two_threads_walk_their_own_graphs():
    shared = leaf(8)
    found = {}

    def work(n):
        for _ in range(50):
            (g,) = grad(((shared * float(n)).sin() * shared).sum(), shared)
            vmap(grad(lambda r: (r * r).sum()))(shared.detach().reshape(2, 4))
        found[n] = g.numpy()

    workers = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    a = shared.detach().numpy()
    for n, g in found.items():
        np.testing.assert_allclose(g, np.sin(n * a) + n * a * np.cos(n * a), rtol=1e-4, atol=1e-5)
    assert HOT[0] == 0
