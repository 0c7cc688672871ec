"""Custom ops: functions of the user's own that stay one op everywhere.

A custom op is never looked into. It has a shape rule, so that it stands as one node in graphs and runs as one step of
compiled code; a gradient and a batching rule where the user gives them. It must be a pure function: the same inputs
give the same outputs, which are new memory.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.tensor import Tensor
from lamella.tensor.extend import MetaArray, MissingRule, Mode, Op, SymScalar, dispatch, register_rules, wrap

from ._function import Function

__all__ = ["CustomOp", "custom_op"]

_NAME = re.compile(r"[a-z_][a-z0-9_]*::[a-z_][a-z0-9_]*")
_PLAIN: dict[str, Any] = {
    "trace": None, "levels": (), "floor": None, "grad": False, "inference": False, "autocast": None, "anomaly": None,
    "saving": (),
}  # fmt: skip


class CustomOp:
    """What `custom_op` returns: call it like the function. The rules are given by decorators, each once."""

    def __init__(self, name: str, fn: Callable[..., Any], outputs: int) -> None:
        self._fn = fn
        self._name = name
        self._fake: Callable[..., Any] | None = None
        self._backward: Callable[..., Any] | None = None
        self._setup: Callable[..., Any] | None = None
        self._vmap: Callable[..., Any] | None = None
        self._signature = inspect.signature(fn)
        operands, params = _parted(name, self._signature)
        self._keywords = params
        package, _, short = name.partition("::")
        signature = f"{', '.join(operands)}; {', '.join(params)}"
        self._op = Op(f"{package}.{short}", signature, "opaque", outputs=outputs, package=package)
        self._known: dict[Any, list[tuple[tuple[int, ...], Any]]] = {}  # what the shape rule said of real arrays
        register_rules("numpy", {self._op.name: self._kernel})
        register_rules("shape", {self._op.name: self._shape})
        register_rules("cost", {self._op.name: self._cost})
        self._function = _function_of(self)

    def __repr__(self) -> str:
        return f"<custom op {self._name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The op on tensors; keyword-only arguments are part of the graph."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, a in zip(self._op.operands, bound.args, strict=True):
            if not isinstance(a, Tensor) and a is not None:
                raise TypeError(
                    f"{self._name}: {name} must be a tensor, got {type(a).__name__}; what is no tensor is a "
                    "keyword-only argument of a custom op"
                )
        params = {k: v.trace.force(v) if isinstance(v, SymScalar) else v for k, v in bound.kwargs.items()}
        return self._function.apply(*bound.args, params)

    @property
    def user_functions(self) -> tuple[Any, ...]:
        """The rules, which a capture runs: what they read is part of its guard. The function itself it never runs."""
        return (self._fake, self._setup, self._backward, self._vmap)

    # -- rules

    def register_fake(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The shape rule: called with meta tensors like the inputs, it returns empty ones like the outputs."""
        self._fake = _once(self._name, "fake", self._fake, fn)
        return fn

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """The gradient: backward(ctx, *cotangents) gives one gradient, or None, for each tensor of the op.

        setup_context(ctx, inputs, output), with keyword-only arguments (ctx, inputs, keyword_only_inputs, output),
        saves what backward needs.
        """
        self._backward = _once(self._name, "gradient", self._backward, backward)
        self._setup = setup_context

    def register_vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The batching rule: fn(info, in_dims, *tensors, **keywords) -> (output, out_dims)."""
        self._vmap = _once(self._name, "batching rule", self._vmap, fn)
        return fn

    # -- what the op calls

    def _kernel(self, *arrays: Any, **params: Any) -> Any:
        with Mode(**_PLAIN):
            out = self._fn(*[None if a is None else wrap(a) for a in arrays], **params)
        made = self._results(out)
        key = (tuple([None if a is None else (a.shape, a.dtype) for a in arrays]), *params.items())
        wanted = self._known.get(key)
        if wanted is None:
            like = [None if a is None else MetaArray(a.shape, a.dtype) for a in arrays]
            wanted = [(m.shape, m.dtype) for m in self._metas(like, params)]
            if len(self._known) < 256:
                self._known[key] = wanted
        for i, (t, (shape, dtype)) in enumerate(zip(made, wanted, strict=True)):
            data = t._data
            if data.shape != tuple(shape) or data.dtype != dtype:
                raise RuntimeError(
                    f"{self._name}: output {i} is {data.dtype}{list(data.shape)}, and its shape rule says "
                    f"{dtype}{list(shape)}"
                )
            if any(a is not None and np.may_share_memory(data, a) for a in arrays):
                raise RuntimeError(
                    f"{self._name}: output {i} shares memory with an input; return new memory (clone it)"
                )
        return made[0]._data if self._op.outputs == 1 else tuple([t._data for t in made])

    def _shape(self, *metas: Any, **params: Any) -> Any:
        made = self._metas(list(metas), params)
        return made[0] if self._op.outputs == 1 else tuple(made)

    def _cost(self, *metas: Any, **params: Any) -> tuple[int, int]:
        """(operations, bytes): what it computes nobody knows, what it reads and writes is its operands and outputs."""
        every = [*[m for m in metas if m is not None], *self._metas(list(metas), params)]
        return 0, sum(math.prod(m.shape) * m.dtype.itemsize for m in every)

    def _metas(self, metas: list[Any], params: dict[str, Any]) -> list[Any]:
        if self._fake is None:
            raise MissingRule(f"{self._name} has no shape rule; give it one with register_fake")
        with Mode(**_PLAIN):
            out = self._fake(*[None if m is None else wrap(MetaArray(m.shape, m.dtype)) for m in metas], **params)
        return [MetaArray(t._data.shape, t._data.dtype) for t in self._results(out)]

    def _results(self, out: Any) -> list[Any]:
        made = list(out) if isinstance(out, (tuple, list)) else [out]
        if len(made) != self._op.outputs or not all(isinstance(t, Tensor) for t in made):
            raise TypeError(
                f"{self._name} must return {self._op.outputs} tensor(s), got {type(out).__name__}; say outputs=N where "
                "the op is made"
            )
        return made


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, outputs: int = 1, mutates_args: tuple[str, ...] = ()
) -> Any:
    """An op of your own, from a function of tensors: one node in every graph, one step of compiled code.

    `name` is "package::name". Positional arguments are tensors (None where that is the default), keyword-only ones are
    part of the graph. The function must be pure and return new memory; it runs outside every trace and transform.
    Usable as a decorator. ValueError for a name that is taken, and for an op that says it writes its arguments.
    """
    if mutates_args:
        raise ValueError(f"{name}: a custom op cannot write its arguments ({mutates_args!r}); return new tensors")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"a custom op is named 'package::name' in small letters, got {name!r}")
    if not isinstance(outputs, int) or outputs < 1:
        raise ValueError(f"{name}: outputs must be a positive int, got {outputs!r}")
    if fn is None:
        return lambda fn: CustomOp(name, fn, outputs)
    return CustomOp(name, fn, outputs)


def _parted(name: str, signature: inspect.Signature) -> tuple[list[str], list[str]]:
    """Names of the tensors (with ? where they may be None) and of the keyword-only arguments."""
    operands: list[str] = []
    params: list[str] = []
    for p in signature.parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise ValueError(f"{name}: a custom op has a fixed number of arguments, not *{p.name}")
        if p.kind is p.KEYWORD_ONLY:
            params.append(p.name)
        else:
            operands.append(p.name + "?" * (p.default is None))
    if not operands:
        raise ValueError(f"{name}: a custom op needs a tensor among its positional arguments")
    return operands, params


def _once(name: str, what: str, old: Any, new: Any) -> Any:
    if old is not None:
        raise ValueError(f"{name} has a {what} already")
    if not callable(new):
        raise TypeError(f"the {what} of {name} must be a function, got {type(new).__name__}")
    return new


def _function_of(custom: CustomOp) -> type[Function]:
    """The Function that carries the op's gradient and batching rule; its last argument is the keywords."""
    name = custom._name

    def forward(*args: Any) -> Any:
        *tensors, params = args
        return dispatch(custom._op, tuple(tensors), params)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        if custom._setup is None:
            return
        *tensors, params = inputs
        if custom._keywords:
            custom._setup(ctx, tuple(tensors), params, output)
        else:
            custom._setup(ctx, tuple(tensors), output)

    def backward(ctx: Any, *cotangents: Any) -> Any:
        if custom._backward is None:
            raise MissingRule(f"{name} has no gradient; give it one with register_autograd")
        grads = custom._backward(ctx, *cotangents)
        grads = grads if isinstance(grads, tuple) else (grads,)
        if len(grads) != len(custom._op.operands):
            raise RuntimeError(
                f"the backward of {name} must return {len(custom._op.operands)} gradients, one a tensor of the op, got "
                f"{len(grads)}"
            )
        return (*grads, None)

    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        if custom._vmap is None:
            raise MissingRule(f"{name} has no rule for vmap; give it one with register_vmap")
        *tensors, params = args
        return custom._vmap(info, in_dims[:-1], *tensors, **params)

    rules = {"forward": forward, "setup_context": setup_context, "backward": backward, "vmap": vmap}
    return type(custom._op.name, (Function,), {key: staticmethod(value) for key, value in rules.items()})
