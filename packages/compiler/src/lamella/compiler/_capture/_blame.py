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


def blame(run: Callable[[], Any], happened: Callable[[], bool]) -> str | None:
    """`file:line` of the program's line after which `happened()` holds first; None where the second run differs."""
    last: list[str | None] = [None]

    def line(frame: types.FrameType, event: str, _: Any) -> Any:
        if happened():
            raise _Found
        if event == "line":
            last[0] = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        return line

    def enter(frame: types.FrameType, _: str, __: Any) -> Any:
        return line if is_analyzed(frame.f_code.co_filename) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run()
    except _Found:
        return last[0]
    except BaseException:  # noqa: BLE001 - what the first run raised, or did not, is what the caller tells
        return None
    finally:
        sys.settrace(before)
    return last[0] if happened() else None
