"""What a process pays before its first compiled result: no module comes in that no step of it needs."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib.metadata
import sys

scans = []
find = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda *a, **k: scans.append(1) or find(*a, **k)

import lamella.compiler
import lamella.tensor as lt

f = lamella.compiler.compile(lambda x: lt.exp(x) * 2.0 + 1.0)
assert f(lt.zeros(8)).tolist() == [3.0] * 8
heavy = {"xml.sax", "urllib.request", "ssl", "statistics", "lamella.compiler._account", "lamella.compiler._triton"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert not scans, scans
"""


def test_the_first_result_needs_few_modules_and_no_scan() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
