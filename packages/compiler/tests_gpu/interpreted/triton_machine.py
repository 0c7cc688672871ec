"""What the tests of this folder share: a graph as the interpreter runs it, with the face of a compiled graph."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import compiler_programs

from lamella.compiler._triton._program import Launches, TritonProgram
from lamella.compiler._triton._run import Interpreter, Runner
from lamella.graph import Graph

TESTS = Path(__file__).resolve().parents[2] / "tests"


class Interpreted:
    """Stands in for `compile_graph(graph)`: callable, with its kernels."""

    def __init__(self, graph: Graph) -> None:
        self.program = TritonProgram(graph)
        self.kernels = [step for step in self.program.steps if isinstance(step, Launches)]
        with tempfile.TemporaryDirectory() as folder:
            machine = Interpreter(Path(folder))
            for function in self.program.functions.values():
                machine.load(function)
        self._run = Runner(self.program, machine)

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once."""
        return self._run(inputs)

    def explain(self) -> str:
        """How many kernels and other steps there are, in the words of the C target."""
        others = len(self.program.steps) - len(self.kernels)
        return f"{len(self.kernels)} kernels, {others} extern steps"


def tables(name: str) -> ModuleType:
    """A test module of the compiler's own suite whose graphs run in the interpreter."""
    full = f"interpreted_{name}"
    spec = importlib.util.spec_from_file_location(full, TESTS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise AssertionError(f"no test module {name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    for holder in (module, compiler_programs):
        holder.compile_graph = Interpreted  # type: ignore[attr-defined]
    return module
