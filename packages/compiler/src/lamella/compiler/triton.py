"""Compiled graphs for NVIDIA GPUs, printed as Triton and compiled to machine code without a GPU and without torch.

`compile_graph` needs the extra `triton`; running what it gives needs a GPU of that architecture, its driver and CuPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamella.compiler._lower._steps import Extern
from lamella.compiler._triton._binding import TritonMissing
from lamella.compiler._triton._compile import ARCHITECTURES, DeviceFunction, SpillError, compile_functions
from lamella.compiler._triton._print import Function
from lamella.compiler._triton._program import Launches, Programs
from lamella.graph import Graph

__all__ = ["ARCHITECTURES", "SpillError", "TritonGraph", "TritonMissing", "compile_graph", "print_graph"]


class TritonGraph:
    """A graph compiled for one GPU architecture: callable over CuPy arrays and numbers, like other executors.

    A graph with named sizes is compiled for any: they are read from the inputs of a call, and kernels take them as
    arguments. Other sizes compile again only where they change more than numbers (the width of an index, which sums
    share a kernel).
    """

    def __init__(self, graph: Graph, arch: int, sizes: Mapping[str, int] | None = None) -> None:
        self.arch = arch
        self._programs = Programs(graph)
        self._example = self._programs.of(self._programs.given(sizes))
        self._compiled: dict[str, DeviceFunction] = {}
        for function in self._example.functions.values():
            self._compile(function)
        self._runner: Any = None

    def _compile(self, function: Function) -> DeviceFunction:
        found = self._compiled.get(function.name)
        if found is None:
            (found,) = compile_functions([function], self.arch)
            self._compiled[function.name] = found
        return found

    @property
    def functions(self) -> list[DeviceFunction]:
        """What has been compiled."""
        return list(self._compiled.values())

    @property
    def source(self) -> str:
        """The Python module that was printed: all kernels, and the functions they call."""
        return self._programs.functions.source()

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run once on the current device and stream; the outputs, then the effect values, as CuPy arrays."""
        if self._runner is None:
            self._runner = self._load()
        result: list[Any] = self._runner(inputs)
        return result

    def explain(self) -> str:
        """Launches with the ops they came from and what they need of the GPU, extern steps, and scratch memory.

        Of a graph with named sizes: for the sizes it was compiled with.
        """
        program, sizes = self._example, ""
        if self._programs.names:
            sizes = f" (for {', '.join(f'{k}={n}' for k, n in program.sizes.items())})"
        launches = sum(len(s.launches) for s in program.steps if isinstance(s, Launches))
        lines = [
            f"graph {program.graph.name}{sizes}: {launches} kernel launches, arena {program.memory.arena_bytes} bytes"
        ]
        for step in program.steps:
            if isinstance(step, Launches):
                for launch in step.launches:
                    made = self._compiled[launch.function.name]
                    lines.append(f"  {made.line(launch.programs)}: {' '.join(step.source)}")
            elif isinstance(step, Extern):
                lines.append(f"  extern {step.name}")
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write the printed module and one cubin a function into an existing folder; gives the paths."""
        module = folder / f"{self._programs.graph.name}.py"
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
        from lamella.compiler._triton._run import Runners

        here = int(cupy.cuda.Device().compute_capability)
        if not runs_on(self.arch, here):
            raise RuntimeError(f"compiled for sm_{self.arch}, this device is sm_{here}: compile_graph(graph, {here})")
        return Runners(self._programs, Cuda(self._compile, cupy, Driver()))


def runs_on(arch: int, device: int) -> bool:
    """Whether code for `sm_{arch}` runs on a device: from sm_90 on only on its own, before on later minor versions."""
    return arch == device if arch >= 90 else arch // 10 == device // 10 and arch <= device


def compile_graph(graph: Graph, arch: int, sizes: Mapping[str, int] | None = None) -> TritonGraph:
    """Compile a graph for `sm_{arch}`: 80, 90 or 100. TritonMissing without Triton, SpillError for a bad schedule.

    A graph with named sizes takes an example of each in `sizes`, and then serves other sizes, too.
    """
    return TritonGraph(graph, arch, sizes)


def print_graph(graph: Graph, sizes: Mapping[str, int] | None = None) -> str:
    """The Triton module of a graph, without needing Triton; `sizes` is an example of each named size."""
    programs = Programs(graph)
    return programs.of(programs.given(sizes)).source
