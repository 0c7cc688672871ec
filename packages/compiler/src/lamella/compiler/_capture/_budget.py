"""What a program keeps in memory: the values between a forward and its backward, and `memory_budget`.

Without a budget, a forward keeps for its backward what is dear to compute again, and the backward computes the rest
again; a whole step does the same on both sides of its peak, where products lie between and much is saved. With one, the
price of a byte rises until the plan of the program fits. The graph computes the same bits; a backend may add up sums in
another order where they land in other kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any

from lamella.graph import CaptureError, Graph, Value, live_bytes, partition, reading, rematerialize, size_bytes
from lamella.interfaces import discover

__all__ = [
    "WORTHS",
    "BudgetError",
    "Less",
    "check_budget",
    "choices",
    "fitted",
    "fitted_later",
    "held_bytes",
    "letting_go",
    "planner_of",
    "unreachable",
]

_FREE = 2.0  # the price of a byte at which a step that computes values again takes no longer
_LEAST_PEAK_BYTES = 8 << 20  # what is not looked at without a budget
_LEAST_SHARE = 0.1  # of the peak, to be saved
_IN_KERNELS = frozenset({"elementwise", "view", "reduce", "creation", "scalar"})  # between them nothing is kept
WORTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1024.0, 2.0**20)
# the price of a byte, and in how many segments what is computed again is cut, from the cheapest on
_TRIALS = ((1.0, 1), (4.0, 1), (16.0, 1), (64.0, 1), *[(2.0**20, n) for n in (1, 2, 3, 4, 6, 8, 12, 16)])
_Planner = Callable[[Graph], int]


class BudgetError(CaptureError):
    """A program cannot keep its budget: it raises always, because a call without compilation would not keep it
    either.
    """


def check_budget(budget: Any, backend: str) -> None:
    """ValueError or TypeError for a budget that is none, or a backend that cannot keep one."""
    if budget is None:
        return
    if isinstance(budget, bool) or not isinstance(budget, int):
        raise TypeError(f"memory_budget must be a number of bytes, an int, got {budget!r}")
    if budget < 1:
        raise ValueError(f"memory_budget must be at least 1 byte, got {budget}")
    planner_of(backend)


def planner_of(backend: str) -> _Planner:
    """What tells how many bytes a graph takes on a backend; ValueError where the backend does not say."""
    for module in discover("executor"):
        if backend == module.NAME and hasattr(module, "planned_bytes"):
            planner: _Planner = module.planned_bytes
            return planner
    raise ValueError(f"backend {backend!r} does not plan its memory, so that it cannot keep a memory_budget")


def fitted(
    forward: Graph, backward: Graph | None, outputs: int, backend: str, budget: int | None
) -> tuple[Graph, Graph | None]:
    """A program, or a forward and its backward, within the budget if there is one; CaptureError where that cannot be.

    The first `outputs` of the forward are results, what follows is kept for the backward.
    """
    if backward is None:
        return (_spared(forward) if budget is None else _fit(forward, planner_of(backend), budget)), None
    if budget is None:
        return partition(forward, backward, outputs)
    return _fit_parts(forward, backward, outputs, planner_of(backend), budget)


def choices(forward: Graph, backward: Graph, outputs: int) -> Iterator[tuple[Graph, Graph]]:
    """A forward and its backward with less and less between them, from the cheapest on."""
    seen = set()
    for worth in WORTHS:
        pair = partition(forward, backward, outputs, worth)
        if pair[0].outputs not in seen:
            seen.add(pair[0].outputs)
            yield pair


def fitted_later(
    forward: Graph, fit: Graph, backward: Graph, outputs: int, backend: str, budget: int | None, held: int
) -> Graph:
    """Another backward of a forward that has become `fit`: it reads what that keeps, of which `held` bytes are not the
    caller's; CaptureError as above.
    """
    kept = [v for v in fit.outputs[outputs:] if type(v) is Value]
    found = backward if fit is forward else reading(forward, backward, outputs, kept)
    if budget is None:
        return found
    found, planned = Less(found, planner_of(backend)).within(budget - held)
    if held + planned > budget:
        raise unreachable(forward.name, budget, held + planned)
    return found


def _spared(graph: Graph) -> Graph:
    """The program computing again what costs no time, where that saves much of its peak."""
    if all(node.op.spec in _IN_KERNELS for node in graph.nodes):
        return graph
    before = max(live_bytes(graph), default=0)
    if before < _LEAST_PEAK_BYTES:
        return graph
    found = rematerialize(graph, _FREE)
    return found if max(live_bytes(found)) <= (1 - _LEAST_SHARE) * before else graph


def letting_go(compile_graph: Callable[[Graph], Any], graph: Graph) -> Any:
    """The executable of a graph that is one of several of a program: what each keeps for its next run would add up."""
    run = compile_graph(graph)
    return _LettingGo(run) if hasattr(run, "let_go") else run


class _LettingGo:
    """An executable that gives back what it has worked in behind each run; in all else that of the backend."""

    single = None

    def __init__(self, run: Any) -> None:
        self._run = run

    def __call__(self, inputs: list[Any]) -> list[Any]:
        try:
            found: list[Any] = self._run(inputs)
            return found
        finally:
            self._run.let_go()

    @property
    def run(self) -> Callable[[list[Any]], list[Any]]:
        """Itself."""
        return self

    def explain(self, measure: bool = False) -> str:
        """What the backend says."""
        return str(self._run.explain(measure))

    def __getattr__(self, name: str) -> Any:
        if name == "_run":
            raise AttributeError(name)
        return getattr(self._run, name)


class Less:
    """One graph computing more and more again, from the cheapest on."""

    def __init__(self, graph: Graph, planner: _Planner) -> None:
        self._found: list[tuple[Graph, int]] = []  # ever smaller
        self._coming = _less(graph, planner)

    def within(self, budget: int) -> tuple[Graph, int]:
        """The first whose plan fits, or that with the smallest, and the bytes of its plan."""
        for found in self._found:
            if found[1] <= budget:
                return found
        for found in self._coming:
            self._found.append(found)
            if found[1] <= budget:
                return found
        return self._found[-1]


def _less(graph: Graph, planner: _Planner) -> Iterator[tuple[Graph, int]]:
    best, least = graph, planner(graph)
    yield best, least
    reached = None
    while least != reached:
        start, reached = best, least
        for worth, segments in _TRIALS:
            found = rematerialize(start, worth, segments)
            if found is start:
                continue
            planned = planner(found)
            if planned < least:
                best, least = found, planned
                yield best, least


def _fit(graph: Graph, planner: _Planner, budget: int) -> Graph:
    """The program computing so much again that its plan fits; CaptureError naming the least that is reached."""
    found, planned = Less(graph, planner).within(budget)
    if planned > budget:
        raise unreachable(graph.name, budget, planned)
    return found


def _fit_parts(forward: Graph, backward: Graph, outputs: int, planner: _Planner, budget: int) -> tuple[Graph, Graph]:
    """A forward and its backward with so little between them that both fit; CaptureError as above."""
    least = None
    for found in choices(forward, backward, outputs):
        planned = _planned(*found, outputs, planner)
        if planned <= budget:
            return found
        least = planned if least is None else min(least, planned)
    raise unreachable(forward.name, budget, least)


def _planned(forward: Graph, backward: Graph, outputs: int, planner: _Planner) -> int:
    """The peak over both: what lies between them is alive while the backward runs."""
    held = held_bytes(forward, forward.outputs[outputs:], {v.id for v in forward.inputs})
    return max(planner(forward), planner(backward) + held)


def held_bytes(graph: Graph, values: Iterable[Any], given: Set[int]) -> int:
    """Bytes of memory in which values of a graph lie; inputs with ids in `given` are the caller's.

    A view holds what it looks at, where it is one: a backend may as well make it an array.
    """
    root: dict[Value, Value] = {}
    for node in graph.nodes:
        if node.op.spec == "view" and type(node.args[0]) is Value:
            root[node.outputs[0]] = root.get(node.args[0], node.args[0])
    lying: dict[Value, int] = {}
    for v in {v for v in values if type(v) is Value and v.id not in given}:
        at = root.get(v, v)
        lying[at] = lying.get(at, 0) + size_bytes(v)
    return sum([size if v.id in given else max(size, size_bytes(v)) for v, size in lying.items()])


def unreachable(name: str, budget: int, least: Any) -> BudgetError:
    """The error that names what was reached."""
    return BudgetError(
        f"{name} does not fit into a memory_budget of {budget} bytes: computing values again brings its plan down to "
        f"{least} bytes; ask for that, use smaller batches, or checkpoint parts of the model"
    )
