"""compile(): a callable that captures at the first call of each kind and replays afterwards."""

from __future__ import annotations

import functools
import threading
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from lamella.graph import CaptureError
from lamella.tensor.extend import tls

from ._budget import check_budget
from ._dynamic import Dynamic
from ._members import is_module
from ._program import Program
from ._record import OverlapError, executor_of, record
from ._sized import SizedProgram

__all__ = ["CompiledFunction", "compile", "disable"]

_MANY = 32
_MOST = 128


def compile(  # noqa: A001 - the name users know
    fn: Any = None, *, dynamic: bool | None = None, backend: str = "c", memory_budget: int | None = None
) -> Any:
    """A compiled version of a function, a module or a zero-argument training step; usable as a decorator.

    The first call of each kind (shapes, dtypes, values read from Python) captures the whole call; later calls check
    guards and replay it. `dynamic` says which sizes of tensors a program leaves open: with None those that a second
    call shows to change, all from 2 on with True, none with False; `mark_dynamic` opens single ones unless it is False.
    `backend` is "c", or "interpreter" for the reference. `memory_budget` is the most bytes that a program may allocate
    at once: values are computed again instead of kept until its plan fits, with the same results, and CaptureError
    names the least that is reached where it does not. What cannot be captured raises CaptureError, and then nothing
    has changed.
    """
    if fn is None:
        return functools.partial(compile, dynamic=dynamic, backend=backend, memory_budget=memory_budget)
    if not callable(fn):
        raise TypeError(f"compile needs a function or a module, got {type(fn).__name__}")
    if dynamic not in (None, True, False):
        raise TypeError(f"dynamic is None, True or False, got {dynamic!r}")
    executor_of(backend)
    check_budget(memory_budget, backend)
    if isinstance(fn, CompiledFunction) and (fn.backend, fn.dynamic, fn.memory_budget) == (
        backend, dynamic, memory_budget,
    ):  # fmt: skip
        return fn
    return CompiledFunction(fn, backend, dynamic, memory_budget)


def disable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function as one that captures refuse: calling it inside a compiled function raises, naming it."""

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if tls.trace is not None:
            raise CaptureError(f"{fn.__qualname__} is disabled for capture and was called by a compiled function")
        return fn(*args, **kwargs)

    return wrapped


def _drop(compiled: Any, program: Any, _: Any) -> None:
    """Forget a program one of whose objects is gone."""
    owner, dead = compiled(), program()
    if owner is not None:
        owner._programs = [p for p in owner._programs if p is not dead]


class CompiledFunction:
    """What `compile` returns. Calls inside a capture or a transform run the original function."""

    def __init__(
        self, fn: Any, backend: str, dynamic: bool | None = None, memory_budget: int | None = None, frozen: Any = None
    ) -> None:
        self._fn = fn.original if isinstance(fn, CompiledFunction) else fn
        self._backend = backend
        self._dynamic = dynamic
        self._budget = memory_budget
        self._frozen = frozen  # the weights that are constants, by `freeze`
        self._seen: dict[str, tuple[tuple[int, ...], frozenset[int]]] = {}  # sizes of tensors, and which ones change
        self._programs: list[Program | SizedProgram] = []
        self._lock = threading.RLock()
        self._captures = 0
        self._misses: list[str] = []
        functools.update_wrapper(
            self, self._fn if isinstance(self._fn, types.FunctionType) else type(self._fn).__call__, updated=()
        )

    @property
    def original(self) -> Any:
        """The function or module that was compiled."""
        return self._fn

    @property
    def backend(self) -> str:
        """The name of the executor."""
        return self._backend

    @property
    def dynamic(self) -> bool | None:
        """Which sizes its programs leave open."""
        return self._dynamic

    @property
    def memory_budget(self) -> int | None:
        """The most bytes that a program may allocate at once; None for as many as it takes."""
        return self._budget

    @property
    def programs(self) -> tuple[Program | SizedProgram, ...]:
        """The captured programs, newest first."""
        return tuple(self._programs)

    @property
    def compiles(self) -> int:
        """How many programs were captured."""
        return self._captures

    @property
    def misses(self) -> tuple[str, ...]:
        """Why captures after the first were made: what had changed, newest last."""
        return tuple(self._misses)

    def __getattr__(self, name: str) -> Any:
        # only what is not there comes here: the attributes of what was compiled
        if name == "_fn":
            raise AttributeError(name)
        return getattr(self._fn, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # everything of ours begins with an underscore
        if name.startswith("_") or not is_module(self._fn):
            object.__setattr__(self, name, value)
        else:
            setattr(self._fn, name, value)

    def __delattr__(self, name: str) -> None:
        if name.startswith("_") or not is_module(self._fn):
            object.__delattr__(self, name)
        else:
            delattr(self._fn, name)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if tls.trace is not None or tls.levels or (tls.beside and (tls.saving or tls.anomaly is not None)):
            # hooks of saved tensors and anomaly mode are about single ops, which a program does not have
            return self._fn(*args, **kwargs)
        for program in self._programs:
            found: Any = program.guard.fetch(args, kwargs)
            if type(found) is tuple:
                return program.call(*found)
        with self._lock:
            # another thread may have captured it meanwhile
            for program in self._programs:
                found = program.guard.fetch(args, kwargs)
                if type(found) is tuple:
                    break
                self._missed(program.guard.reasons[found])
            else:
                try:
                    program = record(
                        self._fn,
                        args,
                        kwargs,
                        self._backend,
                        Dynamic(self._dynamic, self._seen),
                        self._budget,
                        self._frozen,
                    )
                except OverlapError as overlap:
                    warnings.warn(str(overlap), RuntimeWarning, stacklevel=2)
                    return self._fn(*args, **kwargs)
                found = program.guard.fetch(args, kwargs)
                if type(found) is not tuple:
                    raise CaptureError(
                        f"what the program reads changed while it was captured ({program.guard.reasons[found]}), "
                        "perhaps by another thread; "
                        f"call it again when nothing changes that"
                    )
                self._keep(program)
        return program.call(*found)

    def _missed(self, reason: str) -> None:
        self._misses.append(reason)
        del self._misses[:-_MOST]

    def _keep(self, program: Program | SizedProgram) -> None:
        self._captures += 1
        program.guard.when_dead(functools.partial(_drop, weakref.ref(self), weakref.ref(program)))
        self._programs = [program, *self._programs][:_MOST]
        if self._captures == _MANY:
            most = max(set(self._misses), key=self._misses.count)
            warnings.warn(
                f"{getattr(self._fn, '__name__', type(self._fn).__name__)} was captured {_MANY} times, mostly "
                f"because {most}; "
                f"pass what changes as a tensor, or do not compile it",
                RuntimeWarning,
                stacklevel=3,
            )
