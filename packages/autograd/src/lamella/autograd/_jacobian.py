"""Whole Jacobians as compositions: vmap of a vjp (row by row), vmap of a jvp (column by column), one of the other."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from lamella.tensor import Tensor, eye, zeros_like

from ._transforms import jvp, numbers_of, vjp, vmap
from ._tree import flatten, map_leaves, unflatten

__all__ = ["hessian", "jacfwd", "jacrev"]

Argnums = int | tuple[int, ...]


def _partial(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], numbers: tuple[int, ...]) -> Any:
    """f as a function of the arguments `numbers`."""
    for n in numbers:
        if not isinstance(args[n], Tensor):
            raise TypeError(f"a Jacobian is taken with respect to tensors, argument {n} is {type(args[n]).__name__}")

    def of(*chosen: Tensor) -> Any:
        full = list(args)
        for n, c in zip(numbers, chosen, strict=True):
            full[n] = c
        return f(*full, **kwargs)

    return of


def _basis(t: Tensor) -> Tensor:
    """[n, *t.shape]: every tensor of one 1 and zeros."""
    n = math.prod(t.shape)
    return eye(n, dtype=t.dtype).reshape(n, *t.shape)


def jacrev(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The Jacobian of f by reverse mode: for every tensor of f's result one tensor [*result.shape, *argument.shape].

    `argnums` names tensor arguments; a tuple of them gives a tuple in place of each tensor of the result. With has_aux
    f returns (value, aux) and the result is (Jacobian, aux). `chunk_size` rows are computed at once.
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(argnums, len(args))
        out, back, *aux = vjp(_partial(f, args, kwargs, numbers), *[args[n] for n in numbers], has_aux=has_aux)
        leaves, spec = flatten(out)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise TypeError(f"jacrev differentiates functions that return tensors, got {type(leaf).__name__}")
        found = []
        for k, leaf in enumerate(leaves):

            def rows(g: Tensor, k: int = k) -> tuple[Tensor, ...]:
                whole = unflatten([g if i == k else zeros_like(t) for i, t in enumerate(leaves)], spec)
                grads: tuple[Tensor, ...] = back(whole)
                return grads

            grads = vmap(rows, chunk_size=chunk_size)(_basis(leaf))
            parts = [g.reshape(*leaf.shape, *args[n].shape) for n, g in zip(numbers, grads, strict=True)]
            found.append(parts[0] if isinstance(argnums, int) else tuple(parts))
        whole = unflatten(found, spec)
        return (whole, aux[0]) if has_aux else whole

    return wrapped


def jacfwd(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The Jacobian of f by forward mode, in the shape that `jacrev` gives; cheaper where f has fewer inputs than
    outputs. With has_aux f returns (value, aux) and the result is (Jacobian, aux).
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(argnums, len(args))
        columns: list[list[Tensor]] = []
        spec: Any = None
        for n in numbers:
            of = _partial(f, args, kwargs, (n,))

            def column(t: Tensor, of: Any = of, n: int = n) -> Any:
                return jvp(of, (args[n],), (t,), has_aux)[1:]

            moved, *rest = vmap(column, out_dims=-1, randomness=randomness)(_basis(args[n]))
            leaves, spec = flatten(moved)
            columns.append([leaf.reshape(*leaf.shape[:-1], *args[n].shape) for leaf in leaves])
        found = [parts[0] if isinstance(argnums, int) else parts for parts in zip(*columns, strict=True)]
        whole = unflatten(found, spec)
        # aux is the same in every column
        return (whole, map_leaves(lambda t, _: t[..., 0], rest[0], "aux")) if has_aux else whole

    return wrapped


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The second derivatives of f: forward mode over reverse mode, [*result.shape, *argument.shape,
    *argument.shape].
    """
    return jacfwd(jacrev(f, argnums), argnums)
