"""The line at which a program did something that shows only afterwards: it is run once more, and asked line by line.

Only refused captures come here, so the second run, which is undone like the first, costs nothing to those that work.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from ._code import is_analyzed

__all__ = ["blame"]


class _Found(BaseException):
    pass


class _Lines:
    """The trace function: it asks after each line of the program, and stops there."""

    def __init__(self, happened: Callable[[], bool]) -> None:
        self.last: str | None = None
        self._happened = happened

    def __call__(self, frame: types.FrameType, _: str, __: Any) -> Any:
        return self.line if is_analyzed(frame.f_code.co_filename) else None

    def line(self, frame: types.FrameType, event: str, _: Any) -> Any:
        """One event inside a function of the program."""
        if self._happened():
            raise _Found
        if event == "line":
            self.last = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        return self.line


def blame(run: Callable[[], Any], happened: Callable[[], bool]) -> str | None:
    """`file:line` of the program's line after which `happened()` holds first; None where the second run differs."""
    lines = _Lines(happened)
    before = sys.gettrace()
    sys.settrace(lines)
    try:
        run()
    except _Found:
        return lines.last
    except Exception:  # noqa: BLE001 - the first run raised nothing: this one went another way
        return None
    finally:
        sys.settrace(before)
    return lines.last if happened() else None
