"""A compiled graph: its native segments and extern steps, run over plain arrays.

`run` is reentrant and thread-safe: everything a call writes to (arena, pointer table, scalar table) is a frame taken
from a pool for the length of the call. Inputs may be non-contiguous (they are copied then); outputs are fresh arrays.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella.compiler._c._unit import Launch, Place, Unit
from lamella.compiler._lower._graph import Lowered, lower_graph, mark_stored, numpy_dtype
from lamella.compiler._lower._group import Extern, Group
from lamella.compiler._lower._kernelize import Made, kernelize
from lamella.compiler._lower._refs import Ref, Root, Scalar
from lamella.compiler._native._load import Expected, Frame, load_unit, runtime
from lamella.compiler._plan import ALIGN, Plan, Span, plan
from lamella.compiler._toolchain import host_target
from lamella.graph import Graph, ScalarType, TensorType

_ARENA = 0  # the arena's entry in the table of buffers
_SCALAR_TYPES = {"i64": int, "f64": float, "bool": bool}


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """One launch, for explain()."""

    name: str
    source: tuple[str, ...]
    chunks: int


class _CallFrame:
    """What one call in flight writes to."""

    __slots__ = ("address", "arena", "data", "held", "keep", "numbers", "scalars_f", "scalars_i", "views")

    def __init__(self, program: CompiledGraph) -> None:
        size = program.memory.arena_bytes
        block = np.empty(size + ALIGN, np.uint8)
        start = -block.ctypes.data % ALIGN
        self.arena = block[start : start + size]
        self.data = (ctypes.c_void_p * program.table_size)()
        self.data[_ARENA] = self.arena.ctypes.data
        count = max(1, program.scalar_count)
        self.scalars_f = (ctypes.c_double * count)()
        self.scalars_i = (ctypes.c_int64 * count).from_buffer(self.scalars_f)
        self.numbers: tuple[Any, ...] = ()
        self.held: list[Any] = [None] * len(program.extern_slots)
        self.views = {ref: self._view(ref, program) for ref in program.arena_refs}
        frame = Frame(
            ctypes.addressof(self.data), ctypes.addressof(self.scalars_f), program.expected_address,
            program.expected_count, program.segments_address,
        )  # fmt: skip
        self.keep = frame
        self.address = ctypes.addressof(frame)

    def _view(self, ref: Ref, program: CompiledGraph) -> np.ndarray[Any, Any]:
        dtype = numpy_dtype(ref.dtype)
        base = program.memory.offsets[ref.root.number]
        flat = self.arena[base : base + ref.root.size * dtype.itemsize].view(dtype)
        return strided(flat.reshape(ref.root.shape), ref)


def strided(array: np.ndarray[Any, Any], ref: Ref) -> np.ndarray[Any, Any]:
    """The numpy view of a root's array that a ref stands for."""
    if ref.whole and ref.shape == ref.root.shape:
        return array
    item = array.itemsize
    strides = tuple(s * item for s in ref.strides)
    return np.ndarray(ref.shape, array.dtype, array, ref.offset * item, strides)


class CompiledGraph:
    """Callable over a list of arrays and numbers; gives the outputs, then the effect values."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        lowered = lower_graph(graph)
        mark_stored(lowered.steps)
        self._errors = lowered.errors
        self._number_steps(lowered)
        self._place_results(lowered)
        unit = Unit(host_target())
        self._build(lowered, unit)
        self._load(unit)
        self._expect(lowered)
        self.scalars_source = self._scalar_source(lowered)
        self._frames: list[_CallFrame] = []
        self._scalar_inputs = [
            (position, _SCALAR_TYPES[value.type.kind])
            for position, value in enumerate(graph.inputs)
            if isinstance(value.type, ScalarType)
        ]
        self.run = self._runner(lowered)

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once; see `run`."""
        return self.run(inputs)

    # -- building -----------------------------------------------------------------------------------------------------

    def _number_steps(self, lowered: Lowered) -> None:
        """Drop groups nothing reads, and make the kernels of the others."""
        self.steps: list[tuple[Made, Group] | Extern] = []
        for step in lowered.steps:
            if isinstance(step, Extern):
                self.steps.append(step)
            elif isinstance(step, Group) and any(item.root.stored for item in step.items):
                self.steps.append((kernelize(step), step))

    def _place_results(self, lowered: Lowered) -> None:
        """Give each root outside the arena its entry in the table: inputs, outputs, extern results."""
        self.entry: dict[Root, int] = {}
        for root in lowered.inputs:
            if root is not None:
                self.entry[root] = 1 + len(self.entry)
        extern_roots = {root for step in self.steps if isinstance(step, Extern) for root in step.roots}
        self.output_roots: list[Root] = []
        for result in lowered.results:
            if isinstance(result, Root) and result not in self.entry and result not in extern_roots:
                self.entry[result] = 1 + len(self.entry)
                self.output_roots.append(result)
        self.extern_slots: dict[Root, int] = {}
        self.outs: dict[Root, int] = {}
        for step in self.steps:
            if isinstance(step, Extern) and not self._writes_arena(step, lowered):
                for root in step.roots:
                    self.extern_slots[root] = len(self.extern_slots)
                    self.entry[root] = 1 + len(self.entry)
        self.table_size = 1 + len(self.entry)

    def _writes_arena(self, step: Extern, lowered: Lowered) -> bool:
        """matmul writes into planned memory, unless its result leaves the graph."""
        (root, *rest) = step.roots
        return step.name == "matmul" and not rest and root.dtype in ("f32", "f64") and root not in lowered.results

    def _build(self, lowered: Lowered, unit: Unit) -> None:
        prints = {}
        first: dict[Root, int] = {}
        last: dict[Root, int] = {}
        spans: list[Span] = []
        partial_keys: dict[int, int] = {}
        next_key = max((r.number for r in [*self.entry, *self._all_roots()]), default=0) + 1
        for number, step in enumerate(self.steps):
            touched = (
                step[0].buffers
                if isinstance(step, tuple)
                else [*step.roots, *(o.root for o in step.operands if isinstance(o, Ref))]
            )
            for root in touched:
                first.setdefault(root, number)
                last[root] = number
            if isinstance(step, tuple):
                printed_number, printed = unit.add(step[0].kernel)
                prints[number] = (printed_number, printed)
                if printed.partial_bytes:
                    partial_keys[number] = next_key
                    spans.append(Span(next_key, printed.partial_bytes, number, number))
                    next_key += 1
        for root, begin in first.items():
            if root not in self.entry:
                spans.append(Span(root.number, root.size * numpy_dtype(root.dtype).itemsize, begin, last[root]))
        self.memory: Plan = plan(spans)
        self.program: list[int | Extern] = []
        self.kernels: list[KernelInfo] = []
        self.arena_refs: set[Ref] = set()
        open_segment = False
        for number, step in enumerate(self.steps):
            if isinstance(step, Extern):
                self.program.append(step)
                refs = [o for o in step.operands if isinstance(o, Ref)] + [r.ref() for r in step.roots]
                self.arena_refs.update(ref for ref in refs if ref.root not in self.entry)
                open_segment = False
                continue
            if not open_segment:
                self.program.append(len(unit.segments))
                unit.segments.append([])
                open_segment = True
            made, (printed_number, printed) = step[0], prints[number]
            key = partial_keys.get(number)
            partial = None if key is None else Place(_ARENA, self.memory.offsets[key])
            places = tuple(self._place(root) for root in made.buffers)
            unit.segments[-1].append(
                Launch(printed_number, tuple(printed.dims), printed.chunks, places, tuple(made.scalars), partial)
            )
            self.kernels.append(KernelInfo(f"k{printed_number}", made.kernel.source, printed.chunks))
        self.c_source = unit.source() if unit.segments else ""

    def _all_roots(self) -> list[Root]:
        return [root for step in self.steps for root in (step[0].buffers if isinstance(step, tuple) else step.roots)]

    def _place(self, root: Root) -> Place:
        entry = self.entry.get(root)
        return Place(_ARENA, self.memory.offsets[root.number]) if entry is None else Place(entry)

    def _load(self, unit: Unit) -> None:
        self._library = load_unit(self.c_source) if self.c_source else None
        count = len(unit.segments)
        self._segments = (ctypes.c_void_p * max(1, count))()
        for k in range(count):
            self._segments[k] = ctypes.cast(getattr(self._library, f"lm_segment_{k}"), ctypes.c_void_p).value
        self.segments_address = ctypes.addressof(self._segments)

    def _expect(self, lowered: Lowered) -> None:
        """What the list of inputs and outputs must hold, as the runtime checks it."""
        wanted = [(position, root) for position, root in enumerate(lowered.inputs) if root is not None]
        wanted += [(len(lowered.inputs) + k, root) for k, root in enumerate(self.output_roots)]
        self._expected = (Expected * max(1, len(wanted)))()
        self._keep: list[Any] = []
        for k, (position, root) in enumerate(wanted):
            shape = (ctypes.c_int64 * max(1, len(root.shape)))(*root.shape)
            dtype = numpy_dtype(root.dtype)
            self._keep += [shape, dtype]
            self._expected[k] = Expected(
                position, self.entry[root], len(root.shape), ctypes.addressof(shape), id(dtype)
            )
        self.expected_count = len(wanted)
        self.expected_address = ctypes.addressof(self._expected)

    # -- host scalars -------------------------------------------------------------------------------------------------

    def _scalar_source(self, lowered: Lowered) -> str:
        """A function that computes all host scalars, writes those kernels read, and returns those Python reads."""
        program = lowered.scalars
        self.scalar_count = len(program.names)
        in_kernels = {slot for step in self.steps if isinstance(step, tuple) for slot in step[0].scalars}
        in_python = {
            o.slot for step in self.steps if isinstance(step, Extern) for o in step.operands if isinstance(o, Scalar)
        }
        in_python |= {r.slot for r in lowered.results if isinstance(r, Scalar)}
        self.python_scalars = {slot: k for k, slot in enumerate(sorted(in_python))}
        lines = ["def scalars(inputs, F, I):"]
        lines += [f"    {line}" for line in program.lines]
        for slot in sorted(in_kernels):
            lines.append(f"    {'F' if program.kinds[slot] == 'f64' else 'I'}[{slot}] = {program.names[slot]}")
        lines.append(f"    return ({''.join(program.names[slot] + ', ' for slot in self.python_scalars)})")
        self._scalar_constants = program.constants
        return "\n".join(lines) + "\n"

    # -- running ------------------------------------------------------------------------------------------------------

    def _runner(self, lowered: Lowered) -> Callable[[Sequence[Any]], list[Any]]:
        namespace: dict[str, Any] = dict(self._scalar_constants)
        exec(compile(self.scalars_source, f"<scalars of {self.graph.name}>", "exec"), namespace)
        scalars = namespace["scalars"] if self.scalar_count else None
        empty, count, frames = np.empty, len(lowered.inputs), self._frames
        made = [(root.shape, numpy_dtype(root.dtype)) for root in self.output_roots]
        native = runtime()
        bind, step_ = (native.bind if native.reads_lists else self._bind_slowly), native.step
        picks = [self._pick(result, lowered) for result in lowered.results]
        simple = self.program == [0] and native.reads_lists and not self._errors and all(k == "array" for k, _ in picks)
        positions = [p for _, p in picks]
        actions = [step if isinstance(step, int) else self._extern_action(step, lowered) for step in self.program]
        start = native.run

        def take() -> _CallFrame:
            try:
                return frames.pop()  # not guarded by a test: another thread may take the last one
            except IndexError:
                return _CallFrame(self)

        def checked(arrays: list[Any], status: int) -> None:
            self._conform(arrays, -1 - status, lowered)

        def run_simple(inputs: Sequence[Any]) -> list[Any]:
            arrays = [*inputs, *[empty(s, d) for s, d in made]]
            frame = take()
            if scalars is not None or len(inputs) != count:
                self._check_scalars(inputs, lowered)
                if scalars is not None:
                    scalars(inputs, frame.scalars_f, frame.scalars_i)
            status = start(frame.address, arrays)
            while status:
                checked(arrays, status)
                status = start(frame.address, arrays)
            frames.append(frame)
            return [arrays[p] for p in positions]

        def run(inputs: Sequence[Any]) -> list[Any]:
            self._check_scalars(inputs, lowered)
            arrays = [*inputs, *[empty(s, d) for s, d in made]]
            frame = take()
            frame.numbers = () if scalars is None else scalars(inputs, frame.scalars_f, frame.scalars_i)
            status = bind(frame.address, arrays)
            while status:
                checked(arrays, status)
                status = bind(frame.address, arrays)
            address = frame.address
            with np.errstate(all="ignore"):  # what numpy would warn about is a value here, as in kernels
                for action in actions:
                    if isinstance(action, int):
                        code = step_(address, action)
                        if code:
                            raise self._error(code)
                    else:
                        action(frame, arrays)
            held, numbers = frame.held, frame.numbers
            found = [
                arrays[p] if kind == "array" else held[p] if kind == "held" else numbers[p] if kind == "number" else p
                for kind, p in picks
            ]
            frame.held = [None] * len(held)
            frames.append(frame)
            return found

        return run_simple if simple else run

    def _error(self, code: int) -> Exception:
        error = self._errors[code - 1]
        return type(error)(*error.args)

    def _pick(self, result: Any, lowered: Lowered) -> tuple[str, Any]:
        """Where a result lies after a run."""
        if isinstance(result, Scalar):
            return "number", self.python_scalars[result.slot]
        if not isinstance(result, Root):
            return "constant", result
        if result in self.extern_slots:
            return "held", self.extern_slots[result]
        return "array", self._position(result, lowered)

    def _position(self, root: Root, lowered: Lowered) -> int:
        for position, given in enumerate(lowered.inputs):
            if given is root:
                return position
        return len(lowered.inputs) + self.output_roots.index(root)

    def _extern_action(self, step: Extern, lowered: Lowered) -> Callable[[_CallFrame, list[Any]], None]:
        kernel, params = step.kernel, step.params
        if kernel is None:
            raise AssertionError("an extern step has a kernel")
        getters = [self._getter(operand, lowered) for operand in step.operands]
        if step.roots[0] not in self.extern_slots:
            target = step.roots[0].ref()

            def into(frame: _CallFrame, arrays: list[Any]) -> None:
                a, b = (get(frame, arrays) for get in getters)
                np.matmul(a, b, out=frame.views[target])

            return into
        slots = [(self.extern_slots[r], self.entry[r], r.shape, numpy_dtype(r.dtype)) for r in step.roots]
        many = len(slots) > 1

        def call(frame: _CallFrame, arrays: list[Any]) -> None:
            out = kernel(*[get(frame, arrays) for get in getters], **params)
            for (slot, entry, shape, dtype), array in zip(slots, out if many else (out,), strict=True):
                whole = np.ascontiguousarray(array, dtype).reshape(shape)
                if whole.base is not None and np.may_share_memory(whole, frame.arena):
                    whole = whole.copy()  # the kernel gave a view of its operand, whose memory is about to be reused
                frame.held[slot] = whole
                frame.data[entry] = whole.ctypes.data

        return call

    def _getter(self, operand: Any, lowered: Lowered) -> Callable[[_CallFrame, list[Any]], Any]:
        if isinstance(operand, Scalar):
            k = self.python_scalars[operand.slot]
            return lambda frame, arrays: frame.numbers[k]
        if not isinstance(operand, Ref):
            return lambda frame, arrays: operand
        root = operand.root
        if root in self.extern_slots:
            slot = self.extern_slots[root]
            return lambda frame, arrays: strided(frame.held[slot], operand)
        if root in self.entry:
            position = self._position(root, lowered)
            return lambda frame, arrays: strided(arrays[position], operand)
        return lambda frame, arrays: frame.views[operand]

    # -- inputs that are not as expected ------------------------------------------------------------------------------

    def _check_scalars(self, inputs: Sequence[Any], lowered: Lowered) -> None:
        if len(inputs) != len(lowered.inputs):
            raise ValueError(f"graph {self.graph.name!r} takes {len(lowered.inputs)} inputs, got {len(inputs)}")
        for position, kind in self._scalar_inputs:
            if type(inputs[position]) is not kind:
                raise TypeError(
                    f"graph {self.graph.name!r}, input {position} must be a Python {kind.__name__}, "
                    f"got {inputs[position]!r} of type {type(inputs[position]).__name__}"
                )

    def _conform(self, arrays: list[Any], position: int, lowered: Lowered) -> None:
        """Replace a strided array by a contiguous copy; TypeError for anything but an array of the declared type."""
        if position >= len(self.graph.inputs):
            raise AssertionError("an output array is as it was made")
        array, type_ = arrays[position], self.graph.inputs[position].type
        if not isinstance(type_, TensorType):
            raise AssertionError("only tensors are bound")
        plain = isinstance(array, np.ndarray)
        if not plain or array.shape != type_.shape or array.dtype != type_.dtype.numpy:
            given = f"{array.dtype}{list(array.shape)}" if plain else type(array).__name__
            label = self.graph.sources[position]
            where = f" ({label})" if label else ""
            raise TypeError(f"graph {self.graph.name!r}, input {position}{where} must be {type_}, got {given}")
        fresh = np.empty(type_.shape, type_.dtype.numpy)
        fresh[...] = array
        arrays[position] = fresh

    def _bind_slowly(self, address: int, arrays: list[Any]) -> int:
        """What the runtime does by reading objects, by asking numpy."""
        frame = Frame.from_address(address)
        table = (ctypes.c_void_p * self.table_size).from_address(frame.data)
        for expected in self._expected[: self.expected_count]:
            array = arrays[expected.position]
            type_ = self.graph.inputs[expected.position].type if expected.position < len(self.graph.inputs) else None
            plain = type(array) is np.ndarray and array.flags.c_contiguous and array.flags.aligned
            if not plain or (
                isinstance(type_, TensorType) and (array.shape != type_.shape or array.dtype is not type_.dtype.numpy)
            ):
                return -1 - int(expected.position)
            table[expected.buffer] = array.ctypes.data
        return 0

    def explain(self) -> str:
        """Kernels with the ops they came from, extern steps and arena size, one line each."""
        lines = [f"graph {self.graph.name}: {len(self.kernels)} kernel launches, arena {self.memory.arena_bytes} bytes"]
        kernels = iter(self.kernels)
        for step in self.steps:
            if isinstance(step, Extern):
                lines.append(f"  extern {step.name}")
            else:
                info = next(kernels)
                lines.append(f"  {info.name} ({info.chunks} chunks): {' '.join(info.source)}")
        return "\n".join(lines) + "\n"


def compile_graph(graph: Graph) -> CompiledGraph:
    """Compile a graph to native code; CompilerMissing where there is no C compiler."""
    return CompiledGraph(graph)
