"""What a captured call leaves behind: writes, versions, gradients, numbers and random offsets, committed once, at the
end.
"""

from __future__ import annotations

import inspect
import re
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import CaptureError
from lamella.compiler import compile as capture
from lamella.compiler._capture import _record
from lamella.tensor.extend import default_generator


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.fixture(params=["interpreter", "c"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write_argument(a: Any, b: Any) -> Any:
    a.add_(b)
    return a * 2.0


def write_through_a_view(a: Any, b: Any) -> Any:
    a[1:].mul_(b[:-1])
    return a.sum()


def write_and_return_a_view(a: Any, b: Any) -> Any:
    a.add_(1.0)
    return a[0]


def write_twice_and_read_between(a: Any, b: Any) -> Any:
    a.add_(1.0)
    c = a * b
    a.mul_(2.0)
    return c, a


def write_by_index(a: Any, b: Any) -> Any:
    a[0] = b[0] * 2.0
    a[1, 1:] = 3.0


def swap(a: Any, b: Any) -> Any:
    old = a.clone()
    a.copy_(b)
    b.copy_(old)


def write_the_transpose(a: Any, b: Any) -> Any:
    a.T.add_(b.T * 2.0)
    return a


@pytest.mark.parametrize(
    "fn",
    [
        write_argument,
        write_through_a_view,
        write_and_return_a_view,
        write_twice_and_read_between,
        write_by_index,
        swap,
        write_the_transpose,
    ],
)
def test_writes(fn: Callable[..., Any], backend: str) -> None:
    compiled = capture(fn, backend=backend)
    for seed in range(3):
        states = []
        for f in (fn, compiled):
            a, b = f64(3, 4, seed=seed), f64(3, 4, seed=seed + 10)
            out = f(a, b)
            outs = [out] if isinstance(out, lt.Tensor) else list(out or ())
            states.append([a.numpy(), b.numpy(), *[o.numpy() for o in outs]])
        for x, y in zip(*states, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12)
    assert compiled.compiles == 1


@pytest.mark.parametrize("fn", [write_argument, write_through_a_view, write_by_index, write_the_transpose])
def test_writes_into_a_view_of_something_out_of_reach(fn: Callable[..., Any]) -> None:
    compiled = capture(fn, backend="interpreter")
    for seed in range(3):
        states = []
        for f in (fn, compiled):
            base, b = f64(8, 6, seed=seed), f64(3, 4, seed=seed + 10)
            a = base[1:4, 2:]
            f(a, b)
            np.testing.assert_array_equal((a * 1.0).numpy(), base.numpy()[1:4, 2:])
            states.append(base.numpy())
        np.testing.assert_allclose(*states, rtol=1e-12)
    assert compiled.compiles == 1


@pytest.mark.parametrize("base_first", [True, False])
def test_a_base_and_its_view_as_arguments(base_first: bool) -> None:
    def fn(a: Any, b: Any) -> Any:
        a.add_(1.0)
        return a.sum() + (b * 2.0).sum()

    compiled = capture(fn, backend="interpreter")
    for _ in range(2):
        states = []
        for f in (fn, compiled):
            base = f64(4, 3)
            view = base[1:3]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*shares memory", category=RuntimeWarning)
                out = f(base, view) if base_first else f(view, base)
            states.append((out.item(), base.numpy().copy()))
        assert states[0][0] == pytest.approx(states[1][0])
        np.testing.assert_array_equal(states[0][1], states[1][1])
    # a program that read the view through its base must not serve a view of something else
    unrelated = f64(2, 3, seed=5)
    for f in (fn, compiled):
        base = f64(4, 3)
        states.append((f(base, unrelated).item(), base.numpy().copy()))
        unrelated = f64(2, 3, seed=5)
    assert states[-1][0] == pytest.approx(states[-2][0])


def test_a_view_of_another_part_is_another_program() -> None:
    def fn(base: Any, view: Any) -> Any:
        base.add_(1.0)
        return view * 2.0

    compiled = capture(fn, backend="interpreter")
    for part in (slice(0, 2), slice(1, 3), slice(0, 2)):
        got = []
        for f in (fn, compiled):
            base = f64(4, 3)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*shares memory", category=RuntimeWarning)
                got.append(f(base, base[part]).numpy())
        np.testing.assert_array_equal(got[0], got[1])


def test_stale_views_are_read_as_they_are_now() -> None:
    w = f64(3).requires_grad_()

    def fn(v: Any) -> Any:
        return v * v

    grads = []
    for f in (fn, capture(fn, backend="interpreter")):
        for _ in range(2):
            w.grad = None
            base = lt.zeros(2, 3, dtype=lt.float64)
            view = base[0]
            base.add_(w)
            f(view).sum().backward()
            grads.append(w.grad.numpy())
    for g in grads:
        np.testing.assert_allclose(g, 2 * w.detach().numpy())


def test_writing_a_read_only_array_raises_before_anything_changes() -> None:
    def fn(a: Any, b: Any) -> None:
        b.add_(1.0)
        a.add_(1.0)

    compiled = capture(fn, backend="interpreter", fullgraph=True)
    compiled(f64(3), f64(3))
    frozen = np.ones(3)
    frozen.setflags(write=False)
    b = f64(3)
    before = b.numpy().copy()
    with pytest.raises((ValueError, RuntimeError)):
        compiled(lt.from_numpy(frozen), b)
    np.testing.assert_array_equal(b.numpy(), before)


def test_versions_move_and_blame_names_the_call(backend: str) -> None:
    compiled = capture(_double_in_place, backend=backend)
    x = f64(3).requires_grad_()
    for _ in range(2):
        b = f64(3)
        y = (x * b).sum()
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        compiled(b)
        with pytest.raises(RuntimeError, match="modified in place") as caught:
            y.backward()
        places = re.findall(r"test_capture_effects\.py:(\d+)", str(caught.value))
        assert str(line) in places


def _double_in_place(b: Any) -> None:
    b.mul_(2.0)


def accumulate(w: Any, x: Any) -> Any:
    (w * x).sum().backward()


def clear_and_assign(w: Any, x: Any) -> Any:
    w.grad = None
    (w * x).sum().backward()


def zero_in_place(w: Any, x: Any) -> Any:
    if w.grad is not None:
        w.grad.zero_()
    (w * x).sum().backward()


def assign_directly(w: Any, x: Any) -> Any:
    w.grad = (x * 2.0).clone()


def clear(w: Any, x: Any) -> Any:
    (w * x).sum().backward()
    w.grad = None


def scale_the_gradient(w: Any, x: Any) -> Any:
    w.grad = None
    (w * x).sum().backward()
    w.grad.mul_(0.5)
    return w.grad * 1.0


@pytest.mark.parametrize(
    "fn", [accumulate, clear_and_assign, zero_in_place, assign_directly, clear, scale_the_gradient]
)
@pytest.mark.parametrize("given", ["argument", "closure", "a new tensor each call"])
def test_grad(fn: Callable[..., Any], given: str, backend: str) -> None:
    histories = []
    for compiled in (False, True):
        w = f64(3).requires_grad_()
        if given == "closure":
            program: Any = lambda x, w=w: fn(w, x)  # noqa: E731
        else:
            program = fn
        f = capture(program, backend=backend) if compiled else program
        history = []
        for step in range(4):
            if given == "a new tensor each call":
                w = f64(3, seed=step).requires_grad_()
            x = f64(3, seed=step + 5)
            f(x) if given == "closure" else f(w, x)
            history.append(None if w.grad is None else w.grad.numpy().copy())
        histories.append(history)
        if compiled:
            assert f.compiles <= 2, f.misses
    for a, b in zip(*histories, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_zero_grad_reads_nothing() -> None:
    w = f64(3).requires_grad_()
    opt = optim.SGD([w], lr=0.1)

    def step() -> Any:
        opt.zero_grad()
        (w * w).sum().backward()
        opt.step()

    f = capture(step, backend="interpreter")
    f()
    w.grad = None
    f()
    w.grad = f64(3)
    f()
    assert f.compiles == 1, f.misses


def test_gradients_do_not_share_memory(backend: str) -> None:
    a, b = f64(3).requires_grad_(), f64(3, seed=1).requires_grad_()

    def step(x: Any) -> Any:
        a.grad = b.grad = None
        ((a + b) * x).sum().backward()
        return a.grad

    x = f64(3, seed=2)
    f = capture(step, backend=backend)
    for _ in range(2):
        g = f(x)
        assert not np.shares_memory(a.grad.numpy(), b.grad.numpy())
        assert not np.shares_memory(a.grad.numpy(), x.numpy())
        np.testing.assert_array_equal(g.numpy(), x.numpy())


def test_generators(backend: str) -> None:
    def fn(x: Any, g: Any) -> Any:
        noise = lt.randn(3, generator=g, dtype=lt.float64)
        return x * lt.rand(3, dtype=lt.float64) + noise + lt.dropout(x, 0.5)

    def run(f: Any) -> Any:
        g = lt.Generator(5)
        lt.manual_seed(3)
        outs = [f(f64(3), g).numpy() for _ in range(3)]
        return outs, g.get_state(), default_generator.get_state()

    expected = run(fn)
    compiled = capture(fn, backend=backend)
    got = run(compiled)
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-12)
    assert got[1:] == expected[1:]
    assert compiled.compiles == 1


def test_an_executor_that_raises_leaves_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    working = _record.executor_of("interpreter")
    fail = {"now": False}

    def compile_graph(graph: Any) -> Any:
        run = working(graph)

        def sometimes(inputs: list[Any]) -> list[Any]:
            out = run(inputs)
            if fail["now"]:
                raise MemoryError("no memory for the arena")
            return out

        return sometimes

    fake = types.ModuleType("fake_executor")
    fake.NAME = "fake"  # type: ignore[attr-defined]
    fake.compile_graph = compile_graph  # type: ignore[attr-defined]
    found = _record.discover("executor")
    monkeypatch.setattr(_record, "discover", lambda kind: (*found, fake))
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)).to(lt.float64)
    opt = optim.Adam(net.parameters(), lr=0.1)
    x = f64(4, 3)

    def step() -> Any:
        opt.zero_grad()
        loss = net(x).sum()
        loss.backward()
        opt.step()
        opt.param_groups[0]["lr"] = opt.param_groups[0]["lr"] * 0.5
        return loss

    f = capture(step, backend="fake")

    def state() -> Any:
        tensors = [*net.state_dict().values(), *[t for s in opt.state.values() for t in s.values()]]
        grads = [None if p.grad is None else (id(p.grad), p.grad.numpy().tobytes()) for p in net.parameters()]
        return [t.numpy().tobytes() for t in tensors], grads, opt.param_groups[0]["lr"], default_generator.get_state()

    for _ in range(2):
        before = state()
        fail["now"] = True
        with pytest.raises(MemoryError):
            f()
        assert state() == before
        fail["now"] = False
        f()
        assert state() != before
    assert f.compiles == 1


READS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda y: y.T.reshape(-1),
    "sliced": lambda y: y[:, 1:].reshape(-1) * 2.0,
    "strided elementwise": lambda y: (y.T + 1.0).reshape(2, 6),
    "contiguous": lambda y: y.T.contiguous().reshape(-1),
    "expanded": lambda y: y[:, :1].expand(3, 4).reshape(-1),
    "write to a copy": lambda y: y.T.clone().reshape(-1).add_(1.0),
    "write to the source afterwards, unread": lambda y: (y.T.reshape(-1).sum(), y.add_(1.0))[1],
}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("name", READS)
def test_reshape_of_what_is_not_row_major_is_read_as_uncompiled(name: str, inside: bool) -> None:
    read = READS[name]

    def fn(x: Any) -> Any:
        return read(x * 2.0 if inside else x)

    compiled = capture(fn, backend="interpreter")
    for make in (lambda: f64(3, 4), lambda: f64(4, 3).T):
        states = []
        for f in (fn, compiled, compiled):
            x = make()
            states.append((f(x).numpy(), x.numpy()))
        for other in states[1:]:
            np.testing.assert_allclose(other[0], states[0][0])
            np.testing.assert_allclose(other[1], states[0][1])


WRITES: dict[str, Callable[[Any], Any]] = {
    "the reshape": lambda y: y.T.reshape(-1).add_(1.0),
    "a view of the reshape": lambda y: y.T.reshape(-1)[2:].add_(1.0),
    "contiguous": lambda y: y.T.contiguous().add_(1.0),
    "the source, and the reshape is read": lambda y: (lambda r: y.add_(1.0).sum() + r * 2.0)(y.T.reshape(-1)),
    "a view of the source, and the reshape is read": lambda y: (lambda r: y[0].add_(1.0).sum() + r * 2.0)(
        y.T.reshape(-1)
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_near_such_a_reshape_is_refused(name: str) -> None:
    write = WRITES[name]
    with pytest.raises(CaptureError, match=r"not row-major.*test_capture_effects\.py.*clone"):
        capture(lambda x: write(x * 2.0), backend="interpreter", fullgraph=True)(f64(4, 3).T)


@pytest.mark.parametrize("name", WRITES)
def test_a_write_near_a_reshape_of_a_known_layout(name: str) -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        return WRITES[name](y), y

    for got, wanted in zip(capture(f, backend="interpreter", fullgraph=True)(f64(3, 4)), f(f64(3, 4)), strict=True):
        np.testing.assert_array_equal(got.numpy(), wanted.numpy())
