"""bisect(): the first pass that changes what a graph gives, the rule of its table, or the backend that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lamella.graph import Graph, GraphError, Pass, interpret, rule_passes, verify

from .._capture._backward import PASSES
from .._capture._record import executor_of
from ._compare import differs, outcome

__all__ = ["Culprit", "bisect"]


@dataclass(frozen=True)
class Culprit:
    """What went wrong first: `stage` is the name of a pass or of a backend, `rule` the row of the pass's table if one
    row alone does it, `before` and `after` the graphs around it (no `after` for a backend), `problem` what differs.
    """

    stage: str
    rule: str | None
    before: Graph
    after: Graph | None
    problem: str

    def __str__(self) -> str:
        rule = f", by its rule {self.rule}" if self.rule else ""
        return f"{self.stage}{rule}: {self.problem}"


def bisect(
    graph: Graph, inputs: Sequence[Any], *, passes: Sequence[Pass] = PASSES, backend: str | None = "c"
) -> Culprit | None:
    """The first stage after which a run on these inputs differs from the interpreter's run of the graph; else None.

    Passes are held to the same bits, the backend (None for none) to the tolerance of its dtypes.
    """
    verify(graph)
    wanted = outcome(interpret, graph, inputs)
    for pass_ in passes:
        changed, problem = _step(graph, pass_, inputs, wanted)
        if problem:
            rule = next((r.__name__ for r in rule_passes(pass_) if _step(graph, r, inputs, wanted)[1]), None)
            return Culprit(pass_.__name__, rule, graph, changed, problem)
        graph = changed
    if backend is None:
        return None
    problem = differs(outcome(executor_of(backend), graph, inputs), wanted, exact=False)
    return Culprit(f"backend {backend}", None, graph, None, problem) if problem else None


def _step(graph: Graph, pass_: Pass, inputs: Sequence[Any], wanted: Any) -> tuple[Any, str | None]:
    """The graph after a pass, and what is wrong with it."""
    try:
        changed = verify(pass_(graph))
    except GraphError as error:
        return None, f"the graph is not valid any more: {error}"
    except Exception as error:  # noqa: BLE001 - a pass that raises is the culprit
        return None, f"it raised {type(error).__name__}: {error}"
    return changed, differs(outcome(interpret, changed, inputs), wanted, exact=True)
