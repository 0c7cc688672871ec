"""A case with several peers: torch eager, torch.compile, JAX jit, our own eager code, and the roofline of the machine.

The demand is met by either row: at most a share of the best peer's time, or at least a share of the roofline. That is
the time in which the machine could do the floating point operations of the step at the rate of a large matrix product,
or move the arrays that the step takes and gives once at the rate of a large copy, whichever is longer. Both rates are
measured beside the step, with the same threads; of numpy's product and our own the faster one counts. Operations are
counted as the ops' cost rules count them: what a causal mask or padding leaves out is counted too. Compiled code is
never to be slower than our eager code: a third row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import UNITS, Case, Setup
from benchmarks._row import Measured

__all__ = ["Contest", "lazily", "peers", "program_cost"]

_SIDE = 2048  # of the square matrices whose product gives the rate of arithmetic
_COPY_BYTES = 256 << 20  # larger than any cache


def _gemm() -> dict[str, Any]:
    import numpy as np

    a = np.ones((_SIDE, _SIDE), np.float32)
    out = np.empty_like(a)
    return {"step": lambda: np.matmul(a, a, out=out)}


def _product() -> dict[str, Any]:
    import lamella.compiler
    import lamella.tensor as lt

    a = lt.ones(_SIDE, _SIDE)
    compiled = lamella.compiler.compile(lt.matmul)
    compiled(a, a)
    return {"step": lambda: compiled(a, a)}


def _copy() -> dict[str, Any]:
    from benchmarks._copy import threaded_copy

    return {"step": threaded_copy(_COPY_BYTES)}


def program_cost(compiled: Any) -> tuple[int, int]:
    """(floating point operations, bytes of the arrays taken and given) of the one program a compiled function holds.

    What it computes again to save memory is not counted.
    """
    from lamella.graph import TensorType, Value
    from lamella.tensor.extend import MetaArray, rule

    (program,) = compiled.programs
    graph = program.graph

    def meta(a: Any) -> Any:
        kind = a.type if isinstance(a, Value) else None
        return MetaArray(kind.shape, kind.dtype.numpy) if isinstance(kind, TensorType) else a

    flops = 0
    for node in graph.nodes:
        if node.op.spec != "scalar" and not node.region:
            flops += rule(node.op, "cost")(*[meta(a) for a in node.args], **node.params)[0]
    moved = [*graph.inputs, *graph.outputs, *[effect.value for effect in graph.effects]]
    size = sum(
        math.prod(v.type.shape) * v.type.dtype.itemsize
        for v in moved
        if isinstance(v, Value) and isinstance(v.type, TensorType)
    )
    return flops, size


class Contest(Case):
    """`ours` (compiled) against named peers; a side's setup gives `step`, ours also `cost()`: (flops, bytes)."""

    def __init__(
        self, name: str, *, ours: Setup, eager: Setup, peers: Mapping[str, Setup], limit: float, roofline: float
    ) -> None:
        sides = {"ours": ours, "ours-eager": eager, **peers, "gemm": _gemm, "ours-gemm": _product, "copy": _copy}
        super().__init__(name, "step()", sides)
        self.peers = list(peers)
        self.limit = limit
        self.roofline = roofline

    def measure(self, bench: Bench) -> list[Measured]:
        """A row for each peer, one for the roofline, and one for our own eager code."""
        seconds, answers = bench.race_and_ask(self, {"ours": ["cost()[0]", "cost()[1]"]})
        flops, moved = answers["ours"]
        ours, scale = seconds["ours"], UNITS["ms"]
        best = min(self.peers, key=seconds.__getitem__)
        gemm = min(seconds["gemm"], seconds["ours-gemm"])
        bound = max(flops / (2 * _SIDE**3 / gemm), moved / (2 * _COPY_BYTES / seconds["copy"]))
        met = ours <= self.limit * seconds[best] or bound >= self.roofline * ours
        rows = [
            Measured(
                case=self.name, metric="time", unit="ms", ours=ours * scale, peer=seconds[peer] * scale,
                peer_name=bench.name_of(peer), limit=self.limit if peer == best else None, met=met or peer != best,
            )
            for peer in self.peers
        ]  # fmt: skip
        rows.append(
            Measured(
                case=self.name, metric="over the roofline", unit="ms", ours=ours * scale, peer=bound * scale,
                peer_name="roofline", limit=1 / self.roofline, met=met,
            )
        )  # fmt: skip
        rows.append(
            Measured(
                case=self.name, metric="over eager", unit="ms", ours=ours * scale,
                peer=seconds["ours-eager"] * scale, peer_name="our eager code", limit=1.0,
            )
        )  # fmt: skip
        return rows


def lazily(make: Callable[..., Any], *args: Any) -> Setup:
    """A setup that makes the step when its process asks for it, and warms it up."""

    def setup() -> dict[str, Any]:
        step = make(*args)
        for _ in range(3):
            step()
        return {"step": step}

    return setup


def peers(step: Callable[..., Any], model: str, *args: Any) -> dict[str, Setup]:
    """Torch eager, torch.compile and JAX for `training_step` or `inference_step` of a model."""

    def torch_compile() -> Any:
        import torch

        return step(model, "torch", *args, torch.compile)

    def jax() -> Any:
        from benchmarks.models import in_jax

        return getattr(in_jax, step.__name__)(model, *args)

    return {"torch": lazily(step, model, "torch", *args), "torch-compile": lazily(torch_compile), "jax": lazily(jax)}
