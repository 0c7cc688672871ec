"""Compiled graphs for NVIDIA GPUs, printed as Triton and compiled to machine code without a GPU and without torch.

`compile_graph` needs the extra `triton`; running what it gives needs a GPU of that architecture, its driver and CuPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lamella.compiler._lower._group import Extern
from lamella.compiler._triton._binding import TritonMissing
from lamella.compiler._triton._compile import ARCHITECTURES, DeviceFunction, SpillError, compile_functions
from lamella.compiler._triton._program import Launches, TritonProgram
from lamella.graph import Graph

__all__ = ["ARCHITECTURES", "SpillError", "TritonGraph", "TritonMissing", "compile_graph", "print_graph"]


class TritonGraph:
    """A graph compiled for one GPU architecture: callable over CuPy arrays and numbers, like other executors."""

    def __init__(self, graph: Graph, arch: int) -> None:
        self.arch = arch
        self._program = TritonProgram(graph)
        self.functions: list[DeviceFunction] = compile_functions(list(self._program.functions.values()), arch)
        self._runner: Any = None

    @property
    def source(self) -> str:
        """The Python module that was printed: all kernels, and the functions they call."""
        return self._program.source

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once on the current device and stream; the outputs, then the effect values, as CuPy arrays."""
        if self._runner is None:
            self._runner = self._load()
        result: list[Any] = self._runner(inputs)
        return result

    def explain(self) -> str:
        """Launches with the ops they came from and what they need of the GPU, extern steps, and scratch memory."""
        program, made = self._program, {f.function.name: f for f in self.functions}
        launches = sum(len(s.functions) for s in program.steps if isinstance(s, Launches))
        lines = [f"graph {program.graph.name}: {launches} kernel launches, arena {program.memory.arena_bytes} bytes"]
        for step in program.steps:
            if isinstance(step, Launches):
                lines += [f"  {made[f.name].line()}: {' '.join(step.source)}" for f in step.functions]
            elif isinstance(step, Extern):
                lines.append(f"  extern {step.name}")
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write the printed module and one cubin a function into an existing folder; gives the paths."""
        module = folder / f"{self._program.graph.name}.py"
        module.write_text(self.source, encoding="utf-8")
        paths = [module]
        for f in self.functions:
            paths.append(folder / f"{f.function.name}.sm_{self.arch}.cubin")
            paths[-1].write_bytes(f.compiled.cubin)
        return paths

    def _load(self) -> Any:
        try:
            import cupy
        except ImportError as error:
            raise RuntimeError("running on a GPU needs CuPy: pip install cupy-cuda12x") from error
        from lamella.compiler._triton._cuda import Cuda, Driver
        from lamella.compiler._triton._run import Runner

        here = int(cupy.cuda.Device().compute_capability)
        if not runs_on(self.arch, here):
            raise RuntimeError(f"compiled for sm_{self.arch}, this device is sm_{here}: compile_graph(graph, {here})")
        return Runner(self._program, Cuda(self.functions, cupy, Driver()))


def runs_on(arch: int, device: int) -> bool:
    """Whether code for `sm_{arch}` runs on a device: from sm_90 on only on its own, before on later minor versions."""
    return arch == device if arch >= 90 else arch // 10 == device // 10 and arch <= device


def compile_graph(graph: Graph, arch: int) -> TritonGraph:
    """Compile a graph for `sm_{arch}`: 80, 90 or 100. TritonMissing without Triton, SpillError for a bad schedule."""
    return TritonGraph(graph, arch)


def print_graph(graph: Graph) -> str:
    """The Triton module of a graph, without needing Triton."""
    return TritonProgram(graph).source
