"""A loop over rows in the body of an op: steps one by one, or under an open trace one `scan` node that holds a step.

All that a step reads is handed to it: its body is traced by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._base import TensorBase
from ._engine import autograd
from ._functions.joining import stack
from ._functions.splitting import select
from ._op import OPS
from ._state import GRAD, LEVEL, tls

__all__ = ["loop"]

Step = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], tuple[list[Any], list[Any]]]


def loop(
    step: Step, captured: list[Any], carry: list[Any], xs: list[Any], reverse: bool
) -> tuple[list[Any], list[Any]]:
    """(the last carry, results stacked) of step(captured, carry, rows) -> (carry, results) over the rows of the xs."""
    length = xs[0]._data.shape[0]
    if tls.trace is None or length < 2:
        return _steps(step, captured, carry, xs, length, reverse)
    operands = (*captured, *carry, *xs)
    first, last = len(captured), len(captured) + len(carry)

    def body(*given: Any) -> list[Any]:
        new, results = step(given[:first], given[first:last], given[last:])
        return [*new, *results]

    rows = [*[(t._data.shape, t) for t in operands[:last]], *[(t._data.shape[1:], t) for t in xs]]
    graph = tls.trace.function("step", body, [(shape, t._data.dtype) for shape, t in rows])
    params = {
        "body": graph,
        "carried": len(carry),
        "scanned": len(xs),
        "length": length,
        "reverse": reverse,
        "indexed": False,
    }
    followed = any(isinstance(t, TensorBase) and t._flags & (GRAD | LEVEL) for t in operands)
    if followed or tls.levels:
        out = autograd().control(OPS["scan"], operands, params)
    else:
        out = tls.trace.record(OPS["scan"], operands, params)
    out = list(out) if type(out) is tuple else [out]
    return out[: len(carry)], out[len(carry) :]


def _steps(
    step: Step, captured: list[Any], carry: list[Any], xs: list[Any], length: int, reverse: bool
) -> tuple[list[Any], list[Any]]:
    kept: list[list[Any]] = []
    for t in reversed(range(length)) if reverse else range(length):
        carry, results = step(captured, carry, [select(x, 0, t) for x in xs])
        kept.append(results)
    if reverse:
        kept.reverse()
    return carry, [stack(list(column), 0) for column in zip(*kept, strict=True)]
