"""From a graph to its image and the C of its kernels: lowering, memory, and where each step finds what it works on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lamella.compiler import _toolchain
from lamella.compiler._c._loops import Printed
from lamella.compiler._c._unit import Unit
from lamella.compiler._image import ARENA, Image, Slot, View, numpy_dtype
from lamella.compiler._lower._graph import lower_graph, mark_stored
from lamella.compiler._lower._kernelize import Made
from lamella.compiler._lower._refs import Ref, Root, Scalar
from lamella.compiler._lower._steps import Call, Extern
from lamella.compiler._memory import Draft, Layout, bytes_of, drafts, has_checks, lay_out
from lamella.compiler._native._load import key_of_unit, library_home
from lamella.compiler._plan import Plan, Span, plan
from lamella.compiler._steps import MISSING, Launch, LibraryCall, Place, PythonStep, Step
from lamella.compiler._together import Neighbour, Touched, side_by_side
from lamella.compiler._toolchain import usable_cpus
from lamella.graph import Graph

__all__ = ["Assembly", "Kernel", "planned_spans", "printed", "scratch_bytes"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One launch: the group as a kernel, and as what it was printed."""

    made: Made
    number: int
    printed: Printed
    makes: tuple[Root, ...]

    @property
    def roots(self) -> list[Root]:
        """Buffers it reads or writes."""
        return self.made.buffers


class Assembly:
    """A lowered, planned and printed graph: what its image is made from, and what `explain` tells of it."""

    def __init__(self, graph: Graph, *, in_place: bool) -> None:
        self.graph = graph
        self.lowered = lowered = lower_graph(graph)
        mark_stored(lowered.steps)
        self.unit = Unit(_toolchain.host_target())
        self.layout = lay_out(drafts(lowered), lowered, in_place=in_place)
        self.steps = printed(self.layout, self.unit)
        self.memory: Plan = plan(planned_spans(self.layout, self.steps))
        self.updates = {new: old for new, old in self.layout.over.items() if old in self.layout.inputs}
        self._place_results()
        self._homes: dict[tuple[str, int], str] = {}

    @property
    def kernels(self) -> list[Kernel]:
        """The launches, in order."""
        return [step for step in self.steps if isinstance(step, Kernel)]

    @functools.cached_property
    def files(self) -> list[str]:
        """The C of the kernels; no file where there are none."""
        return self.unit.source_files(usable_cpus()) if self.unit.kernels else []

    def image(self) -> Image:
        """What a process needs to run the graph."""
        steps = tuple([self._step(number, step) for number, step in enumerate(self.steps)])
        neighbours = [self._neighbour(step, made) for step, made in zip(self.steps, steps, strict=True)]
        return Image(
            object=key_of_unit(self.files) if self.files else "",
            kernels=len(self.unit.kernels),
            arena_bytes=self.memory.arena_bytes,
            steps=steps,
            scalars=tuple(self.lowered.scalars),
            outputs=tuple([(root.shape, root.dtype) for root in self.layout.outputs]),
            updated=tuple(sorted({self._position(root) for root in self.updates.values()})),
            picks=tuple(map(self._pick, self.lowered.results)),
            errors=tuple([(type(error), error.args) for error in self.lowered.errors]),
            together=tuple(side_by_side(neighbours).items()),
        )

    # -- where things are ---------------------------------------------------------------------------------------------

    def _place_results(self) -> None:
        """Give each root outside the arena its entry in the table: inputs, outputs, extern results."""
        layout = self.layout
        outside = [*(r for r in self.lowered.inputs if r is not None), *layout.outputs, *layout.externs]
        self.entry: dict[Root, int] = {root: 1 + k for k, root in enumerate(outside)}
        self.holders = [None, *outside]  # by entry: the array that lies there
        self._held: dict[Root, int] = {root: k for k, root in enumerate(layout.externs)}
        self._positions: dict[Root, int] = {}
        for position, root in enumerate([*self.lowered.inputs, *layout.outputs]):
            if root is not None:
                self._positions.setdefault(root, position)
        lent = {layout.home(root): number for root, number in self.entry.items() if root in layout.over}
        for root in layout.first:  # a chain that ends in an output lies in it from the start
            home = layout.home(root)
            number = self.entry.get(home, lent.get(home))
            if number is not None:
                self.entry.setdefault(root, number)

    def offset(self, root: Root) -> int:
        """Where the arena holds a value."""
        return self.memory.offsets[self.layout.home(root).number]

    def _place(self, root: Root, offset: int = 0) -> Place:
        """Where an element of a root is."""
        entry, offset_bytes = self.entry.get(root), offset * numpy_dtype(root.dtype).itemsize
        if entry is None:
            return Place(ARENA, self.offset(root) + offset_bytes)
        return Place(entry, offset_bytes)

    def _position(self, root: Root) -> int:
        """Where a root is among the inputs, with the outputs behind them."""
        return self._positions[self.updates.get(root, root)]

    def _pick(self, result: Any) -> tuple[str, Any]:
        """Where a result lies after a run."""
        if isinstance(result, Scalar):
            return "scalar", result.slot
        if not isinstance(result, Root):
            return "constant", result
        return ("held", self._held[result]) if result in self._held else ("array", self._position(result))

    # -- steps --------------------------------------------------------------------------------------------------------

    def _step(self, number: int, step: Kernel | Call | Extern) -> Step:
        if isinstance(step, Extern):
            results = tuple([(root.shape, root.dtype) for root in step.roots])
            return PythonStep(step.op, step.params, tuple(map(self._operand, step.operands)), results)
        scratch = Place(ARENA, self.memory.offsets[-1 - number]) if scratch_bytes(step) else MISSING
        if isinstance(step, Call):
            places = [MISSING if ref is None else self._place(ref.root, ref.offset) for ref in step.operands]
            places += [self._place(root) if root.stored else MISSING for root in step.roots]
            if scratch != MISSING:
                places.append(scratch)
            scalars = [(o.slot, 0) if isinstance(o, Scalar) else (-1, o) for o in step.scalars]
            return LibraryCall(
                step.symbol,
                self._home(step.symbol, step.dims[0]),
                tuple(places),
                step.dims,
                tuple(scalars),
                step.errors,
                step.holds,
            )
        return Launch(
            step.number, step.printed.chunks, tuple(map(self._place, step.roots)), tuple(step.printed.dims),
            tuple(step.made.scalars), scratch,
        )  # fmt: skip

    def _neighbour(self, step: Kernel | Call | Extern, made: Step) -> Neighbour | None:
        """A launch with the memory that it touches."""
        values = neighbour(self.layout, step)
        if values is None or not isinstance(made, Launch):
            return None
        found = [
            Touched(place.buffer, place.offset, place.offset + touched.end, touched.written)
            for place, touched in zip(made.places, values.touched, strict=True)
        ]
        if made.partial != MISSING:
            start = made.partial.offset
            found.append(Touched(made.partial.buffer, start, start + scratch_bytes(step), written=True))
        return Neighbour(made.chunks, found)

    def _home(self, symbol: str, item_bytes: int) -> str:
        """The object of a library kernel; its key is made of its text, so it is asked for once."""
        found = self._homes.get((symbol, item_bytes))
        if found is None:
            found = self._homes[symbol, item_bytes] = library_home(symbol, item_bytes)
        return found

    def _operand(self, operand: Any) -> Any:
        if isinstance(operand, Scalar):
            return Slot(operand.slot)
        if not isinstance(operand, Ref):
            return operand
        root = operand.root
        plain = operand.whole and operand.shape == root.shape
        entry = self.entry.get(root)
        if entry is None:
            home, at = "arena", self.offset(root)
        else:
            holder = self.holders[entry]  # the root itself, or what it lies in until that is made
            assert holder is not None
            held = self._held.get(holder)
            home, at = ("array", self._position(holder)) if held is None else ("held", held)
        return View(home, at, root.dtype, root.shape, plain, operand.offset, operand.shape, operand.strides)


def printed(layout: Layout, unit: Unit) -> list[Kernel | Call | Extern]:
    """The steps with their kernels printed."""
    return [
        Kernel(step.made, *unit.add(step.made.kernel, *_buffers(layout, number, step, unit)), step.makes)
        if isinstance(step, Draft)
        else step
        for number, step in enumerate(layout.steps)
    ]


def _buffers(layout: Layout, number: int, step: Draft, unit: Unit) -> tuple[frozenset[int], frozenset[int]]:
    """Of a kernel's buffers, those that may be one array, and those that are written past the caches."""
    return layout.shared.get(number, frozenset()), layout.streamed(number, step, unit.target.cache_bytes)


def neighbour(layout: Layout, step: Kernel | Call | Extern) -> Neighbour | None:
    """A launch with the values that it touches; None for what runs alone: after a step that fails nothing may run."""
    if not isinstance(step, Kernel) or has_checks(step.made.kernel):
        return None
    values = [
        Touched(layout.home(root).number, 0, bytes_of(root), buffer.output)
        for buffer, root in zip(step.made.kernel.buffers, step.roots, strict=True)
    ]
    return Neighbour(step.printed.chunks, values)


def planned_spans(layout: Layout, steps: Sequence[Kernel | Call | Extern]) -> list[Span]:
    """What the arena has to hold; scratch of launches that may run side by side is apart."""
    regions = side_by_side([neighbour(layout, step) for step in steps])
    lasts = {n: (first, first + count - 1) for first, count in regions.items() for n in range(first, first + count)}
    scratch = {n: (size, lasts.get(n, (n, n))) for n, step in enumerate(steps) if (size := scratch_bytes(step))}
    return layout.spans(scratch)


def scratch_bytes(step: Kernel | Call | Extern) -> int:
    """Memory that a step works in."""
    if isinstance(step, Kernel):
        return step.printed.partial_bytes
    return step.scratch_bytes if isinstance(step, Call) else 0
