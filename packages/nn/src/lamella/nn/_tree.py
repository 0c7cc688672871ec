"""Tree: parameters, buffers and submodules by name, how they are registered, and walks over them.

What a part is stands in one of three ordered registries (name -> value); it lies in the instance's `__dict__` as
well, so that reading it costs no more than any attribute. Every change passes through `__setattr__`, `__delattr__` or
a register function, which keep the two alike and stamp `_epoch` (see `_epoch.py`); the registries are for reading
only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lamella.tensor import Tensor

from ._epoch import same, stamp
from ._parameter import Buffer, Parameter

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["REGISTRIES", "Tree"]

REGISTRIES = ("_parameters", "_buffers", "_modules")
_ABSENT = object()


class Tree:
    """The part of Module that knows what belongs to it."""

    _epoch: int
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _transient: frozenset[str]  # buffers that are not part of the state

    # -- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        d = self.__dict__
        if isinstance(value, Parameter):
            self._place(self._parameters, name, value)
            return
        if isinstance(value, Tree):
            self._place(self._modules, name, value)
            return
        if "_parameters" in d:
            if type(value) is Buffer and name not in d["_buffers"]:
                d.pop(name, None)
                self.register_buffer(name, value, value.persistent)
                return
            if value is not None:
                self._check_replacement(name, value)
            if same(d.get(name, _ABSENT), value):
                return
            for registry in REGISTRIES:
                if name in d[registry]:
                    d[registry][name] = value
        object.__setattr__(self, name, value)
        stamp(d)

    def _check_replacement(self, name: str, value: Any) -> None:
        compiled = value.original if hasattr(type(value), "original") else None
        if isinstance(compiled, Tree) and all(m is not compiled for m in self.modules()):
            raise TypeError(
                f"{name} of {type(self).__name__} is given a compiled module, whose parts would not be found; assign "
                "the module itself, and call its compile()"
            )
        owner, given = type(self).__name__, type(value).__name__
        if name in self._parameters:
            raise TypeError(
                f"{name} of {owner} is a parameter and cannot become a {given}; "
                f"assign a Parameter, write into it under no_grad(), or delete it first"
            )
        if name in self._modules:
            raise TypeError(f"{name} of {owner} is a submodule and cannot become a {given}; delete it first")
        if name in self._buffers and not isinstance(value, Tensor):
            raise TypeError(f"{name} of {owner} is a buffer and cannot become a {given}; delete it first")

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        for registry in REGISTRIES:
            self.__dict__[registry].pop(name, None)
        stamp(self.__dict__)

    def __getattr__(self, name: str) -> Any:
        # only what is not there comes here
        if name in REGISTRIES:
            raise AttributeError(f"{type(self).__name__}.__init__ must call super().__init__() before anything else")
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        # the children of a list are named by their index, which is no attribute one can write
        return [name for name in object.__dir__(self) if not name[0].isdigit()]

    def _place(self, registry: dict[str, Any], name: str, value: Any) -> None:
        d = self.__dict__
        if registry.get(name, _ABSENT) is value:
            return
        for other in REGISTRIES:
            if d[other] is not registry:
                d[other].pop(name, None)
        registry[name] = d[name] = value
        stamp(d)

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
            wanted = "Module" if kind is Tree else kind.__name__
            raise TypeError(f"{name!r} must be a {wanted} or None to be a {what}, got {type(value).__name__}")
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
        self._register(self._modules, name, module, Tree, "submodule")

    def add_module(self, name: str, module: Module | None) -> None:
        """Same as register_module."""
        self.register_module(name, module)

    # -- walking

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module, named by the prefix, and of all below, each once unless told
        otherwise; those in `memo` are left out, and the ones given are added to it.
        """
        seen: set[Any] = set() if memo is None else memo
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if remove_duplicate:
                if module in seen:
                    continue
                seen.add(module)
            yield name, module
            lead = f"{name}." if name else ""
            stack.extend([(lead + key, child) for key, child in reversed(module._modules.items()) if child is not None])

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below, each once unless told otherwise."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

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
        walked: Any = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        )
        for path, module in walked:
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

    # -- by name

    def get_submodule(self, target: str) -> Module:
        """The submodule at a dotted name, itself for ''; AttributeError naming the first part that is missing."""
        module: Any = self
        for part in target.split(".") if target else ():
            child = module._modules.get(part)
            if child is None:
                raise AttributeError(f"{type(module).__name__} has no submodule {part!r} (of {target!r})")
            module = child
        return module  # type: ignore[no-any-return]

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted name, whose parents must be there; with strict, also what it replaces."""
        if not target:
            raise ValueError("set_submodule cannot replace the module itself: the name is empty")
        if not isinstance(module, Tree):
            raise TypeError(f"set_submodule needs a Module, got {type(module).__name__}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and name not in parent._modules:
            raise AttributeError(f"{type(parent).__name__} has no submodule {name!r} to replace (of {target!r})")
        parent.register_module(name, module)

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
