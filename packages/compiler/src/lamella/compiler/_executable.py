"""A compiled graph: its steps, buffers and memory plan, the code they need, and the table that the runtime walks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamella.compiler import _steps
from lamella.compiler._c._loops import Printed
from lamella.compiler._c._unit import Unit
from lamella.compiler._lower._graph import lower_graph, mark_stored, numpy_dtype
from lamella.compiler._lower._group import Call, Extern
from lamella.compiler._lower._kernelize import Made
from lamella.compiler._lower._refs import Ref, Root, Scalar
from lamella.compiler._memory import Draft, Layout, drafts, lay_out
from lamella.compiler._native._load import PLAIN, WRITEABLE, Expected, Loaded, runtime
from lamella.compiler._plan import Plan, plan
from lamella.compiler._running import ARENA, Runner
from lamella.compiler._steps import MISSING, Launch, LibraryCall, Place, PythonStep
from lamella.compiler._toolchain import host_target, usable_cpus
from lamella.graph import Graph


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


class CompiledGraph:
    """Callable over a list of arrays and numbers; gives the outputs, then the effect values."""

    def __init__(self, graph: Graph, *, in_place: bool = False) -> None:
        self.graph = graph
        self.lowered = lowered = lower_graph(graph)
        mark_stored(lowered.steps)
        unit = Unit(host_target())
        self.layout = lay_out(drafts(lowered), lowered, in_place=in_place)
        self.steps = printed(self.layout, unit)
        self._place_results()
        self._plan_memory()
        self._fill(unit)
        self._expect()
        self.scalars_source = self._scalar_source()
        self.scalars = self._scalar_function()
        self.runner = Runner(self)
        self.run: Callable[[Sequence[Any]], list[Any]] = self.runner.make()
        self.single = self.runner.single  # gives the result of a graph that has one and nothing else

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once; see `run`."""
        return self.run(inputs)

    @property
    def kernels(self) -> list[Kernel]:
        """The launches, in order."""
        return [step for step in self.steps if isinstance(step, Kernel)]

    # -- building -----------------------------------------------------------------------------------------------------

    def _place_results(self) -> None:
        """Give each root outside the arena its entry in the table: inputs, outputs, extern results."""
        layout = self.layout
        self.output_roots = layout.outputs
        self.updates = {new: old for new, old in layout.over.items() if old in layout.inputs}
        outside = [*(r for r in self.lowered.inputs if r is not None), *layout.outputs, *layout.externs]
        self.entry: dict[Root, int] = {root: 1 + k for k, root in enumerate(outside)}
        self.holders = [None, *outside]  # by entry: the array that lies there
        self.extern_slots: dict[Root, int] = {root: k for k, root in enumerate(layout.externs)}
        self.table_size = 1 + len(self.entry)
        lent = {layout.home(root): number for root, number in self.entry.items() if root in layout.over}
        for root in layout.first:  # a chain that ends in an output lies in it from the start
            home = layout.home(root)
            number = self.entry.get(home, lent.get(home))
            if number is not None:
                self.entry.setdefault(root, number)

    def _plan_memory(self) -> None:
        """Which results and scratch live in the arena, and where."""
        self.memory: Plan = plan(self.layout.spans(list(map(scratch_bytes, self.steps))))
        self.arena_refs = {
            ref
            for step in self.steps
            if isinstance(step, Extern)
            for ref in step.operands
            if isinstance(ref, Ref) and ref.root not in self.entry
        }

    def offset(self, root: Root) -> int:
        """Where the arena holds a value."""
        return self.memory.offsets[self.layout.home(root).number]

    def _place(self, root: Root, offset: int = 0) -> Place:
        """Where an element of a root is."""
        entry, offset_bytes = self.entry.get(root), offset * numpy_dtype(root.dtype).itemsize
        if entry is None:
            return Place(ARENA, self.offset(root) + offset_bytes)
        return Place(entry, offset_bytes)

    def _fill(self, unit: Unit) -> None:
        """Compile and load the kernels, and fill the table with them."""
        self._loaded = None
        self.c_source = ""
        names = list(dict.fromkeys((step.symbol, step.dims[0]) for step in self.steps if isinstance(step, Call)))
        with ThreadPoolExecutor(1) as pool:  # both may have to wait for a compiler
            symbols = pool.map(lambda name: runtime().symbol(*name), names)
            if unit.kernels:
                files = unit.source_files(usable_cpus())
                self._loaded = Loaded(files, len(unit.kernels))
                self.c_source = "".join(files)
            self._symbols = dict(zip(names, symbols, strict=True))
        steps = [self._step(number, step) for number, step in enumerate(self.steps)]
        self.table, self.starts = _steps.fill(steps)
        self.words = [int(self.table[start + 1]) for start in self.starts]
        self.first = _steps.FIRST

    def _step(self, number: int, step: Kernel | Call | Extern) -> _steps.Step:
        if isinstance(step, Extern):
            return PythonStep()
        scratch = Place(ARENA, self.memory.offsets[-1 - number]) if scratch_bytes(step) else MISSING
        if isinstance(step, Call):
            places = [MISSING if ref is None else self._place(ref.root, ref.offset) for ref in step.operands]
            places += [self._place(root) for root in step.roots]
            scalars = [(o.slot, 0) if isinstance(o, Scalar) else (-1, o) for o in step.scalars]
            if scratch != MISSING:
                places.append(scratch)
            function = self._symbols[step.symbol, step.dims[0]]
            return LibraryCall(function, tuple(places), step.dims, tuple(scalars), step.errors)
        assert self._loaded is not None
        printed = step.printed
        return Launch(
            self._loaded.kernels[step.number], self._loaded.totals[step.number], printed.chunks,
            tuple(self._place(root) for root in step.roots), tuple(printed.dims), tuple(step.made.scalars), scratch,
        )  # fmt: skip

    def _expect(self) -> None:
        """What the list of inputs and outputs must hold, as the runtime checks it."""
        inputs = self.lowered.inputs
        wanted = [(position, root) for position, root in enumerate(inputs) if root is not None]
        wanted += [(len(inputs) + k, root) for k, root in enumerate(self.output_roots)]
        self.expected = (Expected * max(1, len(wanted)))()
        self._keep: list[Any] = []
        written = set(self.updates.values())
        for k, (position, root) in enumerate(wanted):
            flags = PLAIN | WRITEABLE if root in written else PLAIN
            shape = (ctypes.c_int64 * max(1, len(root.shape)))(*root.shape)
            dtype = numpy_dtype(root.dtype)
            self._keep += [shape, dtype]
            self.expected[k] = Expected(
                position, self.entry[root], len(root.shape), flags, ctypes.addressof(shape), id(dtype)
            )
        self.expected_count = len(wanted)
        self.expected_address = ctypes.addressof(self.expected)

    # -- host scalars -------------------------------------------------------------------------------------------------

    def _scalar_source(self) -> str:
        """A function that computes all host scalars, writes those kernels read, and returns those Python reads."""
        program = self.lowered.scalars
        self.scalar_count = len(program.names)
        in_native: set[int] = set()
        in_python = {r.slot for r in self.lowered.results if isinstance(r, Scalar)}
        for step in self.steps:
            if isinstance(step, Kernel):
                in_native.update(step.made.scalars)
            elif isinstance(step, Call):
                in_native.update(o.slot for o in step.scalars if isinstance(o, Scalar))
            else:
                in_python.update(o.slot for o in step.operands if isinstance(o, Scalar))
        self.python_scalars = {slot: k for k, slot in enumerate(sorted(in_python))}
        lines = ["def scalars(inputs, F, I):"]
        lines += [f"    {line}" for line in program.lines]
        for slot in sorted(in_native):
            lines.append(f"    {'F' if program.kinds[slot] == 'f64' else 'I'}[{slot}] = {program.names[slot]}")
        lines.append(f"    return ({''.join(program.names[slot] + ', ' for slot in self.python_scalars)})")
        return "\n".join(lines) + "\n"

    def _scalar_function(self) -> Callable[..., tuple[Any, ...]] | None:
        if not self.scalar_count:
            return None
        namespace: dict[str, Any] = dict(self.lowered.scalars.constants)
        exec(compile(self.scalars_source, f"<scalars of {self.graph.name}>", "exec"), namespace)
        function: Callable[..., tuple[Any, ...]] = namespace["scalars"]
        return function

    @property
    def source(self) -> Path | None:
        """The file with the C of the kernels (further parts lie beside it); None where there are none."""
        return None if self._loaded is None else self._loaded.path.with_suffix(".c")

    def explain(self, measure: bool = False) -> str:
        """Steps with the ops and lines they came from, their costs, and the memory plan; `measure` times each step."""
        from lamella.compiler._account import table  # for whoever asks

        return table(self, measure)


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


def scratch_bytes(step: Kernel | Call | Extern) -> int:
    """Memory that a step works in."""
    if isinstance(step, Kernel):
        return step.printed.partial_bytes
    return step.scratch_bytes if isinstance(step, Call) else 0


def compile_graph(graph: Graph, *, in_place: bool = False) -> CompiledGraph:
    """Compile a graph to native code; CompilerMissing where there is no C compiler.

    With `in_place` the value of a `write` effect may be the input itself, already written.
    """
    return CompiledGraph(graph, in_place=in_place)
