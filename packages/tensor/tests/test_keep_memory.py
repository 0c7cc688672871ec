"""Freed memory stays with the process on glibc: large arrays made again and again cause no page faults."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, numpy as np
import lamella.tensor as lt
def work():
    for _ in range(50):
        a = lt.ones(1 << 20) + 1.0   # 4 MB each, freed at once
        b = a * 2.0
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep freed memory")


def run(program: str, keep: str | None) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "LAMELLA_KEEP_MB"}
    if keep is not None:
        env["LAMELLA_KEEP_MB"] = keep
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)


def faults(keep: str | None) -> int:
    done = run(PROGRAM, keep)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@glibc
def test_large_arrays_come_without_page_faults():
    assert faults(None) < 100


@glibc
def test_zero_leaves_the_c_library_alone():
    assert faults("0") > 1000, "fewer than arrays times pages, where the system gives huge pages"


def test_a_bound_that_is_no_number_is_refused():
    done = run("import lamella.tensor", "lots")
    assert done.returncode != 0
    assert "LAMELLA_KEEP_MB must be a whole number of megabytes, got 'lots'" in done.stderr
