"""Batching rules: the op on payloads whose dim 0 is the batch where `batched` says so.

`rule(op, payloads, batched, params, size) -> (outputs, batched outputs)`, or None for a composite that is better
batched through its body. Elementwise ops, reductions and views derive theirs from the factor spec; only opaque ops
are written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamella.tensor import Tensor, arange, expand, reshape, stack
from lamella.tensor.extend import OPS, MetaArray, Op, dispatch, rule

__all__ = [
    "BATCH", "Rule", "aligned", "along_dim", "elementwise", "front", "full", "looped", "offset", "rank_of",
    "reduction", "view",
]  # fmt: skip

Rule = Callable[[Op, list[Any], list[bool], dict[str, Any], int], Any]


def rank_of(t: Any, batched: bool) -> int:
    return int(t._data.ndim) - int(batched)


def full(t: Any, batched: bool, size: int) -> Any:
    """The operand with its batch dim in front."""
    return t if batched else expand(t.unsqueeze(0), (size, *t.shape))


def aligned(t: Any, batched: bool, rank: int) -> Any:
    """A batched operand with ones inserted behind the batch dim, so that it broadcasts as a tensor of `rank` dims."""
    if not batched or rank_of(t, True) == rank:
        return t
    return reshape(t, t.shape[0], *(1,) * (rank - rank_of(t, True)), *t.shape[1:])


def looped(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    """One call per example, for ops whose work is far larger than a call."""
    each = [tuple(x[i] if b else x for x, b in zip(xs, batched, strict=True)) for i in range(size)]
    rows = [dispatch(op, args, params) for args in each]
    if type(rows[0]) is tuple:
        return tuple(stack(column) for column in zip(*rows, strict=True)), (True,) * len(rows[0])
    return stack(rows), True


def front(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    """Ops that treat all dims before their last ones alike: the batch is one more of them."""
    full_xs = tuple(full(x, b, size) if isinstance(x, Tensor) else x for x, b in zip(xs, batched, strict=True))
    out = dispatch(op, full_xs, params)
    return out, (True,) * len(out) if type(out) is tuple else True


def elementwise(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    rank = max(rank_of(x, b) for x, b in zip(xs, batched, strict=True) if isinstance(x, Tensor))
    args = [aligned(x, b, rank) if isinstance(x, Tensor) else x for x, b in zip(xs, batched, strict=True)]
    return dispatch(op, tuple(args), params), True


def reduction(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    dims = tuple(d + 1 for d in params["dims"])
    x = xs[0]
    if not dims:
        # no dims left means none are reduced, which a kernel would read as all of them: one that is not there is
        # reduced instead, and what keeps its dims as a residual loses it again
        x = x.unsqueeze(-1)
        out = dispatch(op, (x,), {**params, "dims": (x.ndim - 1,), "keepdim": False})
        if type(out) is not tuple:
            return out, True
        return tuple(o if o.ndim < x.ndim else o.squeeze(-1) for o in out), (True,) * len(out)
    out = dispatch(op, (x,), {**params, "dims": dims})
    return out, (True,) * len(out) if type(out) is tuple else True


def arg_reduction(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    x, dim, keepdim = xs[0], params["dim"], params["keepdim"]
    if dim is None:
        out = dispatch(op, (reshape(x, size, -1),), {"dim": 1, "keepdim": False})
        return (reshape(out, size, *(1,) * (x.ndim - 1)) if keepdim else out), True
    return dispatch(op, (x,), {"dim": dim + 1, "keepdim": keepdim}), True


def _view_param(name: str, param: Any, size: int, shape: tuple[int, ...]) -> Any:
    """The param of a view step of examples of `shape` for all of them at once."""
    if name == "slice":
        return ((0, size, 1), *param)
    if name == "permute":
        return (0, *[d + 1 for d in param])
    if name in ("reshape", "expand"):
        return (size, *param)
    if name == "diagonal":
        return (param[0], param[1] + 1, param[2] + 1)
    if name == "unfold":
        return (param[0] + 1, *param[1:])
    if name == "as_strided":
        inner, strides, start = param
        return (size, *inner), (math.prod(shape), *strides), start
    return param


def _batched_chain(shape: tuple[int, ...], dtype: Any, chain: Any, size: int) -> Any:
    steps = []
    for name, param in chain:
        op = OPS[name]
        steps.append((name, _view_param(name, param, size, shape)))
        shape = rule(op, "shape")(MetaArray(shape, dtype), **({op.params[0]: param} if op.params else {})).shape
    return tuple(steps)


def view(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    x = xs[0]
    if not op.params:
        return dispatch(op, (x,), {}), True
    key = op.params[0]
    if op.name == "expand":
        x = aligned(x, True, len(params[key]))
    return dispatch(op, (x,), {key: _view_param(op.name, params[key], size, tuple(x.shape[1:]))}), True


def view_write(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    base, value = (full(x, b, size) for x, b in zip(xs, batched, strict=True))
    chain = _batched_chain(tuple(base.shape[1:]), base._data.dtype, params["chain"], size)
    return dispatch(op, (base, value), {"chain": chain}), True


def view_grad(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    shape = params["shape"]
    chain = _batched_chain(shape, xs[0]._data.dtype, params["chain"], size)
    return dispatch(op, (xs[0],), {"shape": (size, *shape), "chain": chain}), True


def matmul(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    a, b = xs
    rank_a, rank_b = rank_of(a, batched[0]), rank_of(b, batched[1])
    if rank_a == 1:
        a = a.unsqueeze(-2)
    if rank_b == 1:
        b = b.unsqueeze(-1)
    rank = max(rank_a, rank_b, 2)
    out = dispatch(op, (aligned(a, batched[0], rank), aligned(b, batched[1], rank)), {})
    if rank_a == 1:
        out = out.squeeze(-2)
    if rank_b == 1:
        out = out.squeeze(-1)
    return out, True


def along_dim(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    """Ops with one dim param, all operands batched alike."""
    xs = [full(x, b, size) for x, b in zip(xs, batched, strict=True)]
    return dispatch(op, tuple(xs), {**params, "dim": params["dim"] + 1}), True


def softmax(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    if rank_of(xs[0], True) == 0:
        return dispatch(op, (xs[0].unsqueeze(-1),), {"dim": 1}).squeeze(-1), True
    return dispatch(op, (xs[0],), {"dim": params["dim"] + 1}), True


def offset(index: Any, n: int, size: int) -> Any:
    """Per-example indices into the examples laid one behind the other; negative ones count from their example's end."""
    wrapped = dispatch(OPS["where"], (index < 0, index + n, index), {})
    return wrapped + reshape(arange(size) * n, size, *(1,) * (index.ndim - 1))


def take(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    x, index = xs
    dim = params["dim"]
    if not batched[1]:
        return dispatch(op, (x, index), {"dim": dim + 1}), True
    if not batched[0]:
        out = dispatch(op, (x, index), {"dim": dim})  # batch dim stands at `dim`
        return out.permute(dim, *range(dim), *range(dim + 1, out.ndim)), True
    n = x.shape[dim + 1]
    front = x.permute(0, dim + 1, *[d for d in range(1, x.ndim) if d != dim + 1])
    rest = front.shape[2:]
    out = dispatch(op, (reshape(front, size * n, *rest), offset(index, n, size)), {"dim": 0})  # B, I.., rest
    k = index.ndim
    return out.permute(0, *range(k, k + dim), *range(1, k), *range(k + dim, out.ndim)), True


def take_grad(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    g, index = xs
    dim, n = params["dim"], params["size"]
    if not batched[1]:
        return dispatch(op, (g, index), {"dim": dim + 1, "size": n}), True
    g = full(g, batched[0], size)
    k = index.ndim - 1
    front = g.permute(0, *range(1 + dim, 1 + dim + k), *range(1, 1 + dim), *range(1 + dim + k, g.ndim))
    rest = front.shape[1 + k :]
    out = dispatch(op, (front, offset(index, n, size)), {"dim": 0, "size": size * n})
    out = reshape(out, size, n, *rest)
    return out.permute(0, *range(2, 2 + dim), 1, *range(2 + dim, out.ndim)), True


def linear(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    if batched[1] or batched[2]:
        return None
    return dispatch(op, tuple(xs), params), True


def layer_norm(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    if batched[1] or batched[2]:
        return None
    return dispatch(op, tuple(xs), params), (True, True, True)


def rms_norm(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    return None if batched[1] else (dispatch(op, tuple(xs), params), (True, True))


BATCH: dict[str, Rule] = {
    "view_write": view_write,
    "view_grad": view_grad,
    "matmul": matmul,
    "argmax": arg_reduction,
    "argmin": arg_reduction,
    "cat": along_dim,
    "gather": along_dim,
    "scatter_add": along_dim,
    "cumsum": along_dim,
    "softmax": softmax,
    "log_softmax": softmax,
    "take": take,
    "take_grad": take_grad,
    "linear": linear,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
}
