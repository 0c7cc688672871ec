"""Control flow: the ops whose params are graphs, their types, and how an executor runs them.

What a body reads of the world around it is an operand in front; a body never sees the graph it stands in. Results are
memory of their own. An executor offers its own way to run a body: the interpreter interprets it, the compiler compiles
it.

- `cond(pred, *operands; then, otherwise)`: one of two graphs over the operands; pred is a 0-d bool tensor.
- `while_loop(*captured, *carry; test, body, carried, limit)`: carry := body(captured, carry) while test(captured,
  carry), at most `limit` times where that is not None.
- `scan(*captured, *carry, *xs; body, carried, scanned, length, reverse, indexed)`: carry, y := body(captured, carry, x)
  for each row x along dim 0 of the xs, from the last to the first with `reverse`; gives the last carry, and the ys in
  the order of the rows, stacked. An `indexed` body takes the number of its row in front of everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final, TypeAlias

import numpy as np

from lamella.tensor.extend import MetaArray, Op, register_rules, rule, tls

from ._graph import Graph, Value, as_value
from ._polynomial import Polynomial
from ._sizes import lifted, plain
from ._types import ScalarType, TensorType, Type

__all__ = ["kernel_of", "packed"]

Run: TypeAlias = Callable[[Sequence[Any]], list[Any]]
Executor: TypeAlias = Callable[[Graph], Run]

COND: Final = Op("cond", "*operands; then, otherwise", "control", package="lamella.graph")
WHILE: Final = Op("while_loop", "*operands; test, body, carried, limit", "control", package="lamella.graph")
SCAN: Final = Op(
    "scan", "*operands; body, carried, scanned, length, reverse, indexed", "control", package="lamella.graph"
)


def packed(results: Sequence[Any]) -> Any:
    """Results as rules give them: one alone, several as a tuple."""
    return results[0] if len(results) == 1 else tuple(results)


# -- types


def _stand_in(type_: Type) -> Any:
    if not isinstance(type_, TensorType):
        return type_
    # an open trace has sizes of its own, which record what is asked of them
    shape = type_.shape if tls.trace is None else lifted(type_.shape, tls.trace.sizes)
    return MetaArray(shape, type_.dtype.numpy)


def _given(operand: Any) -> str:
    if isinstance(operand, MetaArray):
        return f"{operand.dtype}{list(operand.shape)}"
    return str(operand) if isinstance(operand, ScalarType) else repr(operand)


def _fits(type_: Type, operand: Any) -> bool:
    if isinstance(type_, TensorType):
        return (
            hasattr(operand, "dtype")
            and plain(tuple(operand.shape)) == type_.shape
            and operand.dtype == type_.dtype.numpy
        )
    category = getattr(operand, "category", None)  # of a type, or of a symbolic number
    if category is not None:
        return bool(category == type_.category)
    return type(operand) is {"i64": int, "f64": float, "bool": bool}[type_.kind]


def _check_inputs(name: str, graph: Any, operands: Sequence[Any]) -> None:
    if not isinstance(graph, Graph):
        raise TypeError(f"{name} must be a graph, got {type(graph).__name__}")
    if len(graph.inputs) != len(operands):
        raise ValueError(f"{name} has {len(graph.inputs)} inputs for {len(operands)} operands")
    for i, (value, operand) in enumerate(zip(graph.inputs, operands, strict=True)):
        if not _fits(value.type, operand):
            raise ValueError(f"{name}: input {i} is {value.type}, its operand {_given(operand)}")


def _results(name: str, graph: Graph) -> list[Type]:
    types: list[Type] = []
    for i, value in enumerate(graph.outputs):
        if type(value) is not Value or not isinstance(value.type, TensorType):
            raise ValueError(f"{name}: output {i} must be a tensor, got {value!r}")
        types.append(value.type)
    return types


def _count(name: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be an int from 0 on, got {value!r}")
    return value


def _cond_shape(pred: Any, *operands: Any, then: Any, otherwise: Any) -> Any:
    if not isinstance(pred, MetaArray) or tuple(pred.shape) != () or pred.dtype != np.dtype(bool):
        raise ValueError(f"cond: pred must be a bool tensor without dims, got {_given(pred)}")
    _check_inputs("cond: then", then, operands)
    _check_inputs("cond: otherwise", otherwise, operands)
    types, others = _results("cond: then", then), _results("cond: otherwise", otherwise)
    if types != others:
        left, right = (", ".join(map(str, some)) for some in (types, others))
        raise ValueError(f"cond: the two graphs must give the same types, then gives {left}, otherwise {right}")
    return packed([_stand_in(t) for t in types])


def _check_carry(name: str, given: Sequence[Type], made: Sequence[Type]) -> None:
    if list(given) != list(made):
        left, right = (", ".join(map(str, some)) for some in (given, made))
        raise ValueError(f"{name} must give the types of the carry, {left}, got {right}")


def _while_shape(*operands: Any, test: Any, body: Any, carried: Any, limit: Any) -> Any:
    if limit is not None:
        _count("while_loop: limit", limit)
    first = len(operands) - _count("while_loop: carried", carried)
    _check_inputs("while_loop: test", test, operands)
    _check_inputs("while_loop: body", body, operands)
    decision = _results("while_loop: test", test)
    if [str(t) for t in decision] != ["bool[]"]:
        raise ValueError(f"while_loop: test must give one bool[], got {', '.join(map(str, decision))}")
    types = _results("while_loop: body", body)
    _check_carry("while_loop: body", [v.type for v in body.inputs[first:]], types)
    return packed([_stand_in(t) for t in types])


def _scan_shape(*operands: Any, body: Any, carried: Any, scanned: Any, length: Any, reverse: Any, indexed: Any) -> Any:
    length = plain(length)
    if type(length) is not Polynomial:
        _count("scan: length", length)
    last = len(operands) - _count("scan: scanned", scanned)
    first = last - _count("scan: carried", carried)
    if first < 0:
        raise ValueError(f"scan: {len(operands)} operands are fewer than carried + scanned")
    if type(reverse) is not bool or type(indexed) is not bool:
        raise ValueError(f"scan: reverse and indexed are bools, got {reverse!r} and {indexed!r}")
    rows = []
    for i, x in enumerate(operands[last:]):
        if not isinstance(x, MetaArray) or not x.shape or plain(x.shape[0]) != length:
            raise ValueError(f"scan: xs {i} needs {length} rows along dim 0, got {_given(x)}")
        rows.append(MetaArray(tuple(x.shape[1:]), x.dtype))
    index = (ScalarType("i64"),) if indexed else ()
    _check_inputs("scan: body", body, (*index, *operands[:last], *rows))
    types = _results("scan: body", body)
    if len(types) < carried:
        raise ValueError(f"scan: body gives {len(types)} results, fewer than the {carried} of the carry")
    begin = len(index) + first
    _check_carry("scan: body", [v.type for v in body.inputs[begin : begin + carried]], types[:carried])
    ys = [TensorType(t.dtype, (length, *t.shape)) for t in types[carried:] if isinstance(t, TensorType)]
    return packed([_stand_in(t) for t in (*types[:carried], *ys)])


# -- running


def _own(results: list[Any], operands: Sequence[Any]) -> list[Any]:
    """The results as arrays that share memory neither with an operand nor with each other."""
    held = [a for a in operands if type(a) is np.ndarray]
    found: list[Any] = []
    for r in results:
        if any(np.may_share_memory(r, a) for a in held):
            r = r.copy()
        held.append(r)
        found.append(r)
    return found


def _stage_cond(executor: Executor, *, then: Graph, otherwise: Graph) -> Callable[..., Any]:
    first, second = executor(then), executor(otherwise)

    def cond(pred: Any, *operands: Any) -> Any:
        return packed(_own((first if pred else second)(operands), operands))

    return cond


def _stage_while(
    executor: Executor, *, test: Graph, body: Graph, carried: int, limit: int | None
) -> Callable[..., Any]:
    decide, step = executor(test), executor(body)

    def while_loop(*operands: Any) -> Any:
        at = len(operands) - carried
        captured, carry = operands[:at], list(operands[at:])
        for _ in count() if limit is None else range(limit):
            if not decide((*captured, *carry))[0]:
                break
            carry = step((*captured, *carry))
        return packed(_own(carry, operands))

    return while_loop


def _stage_scan(
    executor: Executor, *, body: Graph, carried: int, scanned: int, length: int, reverse: bool, indexed: bool
) -> Callable[..., Any]:
    step = executor(body)
    stacks = [((length, *v.tensor.shape), v.tensor.dtype.numpy) for v in map(as_value, body.outputs[carried:])]
    order = range(length - 1, -1, -1) if reverse else range(length)

    def scan(*operands: Any) -> Any:
        at = len(operands) - scanned
        captured, carry, xs = operands[: at - carried], operands[at - carried : at], operands[at:]
        ys = [np.empty(shape, dtype) for shape, dtype in stacks]
        for t in order:
            index = (t,) if indexed else ()
            # a row keeps its dims: one of none is a 0-d array
            made = step([*index, *captured, *carry, *[x[t, ...] for x in xs]])
            carry = tuple(made[:carried])
            for y, row in zip(ys, made[carried:], strict=True):
                y[t] = row
        return packed([*_own(list(carry), operands), *ys])

    return scan


_STAGES: Final[dict[Op, Callable[..., Callable[..., Any]]]] = {
    COND: _stage_cond,
    WHILE: _stage_while,
    SCAN: _stage_scan,
}


def kernel_of(op: Op, params: Any, executor: Executor) -> Callable[..., Any]:
    """The kernel of a control flow op for these params: a function of its operands, its graphs run by `executor`."""
    return _STAGES[op](executor, **params)


def _numpy(op: Op) -> Callable[..., Any]:
    def kernel(*operands: Any, **params: Any) -> Any:
        from ._interpret import interpret  # which runs these ops itself

        return kernel_of(op, params, interpret)(*operands)

    return kernel


# -- costs


def _cost(graph: Graph) -> tuple[int, int]:
    """(flops, bytes) of one run of a body."""
    flops = traffic = 0
    for node in graph.nodes:
        if node.op.spec != "scalar":
            metas = [_stand_in(a.type) if type(a) is Value else a for a in node.args]
            more = rule(node.op, "cost")(*metas, **node.params)
            flops, traffic = flops + more[0], traffic + more[1]
    return flops, traffic


def _cond_cost(*_: Any, then: Graph, otherwise: Graph) -> tuple[int, int]:
    """Of the dearer branch."""
    return max(_cost(then), _cost(otherwise))


def _while_cost(*_: Any, test: Graph, body: Graph, **__: Any) -> tuple[int, int]:
    """Of one step: how many there are is not known before."""
    first, second = _cost(test), _cost(body)
    return first[0] + second[0], first[1] + second[1]


def _scan_cost(*_: Any, body: Graph, length: int, **__: Any) -> tuple[int, int]:
    flops, traffic = _cost(body)
    return flops * length, traffic * length


_OPS: Final = (COND, WHILE, SCAN)
register_rules("shape", {"cond": _cond_shape, "while_loop": _while_shape, "scan": _scan_shape})
register_rules("numpy", {op.name: _numpy(op) for op in _OPS})
register_rules("cost", {"cond": _cond_cost, "while_loop": _while_cost, "scan": _scan_cost})
