"""The quickstart example for five seeds: the mean test accuracy and the seconds of a run."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile

from benchmarks._bench import Bench
from benchmarks._case import Case, CaseFailed
from benchmarks._machine import ROOT, worker_environment
from benchmarks._row import Measured

__all__ = ["CASES"]

_SCRIPT = ROOT / "examples" / "quickstart.py"
_LAST_LINE = re.compile(r"^test_accuracy=(\d\.\d+) seconds=(\d+(?:\.\d+)?)$")


def _run(seed: int) -> tuple[float, float]:
    """(test accuracy, seconds) of one run."""
    if not _SCRIPT.exists():
        raise CaseFailed(f"{_SCRIPT.relative_to(ROOT)} is not there")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(_SCRIPT), "--seed", str(seed), "--out", folder],
            cwd=ROOT, env=worker_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    last = (done.stdout.strip().splitlines() or [""])[-1]
    found = _LAST_LINE.match(last)
    if found is None:
        why = (done.stderr.strip().splitlines() or [last])[-1]
        raise CaseFailed(f"seed {seed}: the last line is not test_accuracy=... seconds=...: {why}")
    return float(found[1]), float(found[2])


class Seeds(Case):
    """Several whole runs."""

    def measure(self, bench: Bench) -> list[Measured]:
        """Mean accuracy, worst accuracy and mean seconds."""
        runs = [_run(seed) for seed in range(2 if bench.quick else 5)]
        accuracies = [accuracy for accuracy, _ in runs]
        mean = statistics.mean(accuracies)
        seconds = statistics.mean(s for _, s in runs)
        return [
            Measured(
                case=self.name, metric="mean accuracy", unit="", ours=mean, peer=0.98, peer_name="bound",
                limit=1.0, rate=True,
            ),
            Measured(
                case=self.name, metric="least accuracy", unit="", ours=min(accuracies), peer=0.98, peer_name="bound",
                rate=True,
            ),
            Measured(
                case=self.name, metric="time", unit="s", ours=seconds, peer=120.0, peer_name="bound", limit=1.0,
            ),
        ]  # fmt: skip


CASES = [Seeds("digits")]
