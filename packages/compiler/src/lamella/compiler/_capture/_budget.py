"""What a program keeps in memory: the values between a forward and its backward, and `memory_budget`.

Without a budget, a forward keeps for its backward what is dear to compute again, and the backward computes the rest
again; a whole step does the same on both sides of its peak, where products lie between and much is saved. With one, the
price of a byte rises until the plan of the program fits. The graph computes the same bits; a backend may add up sums in
another order where they land in other kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.graph import CaptureError, Graph, Value, live_bytes, partition, reading, rematerialize, size_bytes
from lamella.interfaces import discover

__all__ = ["BudgetError", "check_budget", "fitted", "fitted_later"]

_FREE = 2.0  # the price of a byte at which a step that computes values again takes no longer
_LEAST_PEAK_BYTES = 8 << 20  # what is not looked at without a budget
_LEAST_SHARE = 0.1  # of the peak, to be saved
_IN_KERNELS = frozenset({"elementwise", "view", "reduce", "creation", "scalar"})  # between them nothing is kept
_WORTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1024.0, 2.0**20)
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
    _planner_of(backend)


def _planner_of(backend: str) -> _Planner:
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
        return (_spared(forward) if budget is None else _fit(forward, _planner_of(backend), budget)), None
    if budget is None:
        return partition(forward, backward, outputs)
    return _fit_parts(forward, backward, outputs, _planner_of(backend), budget)


def fitted_later(forward: Graph, fit: Graph, backward: Graph, outputs: int, backend: str, budget: int | None) -> Graph:
    """Another backward of a forward that has become `fit`: it reads what that keeps; CaptureError as above."""
    kept = [v for v in fit.outputs[outputs:] if type(v) is Value]
    found = backward if fit is forward else reading(forward, backward, outputs, kept)
    if budget is not None:
        planned = _planned(fit, found, outputs, _planner_of(backend))
        if planned > budget:
            raise _unreachable(forward.name, budget, planned)
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


def _fit(graph: Graph, planner: _Planner, budget: int) -> Graph:
    """The program computing so much again that its plan fits; CaptureError naming the least that is reached."""
    best, least = graph, planner(graph)
    while least > budget:
        start, reached = best, least
        for worth, segments in _TRIALS:
            found = rematerialize(start, worth, segments)
            if found is start:
                continue
            planned = planner(found)
            if planned < least:
                best, least = found, planned
            if planned <= budget:
                break
        if least == reached:
            raise _unreachable(graph.name, budget, least)
    return best


def _fit_parts(forward: Graph, backward: Graph, outputs: int, planner: _Planner, budget: int) -> tuple[Graph, Graph]:
    """A forward and its backward with so little between them that both fit; CaptureError as above."""
    least = None
    for worth in _WORTHS:
        found = partition(forward, backward, outputs, worth)
        planned = _planned(*found, outputs, planner)
        if planned <= budget:
            return found
        least = planned if least is None else min(least, planned)
    raise _unreachable(forward.name, budget, least)


def _planned(forward: Graph, backward: Graph, outputs: int, planner: _Planner) -> int:
    """The peak over both: what lies between them is alive while the backward runs."""
    given = set(forward.inputs)
    between = {v for v in forward.outputs[outputs:] if type(v) is Value and v not in given}
    return max(planner(forward), planner(backward) + sum(map(size_bytes, between)))


def _unreachable(name: str, budget: int, least: Any) -> BudgetError:
    return BudgetError(
        f"{name} does not fit into a memory_budget of {budget} bytes: computing values again brings its plan down to "
        f"{least} bytes; ask for that, use smaller batches, or checkpoint parts of the model"
    )
