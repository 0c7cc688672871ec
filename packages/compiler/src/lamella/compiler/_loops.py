"""Control flow in compiled graphs: bodies are compiled graphs of their own, and loops walk their tables natively.

One call of the runtime does all steps of a scan or a while_loop: inputs that are rows and results that are stacked move
on by a row a step, and a carry changes places with the result that replaces it. Where a body has steps that Python does
(an op without a kernel of its own, control flow inside it), Python runs the body once a step; so it takes the branch of
a cond.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamella.compiler._executable import CompiledGraph, compile_graph
from lamella.compiler._native._load import runtime
from lamella.compiler._steps import LibraryCall
from lamella.graph import Graph, Node, Value
from lamella.graph.control import kernel_of
from lamella.tensor.extend import OPS, Op, hold_blas, openblas, release_blas

__all__ = ["control_kernel"]

_STEPS = 1 << 16  # of a while_loop in one call: between them a signal, such as the user's ^C, is heard


def control_kernel(op: Op, params: Mapping[str, Any]) -> Callable[..., Any]:
    """A function from the operands' arrays to the results of a control flow op."""
    if op.name == "scan" and params["length"]:
        scan = _Scan(params)
        if scan.native:
            return scan
    if op.name == "while_loop":
        loop = _While(params)
        if loop.native:
            return loop
    return kernel_of(op, params, compile_graph)


def _apart(body: Graph, carried: int) -> Graph:
    """The body with a copy for every result that is an input, a view, or a second time among the carry or the ys."""
    at = body.next_id()
    nodes = list(body.nodes)
    producers = body.producers()
    outputs: list[Any] = []
    for part in (body.outputs[:carried], body.outputs[carried:]):
        seen: set[Any] = set()
        for value in part:
            assert type(value) is Value
            node = producers.get(value)
            if value in seen or node is None or node[0].op.spec == "view":
                made = Value(at, value.type)
                at += 1
                nodes.append(Node(OPS["copy"], (value,), {}, (made,)))
                value = made
            seen.add(value)
            outputs.append(value)
    return body.replace(nodes, outputs)


class _Body:
    """A compiled graph that a loop walks: how its table is filled for a call."""

    def __init__(self, graph: Graph, carried: int) -> None:
        self.graph = _apart(graph, carried)
        self.program = program = CompiledGraph(self.graph)
        image, given = program.image, len(graph.inputs)
        parts = (image.picks[:carried], image.picks[carried:])
        # steps of the runtime alone, each result in memory of its own
        self.native = (
            not program.python_kernels
            and all(kind == "array" and at >= given for kind, at in image.picks)
            and all(len(set(part)) == len(part) for part in parts)
        )
        self.inputs = program.entries
        self.outputs = [program.first_output + at - given for _, at in image.picks] if self.native else []
        native = runtime()
        products = any(isinstance(step, LibraryCall) and step.holds for step in image.steps)
        self.blas = openblas() if products and native.blas is not None and native.blas.held else None

    def failed(self, status: int) -> None:
        """Raise what a step reported."""
        self.program.runner._failed([], status)


class _Placed:
    """The table of one call in flight; what it points to lives as long as this."""

    def __init__(self, body: _Body) -> None:
        self.runner = body.program.runner
        self.frame = self.runner._take()
        self._held: list[Any] = []

    def put(self, entry: Any, array: Any, offset: int = 0) -> None:
        """An array where the table expects one; scalars have no entry."""
        if entry is not None:
            self._held.append(array)
            self.frame.data[entry] = array.ctypes.data + offset

    def give_back(self) -> None:
        """Let another call have the table."""
        self.frame.keep.scalars = ctypes.addressof(self.frame.scalars_f)
        self.runner.frames.append(self.frame)


def _holding(blas: Any, call: Callable[[], int]) -> int:
    """The call, with numpy's BLAS at one thread."""
    if blas is None:
        return call()
    hold_blas(blas)
    try:
        return call()
    finally:
        release_blas(blas)


class _Scan:
    """A scan, whose body has native steps alone if it is `native`."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.carried: int = params["carried"]
        self.length: int = params["length"]
        self.indexed = int(params["indexed"])
        self.body = body = _Body(params["body"], self.carried)
        self.native = body.native
        self.bodies = (body.program,)
        if not self.native:
            return
        graph = body.graph
        self.row = len(graph.inputs) - params["scanned"]  # the first of the rows
        self.ys = body.outputs[self.carried :]
        step = -1 if params["reverse"] else 1
        self.rows = [(body.inputs[i], _row_bytes(graph.inputs[i])) for i in range(self.row, len(graph.inputs))]
        stacked = graph.outputs[self.carried :]
        self.stacks = [_stack(value, self.length) for value in stacked]
        moves = [(entry, step * size) for entry, size in self.rows]
        moves += [(entry, step * _row_bytes(value)) for entry, value in zip(self.ys, stacked, strict=True)]
        self.moving, self.moves = len(moves), _words(moves)
        # (entry of the carry, of what replaces it, whether the two change places: else that is a row of a y)
        entries = body.inputs[self.row - self.carried : self.row]
        pairs = zip(entries, body.outputs[: self.carried], strict=True)
        self.carry = [(taken, given, given not in self.ys) for taken, given in pairs]
        self.changes = _words([(a, b, int(swaps)) for a, b, swaps in self.carry])

    def __call__(self, *operands: Any) -> Any:
        body, length = self.body, self.length
        placed = _Placed(body)
        last = length - 1 if self.params["reverse"] else 0
        row = self.row - self.indexed
        first = row - self.carried
        for entry, x in zip(body.inputs[self.indexed :], operands[:first], strict=False):
            if entry is not None:
                placed.put(entry, np.ascontiguousarray(x))
        for (entry, size), x in zip(self.rows, operands[row:], strict=True):
            placed.put(entry, np.ascontiguousarray(x), last * size)
        stacks = [np.empty(shape, dtype) for shape, dtype in self.stacks]
        for entry, y in zip(self.ys, stacks, strict=True):
            placed.put(entry, y, last * (y.nbytes // length))
        pairs: list[tuple[Any, Any]] = []
        for (taken, given, swaps), x in zip(self.carry, operands[first:row], strict=True):
            begin = np.array(x, order="C") if swaps else np.ascontiguousarray(x)
            pairs.append((begin, np.empty_like(begin) if swaps else None))
            placed.put(taken, begin)
            if swaps:
                placed.put(given, pairs[-1][1])
        scalars = self._scalars(placed.frame, operands)
        slots = 0 if scalars is None else len(body.program.image.scalars)
        address, loop = placed.frame.address, runtime().loop
        status = _holding(
            body.blas, lambda: loop(address, length, self.moving, self.moves, self.carried, self.changes, slots)
        )
        placed.give_back()
        if status:
            body.failed(status)
        ends = []
        for (_, given, swaps), (begin, other) in zip(self.carry, pairs, strict=True):
            if swaps:
                ends.append(other if length % 2 else begin)
            else:
                ends.append(stacks[self.ys.index(given)][length - 1 - last, ...].copy())
        out = [*ends, *stacks]
        return out[0] if len(out) == 1 else tuple(out)

    def _scalars(self, frame: Any, operands: tuple[Any, ...]) -> Any:
        """The host scalars of a call; of each step, in the order of the walk, where they depend on its number."""
        compute = self.body.program.scalars
        if compute is None:
            return None
        if not self.indexed:
            compute(operands, frame.scalars_f, frame.scalars_i)
            return None
        table = np.zeros((self.length, len(self.body.program.image.scalars)))
        words = table.view(np.int64)
        order = reversed(range(self.length)) if self.params["reverse"] else range(self.length)
        for k, t in enumerate(order):
            compute((t, *operands), table[k], words[k])
        frame.keep.scalars = table.ctypes.data
        return table


class _While:
    """A loop on a test, whose two graphs have native steps alone if it is `native`."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.carried: int = params["carried"]
        self.limit: int | None = params["limit"]
        self.test = _Body(params["test"], 1)
        self.body = _Body(params["body"], self.carried)
        self.native = self.test.native and self.body.native
        self.bodies = (self.test.program, self.body.program)
        if self.native:
            first = len(self.body.inputs) - self.carried
            taken = zip(self.test.inputs[first:], self.body.inputs[first:], self.body.outputs, strict=True)
            self.changes = _words(list(taken))

    def __call__(self, *operands: Any) -> Any:
        first = len(operands) - self.carried
        placed = [_Placed(self.test), _Placed(self.body)]
        for x, *entries in zip(operands[:first], self.test.inputs, self.body.inputs, strict=False):
            if entries[0] is not None:
                plain = np.ascontiguousarray(x)
                for one, entry in zip(placed, entries, strict=True):
                    one.put(entry, plain)
        pairs: list[tuple[Any, Any]] = []
        for k, x in enumerate(operands[first:]):
            begin = np.array(x, order="C")
            other = np.empty_like(begin)
            pairs.append((begin, other))
            for one, body in zip(placed, (self.test, self.body), strict=True):
                one.put(body.inputs[first + k], begin)
            placed[1].put(self.body.outputs[k], other)
        going = np.zeros((), bool)
        placed[0].put(self.test.outputs[0], going)
        for one, body in zip(placed, (self.test, self.body), strict=True):
            if body.program.scalars is not None:
                body.program.scalars(operands, one.frame.scalars_f, one.frame.scalars_i)
        addresses = [one.frame.address for one in placed]
        in_body = ctypes.c_int64()
        rest = (going.ctypes.data, self.carried, self.changes, ctypes.addressof(in_body))
        repeat, blas = runtime().repeat, self.body.blas if self.test.blas is None else self.test.blas
        left = self.limit
        while True:
            some = _STEPS if left is None else min(left, _STEPS)
            status = _holding(blas, functools.partial(repeat, *addresses, some, *rest))
            left = None if left is None else left - some
            if status or not going or left == 0:
                break
        table = placed[1].frame.data
        out = [
            begin if entry is not None and table[entry] == begin.ctypes.data else other
            for entry, (begin, other) in zip(self.body.inputs[first:], pairs, strict=True)
        ]
        for one in placed:
            one.give_back()
        if status:
            (self.body if in_body.value else self.test).failed(status)
        return out[0] if len(out) == 1 else tuple(out)


def _stack(value: Any, length: int) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of where the results of all steps go."""
    return (length, *value.type.shape), value.type.dtype.numpy


def _row_bytes(value: Any) -> int:
    size: int = value.type.dtype.numpy.itemsize
    for n in value.type.shape:
        size *= n
    return size


def _words(rows: list[tuple[Any, ...]]) -> Any:
    flat = [word for row in rows for word in row]
    return (ctypes.c_int64 * max(1, len(flat)))(*flat)
