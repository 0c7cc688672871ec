"""compile(): a callable that captures at the first call of each kind and replays afterwards."""

from __future__ import annotations

import functools
import logging
import threading
import types
import warnings
import weakref
from collections.abc import Sequence
from typing import Any

from lamella.graph import CaptureError
from lamella.tensor.extend import HOT, tls

from ._budget import BudgetError, check_budget
from ._collector import collector_paused
from ._disable import DISABLED, is_disabled
from ._dynamic import Dynamic
from ._effects import BeginAgain, Moving
from ._forks import ADVICE, key_of
from ._members import is_module
from ._pieces import Env, Leaf
from ._program import Program
from ._record import Attempt, OverlapError, executor_of
from ._refused import Refusals
from ._segments import Segment, Segments
from ._sized import SizedProgram

__all__ = ["CompiledFunction", "compile"]

_MANY = 32
_MOST = 128
_LEAVES = 64
_FLOATS = 8
_STREAK = 8
_log = logging.getLogger("lamella.compiler")


def compile(  # noqa: A001 - the name users know
    fn: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "c",
    memory_budget: int | None = None,
) -> Any:
    """A compiled version of a function, a module or a zero-argument training step; usable as a decorator.

    The first call of each kind (shapes, dtypes, values read from Python) captures the whole call; later calls check
    guards and replay it. A branch on a tensor forks the program. A call that cannot be captured runs uncompiled, with
    one warning a source line that says why; with `fullgraph` it raises CaptureError instead, and nothing has changed.
    `dynamic` says which sizes of tensors a program leaves open: with None those that a second call shows to change, all
    from 2 on with True, none with False; `mark_dynamic` opens single ones unless it is False. `backend` is "c", or
    "interpreter" for the reference. `memory_budget` is the most bytes that a program may allocate at once: values are
    computed again instead of kept until its plan fits, with the same results; for a program that forks, at each moment
    of each of its ways. CaptureError for a program, or a way, that cannot be brought so low.
    """
    if not isinstance(fullgraph, bool):
        raise TypeError(f"fullgraph is True or False, got {fullgraph!r}")
    if dynamic is not None and not isinstance(dynamic, bool):
        raise TypeError(f"dynamic is None, True or False, got {dynamic!r}")
    if fn is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, memory_budget=memory_budget
        )
    if not callable(fn):
        raise TypeError(f"compile needs a function or a module, got {type(fn).__name__}")
    executor_of(backend)
    check_budget(memory_budget, backend)
    asked = (backend, fullgraph, dynamic, memory_budget)
    if isinstance(fn, CompiledFunction) and (fn.backend, fn.fullgraph, fn.dynamic, fn.memory_budget) == asked:
        return fn
    return CompiledFunction(fn, *asked)


def _drop(compiled: Any, program: Any, _: Any) -> None:
    """Forget a program one of whose objects is gone."""
    owner, dead = compiled(), program()
    if owner is not None:
        owner._programs = [p for p in owner._programs if p is not dead]


class CompiledFunction:
    """What `compile` returns. Calls inside a capture, a transform or a disabled function run the original function."""

    def __init__(
        self,
        fn: Any,
        backend: str,
        fullgraph: bool = False,
        dynamic: bool | None = None,
        memory_budget: int | None = None,
        frozen: Any = None,
    ) -> None:
        self._fn = fn.original if isinstance(fn, CompiledFunction) else fn
        self._backend = backend
        self._fullgraph = fullgraph
        self._dynamic = dynamic
        self._budget = memory_budget
        self._frozen = frozen  # the weights that are constants, by `freeze`
        self._seen: dict[str, tuple[tuple[int, ...], frozenset[int]]] = {}  # sizes of tensors, and which ones change
        self._programs: list[Program | SizedProgram] = []
        self._segments = Segments()
        self._refusals = Refusals()
        self._lock = threading.RLock()
        self._moving = Moving()
        self._assigns = False  # whether a program assigns to Python objects: then calls run one at a time
        self._streak = 0  # captures of such programs since the last call that one of them fitted
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

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why calls ran uncompiled."""
        return self._refusals.reasons

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if HOT[0] and (tls.trace is not None or tls.levels or (tls.beside and (tls.saving or tls.anomaly is not None))):
            # hooks of saved tensors and anomaly mode are about single ops, which a program does not have
            return self._fn(*args, **kwargs)
        if DISABLED[0] and is_disabled():
            return self._fn(*args, **kwargs)
        entry = found = None
        if not self._assigns:
            for entry in self._programs:
                found = entry.guard.fetch(args, kwargs)
                if type(found) is tuple:
                    plain = entry.plain
                    if plain is not None:
                        return plain(*found)
                    if not entry.keys:
                        return entry.call(*found)
                    break
            else:
                entry = None
        try:
            if not self._assigns:
                return self._run(entry, found, args, kwargs)
            with self._lock:
                # from the read of a counter to its write: no other thread comes in between
                return self._run(None, None, args, kwargs)
        except CaptureError as error:
            return self._uncompiled(error, args, kwargs)

    def _run(self, entry: Program | SizedProgram | None, found: Any, args: Any, kwargs: Any) -> Any:
        """The call by a program, which is looked for, or captured, where none is given; CaptureError where there can be
        none.
        """
        alone = self._assigns
        for program in self._programs if entry is None else ():
            found = program.guard.fetch(args, kwargs)
            if type(found) is tuple:
                entry = program
                self._streak = 0
                break
        if entry is None:
            entry, found = self._captured(args, kwargs)
        if entry.effects and not alone:
            with self._lock:
                return self._run(None, None, args, kwargs)
        if not entry.keys:
            return entry.call(*found)
        program, leaf, env, fetched = self._follow(entry, found, args, kwargs)
        return program.end(leaf, env, fetched)

    # -- captures

    def _captured(self, args: Any, kwargs: Any) -> tuple[Program | SizedProgram, Any]:
        """The program of this kind of call, which the programs so far do not fit, and what its guard fetched."""
        with self._lock:
            # another thread may have captured it meanwhile
            missed = []
            for program in self._programs:
                found: Any = program.guard.fetch(args, kwargs)
                if type(found) is tuple:
                    return program, found
                missed.append(program.guard.reasons[found])
            if not self._fullgraph:
                self._refusals.check(args, kwargs)
            for reason in missed:
                self._missed(reason)
            attempt = None
            try:
                self._refuse_streak()
                with collector_paused():
                    attempt = self._attempt(args, kwargs)
                    return self._recorded(attempt, args, kwargs)
            except (OverlapError, BudgetError):
                raise
            except CaptureError as error:
                if not self._fullgraph:
                    self._refusals.add(error, None if attempt is None else attempt.refusal())
                raise

    def _attempt(self, args: Any, kwargs: Any) -> Attempt:
        dynamic = Dynamic(self._dynamic, self._seen)
        return Attempt(self._fn, args, kwargs, self._backend, dynamic, self._budget, self._frozen, self._moving)

    def _recorded(
        self, attempt: Attempt, args: Any, kwargs: Any, answers: Sequence[Any] = ()
    ) -> tuple[Program | SizedProgram, Any]:
        program = self._program_of(attempt, args, kwargs, answers)
        found: Any = program.guard.fetch(args, kwargs)
        if type(found) is not tuple:
            raise CaptureError(
                f"what the program reads changed while it was captured ({program.guard.reasons[found]}), "
                "perhaps by another thread; "
                f"call it again when nothing changes that"
            )
        self._keep(program)
        return program, found

    def _program_of(self, attempt: Attempt, args: Any, kwargs: Any, answers: Sequence[Any]) -> Program | SizedProgram:
        """The program of an attempt, or of one that knows better which places the program writes, and which of their
        numbers cannot be symbolic.
        """
        pinned: list[str] = []
        while True:
            try:
                return attempt.record(answers, self._segments)
            except BeginAgain:
                pass  # it has learned the places
            except (OverlapError, BudgetError):
                raise
            except Exception:
                if not attempt.symbols:
                    self._moving.unpin(pinned)
                    raise
                pinned += self._moving.pin(attempt.symbols)
            attempt = self._attempt(args, kwargs)

    def _refuse_streak(self) -> None:
        """CaptureError where call after call is captured anew because of what the program itself writes."""
        if self._streak > _STREAK:
            self._streak = _STREAK  # the attempt after this one may be made
            places = ", ".join(sorted(self._moving.places))
            raise CaptureError(
                f"each of the last {_STREAK} calls was a program of its own, because Python looks at what the program "
                f"itself writes at each call ({places}); keep such numbers in tensors, or look at them outside"
            )

    # -- forks

    def _follow(
        self, entry: Program | SizedProgram, found: Any, args: Any, kwargs: Any
    ) -> tuple[Program, Leaf, Env, Any]:
        """Run the segments of a forked program, changing over to the programs that the answers lead to."""
        program = entry.of(*found[2:])
        path = program.forked
        steps, leaf = path.planned
        env = path.environment(found[0])
        keys: list[Any] = []
        answers: list[Any] = []
        while len(keys) < len(steps):
            n = len(keys)
            piece, dead, _, _ = steps[n]
            answers.append(piece.decide(env))
            keys.append(key_of(answers[n]))
            if keys[n] == path.keys[n]:
                for i in dead:
                    env.pop(i, None)
                continue
            entry, found = self._turned(path.segments[: n + 1], answers, keys, args, kwargs)
            program = entry.of(*found[2:])
            path = program.forked
            steps, leaf = path.planned
            if not steps[n].needed <= env.keys():
                del env
                return self._follow(entry, found, args, kwargs)  # its segments give more since then
            # an id beyond the shared segments means something else in another program
            env = {i: env[i] for i in steps[n].kept & env.keys()} | path.environment(found[0])
        return program, leaf, env, found[1]

    def _turned(
        self, segments: tuple[Segment, ...], answers: list[Any], keys: list[Any], args: Any, kwargs: Any
    ) -> tuple[Program | SizedProgram, Any]:
        """The program that goes through these segments with these answers, and what its guard fetched."""
        with self._lock:
            for other in self._programs:
                if list(other.keys[: len(keys)]) == keys:
                    found: Any = other.guard.fetch(args, kwargs)
                    if type(found) is tuple and other.of(*found[2:]).forked.begins(segments, keys):
                        return other, found
            self._refuse_more(segments)
            last = segments[-1]
            self._missed(f"a new way at {last.place}: {answers[-1]!r}")
            try:
                with collector_paused():
                    new, found = self._recorded(self._attempt(args, kwargs), args, kwargs, answers)
                program = new.of(*found[2:])
                if program.path is None or not program.path.begins(segments, keys):
                    raise CaptureError(
                        f"the program does not come to the fork at {last.place} in the same way again, so something "
                        "that capture does not see steers it",
                        last.place,
                    )
            except BudgetError:
                raise  # another way may fit
            except CaptureError as error:
                segments[0].refused(error)
                raise
            return new, found

    def _refuse_more(self, segments: tuple[Segment, ...]) -> None:
        """CaptureError where a tree has too many leaves already, or its captures keep failing."""
        root, last = segments[0], segments[-1]
        if not self._fullgraph:
            root.check()
        leaves = [p for p in self._programs if p.begins_with(root)]
        if len(leaves) >= _LEAVES:
            raise CaptureError(
                f"the answer at {last.place} leads to more than {_LEAVES} programs, one for each way through the "
                f"branches of this call; {ADVICE}",
                last.place,
            )
        n = len(segments) - 1
        values = {p.keys[n] for p in leaves if len(p.keys) > n}
        if last.kind is not bool and len(values) >= _FLOATS and all(kind is float for kind, _ in values):
            raise CaptureError(
                f"float() at {last.place} gave {len(values)} different numbers, each of which would be a program of "
                "its own; keep it a tensor, return it, or compute with item(), which stays symbolic until Python looks",
                last.place,
            )

    # -- the rest

    def _uncompiled(self, error: CaptureError, args: Any, kwargs: Any) -> Any:
        """The call without compilation, with one warning a place; under `fullgraph` the error."""
        if self._fullgraph or isinstance(error, BudgetError):
            raise error
        error.__traceback__ = error.__context__ = error.__cause__ = None  # frames that hold what the call held
        if self._refusals.tell(error):
            name = getattr(self._fn, "__qualname__", type(self._fn).__qualname__)
            warnings.warn(f"{name} runs uncompiled: {error}", RuntimeWarning, stacklevel=3)
        return self._fn(*args, **kwargs)

    def _missed(self, reason: str) -> None:
        name = getattr(self._fn, "__qualname__", type(self._fn).__qualname__)
        _log.info("%s: no program fits: %s", name, reason)
        self._misses.append(reason)
        del self._misses[:-_MOST]

    def _keep(self, program: Program | SizedProgram) -> None:
        self._captures += 1
        if program.effects:
            self._assigns = True
            self._streak += 1
        program.guard.when_dead(functools.partial(_drop, weakref.ref(self), weakref.ref(program)))
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
