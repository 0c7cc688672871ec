"""A file of words and texts: how images are written, and read back with every step checked.

A file is a line that names the format, how many words and how many bytes of text follow, the words (64 bits, little
endian), and the text (UTF-8). Reading takes words and text in the order in which they were written; whatever is not
there, too large or of a kind that is not known raises Damaged. Nothing that is read is run.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from lamella.graph import Graph, GraphError, parse
from lamella.tensor.extend import BY_NAME, DType

__all__ = ["Damaged", "Reader", "Unwritable", "Writer"]

_HEAD = b"lamella words 1\n"
_COUNTS = struct.Struct("<QQ")
_SMALL = 1 << 63  # integers from here on are written as text
_DEEP = 32  # tuples in tuples
_NONE, _FALSE, _TRUE, _INT, _LONG, _REAL, _COMPLEX, _TEXT, _DTYPE, _TUPLE, _GRAPH = range(11)
_T = TypeVar("_T")


class Damaged(ValueError):
    """A file is not what a Writer wrote."""


class Unwritable(TypeError):
    """A value has no form in a file."""


class Writer:
    """Collects what goes into one file."""

    def __init__(self) -> None:
        self._words = array("q")
        self._texts: list[bytes] = []

    def number(self, n: int) -> None:
        """One integer of 64 bits."""
        self._words.append(n)

    def numbers(self, some: Iterable[int]) -> None:
        """Integers, with their count."""
        before = len(self._words)
        self._words.append(0)
        self._words.extend(some)
        self._words[before] = len(self._words) - before - 1

    def text(self, text: str) -> None:
        """A string."""
        self._texts.append(text.encode("utf-8", "surrogatepass"))
        self._words.append(len(self._texts[-1]))

    def each(self, some: Iterable[_T], write: Callable[[_T], None]) -> None:
        """Things of one kind, with their count."""
        things = list(some)
        self._words.append(len(things))
        for thing in things:
            write(thing)

    def value(self, value: Any) -> None:
        """A constant or a param; Unwritable for anything else."""
        kind, add = type(value), self._words.append
        if value is None or kind is bool:
            add(_NONE if value is None else _TRUE if value else _FALSE)
        elif kind is int and -_SMALL <= value < _SMALL:
            self._words.extend((_INT, value))
        elif kind is int:
            add(_LONG)
            self.text(hex(value))
        elif kind is float:
            self._words.extend((_REAL, _bits(value)))
        elif kind is complex:
            self._words.extend((_COMPLEX, _bits(value.real), _bits(value.imag)))
        elif kind is str:
            add(_TEXT)
            self.text(value)
        elif kind is DType:
            add(_DTYPE)
            self.text(value.short)
        elif kind is tuple:
            add(_TUPLE)
            self.each(value, self.value)
        elif kind is Graph:
            add(_GRAPH)
            self.text(str(value))
        else:
            raise Unwritable(f"a file of words cannot hold a {kind.__name__}")

    def content(self) -> bytes:
        """The file."""
        words, text = self._words, b"".join(self._texts)
        if sys.byteorder == "big":
            words = words[:]
            words.byteswap()
        return b"".join((_HEAD, _COUNTS.pack(len(words), len(text)), words.tobytes(), text))


class Reader:
    """Gives back what a Writer was given, in the same order; Damaged where that is not what the file holds."""

    def __init__(self, content: bytes) -> None:
        start = len(_HEAD) + _COUNTS.size
        if not content.startswith(_HEAD) or len(content) < start:
            raise Damaged("no file of words")
        count, length = _COUNTS.unpack_from(content, len(_HEAD))
        if start + 8 * count + length != len(content):
            raise Damaged("the file is cut off, or too long")
        words = array("q", content[start : start + 8 * count])
        if sys.byteorder == "big":
            words.byteswap()
        self._words = words.tolist()
        self._text = content[start + 8 * count :]
        self._at = self._letter = 0

    def number(self, least: int = -_SMALL, end: int = _SMALL) -> int:
        """An integer from `least` up to, not including, `end`."""
        if self._at >= len(self._words):
            raise Damaged("a word is missing")
        found = self._words[self._at]
        self._at += 1
        if not least <= found < end:
            raise Damaged(f"{found} is not from {least} up to {end}")
        return found

    def numbers(self, least: int = -_SMALL, end: int = _SMALL) -> tuple[int, ...]:
        """Integers within bounds, as many as were written."""
        count = self._count()
        found = self._words[self._at : self._at + count]
        self._at += count
        if count and not (least <= min(found) and max(found) < end):
            raise Damaged(f"not all are from {least} up to {end}")
        return tuple(found)

    def text(self) -> str:
        """A string."""
        length = self.number(0, len(self._text) - self._letter + 1)
        found = self._text[self._letter : self._letter + length]
        self._letter += length
        try:
            return found.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Damaged("a text is no UTF-8") from error

    def each(self, read: Callable[[], _T]) -> tuple[_T, ...]:
        """Things of one kind, as many as were written."""
        return tuple([read() for _ in range(self._count())])

    def value(self, depth: int = 0) -> Any:
        """A constant or a param."""
        kind = self.number(0, _GRAPH + 1)
        if kind in (_NONE, _FALSE, _TRUE):
            return None if kind == _NONE else kind == _TRUE
        if kind == _INT:
            return self.number()
        if kind == _REAL:
            return _real(self.number())
        if kind == _COMPLEX:
            return complex(_real(self.number()), _real(self.number()))
        if kind == _TEXT:
            return self.text()
        if kind == _TUPLE:
            if depth == _DEEP:
                raise Damaged("tuples are nested too deep")
            return self.each(lambda: self.value(depth + 1))
        if kind == _DTYPE:
            return self.dtype()
        try:
            return int(self.text(), 16) if kind == _LONG else parse(self.text())
        except (ValueError, GraphError) as error:
            raise Damaged(f"a value is not what it says: {error}") from error

    def dtype(self) -> DType:
        """A dtype, by its short word."""
        word = self.text()
        found = BY_NAME.get(word)
        if found is None or found.short != word:
            raise Damaged(f"{word!r} is no dtype")
        return found

    def end(self) -> None:
        """Damaged unless all was read."""
        if self._at != len(self._words) or self._letter != len(self._text):
            raise Damaged("the file holds more than was read")

    def _count(self) -> int:
        return self.number(0, len(self._words) - self._at)  # each thing takes a word at least, as the count does


def _bits(value: float) -> int:
    found: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return found


def _real(bits: int) -> float:
    found: float = struct.unpack("<d", struct.pack("<q", bits))[0]
    return found
