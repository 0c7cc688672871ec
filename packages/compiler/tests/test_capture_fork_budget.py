"""`memory_budget` of programs that branch on tensors: no way holds more at any moment, in any order."""

from __future__ import annotations

import functools
import itertools
import re
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from lamella import tensor as lt
from lamella.compiler import CaptureError, compile
from lamella.compiler._capture._pieces import Leaf, Piece
from lamella.compiler._capture._segments import Path

BACKENDS = ("interpreter", "c")
WIDTH = 64
ROWS = 512
BIG = ROWS * WIDTH * 4  # bytes of an activation
LITTLE = 3 * BIG + 64


class World:
    """Weights, and an input whose signs say which way a call goes."""

    def __init__(self) -> None:
        lt.manual_seed(0)
        self.w = [(lt.randn(WIDTH, WIDTH) * 0.1).requires_grad_() for _ in range(4)]
        self.base = lt.rand(ROWS, WIDTH)
        self._first = [p.detach().clone() for p in self.w]

    def reset(self) -> None:
        """The weights of the beginning."""
        with lt.no_grad():
            for p, first in zip(self.w, self._first, strict=True):
                p.copy_(first)

    def x(self, signs: Iterable[int]) -> Any:
        out = self.base.clone()
        for i, sign in enumerate(signs):
            out[i, 0] = float(sign)
        return out


def once(w: World, x: Any) -> Any:
    """A value from before the fork is needed behind it on one way, and peaks stand on both sides."""
    with lt.no_grad():
        h = lt.exp(x @ w.w[0])
        k = lt.sin(h @ w.w[1])
        if x[0, 0] > 0:
            y = lt.cos(k @ w.w[2])
            return (y @ w.w[3]) * k
        return h * k
    raise AssertionError


def twice(w: World, x: Any) -> Any:
    """What the first segment makes passes over the peak of the second."""
    with lt.no_grad():
        h = lt.exp(x @ w.w[0])
        if x[0, 0] > 0:
            h = h * 2.0
        a = lt.sin(x @ w.w[1])
        b = lt.cos(a @ w.w[2])
        c = lt.tanh(a + b @ w.w[3])
        if x[1, 0] + c[0, 0] * 0.0 > 0:
            return c * h
        return c.sum() + h
    raise AssertionError


def nested(w: World, x: Any) -> Any:
    """Each way needs other values of the segments that they share."""
    with lt.no_grad():
        a, b = lt.exp(x @ w.w[0]), lt.sin(x @ w.w[1])
        if x[0, 0] > 0:
            c = lt.tanh(a @ w.w[2])
            if x[1, 0] > 0:
                return c + a
            return lt.cos(b) * c
        if x[1, 0] > 0:
            return a * b
        return b @ w.w[3]
    raise AssertionError


def drawn(w: World, x: Any) -> Any:
    """Random numbers from before the fork are wanted behind it."""
    with lt.no_grad():
        noise = lt.rand(ROWS, WIDTH)
        h = lt.exp((x * noise) @ w.w[0])
        if x[0, 0] > 0:
            return lt.sin(h @ w.w[1]) * noise
        return h * lt.rand(ROWS, WIDTH)
    raise AssertionError


def followed(w: World, x: Any) -> Any:
    """A forward whose backward comes later."""
    h = lt.tanh(lt.exp(x @ w.w[0]) * 0.1)
    if x[0, 0] > 0:
        h = lt.sin(h @ w.w[1]) * h
    y = lt.tanh(h @ w.w[2])
    return (y * y).sum() if x[1, 0] > 0 else (lt.exp(y) * h).sum()


def ending(w: World, x: Any) -> Any:
    """What is alive at the first fork is gone when the largest piece runs, which is no leaf."""
    with lt.no_grad():
        a, b = lt.exp(x @ w.w[0]), lt.sin(x @ w.w[1])
        c = a * b if x[0, 0] > 0 else a + b
        if c[0, 0] * 0.0 + 1.0 < 0:
            return a
        d = lt.tanh(c @ w.w[2])
        d = lt.cos(d) * lt.sin(c) + d
        return c if d[0, 0] * 0.0 + x[1, 0] > 0 else d
    raise AssertionError


def viewed(w: World, x: Any) -> Any:
    """Sums over views from before the fork, whose bits hang on how they lie in memory."""
    with lt.no_grad():
        h = lt.exp(x @ w.w[0])
        over, one, given = h.T[:, 1:], h[7:8].expand(ROWS, WIDTH), x.T
        if x[0, 0] > 0:
            return over.mean() + given.mean() + (one @ w.w[1]).sum()
        return over.sum(dim=0) + given.sum(dim=0)[1:]
    raise AssertionError


def apart(w: World, x: Any) -> Any:
    """Both answers of the first fork lead to the same segment, and to other leaves behind it."""
    with lt.no_grad():
        a, b = lt.exp(x @ w.w[0]), lt.sin(x @ w.w[1])
        first = bool(x[0, 0] > 0)
        c = lt.tanh(lt.cos(x @ w.w[2]) @ w.w[3])
        if c[0, 0] * 0.0 + x[1, 0] > 0:
            return c * (a if first else b)
        return c.sum() + (b if first else a)
    raise AssertionError


def step(w: World, x: Any) -> Any:
    """A whole training step that looks at its loss between forward and backward."""
    for p in w.w:
        p.grad = None
    h = lt.tanh(x @ w.w[0])
    h = lt.tanh(h @ w.w[1]) * x
    y = lt.tanh(lt.exp(h @ w.w[2]) @ w.w[3])
    loss = ((y - x) * (y - x)).mean()
    if loss.detach() * 0.0 + x[0, 0] > 0:
        loss = loss + (y * y).mean()
    loss.backward()
    with lt.no_grad():
        for p in w.w:
            p.sub_(lt.mul(p.grad, 0.1))
    return loss.detach()


# how many numbers say which way is taken
FORWARDS: dict[Callable[..., Any], int] = {once: 1, twice: 2, nested: 2, ending: 2, apart: 2, viewed: 1, drawn: 1}
PROGRAMS = {**FORWARDS, followed: 2, step: 1}


def ways(fn: Callable[..., Any]) -> list[tuple[int, ...]]:
    return list(itertools.product((1, -1), repeat=PROGRAMS[fn]))


def called(f: Any, w: World, signs: tuple[int, ...]) -> list[Any]:
    """What one call gives, gradients too."""
    lt.manual_seed(7)
    w.reset()
    for p in w.w:
        p.grad = None
    out = f(w.x(signs))
    if out.requires_grad:
        out.backward()
    grads = [p.grad.numpy().copy() for p in w.w if p.grad is not None]
    return [out.detach().numpy().copy(), *grads, *[p.detach().numpy().copy() for p in w.w]]


def captured(fn: Callable[..., Any], w: World, backend: str, budget: int | None) -> Any:
    return compile(functools.partial(fn, w), backend=backend, fullgraph=True, memory_budget=budget)


def named(error: CaptureError) -> int:
    """The least that an error says was reached."""
    found = re.search(r"does not fit into a memory_budget of \d+ bytes: .* down to (\d+) bytes", str(error))
    assert found is not None, error
    return int(found[1])


def called_all(fn: Callable[..., Any], backend: str, budget: int, turned: bool) -> None:
    """Take all ways in one order, or from the last to the first."""
    w = World()
    f = captured(fn, w, backend, budget)
    for signs in ways(fn)[:: -1 if turned else 1]:
        called(f, w, signs)


@functools.cache
def least_of(fn: Callable[..., Any], backend: str, turned: bool = False) -> int:
    """The least within which every way can be taken in an order: what the errors name, asked for."""
    budget = 1000
    while True:
        try:
            called_all(fn, backend, budget, turned)
        except CaptureError as error:
            assert named(error) > budget
            budget = named(error)
        else:
            return budget


def memory_of(array: Any) -> Any:
    """The array in whose memory one lies."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def nbytes(arrays: Iterable[Any], given: set[int]) -> int:
    """Bytes of the memory of some arrays, beside that with these identities."""
    roots = {id(root): root.nbytes for root in map(memory_of, (a for a in arrays if isinstance(a, np.ndarray)))}
    return sum(size for at, size in roots.items() if at not in given)


@contextmanager
def moments() -> Iterator[list[int]]:
    """At each piece that runs: bytes of what earlier pieces gave and the call still holds, of the arena, and of what it
    gives.
    """
    found: list[int] = []
    given: set[int] = set()
    decide, values, environment = Piece.decide, Leaf.values, Path.environment

    def arena(run: Any) -> int:
        return run.memory.arena_bytes if hasattr(run, "memory") else 0

    def watched_environment(self: Path, inputs: list[Any]) -> Any:
        given.update(id(memory_of(a)) for a in inputs if isinstance(a, np.ndarray))
        return environment(self, inputs)

    def watched_decide(self: Piece, env: Any) -> Any:
        answer = decide(self, env)  # which only adds
        assert self._ready is not None
        found.append(nbytes(env.values(), given) + arena(self._ready[1]))
        return answer

    def watched_values(self: Leaf, env: Any) -> Any:
        out = values(self, env)
        found.append(nbytes([*env.values(), *out], given) + arena(self.run))
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "environment", watched_environment)
        patch.setattr(Piece, "decide", watched_decide)
        patch.setattr(Leaf, "values", watched_values)
        yield found


@pytest.mark.parametrize(
    ("fn", "backend", "turned"),
    [
        *itertools.product(PROGRAMS, ["interpreter"], (False, True)),
        *itertools.product([nested, step], ["c"], [False]),
    ],
)
def test_every_way_keeps_the_budget_in_any_order(fn: Callable[..., Any], backend: str, turned: bool) -> None:
    w = World()
    plain = captured(fn, w, backend, None)
    budget = least_of(fn, backend, turned)
    f = captured(fn, w, backend, budget)
    for signs in ways(fn)[:: -1 if turned else 1] * 2:
        with moments() as found:
            got = called(f, w, signs)
        assert max(found) <= budget, signs
        for a, b in zip(got, called(plain, w, signs), strict=True):
            if backend == "interpreter":
                assert a.tobytes() == b.tobytes()
            else:
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert f.compiles == len(ways(fn))


@pytest.mark.parametrize("fn", PROGRAMS, ids=lambda f: f.__name__)
def test_a_budget_of_any_size_changes_no_bit(fn: Callable[..., Any]) -> None:
    w, least = World(), least_of(fn, "interpreter")
    plain, *within = (captured(fn, w, "interpreter", size) for size in (None, least + BIG, 64 * BIG))
    for signs in ways(fn):
        expected = [a.tobytes() for a in called(plain, w, signs)]
        for f in within:
            assert [a.tobytes() for a in called(f, w, signs)] == expected


@pytest.mark.parametrize(
    ("fn", "backend"),
    [*itertools.product([twice, nested, followed], ["interpreter"]), *itertools.product([nested, followed], ["c"])],
)
def test_one_byte_less_than_the_least_raises(fn: Callable[..., Any], backend: str) -> None:
    least = least_of(fn, backend)
    with pytest.raises(CaptureError, match=rf"a memory_budget of {least - 1} bytes: .* down to {least} bytes"):
        called_all(fn, backend, least - 1, turned=False)


def peak(call: Callable[[], Any]) -> int:
    """The most bytes that lay anywhere in a call, and in its backward."""
    call()
    tracemalloc.start()
    try:
        out = call()
        if out.requires_grad:
            out.backward()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("fn", "backend"),
    [
        *itertools.product([twice, nested, followed, step], ["interpreter"]),
        *itertools.product([nested, followed], ["c"]),
    ],
)
def test_the_account_is_what_really_lies_in_memory(fn: Callable[..., Any], backend: str) -> None:
    w = World()
    budget = least_of(fn, backend)
    within, plain = (captured(fn, w, backend, size) for size in (budget, None))
    peaks: dict[Any, list[int]] = {f: [] for f in (within, plain)}
    for signs, f in itertools.product(ways(fn) * 2, peaks):
        called(f, w, signs)
    for signs, (f, sizes) in itertools.product(ways(fn), peaks.items()):
        for p in w.w:
            p.grad = None
        x = w.x(signs)
        sizes.append(peak(functools.partial(f, x)))
    few = BIG // 8  # Python's own objects
    assert budget - few < max(peaks[within]) <= budget + few
    if backend == "interpreter":  # where arenas are not kept from call to call
        assert max(peaks[plain]) > budget + BIG // 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_way_that_does_not_fit_raises_when_it_is_taken_and_leaves_the_others_alone(backend: str) -> None:
    def program(x: Any) -> Any:
        h = lt.exp(x)
        n = int((x[:3, 0] > 0).sum())
        if n == 1:
            return lt.cat([h] * 8)
        return h * float(n)

    f = compile(program, backend=backend, memory_budget=3 * BIG)
    w = World()
    ok, too_much, other = (w.x(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, -1, -1)))
    expected = program(ok).numpy()
    for _ in range(2):
        np.testing.assert_allclose(f(ok).numpy(), expected, rtol=1e-6)
        with pytest.raises(CaptureError, match="does not fit into a memory_budget") as refused:
            f(too_much)
        assert 8 * BIG <= named(refused.value) <= 10 * BIG
    assert f(other).numpy().max() == 0.0
    assert f.compiles == 2
    assert not f.refusals
    np.testing.assert_allclose(f(ok).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("budget", [None, 5 * BIG + 64])
def test_values_are_let_go_between_pieces(budget: int | None) -> None:
    w = World()
    f = captured(ending, w, "interpreter", budget)
    for signs in ways(ending) * 2:  # most calls begin on another way than they take
        x = w.x(signs)
        assert peak(functools.partial(f, x)) < 5.125 * BIG, "what the first segment gives is not alive in the leaf"


def test_older_ways_take_less_where_only_so_a_new_one_fits() -> None:
    w = World()

    def program(x: Any) -> Any:
        with lt.no_grad():
            h, noise = lt.exp(x @ w.w[0]), lt.rand(ROWS, WIDTH)
            if x[1, 0] * 0.0 + 1.0 < 0:
                return h
            a = lt.sin(x @ w.w[1])
            c = a * lt.cos(a @ w.w[2])
            if c[0, 0] * 0.0 + x[0, 0] > 0:
                return h + 1.0
            return noise * 2.0  # which nothing can compute again
        raise AssertionError

    f = compile(program, backend="interpreter", fullgraph=True, memory_budget=4 * BIG + 64)
    ops = []
    for sign in (1, -1, 1, -1):
        lt.manual_seed(3)
        expected = program(w.x((sign,))).numpy()
        lt.manual_seed(3)
        with moments() as found:
            np.testing.assert_array_equal(f(w.x((sign,))).numpy(), expected)
        assert max(found) <= 4 * BIG + 64
        ops.append([node.op.name for node in f.programs[-1].path.leaf.graph.nodes])
    assert "exp" not in ops[0]
    assert "exp" in ops[1], "the leaf of the first way computes again what it took"
    assert f.compiles == 2


def test_random_draws_are_the_same_on_every_way() -> None:
    w = World()
    budget = least_of(drawn, "interpreter")
    f = captured(drawn, w, "interpreter", budget)
    for signs in ways(drawn) * 2:
        lt.manual_seed(3)
        expected = [drawn(w, w.x(signs)).numpy() for _ in range(2)]
        lt.manual_seed(3)
        for array in expected:
            np.testing.assert_array_equal(f(w.x(signs)).numpy(), array)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_set_of_open_sizes_keeps_the_budget(backend: str) -> None:
    w = World()
    f = compile(functools.partial(twice, w), backend=backend, fullgraph=True, dynamic=True, memory_budget=LITTLE)
    for rows, signs in itertools.product((ROWS, ROWS // 2), ways(twice)):
        x = w.x(signs)[:rows].clone()
        with moments() as found:
            got = f(x)
        assert max(found) <= LITTLE
        np.testing.assert_allclose(got.numpy(), twice(w, x).numpy(), rtol=1e-4, atol=1e-5)
    assert f.compiles == len(ways(twice))
    with pytest.raises(CaptureError, match=f"does not fit into a memory_budget of {LITTLE} bytes"):
        f(lt.cat([w.x((1, 1))] * 2))


def test_threads_keep_the_budget_of_one_call_each() -> None:
    w = World()
    f = captured(nested, w, "interpreter", least_of(nested, "interpreter"))
    expected = {signs: nested(w, w.x(signs)).numpy() for signs in ways(nested)}

    def work(signs: tuple[int, ...]) -> bool:
        return all(np.array_equal(f(w.x(signs)).numpy(), expected[signs]) for _ in range(5))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, ways(nested)))


def test_the_least_does_not_hang_on_the_order_of_ways() -> None:
    w = World()
    expected = {signs: nested(w, w.x(signs)).numpy() for signs in ways(nested)}
    for order in itertools.permutations(ways(nested)):
        f = captured(nested, w, "interpreter", least_of(nested, "interpreter"))
        for signs in order:
            np.testing.assert_array_equal(f(w.x(signs)).numpy(), expected[signs])
