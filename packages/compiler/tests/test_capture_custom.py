"""Custom ops in captured programs: one node, one step of compiled code, never looked into."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.autograd import custom_op, vmap
from lamella.compiler import compile as capture
from lamella.compiler import explain
from lamella.graph import parse

CALLS: list[tuple[Any, ...]] = []


@custom_op("compiler_tests::running_median")  # type: ignore[untyped-decorator]
def running_median(x: Any, *, width: int = 3) -> Any:
    """The median of each window along the last dim, the ends repeated."""
    CALLS.append(x.shape)
    padded = np.pad(x.numpy(), [(0, 0)] * (x.ndim - 1) + [(width // 2, width // 2)], mode="edge")
    return lt.from_numpy(
        np.median(np.lib.stride_tricks.sliding_window_view(padded, width, -1), -1).astype(padded.dtype)
    )


@running_median.register_fake  # type: ignore[untyped-decorator]
def _(x: Any, *, width: int = 3) -> Any:
    return lt.empty_like(x)


def _save(ctx: Any, inputs: Any, keywords: Any, output: Any) -> None:
    ctx.save_for_backward(inputs[0], output)


def _backward(ctx: Any, g: Any) -> Any:
    """Straight through, where the value was its own median."""
    x, median = ctx.saved_tensors
    return lt.where(x == median, g, 0.5 * g)


running_median.register_autograd(_backward, setup_context=_save)


@running_median.register_vmap  # type: ignore[untyped-decorator]
def _(info: Any, in_dims: Any, x: Any, *, width: int = 3) -> Any:
    return running_median(x.movedim(in_dims[0], 0), width=width), 0


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.fixture(params=["c", "interpreter"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def smoothed(x: Any) -> Any:
    return (running_median(x.exp() * 2.0, width=5) + 1.0).sigmoid()


def test_it_is_one_node(backend: str) -> None:
    f = capture(smoothed, backend=backend)
    for seed in range(2):
        x = f64(4, 9, seed=seed)
        np.testing.assert_allclose(f(x).numpy(), smoothed(x).numpy(), rtol=1e-14)
    assert f.compiles == 1
    graph = f.programs[0].graph
    assert [n.op.name for n in graph.nodes].count("compiler_tests.running_median") == 1
    assert "width=5" in str(graph)
    assert str(parse(str(graph))) == str(graph)
    if backend == "c":
        assert "running_median" in explain(f)
    CALLS.clear()
    f(x)
    assert CALLS == [(4, 9)]


def test_gradients(backend: str) -> None:
    grads = []
    for run in (smoothed, capture(smoothed, backend=backend)):
        x = f64(4, 9).requires_grad_()
        run(x).sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(grads[1], grads[0], rtol=1e-13)


def test_in_a_training_step(backend: str) -> None:
    def train(wrap: Any) -> Any:
        lt.manual_seed(0)
        net = nn.Sequential(nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 2)).to(lt.float64)
        opt = optim.AdamW(net.parameters(), lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = net(running_median(net[0](x))).pow(2).mean()
            loss.backward()
            opt.step()
            return loss

        run = wrap(step)
        losses = [run(f64(5, 9, seed=i)).item() for i in range(4)]
        return losses, [p.detach().numpy() for p in net.parameters()], run

    losses, params, _ = train(lambda f: f)
    got, state, run = train(lambda f: capture(f, backend=backend))
    np.testing.assert_allclose(got, losses, rtol=1e-12)
    for a, b in zip(state, params, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert run.compiles == 1


def test_batched_inside() -> None:
    f = capture(vmap(lambda x: running_median(x).sum()), backend="interpreter")
    x = f64(3, 2, 7)
    np.testing.assert_allclose(f(x).numpy(), running_median(x).sum((1, 2)).numpy())
    assert [n.op.name for n in f.programs[0].graph.nodes].count("compiler_tests.running_median") == 1


def test_a_keyword_is_part_of_the_program() -> None:
    f = capture(lambda x, w: running_median(x, width=w), backend="interpreter")
    for width in (3, 5, 3):
        np.testing.assert_array_equal(f(f64(9), width).numpy(), running_median(f64(9), width=width).numpy())
    assert f.compiles == 2


FACTOR = 0.5


def test_what_its_rules_read_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    op = custom_op("compiler_tests::scaled", lambda x: x * 2.0)
    op.register_fake(lambda x: lt.empty_like(x))
    op.register_autograd(lambda ctx, g: g * FACTOR)
    f = capture(lambda x: op(x).sum(), backend="interpreter")
    for factor in (0.5, 3.0):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        x = f64(3).requires_grad_()
        f(x).backward()
        np.testing.assert_array_equal(x.grad.numpy(), factor)
    assert f.compiles == 2


def test_other_sizes() -> None:
    f = capture(smoothed, backend="interpreter", dynamic=True)
    for n in (4, 5, 9):
        x = f64(n, 9)
        np.testing.assert_allclose(f(x).numpy(), smoothed(x).numpy(), rtol=1e-14)


def test_what_it_promises_is_checked_in_compiled_code() -> None:
    wrong = custom_op("compiler_tests::wrong", lambda x: x.sum(0))
    wrong.register_fake(lambda x: lt.empty_like(x))
    f = capture(lambda x: wrong(x * 2.0), backend="c")
    with pytest.raises(RuntimeError, match="compiler_tests::wrong: output 0 is float64"):
        f(f64(2, 3))
