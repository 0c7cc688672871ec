"""set_num_threads: BLAS, our pool and whoever follows take the same number; the report of the environment tells it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor import _blas, _environment
from lamella.tensor._random import _parallel
from lamella.tensor.extend import follow_num_threads

OPENBLAS = _blas.openblas()
needs_openblas = pytest.mark.skipif(OPENBLAS is None, reason="numpy came with a BLAS that cannot be told")


@pytest.fixture(autouse=True)
def _given_back() -> Any:
    before = lt.get_num_threads()
    yield
    lt.set_num_threads(before)


def _program(text: str, **variables: str) -> str:
    env = {k: v for k, v in os.environ.items() if not k.endswith(("NUM_THREADS", "HASHSEED"))}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=env | variables, check=True)
    return done.stdout.strip()


@needs_openblas
def test_products_use_as_many_threads_as_were_set() -> None:
    # the threads' own clocks say who works; in a process of its own, where nothing else runs
    program = (
        "import numpy as np, time, lamella.tensor as lt\n"
        "def others():\n"
        "    process, own = time.process_time(), time.thread_time()\n"
        "    for _ in range(8): a @ a\n"
        "    process, own = time.process_time() - process, time.thread_time() - own\n"
        "    return (process - own) / process\n"
        "a = np.ones((600, 600))\n"
        "lt.set_num_threads(2); a @ a; print(others() > 0.2)\n"
        "lt.set_num_threads(1); a @ a; time.sleep(0.1); print(others() < 0.1)\n"
    )
    assert _program(program).split() == ["True", "True"]


@needs_openblas
def test_blas_is_told() -> None:
    assert OPENBLAS is not None
    for count in (1, 3, 2):
        lt.set_num_threads(count)
        assert OPENBLAS.get() == lt.get_num_threads() == count


@needs_openblas
def test_a_number_set_while_kernels_hold_blas_counts_afterwards() -> None:
    assert OPENBLAS is not None
    lt.set_num_threads(2)
    with _blas.one_thread(OPENBLAS):
        lt.set_num_threads(3)
        assert OPENBLAS.get() == 1, "a kernel's ranges count on products of one thread"
        with _blas.one_thread(OPENBLAS):
            pass
        assert OPENBLAS.get() == 1
    assert OPENBLAS.get() == 3


def test_the_pool_follows() -> None:
    for count in (1, 2, 3):
        lt.set_num_threads(count)
        seen: set[int] = set()
        gate = threading.Barrier(count)

        def body(start: int, stop: int, gate: threading.Barrier = gate, seen: set[int] = seen) -> None:
            gate.wait(10)  # all parts at once, or never
            seen.add(threading.get_ident())

        _parallel.split(count * 4, 1, body)
        assert len(seen) == count


def test_what_a_range_raises_comes_to_the_caller_when_all_have_ended() -> None:
    lt.set_num_threads(3)
    for failing in (0, 1, 2):
        running = [0]

        def body(start: int, stop: int, failing: int = failing, running: list[int] = running) -> None:
            running[0] += 1
            try:
                if start == failing:
                    raise LookupError(f"range {start}")
            finally:
                running[0] -= 1

        with pytest.raises(LookupError, match=f"range {failing}"):
            _parallel.split(3, 1, body)
        assert running == [0]


def test_ranges_within_a_range() -> None:
    lt.set_num_threads(2)
    seen: list[tuple[int, int]] = []

    def outer(start: int, stop: int) -> None:
        _parallel.split(4, 1, lambda low, high: seen.append((start, low)))

    for _ in range(50):  # helpers that wait for each other would wait for ever
        seen.clear()
        _parallel.split(2, 1, outer)
        assert sorted(seen) == [(0, 0), (0, 2), (1, 0), (1, 2)]


def test_callers_of_many_threads_share_the_helpers() -> None:
    lt.set_num_threads(3)
    totals = [0] * 4

    def call(k: int) -> None:
        for _ in range(200):
            done: list[int] = []

            def body(low: int, high: int, done: list[int] = done) -> None:
                done.append(high - low)

            _parallel.split(6, 1, body)
            totals[k] += sum(done)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [1200] * 4


def test_a_job_keeps_nothing_alive() -> None:
    lt.set_num_threads(2)
    x = lt.ones(1 << 20)
    memory = weakref.ref(x._data)
    y = x.sigmoid()
    del x
    assert memory() is None
    assert y.shape == (1 << 20,)


def test_a_build_of_blas_that_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [] if OPENBLAS is None else [OPENBLAS.get()]
    monkeypatch.setattr(_blas, "openblas", lambda: None)
    lt.set_num_threads(5)
    assert lt.get_num_threads() == 5
    assert told == ([] if OPENBLAS is None else [OPENBLAS.get()])
    assert "threads as its own variables say" in lt.environment()


def test_followers() -> None:
    seen: list[int] = []
    lt.set_num_threads(2)
    follow_num_threads(seen.append)
    try:
        lt.set_num_threads(3)
        assert seen == [2, 3]
    finally:
        _parallel._followers.remove(seen.append)


@pytest.mark.parametrize(
    ("count", "error", "match"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-3, ValueError, "got -3"),
        (2.0, TypeError, "set_num_threads: count must be an int, got 2.0"),
        ("2", TypeError, "count must be an int, got '2'"),
    ],
)
def test_bad_numbers(count: Any, error: Any, match: str) -> None:
    before = lt.get_num_threads()
    with pytest.raises(error, match=match):
        lt.set_num_threads(count)
    assert lt.get_num_threads() == before


@pytest.mark.parametrize(("value", "expected"), [("1", "1"), ("3,2", "3"), ("0", None), ("many", None), ("", None)])
def test_the_number_at_the_start(value: str, expected: str | None) -> None:
    text = "import lamella.tensor as lt; print(lt.get_num_threads())"
    assert _program(text, OMP_NUM_THREADS=value) == (expected or str(_parallel._usable_cpus()))


def test_the_report_names_what_a_bug_report_needs() -> None:
    rows = dict(line.split(maxsplit=1) for line in lt.environment().splitlines())
    assert rows["lamella.tensor"] == lt.__version__
    assert rows["numpy"] == np.__version__
    assert rows["Python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert {"OS", "CPU", "memory", "BLAS", "threads", "ml_dtypes", "safetensors", "lamella.interfaces"} <= rows.keys()
    assert rows["threads"].startswith(str(lt.get_num_threads()))
    if OPENBLAS is not None:
        assert f"core {OPENBLAS.core().decode()}, {OPENBLAS.get()} threads" in rows["BLAS"]


def test_the_report_names_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in _environment._PATHS:
        monkeypatch.setenv(name, str(tmp_path / "private"))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    report = lt.environment()
    assert "private" not in report
    assert str(Path.home()) not in report
    assert str(Path(lt.__file__).parent) not in report
    assert "OMP_NUM_THREADS 7" in " ".join(report.split())
    assert report.count("  set\n") + report.endswith("  set") == len(_environment._PATHS)


def test_the_module_prints_the_report() -> None:
    done = subprocess.run([sys.executable, "-m", "lamella.tensor"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].split()[0].startswith("lamella.")
    assert not done.stderr


def test_helpers_are_silent_about_inf_and_nan() -> None:
    from lamella.tensor._random._pool import Pool

    states: list[dict[str, str]] = []
    started = threading.Barrier(2)

    def look(start: int, stop: int) -> None:
        started.wait(10)  # the caller and a helper, at once
        states.append(dict(np.geterr()))

    pool = Pool(1)
    pool.run(look, [(0, 1), (1, 2)])
    pool.close()
    assert len(states) == 2
    assert all(set(state.values()) == {"ignore"} for state in states)
