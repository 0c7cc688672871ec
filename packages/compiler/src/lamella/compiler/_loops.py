"""Control flow in compiled graphs: bodies are compiled graphs of their own, and a scan walks its body's table natively.

One call of the runtime does all steps of a scan: inputs that are rows and results that are stacked move on by a row a
step, and a carry changes places with the result that replaces it. Where a body has steps that Python does (an op
without a kernel of its own, control flow inside it), Python runs the body once a step; so it does for cond and
while_loop, whose decisions it makes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamella.compiler._executable import CompiledGraph, compile_graph
from lamella.compiler._lower._group import Call, Extern
from lamella.compiler._lower._refs import Root
from lamella.compiler._native._load import runtime
from lamella.graph import Graph, Node, Value
from lamella.graph.control import kernel_of
from lamella.tensor.extend import OPS, Op, hold_blas, openblas, release_blas

__all__ = ["control_kernel"]


def control_kernel(op: Op, params: Mapping[str, Any]) -> Callable[..., Any]:
    """A function from the operands' arrays to the results of a control flow op."""
    if op.name == "scan" and params["length"]:
        scan = _Scan(params)
        if scan.native:
            return scan
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


class _Scan:
    """A scan whose body has native steps alone, if it is `native`."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.carried: int = params["carried"]
        self.length: int = params["length"]
        self.indexed = int(params["indexed"])
        self.body = _apart(params["body"], self.carried)
        self.program = CompiledGraph(self.body)
        self.native = self._is_native()
        if not self.native:
            return
        program, graph = self.program, self.body
        lowered = program.lowered
        first_row = len(graph.inputs) - params["scanned"]
        entries = [None if root is None else program.entry[root] for root in lowered.inputs]
        results: list[Any] = lowered.results
        step = -1 if params["reverse"] else 1
        self.stacks = [_Stack(graph.outputs[k], self.length) for k in range(self.carried, len(results))]
        ys = [program.entry[root] for root in results[self.carried :]]
        moves = [(entries[i], step * _row_bytes(graph.inputs[i])) for i in range(first_row, len(entries))]
        moves += [(entry, step * _row_bytes(graph.outputs[self.carried + k])) for k, entry in enumerate(ys)]
        self.moving, self.moves = len(moves), _words(moves)
        self.rows = [(entries[i], _row_bytes(graph.inputs[i])) for i in range(first_row, len(entries))]
        self.ys = ys
        self.captured = [(i, entries[i]) for i in range(self.indexed, first_row - self.carried)]
        # (entry of the carry, of what replaces it, whether the two change places: else that is a row of a y)
        self.carry = [
            (entries[first_row - self.carried + k], program.entry[root], program.entry[root] not in ys)
            for k, root in enumerate(results[: self.carried])
        ]
        self.changes = _words([(a, b, int(swaps)) for a, b, swaps in self.carry])
        self.count = program.scalar_count
        native = runtime()
        products = any(isinstance(s, Call) for s in program.steps)
        self.blas = openblas() if products and native.blas is not None and native.blas.held else None

    def _is_native(self) -> bool:
        program, results = self.program, self.program.lowered.results
        if any(isinstance(step, Extern) for step in program.steps):
            return False
        if not all(isinstance(root, Root) and root in program.output_roots for root in results):
            return False
        parts = (results[: self.carried], results[self.carried :])
        return all(len(set(part)) == len(part) for part in parts)

    def __call__(self, *operands: Any) -> Any:
        program, length = self.program, self.length
        frame = program.runner._take()
        data = frame.data
        held: list[Any] = []  # what the table points to lives until the end

        def place(entry: Any, array: Any, offset: int = 0) -> None:
            held.append(array)
            data[entry] = array.ctypes.data + offset

        count = len(self.carry)
        first = len(operands) - len(self.rows) - count
        for i, entry in self.captured:
            if entry is not None:
                place(entry, np.ascontiguousarray(operands[i - self.indexed]))
        last = length - 1 if self.params["reverse"] else 0
        for (entry, size), x in zip(self.rows, operands[first + count :], strict=True):
            place(entry, np.ascontiguousarray(x), last * size)
        stacks = [stack.empty() for stack in self.stacks]
        for entry, y in zip(self.ys, stacks, strict=True):
            place(entry, y, last * (y.nbytes // length))
        pairs: list[tuple[Any, Any]] = []
        for (taken, given, swaps), x in zip(self.carry, operands[first : first + count], strict=True):
            begin = np.array(x, order="C") if swaps else np.ascontiguousarray(x)
            pairs.append((begin, np.empty_like(begin) if swaps else None))
            place(taken, begin)
            if swaps:
                place(given, pairs[-1][1])
        scalars = self._scalars(frame, operands)
        if self.blas is not None:
            hold_blas(self.blas)
        try:
            status = runtime().loop(
                frame.address, length, self.moving, self.moves, count, self.changes,
                0 if scalars is None else self.count,
            )  # fmt: skip
        finally:
            if self.blas is not None:
                release_blas(self.blas)
            frame.keep.scalars = ctypes.addressof(frame.scalars_f)
        if status:
            program.runner._failed([], status)
        program.runner.frames.append(frame)
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
        compute = self.program.scalars
        if compute is None:
            return None
        if not self.indexed:
            compute(operands, frame.scalars_f, frame.scalars_i)
            return None
        table = np.zeros((self.length, self.count))
        words = table.view(np.int64)
        order = reversed(range(self.length)) if self.params["reverse"] else range(self.length)
        for k, t in enumerate(order):
            compute((t, *operands), table[k], words[k])
        frame.keep.scalars = table.ctypes.data
        return table


class _Stack:
    """Where the results of all steps go."""

    __slots__ = ("dtype", "shape")

    def __init__(self, value: Any, length: int) -> None:
        self.shape = (length, *value.type.shape)
        self.dtype = value.type.dtype.numpy

    def empty(self) -> Any:
        return np.empty(self.shape, self.dtype)


def _row_bytes(value: Any) -> int:
    size: int = value.type.dtype.numpy.itemsize
    for n in value.type.shape:
        size *= n
    return size


def _words(rows: list[tuple[Any, ...]]) -> Any:
    flat = [word for row in rows for word in row]
    return (ctypes.c_int64 * max(1, len(flat)))(*flat)
