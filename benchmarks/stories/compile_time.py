"""What compiling costs: at the first call, in a second process, and at every call.

The compile cache is a folder of its own for each case, empty at the start. The guards of a model are the time of a call
of a compiled model of 150 modules that has a single op to run, less the time of a call of that op compiled alone.
Tracing is the first call with the interpreter as backend: trace, passes, guards, and one run of the graph in Python.
The first step of training of whole networks stands beside that of torch.compile, which has an empty cache too.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import Bound, Case, Setup
from benchmarks._row import Measured
from benchmarks.models import training_step

__all__ = ["CASES"]

_CACHE, _TORCH_CACHE = "LAMELLA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"
_MODULES = 150


def _ten_ops(x: Any) -> Any:
    y = (x * 2.0 + 1.0).tanh()
    z = (y * x - 0.5).sigmoid()
    return (z * y + x).exp() / (z + 1.5)


def _small() -> dict[str, Any]:
    import lamella.compiler
    import lamella.tensor as lt

    return {"f": lamella.compiler.compile(_ten_ops), "x": lt.randn(8)}


def _first_call() -> dict[str, Any]:
    import lamella.compiler
    import lamella.tensor as lt

    x = lt.randn(8)
    compiler = lamella.compiler

    def seconds() -> float:
        started = time.perf_counter()
        compiler.compile(_ten_ops)(x)
        return time.perf_counter() - started

    return {"seconds": seconds}


def _model() -> dict[str, Any]:
    import lamella.compiler
    import lamella.tensor as lt
    from lamella import nn

    class Gate(nn.Module):
        """Does nothing, unless switched on."""

        def __init__(self) -> None:
            super().__init__()
            self.on = False

        def forward(self, x: Any) -> Any:
            return x + 1.0 if self.on else x

    class Model(nn.Module):
        """Gates, and one op."""

        def __init__(self) -> None:
            super().__init__()
            self.gates = nn.Sequential(*[Gate() for _ in range(_MODULES - 2)])

        def forward(self, x: Any) -> Any:
            return self.gates(x) * 2.0

    return {"f": lamella.compiler.compile(Model()), "x": lt.randn(8)}


def _one_op() -> dict[str, Any]:
    import lamella.compiler
    import lamella.tensor as lt

    return {"f": lamella.compiler.compile(lambda x: x * 2.0), "x": lt.randn(8)}


class Guards(Case):
    """A call of the model less a call of its only op."""

    def __init__(self, name: str, bound_us: float) -> None:
        super().__init__(name, "f(x)", {"model": _model, "op": _one_op})
        self.bound_us = bound_us

    def measure(self, bench: Bench) -> list[Measured]:
        """One row over the bound."""
        seconds = bench.race(self)
        return [
            Measured(
                case=self.name, metric="time", unit="us", ours=(seconds["model"] - seconds["op"]) * 1e6,
                peer=self.bound_us, peer_name="bound", limit=1.0,
            )
        ]  # fmt: skip


def _first_step(model: str) -> dict[str, Any]:
    import lamella.compiler

    step = training_step(model, "lamella")
    compiler = lamella.compiler

    def seconds() -> float:
        started = time.perf_counter()
        compiler.compile(step)()
        return time.perf_counter() - started

    return {"seconds": seconds}


def _torch_step(model: str) -> dict[str, Any]:
    import torch

    step = training_step(model, "torch", torch.compile)

    def seconds() -> float:
        started = time.perf_counter()
        step()
        return time.perf_counter() - started

    return {"seconds": seconds}


class FirstCall(Case):
    """Compile and first call in fresh processes, with an empty cache folder or with one that another process filled.

    With a peer, its first call with an empty cache of its own stands in a second row.
    """

    def __init__(
        self,
        name: str,
        bound_ms: float,
        *,
        filled: bool,
        ours: Setup = _first_call,
        peer: Setup | None = None,
        processes: int = 7,
    ) -> None:
        super().__init__(name, "seconds()", {"ours": ours} | ({} if peer is None else {"torch": peer}))
        self.bound_ms = bound_ms
        self.filled = filled
        self.processes = processes

    def measure(self, bench: Bench) -> list[Measured]:
        """One row over the bound."""
        with tempfile.TemporaryDirectory() as folder:

            def cache(name: str) -> dict[str, str]:
                return {variable: os.path.join(folder, name) for variable in (_CACHE, _TORCH_CACHE)}

            count = min(3, self.processes) if bench.quick else self.processes
            if self.filled:
                bench.probe(self, "ours", [cache("one")])
                turns = [cache("one")] * count
            else:
                turns = [cache(str(i)) for i in range(count)]
            seconds = bench.probe(self, "ours", turns)
            peer = bench.probe(self, "torch", [cache("torch")]) if "torch" in self.sides else None
        row = Measured(
            case=self.name, metric="time", unit="ms", ours=seconds * 1e3,
            peer=self.bound_ms, peer_name="bound", limit=1.0,
        )  # fmt: skip
        if peer is None:
            return [row]
        name = bench.name_of("torch-compile")
        return [row, replace(row, peer=peer * 1e3, peer_name=name, limit=None)]


def _chain(count: int) -> Any:
    import lamella.compiler
    import lamella.tensor as lt

    x = lt.randn(8)
    compiler = lamella.compiler

    def seconds() -> float:
        def chain(x: Any) -> Any:
            for i in range(count // 2):
                x = x * 0.5 + float(i % 7)
            return x

        started = time.perf_counter()
        compiler.compile(chain, backend="interpreter")(x)
        return (time.perf_counter() - started) / count

    return {"seconds": seconds}


class Tracing(Case):
    """Trace and passes an op, for a long program and for one a tenth as long."""

    def __init__(self, name: str, bound_us: float, slope: float) -> None:
        super().__init__(name, "seconds()", {"long": lambda: _chain(5000), "short": lambda: _chain(500)})
        self.bound_us = bound_us
        self.slope = slope

    def measure(self, bench: Bench) -> list[Measured]:
        """Microseconds an op over the bound, and over those of the short program: about 1 when time is linear."""
        turns: list[dict[str, str]] = [{}] * (3 if bench.quick else 7)
        long, short = (bench.probe(self, side, turns) * 1e6 for side in ("long", "short"))
        return [
            Measured(
                case=self.name, metric="time an op", unit="us", ours=long, peer=self.bound_us, peer_name="bound",
                limit=1.0,
            ),
            Measured(
                case=self.name, metric="growth", unit="us", ours=long, peer=short, peer_name="500 ops",
                limit=self.slope,
            ),
        ]  # fmt: skip


CASES = [
    Bound("call-8", "f(x)", ours=_small, bound_seconds=8e-6),
    Guards("guards-150", 30.0),
    FirstCall("cold", 500.0, filled=False),
    FirstCall("disk", 30.0, filled=True, processes=9),
    Tracing("trace-5000", 150.0, 1.3),
    FirstCall(
        "gpt-cold",
        3000.0,
        filled=False,
        processes=3,
        ours=partial(_first_step, "gpt"),
        peer=partial(_torch_step, "gpt"),
    ),
    FirstCall("gpt-disk", 400.0, filled=True, processes=3, ours=partial(_first_step, "gpt")),
    FirstCall("resnet18-cold", 5000.0, filled=False, processes=3, ours=partial(_first_step, "resnet18")),
]
