"""A graph as Triton launches and extern steps over planned memory, whoever runs it.

Kernels with the same text are printed once, under the name k0, k1, ...; what differs between their uses is which
buffers and host scalars a launch is given. Products and what else has no loops are extern steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lamella.compiler._lower._graph import Lowered, lower_graph, mark_stored, numpy_dtype
from lamella.compiler._lower._group import Extern, Group, Step
from lamella.compiler._lower._kernelize import Made, kernelize
from lamella.compiler._lower._refs import Ref, Root
from lamella.compiler._plan import Plan, Span, plan
from lamella.compiler._triton._print import Function, Partial, module_text, print_kernel
from lamella.graph import Graph


@dataclass(frozen=True, slots=True)
class Launches:
    """One use of a kernel: its functions in order, and what its buffers, parameters and partials are."""

    functions: tuple[Function, ...]
    buffers: tuple[Root, ...]
    scalars: tuple[int, ...]
    partials: tuple[Partial, ...]
    partial_keys: tuple[int, ...]  # in the memory plan
    source: tuple[str, ...]


class TritonProgram:
    """A graph printed for the Triton target: `source` is a Python module, `steps` are what to run."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.lowered: Lowered = lower_graph(graph, library={})
        mark_stored(self.lowered.steps)
        self.errors: list[Exception] = self.lowered.errors
        self.functions: dict[str, Function] = {}
        self._names: dict[str, str] = {}
        made = list(_kernels(self.lowered.steps))
        self._key = 1 + max([r.number for step in made for r in _roots(step)], default=0)
        self.steps = [self._launches(step) if isinstance(step, Made) else step for step in made]
        self.source = module_text(f.text for f in self.functions.values())
        self.memory: Plan = self._plan()

    def _launches(self, made: Made) -> Launches:
        printed = print_kernel(made.kernel)
        name = self._names.setdefault(printed.text, f"k{len(self._names)}")
        functions = []
        for f in printed.functions:
            own = f.name.replace("$KERNEL", name)
            text = f.text.replace("$KERNEL", name)
            self.functions.setdefault(own, Function(own, text, f.arguments, f.programs, f.num_warps))
            functions.append(self.functions[own])
        keys = tuple(range(self._key, self._key + len(printed.partials)))
        self._key += len(keys)
        return Launches(
            tuple(functions), tuple(made.buffers), tuple(made.scalars), printed.partials, keys, made.kernel.source
        )  # fmt: skip

    # -- memory -------------------------------------------------------------------------------------------------------

    @property
    def results(self) -> list[Any]:
        """What a run gives back: roots, host scalars and constants."""
        return self.lowered.results

    def fresh_roots(self) -> list[Root]:
        """Results that kernels write: arrays of their own, outside the arena."""
        inputs = {root for root in self.lowered.inputs if root is not None}
        held = {root for step in self.steps if isinstance(step, Extern) for root in step.roots}
        found = [r for r in self.results if isinstance(r, Root) and r not in inputs and r not in held]
        return list(dict.fromkeys(found))

    def _plan(self) -> Plan:
        """Everything else that kernels write lies in one arena."""
        outside = {root for root in self.lowered.inputs if root is not None} | set(self.fresh_roots())
        outside |= {root for step in self.steps if isinstance(step, Extern) for root in step.roots}
        first: dict[Root, int] = {}
        last: dict[Root, int] = {}
        spans: list[Span] = []
        for at, step in enumerate(self.steps):
            touched = (
                step.buffers if isinstance(step, Launches) else [o.root for o in step.operands if isinstance(o, Ref)]
            )
            for root in touched:
                first.setdefault(root, at)
                last[root] = at
            if isinstance(step, Launches):
                for key, partial in zip(step.partial_keys, step.partials, strict=True):
                    spans.append(Span(key, partial.size * numpy_dtype(partial.dtype).itemsize, at, at))
        for root, begin in first.items():
            if root not in outside:
                spans.append(Span(root.number, root.size * numpy_dtype(root.dtype).itemsize, begin, last[root]))
        return plan(spans)

    # -- host scalars -------------------------------------------------------------------------------------------------

    def scalar_function(self) -> Callable[[Sequence[Any]], list[Any]]:
        """A function of the inputs that computes every host scalar, by slot."""
        program = self.lowered.scalars
        lines = ["def scalars(inputs):", *(f"    {line}" for line in program.lines)]
        lines.append(f"    return [{', '.join(program.names[slot] for slot in range(len(program.names)))}]")
        namespace: dict[str, Any] = dict(program.constants)
        exec(compile("\n".join(lines) + "\n", f"<scalars of {self.graph.name}>", "exec"), namespace)
        made: Callable[[Sequence[Any]], list[Any]] = namespace["scalars"]
        return made


def _kernels(steps: Iterable[Step]) -> Iterator[Made | Extern]:
    """Groups as kernels, without those that nothing reads."""
    for step in steps:
        if isinstance(step, Extern):
            yield step
        elif isinstance(step, Group) and any(item.root.stored for item in step.items):
            yield kernelize(step)


def _roots(step: Made | Extern) -> list[Root]:
    return (
        step.buffers
        if isinstance(step, Made)
        else [*step.roots, *(o.root for o in step.operands if isinstance(o, Ref))]
    )
