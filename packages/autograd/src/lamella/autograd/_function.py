"""Function: an op with a forward and a backward of the user's own, and rules for the transforms if it has them.

The node keeps the context, and the context keeps no node and no tensor after forward: saved tensors are kept as a
node keeps them, so that a write into one is noticed and an output is not held by what it holds. Only tensors among
the arguments themselves are followed; what stands inside lists or dicts is passed on as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamella.tensor import Tensor, no_grad, set_grad_enabled, zeros
from lamella.tensor.extend import (
    FLOAT,
    GRAD,
    LEVEL,
    OPS,
    VIEW,
    Level,
    detached,
    from_numpy_dtype,
    level_of,
    record,
    set_edge,
    tls,
    user_location,
)

from ._accumulate import moved
from ._context import FunctionContext
from ._engine import Context
from ._levels import detached_at, lift
from ._node import Leaf, Node, OwnRule, Plan, Port, metas_of, new_node
from ._saving import recorded_specially
from ._tape import save
from ._transforms import rewrapped, with_tangent

if TYPE_CHECKING:
    from ._history import Made, Taking

__all__ = ["Function", "once_differentiable"]


class Function:
    """Subclass with static `forward(ctx, *args)` and `backward(ctx, *cotangents)`, then call `apply`.

    Or with `forward(*args)` and `setup_context(ctx, inputs, output)`. backward gets one cotangent per output (zeros
    where none came) and returns one gradient or None per argument of forward. Under vmap a Function needs
    `generate_vmap_rule = True` (forward and backward are batched as they stand) or a static
    `vmap(info, in_dims, *args) -> (output, out_dims)`; under jvp a static `jvp(ctx, *tangents)`.
    """

    generate_vmap_rule = False
    _signature: Any = None

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; runs unrecorded."""
        raise NotImplementedError("a Function needs a static forward(ctx, *args), or forward(*args) and setup_context")

    @staticmethod
    def setup_context(ctx: FunctionContext, inputs: tuple[Any, ...], output: Any) -> None:
        """Leave what backward needs; where it is defined, forward takes no ctx."""
        raise NotImplementedError("setup_context is not defined")

    @staticmethod
    def backward(ctx: FunctionContext, *cotangents: Any) -> Any:
        """One gradient (or None) per argument of forward; may be called vjp as well."""
        raise NotImplementedError("a Function needs a static backward(ctx, *cotangents), or a vjp of that signature")

    @staticmethod
    def vjp(ctx: FunctionContext, *cotangents: Any) -> Any:
        """Another name of backward, for a Function that defines this one."""
        raise NotImplementedError("vjp is not defined")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """The result for batched arguments: (output, out_dims)."""
        raise NotImplementedError("vmap is not defined")

    @staticmethod
    def jvp(ctx: FunctionContext, *tangents: Any) -> Any:
        """The tangents of the outputs, from those of the arguments (None for one without)."""
        raise NotImplementedError("jvp is not defined")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and record backward; RuntimeError under a transform that the Function has no rule for."""
        split = cls.setup_context is not Function.setup_context
        if split or kwargs:
            args = _bound(cls, split, args, kwargs)
        level = _highest(args)
        if level is None:
            return _apply(cls, split, args)[0]
        if level.kind == "jvp":
            return _apply_jvp(cls, split, args, level)
        if level.kind == "region":
            level.refuse(f"applies the custom Function {cls.__name__}", "write it in ops, or apply it outside")  # type: ignore[attr-defined]
        return _apply_batched(cls, split, args, level)


class VmapInfo:
    """What a Function's static vmap is told of the transform."""

    __slots__ = ("batch_size", "randomness")

    def __init__(self, level: Level) -> None:
        self.batch_size = level.size
        self.randomness = level.randomness


def _bound(cls: type[Function], split: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    if not split:
        raise TypeError(
            f"{cls.__name__}.apply takes keyword arguments only if the Function has a setup_context; "
            f"pass them by position"
        )
    signature = cls.__dict__.get("_signature")
    if signature is None:
        import inspect

        signature = cls._signature = inspect.signature(cls.forward)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(f"{cls.__name__}.forward has keyword-only arguments {sorted(bound.kwargs)}; apply has none")
    return tuple(bound.args)


def _highest(args: tuple[Any, ...]) -> Level | None:
    top: Level | None = None
    for a in args:
        if isinstance(a, Tensor):
            a.requires_grad  # noqa: B018 - brings a stale view up to date
            if a._flags & LEVEL:
                level = a._data.level
                level.check()
                if top is None or level.serial > top.serial:
                    top = level
    return top


def _apply(cls: type[Function], split: bool, args: tuple[Any, ...]) -> tuple[Any, FunctionContext, tuple[Any, ...]]:
    """At no level: forward runs under no_grad on the arguments themselves. Also returned: the context, and what
    forward mode reads.
    """
    ctx = FunctionContext()
    ctx.needs_input_grad = needs = _needs(args, None)
    with no_grad():
        if split:
            out = cls.forward(*args)
            cls.setup_context(ctx, args, out)
        else:
            out = cls.forward(ctx, *args)
    if not (tls.grad and any(needs)):
        return out, ctx, ctx._forget()
    out, kept = _recorded(cls, ctx, args, args, out, None)
    return out, ctx, kept


def _needs(args: tuple[Any, ...], level: Level | None) -> tuple[bool, ...]:
    return tuple([isinstance(a, Tensor) and bool(a._flags & GRAD) and level_of(a) is level for a in args])


def _apply_batched(cls: type[Function], split: bool, args: tuple[Any, ...], level: Level) -> Any:
    """At a vmap level: by the static vmap on payloads, or by forward itself, whose ops are batched one by one."""
    written = cls.vmap is not Function.vmap
    if written == bool(cls.generate_vmap_rule):
        if written:
            raise RuntimeError(
                f"{cls.__name__} has a static vmap and generate_vmap_rule = True; it can have one of them"
            )
        raise RuntimeError(
            f"{cls.__name__} is a custom Function and has no rule for vmap; give it generate_vmap_rule = True or a "
            "static vmap(info, in_dims, *args), write it in ops, or apply it outside"
        )
    ctx = FunctionContext()
    ctx.needs_input_grad = needs = _needs(args, level)
    # cut at this level only: lower levels stay connected through what forward computes
    inner = tuple([detached_at(a, level) if isinstance(a, Tensor) else a for a in args])
    if written:
        out = _by_static_vmap(cls, args, level)
        if split:
            cls.setup_context(ctx, args, out)
        elif any(needs):
            raise RuntimeError(
                f"{cls.__name__} has a static vmap and is differentiated inside a vmap: what backward needs must be "
                "left by a static setup_context, for forward does not run"
            )
    elif split:
        out = cls.forward(*inner)
        cls.setup_context(ctx, inner, out)
    else:
        out = cls.forward(ctx, *inner)
    if not (tls.grad and any(needs)):
        return out
    return _recorded(cls, ctx, args, inner, out, level)[0]


def _by_static_vmap(cls: type[Function], args: tuple[Any, ...], level: Level) -> Any:
    payloads = []
    dims: list[int | None] = []
    for a in args:
        mine = isinstance(a, Tensor) and level_of(a) is level
        payloads.append(a._data.tensor if mine else a)
        dims.append(0 if mine and a._data.batched else None)
    saved = tls.levels
    tls.levels = saved[: saved.index(level)] if level in saved else saved
    try:
        found = cls.vmap(VmapInfo(level), tuple(dims), *payloads)
    finally:
        tls.levels = saved
    if not isinstance(found, tuple) or len(found) != 2:
        raise TypeError(f"{cls.__name__}.vmap must return (output, out_dims), got {type(found).__name__}")
    out, out_dims = found
    if not isinstance(out, tuple):
        return rewrapped(out, out_dims, level)
    places = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(out)
    if len(places) != len(out):
        raise ValueError(f"{cls.__name__}.vmap returned {len(out)} outputs and {len(places)} out_dims")
    return tuple([rewrapped(o, d, level) for o, d in zip(out, places, strict=True)])


def _apply_jvp(cls: type[Function], split: bool, args: tuple[Any, ...], level: Level) -> Any:
    """At a jvp level: apply itself on primals, and the static jvp on tangents."""
    if cls.jvp is Function.jvp:
        raise RuntimeError(
            f"{cls.__name__} is a custom Function and has no rule for jvp; give it a static jvp(ctx, *tangents), "
            "write it in ops, or apply it outside"
        )
    primals: list[Any] = []
    tangents: list[Any] = []
    for a in args:
        mine = isinstance(a, Tensor) and level_of(a) is level
        primals.append(a._data.tensor if mine else a)
        tangents.append(a._data.tangent if mine else None)
    needs = _needs(args, level)
    if any(needs) and tls.grad and not split:
        raise RuntimeError(
            f"{cls.__name__} is differentiated backward inside a jvp: what backward needs must be left by a static "
            "setup_context"
        )
    saved = tls.levels
    tls.levels = saved[: saved.index(level)] if level in saved else saved
    try:
        if _highest(tuple(primals)) is None:
            out, ctx, kept = _apply(cls, split, tuple(primals))
        elif split:
            out, ctx = cls.apply(*primals), FunctionContext()
            cls.setup_context(ctx, tuple(primals), out)
            kept = ctx._forget()
        else:
            raise RuntimeError(f"{cls.__name__} under a jvp of another transform needs a static setup_context")
        outs = out if isinstance(out, tuple) else (out,)
        with ctx._forward_mode(kept):
            tangents_out = cls.jvp(ctx, *tangents)
    finally:
        tls.levels = saved
    found = tangents_out if isinstance(tangents_out, tuple) else (tangents_out,)
    if len(found) != len(outs):
        raise RuntimeError(f"{cls.__name__}.jvp returned {len(found)} tangents for {len(outs)} outputs")
    wrapped = tuple([with_tangent(o, t, level, cls.__name__) for o, t in zip(outs, found, strict=True)])
    result = wrapped if isinstance(out, tuple) else wrapped[0]
    if not (any(needs) and tls.grad):
        return result
    given = tuple([detached_at(a, level) if isinstance(a, Tensor) else a for a in args])
    again = FunctionContext()
    again.needs_input_grad = needs
    cls.setup_context(again, given, result)
    return _recorded(cls, again, args, given, result, level)[0]


def _recorded(
    cls: type[Function], ctx: FunctionContext, args: tuple[Any, ...], inner: tuple[Any, ...], out: Any,
    level: Level | None,
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    """(the outputs, connected to a node whose rule is backward; what forward mode reads). `inner` is what forward got
    in place of `args`.
    """
    given = out if isinstance(out, tuple) else (out,)
    if not any(isinstance(o, Tensor) for o in given):
        raise TypeError(
            f"{cls.__name__}.forward must return a tensor or a tuple with tensors, got {type(out).__name__}"
        )
    _check_dirty(cls, ctx, inner, given)
    outs: list[Any] = []
    for o in given:
        if isinstance(o, Tensor):
            o = lift(o, level)
            # an argument, or anything that already has a place in a graph, is returned under a handle of its own
            own = any(o is a for a in inner) or any(o is p for p in outs) or bool(o._flags & GRAD)
            o = detached(o) if own else o
        outs.append(o)
    edges = tuple([a._edge if n else None for a, n in zip(args, ctx.needs_input_grad, strict=True)])
    mask = sum([1 << i for i, need in enumerate(ctx.needs_input_grad) if need])
    silent = ctx._no_grad_outputs | {id(o) for o in given if isinstance(o, Tensor) and o.dtype.category < FLOAT}
    kept = ctx._to_save
    rule = _Rule(cls, ctx, [isinstance(o, Tensor) for o in outs])
    plan = Plan(cls.__name__, rule, mask, tuple(range(len(kept))), custom=True)
    made = [(o, out) for o, out in zip(given, outs, strict=True) if isinstance(out, Tensor)]
    node = new_node(plan, edges, [(o._data.shape, o._data.dtype) for _, o in made], user_location(3))
    numbers = {id(o): n for n, (o, _) in enumerate(made) if id(o) not in silent}
    originals = {id(i): a for i, a in zip(inner, args, strict=True)}
    node.saved = tuple([save(originals.get(id(t), t), ~numbers[id(t)] if id(t) in numbers else 0, level) for t in kept])
    recorded_specially(node, 3)
    for n, (_, o) in enumerate(made):
        if id(made[n][0]) not in silent:
            set_edge(o, node if n == 0 else Port(node, n))
    if ctx._dirty:
        written = {id(i): a for i, a in zip(inner, args, strict=True) if id(i) in ctx._dirty}
        outs = [
            _rebound(written[id(o)], new, level) if id(o) in written else new
            for o, new in zip(given, outs, strict=True)
        ]
    return (tuple(outs) if isinstance(out, tuple) else outs[0]), ctx._forget()


def _check_dirty(cls: type[Function], ctx: FunctionContext, inner: tuple[Any, ...], given: tuple[Any, ...]) -> None:
    returned = {id(o) for o in given}
    for a in inner:
        if id(a) in ctx._dirty:
            if id(a) not in returned:
                raise RuntimeError(f"{cls.__name__}: an input marked dirty must be returned as an output")
            root = a._view.base if a._flags & VIEW and a._view.differentiable else a
            if type(root._edge) is Leaf:
                raise RuntimeError(
                    f"{cls.__name__} writes in place into a leaf tensor that requires grad; do it under no_grad(), "
                    f"or on a copy"
                )
    if not {id(a) for a in inner} >= ctx._dirty:
        raise RuntimeError(f"{cls.__name__}: mark_dirty takes inputs of forward")


def _rebound(a: Tensor, o: Tensor, level: Level | None) -> Tensor:
    """The argument itself, which forward has written, with its new place in the graph."""
    view = a._view
    if level is not None:
        a._data = o._data
    if view is None or not view.differentiable:
        before = a._edge
        set_edge(a, o._edge)
        if before is not None and o._edge is not None:
            moved(before, o._edge)
        return a
    old = detached(view.base)
    set_edge(old, view.base._edge)
    record(OPS["view_write"], (old, o), {"chain": view.chain}, view.base, level)
    view.version = -1  # it is a view of the base's new value
    return a


def _backward(cls: type[Function]) -> Callable[..., Any]:
    """What the Function calls its backward."""
    if cls.vjp is Function.vjp:
        return cls.backward
    if cls.backward is not Function.backward:
        raise RuntimeError(f"{cls.__name__} has both a static backward and a static vjp; it can have one of them")
    return cls.vjp


class _Rule(OwnRule):
    """The rule of a Function's node: its backward, with the context that forward left."""

    def __init__(self, cls: type[Function], ctx: FunctionContext, are_tensors: list[bool]) -> None:
        self._cls = cls
        self._backward = _backward(cls)
        self._ctx = ctx
        self._are_tensors = are_tensors

    def taken(self, taking: Taking) -> Callable[[Made], OwnRule]:
        """One of its own context for each call: what forward left there, over that call's values."""
        cls, are_tensors = self._cls, self._are_tensors
        left = taking.python(self._ctx._left(), f"the context of {cls.__name__}")
        return lambda made: _Rule(cls, FunctionContext._of(left(made)), are_tensors)

    def __call__(self, context: Context, *g: Tensor | None) -> Any:
        ctx, backward = self._ctx, self._backward
        node = context.node
        keep = context.keeps_graph
        filled = iter(
            [
                zeros(shape, dtype=from_numpy_dtype(dtype)) if gi is None and ctx._materialize else gi
                for gi, (shape, dtype) in zip(g, metas_of(node), strict=True)
            ]
        )
        full = [next(filled) if is_tensor else None for is_tensor in self._are_tensors]
        if ctx._materialize and tls.trace is not None and tls.trace.marks is not None:
            full = tls.trace.marks.filled(full)
        at_level = any(gi is not None and bool(gi._flags & LEVEL) for gi in g)
        with ctx._backward_of(node, keep, context.mask):
            if at_level:  # the grad mode stays: it would cut lower levels too
                grads = backward(ctx, *full)
            else:
                with set_grad_enabled(keep):
                    grads = backward(ctx, *full)
        grads = _checked(self._cls.__name__, node, grads)
        return grads if ctx._onward is None else ctx._replace(node, g)


def _checked(name: str, node: Node, given: Any) -> tuple[Any, ...]:
    grads = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    count = len(node.edges)
    if len(grads) > count and all(g is None for g in grads[count:]):
        grads = grads[:count]
    if len(grads) != count:
        raise RuntimeError(
            f"{name}.backward returned {len(grads)} gradients; "
            f"forward has {count} arguments, and each needs one (or None)"
        )
    for i, (g, edge) in enumerate(zip(grads, node.edges, strict=True)):
        if g is None:
            continue
        if not isinstance(g, Tensor):
            raise TypeError(f"{name}.backward must return tensors or None, gradient {i} is {type(g).__name__}")
        if edge is not None and not _spreads(tuple(edge.shape), tuple(g.shape)):
            raise RuntimeError(
                f"{name}.backward returned a gradient of shape {g.shape} for argument {i} of shape {tuple(edge.shape)}"
            )
    return grads


def _spreads(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether one shape broadcasts to another: the engine then sums the gradient."""
    lead = len(large) - len(small)
    return lead >= 0 and all(n in (1, large[lead + i]) for i, n in enumerate(small))


class _Once(Function):
    """Hands the first `count` of its arguments on, and refuses to be differentiated by any."""

    @staticmethod
    def forward(ctx: FunctionContext, count: int, *args: Any) -> Any:
        return tuple([detached(a) if isinstance(a, Tensor) else a for a in args[:count]])

    @staticmethod
    def backward(ctx: FunctionContext, *cotangents: Any) -> Any:
        raise RuntimeError("a backward marked with @once_differentiable cannot be differentiated again")


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a Function's backward that is not written in ops: it runs unrecorded, and a second derivative
    through it raises RuntimeError.
    """

    @functools.wraps(backward)
    def wrapped(ctx: FunctionContext, *cotangents: Any) -> Any:
        with no_grad():
            grads = backward(ctx, *cotangents)
        if not tls.grad:
            return grads
        links = [t for t in (*cotangents, *ctx.saved_tensors) if isinstance(t, Tensor) and t.requires_grad]
        found = grads if isinstance(grads, tuple) else (grads,)
        if not links or not any(isinstance(g, Tensor) for g in found):
            return grads
        out = _Once.apply(len(found), *found, *links)
        return out if isinstance(grads, tuple) else out[0]

    return wrapped
