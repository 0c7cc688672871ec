"""The guard function of one program: compares what the capture relied on, and fetches the inputs of the graph.

It is generated Python, straight-line: it returns the inputs and the tensors to commit to, or the number of the line
that failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.graph import CaptureError, Graph, ScalarType, Trace, Value
from lamella.tensor import get_default_dtype
from lamella.tensor.extend import GRAD, LEVEL, METADATA, TRACED, tls

from ._explore import Explorer, snapshot

__all__ = ["build_guard"]

Guard = Callable[[tuple[Any, ...], dict[str, Any]], Any]


class _Lines:
    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasons: list[str] = []

    def check(self, condition: str, reason: str) -> None:
        self.text.append(f"if not ({condition}): return {len(self.reasons)}")
        self.reasons.append(reason)

    def add(self, line: str) -> None:
        self.text.append(line)


def build_guard(
    explorer: Explorer, trace: Trace, graph: Graph, entry: dict[str, Any], root: Any
) -> tuple[Guard, list[str], str]:
    """(guard(args, kwargs), what each failing line means, its source)."""
    scope: dict[str, Any] = {f"k{i}": c for i, c in enumerate(explorer.constants)}
    scope |= {"ndarray": np.ndarray, "tls": tls, "METADATA": METADATA, "default": get_default_dtype, "root": root}
    lines = _Lines()
    scope["grad_mode"], scope["default_dtype"] = entry["grad"], entry["default"]
    lines.check("tls.grad is grad_mode", "grad mode")
    lines.check("default() is default_dtype", "default dtype")
    snapshots = [entry["snapshots"][id(m)] for m in explorer.modules]
    epochs = [entry["epochs"][id(m)] for m in explorer.modules]
    scope["E"] = epochs

    def restamp(at: int) -> bool:
        module = explorer.modules[at]
        if snapshot(module) != snapshots[at]:
            return False
        epochs[at] = module._epoch
        return True

    scope["restamp"] = restamp
    for line in explorer.lines:
        _emit(line, lines)
    fixed = _tensors(explorer, trace, lines, scope)
    metas = [(t, t._data, t._flags & GRAD) for t in fixed]
    stamp = [METADATA[0]]

    def unchanged() -> bool:
        if any(t._data is not d or t._flags & GRAD != g for t, d, g in metas):
            return False
        stamp[0] = METADATA[0]
        return True

    scope["stamp"], scope["unchanged"] = stamp, unchanged
    lines.check("METADATA[0] == stamp[0] or unchanged()", "a parameter was given other memory or another requires_grad")
    _numbers(trace, graph, lines, scope)
    order = ", ".join(f"i{v.id}" for v in graph.inputs)
    targets = ", ".join(f"t{v.id}" for _, v in trace.tensors)
    source = "def guard(args, kwargs):\n  try:\n"
    source += "".join(f"    {text}\n" for text in lines.text)
    source += f"    return ([{order}], [{targets}])\n"
    source += (
        f"  except (AttributeError, KeyError, IndexError, TypeError, ValueError):\n    return {len(lines.reasons)}\n"
    )
    exec(compile(source, "<lamella guard>", "exec"), scope)
    return scope["guard"], [*lines.reasons, "something that the program reads is gone"], source


def _emit(line: tuple[str, ...], lines: _Lines) -> None:
    kind = line[0]
    if kind == "let":
        lines.add(f"{line[1]} = {line[2]}")
        return
    if kind == "epoch":
        lines.check(f"{line[1]}._epoch == E[{line[2]}] or restamp({line[2]})", "a module changed")
        return
    path = line[1]
    reason = path
    if kind == "is":
        if path and path != line[2]:
            lines.check(f"{path} is {line[2]}", f"{reason} is another object")
    elif kind == "eq":
        lines.add(f"_ = {path}")
        lines.check(f"type(_) is {line[3]} and _ == {line[2]}", f"{reason} has another value")
    elif kind == "nan":
        lines.check(f"{path} != {path}", f"{reason} has another value")
    elif kind == "len":
        lines.check(f"type({path}) is {line[2]} and len({path}) == {line[3]}", f"{reason} has another length")
    elif kind == "memory":
        lines.check(f"{path}._data is {line[2]}._data", f"{reason} no longer shares its memory with {line[2]}")
    elif kind == "type":
        lines.check(f"type({path}) is {line[2]}", f"{reason} has another type")


def _tensors(explorer: Explorer, trace: Trace, lines: _Lines, scope: dict[str, Any]) -> list[Any]:
    fixed = []
    grads = {id(e[1]._data): e[0] for e in trace.grads.values() if e[1] is not None}
    constants = {id(t) for t in trace.constants}
    mutated = {id(root._data) for root in trace.written.values()}
    for leaf, before, _, read in trace.grads.values():
        if read:
            name = f"l{len(scope)}"
            scope[name] = leaf
            lines.check(f"{name}.grad is {'not ' if before is not None else ''}None", "whether a .grad is None")
    names = {}
    for n, (t, path) in enumerate(explorer.tensors.values()):
        if path:
            names[id(t._data)] = f"x{n}"
            lines.add(f"x{n} = {path}")
            _metadata(f"x{n}", t, path, lines, scope)
    loose = []
    for t, value in trace.tensors:
        name = f"t{value.id}"
        found = explorer.tensors.get(id(t._data))
        if id(t) in constants or (found is not None and found[1] == ""):
            target = t if found is None else found[0]
            scope[f"c{value.id}"] = target
            lines.add(f"{name} = c{value.id}")
            fixed.append(target)
        else:
            if found is not None:
                lines.add(f"{name} = {names[id(t._data)]}")
            elif id(t._data) in grads:
                scope[f"g{value.id}"] = grads[id(t._data)]
                lines.add(f"{name} = g{value.id}.grad")
                _metadata(name, t, "a gradient", lines, scope)
            else:
                raise CaptureError(
                    f"the program uses a tensor of shape {t.shape} that capture cannot fetch again; "
                    "pass it as an argument, "
                    f"or keep it where the program reads it by name (a global, a closure, an attribute, a module)"
                )
            loose.append((value.id, id(t._data) in mutated))
        lines.add(f"i{value.id} = {name}._data")
    _overlaps(trace, loose, mutated, lines, scope)
    return fixed


def _metadata(name: str, t: Any, path: str, lines: _Lines, scope: dict[str, Any]) -> None:
    data = t._data
    key = f"{name}_"
    scope[key + "d"], scope[key + "s"] = data.dtype, data.shape
    flags = GRAD | LEVEL | TRACED
    lines.add(f"_ = {name}._data")
    lines.check(
        f"type(_) is ndarray and _.dtype == {key}d and _.shape == {key}s and {name}._flags & {flags} == "
        f"{t._flags & flags}",
        f"{path} has another dtype, shape or requires_grad",
    )


def _overlaps(
    trace: Trace, loose: list[tuple[int, bool]], mutated: set[int], lines: _Lines, scope: dict[str, Any]
) -> None:
    """Where memory is written, that no fetched input shares it: an aliased call would read or keep the wrong values."""
    if not mutated:
        return
    scope["overlap"] = np.may_share_memory
    ids = {value.id: id(t._data) in mutated for t, value in trace.tensors}
    checked = {v for v, _ in loose}
    for a in ids:
        for b in ids:
            if a < b and (ids[a] or ids[b]) and (a in checked or b in checked):
                lines.check(f"not overlap(i{a}, i{b})", "an argument shares memory with another that is written")


def _numbers(trace: Trace, graph: Graph, lines: _Lines, scope: dict[str, Any]) -> None:
    used = {v.id for v in graph.inputs}
    for container, key, value in trace.read_numbers.values():
        name = f"n{len(scope)}"
        scope[name], scope[name + "k"], scope[name + "v"] = container, key, value
        if type(value) in (bool, str, type(None)):
            lines.check(f"dict.__getitem__({name}, {name}k) == {name}v", f"{key!r} of a param group")
    for container, key, before, value, _ in trace.numbers.values():
        if value is None or value.id not in used:
            continue
        name = f"n{len(scope)}"
        scope[name], scope[name + "k"] = container, key
        lines.add(f"i{value.id} = dict.__getitem__({name}, {name}k)")
        lines.check(f"type(i{value.id}) is {type(before).__name__}", f"{key!r} of a param group has another type")
    for generator, seed, offset, _ in trace.generators.values():
        name = f"r{len(scope)}"
        scope[name] = generator
        lines.add(f"i{seed.value.id}, i{offset.id} = {name}.position()")
    if trace.guards:
        _forced(trace, graph, lines, scope)


def _forced(trace: Trace, graph: Graph, lines: _Lines, scope: dict[str, Any]) -> None:
    """Recompute the symbolic numbers that steered Python, and compare them with what they were."""
    wanted = {v for v, _ in trace.guards}
    nodes = []
    for node in reversed(graph.nodes):
        if node.outputs[0] in wanted and isinstance(node.outputs[0].type, ScalarType):
            nodes.append(node)
            wanted.update(a for a in node.args if type(a) is Value)
    for node in reversed(nodes):
        name = f"f{len(scope)}"
        scope[name] = node.op.rules["numpy"]
        args = ", ".join(f"i{a.id}" if type(a) is Value else repr(a) for a in node.args)
        lines.add(f"i{node.outputs[0].id} = {name}({args})")
    for value, hint in trace.guards:
        name = f"h{len(scope)}"
        scope[name] = hint
        lines.check(f"i{value.id} == {name}", f"a number that the program branched on was {hint!r}")
