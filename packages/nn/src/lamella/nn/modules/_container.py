"""Modules that hold modules: in sequence, in a list, by key. Their children's names are the indices or keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from .._module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Indexed(Module):
    """A sequence of modules, named "0", "1", ..."""

    def _values(self) -> list[Any]:
        return list(self._modules.values())

    def _replace(self, modules: list[Module]) -> None:
        for name in list(self._modules):
            delattr(self, name)
        for module in modules:
            self._append(module)

    def _append(self, module: object) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} holds modules, got {type(module).__name__}")
        self.register_module(str(len(self._modules)), module)

    def _at(self, index: int) -> str:
        names = list(self._modules)
        if not isinstance(index, int):
            raise TypeError(f"{type(self).__name__} is indexed by ints and slices, got {type(index).__name__}")
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range for {len(names)} modules")
        return names[index]

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        if not isinstance(index, slice):
            return self._modules[self._at(index)]
        part = type(self)()
        for module in self._values()[index]:
            part._append(module)
        return part

    def __setitem__(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} holds modules, got {type(module).__name__}")
        setattr(self, self._at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self._values()
        del modules[index]
        self._replace(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values())

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns self."""
        self._append(module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns self."""
        for module in list(modules):
            self._append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before position index; returns self."""
        modules = self._values()
        modules.insert(index, module)
        self._replace(modules)
        return self


class Sequential(_Indexed):
    """Each module called on the result of the one before.

    Made of modules, or of one ordered mapping of names to modules.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.register_module(name, module)
            return
        for step in modules:
            self._append(step)

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input


class ModuleList(_Indexed):
    """A list whose modules belong to this one; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)


class ModuleDict(Module):
    """A dict whose modules belong to this one; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise KeyError(f"no module {key!r}; there are {', '.join(self._modules) or 'none'}")
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"ModuleDict holds modules, got {type(module).__name__}")
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._modules))

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterator[str]:
        """The keys in order."""
        return iter(list(self._modules))

    def values(self) -> Iterator[Any]:
        """The modules in order."""
        return iter(list(self._modules.values()))

    def items(self) -> Iterator[tuple[str, Any]]:
        """(key, module) in order."""
        return iter(list(self._modules.items()))

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules by key."""
        for key, module in modules.items() if isinstance(modules, Mapping) else modules:
            self[key] = module

    def pop(self, key: str) -> Any:
        """Take a module out."""
        module = self[key]
        del self[key]
        return module
