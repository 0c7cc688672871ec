"""How long the imports take, with bytecode cached, each import statement in a fresh process.

The clock starts and stops inside the process, around the import statement: starting Python costs both sides the same.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks._bench import Bench
from benchmarks._case import Case, CaseFailed
from benchmarks._machine import ROOT, worker_environment
from benchmarks._row import Measured

__all__ = ["CASES"]

_OURS = "lamella.tensor, lamella.autograd, lamella.nn, lamella.optim"


def _seconds(*statements: str) -> list[float]:
    """Seconds that each statement takes in one fresh process, in order."""
    lines = ["import time", "clock = time.perf_counter", "marks = [clock()]"]
    for statement in statements:
        lines += [statement, "marks.append(clock())"]
    lines.append("print(*(b - a for a, b in zip(marks, marks[1:])))")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT, env=worker_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CaseFailed(f"{statements[-1]}: {done.stderr.strip().splitlines()[-1]}")
    return [float(text) for text in done.stdout.split()]


class Imports(Case):
    """One set of runs, in turns, gives both demands."""

    def measure(self, bench: Bench) -> list[Measured]:
        """Two rows: milliseconds added to numpy's import, and the total as a share of the peer's."""
        ours = ("import numpy", f"import {_OURS}")
        peer = ("import torch",)
        for statements in (ours, peer):
            _seconds(*statements)  # writes bytecode and fills the file cache
        numpy_ms, added_ms, torch_ms = [], [], []
        for _ in range(7 if bench.quick else 21):
            first, second = _seconds(*ours)
            numpy_ms.append(first * 1e3)
            added_ms.append(second * 1e3)
            torch_ms.append(_seconds(*peer)[0] * 1e3)
        added = statistics.median(added_ms)
        total = statistics.median(a + b for a, b in zip(numpy_ms, added_ms, strict=True))
        torch = statistics.median(torch_ms)
        rows = [
            ("added", "over import numpy", added, 40.0, "bound", 1.0),
            ("total", "time", total, torch, bench.torch_name, 0.12),
            ("numpy", "time", statistics.median(numpy_ms), torch, bench.torch_name, None),
        ]
        return [
            Measured(case=name, metric=metric, unit="ms", ours=value, peer=peer_ms, peer_name=peer_name, limit=limit)
            for name, metric, value, peer_ms, peer_name, limit in rows
        ]


CASES = [Imports("imports")]
