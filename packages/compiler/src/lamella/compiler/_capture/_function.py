"""compile(): a callable that captures at the first call of each kind and replays afterwards."""

from __future__ import annotations

import functools
import logging
import threading
import types
import warnings
from typing import Any

from lamella.graph import CaptureError
from lamella.tensor.extend import tls

from ._disable import DISABLED, is_disabled
from ._forks import ADVICE, key_of
from ._program import Program
from ._record import Attempt, OverlapError, executor_of
from ._refused import Refusals

__all__ = ["CompiledFunction", "compile"]

_MANY = 32
_MOST = 128
_LEAVES = 64
_FLOATS = 8
_log = logging.getLogger("lamella.compiler")


def compile(  # noqa: A001 - the name users know
    fn: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: str = "c"
) -> Any:
    """A compiled version of a function, a module or a zero-argument training step; usable as a decorator.

    The first call of each kind (shapes, dtypes, values read from Python) captures the whole call; later calls check
    guards and replay it. A branch on a tensor forks the program. A call that cannot be captured runs uncompiled, with
    one warning a source line that says why; with `fullgraph` it raises CaptureError instead, and nothing has changed.
    `backend` is "c", or "interpreter" for the reference. NotImplementedError for dynamic=True.
    """
    if not isinstance(fullgraph, bool):
        raise TypeError(f"fullgraph must be True or False, got {fullgraph!r}")
    if dynamic is not None and not isinstance(dynamic, bool):
        raise TypeError(f"dynamic must be None, True or False, got {dynamic!r}")
    if dynamic:
        raise NotImplementedError("dynamic=True is not there yet: every shape is captured as a program of its own")
    if fn is None:
        return functools.partial(compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend)
    if not callable(fn):
        raise TypeError(f"compile needs a function or a module, got {type(fn).__name__}")
    executor_of(backend)
    if isinstance(fn, CompiledFunction) and fn.backend == backend and fn.fullgraph == fullgraph:
        return fn
    return CompiledFunction(fn, backend, fullgraph)


class CompiledFunction:
    """What `compile` returns. Calls inside a capture, a transform or a disabled function run the original function."""

    def __init__(self, fn: Any, backend: str, fullgraph: bool) -> None:
        self._fn = fn.original if isinstance(fn, CompiledFunction) else fn
        self._backend = backend
        self._fullgraph = fullgraph
        self._programs: list[Program] = []
        self._refusals = Refusals()
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
    def fullgraph(self) -> bool:
        """Whether a call that cannot be captured raises."""
        return self._fullgraph

    @property
    def programs(self) -> tuple[Program, ...]:
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

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why calls ran uncompiled."""
        return self._refusals.reasons

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if tls.trace is not None or tls.levels or (tls.beside and (tls.saving or tls.anomaly is not None)):
            # hooks of saved tensors and anomaly mode are about single ops, which a program does not have
            return self._fn(*args, **kwargs)
        if DISABLED[0] and is_disabled():
            return self._fn(*args, **kwargs)
        for program in self._programs:
            found = program.guard.fetch(args, kwargs)
            if type(found) is tuple:
                if program.path is None:
                    return program.call(*found)
                break
        else:
            try:
                program, found = self._captured(args, kwargs)
            except CaptureError as error:
                return self._uncompiled(error, args, kwargs)
            if program.path is None:
                return program.call(*found)
        try:
            program, env, fetched = self._follow(program, found, args, kwargs)
        except CaptureError as error:
            return self._uncompiled(error, args, kwargs)
        return program.end(env, fetched)

    # -- captures

    def _captured(self, args: Any, kwargs: Any) -> tuple[Program, Any]:
        """The program of this kind of call, which the programs so far do not fit, and what its guard fetched."""
        with self._lock:
            # another thread may have captured it meanwhile
            missed = []
            for program in self._programs:
                found = program.guard.fetch(args, kwargs)
                if type(found) is tuple:
                    return program, found
                missed.append(program.guard.reasons[found])
            if not self._fullgraph:
                self._refusals.check(args, kwargs)
            for reason in missed:
                self._missed(reason)
            return self._record(args, kwargs)

    def _record(self, args: Any, kwargs: Any, answers: Any = (), known: Any = ()) -> tuple[Program, Any]:
        attempt = None
        try:
            attempt = Attempt(self._fn, args, kwargs, self._backend)
            program = attempt.record(answers, known)
            found = program.guard.fetch(args, kwargs)
            if type(found) is not tuple:
                raise CaptureError(
                    f"what the program reads changed while it was captured ({program.guard.reasons[found]}), "
                    "perhaps by another thread; "
                    f"call it again when nothing changes that"
                )
        except OverlapError:
            raise
        except CaptureError as error:
            if not self._fullgraph and not known:
                self._refusals.add(error, None if attempt is None else attempt.refusal())
            raise
        self._keep(program)
        return program, found

    # -- forks

    def _follow(self, program: Program, found: Any, args: Any, kwargs: Any) -> tuple[Program, dict[int, Any], Any]:
        """Run the segments of a forked program, changing over to the programs that the answers lead to."""
        path, fetched = program.path, found[1]
        if path is None:
            raise AssertionError("only forked programs are followed")
        env = path.environment(found[0])
        keys: list[Any] = []
        answers: list[Any] = []
        while len(keys) < len(path.keys):
            n = len(keys)
            answers.append(path.segments[n].decide(env))
            keys.append(key_of(answers[n]))
            if keys[n] == path.keys[n]:
                continue
            program, found = self._turned(program, answers, keys, args, kwargs)
            if program.path is None:
                raise AssertionError("a program with answers forks")
            path, fetched = program.path, found[1]
            # an id beyond the shared segments means something else in another program
            made = {i: env[i] for s in path.segments[: n + 1] for i in s.makes & env.keys()}
            env = made | path.environment(found[0])
            if not path.reaches(env, n + 1):
                return self._follow(program, found, args, kwargs)  # its segments give more since then
        return program, env, fetched

    def _turned(
        self, program: Program, answers: list[Any], keys: list[Any], args: Any, kwargs: Any
    ) -> tuple[Program, Any]:
        """The program that goes like this one up to its last answer, and there as `keys` says."""
        if program.path is None:
            raise AssertionError("only forked programs turn")
        segments = program.path.segments[: len(keys)]
        with self._lock:
            for other in self._programs:
                if other.path is not None and other.path.begins(segments, keys):
                    found = other.guard.fetch(args, kwargs)
                    if type(found) is tuple:
                        return other, found
            self._refuse_more(segments)
            last = segments[-1]
            self._missed(f"a new way at {last.place}: {answers[-1]!r}")
            try:
                new, found = self._record(args, kwargs, answers, segments)
                if new.path is None or not new.path.begins(segments, keys):
                    raise CaptureError(
                        f"the program does not come to the fork at {last.place} in the same way again, so something "
                        "that capture does not see steers it",
                        last.place,
                    )
            except CaptureError as error:
                segments[0].refused(error)
                raise
            return new, found

    def _refuse_more(self, segments: tuple[Any, ...]) -> None:
        """CaptureError where a tree has too many leaves already, or its captures keep failing."""
        root, last = segments[0], segments[-1]
        if not self._fullgraph:
            root.check()
        leaves = [p.path for p in self._programs if p.path is not None and p.path.segments[0] is root]
        if len(leaves) >= _LEAVES:
            raise CaptureError(
                f"the answer at {last.place} leads to more than {_LEAVES} programs, one for each way through the "
                f"branches of this call; {ADVICE}",
                last.place,
            )
        n = len(segments) - 1
        values = {p.keys[n] for p in leaves if len(p.keys) > n and p.segments[n] is last}
        if len(values) >= _FLOATS and all(kind is float for kind, _ in values):
            raise CaptureError(
                f"float() at {last.place} gave {len(values)} different numbers, each of which would be a program of "
                "its own; keep it a tensor, return it, or compute with item(), which stays symbolic until Python looks",
                last.place,
            )

    # -- the rest

    def _uncompiled(self, error: CaptureError, args: Any, kwargs: Any) -> Any:
        """The call without compilation, with one warning a place; under `fullgraph` the error."""
        if self._fullgraph:
            raise error
        if self._refusals.tell(error):
            name = getattr(self._fn, "__qualname__", type(self._fn).__qualname__)
            warnings.warn(f"{name} runs uncompiled: {error}", RuntimeWarning, stacklevel=3)
        return self._fn(*args, **kwargs)

    def _missed(self, reason: str) -> None:
        name = getattr(self._fn, "__qualname__", type(self._fn).__qualname__)
        _log.info("%s: no program fits: %s", name, reason)
        self._misses.append(reason)
        del self._misses[:-_MOST]

    def _keep(self, program: Program) -> None:
        self._captures += 1
        self._programs = [program, *self._programs][:_MOST]
        if self._captures == _MANY:
            most = max(set(self._misses), key=self._misses.count)
            warnings.warn(
                f"{getattr(self._fn, '__name__', type(self._fn).__name__)} was captured {_MANY} times, mostly "
                f"because {most}; "
                f"pass what changes as a tensor, or do not compile it",
                RuntimeWarning,
                stacklevel=5,
            )
