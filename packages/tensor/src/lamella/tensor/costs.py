"""What an op costs: `cost(*metas, **params) -> (flops, bytes)`, from the factor spec or, for opaque ops, written out.

Flops count one for every add, multiply, compare or transcendental of the textbook form; bytes are operands read once
and results written once. They are what profilers and planners start from, not a claim about a kernel. An op that a spec
does not describe has a rule `flops(operand metas, output metas, params) -> int`, here or beside its shape rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ._meta import broadcast_shapes
from ._op import OPS, Op, register_rules, rule

__all__ = ["TABLE", "factor_sizes"]

Rule = Callable[..., tuple[int, int]]


def factor_sizes(spec: str, shapes: list[tuple[int, ...]]) -> dict[str, int]:
    """Size of every index of a factor spec such as `'... m k, ... k n -> ... m n'`; `...` is the broadcast batch."""
    left = spec.partition("->")[0]
    sizes: dict[str, int] = {}
    batch: tuple[int, ...] = ()
    for words, shape in zip((part.split() for part in left.split(",")), shapes, strict=True):
        named = [w for w in words if w != "..."]
        at = len(shape) - len(named)
        if at < 0:  # a vector where the spec has a matrix: the index it lacks is 1
            named, at = named[-at:], 0
        sizes.update({w: max(n, sizes.get(w, 1)) for w, n in zip(named, shape[at:], strict=True)})
        batch = broadcast_shapes(batch, tuple(shape[:at]))
    sizes["..."] = math.prod(batch)
    return sizes


def _metas(args: tuple[Any, ...]) -> list[Any]:
    return [a for a in args if hasattr(a, "shape")]


def _size(meta: Any) -> int:
    return math.prod(meta.shape)


def _traffic(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[list[Any], int]:
    out = rule(op, "shape")(*args, **params)
    outs = list(out) if type(out) is tuple else [out]
    return outs, sum(_size(m) * m.dtype.itemsize for m in [*_metas(args), *outs])


def _derived(op: Op) -> Rule:
    if op.spec == "view":
        return lambda *args, **params: (0, 0)
    if op.spec == "scalar":
        return lambda *args, **params: (1, 0)

    def cost(*args: Any, **params: Any) -> tuple[int, int]:
        outs, moved = _traffic(op, args, params)
        if op.spec == "elementwise":
            return _WORK.get(op.name, 1) * _size(outs[0]), moved
        if op.spec == "reduce":
            return _size(_metas(args)[0]), moved
        if op.spec == "creation":
            return 0, moved
        sizes = factor_sizes(op.spec, [tuple(m.shape) for m in _metas(args)])
        return 2 * math.prod(sizes.values()), moved

    return cost


def _written(name: str, flops: Callable[[list[Any], list[Any], dict[str, Any]], int]) -> Rule:
    op = OPS[name]

    def cost(*args: Any, **params: Any) -> tuple[int, int]:
        outs, moved = _traffic(op, args, params)
        return flops(_metas(args), outs, params), moved

    return cost


def _conv(weights: int, image: int) -> Callable[[list[Any], list[Any], dict[str, Any]], int]:
    """Two flops a product; `weights`: where [O, C/groups, ...] stands among all tensors, `image`: the output."""

    def flops(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
        w, y = ([*xs, *outs][i] for i in (weights, image))
        return 2 * _size(y) * int(math.prod(w.shape[1:]))

    return flops


# flops an element of elementwise ops that are more than one step
_WORK = {"sigmoid": 3, "gelu": 5, "rsqrt": 2, "cast": 0, "copy": 0}
_WRITTEN: dict[str, Callable[[list[Any], list[Any], dict[str, Any]], int]] = {
    "linear": lambda xs, outs, params: 2 * _size(outs[0]) * xs[1].shape[1] + (_size(outs[0]) if len(xs) > 2 else 0),
    "softmax_grad": lambda xs, outs, params: 4 * _size(xs[0]),
    "log_softmax_grad": lambda xs, outs, params: 4 * _size(xs[0]),
    "softmax": lambda xs, outs, params: 5 * _size(xs[0]),
    "log_softmax": lambda xs, outs, params: 5 * _size(xs[0]),
    "rms_norm": lambda xs, outs, params: (3 + len(xs) - 1) * _size(xs[0]),
    "layer_norm": lambda xs, outs, params: (5 + len(xs) - 1) * _size(xs[0]),
    "batch_norm": lambda xs, outs, params: (5 + len(xs) - 1) * _size(xs[0]),
    "cross_entropy": lambda xs, outs, params: 5 * _size(xs[0]) + 2 * _size(xs[1]),
    "dropout": lambda xs, outs, params: 2 * _size(xs[0]),
    "conv": _conv(1, -1),
    "conv_input_grad": _conv(1, 0),
    "conv_weight_grad": _conv(2, 0),
    "max_pool": lambda xs, outs, params: _size(outs[0]) * math.prod(params["kernel"]),
    "avg_pool": lambda xs, outs, params: _size(outs[0]) * math.prod(params["kernel"]),
    "max_pool_grad": lambda xs, outs, params: _size(xs[0]),
    "avg_pool_grad": lambda xs, outs, params: _size(xs[0]) * math.prod(params["kernel"]),
    "im2col": lambda xs, outs, params: 0,
    "col2im": lambda xs, outs, params: _size(xs[0]),
    "cumsum": lambda xs, outs, params: _size(xs[0]),
    "view_grad": lambda xs, outs, params: max(_size(xs[0]) - _size(outs[0]), 0),
    "argmax": lambda xs, outs, params: _size(xs[0]),
    "argmin": lambda xs, outs, params: _size(xs[0]),
    "take_grad": lambda xs, outs, params: _size(xs[0]),
    "scatter_add": lambda xs, outs, params: _size(xs[1]),
    "huber": lambda xs, outs, params: 5 * _size(xs[0]),
    "huber_grad": lambda xs, outs, params: 3 * _size(xs[1]),
    "linear_weight_grad": lambda xs, outs, params: 2 * _size(xs[0]) * xs[1].shape[-1],
    "layer_norm_input_grad": lambda xs, outs, params: 9 * _size(xs[0]),
    "layer_norm_grad": lambda xs, outs, params: 12 * _size(xs[0]),
    "batch_norm_grad": lambda xs, outs, params: 9 * _size(xs[0]),
    "cross_entropy_grad": lambda xs, outs, params: 3 * _size(outs[0]),
} | {n: lambda xs, outs, params: 0 for n in ("view_write", "cat", "take", "gather")}

register_rules("flops", _WRITTEN)
TABLE: dict[str, Rule] = {
    name: _written(name, op.rules["flops"]) if "flops" in op.rules else _derived(op)
    for name, op in OPS.items()
    if op.package == "lamella.tensor" and ("flops" in op.rules or op.spec != "opaque")
}
register_rules("cost", TABLE)
