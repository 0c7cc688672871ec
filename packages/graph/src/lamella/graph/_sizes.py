"""Sizes that a trace knows by name: the numbers that stand in the shapes of its tensors, and what was decided on them.

A comparison is decided by the difference of both sides where that is a number, by bounds where they suffice, and by the
sizes at hand otherwise: then what was found is recorded, and a program guards it. What Python needs as a plain int (a
range, an index, a hash of a float) fixes the size to the one at hand, which is recorded with the line that asked.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamella.tensor.extend import SymSize, describe, user_location

from ._errors import CaptureError
from ._polynomial import Bounds, Polynomial, constant, named

__all__ = ["Size", "Sizes", "bind", "lifted", "plain"]


class Sizes:
    """The named sizes of one trace, and its decisions."""

    def __init__(self) -> None:
        self.hints: dict[str, int] = {}
        self.ranges: dict[str, Bounds] = {}
        self.decisions: dict[tuple[Polynomial, str], bool] = {}
        self.lines: dict[tuple[Polynomial, str], str] = {}
        self.fixed: dict[Polynomial, str] = {}  # what had to be a plain int, and the line that asked
        self.closed = False

    def new(self, hint: int, low: int = 2, high: int | None = None) -> Size:
        """A size under a fresh name, known to lie in [low, high]."""
        name = f"n{len(self.hints)}"
        self.hints[name], self.ranges[name] = hint, (low, high)
        return Size(self, named(name))

    def narrow(self, size: Size, low: int, high: int | None) -> None:
        """A named size is known to lie in [low, high] as well."""
        ((monomial, _),) = size.polynomial.terms
        name = monomial[0].name
        least, most = self.ranges[name]
        self.ranges[name] = (max(least, low), most if high is None else high if most is None else min(most, high))

    def of(self, p: Polynomial) -> Any:
        """A polynomial as a size, or an int where it has no names."""
        return Size(self, p) if p.number is None else p.number

    def holds(self, p: Polynomial, relation: str) -> bool:
        """Whether p is zero ("=="), negative ("<") or not positive ("<=")."""
        low, high = p.bounds(self.ranges)
        if low == high:
            return _is(low, relation)
        if relation == "==":
            if low > 0 or (high is not None and high < 0):
                return False
        else:
            least = 0 if relation == "<" else 1
            if low >= least:
                return False
            if high is not None and high < least:
                return True
        if self.closed:
            raise CaptureError(f"a size of a finished capture, {p.text}, was compared; do not keep shapes beyond it")
        found = self.decisions.get((p, relation))
        if found is None:
            found = self.decisions[(p, relation)] = _is(p.value(self.hints), relation)
            self.lines[(p, relation)] = describe(user_location(2))
        return found

    def fix(self, p: Polynomial) -> int:
        """The plain int at hand, which the program relies on from now on."""
        value = p.value(self.hints)
        self.fixed.setdefault(p, describe(user_location(2)))
        if len(p.names) == 1 and p == named(*p.names):  # it needs no more decisions
            self.ranges[next(iter(p.names))] = (value, value)
        return value

    def conditions(self) -> list[tuple[str, str]]:
        """The decisions as Python expressions over the names, each true for the sizes at hand, and in words."""
        out = []
        for p, line in self.fixed.items():
            value = p.value(self.hints)
            out.append((f"{p.text} == {value}", f"the size {p.text} is not {value}, a number at {line}"))
        for name, (low, high) in self.ranges.items():
            if named(name) in self.fixed:
                continue
            text = f"{name} >= {low}" if high is None else f"{low} <= {name} <= {high}"
            out.append((text, f"the size {name} is out of its range: {text}"))
        for (p, relation), found in self.decisions.items():
            text = f"{p.text} {relation if found else _OPPOSITE[relation]} 0"
            out.append((text, f"sizes compare differently: not {text}, as at {self.lines[p, relation]}"))
        return out


class Size(SymSize):
    """A polynomial over the sizes of one trace, which behaves as the int that it stands for."""

    __slots__ = ("polynomial", "sizes")

    def __init__(self, sizes: Sizes, polynomial: Polynomial) -> None:
        super().__init__(polynomial.value(sizes.hints))
        self.sizes = sizes
        self.polynomial = polynomial

    def _other(self, other: Any) -> Polynomial | None:
        """Another operand as a polynomial; None for what is no int."""
        if type(other) is Size:
            if other.sizes is not self.sizes:
                raise CaptureError("a size of one capture was used in another")
            return other.polynomial
        return constant(int(other)) if isinstance(other, int) else None

    def _sum(self, other: Any, sign: int, mine: int) -> Any:
        p = self._other(other)
        if p is None:
            return NotImplemented
        return self.sizes.of((self.polynomial if mine > 0 else -self.polynomial) + (p if sign > 0 else -p))

    def _divisor(self, p: Polynomial) -> Polynomial:
        """What is divided by: a quotient without a rest would hide that it is zero."""
        if self.sizes.holds(p, "=="):
            raise ZeroDivisionError("integer division or modulo by zero")
        return p

    def __add__(self, other: Any) -> Any:
        return super().__add__(other) if (r := self._sum(other, 1, 1)) is NotImplemented else r

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return super().__sub__(other) if (r := self._sum(other, -1, 1)) is NotImplemented else r

    def __rsub__(self, other: Any) -> Any:
        return super().__rsub__(other) if (r := self._sum(other, 1, -1)) is NotImplemented else r

    def __mul__(self, other: Any) -> Any:
        p = self._other(other)
        return super().__mul__(other) if p is None else self.sizes.of(self.polynomial * p)

    def __rmul__(self, other: Any) -> Any:
        p = self._other(other)
        return super().__rmul__(other) if p is None else self.sizes.of(self.polynomial * p)

    def __floordiv__(self, other: Any) -> Any:
        p = self._other(other)
        return super().__floordiv__(other) if p is None else self.sizes.of(self.polynomial // self._divisor(p))

    def __rfloordiv__(self, other: Any) -> Any:
        p = self._other(other)
        return super().__rfloordiv__(other) if p is None else self.sizes.of(p // self._divisor(self.polynomial))

    def __mod__(self, other: Any) -> Any:
        p = self._other(other)
        return super().__mod__(other) if p is None else self.sizes.of(self.polynomial % self._divisor(p))

    def __rmod__(self, other: Any) -> Any:
        p = self._other(other)
        return super().__rmod__(other) if p is None else self.sizes.of(p % self._divisor(self.polynomial))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __pow__(self, other: Any) -> Any:
        if type(other) is not int or not 0 <= other <= 8:
            return super().__pow__(other)
        return math.prod([self] * other)

    def __neg__(self) -> Any:
        return self.sizes.of(-self.polynomial)

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __round__(self, digits: int | None = None) -> Any:
        return self if digits is None or digits >= 0 else round(int(self), digits)

    def __pos__(self) -> Size:
        return self

    __trunc__ = __floor__ = __ceil__ = __pos__

    # -- comparisons, decided at once

    def _compare(self, other: Any, relation: str) -> Any:
        p = self._other(other)
        return NotImplemented if p is None else self.sizes.holds(self.polynomial - p, relation)

    def __eq__(self, other: object) -> Any:
        if type(other) is Size and (other.sizes is not self.sizes or self.sizes.closed):
            return other.sizes is self.sizes and other.polynomial == self.polynomial
        if isinstance(other, float):
            return other.is_integer() and self == int(other)
        return self._compare(other, "==")

    def __ne__(self, other: object) -> Any:
        return NotImplemented if (r := self.__eq__(other)) is NotImplemented else not r

    def __lt__(self, other: Any) -> Any:
        return super().__lt__(other) if (r := self._compare(other, "<")) is NotImplemented else r

    def __le__(self, other: Any) -> Any:
        return super().__le__(other) if (r := self._compare(other, "<=")) is NotImplemented else r

    def __gt__(self, other: Any) -> Any:
        return super().__gt__(other) if (r := self._compare(other, "<=")) is NotImplemented else not r

    def __ge__(self, other: Any) -> Any:
        return super().__ge__(other) if (r := self._compare(other, "<")) is NotImplemented else not r

    def __hash__(self) -> int:
        # a table says no where no hash is equal, without a comparison: its answer holds for the size at hand alone
        return hash(self.polynomial.value(self.sizes.hints) if self.sizes.closed else self.sizes.fix(self.polynomial))

    # -- where Python needs an int

    def __bool__(self) -> bool:
        return not self.sizes.holds(self.polynomial, "==")

    def __index__(self) -> int:
        return self.sizes.fix(self.polynomial)

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.sizes.fix(self.polynomial))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(int(self), dtype)

    def __invert__(self) -> int:
        return ~int(self)

    def __repr__(self) -> str:
        return self.polynomial.text

    def __str__(self) -> str:
        return str(self.sizes.fix(self.polynomial))

    def __format__(self, spec: str) -> str:
        return format(self.sizes.fix(self.polynomial), spec)


_OPPOSITE = {"==": "!=", "<": ">=", "<=": ">"}


def _bits(operation: Callable[[int, int], int], mirrored: bool) -> Callable[[Size, Any], Any]:
    def method(self: Size, other: Any) -> Any:
        if not isinstance(other, (int, Size)):
            return NotImplemented
        return operation(int(other), int(self)) if mirrored else operation(int(self), int(other))

    return method


# bits are those of the number at hand
for _name in ("and", "or", "xor", "lshift", "rshift"):
    _operation = getattr(operator, f"__{_name}__")
    setattr(Size, f"__{_name}__", _bits(_operation, mirrored=False))
    setattr(Size, f"__r{_name}__", _bits(_operation, mirrored=True))


def _is(value: int, relation: str) -> bool:
    return value == 0 if relation == "==" else value < 0 if relation == "<" else value <= 0


def plain(value: Any) -> Any:
    """Sizes in a param or a shape as polynomials, which belong to no trace; anything else as it is."""
    kind = type(value)
    if kind is Size:
        return value.polynomial
    if kind is tuple:
        for v in value:
            if type(v) is tuple or type(v) is Size:
                return tuple([plain(v) for v in value])
    return value


def lifted(value: Any, sizes: Sizes) -> Any:
    """The other way: polynomials in a param or a shape as sizes of a trace."""
    kind = type(value)
    if kind is Polynomial:
        return sizes.of(value)
    return tuple([lifted(v, sizes) for v in value]) if kind is tuple else value


def bind(value: Any, sizes: Mapping[str, int]) -> Any:
    """A param, or a chain of views, with numbers in the place of polynomials."""
    kind = type(value)
    if kind is Polynomial:
        return value.value(sizes)
    return tuple([bind(v, sizes) for v in value]) if kind is tuple else value
