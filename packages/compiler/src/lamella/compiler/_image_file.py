"""An image as a file, and back: everything that a file says is checked against the graph before it is used."""

from __future__ import annotations

import builtins
import math
import re
from typing import Any

from lamella.compiler._image import Image, Slot, View, numpy_dtype
from lamella.compiler._native._load import runtime
from lamella.compiler._scalars import INPUT, Row
from lamella.compiler._steps import Launch, LibraryCall, Place, PythonStep, Step
from lamella.compiler._together import MOST
from lamella.compiler._words import Damaged, Reader, Unwritable, Writer
from lamella.graph import Graph, ScalarType, TensorType, Value
from lamella.tensor.extend import OPS

__all__ = ["read", "written"]

_KEY = re.compile("[0-9a-f]{40}")
_SYMBOL = re.compile("lm_[a-z0-9_]+")
_LAUNCH, _CALL, _PYTHON = range(3)
_VIEW, _SLOT, _CONSTANT = range(3)
_PICKS = ("array", "held", "scalar", "constant")
_HOMES = ("arena", "held", "array")


# -- writing


def written(image: Image) -> bytes:
    """An image as a file."""
    out = Writer()
    out.text(image.object)
    out.numbers((image.kernels, image.arena_bytes, *image.updated))
    out.each(image.outputs, lambda array: _write_array(out, *array))
    out.each(image.scalars, lambda row: _write_row(out, row))
    out.each(image.errors, lambda error: _write_error(out, *error))
    out.each(image.steps, lambda step: _write_step(out, step))
    out.each(image.picks, lambda pick: _write_pick(out, *pick))
    out.numbers(word for pair in image.together for word in pair)
    return out.content()


def _write_array(out: Writer, shape: tuple[int, ...], dtype: str) -> None:
    out.numbers(shape)
    out.text(dtype)


def _write_row(out: Writer, row: Row) -> None:
    out.text(row.kind)
    out.text(row.op)
    out.value(row.args)


def _write_error(out: Writer, kind: type[Exception], args: tuple[Any, ...]) -> None:
    if vars(builtins).get(kind.__name__) is not kind:
        raise Unwritable(f"{kind.__name__} is no error of Python's own")
    out.text(kind.__name__)
    out.value(args)


def _write_pick(out: Writer, kind: str, at: Any) -> None:
    out.number(_PICKS.index(kind))
    out.number(0 if kind == "constant" else at)  # a constant stands in the graph


def _write_step(out: Writer, step: Step) -> None:
    if isinstance(step, PythonStep):
        out.number(_PYTHON)
        out.text(step.op.name)
        out.each(step.params.items(), lambda param: _write_param(out, *param))
        out.each(step.operands, lambda operand: _write_operand(out, operand))
        out.each(step.results, lambda array: _write_array(out, *array))
        return
    out.number(_LAUNCH if isinstance(step, Launch) else _CALL)
    out.numbers(word for place in step.places for word in place)
    out.numbers(step.dims)
    if isinstance(step, Launch):
        out.numbers((step.kernel, step.chunks, *step.partial))
        out.numbers(step.scalars)
    else:
        out.text(step.symbol)
        out.text(step.home)
        out.numbers((step.errors, step.holds))
        out.value(step.scalars)


def _write_param(out: Writer, name: str, value: Any) -> None:
    out.text(name)
    out.value(value)


def _write_operand(out: Writer, operand: Any) -> None:
    if isinstance(operand, View):
        out.numbers((_VIEW, _HOMES.index(operand.home), operand.at, operand.plain, operand.offset))
        _write_array(out, operand.whole, operand.dtype)
        out.numbers(operand.shape)
        out.numbers(operand.strides)
    elif isinstance(operand, Slot):
        out.numbers((_SLOT, operand.number))
    else:
        out.numbers((_CONSTANT,))
        out.value(operand)


# -- reading


def read(content: bytes, graph: Graph) -> Image:
    """The image that a file holds; Damaged where it is none, or cannot be one of this graph."""
    file = Reader(content)
    key = file.text()
    kernels, arena_bytes, *updated = _several(file.numbers(0), 2)
    results = iter(graph.results())
    image = Image(
        object=key,
        kernels=kernels,
        arena_bytes=arena_bytes,
        updated=tuple(updated),
        outputs=file.each(lambda: _read_array(file)),
        scalars=file.each(lambda: Row(file.text(), file.text(), file.value())),
        errors=file.each(lambda: _read_error(file)),
        steps=file.each(lambda: _read_step(file)),
        picks=file.each(lambda: _read_pick(file, next(results, None))),
        together=_read_pairs(file),
    )
    file.end()
    _Check(image, graph).run()
    return image


def _several(numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    if len(numbers) < count:
        raise Damaged(f"{count} numbers are not there")
    return numbers


def _exactly(numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    if len(numbers) != count:
        raise Damaged(f"there are {len(numbers)} numbers in the place of {count}")
    return numbers


def _read_array(file: Reader) -> tuple[tuple[int, ...], str]:
    return file.numbers(0), file.dtype().short


def _read_error(file: Reader) -> tuple[type[Exception], tuple[str, ...]]:
    kind, args = vars(builtins).get(file.text()), file.value()
    if not (isinstance(kind, type) and issubclass(kind, Exception) and type(args) is tuple):
        raise Damaged("an error is none of Python's own")
    return kind, args


def _read_pairs(file: Reader) -> tuple[tuple[int, int], ...]:
    words = file.numbers(0)
    if len(words) % 2:
        raise Damaged("a pair has two numbers")
    return tuple(zip(words[::2], words[1::2], strict=True))


def _read_pick(file: Reader, result: Any) -> tuple[str, Any]:
    kind, at = _PICKS[file.number(0, len(_PICKS))], file.number(0)
    return kind, result if kind == "constant" else at


def _read_step(file: Reader) -> Step:
    kind = file.number(0, _PYTHON + 1)
    if kind == _PYTHON:
        op = OPS.get(file.text())
        if op is None:
            raise Damaged("a step's op does not exist")
        params = dict(file.each(lambda: (file.text(), file.value())))
        return PythonStep(op, params, file.each(lambda: _read_operand(file)), file.each(lambda: _read_array(file)))
    words = file.numbers(-1)
    if len(words) % 2:
        raise Damaged("a place has an entry and an offset")
    places, dims = tuple([Place(*words[at : at + 2]) for at in range(0, len(words), 2)]), file.numbers()
    if kind == _LAUNCH:
        kernel, chunks, *partial = _exactly(file.numbers(-1), 4)
        return Launch(kernel, chunks, places, dims, file.numbers(0), Place(*partial))
    symbol, home, (errors, holds) = file.text(), file.text(), _exactly(file.numbers(0), 2)
    return LibraryCall(symbol, home, places, dims, file.value(), errors, bool(holds))


def _read_operand(file: Reader) -> Any:
    kind, *rest = _several(file.numbers(), 1)
    if kind == _VIEW and len(rest) == 4 and 0 <= rest[0] < len(_HOMES):
        home, at, plain, offset = rest
        whole, dtype = _read_array(file)
        return View(_HOMES[home], at, dtype, whole, bool(plain), offset, file.numbers(0), file.numbers())
    if kind == _SLOT and len(rest) == 1:
        return Slot(rest[0])
    if kind == _CONSTANT and not rest:
        return file.value()
    raise Damaged("an operand is none")


# -- checking


class _Check:
    """Whether an image can be one of a graph: every number that stands for a place or for a thing is in bounds."""

    def __init__(self, image: Image, graph: Graph) -> None:
        self.image, self.graph = image, graph
        given = [v.type for v in graph.inputs]
        arrays = [(t.shape, t.dtype.short) if isinstance(t, TensorType) else None for t in given]
        self.arrays = [*arrays, *image.outputs]  # by position
        self.held = image.held
        self.sizes = [image.arena_bytes, *(_bytes(*a) for a in (*self.arrays, *self.held) if a is not None)]  # by entry

    def run(self) -> None:
        """Damaged where something is not."""
        image = self.image
        if not (_KEY.fullmatch(image.object) if image.kernels else image.object == ""):
            raise Damaged("kernels have an object")
        earlier: set[str] = set()
        for slot, row in enumerate(image.scalars):
            self._require(self._is_row(row, earlier), "a host scalar")
            earlier.add(f"v{slot}")
        for position in image.updated:
            self._require(position < len(self.graph.inputs) and self.arrays[position] is not None, "an update")
        for step in image.steps:
            if isinstance(step, PythonStep):
                self._require("numpy" in step.op.rules or step.op.spec == "control", "a step in Python")
                for operand in step.operands:
                    self._require(self._is_operand(operand), "an operand")
            else:
                self._native(step)
        end = 0
        for first, count in image.together:
            launches = image.steps[first : first + count]
            alike = len(launches) == count and all(isinstance(step, Launch) for step in launches)
            self._require(end <= first and 1 < count <= MOST and alike, "a region")
            end = first + count
        results = self.graph.results()
        self._require(len(image.picks) == len(results), "the count of results")
        for (kind, at), result in zip(image.picks, results, strict=True):
            self._require(self._is_pick(kind, at, result), "a result")

    @staticmethod
    def _require(holds: Any, what: str) -> None:
        if not holds:
            raise Damaged(f"{what} is out of bounds")

    def _is_slot(self, slot: Any) -> bool:
        return type(slot) is int and 0 <= slot < len(self.image.scalars)

    def _is_row(self, row: Row, earlier: set[str]) -> bool:
        if type(row.args) is not tuple:
            return False
        if row.op == INPUT:
            inputs, at = self.graph.inputs, row.args[0] if len(row.args) == 1 else None
            return type(at) is int and 0 <= at < len(inputs) and self._kind(inputs[at]) == row.kind
        op = OPS.get(row.op)
        if op is None or op.spec != "scalar" or "numpy" not in op.rules or row.kind not in ("bool", "i64", "f64"):
            return False
        return all(a in earlier if type(a) is str else type(a) in (bool, int, float) for a in row.args)

    def _native(self, step: Launch | LibraryCall) -> None:
        for place in step.places:
            self._require(self._is_place(place), "a place")
        if isinstance(step, Launch):
            self._require(step.kernel < self.image.kernels and self._is_place(step.partial), "a kernel")
            self._require(all(map(self._is_slot, step.scalars)), "a scalar of a kernel")
            return
        self._require(_SYMBOL.fullmatch(step.symbol) and runtime().has(step.symbol, step.home), "a library kernel")
        self._require(step.home == "" or _KEY.fullmatch(step.home), "the object of a library kernel")
        self._require(step.dims and step.dims[0] in (4, 8) and step.errors <= len(self.image.errors), "a library call")
        self._require(type(step.scalars) is tuple and all(map(self._is_given, step.scalars)), "a number of a call")

    def _is_given(self, pair: Any) -> bool:
        """A slot with 0, or -1 with a number."""
        if type(pair) is not tuple or len(pair) != 2 or type(pair[1]) not in (bool, int, float):
            return False
        return self._is_slot(pair[0]) or pair[0] == -1

    def _is_place(self, place: Place) -> bool:
        if place.buffer == -1:
            return place.offset == 0
        return 0 <= place.buffer < len(self.sizes) and 0 <= place.offset <= self.sizes[place.buffer]

    def _is_operand(self, operand: Any) -> bool:
        if isinstance(operand, Slot):
            return self._is_slot(operand.number)
        if not isinstance(operand, View):
            return True
        if operand.home == "arena":
            room = self.image.arena_bytes - operand.at
        else:
            arrays = self.held if operand.home == "held" else self.arrays
            array = arrays[operand.at] if 0 <= operand.at < len(arrays) else None
            room = -1 if array is None else _bytes(*array)
        if operand.at < 0 or len(operand.shape) != len(operand.strides) or _bytes(operand.whole, operand.dtype) > room:
            return False
        if operand.plain:
            return operand.shape == operand.whole
        if 0 in operand.shape:
            return True
        reach = [(n - 1) * s for n, s in zip(operand.shape, operand.strides, strict=True)]
        first, last = (operand.offset + sum(r for r in reach if (r > 0) is up) for up in (False, True))
        return first >= 0 and last < math.prod(operand.whole)

    def _is_pick(self, kind: str, at: Any, result: Any) -> bool:
        if kind == "constant" or type(result) is not Value:
            return kind == "constant" and type(result) is not Value
        if kind == "scalar":
            return self._is_slot(at) and self.image.scalars[at].kind == self._kind(result)
        arrays: list[Any] = self.held if kind == "held" else self.arrays
        wanted = (result.type.shape, result.type.dtype.short) if isinstance(result.type, TensorType) else None
        return at < len(arrays) and wanted is not None and arrays[at] == wanted

    @staticmethod
    def _kind(value: Value) -> str:
        return value.type.kind if isinstance(value.type, ScalarType) else ""


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * numpy_dtype(dtype).itemsize
