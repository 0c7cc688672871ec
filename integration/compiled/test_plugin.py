"""The plugin that re-runs suites compiled, on a sample: it captures, and it says what it did not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rerun(*arguments: str) -> str:
    """The report of one run."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "integration.compiled.plugin"]
    run = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    return run.stdout


def test_a_sample_of_the_optimizers() -> None:
    report = rerun("packages/optim/tests/test_optimizers.py", "--compiled-every", "12")
    captured = re.search(r"captured: (\d+) x step", report)
    assert captured is not None, report
    assert int(captured.group(1)) >= 60
    assert "refused: 0" in report


def test_what_is_refused_is_listed() -> None:
    report = rerun("packages/nn/tests/test_hooks.py", "-k", "test_order_and_removal")
    assert re.search(r"refused: [1-9]", report), report
    assert "log was changed" in report
