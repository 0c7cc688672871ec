"""Runs the sides of a case in processes of their own and takes turns between them.

A side is suspended, with all processes it started, while another measures: the worker threads of both BLAS libraries
keep spinning for a while after a call, and the workers of loaders read ahead, on the processors that the other side is
timed on. Each turn begins with a block that does not count; the result is the median over the blocks of all turns.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any

from benchmarks._case import Case, CaseFailed
from benchmarks._machine import ROOT, worker_environment

__all__ = ["Bench", "Side"]


class Side:
    """A measuring process, suspended except while it is asked something."""

    def __init__(self, story: str, case: Case, side: str, extra: Mapping[str, str]) -> None:
        import psutil  # here, so that stories can be listed where it is not installed

        self._what = f"{story}/{case.name} ({side})"
        self._statement = case.statement
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._worker", story, case.name, side],
            cwd=ROOT, env={**worker_environment(), **case.environment, **extra}, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._handle = psutil.Process(self._process.pid)
        self._children: list[Any] = []
        self._gone = psutil.NoSuchProcess
        self._read()
        self._suspend()

    def __enter__(self) -> Side:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._resume()
            self._process.terminate()
        self._process.communicate()

    def _suspend(self) -> None:
        self._handle.suspend()  # first, so that it starts no more of them
        self._children = self._handle.children(recursive=True)
        for child in self._children:
            with suppress(self._gone):
                child.suspend()

    def _resume(self) -> None:
        for process in (*self._children, self._handle):
            with suppress(self._gone):
                process.resume()

    def _read(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        _, errors = self._process.communicate()
        last = errors.strip().splitlines()[-1:] or [f"it ended with status {self._process.returncode}"]
        raise CaseFailed(f"{self._what}: {last[0]}")

    def _ask(self, request: object) -> object:
        assert self._process.stdin is not None
        self._resume()
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        self._suspend()
        return answer

    def time(self, number: int, blocks: int, statement: str = "") -> list[float]:
        """Seconds a call of a statement (the case's own by default), for each of `blocks` blocks of `number` calls."""
        times = self._ask({"time": [number, blocks], "statement": statement or self._statement})
        assert isinstance(times, list)
        return times

    def value(self, expression: str = "") -> float:
        """The value of an expression (the case's statement by default)."""
        value = self._ask({"call": expression or self._statement})
        assert isinstance(value, float)
        return value


class Bench:
    """How thoroughly a story is measured."""

    def __init__(self, story: str, quick: bool) -> None:
        self.story = story
        self.quick = quick
        self.turns = 5 if quick else 15
        self.blocks = 3 if quick else 5
        self.block_seconds = 0.003 if quick else 0.01

    @property
    def torch_name(self) -> str:
        """The peer with its version."""
        return self.name_of("torch")

    def name_of(self, peer: str) -> str:
        """A peer with the version of its library: "torch", "torch-compile" or "jax"."""
        library = peer.partition("-")[0]
        try:
            return f"{peer} {version(library)}"
        except PackageNotFoundError:
            raise CaseFailed(f"{library} is not installed: run this with nox -s bench") from None

    def race(self, case: Case) -> dict[str, float]:
        """Median seconds of a call for each side of the case, in turns."""
        return next(self.races(case, [case.statement]))

    def race_and_ask(
        self, case: Case, questions: Mapping[str, Sequence[str]]
    ) -> tuple[dict[str, float], dict[str, list[float]]]:
        """`race`, and afterwards the values of expressions in the processes of some sides."""
        with self._open(case) as sides:
            seconds = self._take_turns(sides, case.statement)
            return seconds, {name: [sides[name].value(q) for q in asked] for name, asked in questions.items()}

    @contextmanager
    def _open(self, case: Case) -> Iterator[dict[str, Side]]:
        with ExitStack() as stack:
            yield {name: stack.enter_context(Side(self.story, case, name, {})) for name in case.sides}

    def _take_turns(self, sides: Mapping[str, Side], statement: str) -> dict[str, float]:
        numbers = {name: self._calibrate(side, statement) for name, side in sides.items()}
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(self.turns):
            for name, side in sides.items():
                times[name].extend(side.time(numbers[name], self.blocks + 1, statement)[1:])
        return {name: statistics.median(values) for name, values in times.items()}

    def races(self, case: Case, statements: Iterable[str]) -> Iterator[dict[str, float]]:
        """The same for several statements, one after the other, in one process a side."""
        with self._open(case) as sides:
            for statement in statements:
                yield self._take_turns(sides, statement)

    def probe(self, case: Case, side: str, turns: Sequence[Mapping[str, str]]) -> float:
        """Median of the statement's value over fresh processes, one for each mapping of extra environment variables."""
        values = []
        for extra in turns:
            with Side(self.story, case, side, extra) as one:
                values.append(one.value())
        return statistics.median(values)

    def _calibrate(self, side: Side, statement: str) -> int:
        side.time(1, 2, statement)  # what happens once is not measured
        number = 1
        while True:
            seconds = min(side.time(number, 1, statement)) * number
            if seconds >= self.block_seconds / 2:
                return max(1, round(number * self.block_seconds / seconds))
            number = max(number * 2, min(number * 10, int(number * self.block_seconds / max(seconds, 1e-9))))
