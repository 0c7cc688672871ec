"""Transforms of functions: grad, vjp, vmap, jvp. Each opens what it needs and hands tensors of its level to the
function.

`grad` adds no level: it works on identity nodes at the top of the thread's stack, and its walk stops at what is older
than the call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lamella.tensor import Tensor, cat, enable_grad, ones_like, zeros_like
from lamella.tensor.extend import (
    COMPLEX,
    FLOAT,
    OPS,
    Batched,
    Dual,
    Level,
    default_generator,
    detached,
    dispatch,
    enter_mode,
    leave_mode,
    level_of,
    set_edge,
    tls,
    wrap,
)

from . import _engine
from ._generators import standing, swapped
from ._levels import lift
from ._node import Leaf, next_sequence
from ._reach import leading_to
from ._tree import flatten, map_leaves, unflatten

__all__ = [
    "jvp",
    "numbers_of",
    "opened",
    "rewrapped",
    "transform_grad",
    "value_and_grad",
    "vjp",
    "vmap",
    "with_tangent",
]


@contextmanager
def opened(level: Level) -> Iterator[Level]:
    """The level on top of the thread's stack, and closed for good at the end."""
    saved = tls.levels
    tls.levels = (*saved, level)
    enter_mode()
    try:
        yield level
    finally:
        level.alive = False
        leave_mode()
        tls.levels = saved


def _top() -> Level | None:
    return tls.levels[-1] if tls.levels else None


def _identity(t: Tensor, top: Level | None) -> Tensor:
    """t at the top level under a new node: connected to what made t, or a fresh leaf where nothing did."""
    t = lift(t, top)
    if t.requires_grad:
        return dispatch(OPS["alias"], (t,))  # type: ignore[no-any-return]
    d = detached(t)
    set_edge(d, Leaf(t._data.shape, t._data.dtype, top, fresh=True))
    return d  # type: ignore[no-any-return]


def _differentiable(t: Any) -> bool:
    return isinstance(t, Tensor) and t.dtype.category in (FLOAT, COMPLEX)


class _Pulled:
    """The recorded part of one call: its result, and the walk back from it to the arguments."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: tuple[int, ...]
    ) -> None:
        self.top = _top()
        self.recording = tls.grad
        self.epoch = next_sequence()
        self.inputs: list[Tensor] = []
        if tls.inference:
            raise RuntimeError(
                "nothing is recorded in inference mode, so a gradient cannot be taken in it; use no_grad"
            )
        with enable_grad():
            lifted = list(args)
            for n in argnums:
                lifted[n] = map_leaves(self._lift, args[n], f"argument {n}")
            self.out = f(*lifted, **kwargs)

    def _lift(self, t: Any, where: str) -> Any:
        if not isinstance(t, Tensor):
            raise TypeError(f"grad can differentiate with respect to tensors only, {where} holds {type(t).__name__}")
        if not _differentiable(t):
            raise TypeError(f"grad needs floating or complex tensors to differentiate, {where} is {t.dtype}")
        alias = _identity(t, self.top)
        self.inputs.append(alias)
        return alias

    def back(self, outs: list[Tensor], cotangents: list[Tensor], retain: bool) -> list[Tensor]:
        """Gradients of every lifted argument."""
        roots = []
        for out, g in zip(outs, cotangents, strict=True):
            out = lift(out, self.top)
            if out._edge is not None:
                roots.append((out._edge, lift(g, self.top)))
        targets: dict[Any, Tensor | None] = {t._edge: None for t in self.inputs}
        needed, outside = leading_to([e for e, _ in roots], targets, self.epoch)
        create = self.recording and outside
        _engine.run(roots, create, create or retain, needed, targets)
        found = [(t, targets[t._edge]) for t in self.inputs]
        return [zeros_like(t.detach()) if grad is None else grad for t, grad in found]

    def plain(self, value: Any) -> Any:
        """The result for the caller: connected to what lies outside this call, not to its own identity leaves."""
        return map_leaves(lambda t, _: _cut(t, self) if isinstance(t, Tensor) else t, value, "result")


def _cut(t: Tensor, pulled: _Pulled) -> Tensor:
    if t._edge is None:
        return t
    if not pulled.recording:
        return detached(t)  # type: ignore[no-any-return]
    _, outside = leading_to([t._edge], {i._edge: None for i in pulled.inputs}, pulled.epoch)
    return t if outside else detached(t)


def numbers_of(argnums: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """Positions of arguments, non-negative; ValueError for one that the call does not have."""
    given = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in given:
        if not -count <= n < count:
            raise ValueError(f"argnums {n} is out of range for a call with {count} positional arguments")
    return tuple(n % count for n in given)


def value_and_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns (f's value, its gradient) with respect to arguments `argnums`, trees of tensors
    allowed; f returns one value, or (value, aux).
    """
    if not callable(f):
        raise TypeError(f"expected a function, got {type(f).__name__}")

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(argnums, len(args))
        pulled = _Pulled(f, args, kwargs, numbers)
        out = pulled.out
        aux = None
        if has_aux:
            out, aux = with_aux(out)
        if not isinstance(out, Tensor) or out.shape != ():
            shown = f"shape {out.shape}" if isinstance(out, Tensor) else type(out).__name__
            raise RuntimeError(f"grad needs a function that returns one 0-d tensor, got {shown}; sum it, or use vjp")
        if out.dtype.category == COMPLEX:
            raise RuntimeError(
                f"grad needs a function with a real value, got {out.dtype}; take .real or .abs(), or use vjp"
            )
        out = lift(out, pulled.top)
        grads = iter(pulled.back([out], [ones_like(out.detach())], False))
        trees = [map_leaves(lambda t, _: next(grads), args[n], f"argument {n}") for n in numbers]
        result = trees[0] if isinstance(argnums, int) else tuple(trees)
        value = pulled.plain(out)
        return ((value, pulled.plain(aux)), result) if has_aux else (value, result)

    return wrapped


def grad_and_value(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """`value_and_grad` with its results in the order (gradient, value), as torch.func has them."""
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return grads, value

    return wrapped


def transform_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the gradient of f's one value with respect to arguments `argnums`."""
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapped


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(f(*primals), a function from a cotangent of the result to the cotangents of the primals); with has_aux f
    returns (value, aux) and aux is returned third.
    """
    pulled = _Pulled(f, primals, {}, tuple(range(len(primals))))
    aux = None
    if has_aux:
        pulled.out, aux = with_aux(pulled.out)
    leaves, spec = flatten(pulled.out)

    def back(cotangent: Any) -> tuple[Any, ...]:
        given, other = flatten(cotangent)
        if other != spec:
            raise ValueError("the cotangent must have the structure of the function's result")
        for g, t in zip(given, leaves, strict=True):
            if not isinstance(g, Tensor) or g.shape != t.shape:
                raise ValueError(f"a cotangent of shape {t.shape} is needed, got {g!r}")
        grads = iter(pulled.back(leaves, given, True))
        return tuple(map_leaves(lambda t, _: next(grads), p, "primal") for p in primals)

    value = pulled.plain(pulled.out)
    return (value, back, pulled.plain(aux)) if has_aux else (value, back)


def with_aux(out: Any) -> tuple[Any, Any]:
    """The parts of a result with has_aux=True; TypeError unless it is (value, aux)."""
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError("with has_aux=True the function must return (value, aux)")
    return out


def vmap(
    f: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """f over a batch dim of its arguments: `in_dims` is an int, None (not mapped) or one per argument (trees
    allowed); results get the batch at out_dims. With `chunk_size` so many examples are computed at once.
    """
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise ValueError(f"chunk_size is a positive int or None, got {chunk_size!r}")
    if randomness not in ("error", "same", "different"):
        raise ValueError(f"randomness is 'error', 'same' or 'different', got {randomness!r}")
    if not callable(f):
        raise TypeError(f"expected a function, got {type(f).__name__}")

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        flat, spec = flatten(args)
        dims = _dims_for(in_dims, args, flat)
        size = None
        for t, d in zip(flat, dims, strict=True):
            if d is None:
                continue
            if not isinstance(t, Tensor) or not -t.ndim <= d < t.ndim:
                shown = f"shape {t.shape}" if isinstance(t, Tensor) else type(t).__name__
                raise ValueError(f"vmap: in_dims {d} does not fit an argument of {shown}")
            n = t.shape[d]
            if size is not None and n != size:
                raise ValueError(f"vmap: the mapped dims have different sizes, {size} and {n}")
            size = n
        if size is None:
            raise ValueError("vmap needs at least one argument to map over; in_dims is None for all")
        batch = _Batch(f, dims, spec, kwargs, out_dims, randomness)
        if chunk_size is None or chunk_size >= size:
            plain, out_spec, _ = batch.run(flat, size)
        else:
            plain, out_spec = batch.in_chunks(flat, size, chunk_size)
        return unflatten(plain, out_spec)

    return wrapped


class _Batch:
    """One call of a vmapped function."""

    def __init__(
        self, f: Callable[..., Any], dims: list[int | None], spec: Any, kwargs: dict[str, Any], out_dims: Any,
        randomness: str,
    ) -> None:  # fmt: skip
        self.f = f
        self.dims = dims
        self.spec = spec
        self.kwargs = kwargs
        self.out_dims = out_dims
        self.randomness = randomness

    def run(self, flat: list[Any], size: int) -> tuple[list[Tensor], Any, list[int]]:
        """(results, their structure, where their batch dims are)."""
        with opened(Level("vmap", size, self.randomness)) as level:
            inputs = [
                t if d is None else wrap(Batched(_to_front(t, d), level, True, False))
                for t, d in zip(flat, self.dims, strict=True)
            ]
            results, out_spec = flatten(self.f(*unflatten(inputs, self.spec), **self.kwargs))
            out_dims = self.out_dims
            places = [out_dims] * len(results) if isinstance(out_dims, int) else list(flatten(out_dims)[0])
            if len(places) != len(results):
                raise ValueError(f"vmap: out_dims has {len(places)} entries for {len(results)} results")
            return [_unwrap(t, level, size, d) for t, d in zip(results, places, strict=True)], out_spec, places

    def in_chunks(self, flat: list[Any], size: int, chunk: int) -> tuple[list[Tensor], Any]:
        """The results of examples `chunk` at a time; equal random numbers are equal in all chunks."""
        state = standing(default_generator) if self.randomness == "same" else None
        parts = []
        for at in range(0, size, chunk):
            n = min(chunk, size - at)
            if state is not None:
                swapped(default_generator, state)
            some = [t if d is None else t.narrow(d % t.ndim, at, n) for t, d in zip(flat, self.dims, strict=True)]
            parts.append(self.run(some, n))
        columns = zip(*[plain for plain, _, _ in parts], strict=True)
        joined = [cat(list(column), d % column[0].ndim) for column, d in zip(columns, parts[0][2], strict=True)]
        return joined, parts[0][1]


def _dims_for(in_dims: Any, args: tuple[Any, ...], flat: list[Any]) -> list[int | None]:
    if in_dims is None or isinstance(in_dims, int):
        return [in_dims if isinstance(t, Tensor) else None for t in flat]
    if len(in_dims) != len(args):
        raise ValueError(f"vmap: in_dims has {len(in_dims)} entries for {len(args)} arguments")
    out: list[int | None] = []
    for arg, d in zip(args, in_dims, strict=True):
        leaves, spec = flatten(arg)
        if d is None or isinstance(d, int):
            out.extend(d if isinstance(t, Tensor) else None for t in leaves)
        else:
            given, other = flatten(d, none_is_leaf=True)
            if other != spec:
                raise ValueError("vmap: a nested in_dims entry must have the structure of its argument")
            out.extend(given)
    return out


def _to_front(t: Tensor, dim: int) -> Tensor:
    dim %= t.ndim
    return t if dim == 0 else t.permute(dim, *[d for d in range(t.ndim) if d != dim])


def _unwrap(t: Any, level: Level, size: int, dim: int) -> Any:
    if not isinstance(t, Tensor):
        raise TypeError(f"a function under vmap must return tensors, got {type(t).__name__}")
    t.requires_grad  # noqa: B018 - brings a stale view up to date
    if level_of(t) is level:
        out = t._data.tensor
        if not t._data.batched:
            out = out.unsqueeze(0).expand(size, *out.shape)
    else:
        out = t.unsqueeze(0).expand(size, *t.shape)
    if not -out.ndim <= dim < out.ndim:
        raise ValueError(f"vmap: out_dims {dim} does not fit a result of {out.ndim} dims")
    dim %= out.ndim
    return out if dim == 0 else out.permute(*range(1, dim + 1), 0, *range(dim + 1, out.ndim))


def described(x: Any) -> str:
    """A tensor by its dtype and shape, anything else by its type."""
    return f"{x.dtype.name}{list(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"


def jvp(f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], has_aux: bool = False) -> Any:
    """(f(*primals), its derivative along tangents), forward mode; with has_aux f returns (value, aux) and aux is
    returned third.
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp takes tuples of primals and tangents")
    flat, spec = flatten(tuple(primals))
    given, other = flatten(tuple(tangents))
    if spec != other:
        raise ValueError("jvp: primals and tangents must have one structure")
    for x, t in zip(flat, given, strict=True):
        if not isinstance(x, Tensor) or not isinstance(t, Tensor) or x.shape != t.shape or x.dtype is not t.dtype:
            raise ValueError(f"jvp: a tangent must be like its primal, got {described(x)} and {described(t)}")
        if not _differentiable(x):
            raise TypeError(f"jvp needs floating or complex primals, got {x.dtype}")
    with opened(Level("jvp")) as level:
        inputs = [wrap(Dual(x, level, t, False)) for x, t in zip(flat, given, strict=True)]
        out = f(*unflatten(inputs, spec))
        aux = None
        if has_aux:
            out, aux = with_aux(out)
        results, out_spec = flatten(out)
        pairs = [_split(t, level) for t in results]
        rest = map_leaves(lambda t, _: _split(t, level)[0] if isinstance(t, Tensor) else t, aux, "aux")
    value = unflatten([p for p, _ in pairs], out_spec)
    tangent = unflatten([zeros_like(p) if t is None else t for p, t in pairs], out_spec)
    return (value, tangent, rest) if has_aux else (value, tangent)


def _split(t: Any, level: Level) -> tuple[Tensor, Tensor | None]:
    if not isinstance(t, Tensor):
        raise TypeError(f"a function under jvp must return tensors, got {type(t).__name__}")
    t.requires_grad  # noqa: B018 - brings a stale view up to date
    return (t._data.tensor, t._data.tangent) if level_of(t) is level else (t, None)


def rewrapped(t: Any, dim: int | None, level: Level) -> Any:
    """A payload as a tensor of a vmap level, its batch at `dim` (None: the same for every example)."""
    if not isinstance(t, Tensor):
        return t
    if dim is None:
        return wrap(Batched(t, level, False))
    if not -t.ndim <= dim < t.ndim or t.shape[dim] != level.size:
        raise ValueError(f"vmap: out_dims {dim} of a result of shape {t.shape} is no batch of {level.size}")
    return wrap(Batched(_to_front(t, dim), level, True))


def with_tangent(t: Any, tangent: Any, level: Level, name: str) -> Any:
    """A primal as a tensor of a jvp level with the tangent that `name` gave for it."""
    if not isinstance(t, Tensor):
        return t
    if tangent is not None and (not isinstance(tangent, Tensor) or tangent.shape != t.shape):
        raise ValueError(f"{name}.jvp must return tangents like the outputs, got {tangent!r} for shape {t.shape}")
    if tangent is not None and tangent.dtype is not t.dtype:
        tangent = tangent.to(t.dtype)
    return wrap(Dual(t, level, tangent))
