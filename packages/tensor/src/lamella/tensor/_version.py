"""Version cells: how a write is noticed by those who saved or viewed the memory, and who is to blame for it.

A cell is shared by a tensor, its views, its detached twins and its transform wrappers. It is made only when somebody
saves or views: a tensor nobody watches pays nothing. A location is (code, instruction offset), decoded to file and
line only for a message.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any

import lamella

__all__ = ["Cell", "Location", "describe", "user_location"]

Location = tuple[CodeType, int]


class Cell:
    """The version of one piece of memory and the place of its last write."""

    __slots__ = ("version", "writer")

    def __init__(self) -> None:
        self.version = 0
        self.writer: Location | None = None

    def __reduce__(self) -> Any:
        # copies and pickles of the memory begin anew, together
        return (Cell, ())


_internal: dict[str, bool] = {}


def _is_internal(filename: str) -> bool:
    roots = [str(p) for p in lamella.__path__]
    found = any(filename.startswith(r) for r in roots)
    _internal[filename] = found
    return found


def user_location(depth: int = 2) -> Location:
    """The innermost place outside the installed layers, seen from `depth` frames above this function."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        name = code.co_filename
        inside = _internal.get(name)
        if inside is None:
            inside = _is_internal(name)
        if not inside:
            return (code, frame.f_lasti)
        last = frame
        frame = frame.f_back
    return (last.f_code, last.f_lasti)


def describe(location: Location | None) -> str:
    """`file:line in function` of a location."""
    if location is None:
        return "an unknown place"
    code, lasti = location
    line: Any = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= lasti < end and number is not None:
            line = number
    return f"{code.co_filename}:{line} in {code.co_name}"
