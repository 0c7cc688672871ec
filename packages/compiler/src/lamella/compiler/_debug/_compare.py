"""Whether two runs of a graph agree: values within a tolerance by dtype, or bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from lamella.graph import Graph

__all__ = ["TOLERANCE", "Outcome", "differs", "outcome"]

# relative, and absolute against the largest element: what orders of additions and polynomials may differ by
TOLERANCE: Final[dict[int, float]] = {1: 0.25, 2: 2e-2, 4: 1e-4, 8: 1e-9}
Run = Callable[[list[Any]], list[Any]]
Outcome = list[Any] | Exception


def outcome(make: Callable[[Graph], Run], graph: Graph, inputs: Sequence[Any]) -> Outcome:
    """What an executor makes of a graph: the results, or what it raised. A step may write into its inputs: it gets
    copies.
    """
    try:
        return make(graph)([x.copy(order="K") if isinstance(x, np.ndarray) else x for x in inputs])
    except Exception as error:  # noqa: BLE001 - whatever is raised is the outcome
        return error


def differs(found: Outcome, wanted: Outcome, exact: bool) -> str | None:
    """How two outcomes disagree, in words; None where they agree. Two NaNs are the same."""
    if isinstance(found, Exception) or isinstance(wanted, Exception):
        if type(found) is type(wanted):
            return None
        return f"{_said(found)} where {_said(wanted)} was expected"
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        problem = _pair(a, b, exact)
        if problem:
            return f"result {i}: {problem}"
    return None


def _said(result: Outcome) -> str:
    return f"{type(result).__name__}: {result}" if isinstance(result, Exception) else "a result"


def _pair(a: Any, b: Any, exact: bool) -> str | None:
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return None if type(a) is type(b) and (a == b or a != a) else f"{a!r} where {b!r} was expected"
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return f"{a.dtype}{list(a.shape)} where {b.dtype}{list(b.shape)} was expected"
    if exact or a.dtype.kind in "biu":
        wrong = (a != b) & ~((a != a) & (b != b))
        if a.dtype.kind not in "biuc":
            wrong |= (np.signbit(a) != np.signbit(b)) & (a == a)
    else:
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        x, y = a.astype(wide), b.astype(wide)
        size = a.dtype.itemsize // 2 if a.dtype.kind == "c" else a.dtype.itemsize
        finite = np.abs(y[np.isfinite(y)])
        limit = TOLERANCE[size] * float(finite.max(initial=0.0))
        wrong = ~np.isclose(x, y, rtol=TOLERANCE[size], atol=limit, equal_nan=True)
    if not wrong.any():
        return None
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(wrong.sum())} of {wrong.size} elements differ, at {list(where)} {a[where]} where {b[where]} was expected"
    )
