"""Long programs and many tensors: what a walk of 100,000 nodes costs, and what stays behind.

Memory is what the process itself holds (its resident set) after the work less before it, with the garbage collector
off: whatever is left was held by a cycle or a leak. The work is done once before it counts, so that allocators and lazy
imports have what they keep.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from benchmarks._case import Probe, Race

__all__ = ["CASES"]

_CHAIN = 100_000
_TENSORS = 1_000_000


def _left_bytes(work: Callable[[], None]) -> Callable[[], float]:
    import psutil

    process = psutil.Process()

    def left() -> float:
        work()
        gc.collect()
        gc.disable()
        before = int(process.memory_info().rss)
        work()
        after = int(process.memory_info().rss)
        gc.enable()
        return max(0.0, (after - before) / 1e6)

    return left


def _our_chain() -> dict[str, Any]:
    import lamella.tensor as lt

    x = lt.tensor([1.0, 2.0], requires_grad=True)

    def chain() -> None:
        y = x
        for _ in range(_CHAIN):
            y = y + 1.0
        y.sum().backward()
        x.grad = None

    return {"chain": chain, "left": _left_bytes(chain)}


def _torch_chain() -> dict[str, Any]:
    import torch

    x = torch.tensor([1.0, 2.0], requires_grad=True)

    def chain() -> None:
        y = x
        for _ in range(_CHAIN):
            y = y + 1.0
        y.sum().backward()
        x.grad = None

    return {"chain": chain}


def _many() -> dict[str, Any]:
    import lamella.tensor as lt

    x = lt.tensor([1.0, 2.0], requires_grad=True)

    def work() -> None:
        for _ in range(_TENSORS // 100):
            kept = [x * float(i) for i in range(99)]
            sum(kept[1:], kept[0]).sum()

    return {"left": _left_bytes(work)}


CASES = [
    Race("chain-100000", "chain()", ours=_our_chain, torch=_torch_chain, limit=None, unit="ms"),
    Probe("chain-left", "left()", ours=_our_chain, metric="left behind", unit="MB", bound=8.0),
    Probe("tensors-left", "left()", ours=_many, metric="left behind", unit="MB", bound=8.0, processes=3),
]
