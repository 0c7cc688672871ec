"""Control flow outside a capture: Python's own loops and branches over the same functions, recorded op by op.

A predicate that differs among the examples of a vmap has no one answer: then both branches are computed and selected
from, and a loop goes on until no example wants another step, those that are done keeping what they have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamella.tensor import Tensor, logical_and, stack, where, zeros_like
from lamella.tensor.extend import LEVEL, Batched, detached, set_edge, tls, user_location

from .._api import level_at
from .._engine import Context
from .._node import Plan, Port, new_node, next_sequence
from .._reach import leaving
from .._tree import unflatten
from ._trees import branch, check_branches

__all__ = ["chosen", "looped", "no_way_back", "rows"]


def _answer(pred: Tensor) -> Tensor | None:
    """The one answer of a predicate, a tensor without transforms; None where the examples of a vmap differ."""
    while pred._flags & LEVEL:
        if type(pred._data) is Batched and pred._data.batched:
            return None
        pred = pred._data.tensor
    answer: Tensor = detached(pred)
    return answer


def _any(pred: Tensor) -> bool:
    while pred._flags & LEVEL:
        pred = pred._data.tensor
    return bool(detached(pred).any())


def chosen(pred: Tensor, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """first() or second(), or both with their results selected from."""
    one = _answer(pred)
    if one is not None:
        return first() if bool(one) else second()
    a, b = branch(first(), "true_fn"), branch(second(), "false_fn")
    check_branches(a, b)
    return unflatten([where(pred, x, y) for x, y in zip(a[1], b[1], strict=True)], a[2])


def looped(
    test: Callable[[list[Tensor]], Tensor],
    step: Callable[[list[Tensor]], list[Tensor]],
    carry: list[Tensor],
    max_steps: int | None,
) -> list[Tensor]:
    """carry := step(carry) while test(carry), at most max_steps times."""
    done = 0
    epoch = next_sequence()
    if max_steps is None:
        carry = [_unbounded(t, epoch) for t in carry]  # a loop that takes no step has no way back either
    going = test(carry)
    while max_steps is None or done < max_steps:
        one = _answer(going)
        if not (_any(going) if one is None else bool(one)):
            break
        new = step(carry)
        if max_steps is None:
            new = [_unbounded(t, epoch) for t in new]
        carry = new if one is not None else [where(going, n, c) for n, c in zip(new, carry, strict=True)]
        now = test(carry)
        # an example that is done stays so, whatever its test says of a carry that only others move
        going = now if one is not None and _answer(now) is not None else logical_and(going, now)
        done += 1
    return carry


def _unbounded(t: Tensor, epoch: int) -> Tensor:
    """The result of a step of a loop without a bound: its history since the loop began is let go, so that a long loop
    takes no memory, and only what it leads to is remembered, for the error of a backward.
    """
    if not t.requires_grad:
        return t
    edges = tuple(leaving([t._edge], epoch, set()))
    out: Tensor = detached(t)
    plan = Plan("while_loop", no_way_back, (1 << len(edges)) - 1, custom=True)
    set_edge(out, new_node(plan, edges, [(t._data.shape, t._data.dtype)], user_location(3)))
    return out


def no_way_back(*_: Any) -> Any:
    raise RuntimeError(
        "backward through a while_loop needs a bound on its steps: pass max_steps=..., or use scan; forward mode (jvp) "
        "needs none"
    )


def rows(
    step: Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]],
    carry: list[Tensor],
    xs: list[Tensor],
    length: int,
    reverse: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """The carry through every row, and the stacked results."""
    kept: list[list[Tensor]] = []
    columns = [_rows_of(x) for x in xs]
    for t in reversed(range(length)) if reverse else range(length):
        carry, ys = step(carry, [column[t] for column in columns])
        kept.append(ys)
    if reverse:
        kept.reverse()
    return carry, [stack(column) for column in zip(*kept, strict=True)]


def _rows_of(x: Tensor) -> Sequence[Tensor]:
    """The rows of x, apart: one node hands their gradients back, where a view each would add up whole tensors."""
    if not x.requires_grad or tls.trace is not None:
        return x  # type: ignore[return-value]  # its rows are views, made one by one
    plain = detached(x)
    with level_at(x):
        out = [plain[t].clone() for t in range(x.shape[0])]
    metas = [(t._data.shape, t._data.dtype) for t in out]
    node = new_node(Plan("unbind", _stacked, 1, custom=True), (x._edge,), metas, user_location(3))
    for i, t in enumerate(out):
        set_edge(t, node if i == 0 else Port(node, i))
    return out


def _stacked(_: Context, *g: Tensor | None) -> tuple[Tensor]:
    some = next(t for t in g if t is not None)
    return (stack([zeros_like(some) if t is None else t for t in g]),)
