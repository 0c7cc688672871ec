"""The open trace by itself: what it records, what it finds, and that undo leaves nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.graph import CaptureError, Trace, interpret, verify
from lamella.tensor.extend import HOT, Numbers, default_generator, enter_mode, leave_mode, tls


@contextmanager
def tracing(parent: Trace | None = None) -> Iterator[Trace]:
    trace = Trace("program", parent)
    saved = tls.trace
    tls.trace = trace
    enter_mode()
    try:
        yield trace
    finally:
        leave_mode()
        tls.trace = saved
        trace.undo()


def f64(*shape: int) -> lt.Tensor:
    return lt.from_numpy(np.arange(float(np.prod(shape))).reshape(shape) + 1)


def run(trace: Trace, *results: Any) -> list[Any]:
    """The graph of a trace, verified and interpreted on the tensors that it met."""
    for root in trace.written.values():
        target = next(v for t, v in trace.tensors if t._data is root._data)
        trace.builder.write(target, trace.value_of(root))
    graph = trace.builder.build([trace.value_of(r) for r in results])
    verify(graph)
    given = {v: t._data for t, v in trace.tensors}
    for _, seed, offset, _ in trace.generators.values():
        state = default_generator.get_state()
        given |= {seed.value: state["seed"], offset: state["offset"]}
    for container, key, _, value, _ in trace.numbers.values():
        if value is not None:
            given[value] = dict.__getitem__(container, key)
    return interpret(graph)([given[v] for v in graph.inputs])


def test_ops_and_creations_are_recorded() -> None:
    x = f64(2, 3)
    expected = (x * 2.0 + lt.ones(3, dtype=lt.float64)).sum(0)
    with tracing() as trace:
        y = (x * 2.0 + lt.ones(3, dtype=lt.float64)).sum(0)
        with pytest.raises(CaptureError, match=r"numpy\(\).*test_trace\.py"):
            y.numpy()
        (got,) = run(trace, y)
    np.testing.assert_array_equal(got, expected.numpy())
    assert [t for t, _ in trace.tensors] == [x]
    with pytest.raises(RuntimeError, match="trace has ended"):
        y.numpy()


def test_one_input_for_one_memory() -> None:
    x = f64(3)
    with tracing() as trace:
        _ = x + x.detach() + x.reshape(3)
        assert len(trace.tensors) == 1


def test_writes_rebind_and_are_undone() -> None:
    base = f64(3, 4)
    view = base[1]
    before = base.numpy().copy()
    version = base._cell.version  # type: ignore[union-attr]
    with tracing() as trace:
        base.mul_(2.0)
        view.add_(10.0)
        y = view + base[0]
        got, *effects = run(trace, y)
    assert base._cell.version == version  # type: ignore[union-attr]
    np.testing.assert_array_equal(base.numpy(), before)
    expected = before.copy()
    expected *= 2
    expected[1] += 10
    np.testing.assert_array_equal(got, expected[1] + expected[0])
    (effect,) = effects
    np.testing.assert_array_equal(effect, expected)
    assert list(trace.views.values()) == [view]


def test_a_view_met_before_its_base_is_an_input_by_itself() -> None:
    base = f64(3, 4)
    view = base[1]
    with tracing() as trace:
        _ = view * 2.0
        _ = base * 2.0
        assert [t for t, _ in trace.tensors] == [view, base]


def test_a_stale_view_is_undone_too() -> None:
    w = f64(3).requires_grad_()
    base = lt.zeros(2, 3, dtype=lt.float64)
    view = base[0]
    with tracing() as trace:
        with lt.no_grad():
            base.add_(w)
        _ = view * 2.0
        assert list(trace.views.values()) == [view]
    np.testing.assert_array_equal(view.numpy(), 0.0)
    base.add_(w)
    assert view.requires_grad, "a real write after the undone one is seen"


def test_rewired_tensors_are_named_and_put_back() -> None:
    w = f64(3).requires_grad_()
    buffer = lt.zeros(3, dtype=lt.float64)
    with tracing() as trace:
        buffer.add_(w)
        ((t, line),) = trace.rewired()
    assert t is buffer
    assert line is not None
    assert line[0].endswith("test_trace.py")
    assert not buffer.requires_grad


def test_numbers_are_inputs_and_effects() -> None:
    group: Any = Numbers(lr=0.5, steps=1, name="a")
    x = f64(3)
    with tracing() as trace:
        y = x * (group["lr"] * 2)
        group["steps"] = group["steps"] + 1
        assert group["name"] == "a"
        (got,) = run(trace, y)
        with pytest.raises(CaptureError, match="only numbers"):
            group["lr"] = "b"
    assert dict(group) == {"lr": 0.5, "steps": 1, "name": "a"}
    np.testing.assert_array_equal(got, x.numpy())
    assert {key for _, key in trace.numbers} == {"lr", "steps"}


def test_a_forced_number_is_guarded() -> None:
    group = Numbers(lr=0.5)
    with tracing() as trace:
        assert group["lr"] * 4 > 1
        assert [hint for _, hint in trace.guards] == [True]


def test_generators_are_symbolic() -> None:
    lt.manual_seed(3)
    expected = lt.rand(4).numpy()
    lt.manual_seed(3)
    state = default_generator.get_state()
    with tracing() as trace:
        y = lt.rand(4)
        (got,) = run(trace, y)
        ((_, _, _, offset),) = trace.generators.values()
        assert offset.hint == int(state["offset"]) + 4
    np.testing.assert_array_equal(got, expected)
    assert default_generator.get_state() == state


def test_gradients_are_effects() -> None:
    w = f64(3).requires_grad_()
    with tracing() as trace:
        (w * 2.0).sum().backward()
        ((leaf, entry, current, read),) = trace.grads.values()
        assert leaf is w._edge
        assert entry is None
        assert read
        (got,) = run(trace, current)
    assert w.grad is None
    np.testing.assert_array_equal(got, 2.0)


def test_values_of_an_outer_trace_are_residuals() -> None:
    x = f64(3)
    with tracing() as outer:
        y = x * 2.0
        with tracing(outer) as inner:
            z = y + 1.0
            assert inner.value_of(z) is not None
            assert [theirs for theirs, _ in inner.residuals] == [outer.value_of(y)]


def test_tensors_of_a_closed_trace_are_refused() -> None:
    with tracing():
        y = f64(3) * 2.0
    with tracing(), pytest.raises(CaptureError, match="another capture"):
        _ = y + 1.0


def test_modes_are_balanced() -> None:
    before = HOT[0]
    with tracing():
        assert HOT[0] > before
    assert HOT[0] == before
    assert tls.trace is None


def test_layouts() -> None:
    x = f64(3, 4)
    with tracing() as trace:
        y = x * 2.0
        assert y.contiguous() is y
        t = y.T
        c = t.contiguous()
        assert c is not t
        c.add_(1.0)
        assert t.T.contiguous() is not t.T
        got = run(trace, c, y)
    np.testing.assert_array_equal(got[0], (x.numpy() * 2).T + 1)
    np.testing.assert_array_equal(got[1], x.numpy() * 2)


def test_an_unknown_layout() -> None:
    x = f64(3, 4).T
    with tracing() as trace:
        y = x * 1.0
        c = y.contiguous()
        assert c is not y
        (got,) = run(trace, c)
        with pytest.raises(CaptureError, match="not row-major"):
            c.add_(1.0)
    np.testing.assert_array_equal(got, x.numpy())
