"""Grad modes: nesting, decorating, threads; and the count of open modes that the fast path looks at."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import lamella.tensor as lt
from lamella.tensor.extend import GRAD, HOT, VIEW, Level, LevelClosedError, enter_mode, leave_mode, tls


def test_nesting_and_exceptions_leave_nothing_open() -> None:
    assert lt.is_grad_enabled()
    assert HOT[0] == 0
    with lt.no_grad():
        assert not lt.is_grad_enabled()
        with lt.enable_grad():
            assert lt.is_grad_enabled()
            with lt.set_grad_enabled(False):
                assert not lt.is_grad_enabled()
            assert lt.is_grad_enabled()
        assert not lt.is_grad_enabled()
        assert HOT[0] > 0
    with pytest.raises(KeyError), lt.no_grad(), lt.enable_grad():
        raise KeyError
    assert lt.is_grad_enabled()
    assert HOT[0] == 0


def test_one_object_may_be_open_twice() -> None:
    mode = lt.no_grad()
    with mode, lt.enable_grad(), mode:
        assert not lt.is_grad_enabled()
    assert lt.is_grad_enabled()
    assert HOT[0] == 0


def test_decorators() -> None:
    @lt.no_grad()
    def inner(fail: bool = False) -> bool:
        """Said by inner."""
        if fail:
            raise ValueError
        return lt.is_grad_enabled()

    @lt.no_grad()
    @lt.enable_grad()
    def both() -> bool:
        return lt.is_grad_enabled()

    assert inner() is False
    assert both() is True
    assert inner.__doc__ == "Said by inner."
    with pytest.raises(ValueError):
        inner(fail=True)
    assert lt.is_grad_enabled()
    assert HOT[0] == 0


def test_what_runs_later_is_not_decorated() -> None:
    async def coroutine() -> None:
        return None

    async def generator() -> Any:
        yield 1

    for fn in (generator, coroutine):
        with pytest.raises(TypeError, match="no_grad does not decorate coroutines; use `with` around the parts"):
            lt.no_grad()(fn)


def test_a_generator_runs_in_the_mode_and_its_caller_does_not() -> None:
    @lt.no_grad()
    def generator() -> Any:
        yield lt.is_grad_enabled()

    for inside in generator():
        assert not inside
        assert lt.is_grad_enabled()


def test_a_mode_belongs_to_its_thread() -> None:
    seen: list[Any] = []
    with lt.no_grad():
        thread = threading.Thread(target=lambda: seen.append((lt.is_grad_enabled(), (lt.ones(2) + 1).tolist())))
        thread.start()
        thread.join()
    assert seen == [(True, [2.0, 2.0])]


def test_the_count_survives_many_threads() -> None:
    def work() -> None:
        for _ in range(200):
            with lt.no_grad():
                lt.ones(2) + lt.ones(2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert HOT[0] == 0


def test_an_op_that_raises_leaves_the_count() -> None:
    with lt.no_grad(), pytest.raises(ValueError, match="do not broadcast"):
        lt.zeros(2) + lt.zeros(3)
    assert HOT[0] == 0


def test_results_are_the_same_with_a_mode_open() -> None:
    x, y = lt.rand(3, 4), lt.rand(4)
    plain = (x + y, x * 2, lt.exp(x), x.sum(0), x[1:, ::2], x.softmax(1), x > y)
    with lt.no_grad():
        again = (x + y, x * 2, lt.exp(x), x.sum(0), x[1:, ::2], x.softmax(1), x > y)
    for a, b in zip(plain, again, strict=True):
        assert a.tolist() == b.tolist()
        assert a._flags & ~VIEW == b._flags & ~VIEW == 0


def test_recording_follows_the_mode() -> None:
    pytest.importorskip("lamella.autograd")
    x = lt.ones(3, requires_grad=True)
    assert x._flags & GRAD
    with lt.no_grad():
        assert not any(t.requires_grad for t in (x + x, x * 2.0, lt.exp(x), x[0], x.sum(), x.reshape(3, 1)))
        with lt.enable_grad():
            assert all(t.requires_grad for t in (x + x, 2.0 * x, lt.exp(x), x[0], x.sum(), x.reshape(3, 1)))
    assert (x - 1.0).requires_grad
    assert not (x > 0).requires_grad
    assert not x.detach().requires_grad


def test_levels_are_checked() -> None:
    level = Level("vmap", 3)
    other = Level("vmap", 3)
    assert other.serial > level.serial
    level.check()
    errors: list[str] = []

    def elsewhere() -> None:
        try:
            level.check()
        except LevelClosedError as error:
            errors.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert errors == ["a tensor made inside a vmap was used from another thread"]
    level.alive = False
    with pytest.raises(LevelClosedError, match="used after that vmap returned; return it from the function instead"):
        level.check()


def test_counting_by_hand() -> None:
    enter_mode()
    try:
        assert (lt.ones(2) + 1).tolist() == [2.0, 2.0]
    finally:
        leave_mode()
    assert HOT[0] == 0
    assert tls.trace is None
    assert tls.levels == ()
