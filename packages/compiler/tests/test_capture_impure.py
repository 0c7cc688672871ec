"""Calls that a replay would not repeat and writes to what is older than the call: they run as written, once, with one
warning that names the line; under fullgraph the same words are an error, and nothing has happened.
"""

from __future__ import annotations

import datetime
import gc
import inspect
import io
import logging
import os
import random
import re
import sys
import threading
import time
import uuid
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.compiler import CaptureError, disable, explain
from lamella.compiler import compile as capture
from lamella.tensor.extend import default_generator, tls

RNG = np.random.default_rng(0)
LOG = logging.getLogger(__name__)


class World:
    def __init__(self, path: Path) -> None:
        lt.manual_seed(2)
        self.path = path / "out.txt"
        self.path.write_text("")
        self.net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
        self.items: list[Any] = []
        self.table: dict[str, Any] = {"a": 0}
        self.names: set[Any] = set()
        self.n = 0
        self.last: Any = None
        self.file = io.StringIO()

    def state(self) -> Any:
        plain = [i.item() if isinstance(i, lt.Tensor) else i for i in self.items]
        last = type(self.last)
        return (
            plain,
            dict(self.table),
            set(self.names),
            self.n,
            last,
            self.path.read_text(),
            self.file.getvalue(),
        )


def prints(w: World, y: Any) -> Any:
    print("loss", end=";")  # noqa: T201  # here


def prints_the_number(w: World, y: Any) -> Any:
    print(f"{y.sum().item():.3f}")  # noqa: T201  # here


def prints_in_a_try(w: World, y: Any) -> Any:
    try:
        print("twice?")  # noqa: T201  # here
    except Exception:  # noqa: BLE001 - a program that catches everything is what is tested
        w.n += 100


def writes_a_file(w: World, y: Any) -> Any:
    w.file.write("x")  # here


def opens_a_file(w: World, y: Any) -> Any:
    with open(w.path, "a") as f:  # here
        f.write("y")


def opens_by_pathlib(w: World, y: Any) -> Any:
    w.path.exists()  # here


def writes_to_stdout(w: World, y: Any) -> Any:
    sys.stdout.write("z")  # here


def logs(w: World, y: Any) -> Any:
    LOG.critical("step")  # here


def asks_the_time(w: World, y: Any) -> Any:
    time.perf_counter()  # here


def asks_the_date(w: World, y: Any) -> Any:
    datetime.datetime.now()  # here


def draws(w: World, y: Any) -> Any:
    return y * random.random()  # here


def draws_by_a_method(w: World, y: Any) -> Any:
    return y * random.gauss(0.0, 1.0)  # here


def draws_with_numpy(w: World, y: Any) -> Any:
    return y * float(np.random.rand())  # noqa: NPY002  # here


def draws_with_a_generator(w: World, y: Any) -> Any:
    return y * float(RNG.standard_normal())  # here


def makes_an_id(w: World, y: Any) -> Any:
    uuid.uuid4()  # here


def reads_the_environment(w: World, y: Any) -> Any:
    return y * len(os.environ["PATH"])  # here


def appends(w: World, y: Any) -> Any:
    w.items.append(1)  # here


def appends_a_tensor(w: World, y: Any) -> Any:
    w.items.append(y.sum())  # here


def adds_to_a_set(w: World, y: Any) -> Any:
    w.names.add(len(w.names))  # here


def keeps_an_object(w: World, y: Any) -> Any:
    w.n += 1
    w.last = threading.Lock()  # here


def in_a_callee(w: World, y: Any) -> Any:
    counts_deep(w)


def counts_deep(w: World) -> None:
    w.n += 1
    for _ in range(2):
        w.items.append(w.n)  # here


def after_a_branch(w: World, y: Any) -> Any:
    w.n += 1
    if y.sum() > -1e9:
        w.items.append(w.n)  # here


def calls_a_disabled_function(w: World, y: Any) -> Any:
    return eager_only(w, y)  # here


@disable
def eager_only(w: World, y: Any) -> Any:
    w.items.append(float(y.sum().detach().numpy()))
    return y * 2.0


PROGRAMS = [
    prints, prints_the_number, prints_in_a_try, writes_a_file, opens_a_file, opens_by_pathlib, writes_to_stdout, logs,
    asks_the_time, asks_the_date, draws, draws_by_a_method, draws_with_numpy, draws_with_a_generator, makes_an_id,
    reads_the_environment, appends, appends_a_tensor, adds_to_a_set, keeps_an_object, in_a_callee, after_a_branch,
    calls_a_disabled_function,
]  # fmt: skip


def marked_line(fn: Callable[..., Any]) -> int:
    source = counts_deep if fn is in_a_callee else fn
    lines, first = inspect.getsourcelines(source)
    [at] = [first + n for n, line in enumerate(lines) if "# here" in line]
    return at


def run(fn: Callable[..., Any], w: World, wrap: Callable[[Any], Any], calls: int) -> list[Any]:
    """Results and states of some calls, in a world that starts anew."""
    global RNG
    RNG = np.random.default_rng(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002

    def program(x: Any) -> Any:
        y = w.net(x)
        out = fn(w, y)
        return (y if out is None else out) * 1.0

    f = wrap(program)
    out = []
    for n in range(calls):
        result = f(lt.full((1, 2), n + 1.0)).detach().numpy().copy()
        out.append((result.tolist(), w.state(), default_generator.get_state()))
    return out


@pytest.mark.parametrize("fn", PROGRAMS, ids=lambda f: f.__name__)
def test_runs_as_written_with_one_warning(
    fn: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = run(fn, World(tmp_path), lambda f: f, 4)
    printed = capsys.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = run(fn, World(tmp_path), lambda f: capture(f, backend="interpreter"), 4)
    assert got == expected
    assert capsys.readouterr() == printed
    [warning] = [w for w in caught if "runs uncompiled" in str(w.message)]
    assert f"test_capture_impure.py:{marked_line(fn)}" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("fn", PROGRAMS, ids=lambda f: f.__name__)
def test_is_refused_under_fullgraph_before_it_happens(
    fn: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    w = World(tmp_path)
    before, draw = w.state(), default_generator.get_state()
    random.seed(0)
    hidden = [random.getstate(), repr(RNG.bit_generator.state), repr(np.random.get_state())]  # noqa: NPY002
    f = capture(lambda x: fn(w, w.net(x)), backend="interpreter", fullgraph=True)
    for _ in range(2):
        with pytest.raises(CaptureError, match=rf"test_capture_impure\.py:{marked_line(fn)}\b"):
            f(lt.ones(1, 2))
        assert w.state() == before
        assert default_generator.get_state() == draw
        assert hidden == [random.getstate(), repr(RNG.bit_generator.state), repr(np.random.get_state())]  # noqa: NPY002
        assert tls.trace is None
        assert sys.getprofile() is None
    assert capsys.readouterr() == ("", "")


def pure(x: Any) -> Any:
    items = [n for n in range(3)]  # noqa: C416 - a comprehension is what is tested
    items.append(len(items))
    table = dict(zip("abcd", sorted(items), strict=True))
    text = re.sub("a", "b", ",".join(f"{k}={v}" for k, v in table.items()))
    name = os.path.join("a", "b")
    scale = np.sqrt(float(len(text) + len(name))) + sum(map(abs, items))
    with threading.Lock():
        return x * float(scale)


def test_what_only_computes_is_no_reason_to_refuse() -> None:
    f = capture(pure, backend="interpreter", fullgraph=True)
    x = lt.ones(2)
    for _ in range(2):
        np.testing.assert_array_equal(f(x).numpy(), pure(x).numpy())
    assert f.compiles == 1


def test_each_line_warns_once_and_explain_lists_them() -> None:
    w: list[Any] = []

    def program(x: Any, which: int) -> Any:
        if which == 0:
            w.append(0)
        elif which == 1:
            w.append(1)
        return x * 2.0

    f = capture(program, backend="interpreter")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for which in (0, 1, 2, 0, 1, 2, 0, 1):
            f(lt.ones(2), which)
    assert len(caught) == 2
    assert w == [0, 1, 0, 1, 0, 1]
    assert f.compiles == 1, "what can be captured is"
    assert explain(f).count("was changed") == 2
    assert len(f.refusals) == 2


def test_a_refused_call_is_not_traced_each_time() -> None:
    calls = []

    class Counting:
        def __init__(self) -> None:
            self.n = 0
            self.seen: list[int] = []

    c = Counting()

    def program(x: Any) -> Any:
        if tls.trace is not None:
            calls.append(1)
        c.n += 1
        c.seen.append(c.n)  # another guard at every call
        return x * 1.0

    f = capture(program, backend="interpreter")
    with pytest.warns(RuntimeWarning, match="runs uncompiled"):
        f(lt.ones(1))
    traced = []
    original = f._attempt  # type: ignore[attr-defined]

    def counted(*args: Any, **kwargs: Any) -> Any:
        traced.append(1)
        return original(*args, **kwargs)

    f._attempt = counted  # type: ignore[attr-defined]
    for _ in range(300):
        f(lt.ones(1))
    assert c.n == 301
    assert c.seen == list(range(1, 302))
    assert 3 <= len(traced) <= 12


def test_a_call_that_can_be_captured_later_is(tmp_path: Path) -> None:
    w: dict[str, Any] = {"on": True}

    def program(x: Any) -> Any:
        if w["on"]:
            print("on")  # noqa: T201
        return x + 1.0

    f = capture(program, backend="interpreter")
    with pytest.warns(RuntimeWarning, match=r"print\(\)"):
        f(lt.ones(1))
    w["on"] = False
    f(lt.ones(1))
    assert f.compiles == 1


def test_symbolic_numbers_that_python_cannot_take_are_no_error_of_the_program() -> None:
    def program(x: Any) -> Any:
        n = (x > 0).sum().item()
        return x * len(bytes([n, n]))

    f = capture(program, backend="interpreter")
    x = lt.ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(f(x).numpy(), program(x).numpy())


class Caller:
    """What disable is asked to do."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, x: Any) -> Any:
        self.seen.append(tls.trace)
        return INNER(x)


INNER = capture(lambda x: x * 3.0, backend="interpreter")


@pytest.mark.parametrize("recursive", [True, False])
def test_disabled_functions_run_as_written(recursive: bool) -> None:
    caller = Caller()
    off = disable(caller, recursive=recursive, reason="it talks to a server")
    compiles = INNER.compiles
    shape = (2, 2) if recursive else (3, 2)
    np.testing.assert_array_equal(off(lt.ones(shape)).numpy(), 3.0)
    assert (INNER.compiles == compiles) is recursive
    f = capture(lambda x: off(x) + 1.0, backend="interpreter")
    with pytest.warns(
        RuntimeWarning, match=r"Caller is disabled for capture \(it talks to a server\) .*impure\.py:\d+"
    ):
        np.testing.assert_array_equal(f(lt.ones(shape)).numpy(), 4.0)
    assert caller.seen == [None, None]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: capture(abs, fullgraph=1), TypeError, "fullgraph is True or False, got 1"),
        (lambda: capture(abs, dynamic="yes"), TypeError, "dynamic is None, True or False, got 'yes'"),
        (lambda: capture(3), TypeError, "compile needs a function or a module, got int"),
        (lambda: disable(3), TypeError, "disable needs a function or a module, got int"),
        (lambda: disable(abs, recursive=0), TypeError, "recursive is True or False, got 0"),
    ],
)
def test_bad_arguments_are_named(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_decorators_take_arguments() -> None:
    @capture(backend="interpreter", fullgraph=True, dynamic=False)  # type: ignore[untyped-decorator]
    def f(x: Any) -> Any:
        return x + 1.0

    @disable(recursive=False)  # type: ignore[untyped-decorator]
    def g(x: Any) -> Any:
        return f(x)

    np.testing.assert_array_equal(g(lt.ones(2)).numpy(), 2.0)
    assert f.fullgraph
    assert f.compiles == 1


def test_misses_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    f = capture(lambda x: x * 2.0, backend="interpreter")
    with caplog.at_level(logging.INFO, logger="lamella.compiler"):
        f(lt.ones(2))
        assert not caplog.records
        f(lt.ones(3))
    [record] = caplog.records
    assert "no program fits: x is not a" in record.getMessage()


def forks(net: Any) -> Any:
    return lambda x: net(x).sum() if x.sum() > 0 else net(x).mean()


def refused(net: Any) -> Any:
    kept: list[int] = []

    def program(x: Any) -> Any:
        kept.append(1)
        return net(x).sum()

    return program


def loops(net: Any) -> Any:
    def program(x: Any) -> Any:
        while x.sum() > 1:
            x = x * 0.5
        return net(x).sum()

    return program


@pytest.mark.parametrize("make", [forks, refused, loops], ids=lambda f: f.__name__)
def test_dropped_functions_do_not_wait_for_the_collector(make: Callable[[Any], Any]) -> None:
    gc.collect()
    gc.disable()
    try:
        net = nn.Linear(3, 3)
        f = capture(make(net), backend="interpreter")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for value in (1.0, -1.0, 1e9):
                f(lt.full((2, 3), value))
        watched = [weakref.ref(net), weakref.ref(f)]
        del net, f
        assert [reference() for reference in watched] == [None, None]
    finally:
        gc.enable()
