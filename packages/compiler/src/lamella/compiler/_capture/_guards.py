"""The guard function of one program: compares what the capture relied on, and fetches the inputs of the graph.

It is generated Python, straight-line: it returns the inputs and the tensors that the program needs as objects, or the
number of the line that failed. Fetching is by source path; only what must be one object is compared by identity.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamella.graph import CaptureError, Graph, ScalarType, Trace, Value
from lamella.tensor import Tensor, get_default_dtype
from lamella.tensor.extend import EPOCH, GRAD, HOT, METADATA, refresh, tls, wrap

from ._explore import Explorer
from ._fetch import Fetched
from ._members import snapshot, unchanged
from ._overlap import Overlap

__all__ = ["Entry", "Guard", "build_guard"]

Fetch = Callable[[tuple[Any, ...], dict[str, Any]], Any]


class Entry:
    """The modes, epochs and module states under which a capture began."""

    def __init__(self, explorer: Explorer) -> None:
        self.grad = tls.grad
        self.inference = tls.inference
        self.autocast = None if tls.autocast is None else tls.autocast.dtype
        self.default = get_default_dtype()
        self.epochs = [m._epoch for m, _ in explorer.modules]
        self.moving = [_moving(m, words, explorer.moving) for m, words in explorer.modules]
        self.snapshots = [snapshot(m, moving) for (m, _), moving in zip(explorer.modules, self.moving, strict=True)]


def _moving(module: Any, words: str, moving: Mapping[str, bool]) -> frozenset[str]:
    """The attributes and buffers of a module that programs write: the walk guards them, not the epoch."""
    if not moving:
        return frozenset()
    return frozenset([name for name in (*module.__dict__, *module._buffers) if f"{words}.{name}" in moving])


class Guard:
    """`fetch(args, kwargs)` gives ([graph inputs], [tensors]), with open sizes (..., (sizes)), or the index into
    `reasons` of what does not hold.
    """

    __slots__ = ("_mortal", "checks", "fetch", "reasons", "source")

    def __init__(self, fetch: Fetch, checks: int, reasons: list[str], source: str, mortal: list[Any]) -> None:
        self.fetch = fetch
        self._mortal = mortal
        self.checks = checks
        self.reasons = reasons
        self.source = source

    def when_dead(self, drop: Callable[[Any], None]) -> None:
        """Call drop(a reference) when an object is gone without which the guard can never hold again."""
        self._mortal = [weakref.ref(r(), drop) for r in self._mortal if r() is not None]


class _Writer:
    """Collects the lines of one guard function and the objects that they name."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasons: list[str] = []
        self.scope: dict[str, Any] = {}

    def check(self, condition: str, reason: str) -> None:
        self.text.append(f"if not ({condition}): return {len(self.reasons)}")
        self.reasons.append(reason)

    def add(self, line: str) -> None:
        self.text.append(line)

    def name(self, value: Any) -> str:
        found = f"s{len(self.scope)}"
        self.scope[found] = value
        return found


def build_guard(explorer: Explorer, trace: Trace, graph: Graph, entry: Entry, fetched: Fetched) -> Guard:
    """The guard of a program, from its graph as it was traced; CaptureError for inputs that cannot be fetched again."""
    w = _Writer()
    w.scope |= {f"k{i}": c for i, c in enumerate(explorer.constants)}
    w.scope |= {
        "ndarray": np.ndarray,
        "tls": tls,
        "METADATA": METADATA,
        "default": get_default_dtype,
        "fresh": _fresh,
        "wrap": wrap,
        "modules": sys.modules,
    }
    w.scope |= {
        "grad_mode": entry.grad,
        "inference_mode": entry.inference,
        "autocast": entry.autocast,
        "default_dtype": entry.default,
        "EPOCH": EPOCH,
        "HOT": HOT,
    }
    # with no thread in a special mode, this one is as it was where a capture without one began
    usual = "not HOT[0] or " if entry.grad and not entry.inference and entry.autocast is None else ""
    w.check(f"{usual}tls.grad is grad_mode", "grad mode changed")
    w.check(f"{usual}tls.inference is inference_mode", "inference mode changed")
    is_autocast = (
        "tls.autocast is None"
        if entry.autocast is None
        else ("tls.autocast is not None and tls.autocast.dtype is autocast")
    )
    w.check(f"{usual}{is_autocast}", "autocast changed")
    w.check("default() is default_dtype", "the default dtype changed")
    if explorer.modules:
        w.scope["modules_at"] = at = [-1]
        w.scope["moved"] = _moved(explorer, entry, at)
        w.add("_ = -1 if EPOCH[0] == modules_at[0] else moved()")
        w.add(f"if _ >= 0: return {len(w.reasons)} + _")
        w.reasons += [f"{what} changed" for _, what in explorer.modules]
    for condition, text in explorer.lines:
        if condition:
            w.check(condition, text)
        else:
            w.add(text)
    names = _Names(explorer, fetched, w)
    _grads(trace, fetched, names, w)
    for t in trace.views.values():
        _view_of(t, names, w)
    for t, value in trace.tensors:
        w.add(f"i{value.id} = {names.of(t)}._data")
    _settled(explorer, trace, fetched, w)
    _overlaps(trace, fetched, w)
    for symbol, (value, _) in zip(explorer.symbols, trace.given_numbers, strict=False):
        w.add(f"i{value.id} = {symbol.name}")
    _numbers(trace, graph, w)
    for condition, words in [*fetched.conditions, *trace.sizes.conditions()]:
        w.check(condition, words)
    order = ", ".join(f"i{v.id}" for v in graph.inputs)
    targets = ", ".join([*[names.of(t) for t in fetched.tensors], *fetched.holders])
    source = "def guard(args, kwargs):\n  try:\n"
    source += "".join(f"    {text}\n" for text in w.text)
    sizes = "".join(f"{name}, " for name in trace.sizes.hints)
    source += f"    return ([{order}], [{targets}]{f', ({sizes})' if sizes else ''})\n"
    source += f"  except (AttributeError, KeyError, IndexError, TypeError, ValueError):\n    return {len(w.reasons)}\n"
    exec(compile(source, "<lamella guard>", "exec"), w.scope)
    fetch = w.scope.pop("guard")  # a function that stood in its own globals would be a cycle
    reasons = [*w.reasons, "something that the program reads is gone"]
    return Guard(fetch, len(w.reasons), reasons, source, explorer.mortal)


def _fresh(t: Tensor) -> None:
    """Bring a view up to the last write of its memory before its flags are read."""
    if t._view.version != t._cell.version:  # type: ignore[union-attr]
        refresh(t)


def _moved(explorer: Explorer, entry: Entry, stamp: list[int]) -> Callable[[], int]:
    """A function that compares the modules one by one, after some module somewhere has changed: the place of the first
    that differs, or -1, and then `stamp` is as new as what was compared.
    """
    modules = [weakref.ref(m) for m, _ in explorer.modules]
    epochs = entry.epochs  # of before the capture, like the snapshots

    def moved() -> int:
        now = EPOCH[0]
        for at, (reference, epoch) in enumerate(zip(modules, epochs, strict=True)):
            module = reference()
            if module is None:
                return at
            current = module._epoch
            if current != epoch:
                if not unchanged(entry.snapshots[at], snapshot(module, entry.moving[at])):
                    return at
                epochs[at] = current
        stamp[0] = now
        return -1

    return moved


class _Names:
    """The expression that fetches a tensor, given once a name where it is more than one."""

    def __init__(self, explorer: Explorer, fetched: Fetched, w: _Writer) -> None:
        self._explorer = explorer
        self._fetched = fetched
        self._w = w
        self._given: dict[int, str] = {}

    def of(self, t: Tensor) -> str:
        name = self._given.get(id(t))
        if name is None:
            name = self._given[id(t)] = self._find(t)
        return name

    def _find(self, t: Tensor) -> str:
        found = self._fetched.reached(t)
        if found is not None:
            return found.name
        if self._fetched.is_constant(t):
            return self._w.name(t)
        name = f"g{len(self._given)}"
        self._w.add(f"{name} = {self.of(self._fetched.graded(t))}._edge.grad")
        shape, dtype = self._w.name(t._data.shape), self._w.name(t._data.dtype)
        self._w.add(f"_ = {name}._data")
        self._w.check(
            f"type(_) is ndarray and _.dtype == {dtype} and _.shape == {shape} and {name}._flags & 13 == "
            f"{t._flags & 13}",
            "a .grad has another dtype, shape or requires_grad",
        )
        return name


def _grads(trace: Trace, fetched: Fetched, names: _Names, w: _Writer) -> None:
    born = {id(leaf) for leaf in trace.leaves}
    for leaf, before, _, read in trace.grads.values():
        if read and id(leaf) not in born:
            owner = fetched.owner(leaf)
            w.check(
                f"{names.of(owner)}._edge.grad is {'not ' if before is not None else ''}None", "whether a .grad is None"
            )


def _view_of(t: Tensor, names: _Names, w: _Writer) -> None:
    """A view that the program read through its base must be that view of that base."""
    view = t._view
    assert view is not None
    base, chain = names.of(view.base), w.name(view.chain)
    w.add(f"_ = {names.of(t)}._view")
    w.check(
        f"_ is not None and _.base._data is {base}._data and _.chain == {chain}",
        "a view looks at another part of its base",
    )


def _settled(explorer: Explorer, trace: Trace, fetched: Fetched, w: _Writer) -> None:
    """Tensors that are one object each: METADATA moves when any tensor gets other memory, another requires_grad or
    another hook.
    """
    states = [(r.tensor, r.tensor._data, r.tensor._flags & GRAD) for r in explorer.tensors.values() if r.fixed]
    hooked = [(r.tensor, _hooks(r.tensor)) for r in explorer.tensors.values() if r.fixed and r.tensor._flags & GRAD]
    stamp = [METADATA[0]]

    def unmoved() -> bool:
        now = METADATA[0]
        if any(t._data is not data or t._flags & GRAD != grad for t, data, grad in states):
            return False
        if any(_hooks(t) != hooks for t, hooks in hooked):
            return False
        stamp[0] = now
        return True

    w.scope["stamp"], w.scope["unmoved"] = stamp, unmoved
    if states:
        w.check(
            "METADATA[0] == stamp[0] or unmoved()",
            "a parameter got other memory, another requires_grad or another hook",
        )
    if not trace.grads:
        return
    for leaf, *_ in trace.grads.values():
        if id(leaf) in {id(x) for x in trace.leaves}:
            continue
        owner = fetched.owner(leaf)
        found = explorer.tensors[id(owner)]
        if not found.fixed:
            hooks = w.name(_hooks(owner))
            w.check(f"{w.name(_hooks)}({found.name}) == {hooks}", f"{found.words} has other hooks")


def _hooks(t: Tensor) -> tuple[tuple[Any, ...], ...]:
    leaf = t._edge
    if leaf is None or not t.is_leaf:
        return ()
    return tuple(tuple(h.values()) for h in (leaf.hooks, leaf.post_hooks) if h)


def _overlaps(trace: Trace, fetched: Fetched, w: _Writer) -> None:
    """Where memory is written, that no fetched input shares it: an aliased call would read or keep the wrong values."""
    written = {id(root._data) for root in trace.written.values()}
    if not written:
        return
    loose: list[tuple[str, bool]] = []
    settled: list[tuple[Any, bool]] = []
    for t, value in trace.tensors:
        found = fetched.reached(t)
        if fetched.is_constant(t) or (found is not None and found.fixed):
            settled.append((t._data, id(t._data) in written))
        else:
            loose.append((f"i{value.id}", id(t._data) in written))
            if id(t._data) in written:
                w.check(
                    f"i{value.id}.flags.writeable", f"{'a tensor' if found is None else found.words} cannot be written"
                )
    if not loose:
        return
    overlap = w.name(Overlap(settled, [flag for _, flag in loose]).apart)
    w.check(f"{overlap}({', '.join(name for name, _ in loose)})", "an input shares memory with another that is written")


def _numbers(trace: Trace, graph: Graph, w: _Writer) -> None:
    for container, key, value in trace.read_numbers.values():
        if type(value) in (bool, str, type(None)):
            at, what = w.name(container), w.name(value)
            w.check(f"dict.__getitem__({at}, {w.name(key)}) == {what}", f"{key!r} of a param group")
    for container, key, before, value, _ in trace.numbers.values():
        if value is None:
            continue
        w.add(f"i{value.id} = dict.__getitem__({w.name(container)}, {w.name(key)})")
        w.check(f"type(i{value.id}) is {type(before).__name__}", f"{key!r} of a param group has another type")
    for generator, seed, offset, _ in trace.generators.values():
        w.add(f"i{seed.value.id}, i{offset.id} = {w.name(generator)}.position()")
    if trace.guards:
        _forced(trace, graph, w)


def _forced(trace: Trace, graph: Graph, w: _Writer) -> None:
    """Recompute the symbolic numbers that steered Python, and compare them with what they were."""
    wanted = {v for v, _ in trace.guards}
    nodes = []
    for node in reversed(graph.nodes):
        if node.outputs[0] in wanted:
            if not isinstance(node.outputs[0].type, ScalarType):
                raise CaptureError(
                    f"a number that the program branched on comes from {node.op.name}, which a guard cannot compute"
                )
            nodes.append(node)
            wanted.update(a for a in node.args if type(a) is Value)
    for node in reversed(nodes):
        if node.op.name == "scalar.size":
            w.add(f"i{node.outputs[0].id} = {node.params['name']}")
            continue
        args = ", ".join(f"i{a.id}" if type(a) is Value else repr(a) for a in node.args)
        w.add(f"i{node.outputs[0].id} = {w.name(node.op.rules['numpy'])}({args})")
    for value, hint in trace.guards:
        w.check(f"i{value.id} == {w.name(hint)}", f"a number that the program branched on was {hint!r}")
