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

    def _replace(self, modules: list[Any]) -> None:
        for name in list(self._modules):
            delattr(self, name)
        for module in modules:
            self._append(module)

    def _append(self, module: object) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} holds modules, got {type(module).__name__}")
        at = len(self._modules)
        while str(at) in self._modules:  # a part of a sequence keeps the names it had there
            at += 1
        self.register_module(str(at), module)

    def _at(self, index: int) -> str:
        names = list(self._modules)
        if not isinstance(index, int):
            raise TypeError(f"{type(self).__name__} is indexed by ints and slices, got {type(index).__name__}")
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range for {len(names)} modules")
        return names[index]

    def _part(self, index: slice) -> Self:
        part = type(self)()
        for module in self._values()[index]:
            part._append(module)
        return part

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._part(index) if isinstance(index, slice) else self._modules[self._at(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} holds modules, got {type(module).__name__}")
        setattr(self, self._at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self._values()
        if not isinstance(index, slice):
            self._at(index)
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

    def pop(self, index: int = -1) -> Any:
        """Take a module out; the names behind it move up."""
        module = self[index]
        del self[index]
        return module

    def _joined(self, other: object) -> Self:
        if not isinstance(other, type(self)) and not isinstance(self, type(other)):
            raise TypeError(f"{type(self).__name__} is joined to another one, got {type(other).__name__}")
        made: Any = type(self)()
        joined: Self = made.extend(self).extend(other)
        return joined

    def __add__(self, other: Any) -> Self:
        return self._joined(other)

    def __iadd__(self, other: Any) -> Self:
        return self.extend(other)


class Sequential(_Indexed):
    """Each module called on the result of the one before.

    Made of modules, or of one ordered mapping of names to modules. A slice of it keeps the names.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.register_module(name, module)
            return
        for step in modules:
            self._append(step)

    def _part(self, index: slice) -> Self:
        return type(self)(dict(list(self._modules.items())[index]))  # type: ignore[arg-type]

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def __mul__(self, times: int) -> Self:
        if not isinstance(times, int) or times < 1:
            raise ValueError(f"a Sequential is repeated a positive number of times, got {times!r}")
        return type(self)(*self._values() * times)

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        repeated = (self * times)._values()
        return self.extend(repeated[len(self) :])


class ModuleList(_Indexed):
    """A list whose modules belong to this one; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __repr__(self) -> str:
        """Neighbours that look the same are shown once."""
        texts = [repr(module) for module in self]
        if not texts:
            return f"{self._get_name()}()"
        lines, start = [], 0
        for end in range(1, len(texts) + 1):
            if end == len(texts) or texts[end] != texts[start]:
                count = end - start
                head = f"({start}): " if count == 1 else f"({start}-{end - 1}): {count} x "
                lines.append("  " + head + texts[start].replace("\n", "\n  "))
                start = end
        return f"{self._get_name()}(\n" + "\n".join(lines) + "\n)"


class ModuleDict(Module):
    """A dict whose modules belong to this one; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

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
        pairs: Any = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        for key, module in pairs:
            self[key] = module

    def pop(self, key: str) -> Any:
        """Take a module out."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for key in list(self._modules):
            del self[key]
