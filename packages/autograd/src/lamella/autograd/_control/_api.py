"""cond, while_loop, scan and map: control flow that a capture keeps as control flow.

Outside a capture they are Python's own branch and loops. Inside one each is a node that holds its functions as graphs:
a branch is decided, and a loop counted, when the program runs. The functions are called with tensors that stand for
any value, so they must not write to anything that is older than their call. What they read of it (closures, globals)
becomes an operand, and gets its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella.tensor import Tensor
from lamella.tensor.extend import SymScalar, SymSize, tls

from .._transforms import described
from .._tree import flatten, unflatten
from . import _capture, _eager
from ._trees import Branch, branch, check_branches, check_like, check_tree, named, tensors_of

__all__ = ["cond", "map", "scan", "while_loop"]


def _check_callable(fn: Any, what: str) -> None:
    if not callable(fn):
        raise TypeError(f"{what} must be a function, got {type(fn).__name__}")


def _check_pred(pred: Any, what: str) -> Any:
    """A bool, or a bool tensor without dims."""
    if isinstance(pred, Tensor):
        if pred.dtype.name != "bool" or pred.shape != ():
            raise TypeError(f"{what} must be a bool or a bool tensor without dims, got {described(pred)}")
        return pred
    if isinstance(pred, (bool, np.bool_)) or (isinstance(pred, SymScalar) and pred.category == 0):
        return bool(pred)
    raise TypeError(f"{what} must be a bool or a bool tensor without dims, got {type(pred).__name__}")


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Sequence[Any] = ()) -> Any:
    """true_fn(*operands) where pred holds, else false_fn(*operands).

    `pred` is a bool tensor without dims, or a bool. The functions return trees of tensors with one structure, and with
    the same dtypes and shapes: checked where both are known, in a capture and in a vmap over pred. ValueError naming
    the leaf that differs; TypeError for another pred.
    """
    _check_callable(true_fn, "cond: true_fn")
    _check_callable(false_fn, "cond: false_fn")
    if not isinstance(operands, (tuple, list)):
        raise TypeError(f"cond: operands must be a tuple or a list, got {type(operands).__name__}")
    pred = _check_pred(pred, "cond: pred")
    if isinstance(pred, bool):
        return true_fn(*operands) if pred else false_fn(*operands)
    if tls.trace is None:
        return _eager.chosen(pred, lambda: true_fn(*operands), lambda: false_fn(*operands))
    return _captured_cond(pred, lambda: true_fn(*operands), lambda: false_fn(*operands))


def _captured_cond(pred: Tensor, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    found: list[Branch] = []

    def leaves(fn: Callable[[], Any], name: str) -> list[Tensor]:
        found.append(branch(fn(), name))
        return found[-1][1]

    record = _capture.cond(pred, lambda: leaves(first, "true_fn"), lambda: leaves(second, "false_fn"))
    check_branches(*found)
    _, results, spec = found[0]
    return unflatten(record() if results else [], spec)


def while_loop(
    cond_fn: Callable[..., Any],
    body_fn: Callable[..., Any],
    carried_inputs: Sequence[Any],
    *,
    max_steps: int | None = None,
) -> Any:
    """carried := body_fn(*carried) while cond_fn(*carried) holds; the last one, as a tuple.

    `cond_fn` returns a bool tensor without dims, `body_fn` a tuple with the structure, dtypes and shapes of
    carried_inputs (ValueError naming the leaf that differs). With `max_steps` the loop ends after that many steps at
    the latest, and backward goes through it; without, backward raises RuntimeError, and jvp works.
    """
    _check_callable(cond_fn, "while_loop: cond_fn")
    _check_callable(body_fn, "while_loop: body_fn")
    if not isinstance(carried_inputs, (tuple, list)):
        raise TypeError(f"while_loop: carried_inputs must be a tuple or a list, got {type(carried_inputs).__name__}")
    if max_steps is not None and (type(max_steps) is not int or max_steps < 0):
        raise ValueError(f"while_loop: max_steps must be None or an int from 0 on, got {max_steps!r}")
    start = tuple(carried_inputs)
    carry, spec = tensors_of(start, "while_loop: carried_inputs")
    names = [where for where, _ in named(start, "")]

    def test(leaves: list[Tensor]) -> Any:
        found = _check_pred(cond_fn(*unflatten(leaves, spec)), "while_loop: the result of cond_fn")
        return tensors_of(found, "the result of cond_fn")[0][0]

    def step(leaves: list[Tensor]) -> list[Tensor]:
        out = body_fn(*unflatten(leaves, spec))
        if isinstance(out, list):
            out = tuple(out)
        new, other = tensors_of(out, "while_loop: the result of body_fn")
        whose = ("while_loop: carried_inputs", "while_loop: the result of body_fn")
        check_tree(start, out, spec, other, *whose)
        check_like(leaves, new, names, *whose)
        return new

    if tls.trace is None:
        return unflatten(_eager.looped(test, step, carry, max_steps), spec)
    if not carry:
        raise ValueError("while_loop: carried_inputs of a captured loop needs a tensor, for the test to depend on")
    return unflatten(_capture.while_loop(test, step, carry, max_steps), spec)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """(carry, y) := f(carry, x) for each row x of xs along dim 0; the last carry, and the ys stacked along dim 0.

    `init`, `xs` and what f returns are trees of tensors. The carry keeps its structure, dtypes and shapes; xs may be
    None where `length` says how many steps there are. With `reverse` the walk goes from the last row to the first, and
    ys[t] still belongs to xs[t]. `unroll` steps stand in one pass of a captured loop (True: all of them). ValueError
    naming the leaf that differs.
    """
    _check_callable(f, "scan: f")
    return _scanned("scan", f, init, xs, length, reverse, unroll)


def map(f: Callable[..., Any], xs: Any, *args: Any) -> Any:  # noqa: A001 - the name users know
    """f(x, *args) for each row x of xs along dim 0, one after the other, stacked along dim 0.

    `xs` and what f returns are trees of tensors; args are passed on as they are. vmap computes all rows at once.
    """
    _check_callable(f, "map: f")
    if not flatten(xs)[0]:
        raise ValueError("map: xs needs at least one tensor, whose rows f is applied to")
    return _scanned("map", lambda _, x: ((), f(x, *args)), (), xs, None, False, 1)[1]


def _length(name: str, leaves: list[tuple[str, Tensor]], length: Any) -> Any:
    if length is not None and not (type(length) is int and length >= 0) and not isinstance(length, SymSize):
        raise ValueError(f"{name}: length must be None or an int from 0 on, got {length!r}")
    found = length
    for where, x in leaves:
        if x.ndim == 0:
            raise ValueError(f"{name}: {where} has no dim 0 to go along, it is {described(x)}")
        if found is None:
            found = x.shape[0]
        elif x.shape[0] != found:
            wanted = "length" if length is not None else leaves[0][0]
            raise ValueError(f"{name}: {where} has {x.shape[0]} rows, {wanted} says {found}")
    if found is None:
        raise ValueError(f"{name} needs xs or length, to know how many steps there are")
    return found


def _scanned(name: str, f: Any, init: Any, xs: Any, length: Any, reverse: Any, unroll: Any) -> tuple[Any, Any]:
    if type(reverse) is not bool:
        raise TypeError(f"{name}: reverse must be a bool, got {reverse!r}")
    if type(unroll) not in (bool, int) or unroll < 1:
        raise ValueError(f"{name}: unroll must be True or an int from 1 on, got {unroll!r}")
    carry, spec = tensors_of(init, f"{name}: init")
    names = [where for where, _ in named(init, "")]
    columns, xs_spec = tensors_of(xs, f"{name}: xs")
    places = [where for where, _ in named(xs, "xs")]
    count = _length(name, list(zip(places, columns, strict=True)), length)
    ys_spec: list[Any] = []
    ys_first: list[Any] = []

    def step(leaves: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        out = f(unflatten(leaves, spec), unflatten(row, xs_spec))
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(f"{name}: f must return (carry, y), got {described(out)}")
        new, other = tensors_of(out[0], f"{name}: the carry that f returns")
        whose = (f"{name}: init", f"{name}: the carry that f returns")
        check_tree(init, out[0], spec, other, *whose)
        check_like(leaves, new, names, *whose)
        ys, shape = tensors_of(out[1], f"{name}: the y that f returns")
        if not ys_spec:
            ys_spec.append(shape)
            ys_first.extend([out[1], ys])
        else:
            same = (f"{name}: the y of the first step", f"{name}: the y of a later step")
            check_tree(ys_first[0], out[1], ys_spec[0], shape, *same)
            check_like(ys_first[1], ys, [where for where, _ in named(out[1], "")], *same)
        return new, ys

    if not count:
        ys = _capture.no_rows(name, step, carry, columns)
    elif tls.trace is None:
        carry, ys = _eager.rows(step, carry, columns, count, reverse)
    else:
        carry, ys = _capture.scan(name, step, carry, columns, count, reverse, count if unroll is True else unroll)
    return unflatten(carry, spec), unflatten(ys, ys_spec[0])
