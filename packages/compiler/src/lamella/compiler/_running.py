"""Calls of a compiled graph: frames, the walk over the step table, and the steps that Python does.

A frame is everything a call writes to (arena, pointer table, scalar table); it is taken from a pool for the length of
the call, so calls are reentrant and thread-safe. Inputs may be non-contiguous (they are copied then); outputs are fresh
arrays.
"""

from __future__ import annotations

import ctypes
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lamella.compiler._image import ARENA, Slot, View, numpy_dtype
from lamella.compiler._native._load import Frame, runtime
from lamella.compiler._steps import END, FAILED, FIRST, Launch, LibraryCall, PythonStep
from lamella.graph import ScalarType, TensorType
from lamella.tensor.extend import Op, hold_blas, openblas, release_blas, rule

if TYPE_CHECKING:
    from lamella.compiler._executable import CompiledGraph

ALIGN = 64  # bytes, of the arena
SHORT = 4  # launches of one chunk each, some ten microseconds, that a call may do without giving the GIL away
SCALAR_TYPES = {"i64": int, "f64": float, "bool": bool}
_T = TypeVar("_T")
Action = Callable[["_Frame", list[Any]], None]


class _Frame:
    """What one call in flight writes to."""

    __slots__ = ("address", "arena", "data", "held", "keep", "numbers", "scalars_f", "scalars_i", "views")

    def __init__(self, program: CompiledGraph) -> None:
        size = program.image.arena_bytes
        block = np.empty(size + ALIGN, np.uint8)
        start = -block.ctypes.data % ALIGN
        self.arena = block[start : start + size]
        self.data = (ctypes.c_void_p * program.table_size)()
        self.data[ARENA] = self.arena.ctypes.data
        count = max(1, len(program.image.scalars))
        self.scalars_f = (ctypes.c_double * count)()
        self.scalars_i = (ctypes.c_int64 * count).from_buffer(self.scalars_f)
        self.numbers: tuple[Any, ...] = ()
        self.held: list[Any] = [None] * len(program.held)
        self.views = {view: self._view(view) for view in program.arena_views}
        frame = Frame(
            ctypes.addressof(self.data), ctypes.addressof(self.scalars_f), program.expected_address,
            program.expected_count, program.table.ctypes.data,
        )  # fmt: skip
        self.keep = frame
        self.address = ctypes.addressof(frame)

    def _view(self, view: View) -> np.ndarray[Any, Any]:
        dtype = numpy_dtype(view.dtype)
        flat = self.arena[view.at : view.at + math.prod(view.whole) * dtype.itemsize].view(dtype)
        return strided(flat.reshape(view.whole), view)


def strided(array: np.ndarray[Any, Any], view: View) -> np.ndarray[Any, Any]:
    """The numpy view of an array that a View stands for."""
    if view.plain:
        return array
    item = array.itemsize
    strides = tuple(s * item for s in view.strides)
    return np.ndarray(view.shape, array.dtype, array, view.offset * item, strides)


def python_kernel(op: Op, params: Mapping[str, Any]) -> tuple[Callable[..., Any], Mapping[str, Any]]:
    """What a step in Python calls, and the keywords that it is given."""
    if op.spec == "control":
        from lamella.compiler._loops import control_kernel  # which compiles the graphs inside

        return control_kernel(op, params), {}
    return rule(op, "numpy"), params


def _zeros_of(step: PythonStep) -> Callable[..., Any]:
    out = [np.zeros(shape, numpy_dtype(dtype)) for shape, dtype in step.results]
    return lambda *_: out[0] if len(out) == 1 else out


class Runner:
    """Makes the function that runs a compiled graph."""

    def __init__(self, program: CompiledGraph) -> None:
        self.program = program
        self.image = program.image
        self.frames: list[_Frame] = []
        self.single: Callable[[Sequence[Any]], Any] | None = None  # gives the one result itself
        self.scalar_inputs = [
            (position, SCALAR_TYPES[value.type.kind])
            for position, value in enumerate(program.graph.inputs)
            if isinstance(value.type, ScalarType)
        ]

    def make(self) -> Callable[[Sequence[Any]], list[Any]]:
        """`run(inputs)` gives the outputs, then the effect values."""
        program, image, native = self.program, self.image, runtime()
        made = [(shape, numpy_dtype(dtype)) for shape, dtype in image.outputs]
        picks = [(kind, program.python_scalars[at]) if kind == "scalar" else (kind, at) for kind, at in image.picks]
        actions = {}
        slot = 0  # of what Python steps hand back
        for number, step in enumerate(image.steps):
            if isinstance(step, PythonStep):
                action = self._extern(step, program.python_kernels[number], slot)
                actions[program.starts[number]] = action, program.starts[number] + program.words[number]
                slot += len(step.results)
        if native.reads_lists and not actions and all(kind == "array" for kind, _ in picks):
            inner = self._native(made, [position for _, position in picks])
        else:
            inner = self._mixed(made, picks, actions)
        return self._held(inner)

    def _held(self, call: Callable[..., _T]) -> Callable[..., _T]:
        """`call` while BLAS stays on the thread that calls it, where steps call it and it can be held."""
        blas = runtime().blas
        library = openblas()
        calls = any(isinstance(step, LibraryCall) and step.holds for step in self.image.steps)
        if not calls or blas is None or not blas.held or library is None:
            return call

        def held(*args: Any) -> _T:
            hold_blas(library)
            try:
                return call(*args)
            finally:
                release_blas(library)

        return held

    def step_seconds(self, inputs: Sequence[Any], trials: int) -> list[float]:
        """Median seconds of each step, walked alone, with the effects of those before it."""
        return self._held(self._step_seconds)(inputs, trials)

    def _step_seconds(self, inputs: Sequence[Any], trials: int) -> list[float]:
        program, native, seconds = self.program, runtime(), []
        self._check_scalars(inputs)
        arrays = [*inputs, *[np.empty(shape, numpy_dtype(dtype)) for shape, dtype in self.image.outputs]]
        frame = self._take()
        frame.numbers = () if program.scalars is None else program.scalars(inputs, frame.scalars_f, frame.scalars_i)
        self._bind_slowly(frame.address, arrays)
        slot = 0
        for number, (step, start, words) in enumerate(
            zip(self.image.steps, program.starts, program.words, strict=True)
        ):
            endless = isinstance(step, PythonStep) and step.op.name == "while_loop"
            if isinstance(step, PythonStep):
                # over these inputs it may never end: zeros stand for its results
                kernel = (_zeros_of(step), {}) if endless else program.python_kernels[number]
                call = functools.partial(self._extern(step, kernel, slot), frame, arrays)
                slot += len(step.results)
            else:
                alone = np.concatenate([[0], program.table[start : start + words], program.table[-END:]])
                kept = Frame.from_buffer_copy(frame.keep)
                kept.table = alone.ctypes.data
                call = functools.partial(native.walk, ctypes.addressof(kept), FIRST)
            times = []
            for _ in range(trials):
                started = time.perf_counter()
                call()
                times.append(time.perf_counter() - started)
            seconds.append(float("nan") if endless else float(np.median(times)))
        frame.held = [None] * len(frame.held)
        self.frames.append(frame)
        return seconds

    def _take(self) -> _Frame:
        try:
            return self.frames.pop()  # not guarded by a test: another thread may take the last one
        except IndexError:
            return _Frame(self.program)

    def _native(self, made: list[Any], positions: list[int]) -> Callable[[Sequence[Any]], list[Any]]:
        """A graph of native steps alone: one call of the runtime."""
        empty, count, failed = np.empty, len(self.program.graph.inputs), self._failed
        start = runtime().run_shortly if self._is_short() else runtime().run
        pop, push, take = self.frames.pop, self.frames.append, self._take
        if self.program.scalars is None and len(made) == 1 and positions == [count]:
            (shape, dtype), *_ = made

            def single(inputs: Sequence[Any]) -> Any:
                arrays = [*inputs, empty(shape, dtype)]
                if len(arrays) != count + 1:
                    self._check_scalars(inputs)
                try:
                    frame = pop()
                except IndexError:
                    frame = take()
                while status := start(frame.address, arrays):
                    failed(arrays, status)
                push(frame)
                return arrays[count]

            self.single = self._held(single)
            return lambda inputs: [single(inputs)]
        scalars = self.program.scalars

        def run(inputs: Sequence[Any]) -> list[Any]:
            arrays = [*inputs, *[empty(s, d) for s, d in made]]
            frame = take()
            if scalars is not None or len(inputs) != count:
                self._check_scalars(inputs)
                if scalars is not None:
                    scalars(inputs, frame.scalars_f, frame.scalars_i)
            while status := start(frame.address, arrays):
                failed(arrays, status)
            push(frame)
            return [arrays[p] for p in positions]

        return run

    def _is_short(self) -> bool:
        steps = self.image.steps
        return len(steps) <= SHORT and all(isinstance(step, Launch) and step.chunks <= 1 for step in steps)

    def _mixed(
        self, made: list[Any], picks: list[tuple[str, Any]], actions: dict[int, tuple[Action, int]]
    ) -> Callable[[Sequence[Any]], list[Any]]:
        """Native steps, and Python's between them."""
        native, frames, empty = runtime(), self.frames, np.empty
        bind, walk = (native.bind if native.reads_lists else self._bind_slowly), native.walk
        scalars, first = self.program.scalars, self.program.first

        def run(inputs: Sequence[Any]) -> list[Any]:
            self._check_scalars(inputs)
            arrays = [*inputs, *[empty(s, d) for s, d in made]]
            frame = self._take()
            frame.numbers = () if scalars is None else scalars(inputs, frame.scalars_f, frame.scalars_i)
            address = frame.address
            status = bind(address, arrays)
            while status:
                self._failed(arrays, status)
                status = bind(address, arrays)
            with np.errstate(all="ignore"):  # what numpy would warn about is a value here, as in kernels
                at = walk(address, first)
                while at:
                    if at < 0:
                        self._failed(arrays, at)
                    action, following = actions[at]
                    action(frame, arrays)
                    at = walk(address, following)
            held, numbers = frame.held, frame.numbers
            found = [
                arrays[p] if kind == "array" else held[p] if kind == "held" else numbers[p] if kind == "scalar" else p
                for kind, p in picks
            ]
            frame.held = [None] * len(held)
            frames.append(frame)
            return found

        return run

    def _failed(self, arrays: list[Any], status: int) -> None:
        """Raise what a step reported, or mend the input that was not plain."""
        if status <= FAILED:
            kind, args = self.image.errors[FAILED - status - 1]
            raise kind(*args)
        self._conform(arrays, -1 - status)

    # -- steps in Python ----------------------------------------------------------------------------------------------

    def _extern(self, step: PythonStep, kernel: tuple[Callable[..., Any], Mapping[str, Any]], first: int) -> Action:
        """What a step does, whose results are kept from slot `first` on."""
        function, params = kernel
        getters = [self._getter(operand) for operand in step.operands]
        entry = self.program.table_size - len(self.program.held) + first
        slots = [(first + k, entry + k, shape, numpy_dtype(dtype)) for k, (shape, dtype) in enumerate(step.results)]
        many = len(slots) > 1

        def call(frame: _Frame, arrays: list[Any]) -> None:
            out = function(*[get(frame, arrays) for get in getters], **params)
            for (slot, entry, shape, dtype), array in zip(slots, out if many else (out,), strict=True):
                whole = np.ascontiguousarray(array, dtype).reshape(shape)
                if whole.base is not None and np.may_share_memory(whole, frame.arena):
                    whole = whole.copy()  # the kernel gave a view of its operand, whose memory is about to be reused
                frame.held[slot] = whole
                frame.data[entry] = whole.ctypes.data

        return call

    def _getter(self, operand: Any) -> Callable[[_Frame, list[Any]], Any]:
        if isinstance(operand, Slot):
            k = self.program.python_scalars[operand.number]
            return lambda frame, arrays: frame.numbers[k]
        if not isinstance(operand, View):
            return lambda frame, arrays: operand
        if operand.home == "arena":
            return lambda frame, arrays: frame.views[operand]
        dtype, whole, at = numpy_dtype(operand.dtype), operand.whole, operand.at
        if operand.home == "held":
            return lambda frame, arrays: strided(frame.held[at].view(dtype).reshape(whole), operand)
        return lambda frame, arrays: strided(arrays[at].view(dtype).reshape(whole), operand)

    # -- inputs -------------------------------------------------------------------------------------------------------

    def _check_scalars(self, inputs: Sequence[Any]) -> None:
        graph = self.program.graph
        if len(inputs) != len(graph.inputs):
            raise ValueError(f"graph {graph.name!r} takes {len(graph.inputs)} inputs, got {len(inputs)}")
        for position, kind in self.scalar_inputs:
            if type(inputs[position]) is not kind:
                raise TypeError(
                    f"graph {self.program.graph.name!r}, input {position} must be a Python {kind.__name__}, "
                    f"got {inputs[position]!r} of type {type(inputs[position]).__name__}"
                )

    def _conform(self, arrays: list[Any], position: int) -> None:
        """Replace a strided array by a contiguous copy; TypeError for anything but an array of the declared type."""
        if position >= len(self.program.graph.inputs):
            raise AssertionError("an output array is as it was made")
        array, type_ = arrays[position], self.program.graph.inputs[position].type
        if not isinstance(type_, TensorType):
            raise AssertionError("only tensors are bound")
        plain = isinstance(array, np.ndarray)
        if not plain or array.shape != type_.shape or array.dtype != type_.dtype.numpy:
            given = f"{array.dtype}{list(array.shape)}" if plain else type(array).__name__
            label = self.program.graph.sources[position]
            where = f" ({label})" if label else ""
            raise TypeError(f"graph {self.program.graph.name!r}, input {position}{where} must be {type_}, got {given}")
        fresh = np.empty(type_.shape, type_.dtype.numpy)
        fresh[...] = array
        arrays[position] = fresh

    def _bind_slowly(self, address: int, arrays: list[Any]) -> int:
        """What the runtime does by reading objects, by asking numpy."""
        inputs, frame = self.program.graph.inputs, Frame.from_address(address)
        table = (ctypes.c_void_p * self.program.table_size).from_address(frame.data)
        for expected in self.program.expected[: self.program.expected_count]:
            array = arrays[expected.position]
            type_ = inputs[expected.position].type if expected.position < len(inputs) else None
            plain = type(array) is np.ndarray and array.flags.num & expected.flags == expected.flags
            if not plain or (
                isinstance(type_, TensorType) and (array.shape != type_.shape or array.dtype is not type_.dtype.numpy)
            ):
                return -1 - int(expected.position)
            table[expected.buffer] = array.ctypes.data
        return 0
