"""Lists and dicts of parameters that belong to a module. A tensor becomes a Parameter; what is no tensor is kept as it
is, and is no state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from lamella.tensor import Tensor

from .._module import Module
from .._parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


def _owned(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _shown(name: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"    ({name}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(map(str, value.shape))
    return f"    ({name}): {kind} containing: [{value.dtype} of size {size}]"


class ParameterList(Module):
    """A list whose tensors are parameters of this module, named "0", "1", ...; it has no forward of its own."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(() if values is None else values)

    def _at(self, index: int) -> str:
        if not isinstance(index, int):
            raise TypeError(f"ParameterList is indexed by ints and slices, got {type(index).__name__}")
        if not -self._size <= index < self._size:
            raise IndexError(f"index {index} is out of range for {self._size} parameters")
        return str(index % self._size)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        return type(self)(list(self)[index]) if isinstance(index, slice) else getattr(self, self._at(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._at(index), _owned(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, str(i)) for i in range(self._size)])

    def append(self, value: Any) -> Self:
        """Add a value at the end; returns self."""
        at = self._size
        self._size += 1
        self[at] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end; returns self."""
        if isinstance(values, Tensor):
            raise TypeError("ParameterList takes a list of tensors, got a Tensor")
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def __repr__(self) -> str:
        lines = [_shown(str(i), value) for i, value in enumerate(self)]
        return f"{self._get_name()}(\n" + "\n".join(lines) + "\n)" if lines else f"{self._get_name()}()"


class ParameterDict(Module):
    """A dict whose tensors are parameters of this module; it has no forward of its own."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(f"no parameter {key!r}; there are {', '.join(self._keys) or 'none'}")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"the key of a ParameterDict must be a str, got {type(key).__name__}")
        if key not in self._keys and hasattr(self, key):
            raise KeyError(f"ParameterDict has an attribute {key!r} already; choose another key")
        self._keys = {**self._keys, key: None}
        setattr(self, key, _owned(value))

    def __delitem__(self, key: str) -> None:
        self[key]
        self._keys = {k: None for k in self._keys if k != key}
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._keys))

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> Iterator[str]:
        """The keys in order."""
        return iter(list(self._keys))

    def values(self) -> Iterator[Any]:
        """The values in order."""
        return iter([self[key] for key in self._keys])

    def items(self) -> Iterator[tuple[str, Any]]:
        """(key, value) in order."""
        return iter([(key, self[key]) for key in self._keys])

    def update(self, parameters: Any) -> None:
        """Add or replace values by key, from a mapping or pairs.

        A mapping that is no OrderedDict or ParameterDict is taken in the order of its keys, as in PyTorch: that is the
        order optimizers number parameters by.
        """
        pairs = parameters.items() if isinstance(parameters, (Mapping, ParameterDict)) else parameters
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = sorted(pairs)
        for key, value in pairs:
            self[key] = value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or default."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is set to default where it is missing."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new ParameterDict with one value for all keys."""
        return ParameterDict([(key, default) for key in keys])

    def copy(self) -> ParameterDict:
        """A new ParameterDict of the same parameters."""
        return ParameterDict(dict(self.items()))

    def pop(self, key: str) -> Any:
        """Take a value out."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last (key, value) out."""
        if not self._keys:
            raise KeyError("the ParameterDict is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Take all values out."""
        for key in list(self._keys):
            del self[key]

    def __or__(self, other: Any) -> ParameterDict:
        new = self.copy()
        new.update(other)
        return new

    def __ror__(self, other: Any) -> ParameterDict:
        new = ParameterDict(other)
        new.update(self)
        return new

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def __repr__(self) -> str:
        lines = [_shown(key, value) for key, value in self.items()]
        return f"{self._get_name()}(\n" + "\n".join(lines) + "\n)" if lines else f"{self._get_name()}()"
