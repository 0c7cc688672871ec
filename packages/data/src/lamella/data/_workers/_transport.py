"""Errors on their way from a worker: the traceback comes along as text, and what cannot be pickled as what it said."""

from __future__ import annotations

import pickle
import traceback


class WorkerTraceback(Exception):
    """The cause of an error that a worker raised: its traceback there, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def portable(error: BaseException) -> bytes:
    """An error and its traceback, pickled."""
    text = "".join(traceback.format_exception(error))
    try:
        pickled = pickle.dumps((error, text))
        pickle.loads(pickled)  # many exceptions can be written and not read: those with arguments of their own
    except Exception:  # noqa: BLE001 - whatever its __reduce__ raises, the error itself must arrive
        stand_in = RuntimeError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", ()):
            stand_in.add_note(note)
        return pickle.dumps((stand_in, text))
    return pickled


def restored(pickled: bytes) -> BaseException:
    """The error, caused by its traceback in the worker."""
    error: BaseException
    error, text = pickle.loads(pickled)
    error.__cause__ = WorkerTraceback(text)
    return error
