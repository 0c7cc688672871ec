"""Host scalars that a trace keeps symbolic, and the dict whose numbers become such inputs.

`Numbers` is where numeric state of ours lives (a param group, a scheduler's counter, an RNG offset): read under a
trace it gives a `SymScalar`, which records the Python arithmetic done on it; written under a trace it is an effect.
Outside a trace both are plain Python. What needs a real number (a branch, an index, formatting) is guarded by its
value.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar
from weakref import ref

from ._state import tls

__all__ = [
    "UNKNOWN", "Numbers", "SymScalar", "SymSize", "cos", "exp", "index", "log", "maximum", "minimum", "remembered",
    "sin", "sqrt", "where",
]  # fmt: skip

_T = TypeVar("_T")

UNKNOWN: Any = object()  # the hint of a number that comes out of a tensor
_KINDS = (bool, int, float)
# What else int and float have; none of it stays symbolic.
_METHODS = frozenset(n for kind in (int, float) for n in dir(kind) if not n.startswith("_"))


class SymScalar:
    """A number of an open trace: `value` is its SSA value, `hint` what it was while tracing, or UNKNOWN, `category`
    that of its Python type: 0 for bool, 1 for int, 2 for float.
    """

    __slots__ = ("_trace", "category", "hint", "value")

    def __init__(self, trace: Any, value: Any, hint: Any, category: int | None = None) -> None:
        self._trace = ref(trace)  # a trace holds its numbers, and goes when the capture ends
        self.value = value
        self.hint = hint
        if category is None:
            category = 0 if isinstance(hint, bool) else 1 if isinstance(hint, int) else 2
        self.category = category

    @property
    def trace(self) -> Any:
        """The trace whose number it is."""
        found = self._trace()
        if found is None:
            raise RuntimeError("a number of a capture that has ended was used: return it from the captured function")
        return found

    @property  # type: ignore[misc] # object lets it be assigned
    def __class__(self) -> Any:
        # a program may ask isinstance(loss.item(), float): what comes out of a tensor answers like the number it is
        return _KINDS[self.category] if self.hint is UNKNOWN else SymScalar

    def _op(self, name: str, *args: Any) -> Any:
        return self.trace.scalar_op(name, args)

    def __add__(self, other: Any) -> Any:
        return self._op("add", self, other) if _number(other) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return self._op("add", other, self) if _number(other) else NotImplemented

    def __sub__(self, other: Any) -> Any:
        return self._op("sub", self, other) if _number(other) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return self._op("sub", other, self) if _number(other) else NotImplemented

    def __mul__(self, other: Any) -> Any:
        return self._op("mul", self, other) if _number(other) else NotImplemented

    def __rmul__(self, other: Any) -> Any:
        return self._op("mul", other, self) if _number(other) else NotImplemented

    def __truediv__(self, other: Any) -> Any:
        return self._op("div", self, other) if _number(other) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return self._op("div", other, self) if _number(other) else NotImplemented

    def __floordiv__(self, other: Any) -> Any:
        return self._op("floordiv", self, other) if _number(other) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return self._op("floordiv", other, self) if _number(other) else NotImplemented

    def __mod__(self, other: Any) -> Any:
        return self._op("mod", self, other) if _number(other) else NotImplemented

    def __rmod__(self, other: Any) -> Any:
        return self._op("mod", other, self) if _number(other) else NotImplemented

    def __pow__(self, other: Any) -> Any:
        return self._op("pow", self, other) if _number(other) else NotImplemented

    def __rpow__(self, other: Any) -> Any:
        return self._op("pow", other, self) if _number(other) else NotImplemented

    def __neg__(self) -> Any:
        return self._op("neg", self)

    def __pos__(self) -> SymScalar:
        return self

    def __abs__(self) -> Any:
        return self._op("abs", self)

    def __lt__(self, other: Any) -> Any:
        return self._op("lt", self, other) if _number(other) else NotImplemented

    def __le__(self, other: Any) -> Any:
        return self._op("le", self, other) if _number(other) else NotImplemented

    def __gt__(self, other: Any) -> Any:
        return self._op("gt", self, other) if _number(other) else NotImplemented

    def __ge__(self, other: Any) -> Any:
        return self._op("ge", self, other) if _number(other) else NotImplemented

    def __eq__(self, other: object) -> Any:
        return self._op("eq", self, other) if _number(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return self._op("ne", self, other) if _number(other) else NotImplemented

    def __bool__(self) -> bool:
        return bool(self.trace.force(self))

    def __int__(self) -> int:
        found: int = self.trace.number(self, int)
        return found

    def __float__(self) -> float:
        found: float = self.trace.number(self, float)
        return found

    def __complex__(self) -> complex:
        return complex(self.trace.force(self))

    def __round__(self, digits: Any = None) -> Any:
        return round(self.trace.force(self), digits)

    def __trunc__(self) -> Any:
        return math.trunc(self.trace.force(self))

    def __floor__(self) -> Any:
        return math.floor(self.trace.force(self))

    def __ceil__(self) -> Any:
        return math.ceil(self.trace.force(self))

    def __divmod__(self, other: Any) -> Any:
        return (self // other, self % other) if _number(other) else NotImplemented

    def __rdivmod__(self, other: Any) -> Any:
        return (other // self, other % self) if _number(other) else NotImplemented

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return getattr(self.trace.force(self), name)
        raise AttributeError(f"a number has no attribute {name!r}")

    def __index__(self) -> int:
        if self.category != 1:
            raise TypeError("a symbolic float cannot be an index")
        return int(self.trace.force(self))

    def __hash__(self) -> int:
        return hash(self.trace.force(self))

    def __repr__(self) -> str:
        return "SymScalar(unknown)" if self.hint is UNKNOWN else f"SymScalar({self.hint!r})"

    def __str__(self) -> str:
        return str(self.trace.force(self))

    def __format__(self, spec: str) -> str:
        return format(self.trace.force(self), spec)


class SymSize(SymScalar):
    """A size of a tensor that a trace knows by name; `lamella.graph` says what it is. It stands in shapes as an int
    does, and becomes a number of the open trace where tensors are computed with it.
    """

    __slots__ = ()

    def __init__(self, hint: int) -> None:
        self.hint = hint
        self.category = 1

    @property  # type: ignore[misc] # object lets it be assigned
    def __class__(self) -> Any:
        return int  # a program may ask isinstance(x.shape[0], int)

    @property
    def trace(self) -> Any:
        """The trace that is open now: a backward trace meets the sizes of the forward one."""
        return tls.trace

    @property
    def value(self) -> Any:
        """The host scalar that the open trace computes it as."""
        return tls.trace.size_value(self)


def index(value: Any) -> Any:
    """`operator.index`, which lets a size of a trace through as it is."""
    return value if isinstance(value, SymSize) else operator.index(value)


def remembered(maxsize: int) -> Callable[[Callable[..., _T]], Callable[..., _T]]:
    """lru_cache for functions of sizes: those of an open trace are asked each time, for what is asked is recorded."""

    def decorated(f: Callable[..., _T]) -> Callable[..., _T]:
        kept = lru_cache(maxsize)(f)

        @wraps(f)
        def call(*args: Any) -> _T:
            return kept(*args) if tls.trace is None else f(*args)

        return call

    return decorated


def _number(x: object) -> bool:
    return isinstance(x, (int, float, SymScalar))


class Numbers(dict[Any, Any]):
    """A dict whose int and float values are scalar inputs of a captured program: a new value never recompiles."""

    __slots__ = ("__weakref__",)

    def __getitem__(self, key: Any) -> Any:
        value = dict.__getitem__(self, key)
        if tls.trace is not None:
            return tls.trace.read_number(self, key, value)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        if tls.trace is not None:
            tls.trace.write_number(self, key, value)
        else:
            dict.__setitem__(self, key, value)

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or the default."""
        return self[key] if key in self else default  # noqa: SIM401  (this is that method)


def _function(name: str, plain: Any, *args: Any) -> Any:
    for a in args:
        if isinstance(a, SymScalar):
            return a.trace.scalar_op(name, args)
    return plain(*args)


def cos(x: Any) -> Any:
    """Cosine of a number or a symbolic scalar, radians."""
    return _function("cos", math.cos, x)


def sin(x: Any) -> Any:
    """Sine of a number or a symbolic scalar, radians."""
    return _function("sin", math.sin, x)


def sqrt(x: Any) -> Any:
    """Square root of a number or a symbolic scalar."""
    return _function("sqrt", math.sqrt, x)


def exp(x: Any) -> Any:
    """e**x of a number or a symbolic scalar."""
    return _function("exp", math.exp, x)


def log(x: Any) -> Any:
    """Natural logarithm of a number or a symbolic scalar."""
    return _function("log", math.log, x)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two numbers or symbolic scalars."""
    return _function("min", min, a, b)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two numbers or symbolic scalars."""
    return _function("max", max, a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b; unlike `if`, it never guards a symbolic condition."""
    return _function("where", lambda c, x, y: x if c else y, condition, a, b)
