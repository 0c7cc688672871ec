"""Numbers of Python in an open trace: those that stay symbolic, those that come out of tensors, and where random
generators stand.

A number that Python looks at guards the program by its value; one that comes out of a tensor has none yet, and the
capture layer, which steers the trace, says what it is.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import Any, Protocol

import lamella
from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, UNKNOWN, SymScalar, describe, user_location

from ._errors import CaptureError
from ._graph import GraphBuilder, Value
from ._infer import meta
from ._scalar import ITEM, scalar_type
from ._types import ScalarType

__all__ = ["Steering", "TracedNumbers", "source_line"]


class Steering(Protocol):
    """What the capture layer answers where a program turns a tensor into a number of Python."""

    def goes_out(self, kind: type) -> bool:
        """Whether the number that float() or int() makes now is only returned by the program."""

    def fork(self, trace: Any, value: Value, kind: type | None, why: str) -> Any:
        """The real number (bool, int or float of it, by `kind`); from here on the trace holds for it alone."""


class TracedNumbers(ABC):
    """The part of a trace that knows about numbers."""

    def __init__(self, name: str, parent: TracedNumbers | None) -> None:
        self.builder = GraphBuilder(name)
        self.parent = parent
        self.region = 0
        self.refusal: CaptureError | None = None  # the first one since it was opened, caught by the program or not
        self.numbers: dict[tuple[int, Any], list[Any]] = {}  # -> [container, key, entry value, input, current]
        self.read_numbers: dict[tuple[int, Any], tuple[Any, Any, Any]] = {}
        self.generators: dict[int, list[Any]] = {}  # -> [generator, seed input, offset input, current offset]
        self.given_numbers: list[tuple[Value, Any]] = []  # inputs that the capture layer put in, and what they are
        self.guards: list[tuple[Value, Any]] = []  # scalars that were forced, and what they were
        self.items: dict[tuple[Value, int], SymScalar] = {}  # numbers out of tensors, by tensor and region
        self.steering: Steering | None = None  # says what numbers are that come out of tensors
        self.stand_ins: dict[int, tuple[Any, SymScalar, type]] = {}  # plain numbers that the result is searched for

    @abstractmethod
    def value_of(self, t: Tensor) -> Value:
        """The SSA value that a tensor has now."""

    @abstractmethod
    def _residual(self, theirs: Value) -> Value:
        """Our input for a value of the parent trace."""

    def _operand(self, a: Any) -> Any:
        if isinstance(a, Tensor):
            return self.value_of(a)
        if isinstance(a, SymScalar):
            if a.trace is self:
                return a.value
            if a.trace is not self.parent:
                raise CaptureError("a symbolic number of one capture was used in another")
            return self._residual(a.value)
        return a

    def _scalar(self, value: Value, hint: Any) -> SymScalar:
        return SymScalar(self, value, hint)

    def read_number(self, container: Any, key: Any, value: Any) -> Any:
        """An item of a `Numbers`: an int or float becomes a scalar input, anything else is read and guarded."""
        at = (id(container), key)
        entry = self.numbers.get(at)
        if entry is not None:
            return entry[4]
        if self.parent is not None:
            return self.parent.read_number(container, key, value)
        if type(value) is not int and type(value) is not float:
            self.read_numbers[at] = (container, key, value)
            return value
        found = self.builder.input(ScalarType("i64" if type(value) is int else "f64"), f"number {key!r}")
        current = self._scalar(found, value)
        self.numbers[at] = [container, key, value, found, current]
        return current

    def given(self, kind: ScalarType, words: str, value: Any) -> SymScalar:
        """A number that is an input of its own, where the capture layer fetches it."""
        found = self.builder.input(kind, f"number {words}")
        self.given_numbers.append((found, value))
        return self._scalar(found, value)

    def write_number(self, container: Any, key: Any, value: Any) -> None:
        """Assign an item of a `Numbers`: an effect."""
        if not isinstance(value, (int, float, SymScalar)) or isinstance(value, bool):
            raise CaptureError(
                f"{key!r} is assigned a {type(value).__name__} while captured; only numbers can change inside a "
                "captured step"
            )
        at = (id(container), key)
        entry = self.numbers.get(at)
        if entry is None:
            entry = self.numbers[at] = [container, key, dict.get(container, key), None, None]
        entry[4] = value

    def scalar_op(self, name: str, args: tuple[Any, ...]) -> Any:
        """Python arithmetic on symbolic numbers."""
        op = OPS["scalar." + name]
        operands = tuple([self._operand(a) for a in args])
        if any(isinstance(a, SymScalar) and a.hint is UNKNOWN for a in args):
            kind = scalar_type(op, [a.type if type(a) is Value else a for a in operands])
            made = self.builder.add(op, operands, {}, [kind], self.region, source_line())[0]
            return SymScalar(self, made, UNKNOWN, kind.category)
        hint = op.rules["numpy"](*[a.hint if isinstance(a, SymScalar) else a for a in args])
        kind = ScalarType("bool" if isinstance(hint, bool) else "i64" if isinstance(hint, int) else "f64")
        made = self.builder.add(op, operands, {}, [kind], self.region, source_line())[0]
        return self._scalar(made, hint)

    def force(self, s: SymScalar) -> Any:
        """The value of a symbolic number where Python needs a real one: the program is guarded by it, or forks."""
        if s.hint is UNKNOWN:
            return self._fork(s.value, None, "a number out of a tensor")
        if not any(v is s.value for v, _ in self.guards):
            self.guards.append((s.value, s.hint))
        return s.hint

    def item(self, t: Tensor) -> Any:
        """The only element of a tensor, as a symbolic number."""
        if t._data.dtype.kind == "c":
            raise self.needs_values("item() of a complex tensor")
        value = self.value_of(t)
        found = self.items.get((value, self.region))
        if found is None:
            kind = scalar_type(OPS[ITEM], [meta(value.type)])
            made = self.builder.add(OPS[ITEM], (value,), {}, [kind], self.region, source_line())[0]
            found = self.items[value, self.region] = SymScalar(self, made, UNKNOWN, kind.category)
        return found

    def truth(self, t: Tensor) -> bool:
        """Which way a branch on a tensor of one element goes."""
        if t._data.dtype.kind == "c":
            raise self.needs_values("bool() of a complex tensor")
        taken: bool = self._fork(self.item(t).value, bool, "bool()")
        return taken

    def number(self, s: SymScalar, kind: type) -> Any:
        """float() or int() of a symbolic number: a stand-in where it goes nowhere but out, else what it is."""
        if s.hint is not UNKNOWN:
            return kind(self.force(s))
        if self.steering is not None and self.steering.goes_out(kind):
            # distinct objects, which the result is searched for
            stand_in = float("nan") if kind is float else -(1 << 62) - len(self.stand_ins)
            self.stand_ins[id(stand_in)] = (stand_in, s, kind)
            return stand_in
        return self._fork(s.value, kind, f"{kind.__name__}()")

    def _fork(self, value: Value, kind: type | None, why: str) -> Any:
        """What a number is that Python needs now: the steering knows, or the capture ends."""
        if self.steering is None:
            raise self.needs_values(why)
        return self.steering.fork(self, value, kind, why)

    # -- generators

    def _generator(self, g: Any) -> list[Any]:
        if self.parent is not None:
            # what repeats the draws of the forward finds the offsets that the forward had
            return self.parent._generator(g)
        entry = self.generators.get(id(g))
        if entry is None:
            state = g.get_state()
            seed = self.builder.input(ScalarType("i64"), "seed")
            offset = self.builder.input(ScalarType("i64"), "offset")
            entry = self.generators[id(g)] = [
                g,
                self._scalar(seed, state["seed"]),
                offset,
                self._scalar(offset, state["offset"]),
            ]
        return entry

    def reserve(self, g: Any, n: int) -> tuple[Any, Any]:
        """The next n slots of a generator, as symbolic (seed, offset)."""
        entry = self._generator(g)
        offset = entry[3]
        entry[3] = offset + n
        return entry[1], offset

    def read_offset(self, g: Any) -> Any:
        """Where a generator stands."""
        return self._generator(g)[3]

    def swap_offset(self, g: Any, offset: Any) -> Any:
        """Put a generator to another offset, returning the one it had."""
        entry = self._generator(g)
        entry[3], old = offset, entry[3]
        return old

    @staticmethod
    def needs_values(why: str) -> CaptureError:
        """The error that names the line at which a real value was asked for."""
        return CaptureError(
            f"{why} needs the values of a tensor while the program is being captured, at {describe(user_location(3))}; "
            "keep it a tensor (where, clamp, argmax), return it and look at it outside, or do not compile this "
            "function"
        )


class _Files(dict[str, bool]):
    """Whether a file belongs to the installed layers; found out once a file."""

    def __missing__(self, filename: str) -> bool:
        found = self[filename] = any(filename.startswith(str(p)) for p in lamella.__path__)
        return found


_internal = _Files()


def source_line() -> tuple[str, int] | None:
    """File and line of the innermost frame outside the installed layers, above the caller's caller."""
    frame: Any = sys._getframe(2)
    while frame is not None and _internal[frame.f_code.co_filename]:
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)
