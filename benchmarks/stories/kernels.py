"""Generated C for row-wise kernels over 4096 x 1024 float32, beside the peer's eager kernels and beside copying.

A kernel reads one array and writes one, so copying an array of the same size is the bound of the memory: the best of
the peer's `copy_` and of a memcpy split over our own threads. The demand is met by either row: at most 0.7 of the
peer's time, or at least 0.8 of the copy's bandwidth (a ratio of at most 1.25).

Every call returns a fresh array, as eager code does. Whether glibc then takes the pages of the last result again or
asks the system for new ones (several times the kernel's own time) depends on what else the process did before: all
sides are told to keep freed memory, so that none is timed on the system's page faults.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import Case, Setup
from benchmarks._machine import THREADS
from benchmarks._row import Measured

__all__ = ["CASES"]

_ROWS, _COLS = 4096, 1024
_BYTES = 2 * _ROWS * _COLS * 4  # one read and one write
_PEER_LIMIT = 0.7
_COPY_LIMIT = 1 / 0.8


def _ours(name: str) -> Setup:
    def setup() -> dict[str, Any]:
        import lamella.compiler
        import lamella.tensor as lt

        x, weight, bias = lt.randn(_ROWS, _COLS), lt.randn(_COLS), lt.randn(_COLS)
        functions: dict[str, Callable[[Any], Any]] = {
            "softmax": lambda x: lt.softmax(x, -1),
            "layer_norm": lambda x: lt.layer_norm(x, (_COLS,), weight, bias),
            "gelu": lambda x: lt.gelu(x),
        }
        return {"kernel": lamella.compiler.compile(functions[name]), "x": x}

    return setup


def _torch(name: str) -> Setup:
    def setup() -> dict[str, Any]:
        import torch
        from torch.nn import functional

        x, weight, bias = torch.randn(_ROWS, _COLS), torch.randn(_COLS), torch.randn(_COLS)
        functions: dict[str, Callable[[Any], Any]] = {
            "softmax": lambda x: torch.softmax(x, -1),
            "layer_norm": lambda x: functional.layer_norm(x, (_COLS,), weight, bias),
            "gelu": lambda x: functional.gelu(x),
        }
        return {"kernel": functions[name], "x": x}

    return setup


def _torch_copy() -> dict[str, Any]:
    import torch

    torch.set_num_threads(THREADS)
    x = torch.randn(_ROWS, _COLS)
    return {"kernel": torch.empty_like(x).copy_, "x": x}


def _memcpy() -> dict[str, Any]:
    import numpy as np

    source = np.ones((_ROWS, _COLS), np.float32)
    target = np.zeros_like(source)
    part = source.nbytes // THREADS
    pool = ThreadPoolExecutor(THREADS - 1)

    def move(i: int) -> None:
        # ctypes gives the interpreter lock back while the C function runs
        ctypes.memmove(target.ctypes.data + i * part, source.ctypes.data + i * part, part)

    def copy(_: object) -> None:
        others = [pool.submit(move, i) for i in range(1, THREADS)]
        move(0)
        for other in others:
            other.result()

    return {"kernel": copy, "x": source}


class Kernel(Case):
    """Ours, the peer's, and two ways to copy, in turns."""

    environment: Mapping[str, str] = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(1 << 30))

    def __init__(self, name: str) -> None:
        sides = {"ours": _ours(name), "torch": _torch(name), "torch-copy": _torch_copy, "memcpy": _memcpy}
        super().__init__(name, "kernel(x)", sides)

    def measure(self, bench: Bench) -> list[Measured]:
        """Two rows, each ok when one of them keeps its limit."""
        seconds = bench.race(self)
        copy = min("torch-copy", "memcpy", key=seconds.__getitem__)
        rate = {side: _BYTES / value / 1e9 for side, value in seconds.items()}
        met = seconds["ours"] / seconds["torch"] <= _PEER_LIMIT or rate[copy] / rate["ours"] <= _COPY_LIMIT
        return [
            Measured(
                case=self.name, metric="time", unit="ms", ours=seconds["ours"] * 1e3, peer=seconds["torch"] * 1e3,
                peer_name=bench.torch_name, limit=_PEER_LIMIT, met=met,
            ),
            Measured(
                case=self.name, metric="bandwidth", unit="GB/s", ours=rate["ours"], peer=rate[copy],
                peer_name=copy, limit=_COPY_LIMIT, rate=True, met=met,
            ),
        ]  # fmt: skip


CASES = [Kernel("softmax"), Kernel("layer_norm"), Kernel("gelu")]
