"""One form for equal programs: views merged and dropped, numbers on the right, operands of commuting ops in order.

None of these computes anything else than before; they make equal things look equal for `cse`, and take away the views
and copies that only meant something to eager memory.
"""

from __future__ import annotations

import math
from typing import Any

from lamella.tensor.extend import OPS, MetaArray

from .._graph import Node, Value, as_value
from .._types import TensorType
from ._facts import fits, is_float, never_minus_zero, size_of
from ._layout import compose_dims, compose_index, inverse_dims, keeps_order, plain_index, takes_all, tidy_index
from ._pattern import COMMUTING
from ._rewrite import Replacement, Row, Step, Walk

__all__ = ["CANONICAL"]

_MOVED = "no element changes its place"
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


def _shape(x: Value) -> tuple[int, ...]:
    return x.tensor.shape


# -- rules without a fixed form


def _ordered(walk: Walk, node: Node) -> Replacement | None:
    """Operands of a commuting op by their place in the program; numbers, and host scalars before them, last."""
    a, b = node.args
    if _rank(a) <= _rank(b):
        return None
    return Replacement(node.op.name, (b, a), node.params)


def _rank(a: Any) -> tuple[int, int]:
    if type(a) is not Value:
        return 2, 0
    return (0 if type(a.type) is TensorType else 1), a.id


def _mirrored(walk: Walk, node: Node) -> Replacement | None:
    """`1 < x` is `x > 1`; between tensors, the one made first stands left."""
    a, b = node.args
    return Replacement(_MIRRORED[node.op.name], (b, a)) if _rank(a) > _rank(b) else None


def _numbers(walk: Walk, node: Node) -> Replacement | None:
    """A tensor of one number beside others becomes that number."""
    tensors = [a for a in node.args if type(a) is Value and type(a.type) is TensorType]
    if len(tensors) < 2:
        return None
    (out,) = node.outputs
    first = 1 if node.op.name == "where" else 0
    for i in range(first, len(node.args)):
        a = node.args[i]
        if type(a) is not Value or type(a.type) is not TensorType:
            continue
        c = _uniform(walk, a)
        others: Any = [x for x in node.args[first:] if type(x) is Value and type(x.type) is TensorType and x is not a]
        if c is None or not others or others[0].type.dtype is not a.type.dtype or not fits(c, a):
            continue
        rest = [x for k, x in enumerate(node.args) if k != i and type(x) is Value and type(x.type) is TensorType]
        args = (*node.args[:i], c, *node.args[i + 1 :])
        if _broadcast(rest) == _shape(out):
            return Replacement(node.op.name, args, node.params)
        if out not in walk.kept:
            return Replacement("expand", (walk.emit(node, node.op.name, *args),), {"shape": _shape(out)})
    return None


def _uniform(walk: Walk, a: Value) -> int | float | None:
    node = walk.producers.get(a)
    if node is None or node.op.name != "full" or type(node.args[0]) not in (int, float):
        return None
    c: Any = node.args[0]
    return float(c) if is_float(a) else c


def _broadcast(values: list[Value]) -> tuple[int, ...]:
    shapes = [_shape(v) for v in values]
    rank = max(map(len, shapes), default=0)
    columns = zip(*[(1,) * (rank - len(s)) + s for s in shapes], strict=True)
    return tuple([next((n for n in column if n != 1), 1) for column in columns])


def _unexpanded(walk: Walk, node: Node) -> Replacement | None:
    """An operand that was expanded only to meet the others: they broadcast by themselves."""
    for i, a in enumerate(node.args):
        made = walk.producers.get(a) if type(a) is Value else None
        if made is None or made.op.name != "expand":
            continue
        args = (*node.args[:i], made.args[0], *node.args[i + 1 :])
        tensors = [x for x in args if type(x) is Value and type(x.type) is TensorType]
        if len(tensors) > 1 and _broadcast(tensors) == _shape(node.outputs[0]):
            return Replacement(node.op.name, args, node.params)
    return None


def _computed_small(walk: Walk, node: Node) -> Replacement | None:
    """One op on an expanded tensor: computed before it is expanded."""
    a = node.args[0]
    made = walk.producers.get(a) if type(a) is Value else None
    if made is None or made.op.name != "expand" or node.op.name == "copy":
        return None
    if any(type(b) is Value and type(b.type) is TensorType for b in node.args[1:]):
        return None
    small = walk.emit(node, node.op.name, made.args[0], *node.args[1:], **node.params)
    return Replacement("expand", (small,), {"shape": _shape(node.outputs[0])})


def _sliced_cat(walk: Walk, node: Node) -> Value | None:
    """A slice that is one of the parts that were joined."""
    made = walk.producers.get(node.args[0])
    if made is None or made.op.name != "cat":
        return None
    dim, index = made.params["dim"], node.params["index"]
    shape = _shape(as_value(node.args[0]))
    whole = [e == (0, n, 1) or d == dim for d, (e, n) in enumerate(zip(index, shape, strict=True))]
    if not all(whole) or type(index[dim]) is int:
        return None
    places = walk.memo.get(made)
    if places is None:
        places = walk.memo[made] = _places(made)
    found: Value | None = places.get(index[dim])
    return found


def _places(cat: Node) -> dict[tuple[int, int, int], Value]:
    """The parts of a `cat` by the slice they stand at."""
    out: dict[tuple[int, int, int], Value] = {}
    at = 0
    for part in map(as_value, cat.args):
        n = _shape(part)[cat.params["dim"]]
        out[(at, at + n, 1)] = part
        at += n
    return out


def _joined_slices(walk: Walk, node: Node) -> Value | None:
    """Parts that are joined in the order in which they were cut."""
    dim, at = node.params["dim"], 0
    whole: Value | None = None
    for part in node.args:
        made = walk.producers.get(part)
        if made is None or made.op.name != "slice" or (whole is not None and made.args[0] is not whole):
            return None
        whole = as_value(made.args[0])
        shape, index = _shape(whole), made.params["index"]
        own = _shape(as_value(part))
        n = own[dim] if len(own) == len(shape) else -1
        if any(
            e != ((at, at + n, 1) if d == dim else (0, m, 1)) for d, (e, m) in enumerate(zip(index, shape, strict=True))
        ):
            return None
        at += n
    return whole


def _counted(walk: Walk, node: Node) -> tuple[int, int] | None:
    """(start, n) where the index of a lookup is arange(start, start + n), inside of the dim."""
    made = walk.producers.get(node.args[1])
    if made is None or made.op.name != "arange":
        return None
    start, stop, step = made.args
    if type(start) is not int or type(stop) is not int or step != 1 or type(step) is not int or start < 0:
        return None
    return start, max(stop - start, 0)


def _taken_in_order(walk: Walk, node: Node) -> Replacement | None:
    """take(x, arange(a, b)) is a slice."""
    found = _counted(walk, node)
    if found is None:
        return None
    (start, n), dim = found, node.params["dim"]
    shape = _shape(as_value(node.args[0]))
    if start + n > shape[dim]:
        return None  # the run must raise it
    index = tuple([(start, start + n, 1) if d == dim else (0, m, 1) for d, m in enumerate(shape)])
    return Replacement("slice", (node.args[0],), {"index": tidy_index(index)})


def _added_in_order(walk: Walk, node: Node) -> Replacement | None:
    """take_grad(g, arange(a, b)) puts g into zeros: each place gets one value, 0.0 plus it."""
    found = _counted(walk, node)
    if found is None:
        return None
    (start, n), dim, size = found, node.params["dim"], node.params["size"]
    g: Any = node.args[0]
    if start + n > size or not size_of(g):
        return None
    pads = tuple([(start, size - start - n) if d == dim else (0, 0) for d in range(len(_shape(g)))])
    plus = g if never_minus_zero(g, walk) else walk.emit(node, "add", g, 0.0)
    return Replacement("pad", (plus,), {"pads": pads, "value": 0.0 if is_float(g) else 0})


def _peeled(walk: Walk, node: Node) -> Replacement | None:
    """The gradient of a chain of views, its last step undone by the step the other way."""
    g: Any = node.args[0]
    shape, chain = node.params["shape"], node.params["chain"]
    if not chain:
        return Replacement("copy", (g,))
    name, param = chain[-1]
    before = _chain_shape(shape, g, chain[:-1])
    rest: Any
    if name in ("alias", "detach"):
        rest = g
    elif name == "reshape":
        rest = walk.emit(node, "reshape", g, shape=before)
    elif name == "permute":
        rest = walk.emit(node, "permute", g, dims=inverse_dims(param))
    elif name == "slice" and plain_index(param):
        kept = tuple([1 if type(e) is int else e[1] - e[0] for e in param])
        pads = tuple(
            [(e, n - e - 1) if type(e) is int else (e[0], n - e[1]) for e, n in zip(param, before, strict=True)]
        )
        if any(lo < 0 or hi < 0 for lo, hi in pads):
            return None
        zero: int | float | bool = 0.0 if g.type.dtype.category >= 2 else 0
        rest = walk.emit(node, "reshape", g, shape=kept)
        if len(chain) == 1:
            return Replacement("pad", (rest,), {"pads": pads, "value": zero})
        rest = walk.emit(node, "pad", rest, pads=pads, value=zero)
    else:
        return None
    if len(chain) == 1:
        return Replacement("copy", (rest,))
    return Replacement("view_grad", (rest,), {"shape": shape, "chain": chain[:-1]})


def _chain_shape(shape: tuple[int, ...], g: Value, chain: Any) -> tuple[int, ...]:
    meta = MetaArray(shape, g.tensor.dtype.numpy)
    for name, param in chain:
        op = OPS[name]
        meta = op.rules["shape"](meta, **({op.params[0]: param} if op.params else {}))
    return meta.shape


def _summed_ones(walk: Walk, node: Node) -> Replacement | None:
    """A reduction over dims of size 1 moves nothing; a sum adds 0.0."""
    x: Any = node.args[0]
    shape, dims = _shape(x), node.params["dims"]
    if any(shape[d] != 1 for d in dims) or x.type.dtype is not node.outputs[0].tensor.dtype:
        return None
    if node.op.name == "sum" and not never_minus_zero(x, walk):
        x = walk.emit(node, "add", x, 0.0)
    return Replacement("copy", (walk.emit(node, "reshape", x, shape=_shape(node.outputs[0])),))


def _inside_pad(x: Value, pads: Any, index: Any) -> bool:
    return all(type(e) is not int and e[2] == 1 and lo <= e[0] and e[1] <= lo + n
        for e, (lo, _), n in zip(index, pads, _shape(x), strict=True))  # fmt: skip


_BROADCASTING = (
    "add", "sub", "mul", "div", "maximum", "minimum", "where", "eq", "ne", "lt", "le", "gt", "ge", "logical_and",
    "logical_or",
)  # fmt: skip
_UNARY = (
    "neg", "abs", "exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "relu", "cast", "reciprocal", "logical_not",
    "isnan", "sin", "cos", "erf", "floor", "add", "sub", "mul", "div",
)  # fmt: skip

CANONICAL: tuple[Row | Step, ...] = (
    # -- no-ops
    Row("alias(x)", "x", "a name, not a value"),
    Row("detach(x)", "x", "a graph has no history"),
    Row("copy(x)", "x", "values have no memory of their own; results keep their copies"),
    Row("cast(x, dtype=a)", "x", "it has the dtype already"),
    Row("reshape(x, shape=a)", "x", "it has the shape already"),
    Row("expand(x, shape=a)", "x", "it has the shape already"),
    Row("permute(x, dims=a)", "x", _MOVED, lambda a: a == tuple(range(len(a)))),
    Row("slice(x, index=a)", "x", "everything is taken in its order", lambda x, a: takes_all(a, x)),
    Row("flip(flip(x, dims=a), dims=a)", "x", "turned twice"),
    # -- chains of views
    Row("reshape(reshape(x, shape=a), shape=b)", "reshape(x, shape=b)", _MOVED),
    Row(
        "permute(permute(x, dims=a), dims=b)", "permute(x, dims=e)", _MOVED, let={"e": lambda a, b: compose_dims(a, b)}
    ),
    Row("expand(expand(x, shape=a), shape=b)", "expand(x, shape=b)", "repeated either way"),
    Row(
        "slice(slice(x, index=a), index=b)",
        "slice(x, index=e)",
        "the same elements",
        let={"e": lambda a, b: compose_index(a, b)},
    ),
    Row(
        "permute(x, dims=a)",
        "reshape(x, shape=e)",
        "only dims of size 1 move",
        lambda x, a: keeps_order(a, x),
        {"e": lambda x, a: tuple([_shape(x)[d] for d in a])},
    ),
    Row(
        "slice(x, index=a)",
        "reshape(x, shape=e)",
        "it only drops dims of size 1",
        lambda x, a: takes_all(a, x) and int in map(type, a),
        {"e": lambda x, a: tuple([n for n, e in zip(_shape(x), a, strict=True) if type(e) is not int])},
    ),
    Row(
        "slice(x, index=a)",
        "slice(x, index=e)",
        "another way to write it",
        lambda a: tidy_index(a) != a,
        {"e": lambda a: tidy_index(a)},
    ),
    Row(
        "expand(x, shape=a)",
        "reshape(x, shape=a)",
        "it only adds dims of size 1",
        lambda x, a: size_of(x) == math.prod(a),
    ),
    # -- creations under views
    Row("reshape(full(c, shape=a, dtype=k), shape=b)", "full(c, shape=b, dtype=k)", "one number everywhere"),
    Row("expand(full(c, shape=a, dtype=k), shape=b)", "full(c, shape=b, dtype=k)", "one number everywhere"),
    # -- what was put somewhere, read there
    Row(
        "slice(pad(x, pads=a, value=v), index=b)",
        "slice(x, index=e)",
        "only elements of x are read",
        lambda x, a, b: _inside_pad(x, a, b),
        {"e": lambda a, b: tuple([(s - lo, t - lo, 1) for (s, t, _), (lo, _) in zip(b, a, strict=True)])},
    ),
    Row("pad(x, pads=a, value=v)", "copy(x)", "nothing is added", lambda a: not any(lo or hi for lo, hi in a)),
    Row(
        "pad(pad(x, pads=a, value=v), pads=b, value=v)",
        "pad(x, pads=e, value=v)",
        "one number all around",
        let={"e": lambda a, b: tuple([(p + r, q + s) for (p, q), (r, s) in zip(a, b, strict=True)])},
    ),
    Step("slice(cat(..., x, ...)) -> x", ("slice",), "the slice is exactly one part", _sliced_cat),
    Step("cat(slice(x), slice(x), ...) -> x", ("cat",), "the parts stand in their order and are all", _joined_slices),
    Step("take(x, arange(a, b)) -> slice(x)", ("take",), "every index is inside of the dim", _taken_in_order),
    Step("take_grad(g, arange(a, b)) -> pad(add(g, 0))", ("take_grad",), "each place gets one value", _added_in_order),
    Step(
        "view_grad(g, view) -> the view undone, or pad(g)", ("view_grad",), "each place gets one value or zero", _peeled
    ),
    Step(
        "sum over dims of size 1 -> add(x, 0)",
        ("sum", "amax", "amin", "prod"),
        "one value is reduced to itself; a sum starts from 0.0",
        _summed_ones,
    ),
    # -- broadcasting
    Step("op(expand(x), y) -> op(x, y)", (*_BROADCASTING, "pow"), "the other operands make the shape", _unexpanded),
    Step("op(expand(x)) -> expand(op(x))", _UNARY, "equal elements have equal results", _computed_small),
    Step("op(x, full(c)) -> op(x, c)", _BROADCASTING, "the number has the value the tensor had", _numbers),
    # -- order
    Step("op(c, x) -> op(x, c)", tuple(sorted(COMMUTING)), "the op commutes", _ordered),
    Step("lt(c, x) -> gt(x, c)", tuple(_MIRRORED), "the comparison the other way round", _mirrored),
)
