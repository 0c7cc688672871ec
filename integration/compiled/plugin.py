"""A pytest plugin that re-runs a test suite compiled: `pytest -p integration.compiled.plugin packages/nn/tests ...`

The outermost call of a module, of an optimizer's step, of a Function and of a transform goes through `compile`; what
the suite asserts is then asserted of compiled programs. A call that capture refuses runs as it stands and is counted
by its reason; the summary at the end lists them, and with `--compiled-limits` the run fails when a reason is refused
more often than that file of ours says.
"""

from __future__ import annotations

import collections
import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import lamella.autograd as la
import lamella.testing as testing
from lamella import nn, optim
from lamella.compiler import CaptureError, compile
from lamella.tensor import Tensor, tensor
from lamella.tensor.extend import tls

# Tests that ask for what a compiled call promises not to do, or for what this plugin cannot give.
AS_WRITTEN = {
    "test_a_forward_hook_that_is_always_called": "a call that raises while it is captured changes nothing",
    "test_modules_and_parameters_are_freed_without_the_collector": "what was compiled is kept to the end of the test",
    "test_steps_leave_nothing_behind": "what was compiled is kept to the end of the test",
    "test_many_steps_are_flat_without_the_collector": "what was compiled is kept to the end of the test",
}
TRANSFORMS = ("grad", "grad_and_value", "value_and_grad", "vmap", "jacrev", "jacfwd", "hessian")


class Rerun:
    """The patches of one session, and what became of the calls that passed through them."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.captured: collections.Counter[str] = collections.Counter()
        self.refused: dict[str, list[str]] = {}
        self.test = ""
        self._inside = False
        self._kept: dict[tuple[int, str], tuple[Any, Any]] = {}  # what was compiled in this test
        self._patched: list[tuple[Any, str, Any, Any]] = []

    def patch(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute of a class or module for the tests, by what `make` makes of it."""
        old = vars(owner).get(name) or getattr(owner, name)
        self._patched.append((owner, name, old, make(old)))

    @contextmanager
    def installed(self, module: Any) -> Iterator[None]:
        """While one test of a module runs; names that it imported are patched there too."""
        made = {id(old): new for _, _, old, new in self._patched}
        here = [(module, name, v, made[id(v)]) for name, v in vars(module).items() if id(v) in made]
        self._patched += here
        self._set(True)
        try:
            yield
        finally:
            self._set(False)
            del self._patched[len(self._patched) - len(here) :]
            self._kept.clear()

    def _set(self, on: bool) -> None:
        for owner, name, old, new in self._patched:
            setattr(owner, name, new if on else old)

    def call(
        self,
        kind: str,
        owner: Any,
        fn: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        eager: Callable[[], Any],
    ) -> Any:
        """fn(*args, **kwargs), compiled where this is the outermost call and capture takes it; one compiled function
        serves all calls of an `owner`.
        """
        if self._inside or tls.trace is not None or tls.levels:
            return eager()
        self._inside = True
        self._set(False)
        try:
            kept = self._kept.get((id(owner), kind))
            if kept is None:
                kept = self._kept[id(owner), kind] = (owner, compile(fn, backend=self.backend, fullgraph=True))
            try:
                out = kept[1](*args, **kwargs)
                self.captured[kind] += 1
                return out
            except CaptureError as error:
                self.refused.setdefault(_reason(str(error)), []).append(f"{self.test}: {error}")
            return eager()
        finally:
            self._inside = False
            self._set(True)


def _reason(message: str) -> str:
    """A refusal without what is particular to one call: names, numbers and places."""
    message = re.sub(r"/\S+:\d+", "PLACE", message)
    message = re.sub(r"\([^)]*\)|\[[^\]]*\]|'[^']*'|\d+", "_", message)
    return message[:70]


def _method(rerun: Rerun, kind: str) -> Callable[[Any], Any]:
    def make(old: Any) -> Any:
        @functools.wraps(old)
        def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
            fn = self if kind == "module" else functools.partial(old, self)
            return rerun.call(kind, self, fn, args, kwargs, lambda: old(self, *args, **kwargs))

        return patched

    return make


def _transform(rerun: Rerun) -> Callable[[Any], Any]:
    def make(old: Any) -> Any:
        @functools.wraps(old)
        def patched(f: Any, *args: Any, **kwargs: Any) -> Any:
            made = old(f, *args, **kwargs)
            if not callable(made):
                return made  # grad(outputs, inputs), which is no transform

            @functools.wraps(made)
            def called(*args: Any, **kwargs: Any) -> Any:
                return rerun.call("transform", made, made, args, kwargs, lambda: made(*args, **kwargs))

            return called

        return patched

    return make


def _checked(rerun: Rerun) -> Callable[[Any], Any]:
    def make(old: Any) -> Any:
        @functools.wraps(old)
        def patched(f: Any, *args: Any, **kwargs: Any) -> Any:
            def called(*args: Any, **kwargs: Any) -> Any:
                return rerun.call("gradcheck", f, f, args, kwargs, lambda: f(*args, **kwargs))

            return old(called, *args, **kwargs)

        return patched

    return make


def _checked_twice(rerun: Rerun) -> Callable[[Any], Any]:
    """Twice: the compiled function is differentiated again from outside, and compiled together with its backward."""

    def make(old: Any) -> Any:
        @functools.wraps(old)
        def patched(f: Any, inputs: Any, grad_outputs: Any = None, **options: Any) -> Any:
            try:
                old(compile(f, backend=rerun.backend, fullgraph=True), inputs, grad_outputs, **options)
                rerun.captured["gradgradcheck"] += 1
            except RuntimeError as error:  # a CaptureError is one
                if not isinstance(error, CaptureError) and "cannot be differentiated again" not in str(error):
                    raise
                rerun.refused.setdefault(_reason(str(error)), []).append(f"{rerun.test}: {error}")
            leaves = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            at = [i for i, x in enumerate(leaves) if isinstance(x, Tensor) and x.requires_grad]
            outs = _tensors(f(*leaves))
            if grad_outputs is not None or not any(o.requires_grad for o in outs):
                return old(f, inputs, grad_outputs, **options)
            rng = np.random.default_rng(options.pop("seed", 0))
            cotangents = [_like(o, rng).requires_grad_() for o in outs if o.requires_grad]

            def first(*given: Any) -> Any:
                args = [
                    g if i not in at or g.requires_grad else g.detach().requires_grad_() for i, g in enumerate(given)
                ]
                with la.enable_grad():
                    found = [o for o in _tensors(f(*args[: len(leaves)])) if o.requires_grad]
                return la.grad(
                    found, [args[i] for i in at], list(given[len(leaves) :]),
                    create_graph=True, allow_unused=True, materialize_grads=True,
                )  # fmt: skip

            for name in ("check_fwd_over_rev", "check_rev_over_rev"):
                options.pop(name, None)
            return la.gradcheck(first, [*leaves, *cotangents], **options)

        return patched

    return make


def _tensors(out: Any) -> list[Tensor]:
    """The floating and complex results of a function."""
    given = out if isinstance(out, (list, tuple)) else [out]
    return [o for o in given if isinstance(o, Tensor) and (o.is_floating_point() or o.is_complex())]


def _like(t: Tensor, rng: np.random.Generator) -> Tensor:
    values = rng.standard_normal(t.shape)
    return tensor(values + 1j * rng.standard_normal(t.shape) if t.is_complex() else values, dtype=t.dtype)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--compiled-backend and --compiled-every."""
    parser.addoption("--compiled-backend", default="interpreter", help="executor of the compiled calls: c, interpreter")
    parser.addoption("--compiled-every", default=1, type=int, help="run each n-th test only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A sample of the tests, where one is asked for."""
    items[:] = items[:: config.getoption("--compiled-every")]


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the patches."""
    config.addinivalue_line("filterwarnings", "ignore:.*runs uncompiled for this call:RuntimeWarning")
    config.addinivalue_line("filterwarnings", "ignore:.*was captured 32 times:RuntimeWarning")
    rerun = Rerun(config.getoption("--compiled-backend"))
    rerun.patch(nn.Module, "__call__", _method(rerun, "module"))
    for name in optim.__all__:
        cls = getattr(optim, name)
        if isinstance(cls, type) and issubclass(cls, optim.Optimizer) and "step" in vars(cls):
            rerun.patch(cls, "step", _method(rerun, "step"))
    for name in TRANSFORMS:
        rerun.patch(la, name, _transform(rerun))
    rerun.patch(la, "gradcheck", _checked(rerun))
    for owner in (la, testing):
        rerun.patch(owner, "gradgradcheck", _checked_twice(rerun))
    config.pluginmanager.register(_Hooks(rerun), "lamella-compiled-hooks")


class _Hooks:
    def __init__(self, rerun: Rerun) -> None:
        self.rerun = rerun

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.rerun.test = item.nodeid
        if item.originalname in AS_WRITTEN:
            return (yield)
        try:
            with self.rerun.installed(item.module):
                return (yield)
        except RuntimeError as error:
            if "cannot be differentiated again" not in str(error):
                raise
            # only known when somebody tries: the test runs once more, as it stands
            self.rerun.refused.setdefault(_reason(str(error)), []).append(f"{item.nodeid}: {error}")
            item.runtest()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        rerun = self.rerun
        write = terminalreporter.write_line
        terminalreporter.section("compiled")
        write("captured: " + ", ".join(f"{n} x {kind}" for kind, n in rerun.captured.most_common()))
        write(f"refused: {sum(map(len, rerun.refused.values()))}")
        for reason, cases in sorted(rerun.refused.items(), key=lambda item: -len(item[1])):
            write(f"  {len(cases):5} x {reason}")
            for case in list(dict.fromkeys(cases))[:3]:
                write(f"          {case:.400}")
