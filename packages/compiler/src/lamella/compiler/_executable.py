"""A compiled graph: its steps, buffers and memory plan, the code they need, and the table that the runtime walks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamella.compiler import _steps
from lamella.compiler._account import table
from lamella.compiler._c._loops import Printed
from lamella.compiler._c._unit import Unit
from lamella.compiler._lower._graph import lower_graph, mark_stored, numpy_dtype
from lamella.compiler._lower._group import Call, Extern, Group, Step
from lamella.compiler._lower._kernelize import Made, kernelize
from lamella.compiler._lower._refs import Ref, Root, Scalar
from lamella.compiler._native._load import Expected, Loaded, runtime
from lamella.compiler._plan import Plan, Span, plan
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

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.lowered = lowered = lower_graph(graph)
        mark_stored(lowered.steps)
        unit = Unit(host_target())
        self.steps = list(_printed(lowered.steps, unit))
        self._place_results()
        self._plan_memory()
        self._fill(unit)
        self._expect()
        self.scalars_source = self._scalar_source()
        self.scalars = self._scalar_function()
        self.runner = Runner(self)
        self.run: Callable[[Sequence[Any]], list[Any]] = self.runner.make()

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
        self.entry: dict[Root, int] = {}
        for root in self.lowered.inputs:
            if root is not None:
                self.entry[root] = 1 + len(self.entry)
        extern_roots = {root for step in self.steps if isinstance(step, Extern) for root in step.roots}
        self.output_roots: list[Root] = []
        for result in self.lowered.results:
            if isinstance(result, Root) and result not in self.entry and result not in extern_roots:
                self.entry[result] = 1 + len(self.entry)
                self.output_roots.append(result)
        self.extern_slots: dict[Root, int] = {}
        for step in self.steps:
            if isinstance(step, Extern):
                for root in step.roots:
                    self.extern_slots[root] = len(self.extern_slots)
                    self.entry[root] = 1 + len(self.entry)
        self.table_size = 1 + len(self.entry)

    def _plan_memory(self) -> None:
        """Which results and scratch live in the arena, and where; `scratch` has a key for each step that asks."""
        first: dict[Root, int] = {}
        last: dict[Root, int] = {}
        spans: list[Span] = []
        self.scratch: dict[int, int] = {}
        for number, step in enumerate(self.steps):
            for root in _touched(step):
                first.setdefault(root, number)
                last[root] = number
            size = _scratch_bytes(step)
            if size:
                key = self.scratch[number] = -1 - number  # roots have keys from 0
                spans.append(Span(key, size, number, number))
        for root, begin in first.items():
            if root not in self.entry:
                spans.append(Span(root.number, root.size * numpy_dtype(root.dtype).itemsize, begin, last[root]))
        self.memory: Plan = plan(spans)
        self.arena_refs = {
            ref
            for step in self.steps
            if isinstance(step, Extern)
            for ref in step.operands
            if isinstance(ref, Ref) and ref.root not in self.entry
        }

    def _place(self, root: Root, offset: int = 0) -> Place:
        """Where an element of a root is."""
        entry, offset_bytes = self.entry.get(root), offset * numpy_dtype(root.dtype).itemsize
        if entry is None:
            return Place(ARENA, self.memory.offsets[root.number] + offset_bytes)
        return Place(entry, offset_bytes)

    def _fill(self, unit: Unit) -> None:
        """Compile and load the kernels, and fill the table with them."""
        self._loaded = None
        self.c_source = ""
        if unit.kernels:
            files = unit.source_files(usable_cpus())
            self._loaded = Loaded(files, len(unit.kernels))
            self.c_source = "".join(files)
        steps = [self._step(number, step) for number, step in enumerate(self.steps)]
        self.table, self.starts = _steps.fill(steps)
        self.words = [int(self.table[start + 1]) for start in self.starts]
        self.first = _steps.FIRST

    def _step(self, number: int, step: Kernel | Call | Extern) -> _steps.Step:
        if isinstance(step, Extern):
            return PythonStep()
        key = self.scratch.get(number)
        scratch = MISSING if key is None else Place(ARENA, self.memory.offsets[key])
        if isinstance(step, Call):
            places = [MISSING if ref is None else self._place(ref.root, ref.offset) for ref in step.operands]
            places += [self._place(root) for root in step.roots]
            scalars = [(o.slot, 0) if isinstance(o, Scalar) else (-1, o) for o in step.scalars]
            return LibraryCall(
                runtime().symbol(step.symbol), (*places, *([scratch] if key is not None else [])), step.dims,
                tuple(scalars), step.errors,
            )  # fmt: skip
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
        for k, (position, root) in enumerate(wanted):
            shape = (ctypes.c_int64 * max(1, len(root.shape)))(*root.shape)
            dtype = numpy_dtype(root.dtype)
            self._keep += [shape, dtype]
            self.expected[k] = Expected(position, self.entry[root], len(root.shape), ctypes.addressof(shape), id(dtype))
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
        return table(self, measure)


def _printed(steps: Iterable[Step], unit: Unit) -> Iterable[Kernel | Call | Extern]:
    """Groups as printed kernels, without those that nothing reads."""
    for step in steps:
        if isinstance(step, Extern | Call):
            yield step
        elif isinstance(step, Group) and any(item.root.stored for item in step.items):
            made = kernelize(step)
            yield Kernel(made, *unit.add(made.kernel), tuple(step.made))


def _touched(step: Kernel | Call | Extern) -> list[Root]:
    if isinstance(step, Kernel):
        return step.roots
    return [*step.roots, *(o.root for o in step.operands if isinstance(o, Ref))]


def _scratch_bytes(step: Kernel | Call | Extern) -> int:
    if isinstance(step, Kernel):
        return step.printed.partial_bytes
    return step.scratch_bytes if isinstance(step, Call) else 0


def compile_graph(graph: Graph) -> CompiledGraph:
    """Compile a graph to native code; CompilerMissing where there is no C compiler."""
    return CompiledGraph(graph)
