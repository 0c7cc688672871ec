"""Compiles the suite of programs with the compiler that $CC names, runs them, and compares with the interpreter.

`nox -s sanitize` calls it with warnings as errors and with the sanitizers, whose findings end the process. With
`--faulty` it compiles and calls a function that is wrong, which comes to its end only where nobody looks.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import program_suite

from lamella.compiler.executor import compile_graph
from lamella.graph import interpret


def check(name: str) -> None:
    """Run one program compiled and interpreted; AssertionError where results differ."""
    graph = program_suite.graph(name)
    given = program_suite.inputs(graph)
    with np.errstate(all="ignore"):
        want = interpret(graph)(given)
    for number, (g, w) in enumerate(zip(compile_graph(graph)(given), want, strict=True)):
        program_suite.agree(g, w, f"{name}: result {number}")


FAULTY = """
#include <pthread.h>
static int unused_function(void) { return 1; }
static void *count(void *at) {
    for (int i = 0; i < 1000; i++) ++*(volatile int *)at;
    return 0;
}
int wrong(int far) {
    int a[4] = {1, 2, 3, 4};
    volatile int *p = a;
    pthread_t other;
    if (pthread_create(&other, 0, count, a)) return 0;
    count(a);
    pthread_join(other, 0);
    return p[far] + (1 << (8 * far));
}
"""


def call_faulty() -> None:
    """Race over an array, read beyond it and shift too far, in a function compiled by $CC that also has a warning."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "faulty.c", Path(folder) / "faulty.so"
        source.write_text(FAULTY, encoding="utf-8")
        subprocess.run([*shlex.split(os.environ["CC"]), "-pthread", "-shared", "-fPIC", source, "-o", made], check=True)
        ctypes.CDLL(str(made)).wrong(5)


def main(names: list[str]) -> int:
    """All programs of the suite, or those that are named."""
    if names == ["--faulty"]:
        call_faulty()
        return 0
    for name in names or list(program_suite.SUITE):
        check(name)
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
