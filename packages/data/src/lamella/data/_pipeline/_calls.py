"""Calls of the user's functions: what was called on which records goes with an error; draws are functions of a record.

A function is known by two names: where it is defined, for checkpoints, and a digest of what it does (code, constants,
captured values, functions and data of its module that it names), for caches on disk, which may not outlive a change.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FunctionType
from typing import Any, final

import numpy as np

from lamella.data._permutation import mixed_key
from lamella.data._protocols import IndexArray
from lamella.data._workers._clock import stage

_SHOWN = 8


@final
class UserFunction:
    """A callable of the user's and the op it belongs to; an error that it raises gets a note with op and records."""

    __slots__ = ("function", "op")

    def __init__(self, op: str, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"{op}: expected a function, got {function!r} of type {type(function).__name__}")
        self.op = op
        self.function = function

    @property
    def name(self) -> str:
        """Module and qualified name."""
        function = self.function.func if isinstance(self.function, functools.partial) else self.function
        named = function if hasattr(function, "__qualname__") else type(function)
        return f"{named.__module__}.{named.__qualname__}"

    def __call__(self, ids: Sequence[int], *arguments: Any) -> Any:
        """The function of `arguments`, which are the records `ids` of the op's source."""
        try:
            with stage("transform"):
                return self.function(*arguments)
        except StopIteration as error:
            raise self._stopped(ids) from error
        except Exception as error:
            self._note(error, ids)
            raise

    def each(self, ids: Sequence[int], *arguments: Iterable[Any]) -> list[Any]:
        """The function of each record: of the first of all `arguments`, of the second, and so on."""
        results: list[Any] = []
        try:
            with stage("transform"):
                for one in zip(*arguments, strict=True):
                    results.append(self.function(*one))
        except StopIteration as error:
            raise self._stopped(ids[len(results) : len(results) + 1]) from error
        except Exception as error:
            self._note(error, ids[len(results) : len(results) + 1])
            raise
        return results

    def _stopped(self, ids: Sequence[int]) -> RuntimeError:
        """Passed on, StopIteration would end a stream in silence."""
        error = RuntimeError(f"{self.op}: {self.name} raised StopIteration")
        self._note(error, ids)
        return error

    def _note(self, error: Exception, ids: Sequence[int]) -> None:
        error.add_note(f"{self.op}: {self.name} raised this for {describe_ids(ids)} of its source")

    def digest(self) -> str:
        """A digest of what the function does; TypeError where that cannot be told."""
        import hashlib

        return hashlib.blake2b(_content(self.op, self.function, set()), digest_size=8).hexdigest()


def describe_ids(ids: Sequence[Any]) -> str:
    """Record numbers or keys, shortened."""
    if len(ids) == 1:
        return f"record {ids[0]}"
    shown = ", ".join(str(number) for number in ids[:_SHOWN])
    return f"records [{shown}{f', ... {len(ids)} in all' if len(ids) > _SHOWN else ''}]"


def _content(op: str, value: Any, seen: set[int]) -> bytes:
    if isinstance(value, functools.partial):
        parts = (value.func, *value.args, sorted(value.keywords.items()))
        return b"".join(_content(op, part, seen) for part in parts)
    if isinstance(value, FunctionType):
        if id(value) in seen:  # it calls itself
            return b""
        seen.add(id(value))
        captured = [cell.cell_contents for cell in value.__closure__ or ()]
        parts = (value.__defaults__, value.__kwdefaults__, *captured, *_used_globals(value))
        return _code(value.__code__) + b"".join(_content(op, part, seen) for part in parts)
    try:
        return pickle.dumps(value, protocol=5)
    except Exception as error:
        raise TypeError(
            f"{op}: cannot tell from {value!r} whether a cache on disk is still valid ({error}); pass cache(folder, "
            "key=...) with a text that changes when the function does"
        ) from error


def _used_globals(function: FunctionType) -> list[Any]:
    """Functions of its own module and plain data that a function names; other modules' content goes by name alone."""
    found = []
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        own = isinstance(value, FunctionType) and value.__module__ == function.__module__
        if own or isinstance(value, (bool, int, float, complex, str, bytes, tuple, list, dict, np.ndarray)):
            found.append(value)
    return found


def _names(code: CodeType) -> set[str]:
    inner = [_names(value) for value in code.co_consts if isinstance(value, CodeType)]
    return set(code.co_names).union(*inner)


def _code(code: CodeType) -> bytes:
    return b"\0".join([code.co_code, repr(code.co_names).encode(), *map(_constant, code.co_consts)])


def _constant(value: Any) -> bytes:
    if isinstance(value, CodeType):
        return _code(value)
    # Sets have another order in every process.
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value).encode()


class RecordDraws:
    """Generators that are functions of (seed, epoch, record): how many workers there are and what came before does not
    matter.
    """

    def __init__(self, seed: int, epoch: int, ids: IndexArray) -> None:
        self._key = mixed_key((seed, epoch))
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, row: int) -> np.random.Generator:
        """The generator of row `row` of the batch; every call starts it anew."""
        return np.random.Generator(np.random.Philox(key=np.array([self._key, self._ids[row]], np.uint64)))

    def each(self) -> Any:
        """The generators row by row. One object is set anew for every row, eight times faster than making them."""
        bits = np.random.Philox(key=np.array([self._key, 0], np.uint64))
        generator, state = np.random.Generator(bits), bits.state
        for number in self._ids.tolist():
            state["state"]["key"][1] = number
            bits.state = state
            yield generator
