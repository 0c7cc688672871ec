"""Runs a printed program over arrays: what the interpreter and a GPU share, and the interpreter.

A `Machine` has arrays and launches functions. Errors that kernels note arrive as one flag for each; the first in the
order of the graph is raised.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lamella.compiler._image import numpy_dtype
from lamella.compiler._lower._refs import Ref, Root, Scalar
from lamella.compiler._lower._steps import Extern
from lamella.compiler._newest import with_newest
from lamella.compiler._running import python_kernel
from lamella.compiler._triton import _binding
from lamella.compiler._triton._print import Function, module_text
from lamella.compiler._triton._program import Launches, Programs, TritonProgram
from lamella.graph import ScalarType, TensorType


class Machine(Protocol):
    """Where a program runs: its array module, and how it launches."""

    xp: Any

    def launch(self, function: Function, programs: int, values: list[Any]) -> None:
        """Start so many programs of a function; `values` are arrays and numbers in the order of its arguments."""

    def extern(self, step: Extern) -> Callable[..., Any]:
        """What computes an extern step on this machine's arrays; TypeError where nothing does."""


class Runner:
    """Callable over a list of arrays and numbers; gives the outputs, then the effect values."""

    def __init__(self, program: TritonProgram, machine: Machine) -> None:
        self.program, self.machine = program, machine
        self._scalars = program.scalar_function()
        self._externs = {id(s): machine.extern(s) for s in program.steps if isinstance(s, Extern)}

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once."""
        program, xp = self.program, self.machine.xp
        arrays = self._arrays(inputs)
        numbers = self._scalars(inputs)
        arena = xp.empty(program.memory.arena_bytes, np.uint8)
        for root in program.fresh_roots():
            arrays[root] = xp.empty(root.shape, numpy_dtype(root.dtype))
        status = xp.zeros(len(program.errors) + 1, np.int32) if program.errors else None
        for step in program.steps:
            if isinstance(step, Launches):
                self._launch(step, arrays, numbers, arena, status)
            else:
                self._extern(step, arrays, numbers, arena)
        if status is not None:
            self._raise(status)
        return [self._result(r, arrays, numbers) for r in program.results]

    def _arrays(self, inputs: Sequence[Any]) -> dict[Root, Any]:
        graph, wanted = self.program.graph, self.program.lowered.inputs
        if len(inputs) != len(wanted):
            raise ValueError(f"graph {graph.name!r} takes {len(wanted)} inputs, got {len(inputs)}")
        arrays: dict[Root, Any] = {}
        for position, (root, value, given) in enumerate(zip(wanted, graph.inputs, inputs, strict=True)):
            type_ = value.type
            if isinstance(type_, ScalarType):
                kind = {"i64": int, "f64": float, "bool": bool}[type_.kind]
                if type(given) is not kind:
                    raise TypeError(
                        f"graph {graph.name!r}, input {position} must be a Python {kind.__name__}, got {given!r}"
                    )
            elif root is not None and isinstance(type_, TensorType):
                plain = isinstance(given, self.machine.xp.ndarray)
                if not plain or given.shape != type_.shape or given.dtype != type_.dtype.numpy:
                    found = f"{given.dtype}{list(given.shape)}" if plain else type(given).__name__
                    raise TypeError(f"graph {graph.name!r}, input {position} must be {type_}, got {found}")
                arrays[root] = self.machine.xp.ascontiguousarray(given).reshape(type_.shape)
        return arrays

    def _array(self, root: Root, arrays: dict[Root, Any], arena: Any) -> Any:
        found = arrays.get(root)
        return self._planned(root.number, root.size, root.dtype, arena).reshape(root.shape) if found is None else found

    def _planned(self, key: int, size: int, dtype: str, arena: Any) -> Any:
        kind = numpy_dtype(dtype)
        start = self.program.memory.offsets[key]
        return arena[start : start + size * kind.itemsize].view(kind)

    def _launch(
        self, step: Launches, arrays: dict[Root, Any], numbers: tuple[Any, ...], arena: Any, status: Any
    ) -> None:
        for launch in step.launches:
            values: list[Any] = []
            for name, _ in launch.function.arguments:
                if name == "status" or name in launch.sizes:
                    values.append(launch.sizes.get(name, status))
                    continue
                at = int(name[1:])
                match name[0]:
                    case "b":
                        values.append(self._array(step.buffers[at], arrays, arena))
                    case "q":
                        values.append(numbers[step.scalars[at]])
                    case _:
                        partial = step.partials[at]
                        values.append(self._planned(step.partial_keys[at], partial.size, partial.dtype, arena))
            self.machine.launch(launch.function, launch.programs, values)

    def _extern(self, step: Extern, arrays: dict[Root, Any], numbers: tuple[Any, ...], arena: Any) -> None:
        operands = []
        for operand in step.operands:
            if isinstance(operand, Ref):
                operands.append(strided(self.machine.xp, self._array(operand.root, arrays, arena), operand))
            else:
                operands.append(numbers[operand.slot] if isinstance(operand, Scalar) else operand)
        made = self._externs[id(step)](*operands)
        for root, array in zip(step.roots, made if isinstance(made, tuple) else (made,), strict=True):
            # a copy: the kernel may give a view of its operand, whose memory is about to be reused
            arrays[root] = self.machine.xp.array(array, numpy_dtype(root.dtype), order="C").reshape(root.shape)

    def _raise(self, status: Any) -> None:
        flags = [k for k, flag in enumerate(status.tolist()) if flag]
        if flags:
            error = self.program.errors[flags[0] - 1]
            raise type(error)(*error.args)

    def _result(self, result: Any, arrays: dict[Root, Any], numbers: tuple[Any, ...]) -> Any:
        if isinstance(result, Scalar):
            return numbers[result.slot]
        return arrays[result] if isinstance(result, Root) else result


def strided(xp: Any, array: Any, ref: Ref) -> Any:
    """The view of a root's array that a ref stands for."""
    if ref.whole and ref.shape == ref.root.shape:
        return array
    strides = tuple(s * array.itemsize for s in ref.strides)
    return xp.lib.stride_tricks.as_strided(array.reshape(-1)[ref.offset :], ref.shape, strides)


class Runners:
    """Calls the program of the sizes at hand."""

    def __init__(self, programs: Programs, machine: Machine) -> None:
        self.programs, self.machine = programs, machine
        self._runners: dict[tuple[int, ...], Runner] = {}

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once; the outputs, then the effect values."""
        sizes = self.programs.met(inputs)
        runner = self._runners.get(sizes)
        if runner is None:
            runner = Runner(self.programs.of(sizes), self.machine)
            self._runners = with_newest(self._runners, sizes, runner)
        return runner(inputs)


class Interpreter:
    """Triton's interpreter over numpy arrays; for tests, a program at a time. Sources go to `folder`."""

    xp = np

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Any] = {}

    def launch(self, function: Function, programs: int, values: list[Any]) -> None:
        """Run all programs of a function one after another."""
        _binding.interpret(self.load(function), function.arguments, values, programs)

    def load(self, function: Function) -> Any:
        """A function as Triton interprets it, which keeps its source."""
        loaded = self._loaded.get(function.name)
        if loaded is None:
            path, text = self._folder / f"{function.name}.py", module_text([function.text])
            path.write_text(text, encoding="utf-8")
            loaded = self._loaded[function.name] = _binding.load(text, path)[function.name]
        return loaded

    def extern(self, step: Extern) -> Callable[..., Any]:
        """The op's own numpy kernel."""
        kernel, params = python_kernel(step.op, step.params)
        return functools.partial(kernel, **params)
