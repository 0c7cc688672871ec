"""Assignments to Python objects older than the call are effects: a replay makes them as the uncompiled call does, in
the same order, and only if it succeeds; a counter is one program.
"""

from __future__ import annotations

import collections
import dataclasses
import gc
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn, optim
from lamella.compiler import CaptureError, explain
from lamella.compiler import compile as capture

BACKENDS = ("interpreter", "c")
COUNT = 0
CONFIG = types.SimpleNamespace(scale=1.0)


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@dataclasses.dataclass
class State:
    n: int = 0
    h: Any = None


class Slotted:
    __slots__ = ("h", "n")

    def __init__(self) -> None:
        self.n = 0


class Checked:
    """Sets attributes by a property and a `__setattr__` of its own."""

    def __init__(self) -> None:
        self._n = 0
        self.sets = 0

    @property
    def n(self) -> int:
        return self._n

    @n.setter
    def n(self, value: int) -> None:
        self._n = value
        self.sets += 1


class Total:
    calls = 0


class Defaults:
    """Counts that begin in the class."""

    n = 0
    h = lt.zeros(3, dtype=lt.float64)


class Net(nn.Module):
    """A module with everything that programs keep in one."""

    def __init__(self) -> None:
        super().__init__()
        lt.manual_seed(1)
        self.cell = nn.Linear(3, 3).to(lt.float64)
        self.steps = 0
        self.decay = 0.5
        self.h: Any = None
        self.register_buffer("mean", lt.zeros(3, dtype=lt.float64))

    def forward(self, x: lt.Tensor) -> lt.Tensor:
        return self.cell(x)


class World:
    """What the programs of the table write; `state` says all of it."""

    def __init__(self) -> None:
        self.n = 0
        self.scale = 1.0
        self.flag = False
        self.word = "first"
        self.nothing: Any = None
        self.h = lt.zeros(3, dtype=lt.float64)
        self.items: list[Any] = [0, 1.5, lt.zeros(3, dtype=lt.float64)]
        self.queue = collections.deque([lt.zeros(3, dtype=lt.float64), lt.ones(3, dtype=lt.float64)], maxlen=2)
        self.table: dict[str, Any] = {"n": 0, "h": lt.zeros(3, dtype=lt.float64)}
        self.ordered = collections.OrderedDict(a=1, b=2)
        self.slotted = Slotted()
        self.checked = Checked()
        self.data = State()
        self.net = Net()
        self.defaults = Defaults()
        self.other = lt.ones(3, dtype=lt.float64)

    def state(self) -> Any:
        net = {k: getattr(self.net, k) for k in ("steps", "decay", "h", "mean")}
        mine = {k: v for k, v in vars(self).items() if k not in ("slotted", "checked", "net", "defaults")}
        slots = {k: getattr(self.slotted, k) for k in ("n", "h") if hasattr(self.slotted, k)}
        rest = (COUNT, CONFIG.scale, Total.calls)
        return plain([mine, slots, vars(self.checked), vars(self.defaults), net, rest])


def plain(value: Any) -> Any:
    """Comparable Python: types, the order of keys, values, and what each tensor is."""
    if isinstance(value, lt.Tensor):
        return ("tensor", bool(value.requires_grad), value.is_leaf, str(value.dtype), value.detach().numpy().tolist())
    if isinstance(value, dict):
        return (type(value).__name__, [(k, plain(v)) for k, v in value.items()])
    if isinstance(value, (list, tuple, collections.deque)):
        return (type(value).__name__, [plain(v) for v in value])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, plain(vars(value)))
    return (type(value).__name__, value)


def counts(w: World, x: Any) -> Any:
    w.n += 1
    return x * w.n


def counts_in_many_places(w: World, x: Any) -> Any:
    global COUNT
    COUNT += 1
    CONFIG.scale *= 0.5
    Total.calls += 2
    w.items[0] += 3
    w.table["n"] += 1
    w.slotted.n += 1
    w.data.n -= 1
    w.checked.n += 1
    return x * (COUNT + CONFIG.scale + Total.calls + w.items[0] + w.table["n"] + w.slotted.n + w.data.n + w.checked.n)


def decays(w: World, x: Any) -> Any:
    w.n += 1
    decay = min(0.9, (1 + w.n) / (3 + w.n))
    w.h = w.h * decay + x.detach() * (1 - decay)
    return w.h.sum()


def every_third(w: World, x: Any) -> Any:
    w.n += 1
    if w.n % 3 == 0:
        w.scale *= 0.5
    return x * w.scale


def several_times(w: World, x: Any) -> Any:
    for _ in range(3):
        w.n += 1
        x = x * w.n
    w.n -= 1
    return x


def order_matters(w: World, x: Any) -> Any:
    w.n += 1
    w.scale = w.n * 2.0
    w.n = 7 if w.flag else w.n + 10
    w.flag = not w.flag
    return x * w.scale


def constants(w: World, x: Any) -> Any:
    w.flag, w.word, w.nothing = True, "second", None
    w.n = 3
    return x


def from_tensors(w: World, x: Any) -> Any:
    w.scale = x.sum().item()
    w.n = (x > 0).sum().item()
    return x * w.scale


def kept_number_used_later(w: World, x: Any) -> Any:
    y = x * w.scale
    w.scale = x.amax().item() * 0.25
    return y


def recurrent(w: World, x: Any) -> Any:
    w.h = (w.h + w.net(x).sum(0)).tanh().detach()
    return w.h


def recurrent_module(w: World, x: Any) -> Any:
    net = w.net
    net.h = lt.zeros(3, dtype=lt.float64) if net.h is None else net.h
    net.h = (net.h + net(x).sum(0)).tanh().detach()
    net.steps += 1
    return net.h * net.steps


def running_mean(w: World, x: Any) -> Any:
    net = w.net
    net.mean = net.mean * net.decay + x.mean(0) * (1 - net.decay)
    net.decay = net.decay * 0.9
    return x - net.mean


def keeps_history(w: World, x: Any) -> Any:
    w.data.h = w.net(x).sum(0)
    return w.data.h.sum()


def keeps_views(w: World, x: Any) -> Any:
    y = x * 2.0
    w.h, w.nothing = y[0], y
    return y[1]


def keeps_the_input(w: World, x: Any) -> Any:
    w.nothing = x
    w.h = x[0]
    return x.sum()


def keeps_an_older_tensor(w: World, x: Any) -> Any:
    w.h, w.other = w.other, w.h
    return w.h + x[0]


def keeps_containers(w: World, x: Any) -> Any:
    w.nothing = {"h": x * 2.0, "pair": (x.sum(), [1, "a"])}
    w.data = State(w.data.n + 1, x + 1.0)
    return x


def hides_what_the_class_has(w: World, x: Any) -> Any:
    w.defaults.n += 1
    w.defaults.h = w.defaults.h * 0.5 + x[0]
    return x * w.defaults.n


def writes_and_rebinds(w: World, x: Any) -> Any:
    w.other.mul_(0.5)
    w.h = w.other + x[0]
    w.h[1:].mul_(2.0)
    w.other = w.h * 2.0
    w.other.add_(1.0)
    return w.other


def into_items(w: World, x: Any) -> Any:
    w.items[2] = w.items[2] + x[0]
    w.table["h"] = w.table["h"] * 0.5 + x[1]
    return w.items[2] * w.table["h"]


def into_a_queue(w: World, x: Any) -> Any:
    w.queue.append(x[0] * 2.0)
    return sum(w.queue)


def new_keys_and_attributes(w: World, x: Any) -> Any:
    w.table["new"] = w.table.get("new", 0) + 1
    w.slotted.h = x[0]
    w.data.extra = x[0] * 3.0  # type: ignore[attr-defined]
    return x * w.table["new"]


def deletes(w: World, x: Any) -> Any:
    w.table.pop("n", None)
    if hasattr(w, "word"):
        del w.word
    if "b" in w.ordered:
        del w.ordered["a"], w.ordered["b"]
    return x


def made_when_missing(w: World, x: Any) -> Any:
    try:
        w.fresh = w.fresh + x[0]  # type: ignore[has-type]
    except AttributeError:
        w.fresh = x[1]
    try:
        w.slotted.h = w.slotted.h + x[0]
    except AttributeError:
        w.slotted.h = x[0]
    return x


def adds_sizes(w: World, x: Any) -> Any:
    w.n += x.shape[0]
    w.scale = w.n / x.shape[1]
    return x[:, 0] * w.n


def forks(w: World, x: Any) -> Any:
    w.n += 1
    if x.sum() > 0:
        w.scale = w.scale * 2.0
        w.h = w.h + x[0]
    else:
        w.n += 10
        w.h = w.h - x[0]
    if w.h.sum() > 1.0:
        w.flag = not w.flag
    return x * w.n * w.scale


def trains(w: World, x: Any) -> Any:
    net = w.net
    loss = (net(x) ** 2).mean()
    loss.backward()
    net.steps += 1
    with lt.no_grad():
        for p in net.parameters():
            p.sub_(p.grad * (0.1 / net.steps))  # type: ignore[operator]
            p.grad = None
    w.nothing = loss.detach()
    return loss.detach()


# name -> (program, how many captures six calls may take)
PROGRAMS: dict[str, tuple[Callable[[World, Any], Any], int]] = {
    f.__name__: (f, captures)
    for f, captures in (
        (counts, 1), (counts_in_many_places, 1), (decays, 2), (every_third, 3), (several_times, 1), (order_matters, 2),
        (constants, 2), (from_tensors, 1), (kept_number_used_later, 1), (recurrent, 1), (recurrent_module, 2),
        (running_mean, 1), (keeps_history, 2), (keeps_views, 2), (keeps_the_input, 2), (keeps_an_older_tensor, 1),
        (keeps_containers, 2),
        (hides_what_the_class_has, 2), (writes_and_rebinds, 1),
        (into_items, 1), (into_a_queue, 1), (new_keys_and_attributes, 2), (deletes, 3),
        (made_when_missing, 2), (adds_sizes, 1), (forks, 4), (trains, 2),
    )
}  # fmt: skip


@pytest.fixture(autouse=True)
def fresh() -> Any:
    global COUNT
    COUNT, CONFIG.scale, Total.calls = 0, 1.0, 0
    yield
    COUNT, CONFIG.scale, Total.calls = 0, 1.0, 0


def history(f: Callable[..., Any], calls: int = 6) -> list[Any]:
    """Results and the whole state after each call."""
    global COUNT
    COUNT, CONFIG.scale, Total.calls = 0, 1.0, 0
    w = World()
    found = []
    for n in range(calls):
        out = f(w, f64(2, 3, seed=n) * (-1 if n % 2 else 1))
        found.append((plain(out), w.state()))
    return found


def difference(a: Any, b: Any, where: str = "", tolerance: float = 1e-12) -> str:
    """Where two histories differ first; numbers by a tolerance."""
    if type(a) is not type(b):
        return f"{where}: {a!r} is no {b!r}"
    if isinstance(a, (list, tuple)):
        names = [x[0] if isinstance(x, tuple) and x and isinstance(x[0], str) else n for n, x in enumerate(a)]
        parts = [difference(x, y, f"{where}.{name}", tolerance) for name, x, y in zip(names, a, b, strict=False)]
        return next(filter(None, parts), "" if len(a) == len(b) else f"{where}: {a!r} is longer or shorter than {b!r}")
    same = np.isclose(a, b, rtol=tolerance, atol=1e-14) if isinstance(a, float) else a == b
    return "" if same else f"{where}: {a!r} is not {b!r}"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_replay_assigns_what_a_call_assigns(name: str, backend: str) -> None:
    program, captures = PROGRAMS[name]
    want = history(program)
    compiled = capture(program, backend=backend, fullgraph=True)
    got = history(compiled)
    found = difference(want, got)
    assert found == ""
    assert compiled.compiles <= captures, compiled.misses


def test_sizes_and_numbers_that_move_are_one_program() -> None:
    """A cache that grows, and a count of what was seen, over batches of every size."""
    w = types.SimpleNamespace(n=0, cache=lt.zeros(1, 3))

    def step(x: lt.Tensor) -> Any:
        w.n += x.shape[0]
        w.cache = lt.cat([w.cache, x])
        return w.cache.sum(0) / w.n

    compiled = capture(step, backend="interpreter", fullgraph=True)
    total, rows = np.zeros(3), 0
    for n in (2, 3, 5, 4, 7, 2, 6):
        x = f64(n, 3, seed=n).to(lt.float32)
        total, rows = total + x.numpy().sum(0), rows + n
        np.testing.assert_allclose(compiled(x).numpy(), total / rows, rtol=1e-5)
        assert (w.n, w.cache.shape) == (rows, (rows + 1, 3))
    assert compiled.compiles <= 3, compiled.misses


@pytest.mark.parametrize("backend", BACKENDS)
def test_containers_of_the_caller(backend: str) -> None:
    """The dict and the list that are written are those of the call, another one each time."""

    def program(state: dict[str, Any], past: list[Any], x: lt.Tensor) -> Any:
        state["n"] += 1
        state["h"] = state["h"] + x
        past[0], past[1] = past[1], state["h"]
        return state["h"] * state["n"]

    step = capture(program, backend=backend, fullgraph=True)
    kept = []
    for n in range(4):
        state = {"n": n, "h": lt.full((2,), float(n))}
        past = [None, lt.zeros(2)]
        first = past[1]
        out = step(state, past, lt.ones(2))
        assert state["n"] == n + 1
        assert state["h"] is past[1]
        assert past[0] is first
        assert out.tolist() == [(n + 1.0) * (n + 1)] * 2
        kept.append(state)
    assert [s["n"] for s in kept] == [1, 2, 3, 4]
    assert step.compiles == 1


class Decoder(nn.Module):
    """Attention over a cache that it keeps."""

    def __init__(self) -> None:
        super().__init__()
        lt.manual_seed(4)
        self.qkv = nn.Linear(4, 12)
        self.keys: Any = None
        self.values: Any = None
        self.position = 0

    def forward(self, x: lt.Tensor) -> lt.Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        self.keys = k if self.keys is None else lt.cat([self.keys, k])
        self.values = v if self.values is None else lt.cat([self.values, v])
        self.position += 1
        weights = (q @ self.keys.T / 2.0).softmax(-1)
        return weights @ self.values + float(self.position)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_module_with_a_cache(backend: str) -> None:
    plain_one, compiled = Decoder(), Decoder()
    compiled.compile(backend=backend)
    with lt.no_grad():
        for n in range(6):
            x = f64(1, 4, seed=n).to(lt.float32)
            np.testing.assert_allclose(compiled(x).numpy(), plain_one(x).numpy(), rtol=1e-4, atol=1e-5)
            assert compiled.position == n + 1
            assert compiled.keys.shape == (n + 1, 4)
    assert compiled.state_dict().keys() == plain_one.state_dict().keys()


class Recurrent(nn.Module):
    """A cell whose state goes from call to call, cut between them."""

    def __init__(self) -> None:
        super().__init__()
        lt.manual_seed(5)
        self.cell = nn.LSTMCell(2, 3)
        self.state: Any = None
        self.register_buffer("seen", lt.zeros((), dtype=lt.int64))
        self.steps = 0

    def forward(self, x: lt.Tensor) -> lt.Tensor:
        h, c = self.cell(x, self.state)
        self.state = (h.detach(), c.detach())
        self.seen += x.shape[0]
        self.steps += 1
        return h


def test_a_stateful_cell_trains_as_uncompiled() -> None:
    losses = []
    for compiled in (False, True):
        net = Recurrent()
        if compiled:
            net.compile(backend="c", fullgraph=True)
        opt = optim.SGD(net.parameters(), lr=0.1)
        history = []
        for n in range(5):
            loss = (net(f64(4, 2, seed=n).to(lt.float32)) ** 2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            history.append((loss.item(), net.steps, net.seen.item(), net.state[0].tolist()))
        losses.append(history)
    assert difference(losses[0], losses[1], tolerance=1e-5) == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_history_goes_from_call_to_call(backend: str) -> None:
    """A state that is not detached: one backward through three calls."""
    grads = []
    for compiled in (False, True):
        w = types.SimpleNamespace(h=lt.zeros(3, dtype=lt.float64), n=0)
        weight = f64(3, 3).requires_grad_()

        def step(x: lt.Tensor, w: Any = w, weight: lt.Tensor = weight) -> Any:
            w.h = (w.h @ weight + x).tanh()
            w.n += 1
            return w.h.sum() * w.n

        f = capture(step, backend=backend, fullgraph=True) if compiled else step
        total = sum([f(f64(3, seed=n)) for n in range(3)], lt.zeros((), dtype=lt.float64))
        total.backward()
        assert weight.grad is not None
        grads.append(weight.grad.numpy())
        assert w.h.requires_grad
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-12)


def test_nothing_is_assigned_by_a_call_that_raises() -> None:
    w = types.SimpleNamespace(n=0, h=None)

    def step(x: lt.Tensor, at: lt.Tensor) -> Any:
        w.n += 1
        w.h = x * 2.0
        return x[at]

    for backend in BACKENDS:
        w.n, w.h = 0, None
        compiled = capture(step, backend=backend, fullgraph=True)
        for _ in range(2):
            compiled(lt.ones(3), lt.tensor([0, 2]))
        kept = w.h
        with pytest.raises(IndexError):
            compiled(lt.ones(3), lt.tensor([0, 7]))
        assert (w.n, w.h) == (2, kept)
        assert w.h is kept


def test_threads_lose_no_count() -> None:
    w = types.SimpleNamespace(n=0, total=0)
    compiled = capture(lambda x: counted(w, x), backend="interpreter", fullgraph=True)
    got: list[float] = []

    def work() -> None:
        for _ in range(50):
            got.append(compiled(lt.ones(2)).sum().item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert w.n == 200
    assert sorted(got) == [2.0 * n for n in range(1, 201)]
    assert compiled.compiles == 1


def counted(w: Any, x: lt.Tensor) -> Any:
    w.n += 1
    return x * w.n


def test_a_number_that_python_looks_at_each_time_is_told_of() -> None:
    """A program of its own at each call is worse than none."""
    w = types.SimpleNamespace(n=0, name="")

    def step(x: lt.Tensor) -> Any:
        w.n += 1
        w.name = f"step {w.n:03d}"
        return x * w.n

    compiled = capture(step, backend="interpreter")

    def calls() -> None:
        for n in range(1, 60):
            assert compiled(lt.ones(1)).item() == n
            assert (w.n, w.name) == (n, f"step {n:03d}")

    with pytest.warns(RuntimeWarning, match=r"Python looks at what the program itself writes at each call \(w\.n"):
        calls()
    assert compiled.compiles < 16


def test_what_grows_at_each_call_is_refused() -> None:
    w: dict[int, Any] = {}
    at = types.SimpleNamespace(n=0)

    def step(x: lt.Tensor) -> Any:
        w[len(w)] = x.sum()
        at.n += 1
        return x

    compiled = capture(step, backend="interpreter")
    with pytest.warns(RuntimeWarning, match="w gets new keys in call after call"):
        assert all(compiled(lt.ones(2)).sum().item() == 2.0 for _ in range(40))
    assert (list(w), at.n) == (list(range(40)), 40)
    assert compiled.compiles <= 4


def test_what_is_assigned_does_not_keep_its_object() -> None:
    net, x = Decoder(), lt.ones(1, 4)
    compiled = capture(net, backend="interpreter")
    with lt.no_grad():
        compiled(x)
        compiled(x)
    gone = [weakref.ref(net), weakref.ref(net.keys)]
    del net, compiled
    gc.collect()
    assert [r() for r in gone] == [None, None]


def test_explain_says_what_is_assigned() -> None:
    w = World()
    compiled = capture(lambda x: counts(w, x), backend="interpreter")
    compiled(f64(2, 3))
    assert "assigns w.n" in explain(compiled)


def test_another_program_sees_what_a_module_was_assigned() -> None:
    """The epoch of a module moves with a commit: programs that read it are guarded by it."""
    net = Net()
    reads = capture(lambda x: x * net.steps, backend="interpreter", fullgraph=True)

    writes = capture(lambda x: counted_in(net, x), backend="interpreter", fullgraph=True)
    for n in range(4):
        assert reads(lt.ones(1)).item() == n
        writes(lt.ones(1))


def counted_in(net: Net, x: lt.Tensor) -> Any:
    net.steps += 1
    return x


def test_arithmetic_is_that_of_python() -> None:
    """Numbers that leave 64 bits, and divisions that round down."""
    w = types.SimpleNamespace(state=12345, n=-7, q=0.0)

    def step(x: lt.Tensor) -> Any:
        w.state = (w.state * 6364136223846793005 + 1442695040888963407) % 2**64
        w.n, w.q = w.n // 2 - 1, w.n % 5 + w.n / 3
        return x * (w.state % 7)

    want = []
    for _ in range(5):
        want.append((step(lt.ones(1)).item(), w.state, w.n, w.q))
    w.state, w.n, w.q = 12345, -7, 0.0
    compiled = capture(step, backend="c")
    assert [(compiled(lt.ones(1)).item(), w.state, w.n, w.q) for _ in range(5)] == want


def test_a_refused_program_leaves_numbers_as_they_were() -> None:
    w = World()

    def step(x: lt.Tensor) -> Any:
        w.n += 1
        w.items.append(w.n)
        return x

    compiled = capture(step, backend="interpreter", fullgraph=True)
    for _ in range(3):
        with pytest.raises(CaptureError, match=r"w\.items was changed"):
            compiled(lt.ones(1))
        assert (w.n, len(w.items)) == (0, 3)


ON_THE_WAY_BACK: dict[str, Callable[[types.SimpleNamespace], Any]] = {
    "append": lambda w: w.items.append(1),
    "attribute": lambda w: setattr(w, "n", 7),
    "item": lambda w: w.items.__setitem__(0, 9),
}


@pytest.mark.parametrize("name", ON_THE_WAY_BACK)
def test_what_is_assigned_on_the_way_back_is_no_effect_of_the_forward(name: str) -> None:
    assign = ON_THE_WAY_BACK[name]
    w = types.SimpleNamespace(n=0, items=[1, 2])
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda *_: assign(w))
    x = lt.ones(1, 2, requires_grad=True)
    with pytest.raises(CaptureError, match="w"):
        capture(layer, backend="interpreter", fullgraph=True)(x)
    assert (w.n, w.items) == (0, [1, 2])
    with pytest.warns(RuntimeWarning, match="w"):
        y = capture(layer, backend="interpreter")(x)
    assert (w.n, w.items) == (0, [1, 2])
    y.sum().backward()
    assert (w.n, w.items) != (0, [1, 2])
