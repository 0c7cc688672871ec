"""A graph as Triton launches and extern steps over planned memory, whoever runs it.

Kernels with the same text are printed once, under the name k0, k1, ...; what differs between their uses is which
buffers, host scalars and open sizes a launch is given. Products and what else has no loops are extern steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lamella.compiler._image import numpy_dtype
from lamella.compiler._lower._graph import Lowered, lower_graph, mark_stored
from lamella.compiler._lower._kernelize import LONG_ROW, Made, kernelize
from lamella.compiler._lower._limits import LEAST_ROWS, NEVER, Limits
from lamella.compiler._lower._refs import Ref, Root
from lamella.compiler._lower._steps import Extern, Group, Step
from lamella.compiler._newest import with_newest
from lamella.compiler._plan import Plan, Span, plan
from lamella.compiler._scalars import scalar_function
from lamella.compiler._triton import _schedule
from lamella.compiler._triton._open import all_opened, opened, other_sizes
from lamella.compiler._triton._print import Function, Launch, Partial, Printed, module_text, print_kernel
from lamella.graph import Graph, GraphError, TensorType, bound, named_sizes, verify


@dataclass(frozen=True, slots=True)
class Launches:
    """One use of a kernel: its launches in order, and what its buffers, parameters and partials are."""

    launches: tuple[Launch, ...]
    buffers: tuple[Root, ...]
    scalars: tuple[int, ...]
    partials: tuple[Partial, ...]
    partial_keys: tuple[int, ...]  # in the memory plan
    source: tuple[str, ...]


class Functions:
    """The functions of all programs of a graph: those with the same text and arguments have one name."""

    def __init__(self) -> None:
        self.by_name: dict[str, Function] = {}
        self._names: dict[object, str] = {}

    def take(self, printed: Printed) -> tuple[Launch, ...]:
        """The launches of a printed kernel under its name."""
        key = (printed.text, *(f.arguments for f in printed.functions))
        name = self._names.setdefault(key, f"k{len(self._names)}")
        launches = []
        for launch in printed.launches:
            f = launch.function
            own = f.name.replace("$KERNEL", name)
            made = Function(own, f.text.replace("$KERNEL", name), f.arguments, f.num_warps)
            launches.append(replace(launch, function=self.by_name.setdefault(own, made)))
        return tuple(launches)

    def source(self) -> str:
        """All of them as a Python module."""
        return module_text(f.text for f in self.by_name.values())


class Programs:
    """The programs of a graph: one, or where it has named sizes one for each set of sizes, which share their functions.

    A set of sizes is a tuple of numbers in the order of `names`.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.functions = Functions()
        self.names = tuple(sorted(named_sizes(graph), key=lambda name: (len(name), name)))
        self._where = {name: _where(graph, name) for name in self.names}
        self._lock = threading.Lock()
        self._made: dict[tuple[int, ...], TritonProgram] = {}

    def of(self, sizes: tuple[int, ...]) -> TritonProgram:
        """The program of these sizes, made at the first call."""
        program = self._made.get(sizes)
        if program is None:
            with self._lock:
                program = self._made.get(sizes) or self._make(sizes)
        return program

    def given(self, sizes: Mapping[str, int] | None) -> tuple[int, ...]:
        """Sizes by name as a set of sizes; ValueError where one lacks or is no size."""
        sizes = {} if sizes is None else sizes
        if sorted(sizes) != sorted(self.names):
            wanted = ", ".join(self.names) or "none"
            raise ValueError(
                f"graph {self.graph.name!r} has the named sizes {wanted}, got sizes={dict(sizes)!r}: give each a number"
            )
        for name, n in sizes.items():
            if type(n) is not int or n < 0:
                raise ValueError(f"the size {name} must be an int from 0 on, got {n!r}")
        return tuple([sizes[name] for name in self.names])

    def met(self, inputs: Sequence[Any]) -> tuple[int, ...]:
        """The set of sizes that arrays have; TypeError for what is no array of as many dims."""
        found = []
        for name in self.names:
            position, dim = self._where[name]
            shape = getattr(inputs[position], "shape", ()) if position < len(inputs) else ()
            if len(shape) <= dim:
                wanted = self.graph.inputs[position].type
                raise TypeError(
                    f"graph {self.graph.name!r}, input {position} must be {wanted}, whose dim {dim} is {name}"
                )
            found.append(int(shape[dim]))
        return tuple(found)

    def _make(self, sizes: tuple[int, ...]) -> TritonProgram:
        made = TritonProgram(self.graph, dict(zip(self.names, sizes, strict=True)), self.functions)
        self._made = with_newest(self._made, sizes, made)
        return made


class TritonProgram:
    """A graph for some sizes, printed for the Triton target: `source` is a Python module, `steps` are what to run."""

    def __init__(
        self, graph: Graph, sizes: Mapping[str, int] | None = None, functions: Functions | None = None
    ) -> None:
        sizes = {} if sizes is None else sizes
        self.graph, self.sizes = bound(graph, sizes), sizes
        self._functions = Functions() if functions is None else functions
        self.lowered: Lowered = _lowered(self.graph, open_sizes=bool(sizes))
        self.errors: list[Exception] = self.lowered.errors
        made = list(_kernels(self.lowered.steps, open_sizes=bool(sizes)))
        if sizes:
            made = _opened(graph, sizes, made)
        self._key = 1 + max([r.number for step in made for r in _roots(step)], default=0)
        self.steps = [self._launches(step) if isinstance(step, Made) else step for step in made]
        self.memory: Plan = self._plan()

    @property
    def functions(self) -> dict[str, Function]:
        """What it launches, by name."""
        found = [launch.function for step in self.steps if isinstance(step, Launches) for launch in step.launches]
        return {function.name: function for function in found}

    @property
    def source(self) -> str:
        """All that it launches as a Python module."""
        return module_text(f.text for f in self.functions.values())

    def _launches(self, made: Made) -> Launches:
        printed = print_kernel(made.kernel)
        keys = tuple(range(self._key, self._key + len(printed.partials)))
        self._key += len(keys)
        return Launches(
            self._functions.take(printed), tuple(made.buffers), tuple(made.scalars), printed.partials, keys,
            made.kernel.source,
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

    def scalar_function(self) -> Callable[..., tuple[Any, ...]]:
        """A function of the inputs that computes every host scalar, by slot."""
        rows = self.lowered.scalars
        return scalar_function(rows, self.graph.name, python=range(len(rows)))


def _where(graph: Graph, name: str) -> tuple[int, int]:
    """(input, dim) that tell a named size; ValueError where none does."""
    for position, value in enumerate(graph.inputs):
        if isinstance(value.type, TensorType):
            for dim, n in enumerate(value.type.shape):
                if not isinstance(n, int) and n.text == name:
                    return position, dim
    raise ValueError(f"graph {graph.name!r}: no dim of an input is the size {name}, so no call would tell it")


def _lowered(graph: Graph, *, open_sizes: bool) -> Lowered:
    """A graph lowered; where sizes are open no decision depends on how many rows a sum has, or how long they are."""
    limits = Limits(1 if open_sizes else LEAST_ROWS, 0, 0 if open_sizes else _schedule.MOST_TILE, rows_lie=False)
    lowered = lower_graph(graph, library={}, limits=limits)
    mark_stored(lowered.steps)
    return lowered


def _kernels(steps: Iterable[Step], *, open_sizes: bool) -> Iterator[Made | Extern]:
    """Groups as kernels, without those that nothing reads."""
    for step in steps:
        if isinstance(step, Extern):
            yield step
        elif isinstance(step, Group) and any(item.root.stored for item in step.items):
            yield kernelize(step, NEVER if open_sizes else LONG_ROW)


def _opened(graph: Graph, sizes: Mapping[str, int], made: list[Made | Extern]) -> list[Made | Extern]:
    """The steps with the open numbers of their kernels marked: those that other sizes change, or where no others are
    found that keep all else, every number.
    """
    for other in other_sizes(sizes):
        try:
            there = verify(bound(graph, other))
        except GraphError:  # the program relies on what these sizes do not keep
            continue
        theirs = list(_kernels(_lowered(there, open_sizes=True).steps, open_sizes=True))
        found = [_pair(a, b) for a, b in zip(made, theirs, strict=False)]
        if len(theirs) == len(made) and None not in found:
            return [step for step in found if step is not None]
    return [replace(step, kernel=all_opened(step.kernel)) if isinstance(step, Made) else step for step in made]


def _pair(step: Made | Extern, other: Made | Extern) -> Made | Extern | None:
    """A step with what differs from the other one open; None where that is more than numbers."""
    if isinstance(step, Extern) or isinstance(other, Extern):
        both = isinstance(step, Extern) and isinstance(other, Extern) and step.name == other.name
        return step if both else None
    kernel = opened(step.kernel, other.kernel)
    return None if kernel is None else replace(step, kernel=kernel)


def _roots(step: Made | Extern) -> list[Root]:
    return (
        step.buffers
        if isinstance(step, Made)
        else [*step.roots, *(o.root for o in step.operands if isinstance(o, Ref))]
    )
