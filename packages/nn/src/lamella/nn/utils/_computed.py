"""Attributes of a module that are computed when they are read, from parameters that stand elsewhere in it.

The module gets a class derived from its own, and the rule of each attribute stands in the instance (`_computed`), so
that copies and pickles carry it. Python asks `__getattr__` only for what is not in the instance: other attributes are
as quick as before.
"""

from __future__ import annotations

import types
from typing import Any, Protocol

from .._module import Module

__all__ = ["Rule", "compute", "plain_class", "restore"]


class Rule(Protocol):
    """How one attribute is read and written."""

    def read(self, module: Any, name: str) -> Any:
        """The value now."""

    def write(self, module: Any, name: str, value: Any) -> None:
        """What `module.name = value` does."""


class _Computing:
    """Stands before the module's own class."""

    _computed: dict[str, Rule]
    _plain_class: type[Any]

    def __getattr__(self, name: str) -> Any:
        rule = self.__dict__["_computed"].get(name) if "_computed" in self.__dict__ else None
        return super().__getattr__(name) if rule is None else rule.read(self, name)  # type: ignore[misc]

    def __setattr__(self, name: str, value: Any) -> None:
        rule = self.__dict__["_computed"].get(name) if "_computed" in self.__dict__ else None
        if rule is None:
            super().__setattr__(name, value)
        else:
            rule.write(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__["_computed"]:
            raise AttributeError(f"{name} of {type(self).__name__} is computed; remove what computes it instead")
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.__dict__["_computed"]]

    def _get_name(self) -> str:
        # what repr shows: the older norms leave the name as it is
        return ("Parametrized" if "parametrizations" in self.__dict__ else "") + self._plain_class.__name__

    def __reduce__(self) -> Any:
        return _fresh, (self._plain_class,), self.__dict__


def _class_over(plain: type[Any]) -> type[Any]:
    def fill(names: dict[str, Any]) -> None:
        names.update(__module__=plain.__module__, __doc__=plain.__doc__, _plain_class=plain)

    return types.new_class(f"Parametrized{plain.__name__}", (_Computing, plain), exec_body=fill)


def _fresh(plain: type[Any]) -> Any:
    return object.__new__(_class_over(plain))


def plain_class(module: Module) -> type[Any]:
    """The class of the module before any of its attributes was computed."""
    found: type[Any] = getattr(type(module), "_plain_class", type(module))
    return found


def compute(module: Module, name: str, rule: Rule) -> None:
    """From here on module.name is what the rule says; the module must not have such an attribute."""
    if hasattr(type(module), name):
        raise KeyError(f"{name!r} is an attribute of the class {type(module).__name__} and cannot be computed")
    if not isinstance(module, _Computing):
        object.__setattr__(module, "_computed", {})
        object.__setattr__(module, "__class__", _class_over(type(module)))
    module._computed = {**module._computed, name: rule}


def restore(module: Module, name: str) -> None:
    """module.name is an ordinary attribute again, which is not there yet."""
    left = {key: rule for key, rule in module._computed.items() if key != name}
    module._computed = left
    if not left:
        object.__delattr__(module, "_computed")
        object.__setattr__(module, "__class__", plain_class(module))
