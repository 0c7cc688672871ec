"""Loads the runtime and compiled units with ctypes.

The runtime is built once per machine into the cache. It reads data pointers straight out of the arrays in a Python
list, so a call costs no Python work per array; where the interpreter keeps its objects is checked against numpy's own
answer at load, and `Runtime.reads_lists` says whether that held.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path

import numpy as np

from lamella.compiler import _cache
from lamella.compiler._toolchain import find_toolchain, machine_identity
from lamella.tensor.extend import follow_num_threads

_HERE = Path(__file__).parent


class _Layout(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("list_items", "type", "data", "nd", "shape", "dtype", "flags")] + [
        ("array_type", ctypes.c_void_p)
    ]


class Expected(ctypes.Structure):
    """What a list must hold at one position (see runtime.c)."""

    _fields_ = [
        ("position", ctypes.c_int64), ("buffer", ctypes.c_int64), ("nd", ctypes.c_int64),
        ("shape", ctypes.c_void_p), ("dtype", ctypes.c_void_p),
    ]  # fmt: skip


class Frame(ctypes.Structure):
    """Everything one call of a compiled graph needs (see runtime.c)."""

    _fields_ = [
        ("data", ctypes.c_void_p), ("scalars", ctypes.c_void_p), ("expected", ctypes.c_void_p),
        ("expected_count", ctypes.c_int64), ("segments", ctypes.c_void_p),
    ]  # fmt: skip


class Runtime:
    """The loaded runtime library."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.address = ctypes.addressof(ctypes.c_char.in_dll(self.library, "lm_the_runtime"))
        self.run = self.library.lm_run
        self.bind = self.library.lm_bind
        for function in (self.run, self.bind):
            function.argtypes = (ctypes.c_void_p, ctypes.py_object)
            function.restype = ctypes.c_int64
        self.step = self.library.lm_step
        self.step.argtypes = (ctypes.c_void_p, ctypes.c_int64)
        self.step.restype = ctypes.c_int64
        self.reads_lists = self._find_layout()
        follow_num_threads(self.library.lm_set_threads)

    def _find_layout(self) -> bool:
        """Tell the runtime where CPython and numpy keep what it reads, and try it."""
        head = object.__basicsize__  # reference count and type
        self.library.lm_set_layout(
            ctypes.byref(_Layout(head + 8, head - 8, head, head + 8, head + 16, head + 40, head + 48, id(np.ndarray)))
        )
        if head != 16 or ctypes.sizeof(ctypes.c_void_p) != 8:
            return False
        probes: list[object] = [np.arange(6.0).reshape(2, 3), np.zeros((), np.int32)]
        shapes = (ctypes.c_int64 * 2)(2, 3)
        address = ctypes.addressof(shapes)
        float64, int32 = id(np.dtype(np.float64)), id(np.dtype(np.int32))
        expected = (Expected * 2)(Expected(0, 0, 2, address, float64), Expected(1, 1, 0, address, int32))
        data = (ctypes.c_void_p * 2)()
        frame = Frame(ctypes.addressof(data), None, ctypes.addressof(expected), 2, None)
        if self.bind(ctypes.addressof(frame), probes) != 0:
            return False
        wanted = [p.ctypes.data for p in probes if isinstance(p, np.ndarray)]
        wrong = [np.zeros((2, 3)).T, probes[1]]
        return list(data) == wanted and self.bind(ctypes.addressof(frame), wrong) == -1


def set_num_threads(n: int) -> None:
    """Use `n` threads (at least 1) in compiled code alone, until lamella.tensor.set_num_threads sets all."""
    if n < 1:
        raise ValueError(f"set_num_threads takes a positive number, got {n}")
    runtime().library.lm_set_threads(n)


def get_num_threads() -> int:
    """The number of threads compiled code uses."""
    return int(runtime().library.lm_get_threads())


def load_unit(source: str) -> ctypes.CDLL:
    """Compile a generated C file, or take it from the cache, and attach it to the runtime."""
    library = ctypes.CDLL(str(_build(source, ())))
    library.lm_attach.argtypes = (ctypes.c_void_p,)
    library.lm_attach.restype = None
    library.lm_attach(runtime().address)
    return library


@functools.cache
def runtime() -> Runtime:
    """The runtime of this process."""
    return Runtime(
        _build((_HERE / "runtime.c").read_text(encoding="utf-8"), () if sys.platform == "win32" else ("-lpthread",))
    )


def _build(source: str, libraries: tuple[str, ...]) -> Path:
    tools = find_toolchain()
    header = _header()
    key = _cache.key_of(source, header, " ".join(tools.flags), tools.identity, machine_identity())
    return _cache.get(key, source, lambda c, so: tools.build([c], so, [_HERE], (*libraries, "-lm")))


@functools.cache
def _header() -> str:
    return (_HERE / "lamella.h").read_text(encoding="utf-8")
