"""What a thread is in the middle of: grad mode, open transform levels, an open trace.

`HOT[0]` counts the special modes open in any thread (in steps of MODE, above every tensor flag). Zero is the promise
that lets the fast path look at two flag words and nothing else; anything that must be seen by an op adds itself here.
"""

from __future__ import annotations

import threading
from typing import Any

from . import _blas  # before numpy, which reads the environment once
from ._errstate import silence

assert _blas

__all__ = [
    "EPOCH", "FOREIGN", "GRAD", "HOT", "INFERENCE", "LEVEL", "METADATA", "MODE", "TRACED", "VIEW", "Level",
    "LevelClosedError", "Mode", "enter_mode", "leave_mode", "settle_grad", "settle_modes", "tls",
]  # fmt: skip

GRAD = 1  # the tensor has an edge at its own level
VIEW = 2  # it shares memory with a base: it may have to be refreshed before use
LEVEL = 4  # its storage is a transform payload
TRACED = 8  # its value exists only in an open trace
FOREIGN = 16  # its storage is neither a numpy array nor a payload
INFERENCE = 32  # it was made under inference_mode: autograd may not save it, and nothing counts its versions
MODE = 64

HOT: list[int] = [0]
# Counts changes of what an existing tensor is (its memory through .data, its requires_grad): captured programs
# compare it.
METADATA: list[int] = [0]
# The serial of the newest change of any module, put here after the module has it: one compare tells that none changed.
EPOCH: list[int] = [0]
_lock = threading.Lock()


class LevelClosedError(RuntimeError):
    """A tensor of a transform that has ended, or of another thread's, was used."""


class Level:
    """One open transform (vmap, jvp, or the body of control flow that is being traced): its serial is never reused, so
    an escaped tensor cannot be taken for a later level's.
    """

    __slots__ = ("alive", "kind", "randomness", "serial", "size", "thread")
    _next = 0

    def __init__(self, kind: str, size: int = 0, randomness: str = "error") -> None:
        with _lock:
            Level._next += 1
            self.serial = Level._next
        self.kind = kind
        self.size = size
        self.randomness = randomness
        self.alive = True
        self.thread = threading.get_ident()

    def check(self) -> None:
        """Raise unless this level is open in the current thread."""
        if not self.alive:
            what = "function of captured control flow" if self.kind == "region" else self.kind
            raise LevelClosedError(
                f"a tensor made inside a {what} was used after that {what} returned; "
                "return it from the function instead"
            )
        if self.thread != threading.get_ident():
            raise LevelClosedError(f"a tensor made inside a {self.kind} was used from another thread")


class _ThreadState(threading.local):
    """Per-thread modes; every attribute has a class default, so that a new thread starts clean."""

    grad = True
    trace: Any = None
    levels: tuple[Level, ...] = ()
    floor: Any = None  # the level of the innermost open body of control flow: every op inside belongs to it, or above
    inference = False
    autocast: Any = None  # the open autocast, or None
    anomaly: Any = None  # None, or whether anomaly mode checks values
    saving: tuple[Any, ...] = ()  # (pack, unpack) pairs that saved tensors go through, the innermost last
    saving_refused: str | None = None  # why no such pair may be added
    special = False  # whether dispatch has to ask for inference or autocast
    beside = False  # whether a mode other than grad mode is special
    counted: Any = None  # what counts the modes above in HOT, while one of them is special

    def __init__(self) -> None:
        silence()  # once in every thread that looks at its modes; in the importing one by the line below


tls = _ThreadState()


def enter_mode() -> None:
    """Count one more special mode."""
    with _lock:
        HOT[0] += MODE


def leave_mode() -> None:
    """Count one special mode less."""
    with _lock:
        HOT[0] -= MODE


class _Counted:
    """One thread's share of HOT: goes with the thread, should that end with a mode still on."""

    __slots__ = ()

    def __init__(self) -> None:
        enter_mode()

    def __del__(self) -> None:
        leave_mode()


def settle_modes() -> None:
    """Bring HOT in step with this thread's modes, after one of them was set."""
    tls.special = special = tls.inference or tls.autocast is not None
    tls.beside = beside = special or tls.anomaly is not None or bool(tls.saving)
    if beside or not tls.grad:
        if tls.counted is None:
            tls.counted = _Counted()
    elif tls.counted is not None:
        tls.counted = None


def settle_grad(grad: bool) -> None:
    """`settle_modes` after grad mode alone was set."""
    if not grad:
        if tls.counted is None:
            tls.counted = _Counted()
    elif tls.counted is not None and not tls.beside:
        tls.counted = None


class Mode:
    """Base of context managers that set thread-local attributes while open."""

    def __init__(self, **values: Any) -> None:
        self._values = values
        self._saved: list[list[tuple[str, Any]]] = []

    def __enter__(self) -> Any:
        self._saved.append([(k, getattr(tls, k)) for k in self._values])
        for k, v in self._values.items():
            setattr(tls, k, v)
        settle_modes()
        return self

    def __exit__(self, *exc: object) -> None:
        for k, v in self._saved.pop():
            setattr(tls, k, v)
        settle_modes()
