"""What each step of a compiled graph does and costs: the ops and user lines it came from, bytes, operations, seconds.

Bytes are those of the arrays that a step reads and writes, each once; operations are those of the nodes whose results
it makes. Seconds are predicted from the rates of a large matrix product and a large copy on this machine, whichever
takes longer (what lies in a cache is quicker), and measured by walking single steps over inputs of zeros.
"""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella.compiler._image import numpy_dtype
from lamella.compiler._lower._refs import Ref, Root
from lamella.compiler._lower._steps import Call, Extern
from lamella.compiler._running import SCALAR_TYPES
from lamella.graph import Node, TensorType, Value
from lamella.tensor.extend import MetaArray, rule

if TYPE_CHECKING:
    from lamella.compiler._assembly import Kernel
    from lamella.compiler._executable import CompiledGraph

__all__ = ["StepAccount", "account", "measured", "rates", "table"]

_SIDE, _COPY_BYTES, _TRIALS = 768, 1 << 26, 3


@dataclass(frozen=True, slots=True)
class StepAccount:
    """One step: its name, the ops in it, the lines they were written on, what it moves and computes."""

    name: str
    ops: tuple[str, ...]
    lines: tuple[str, ...]
    bytes: int
    flops: int

    def predicted(self) -> float:
        """Seconds it takes at the rates of this machine, at best."""
        flops, moved = rates()
        return max(self.flops / flops, self.bytes / moved)


def account(compiled: CompiledGraph) -> list[StepAccount]:
    """All steps, in order."""
    made: dict[Root, list[Node]] = {}
    for node, roots in compiled.assembly.lowered.made:
        for root in roots:
            made.setdefault(root, []).append(node)
    return [_of_step(step, made) for step in compiled.steps]


def _of_step(step: Kernel | Call | Extern, made: dict[Root, list[Node]]) -> StepAccount:
    if isinstance(step, Call | Extern):
        name = f"library {step.symbol}" if isinstance(step, Call) else f"extern {step.name}"
        ops: tuple[str, ...] = (step.source,)
        makes = tuple(step.roots)
        touched = [*(r for r in makes if r.stored), *(o.root for o in step.operands if isinstance(o, Ref))]
    else:
        name = f"k{step.number} ({step.printed.chunks} chunks)"
        ops, makes, touched = step.made.kernel.source, step.makes, step.roots
    nodes = list(dict.fromkeys(node for root in makes for node in made.get(root, ())))
    lines = dict.fromkeys(f"{node.source[0]}:{node.source[1]}" for node in nodes if node.source is not None)
    size = sum(root.size * numpy_dtype(root.dtype).itemsize for root in dict.fromkeys(touched))
    return StepAccount(name, ops, tuple(lines), size, sum(map(_flops, nodes)))


def _flops(node: Node) -> int:
    operands = [_meta(a) if isinstance(a, Value) else a for a in node.args]
    flops: int = rule(node.op, "cost")(*operands, **node.params)[0]
    return flops


def _meta(value: Value) -> Any:
    kind = value.type
    return MetaArray(kind.shape, kind.dtype.numpy) if isinstance(kind, TensorType) else kind


@functools.cache
def rates() -> tuple[float, float]:
    """(operations a second of a large float32 product, bytes a second that a large copy reads and writes) here."""
    a = np.ones((_SIDE, _SIDE), np.float32)
    source = np.ones(_COPY_BYTES, np.uint8)
    target = np.zeros_like(source)
    product = _best(lambda: np.matmul(a, a))
    copy = _best(lambda: np.copyto(target, source))
    return 2 * _SIDE**3 / product, 2 * _COPY_BYTES / copy


def _best(call: Any) -> float:
    times = []
    for _ in range(_TRIALS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def measured(compiled: CompiledGraph, trials: int = 5) -> list[float]:
    """Median seconds of each step over inputs of zeros and ones."""
    inputs = [
        np.zeros(v.type.shape, v.type.dtype.numpy) if isinstance(v.type, TensorType) else SCALAR_TYPES[v.type.kind](1)
        for v in compiled.graph.inputs
    ]
    return compiled.runner.step_seconds(inputs, trials)


def table(compiled: CompiledGraph, measure: bool = False) -> str:
    """The steps as text: a line with the sums, one for each step, and how the memory is planned."""
    steps = account(compiled)
    seconds = measured(compiled) if measure else []
    externs = sum(isinstance(step, Extern) for step in compiled.steps)
    calls = sum(isinstance(step, Call) for step in compiled.steps)
    outputs = sum(math.prod(shape) * numpy_dtype(dtype).itemsize for shape, dtype in compiled.image.outputs)
    code = "none" if compiled.source is None else str(compiled.source)
    costs = _costs(sum(s.bytes for s in steps), sum(s.flops for s in steps), sum(s.predicted() for s in steps))
    costs += _took(float(np.nansum(seconds))) if measure else ""
    lines = [
        f"graph {compiled.graph.name}: {len(compiled.kernels)} kernel launches, {calls} library calls"
        f"{f', {externs} extern steps' if externs else ''}; {costs}",
        f"  memory: arena {compiled.memory.arena_bytes} bytes, its exact peak, and {outputs} bytes of results; "
        f"C in {code}",
    ]
    together = dict(compiled.image.together)
    for number, step in enumerate(steps):
        if number in together:
            lines.append(f"  side by side, in one parallel region, the next {together[number]}:")
        where = f"  # {', '.join(step.lines)}" if step.lines else ""
        costs = _costs(step.bytes, step.flops, step.predicted()) + (_took(seconds[number]) if measure else "")
        lines.append(f"  {step.name}: {' '.join(step.ops)}; {costs}{where}")
        kernel, _ = compiled.python_kernels.get(number, (None, None))
        for body in getattr(kernel, "bodies", ()):
            lines += [f"    {line}" for line in table(body).splitlines()]  # of one step of a loop
    return "\n".join(lines) + "\n"


def _costs(moved: int, flops: int, seconds: float) -> str:
    return f"{moved / 1e6:.3g} MB, {flops / 1e6:.3g} Mflop, predicted {_time(seconds)}"


def _took(seconds: float) -> str:
    return f", measured {_time(seconds)}"


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "no time: how often a loop runs depends on values"
    return f"{seconds * 1e6:.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"
