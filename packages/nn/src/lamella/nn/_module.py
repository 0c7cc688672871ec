"""Module: named parameters, buffers and submodules, and a call.

What a part is stands in one of three ordered registries (name -> value); it lies in the instance's `__dict__` as
well, so that reading it costs no more than any attribute. Every change passes through `__setattr__`, `__delattr__` or
a register function, which keep the two alike and stamp `_epoch` (see `_epoch.py`); the registries are for reading
only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from lamella.tensor import Tensor, bfloat16, float16, float32, float64
from lamella.tensor import device as as_device
from lamella.tensor.extend import FLOAT, DType, as_dtype

from ._epoch import EPOCH, same, tick
from ._hooks import HookHandle, add_hook
from ._parameter import Parameter
from ._state import LoadResult, load_into, state_of

__all__ = ["EPOCH", "Module"]

_REGISTRIES = ("_parameters", "_buffers", "_modules")
_ABSENT = object()


class Module:
    """Base of every layer and network: subclass it, call `super().__init__()`, assign parts as attributes, write
    `forward`.
    """

    training: bool
    _epoch: int
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _transient: frozenset[str]  # buffers that are not part of the state
    _forward_pre_hooks: dict[int, tuple[Callable[..., Any], bool]]
    _forward_hooks: dict[int, tuple[Callable[..., Any], bool]]

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _transient=frozenset(),
            _forward_pre_hooks={},
            _forward_hooks={},
            _epoch=tick(),
        )

    # -- the call

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(), which calling a module runs")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._forward_pre_hooks or self._forward_hooks:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            if with_kwargs:
                new = hook(self, args, kwargs)
                if new is not None:
                    if not isinstance(new, tuple) or len(new) != 2:
                        raise TypeError(
                            f"a forward pre-hook with kwargs must return None or (args, kwargs), got {new!r:.80}"
                        )
                    args, kwargs = new
            else:
                new = hook(self, args)
                if new is not None:
                    args = new if isinstance(new, tuple) else (new,)
        result = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            new = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if new is not None:
                result = new
        return result

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call hook(module, args[, kwargs]) before forward; what it returns, if anything, replaces the arguments."""
        return add_hook(self, self._forward_pre_hooks, hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call hook(module, args[, kwargs], result) after forward.

        What it returns, if anything, replaces the result.
        """
        return add_hook(self, self._forward_hooks, hook, prepend, with_kwargs)

    # -- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        d = self.__dict__
        parameters = d.get("_parameters")
        if isinstance(value, Parameter):
            self._place(self._parameters, name, value)
            return
        if isinstance(value, Module):
            self._place(self._modules, name, value)
            return
        if parameters is not None:
            if value is not None:
                if name in parameters:
                    raise TypeError(
                        f"{name} of {type(self).__name__} is a parameter and cannot become a {type(value).__name__}; "
                        f"assign a Parameter, write into it under no_grad(), or delete it first"
                    )
                if name in self._modules:
                    raise TypeError(
                        f"{name} of {type(self).__name__} is a submodule and cannot become a "
                        f"{type(value).__name__}; delete it first"
                    )
                if name in self._buffers and not isinstance(value, Tensor):
                    raise TypeError(
                        f"{name} of {type(self).__name__} is a buffer and cannot become a {type(value).__name__}; "
                        "delete it first"
                    )
            if same(d.get(name, _ABSENT), value):
                return
            for registry in _REGISTRIES:
                if name in d[registry]:
                    d[registry][name] = value
        object.__setattr__(self, name, value)
        d["_epoch"] = tick()

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        for registry in _REGISTRIES:
            self.__dict__[registry].pop(name, None)
        self.__dict__["_epoch"] = tick()

    def __getattr__(self, name: str) -> Any:
        # only what is not there comes here
        if name in _REGISTRIES or name == "_forward_pre_hooks":
            raise AttributeError(f"{type(self).__name__}.__init__ must call super().__init__() before anything else")
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def _place(self, registry: dict[str, Any], name: str, value: Any) -> None:
        d = self.__dict__
        if registry.get(name, _ABSENT) is value:
            return
        for other in _REGISTRIES:
            if d[other] is not registry:
                d[other].pop(name, None)
        registry[name] = d[name] = value
        d["_epoch"] = tick()

    def _register(self, registry: dict[str, Any], name: str, value: Any, kind: type[Any], what: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a {what} must be a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"the name of a {what} must be non-empty and without dots, got {name!r}")
        if name not in registry and hasattr(self, name):
            raise KeyError(
                f"{type(self).__name__} has an attribute {name!r} already; choose another name for the {what}"
            )
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name!r} must be a {kind.__name__} or None to be a {what}, got {type(value).__name__}")
        self._place(registry, name, value)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter by name; None reserves the name for one that is absent."""
        self._register(self._parameters, name, param, Parameter, "parameter")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter; unless persistent, it stays out of state_dict()."""
        self._register(self._buffers, name, tensor, Tensor, "buffer")
        self._transient = self._transient - {name} if persistent else self._transient | {name}

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a submodule by name; None reserves the name for one that is absent."""
        self._register(self._modules, name, module, Module, "submodule")

    add_module = register_module

    # -- walking

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module, named by the prefix, and of all below, each once unless told
        otherwise.
        """
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if remove_duplicate:
                if id(module) in seen:
                    continue
                seen.add(id(module))
            yield name, module
            lead = f"{name}." if name else ""
            stack.extend([(lead + key, child) for key, child in reversed(module._modules.items()) if child is not None])

    def modules(self) -> Iterator[Module]:
        """This module and all below, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct submodules, each once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct submodules, each once."""
        return (module for _, module in self.named_children())

    def _named_members(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            lead = f"{path}." if path else ""
            for name, value in module.__dict__[registry].items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield lead + name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter), tied ones once unless told otherwise."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once; an optimizer takes them."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer), each once unless told otherwise."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The submodule at a dotted name, itself for ''; AttributeError naming the first part that is missing."""
        module = self
        for part in target.split(".") if target else ():
            child = module._modules.get(part)
            if child is None:
                raise AttributeError(f"{type(module).__name__} has no submodule {part!r} (of {target!r})")
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted name."""
        return self._get(target, "_parameters", "parameter")  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted name."""
        return self._get(target, "_buffers", "buffer")  # type: ignore[no-any-return]

    def _get(self, target: str, registry: str, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = module.__dict__[registry].get(name)
        if found is None:
            raise AttributeError(f"{type(module).__name__} has no {what} {name!r} (of {target!r})")
        return found

    # -- state

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name, as tensors over the same memory (themselves with
        keep_vars).
        """
        return state_of(self, prefix, keep_vars)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> LoadResult:
        """Copy a state in, or put its own tensors in place with assign.

        RuntimeError lists all that does not fit, and nothing changes.
        """
        return load_into(self, state_dict, strict, assign)

    # -- all at once

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call fn on every module below, children first, then on this one; returns self."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below to training behaviour (dropout, batch statistics) or back; returns self."""
        if not isinstance(mode, bool):
            raise TypeError(f"train() takes True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let autograd follow every parameter, or none; returns self."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or overwrite them with zeros."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad = p.grad.detach().zero_()

    def _convert(self, fn: Callable[[Tensor], Tensor]) -> Self:
        # parameters keep their identity (an optimizer holds them), buffers are replaced
        converted: dict[int, bool] = {}
        for module in self.modules():
            changed = False
            for p in module._parameters.values():
                if p is not None:
                    if id(p) not in converted:
                        converted[id(p)] = _converted(p, fn)
                    changed = changed or converted[id(p)]
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = module.__dict__[name] = new = fn(buffer)
                    changed = changed or new is not buffer
            if changed:
                module.__dict__["_epoch"] = tick()
        return self

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Self:
        """Move to a device and convert floating parameters and buffers to a floating dtype, in place; returns self."""
        for a in args:
            if isinstance(a, Tensor):
                dtype, device = a.dtype, a.device
            elif isinstance(a, DType):
                dtype = a
            else:
                device = a
        if device is not None:
            device = as_device(device)
        kind = None if dtype is None else as_dtype(dtype)
        if kind is not None and kind.category < FLOAT:
            raise TypeError(f"a module can be converted to a floating dtype only, got {kind}")

        def convert(t: Tensor) -> Tensor:
            return t.to(dtype=kind if t.dtype.category >= FLOAT else None, device=device)

        return self._convert(convert)

    def float(self) -> Self:
        """to(float32)."""
        return self.to(float32)

    def double(self) -> Self:
        """to(float64)."""
        return self.to(float64)

    def half(self) -> Self:
        """to(float16)."""
        return self.to(float16)

    def bfloat16(self) -> Self:
        """to(bfloat16)."""
        return self.to(bfloat16)

    # -- copying, printing

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in (*_REGISTRIES, "_forward_pre_hooks", "_forward_hooks"):
            self.__dict__[name] = dict(state[name])  # a shallow copy has registries of its own
        self.__dict__["_epoch"] = tick()

    def extra_repr(self) -> str:
        """What stands between the parentheses of repr, beside the submodules."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if not children:
            return f"{type(self).__name__}({extra})"
        lines = [*([extra] if extra else []), *children]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


def _converted(p: Parameter, fn: Callable[[Tensor], Tensor]) -> bool:
    old = p.detach()
    new = fn(old)
    if new is old:
        return False
    grad = p.grad
    p.data = new
    if grad is not None:
        p.grad = fn(grad)
    return True
