"""The two passes that rewrite by tables: `canonicalize` with the rows of one form for equal programs, `simplify` with
these and the algebra that changes no bit.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .._graph import Graph
from ._dce import dce
from ._rewrite import by_op, rewrite
from ._rules_algebra import ALGEBRA
from ._rules_canonical import CANONICAL

__all__ = ["canonicalize", "simplify"]


@cache
def _canonical() -> Any:
    return by_op(CANONICAL)


@cache
def _all() -> Any:
    return by_op((*ALGEBRA, *CANONICAL))


def canonicalize(graph: Graph) -> Graph:
    """The graph in one form for equal programs: views merged, no-ops dropped, operands in order."""
    return dce(rewrite(graph, _canonical()))


def simplify(graph: Graph) -> Graph:
    """The graph after the rules of both tables, none of which changes a bit of a result."""
    return dce(rewrite(graph, _all()))
