"""Compiled row-wise programs over 4096 x 1024 float32, beside the peer's eager kernels and beside copying.

A program is a forward pass, or one forward and one backward in the same call. The forward reads one array and writes
one, the backward as well, so copying arrays of the same size is the bound of the memory: the best of the peer's `copy_`
and of a memcpy split over our own threads. The demand is met by either row: at most 0.6 of the peer's time, or at least
0.8 of the copy's bandwidth (a ratio of at most 1.25). A small program is a chain of a hundred over 64 x 64 within one
compiled call; it is met by the first row alone.

Every call returns fresh arrays, as eager code does. Whether glibc then takes the pages of the last result again or
asks the system for new ones (several times the kernel's own time) depends on what else the process did before: all
sides are told to keep freed memory, so that none is timed on the system's page faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import Case, Race, Setup
from benchmarks._copy import threaded_copy
from benchmarks._row import Measured
from benchmarks.models import library

__all__ = ["CASES"]

_ROWS, _COLS = 4096, 1024
_BYTES = 2 * _ROWS * _COLS * 4  # one read and one write
_SMALL, _REPEATS = 64, 100
_TENSORS = 50
_PEER_LIMIT = 0.6
_COPY_LIMIT = 1 / 0.8

Function = Callable[[Any], Any]


def _functions(on: Any, columns: int, rows: int) -> dict[str, Function]:
    functional, lib = on.functional, on.lib
    weight, bias = lib.randn(columns), lib.randn(columns)
    targets = lib.randint(0, columns, (rows,))
    return {
        "softmax": lambda x: functional.softmax(x, -1),
        "log_softmax": lambda x: functional.log_softmax(x, -1),
        "layer_norm": lambda x: functional.layer_norm(x, (columns,), weight, bias),
        "rms_norm": lambda x: functional.rms_norm(x, (columns,), weight),
        "batch_norm": lambda x: functional.batch_norm(x, None, None, weight, bias, training=True),
        "gelu": lambda x: functional.gelu(x),
        "cross_entropy": lambda x: functional.cross_entropy(x, targets),
        "dropout": lambda x: functional.dropout(x, 0.1),
    }


def _with_backward(on: Any, function: Function, x: Any) -> Callable[[Any], Any]:
    """The results and the gradient of x, for a cotangent of ones that is made once."""
    x.requires_grad_()
    g = on.lib.ones_like(function(x).detach())

    def both(x: Any) -> Any:
        y = function(x)
        return y.detach(), on.grad(y, x, g)[0]

    return both


def _on(name: str) -> Any:
    on = library(name)
    if name == "torch":
        import torch

        on.grad = torch.autograd.grad
    else:
        import lamella.autograd

        on.grad = lamella.autograd.grad
    return on


def _compiled(name: str, function: Function) -> Function:
    if name == "torch":
        return function
    import lamella.compiler

    return lamella.compiler.compile(function)  # type: ignore[no-any-return]


def _kernel(name: str, case: str, backward: bool) -> dict[str, Any]:
    on = _on(name)
    x = on.lib.randn(_ROWS, _COLS)
    function = _functions(on, _COLS, _ROWS)[case]
    kernel = _compiled(name, _with_backward(on, function, x) if backward else function)
    return {"kernel": kernel, "x": x}


def _chain(name: str, case: str) -> dict[str, Any]:
    on = _on(name)
    function = _functions(on, _SMALL, _SMALL)[case]

    def chain(x: Any) -> Any:
        for _ in range(_REPEATS):
            y = function(x)
            x = x + y if y.ndim == 0 else y  # a loss has no rows to go on with
        return x

    return {"f": _compiled(name, chain), "x": on.lib.randn(_SMALL, _SMALL)}


def _adamw(name: str) -> dict[str, Any]:
    on = _on(name)
    parameters = [on.nn.Parameter(on.lib.randn(_ROWS * _COLS // _TENSORS)) for _ in range(_TENSORS)]
    for p in parameters:
        p.grad = on.lib.randn(*p.shape)
    optimizer = on.optim.AdamW(parameters, lr=1e-3)
    step = _compiled(name, lambda _: optimizer.step())
    return {"kernel": step, "x": None}


def _torch_copy() -> dict[str, Any]:
    import torch

    x = torch.randn(_ROWS, _COLS)
    return {"kernel": torch.empty_like(x).copy_, "x": x}


def _memcpy() -> dict[str, Any]:
    copy = threaded_copy(_BYTES // 2)
    return {"kernel": lambda _: copy(), "x": None}


class Kernel(Case):
    """One program beside the peer's kernels and beside copies; `passes` reads and writes of the array count."""

    # glibc's words for: never map large blocks on their own, never give the top of the heap back
    environment: Mapping[str, str] = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(1 << 30))

    def __init__(self, name: str, make: Callable[[str], dict[str, Any]], passes: float) -> None:
        sides: dict[str, Setup] = {"ours": partial(make, "lamella"), "torch": partial(make, "torch")}
        super().__init__(name, "kernel(x)", {**sides, "torch-copy": _torch_copy, "memcpy": _memcpy})
        self.moved = passes * _BYTES

    def measure(self, bench: Bench) -> list[Measured]:
        """Two rows, each ok when one of them keeps its limit."""
        seconds = bench.race(self)
        copy = min("torch-copy", "memcpy", key=seconds.__getitem__)
        ours, copied = self.moved / seconds["ours"] / 1e9, _BYTES / seconds[copy] / 1e9
        met = seconds["ours"] / seconds["torch"] <= _PEER_LIMIT or copied / ours <= _COPY_LIMIT
        return [
            Measured(
                case=self.name, metric="time", unit="ms", ours=seconds["ours"] * 1e3, peer=seconds["torch"] * 1e3,
                peer_name=bench.torch_name, limit=_PEER_LIMIT, met=met,
            ),
            Measured(
                case=self.name, metric="bandwidth", unit="GB/s", ours=ours, peer=copied,
                peer_name=copy, limit=_COPY_LIMIT, rate=True, met=met,
            ),
        ]  # fmt: skip


_NAMES = ("softmax", "log_softmax", "layer_norm", "rms_norm", "batch_norm", "gelu", "cross_entropy", "dropout")


def _large(name: str, backward: bool) -> Kernel:
    def make(side: str) -> dict[str, Any]:
        return _kernel(side, name, backward)

    # a loss reads the array and writes one number
    passes = (2.0 if backward else 1.0) - (0.5 if name == "cross_entropy" else 0.0)
    return Kernel(f"{name}-backward" if backward else name, make, passes)


def _small(name: str) -> Race:
    ours, torch = partial(_chain, "lamella", name), partial(_chain, "torch", name)
    return Race(f"{name}-small", "f(x)", ours=ours, torch=torch, limit=_PEER_LIMIT)


CASES: list[Case] = [
    *(_large(name, backward) for name in _NAMES for backward in (False, True)),
    Kernel("adamw-50", _adamw, 3.5),  # four arrays read, three written
    *(_small(name) for name in _NAMES),
]
