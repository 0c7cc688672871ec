"""Loads the runtime and compiled units with ctypes.

The runtime is built once per machine into the cache. It reads data pointers straight out of the arrays in a Python
list, so a call costs no Python work per array; where the interpreter keeps its objects is checked against numpy's own
answer at load, and `Runtime.reads_lists` says whether that held.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import re
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamella.compiler import _cache
from lamella.compiler._toolchain import find_toolchain, host_target, machine_identity
from lamella.tensor.extend import follow_num_threads, openblas

_HERE = Path(__file__).parent
_RUNTIME = ("runtime.c", "products.c")
_UNIT_WORK = 1 << 18  # multiply-adds that pay for a unit beside the processor
_FIRST = threading.Lock()  # one runtime a process, whichever threads ask for it at once


class _Layout(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("list_items", "type", "data", "nd", "shape", "dtype", "flags")] + [
        ("array_type", ctypes.c_void_p)
    ]


PLAIN, WRITEABLE = 0x101, 0x400  # numpy's flags: C-contiguous and aligned; not read-only


class Expected(ctypes.Structure):
    """What a list must hold at one position (see runtime.c)."""

    _fields_ = [
        ("position", ctypes.c_int64), ("buffer", ctypes.c_int64), ("nd", ctypes.c_int64), ("flags", ctypes.c_int64),
        ("shape", ctypes.c_void_p), ("dtype", ctypes.c_void_p),
    ]  # fmt: skip


class Frame(ctypes.Structure):
    """Everything one call of a compiled graph needs (see runtime.c)."""

    _fields_ = [
        ("data", ctypes.c_void_p), ("scalars", ctypes.c_void_p), ("expected", ctypes.c_void_p),
        ("expected_count", ctypes.c_int64), ("table", ctypes.c_void_p),
    ]  # fmt: skip


# cblas_sgemm and cblas_dgemm as they are called in OpenBLAS of numpy's wheels, other builds of it and MKL, and
# Apple's Accelerate; whether sizes are 64-bit
_PRODUCTS = (
    ("scipy_cblas_sgemm64_", "scipy_cblas_dgemm64_", True),
    ("cblas_sgemm64_", "cblas_dgemm64_", True),
    ("cblas_sgemm$NEWLAPACK$ILP64", "cblas_dgemm$NEWLAPACK$ILP64", True),
    ("scipy_cblas_sgemm", "scipy_cblas_dgemm", False),
    ("cblas_sgemm", "cblas_dgemm", False),
)


@functools.cache
def _numpy_library() -> ctypes.CDLL:
    """numpy's extension module: a symbol asked of it is looked up in the libraries that it needs, too."""
    return ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)


class Blas(NamedTuple):
    """The BLAS that products call: its symbol, whether sizes are 64-bit, and whether it can be held at one thread."""

    symbol: str
    wide: bool
    held: bool

    def pays(self, work: int) -> bool:
        """Whether so many multiply-adds are faster by it than by our own products: Apple's has a unit of its own."""
        return "$NEWLAPACK" in self.symbol and work >= _UNIT_WORK


class Runtime:
    """The loaded runtime library."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.address = ctypes.addressof(ctypes.c_char.in_dll(self.library, "lm_the_runtime"))
        self.run = self.library.lm_run
        # the same without giving the GIL away, which takes longer than a few small kernels do
        self.run_shortly = ctypes.PyDLL(str(path)).lm_run
        self.bind = self.library.lm_bind
        for function in (self.run, self.run_shortly, self.bind):
            function.argtypes = (ctypes.c_void_p, ctypes.py_object)
            function.restype = ctypes.c_int64
        self.walk = self.library.lm_walk
        self.walk.argtypes = (ctypes.c_void_p, ctypes.c_int64)
        self.walk.restype = ctypes.c_int64
        self.loop = self.library.lm_loop
        word, address = ctypes.c_int64, ctypes.c_void_p
        self.loop.argtypes = (address, word, word, address, word, address, word)
        self.loop.restype = word
        self.repeat = self.library.lm_repeat
        self.repeat.argtypes = (address, address, word, address, word, address, address)
        self.repeat.restype = word
        self.reads_lists = self._find_layout()
        self.blas = self._find_blas()
        follow_num_threads(self.library.lm_set_threads)

    def has(self, name: str, home: str) -> bool:
        """Whether there is a library kernel of this name, in an object of its own or in the runtime."""
        return f"LM_ENTRY({name})" in _text("library.c") if home else hasattr(self.library, name)

    def symbol(self, name: str, path: Path | None = None) -> int:
        """The address of a library kernel, in an object of its own or in the runtime."""
        home = self.library if path is None else _opened(path)
        address = ctypes.cast(getattr(home, name), ctypes.c_void_p).value
        if address is None:
            raise AssertionError(f"{name} has no address")
        return address

    def _find_blas(self) -> Blas | None:
        """Give the runtime the products of numpy's BLAS, if they can be found."""
        for single, double, wide in _PRODUCTS:
            if all(hasattr(_numpy_library(), name) for name in (single, double)):
                s, d = (ctypes.cast(getattr(_numpy_library(), name), ctypes.c_void_p) for name in (single, double))
                held = openblas() is not None
                self.library.lm_set_blas(s, d, int(wide), int(held))
                return Blas(single, wide, held)
        return None

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
        expected = (Expected * 2)(Expected(0, 0, 2, PLAIN, address, float64), Expected(1, 1, 0, PLAIN, address, int32))
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


class Loaded:
    """A compiled unit, attached to the runtime: the addresses of the functions of its kernels, or 0 for no total."""

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self.library = ctypes.CDLL(str(path))
        self.library.lm_attach.argtypes = (ctypes.c_void_p,)
        self.library.lm_attach.restype = None
        self.library.lm_attach(runtime().address)
        table = ctypes.c_size_t * count
        kernels, totals = table.in_dll(self.library, "lm_kernels"), table.in_dll(self.library, "lm_totals")
        self.kernels = list(zip(kernels, totals, strict=True))


def key_of_unit(files: list[str]) -> str:
    """The key of the object that C files are compiled to."""
    tools = find_toolchain()
    return _cache.key_of(*files, *map(_headers, files), " ".join(tools.flags), tools.identity, machine_identity())


def build_unit(files: list[str], libraries: tuple[str, ...] = ()) -> Path:
    """The shared object of C files, compiled or taken from the cache."""

    def build(sources: list[Path], made: Path) -> None:
        find_toolchain().build(sources, made, [_HERE], (*libraries, "-lm"))

    return _cache.get(key_of_unit(files), files, build)


def runtime() -> Runtime:
    """The runtime of this process."""
    with _FIRST:
        return _runtime()


@functools.cache
def _runtime() -> Runtime:
    return Runtime(build_unit([_text(name) for name in _RUNTIME], () if sys.platform == "win32" else ("-lpthread",)))


@functools.cache
def _opened(path: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(path))


def library_home(symbol: str, item_bytes: int) -> str:
    """The key of the object with a library kernel for reals of a size; "" for one of the runtime."""
    return "" if hasattr(runtime().library, symbol) else key_of_unit(_library_files(symbol, item_bytes))


def build_library(symbol: str, item_bytes: int) -> Path:
    """The object with a library kernel that is not in the runtime."""
    return build_unit(_library_files(symbol, item_bytes))


def _library_files(symbol: str, item_bytes: int) -> list[str]:
    from lamella.compiler._native._sources import family_of, library_source  # which print C

    text = _text("library.c")
    return [library_source(text, family_of(text, symbol), 8 * item_bytes, host_target())]


@functools.cache
def _text(name: str, folder: Path = _HERE) -> str:
    return (folder / name).read_text(encoding="utf-8")


def _headers(text: str, folder: Path = _HERE) -> str:
    """The headers that C text includes, with those that they include."""
    found = ""
    for name in re.findall(r'^#include "(.+)"$', text, re.MULTILINE):
        home = folder if (folder / name).is_file() else _HERE
        header = _text(name, home)
        found += header + _headers(header, (home / name).parent)
    return found
