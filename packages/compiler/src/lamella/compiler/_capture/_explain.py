"""explain(): what a compiled function has captured, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from ._function import CompiledFunction
from ._members import IN_PLACE, is_module
from ._program import Program
from ._sized import SizedProgram

__all__ = ["explain"]

_SHOWN = 40


@runtime_checkable
class _Explains(Protocol):
    """An executable that can say what it does."""

    def explain(self, measure: bool = False) -> str: ...


def explain(compiled: Any, measure: bool = False) -> str:
    """Programs, what each is guarded by, why calls missed, sizes of the graphs, and the executor's own account of its
    steps: ops with the lines they were written on, bytes, operations, predicted seconds, and the memory plan.

    `measure` times each step, over inputs of zeros.

    TypeError for anything that `compile` did not return and no module compiled in place.
    """
    if is_module(compiled):
        compiled = compiled.__dict__.get(IN_PLACE, compiled)
    if not isinstance(compiled, CompiledFunction):
        raise TypeError(f"explain needs what compile() returned, got {type(compiled).__name__}")
    fn = compiled.original
    name = getattr(fn, "__qualname__", type(fn).__qualname__)
    lines = [f"{name}: {len(compiled.programs)} programs, {compiled.compiles} captures, backend {compiled.backend}"]
    for number, program in enumerate(reversed(compiled.programs)):
        lines += _program(number, program, measure)
    if compiled.misses:
        lines.append("calls that no program fitted, by what had changed:")
        counted = {m: compiled.misses.count(m) for m in compiled.misses}
        lines += [f"  {n} x {reason}" for reason, n in sorted(counted.items(), key=lambda item: -item[1])]
    if compiled.refusals:
        lines.append("calls that ran uncompiled, because:")
        lines += [f"  {reason}" for reason in compiled.refusals]
    return "\n".join(lines) + "\n"


def _program(number: int, program: Program | SizedProgram, measure: bool) -> list[str]:
    graph = program.graph
    text = str(graph)
    effects = ", ".join(
        f"{n} {kind}" for kind in ("write", "grad", "state") if (n := sum(e.kind == kind for e in graph.effects))
    )
    lines = [
        f"program {number}: {len(graph.nodes)} ops, {len(graph.inputs)} inputs, {len(program.results.outputs)} "
        "results, "
        f"effects: {effects or 'none'}; graph text of {len(text)} characters",
        f"  runs unless one of {program.guard.checks} guards says:",
    ]
    if program.effects:
        lines.insert(1, f"  assigns {', '.join(dict.fromkeys(e.place for e in program.effects))}")
    reasons = list(dict.fromkeys(program.guard.reasons))
    lines += [f"    {reason}" for reason in reasons[:_SHOWN]]
    if len(reasons) > _SHOWN:
        lines.append(f"    and {len(reasons) - _SHOWN} more")
    if program.path is not None:
        for n, (segment, (_, answer)) in enumerate(zip(program.path.segments, program.path.keys, strict=True)):
            lines.append(f"  forks at {segment.place}: {answer!r}, after {len(segment.body.nodes)} ops")
            lines += [f"  segment {n}: {segment.piece.explain(measure).rstrip()}".replace("\n", "\n    ")]
    lines += _kernels("forward", program.run, measure)
    if program.backward is not None and program.backward.graph is not None:
        size = len(program.backward.graph.nodes)
        lines.append(f"  backward: {size} ops, {len(program.backward.is_tensor)} residuals")
        lines += _kernels("backward", program.backward.run, measure)
    return lines


def _kernels(what: str, run: Callable[[list[Any]], list[Any]], measure: bool) -> list[str]:
    if not isinstance(run, _Explains):
        return [f"  {what} runs on the interpreter"]
    return [f"  {what}: {run.explain(measure).rstrip()}".replace("\n", "\n    ")]
