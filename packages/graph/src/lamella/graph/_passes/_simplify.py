"""The two passes that rewrite by tables: `canonicalize` with the rows of one form for equal programs, `simplify` with
these and the algebra that changes no bit.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .._graph import Graph
from ._dce import dce
from ._rewrite import Rule, Table, rewrite
from ._rules_algebra import ALGEBRA
from ._rules_canonical import CANONICAL
from ._run import Pass

__all__ = ["canonicalize", "rule_passes", "simplify"]


@cache
def _canonical() -> Any:
    return Table(CANONICAL)


@cache
def _all() -> Any:
    return Table((*ALGEBRA, *CANONICAL))


def canonicalize(graph: Graph) -> Graph:
    """The graph in one form for equal programs: views merged, no-ops dropped, operands in order."""
    return dce(rewrite(graph, _canonical()))


def simplify(graph: Graph) -> Graph:
    """The graph after the rules of both tables, none of which changes a bit of a result."""
    return dce(rewrite(graph, _all()))


def rule_passes(pass_: Pass) -> list[Pass]:
    """Each rule of a pass that rewrites by a table, as a pass of its own under the rule's name; none for others."""
    tables: dict[Any, tuple[Rule, ...]] = {canonicalize: CANONICAL, simplify: (*ALGEBRA, *CANONICAL)}
    return [_alone(rule) for rule in tables.get(pass_, ())]


def _alone(rule: Rule) -> Pass:
    def one(graph: Graph) -> Graph:
        return dce(rewrite(graph, Table([rule])))

    one.__name__ = rule.name
    return one
