"""Branches on tensors: a program for each way, one guard and one state for all; compared with eager runs, state and
all.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import threading
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import CaptureError, explain
from lamella.compiler import compile as capture
from lamella.tensor.extend import default_generator


@pytest.fixture(params=["interpreter", "c"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Run:
    """A small world whose program forks in the ways that its input says."""

    def __init__(self) -> None:
        lt.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.3)).to(lt.float64)
        self.head = nn.Linear(4, 1).to(lt.float64)
        parameters = [*self.net.parameters(), *self.head.parameters()]
        self.opt = optim.AdamW(parameters, lr=0.1)
        self.total = lt.zeros(1, dtype=lt.float64)

    def state(self) -> list[Any]:
        parts = [*self.net.state_dict().values(), *self.head.state_dict().values(), self.total]
        grads = [p.grad for p in [*self.net.parameters(), *self.head.parameters()]]
        slots = [v for state in self.opt.state.values() for v in state.values()]
        arrays = [t.detach().numpy().copy() for t in [*parts, *slots] if isinstance(t, lt.Tensor)]
        arrays += [np.zeros(0) if g is None else g.numpy().copy() for g in grads]
        position = default_generator.get_state()
        return [*arrays, np.array([position["seed"] % 1000, position["offset"]]), self.opt.param_groups[0]["lr"]]


def step_with_branches(w: Run, x: Any) -> Any:
    w.opt.zero_grad()
    h = w.net(x)
    if x.sum() > 0:
        h = h * lt.rand(4, dtype=lt.float64)
    else:
        w.total += 1.0
    loss = w.head(h).square().mean()
    loss.backward()
    if x[0, 0] > 0:
        w.opt.step()
        w.opt.param_groups[0]["lr"] = w.opt.param_groups[0]["lr"] * 0.5
    return float(loss)


def gradients_across(w: Run, x: Any) -> Any:
    h = w.net(x)
    h = h.tanh() if x.sum() > 0 else h.exp() * lt.rand(4, dtype=lt.float64)
    y = w.head(h)
    return y.sum() if x[0, 0] > 0 else (y * y).sum()


def by_a_number(w: Run, x: Any) -> Any:
    total = x.sum().item()
    if total > 0 and x[0, 0].item() * 2 > total - 100:
        return w.net(x).detach() * total
    return w.net(x) - total, total


def by_int(w: Run, x: Any) -> Any:
    n = int((x[0] > 0).sum())
    return lt.stack([w.net(x)] * (n + 1)), x[: 1 + n]


def writes_before_and_after(w: Run, x: Any) -> Any:
    w.total.add_(x.sum())
    if w.total > 0:
        w.total.mul_(2.0)
    y = w.total * 1.0
    if x[0, 0] > 0:
        w.total.neg_()
        return w.total, y
    return y


def by_any_and_all(w: Run, x: Any) -> Any:
    y = w.net(x)
    if (x[0] > 0).all():
        return y
    elif (x[0] > 0).any():
        return y * 2.0
    return -y


def with_a_raise(w: Run, x: Any) -> Any:
    if x.sum() <= 0:
        raise KeyError("negative")
    return w.net(x)


def returns_the_branch(w: Run, x: Any) -> Any:
    taken = bool(x.sum() > 0)
    w.total += 1.0
    return taken, w.total


def same_question_twice(w: Run, x: Any) -> Any:
    positive = x.sum() > 0
    y = x * 2.0 if positive else x
    return y + 1.0 if positive else y


PROGRAMS: dict[Callable[..., Any], int] = {
    step_with_branches: 4, gradients_across: 4, by_a_number: 2, by_int: 4, writes_before_and_after: 4,
    by_any_and_all: 3, with_a_raise: 1, returns_the_branch: 2, same_question_twice: 2,
}  # fmt: skip
# the sum and the first element have all four pairs of signs, and 0 to 3 elements are positive
SIGNS = [(1, 1, 1), (-1, -1, -1), (1, -1, -1), (-1, 1, 1), (1, 1, -1), (-1, -1, 1)]


def inputs(signs: tuple[int, int, int], seed: int) -> Any:
    sizes = np.array([1.0, 2.0, 4.0]) * (1.0 + 0.01 * seed)
    return lt.from_numpy(np.stack([sizes, sizes + 1.0]) * np.array(signs))


def outcome(call: Callable[[], Any]) -> tuple[list[Any], Any]:
    try:
        out = call()
    except KeyError as error:
        return [str(error)], None
    outs = list(out) if isinstance(out, tuple) else [out]
    return [o.detach().numpy().copy() if isinstance(o, lt.Tensor) else o for o in outs], out


@pytest.mark.parametrize("fn", PROGRAMS, ids=lambda f: f.__name__)
def test_every_way_gives_what_eager_gives(fn: Callable[..., Any], backend: str) -> None:
    histories = []
    for compiled in (False, True):
        w = Run()

        def program(x: Any, w: Run = w) -> Any:
            return fn(w, x)

        f = capture(program, backend=backend, fullgraph=True) if compiled else program
        history = []
        for n, signs in enumerate([*SIGNS, *reversed(SIGNS), *SIGNS]):
            values, out = outcome(partial(f, inputs(signs, n)))
            if isinstance(out, lt.Tensor) and out.requires_grad and not out.ndim:
                out.backward()
            history.append(values if out is None else [*values, *w.state()])
        histories.append(history)
    assert f.compiles == PROGRAMS[fn]
    for eager, got in zip(*histories, strict=True):
        assert [type(v) for v in eager] == [type(v) for v in got]
        for a, b in zip(eager, got, strict=True):
            if isinstance(a, (np.ndarray, float)):
                np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-9)
            else:
                assert a == b


def test_segments_are_shared_and_guards_are_not_doubled(backend: str) -> None:
    w = Run()
    f = capture(lambda x: gradients_across(w, x), backend=backend, fullgraph=True)
    for signs in SIGNS:
        f(inputs(signs, 0))
    roots = {id(p.path.segments[0]) for p in f.programs}
    assert len(f.programs) == 4
    assert len(roots) == 1
    assert sum("a new way at" in m and "test_capture_forks.py" in m for m in f.misses) == 3
    assert "forks" in explain(f)


def test_other_guards_make_another_tree() -> None:
    factor = {"n": 2.0}

    def program(x: Any) -> Any:
        y = x * factor["n"]
        return y if y.sum() > 0 else -y

    f = capture(program, backend="interpreter", fullgraph=True)
    for n, value in itertools.product((2.0, 3.0), (1.0, -1.0)):
        factor["n"] = n
        x = lt.full((2,), value)
        for _ in range(2):
            np.testing.assert_array_equal(f(x).numpy(), program(x).numpy())
    assert f.compiles == 4


def countdown(x: Any) -> Any:
    n = 0
    while x.sum() > 1:
        x = x * 0.5
        n += 1
    return x, n


@pytest.mark.parametrize("fullgraph", [True, False])
def test_a_loop_unrolls_up_to_the_limit_and_then_says_what_to_do(fullgraph: bool) -> None:
    f = capture(countdown, backend="interpreter", fullgraph=fullgraph)
    for power in (0, 3, 7):
        x = lt.full((1,), 2.0**power)
        assert f(x)[1] == power
    assert f.compiles == 3
    x = lt.full((1,), 2.0**8)
    message = r"bool\(\) at .*test_capture_forks\.py:\d+ in countdown .*more than 8 times.*while_loop"
    if fullgraph:
        for _ in range(2):
            with pytest.raises(CaptureError, match=message):
                f(x)
    else:
        with pytest.warns(RuntimeWarning, match=message):
            assert f(x)[1] == 8
        for power in (8, 9, 10, 8, 3):
            assert f(lt.full((1,), 2.0**power))[1] == power, "told once, and right"
    assert f(lt.full((1,), 2.0**3))[1] == 3
    assert f.compiles == 3


def test_too_many_leaves_are_refused_with_advice() -> None:
    def program(x: Any) -> Any:
        return x * int(x[0])

    f = capture(program, backend="interpreter", fullgraph=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it was captured 32 times
        for n in range(64):
            assert f(lt.tensor([n]))[0] == n * n
    with pytest.raises(CaptureError, match=r"test_capture_forks.py.*more than 64 programs.*where"):
        f(lt.tensor([64]))
    assert f(lt.tensor([63]))[0] == 63 * 63


def test_floats_that_never_repeat_are_given_up_early() -> None:
    def program(x: Any) -> Any:
        y = x * 2.0
        return y * (1.0 + float(y.sum()))

    f = capture(program, backend="interpreter")
    for n in range(8):
        f(lt.full((1,), n + 0.5))
    with pytest.warns(RuntimeWarning, match=r"float\(\) at .*8 different numbers.*item\(\)"):
        f(lt.full((1,), 100.0))
    for n in range(20):
        x = lt.full((1,), n + 1000.0)
        np.testing.assert_array_equal(f(x).numpy(), program(x).numpy())
    assert f.compiles == 8


def test_an_unseen_hand_that_steers_is_refused() -> None:
    def program(x: Any) -> Any:
        y = x * TURN()
        return y if y.sum() > 0 else -y

    f = capture(program, backend="interpreter", fullgraph=True)
    f(lt.ones(2))
    with pytest.raises(CaptureError, match="does not come to the fork"):
        f(-lt.ones(2))


class _Turn:
    """Gives another number at every call, from state that lies in C."""

    def __init__(self) -> None:
        self.number = ctypes.c_double(0.0)

    def __call__(self) -> float:
        self.number.value += 1.0
        return self.number.value


TURN = _Turn()


def test_a_shared_segment_learns_to_give_more(backend: str) -> None:
    def program(x: Any) -> Any:
        a, b = x.exp(), x.sin()
        if a.sum() > 5:
            return a
        return a * b if b.sum() > 0 else b

    f = capture(program, backend=backend, fullgraph=True)
    for value in (2.0, 0.5, -0.5, 2.0, 0.5, -0.5):
        x = lt.full((2,), value, dtype=lt.float64)
        np.testing.assert_allclose(f(x).numpy(), program(x).numpy(), rtol=1e-12)
    assert f.compiles == 3


def test_a_write_to_a_result_before_backward_is_noticed(backend: str) -> None:
    w = lt.ones(2, dtype=lt.float64).requires_grad_()

    def program(x: Any) -> Any:
        y = (w * x).exp()
        return y * 1.0 if x.sum() > 0 else y

    f = capture(program, backend=backend, fullgraph=True)
    for call in (program, f):
        out = call(-lt.ones(2, dtype=lt.float64))
        with lt.no_grad():
            out.mul_(2.0)
        with pytest.raises(RuntimeError, match="modified|in place|in-place"):
            out.sum().backward()


def test_no_branch_can_be_taken_inside_a_backward_that_comes_later() -> None:
    from lamella.autograd import Function

    class Odd(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2.0

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g if g.sum() > 0 else -g

    w = lt.ones(2).requires_grad_()
    f = capture(lambda x: Odd.apply(w * x), backend="interpreter", fullgraph=True)
    with pytest.raises(CaptureError, match=r"bool\(\) needs the values"):
        f(lt.ones(2))


def test_threads_take_different_ways_at_once(backend: str) -> None:
    f = capture(countdown, backend=backend, fullgraph=True)
    barrier = threading.Barrier(4)

    def work(seed: int) -> bool:
        barrier.wait()
        powers = np.random.default_rng(seed).integers(0, 8, 20)
        return all(f(lt.full((1,), 2.0 ** int(p)))[1] == p for p in powers)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert f.compiles <= 8


@pytest.mark.parametrize("dynamic", [None, True])
def test_forks_of_programs_with_open_sizes(dynamic: bool | None, backend: str) -> None:
    w = lt.ones(7, dtype=lt.float64).requires_grad_()

    def program(x: Any) -> Any:
        y = x * w
        n = y.sum().item() / x.shape[0]
        y = y.exp() if y.mean() > 0 else y.reshape(-1).unsqueeze(-1) * x.shape[0]
        return (y * n).sum(), y.shape[0]

    f = capture(program, backend=backend, fullgraph=True, dynamic=dynamic)
    for rows, sign in itertools.product((2, 3, 5, 3), (1.0, -1.0, 1.0)):
        x = lt.from_numpy(np.random.default_rng(rows).random((rows, 7)) * sign)
        grads = []
        for call in (program, f):
            w.grad = None
            out, n = call(x)
            out.backward()
            grads.append((out.item(), n, w.grad.numpy()))
        assert grads[0][:2] == pytest.approx(grads[1][:2], rel=1e-9)
        np.testing.assert_allclose(grads[0][2], grads[1][2], rtol=1e-9)
    assert f.compiles == (2 if dynamic else 4)


def test_arguments_of_a_forked_call_are_not_kept(backend: str) -> None:
    f = capture(countdown, backend=backend, fullgraph=True)
    x = lt.full((2,), 4.0)
    alive = weakref.ref(x)
    f(x)
    f(lt.full((2,), 16.0))
    del x
    gc.collect()
    assert alive() is None


def test_programs_that_are_gone_take_their_segments_with_them() -> None:
    f = capture(countdown, backend="interpreter", fullgraph=True)
    f(lt.full((2,), 4.0))
    [program] = f.programs
    segment = weakref.ref(program.path.segments[0])
    f._programs = []  # type: ignore[attr-defined]
    del program
    gc.collect()
    assert segment() is None
