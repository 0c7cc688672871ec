"""One random program three ways (eager, graph interpreter, native code), what differs, and a smaller one that does."""

from __future__ import annotations

import linecache
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

import lamella.tensor as lt
from lamella.compiler import compile as capture
from lamella.nn import functional

from .program import INPUTS, Program

__all__ = ["check", "minimised", "ops_of"]

_TOLERANCE = {lt.float64: (1e-8, 1e-9), lt.float32: (2e-3, 2e-4)}
_ops: Counter[str] = Counter()


def ops_of() -> Counter[str]:
    """How often each op stood in a graph of the programs so far."""
    return _ops


def _function(program: Program) -> Any:
    """The program as a function whose lines can be looked up, as those of a file can."""
    source = program.source()
    name = f"<program {program.seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"lt": lt, "F": functional, "__name__": "program"}
    exec(compile(source, name, "exec"), scope)
    return scope["program"]


def _run(program: Program, way: str) -> list[np.ndarray[Any, Any] | None]:
    function = _function(program)
    if way != "eager":
        # nothing is to be left to eager code, and a third of the programs leave their sizes open
        function = capture(function, backend=way, fullgraph=True, dynamic=program.seed % 3 == 0)
    inputs = program.inputs()
    lt.manual_seed(program.seed)
    outs = function(*[inputs[name] for name in INPUTS])
    found = [o.detach().numpy().copy() for o in outs]
    if program.backward:
        # every other program follows some of its results only
        hidden = program.seed // 2 if program.seed % 2 else 0
        followed = [(n, o) for n, o in enumerate(outs) if o.requires_grad and not hidden >> n & 1]
        loss = sum(((o * (0.5 + 0.25 * n)).sum() for n, o in followed), lt.tensor(0.0))
        if loss.requires_grad:
            loss.backward()
        found += [None if inputs[name].grad is None else inputs[name].grad.numpy() for name in "abcw"]
    found.append(inputs["a"].detach().numpy())
    if way == "interpreter":
        for done in function.programs:
            _ops.update(node.op.name for node in done.graph.nodes)
            if done.backward is not None and done.backward.graph is not None:
                _ops.update(node.op.name for node in done.backward.graph.nodes)
    found.append(np.asarray(lt.rand(1).item()))  # the generator stands where it should
    return found


def check(program: Program) -> str:
    """What differs between the ways, in words; empty where nothing does. Errors are results: all ways raise alike."""
    wanted = _outcome(program, "eager")
    for way in ("interpreter", "c"):
        found = _outcome(program, way)
        if isinstance(wanted, Exception) or isinstance(found, Exception):
            if type(wanted) is not type(found):
                return f"{way}: {_shown(found)}, eager: {_shown(wanted)}"
            continue
        for number, (a, b) in enumerate(zip(wanted, found, strict=True)):
            words = _difference(a, b, *_TOLERANCE[program.dtype])
            if words:
                return f"{way}: result {number} {words}"
    return ""


def _outcome(program: Program, way: str) -> list[np.ndarray[Any, Any] | None] | Exception:
    try:
        return _run(program, way)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this way does
        return error


def _shown(outcome: Any) -> str:
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, Exception) else "it runs"


def _difference(a: Any, b: Any, relative: float, absolute: float) -> str:
    if a is None or b is None:
        return "" if a is b else f"is {'missing' if b is None else 'there'}"
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"is {b.dtype}{b.shape}, expected {a.dtype}{a.shape}"
    scale = max(1.0, float(np.max(np.abs(a), initial=0.0)))
    worst = float(np.max(np.abs(a.astype(np.float64) - b), initial=0.0)) if np.isfinite(a).all() else 0.0
    if not np.isfinite(a).all():
        return "" if np.array_equal(a, b, equal_nan=True) else "differs where it is not finite"
    return "" if worst <= (absolute + relative) * scale else f"differs by {worst:.3g} (values to {scale:.3g})"


def minimised(program: Program) -> Program:
    """A smaller program that fails as well: single outputs, lines left out, results replaced by inputs."""

    def fails(candidate: Program) -> bool:
        return bool(check(candidate))

    for output in program.outputs:
        alone = program.pruned([output])
        if len(program.outputs) > 1 and fails(alone):
            program = alone
            break
    for change in ({"backward": False}, {"writes_input": False}):
        simpler = replace(program, **change)
        if simpler != program and fails(simpler):
            program = simpler
    progress = True
    while progress:
        progress = False
        for at, line in enumerate(program.lines):
            for other in sorted(line.uses() | {"a", "b"}):
                candidate = _without(program, at, other)
                if fails(candidate):
                    program, progress = candidate, True
                    break
            if progress:
                break
    return program


def _without(program: Program, at: int, other: str) -> Program:
    """The program with line `at` left out and its result replaced by another value."""
    name = program.lines[at].name

    def swap(text: str) -> str:
        return re.sub(rf"\b{name}\b", other, text)

    rest = [replace(line, text=swap(line.text), source=swap(line.source)) for line in program.lines[at + 1 :]]
    outputs = [other if o == name else o for o in program.outputs]
    return replace(program, lines=[*program.lines[:at], *rest], outputs=outputs).pruned(outputs)
