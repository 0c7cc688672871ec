"""Which arrays share memory: how long each lives, results that take the place of operands that die, updates in place.

A kernel may write a result over an operand of the same type where, at each of its points, the element is read before it
is written and never again. Where a graph may write into its inputs, the value of a `write` effect goes over the input
that it replaces, if nothing reads the input later and no later step can fail: a run that raises leaves inputs as they
were. Everything here is decided from kernels and steps, before code is printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamella.compiler._image import numpy_dtype
from lamella.compiler._kernel import Check, Kernel, Load, Position, Store, Update
from lamella.compiler._lower._graph import Lowered
from lamella.compiler._lower._kernelize import Made, kernelize
from lamella.compiler._lower._refs import Ref, Root, Subject
from lamella.compiler._lower._steps import Call, Extern, Group
from lamella.compiler._plan import Span
from lamella.compiler._schedule import dear_work


@dataclass(frozen=True, slots=True)
class Draft:
    """A group as a kernel that is not printed yet; `makes` are the values it computes."""

    made: Made
    makes: tuple[Root, ...]


Drafted = Draft | Call | Extern


def drafts(lowered: Lowered) -> list[Drafted]:
    """The steps in order, without groups that nothing reads."""
    found: list[Drafted] = []
    for step in lowered.steps:
        if isinstance(step, Extern | Call):
            found.append(step)
        elif isinstance(step, Group) and any(item.root.stored for item in step.items):
            found.append(Draft(kernelize(step), tuple(step.made)))
    return found


def touched(step: Drafted) -> list[Root]:
    """The arrays that a step reads or writes; what a library kernel leaves out as nothing reads it is none."""
    if isinstance(step, Draft):
        return step.made.buffers
    return [*(r for r in step.roots if r.stored), *(o.root for o in step.operands if isinstance(o, Ref))]


def bytes_of(root: Root) -> int:
    """Bytes of an array."""
    return root.size * numpy_dtype(root.dtype).itemsize


@dataclass(slots=True)
class Layout:
    """`over` maps a value to the one whose memory it takes; `shared` are the buffers of each step that may be one."""

    steps: list[Drafted]
    first: dict[Root, int] = field(default_factory=dict)
    last: dict[Root, int] = field(default_factory=dict)
    over: dict[Root, Root] = field(default_factory=dict)
    shared: dict[int, frozenset[int]] = field(default_factory=dict)
    inputs: frozenset[Root] = frozenset()
    outputs: list[Root] = field(default_factory=list)  # fresh arrays, in order
    externs: list[Root] = field(default_factory=list)  # arrays that numpy hands back

    def home(self, root: Root) -> Root:
        """The array in whose memory a value lies."""
        while root in self.over:
            root = self.over[root]
        return root

    def streamed(self, number: int, step: Draft, cache_bytes: int) -> frozenset[int]:
        """Buffers of a kernel better written past the caches: results of the graph that no step reads, where the
        kernel's arrays fill the last cache, so that they would only put out of it what is read. A kernel that computes
        longer than it waits for memory gains nothing: one with a unit of dear work for each byte it moves.
        """
        buffers, kernel = step.made.buffers, step.made.kernel
        points = max(r.size for r in buffers)
        moved = sum(numpy_dtype(r.dtype).itemsize for r in dict.fromkeys(buffers) if r.size == points)
        if dear_work(kernel) >= moved:
            return frozenset()
        if sum(map(bytes_of, dict.fromkeys(buffers))) < cache_bytes:
            return frozenset()
        read = {i.buffer for _, i in kernel.instructions() if isinstance(i, Load | Update)}
        alone = {r for r in buffers if r in self.outputs and self.first[r] == self.last[r] == number}
        alone -= {*self.over, *self.over.values()}
        return frozenset(
            k
            for k, r in enumerate(buffers)
            if r in alone and r.dtype == "f32" and k not in read and buffers.count(r) == 1
        )

    def spans(self, scratch: Mapping[int, tuple[int, tuple[int, int]]]) -> list[Span]:
        """What the arena holds, by number of the home or -1 - step for scratch: its bytes, first and last step."""
        found = [Span(-1 - n, size, *during) for n, (size, during) in scratch.items()]
        begin: dict[Root, int] = {}
        end: dict[Root, int] = {}
        outside = {*self.inputs, *map(self.home, self.outputs), *self.externs}
        held = {*self.outputs, *self.externs}
        for root, first in self.first.items():
            home = self.home(root)
            begin[home] = min(begin.get(home, first), first)
            end[home] = max(end.get(home, 0), len(self.steps) if root in held else self.last[root])
        found += [Span(r.number, bytes_of(r), begin[r], end[r]) for r in begin if r not in outside]
        return found


def lay_out(steps: list[Drafted], lowered: Lowered, *, in_place: bool) -> Layout:
    """Decide which arrays share memory; `in_place` lets effects write into their inputs."""
    layout = Layout(steps, inputs=frozenset(r for r in lowered.inputs if r is not None))
    for number, step in enumerate(steps):
        for root in touched(step):
            layout.first.setdefault(root, number)
            layout.last[root] = number
    layout.externs = [root for step in steps if isinstance(step, Extern) for root in step.roots]
    if in_place:
        _update_inputs(layout, lowered)
    outside = {*layout.inputs, *layout.externs, *layout.over}
    results = dict.fromkeys(r for r in lowered.results if isinstance(r, Root) and r not in outside)
    layout.outputs = list(results)
    _reuse(layout, outside)
    return layout


def _update_inputs(layout: Layout, lowered: Lowered) -> None:
    results = [r for r in lowered.results if isinstance(r, Root)]
    graph = lowered.graph
    failing = _last_failing(layout.steps, lowered.subjects)
    for effect, new in zip(graph.effects, lowered.results[len(graph.outputs) :], strict=True):
        if effect.kind != "write" or not isinstance(new, Root):
            continue
        old = next(r for v, r in zip(graph.inputs, lowered.inputs, strict=True) if v is effect.target)
        number = layout.first.get(new, -1)
        if old is None or old in results or results.count(new) != 1 or new in layout.inputs or new in layout.externs:
            continue
        if number <= failing or layout.last.get(old, -1) > number or new.parts or old in layout.over.values():
            continue
        _put_over(layout, number, old, new)


def _checks(kernel: Kernel) -> list[Check]:
    return [instr for _, instr in kernel.instructions() if isinstance(instr, Check)]


def has_checks(kernel: Kernel) -> bool:
    """Whether a kernel may report an error."""
    return bool(_checks(kernel))


def _last_failing(steps: Sequence[Drafted], subjects: Mapping[int, Subject]) -> int:
    """The last step that may fail, -1 for none: what an earlier one has checked of every element cannot fail again."""
    last = -1
    held: set[tuple[Root, tuple[Any, ...]]] = set()
    for number, step in enumerate(steps):
        if not isinstance(step, Draft):
            last = number if isinstance(step, Extern) or step.fails else last
            continue
        kernel = step.made.kernel
        checked = [subjects.get(check.code) for check in _checks(kernel)]
        if any(subject is None or (subject.looks.root, subject.wants) not in held for subject in checked):
            last = number
        if all(axis.extent for axis in kernel.axes):
            held.update((s.looks.root, s.wants) for s in checked if s is not None and s.everywhere)
    return last


def _reuse(layout: Layout, outside: set[Root]) -> None:
    """Results of kernels over operands that die there; a chain ends where it reaches an array of the caller's."""
    fixed = {*outside, *layout.outputs}
    taken: set[Root] = set()
    for number, step in enumerate(layout.steps):
        if not isinstance(step, Draft):
            continue
        buffers = step.made.buffers
        dying = [r for r in dict.fromkeys(buffers) if layout.last[r] == number and layout.first[r] < number]
        for new in dict.fromkeys(buffers):
            if layout.first[new] != number or new in outside or new.parts:
                continue
            for old in dying:
                if old not in fixed and old not in taken and _put_over(layout, number, old, new):
                    taken.add(old)
                    break


def _put_over(layout: Layout, number: int, old: Root, new: Root) -> bool:
    """Let a step write `new` over `old`, if it can."""
    step = layout.steps[number]
    if not isinstance(step, Draft) or old.dtype != new.dtype or old.size != new.size:
        return False
    buffers = step.made.buffers
    reads, writes = ([k for k, r in enumerate(buffers) if r is root] for root in (old, new))
    if len(reads) > 1 or len(writes) != 1:
        return False
    if reads:
        if not _read_before_written(step.made.kernel, reads[0], writes[0]):
            return False
        layout.shared[number] = layout.shared.get(number, frozenset()) | {reads[0], writes[0]}
    layout.over[new] = old
    return True


def _read_before_written(kernel: Kernel, old: int, new: int) -> bool:
    """Whether each element of a buffer is read at one point alone, before that of the other is written there."""
    written: Position | None = None
    read: set[Position] = set()
    for _, instr in kernel.instructions():
        match instr:
            case Load(buffer=buffer, position=position) if buffer == old:
                if written is not None or position.indirect:
                    return False
                read.add(position)
            case Store(buffer=buffer, position=position, mask=mask) if buffer == new:
                if written is not None or position.indirect or mask is not None:
                    return False
                written = position
            case Update(buffer=buffer) if buffer in (old, new):
                return False
    return written is not None and read <= {written}
