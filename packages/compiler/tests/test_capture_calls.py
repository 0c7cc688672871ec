"""Compiled functions among others: threads, recursion, nesting, a machine without a C compiler, what is reported, and
what is left in memory.
"""

from __future__ import annotations

import cProfile
import gc
import io
import sys
import threading
import tokenize
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.tensor as lt
from lamella import compiler, nn
from lamella.compiler import CaptureError, cache, explain
from lamella.compiler import compile as capture
from lamella.compiler._capture import _record


def f64(*shape: int, seed: int = 0) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def test_many_threads_capture_once() -> None:
    captured: list[Any] = []

    def program(x: Any) -> Any:
        captured.append  # noqa: B018 - read, never called
        return (x * 2.0).exp()

    f = capture(program, backend="interpreter")
    start = threading.Barrier(6)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            start.wait()
            for n in range(20):
                x = f64(4, seed=seed + n)
                np.testing.assert_allclose(f(x).numpy(), np.exp(x.numpy() * 2))
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(100 * i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[0]
    assert f.compiles == 1


def test_nested_and_recursive_calls_are_part_of_the_capture() -> None:
    inner = capture(lambda x: x * 2.0, backend="interpreter")

    def outer(x: Any, n: int) -> Any:
        return inner(x) if n == 0 else f(inner(x), n - 1) + x

    f = capture(outer, backend="interpreter")
    x = f64(3)
    np.testing.assert_allclose(f(x, 2).numpy(), _expected(x.numpy(), 2))
    assert inner.compiles == 0
    assert f.compiles == 1


def _expected(x: np.ndarray, n: int) -> np.ndarray:
    return x * 2.0 if n == 0 else _expected(x * 2.0, n - 1) + x


def test_inside_transforms_and_modes() -> None:
    f = capture(lambda x: (x * x).sum(), backend="interpreter")
    x = f64(3)
    np.testing.assert_allclose(la.grad(f)(x).numpy(), 2 * x.numpy())
    np.testing.assert_allclose(la.vmap(f)(f64(2, 3)).numpy(), (f64(2, 3).numpy() ** 2).sum(1))
    leaf = f64(3).requires_grad_()
    with lt.no_grad():
        assert not f(leaf).requires_grad
    assert f(leaf).requires_grad


def test_modes_that_are_about_single_ops_run_the_function_itself() -> None:
    f = capture(lambda x: (x.sqrt() * x).sum(), backend="interpreter")
    leaf = f64(3).abs().requires_grad_()
    f(leaf)
    seen: list[Any] = []

    def pack(t: lt.Tensor) -> lt.Tensor:
        seen.append(t.shape)
        return t

    with la.graph.saved_tensors_hooks(pack, lambda t: t):
        f(leaf).backward()
    assert (3,) in seen
    with la.detect_anomaly():
        y = f(lt.zeros(3, dtype=lt.float64).requires_grad_())
        with pytest.raises(RuntimeError, match="operand 0 of sqrt holds nan"):
            y.backward()
    assert f.compiles == 1


def test_compiling_what_is_compiled() -> None:
    f = capture(lambda x: x + 1.0, backend="interpreter")
    assert capture(f, backend="interpreter") is f
    other = capture(f, backend="c")
    assert other.original is f.original
    with pytest.raises(ValueError, match="unknown backend 'fpga'; installed are c, interpreter"):
        capture(f, backend="fpga")
    with pytest.raises(TypeError, match="needs a function or a module"):
        capture(3)


def test_no_compiler_warns_once_and_uses_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc")
    monkeypatch.setenv("LAMELLA_CACHE_DIR", "")
    monkeypatch.setattr(_record, "_warned", threading.Event())
    x = f64(5)
    fns = [capture(lambda x, k=k: (x + 12345.0 + k).exp().sum() * 0.25, backend="c") for k in range(2)]
    with pytest.warns(RuntimeWarning, match=r"run on the interpreter, which is slower: .*CC"):
        got = fns[0](x)
    np.testing.assert_allclose(got.numpy(), np.exp(x.numpy() + 12345.0).sum() * 0.25)
    fns[1](x)  # silent: said once is enough
    assert "runs on the interpreter" in explain(fns[0])


def test_explain() -> None:
    scale = 2.0

    def program(x: Any) -> Any:
        return (x * scale).exp()

    f = capture(program, backend="c")
    assert "0 programs" in explain(f)
    f(f64(4).requires_grad_())
    scale = 3.0
    f(f64(4).requires_grad_())
    text = explain(f)
    for part in ("2 programs", "2 captures", "program 0", "program 1", "scale is not 2.0", "x is not a differentiable",
                 "1 x scale is not 2.0", "graph text of", "backward: ", "kernel", "residuals"):  # fmt: skip
        assert part in text, (part, text)
    with pytest.raises(TypeError, match="compile"):
        explain(program)


def test_cache_module() -> None:
    capture(lambda x: (x * 1.25).exp() + 77.0, backend="c")(f64(4))
    entries = cache.inspect()
    assert entries
    assert all(e.size_bytes > 0 for e in entries)
    assert {entry.path.suffix for entry in entries} == {".so", ".image"}
    assert all(("lm_" in cache.source(entry.key)) is (entry.path.suffix == ".so") for entry in entries)
    assert compiler.cache is cache
    assert cache.clear() == len(entries)
    assert cache.inspect() == []


def test_too_many_programs_are_named(recwarn: pytest.WarningsRecorder) -> None:
    f = capture(lambda x, n: x * n, backend="interpreter")
    x = f64(2)
    for n in range(31):
        f(x, n + 2)
    with pytest.warns(RuntimeWarning, match="captured 32 times, mostly because n is not"):
        f(x, 40)
    for n in range(8):
        f(x, n + 50)
    assert f.compiles == 40


def test_code_that_cannot_be_found_is_refused() -> None:
    made = eval("lambda: (lambda x: x * 2.0)")  # its code has no place that a walk would find

    def program(x: Any) -> Any:
        return list(map(made(), [x]))[0]  # noqa: RUF015

    f = capture(program, backend="interpreter")
    np.testing.assert_array_equal(f(f64(3)).numpy(), f64(3).numpy() * 2)
    found = {"lambda x: x * 3.0": None}

    def looked_up(x: Any) -> Any:
        return eval(next(iter(found)))(x)

    with pytest.raises(CaptureError, match="could not find"):
        capture(looked_up, backend="interpreter", fullgraph=True)(f64(3))


class _Dying:
    def __del__(self) -> None:
        _note(self)


def _note(_: Any) -> None:
    return


def test_what_the_collector_calls_is_no_part_of_the_program() -> None:
    def callback(phase: str, info: Any) -> None:
        _note(phase)

    def program(x: Any) -> Any:
        cycle: list[Any] = [dying.pop()]
        cycle.append(cycle)
        del cycle
        gc.collect()
        return x * 2.0

    class Stack:
        """Its content is out of the walk's sight, and none of the program's."""

        def pop(self) -> Any:
            return _Dying()

    dying = Stack()
    gc.collect()  # a suspended generator of another test would be resumed inside the program, to be closed
    gc.callbacks.append(callback)
    try:
        np.testing.assert_array_equal(capture(program, backend="interpreter")(f64(3)).numpy(), f64(3).numpy() * 2)
    finally:
        gc.callbacks.remove(callback)


def test_under_a_profiler() -> None:
    profiler: Any = cProfile.Profile()
    profiler.enable()
    installed = sys.getprofile()  # the profiler, or None from 3.12 on, where it listens through sys.monitoring
    try:
        f = capture(lambda x: x + 3.0, backend="interpreter")
        np.testing.assert_array_equal(f(f64(3)).numpy(), f64(3).numpy() + 3)
        found = {"lambda x: x * 3.0": None}
        with pytest.raises(CaptureError, match="could not find"):
            capture(lambda x: eval(next(iter(found)))(x), backend="interpreter", fullgraph=True)(f64(3))
        assert sys.getprofile() is installed
    finally:
        profiler.disable()
    assert profiler.getstats()


def test_dropped_functions_leave_nothing_behind() -> None:
    watched: list[Any] = []

    def once(n: int) -> None:
        net = nn.Linear(3, 3).to(lt.float64)
        x = f64(2, 3)
        f = capture(lambda x: net(x).sum() * float(n), backend="interpreter")
        f(x).backward()
        watched.extend([weakref.ref(net), weakref.ref(f), weakref.ref(x)])

    for n in range(20):
        once(n)
    gc.collect()
    before = len(gc.get_objects())
    for n in range(200):
        once(n)
    gc.collect()
    assert not [w for w in watched if w() is not None]
    watched.clear()
    gc.collect()
    assert len(gc.get_objects()) - before < 200


def test_arguments_are_not_kept() -> None:
    f = capture(lambda x: x * 2.0, backend="interpreter")
    x = f64(3)
    alive = weakref.ref(x)
    f(x)
    del x
    gc.collect()
    assert alive() is None


def test_nothing_in_the_kernel_ir_mentions_c() -> None:
    folder = Path(compiler.__file__).parent / "_kernel"
    files = sorted(folder.glob("*.py"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            words = (
                token.string.replace(".", " ").replace("_", " ").split()
                if token.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)
                else []
            )
            for word in words:
                assert word.strip("\"'`,:;()") not in ("C", "c", "gcc", "clang", "pointer", "printf"), (
                    f"{file.name}:{token.start[0]}: {token.line}"
                )


class Looked:
    def __init__(self) -> None:
        self.factor = 2.0
        self.unread = iter([1, 2])


def test_an_iterator_that_the_program_does_not_name_is_no_obstacle() -> None:
    holder, name = Looked(), "".join(["fac", "tor"])
    f = capture(lambda x: x * getattr(holder, name), backend="interpreter", fullgraph=True)
    np.testing.assert_array_equal(f(f64(3)).numpy(), f64(3).numpy() * 2.0)
    holder.factor = 3.0
    np.testing.assert_array_equal(f(f64(3)).numpy(), f64(3).numpy() * 3.0)
    assert next(holder.unread) == 1


def test_the_collector_is_paused_inside_the_program() -> None:
    # what it finds then, such as a suspended generator to be closed, would run as a part of the program
    compiled = capture(lambda x: x + float(gc.isenabled()), backend="interpreter", fullgraph=True)
    assert gc.isenabled()
    assert compiled(lt.zeros(1)).tolist() == [0.0]
    assert gc.isenabled()
