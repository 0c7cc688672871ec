"""A compiled graph: an image with its code loaded, the table that the runtime walks, and the function that runs it.

The image comes from disk, where a process has compiled the same graph before; else the graph is lowered.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamella.compiler import _saved, _steps
from lamella.compiler._image import Image, Slot, View, entries_of, numpy_dtype
from lamella.compiler._native._load import PLAIN, WRITEABLE, Expected, Loaded, build_library, build_unit, runtime
from lamella.compiler._running import Runner, python_kernel
from lamella.compiler._scalars import scalar_function
from lamella.compiler._steps import Launch, LibraryCall, PythonStep
from lamella.graph import Graph, TensorType

if TYPE_CHECKING:
    from lamella.compiler._assembly import Assembly, Kernel
    from lamella.compiler._lower._steps import Call, Extern
    from lamella.compiler._memory import Layout
    from lamella.compiler._plan import Plan


class CompiledGraph:
    """Callable over a list of arrays and numbers; gives the outputs, then the effect values."""

    def __init__(self, graph: Graph, *, in_place: bool = False) -> None:
        self.graph = graph
        self._in_place = in_place
        key = _saved.key_of(graph, in_place=in_place)
        saved = None if key is None else _saved.load(key, graph)
        if saved is None:
            self.image = self._made_anew(key)
        else:
            self.image, objects = saved
            self._loaded = Loaded(objects[self.image.object], self.image.kernels) if self.image.object else None
            self._library = _functions(self.image, objects)
        self._enter()
        self._expect()
        self.scalars = self._scalar_function()
        self.python_kernels = {
            number: python_kernel(step.op, step.params)
            for number, step in enumerate(self.image.steps)
            if isinstance(step, PythonStep)
        }
        self.runner = Runner(self)
        self.run: Callable[[Sequence[Any]], list[Any]] = self.runner.make()
        self.single = self.runner.single  # gives the result of a graph that has one and nothing else

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once; see `run`."""
        return self.run(inputs)

    def let_go(self) -> None:
        """Give back the memory that calls have worked in, which is kept for the next one."""
        self.runner.frames.clear()

    # -- what it was made from ----------------------------------------------------------------------------------------

    @functools.cached_property
    def assembly(self) -> Assembly:
        """The graph lowered and printed, once more: a run needs none of it."""
        return self._assembled()

    @property
    def kernels(self) -> list[Kernel]:
        """The launches, in order."""
        return self.assembly.kernels

    @property
    def steps(self) -> list[Kernel | Call | Extern]:
        """All steps, in order."""
        return self.assembly.steps

    @property
    def layout(self) -> Layout:
        """Which arrays share memory."""
        return self.assembly.layout

    @property
    def memory(self) -> Plan:
        """What lies where in the arena."""
        return self.assembly.memory

    @property
    def c_source(self) -> str:
        """The C of the kernels."""
        return "".join(self.assembly.files)

    @property
    def source(self) -> Path | None:
        """The file with the C of the kernels (further parts lie beside it); None where there are none."""
        return None if self._loaded is None else self._loaded.path.with_suffix(".c")

    def explain(self, measure: bool = False) -> str:
        """Steps with the ops and lines they came from, their costs, and the memory plan; `measure` times each step."""
        from lamella.compiler._account import table  # for whoever asks

        return table(self, measure)

    def _assembled(self) -> Assembly:
        from lamella.compiler._assembly import Assembly  # which brings lowering and printing along

        return Assembly(self.graph, in_place=self._in_place)

    # -- building -----------------------------------------------------------------------------------------------------

    def _made_anew(self, key: str | None) -> Image:
        """Lower the graph, compile and load its kernels, and keep the image on disk where it has a key."""
        from concurrent.futures import ThreadPoolExecutor

        assembly = self._assembled()
        image, files = assembly.image(), assembly.files
        homes = {step.home: step for step in image.steps if isinstance(step, LibraryCall) and step.home}
        with ThreadPoolExecutor(1) as pool:  # both may have to wait for a compiler
            objects = pool.map(lambda step: build_library(step.symbol, step.dims[0]), homes.values())
            self._loaded = Loaded(build_unit(files), image.kernels) if files else None
            self._library = _functions(image, dict(zip(homes, objects, strict=True)))
        if key is not None:
            _saved.save(key, image)
        return image

    def _enter(self) -> None:
        """Number what the runtime finds in the table of buffers, and fill the table of steps."""
        image = self.image
        self.entries = entries_of(self.graph)  # of the inputs
        self.first_output = 1 + sum(entry is not None for entry in self.entries)
        self.held = image.held
        self.table_size = self.first_output + len(image.outputs) + len(self.held)
        self.arena_views = {
            operand
            for step in image.steps
            if isinstance(step, PythonStep)
            for operand in step.operands
            if isinstance(operand, View) and operand.home == "arena"
        }
        kernels = [] if self._loaded is None else self._loaded.kernels
        self.table, self.starts = _steps.fill(image.steps, kernels, self._library, image.together)
        self.words = [int(self.table[start + 1]) for start in self.starts]
        self.first = _steps.FIRST

    def _expect(self) -> None:
        """What the list of inputs and outputs must hold, as the runtime checks it."""
        inputs, written = self.graph.inputs, set(self.image.updated)
        wanted = [
            (position, entry, value.type.shape, value.type.dtype.numpy)
            for position, (value, entry) in enumerate(zip(inputs, self.entries, strict=True))
            if entry is not None and isinstance(value.type, TensorType)
        ]
        wanted += [
            (len(inputs) + k, self.first_output + k, shape, numpy_dtype(dtype))
            for k, (shape, dtype) in enumerate(self.image.outputs)
        ]
        self.expected = (Expected * max(1, len(wanted)))()
        self._keep: list[Any] = []
        for k, (position, entry, shape, dtype) in enumerate(wanted):
            flags = PLAIN | WRITEABLE if position in written else PLAIN
            sizes = (ctypes.c_int64 * max(1, len(shape)))(*shape)
            self._keep += [sizes, dtype]
            self.expected[k] = Expected(position, entry, len(shape), flags, ctypes.addressof(sizes), id(dtype))
        self.expected_count = len(wanted)
        self.expected_address = ctypes.addressof(self.expected)

    def _scalar_function(self) -> Callable[..., tuple[Any, ...]] | None:
        """A function that computes all host scalars, writes those kernels read, and returns those Python reads."""
        image = self.image
        native: set[int] = set()
        python = {at for kind, at in image.picks if kind == "scalar"}
        for step in image.steps:
            if isinstance(step, Launch):
                native.update(step.scalars)
            elif isinstance(step, LibraryCall):
                native.update(slot for slot, _ in step.scalars if slot >= 0)
            else:
                python.update(o.number for o in step.operands if isinstance(o, Slot))
        self.python_scalars = {slot: k for k, slot in enumerate(sorted(python))}
        if not image.scalars:
            return None
        return scalar_function(image.scalars, self.graph.name, native=native, python=list(self.python_scalars))


def _functions(image: Image, objects: Mapping[str, Path]) -> dict[tuple[str, str], int]:
    """The library kernels that an image calls, by home and symbol."""
    wanted = dict.fromkeys((step.home, step.symbol) for step in image.steps if isinstance(step, LibraryCall))
    return {(home, symbol): runtime().symbol(symbol, objects.get(home)) for home, symbol in wanted}


def compile_graph(graph: Graph, *, in_place: bool = False) -> CompiledGraph:
    """Compile a graph to native code; CompilerMissing where there is no C compiler.

    With `in_place` the value of a `write` effect may be the input itself, already written.
    """
    return CompiledGraph(graph, in_place=in_place)
