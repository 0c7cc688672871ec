"""Parameter groups: the numbers of an optimizer, which a captured step reads as inputs.

A group is a Numbers dict: whatever int or float stands in it may change between two runs of one compiled program. So
a step reads them and passes them on, and does not ask for their values. `betas` is a view of two such numbers.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import Numbers, tls

__all__ = ["Group", "number", "switch"]


class Group(Numbers):
    """One parameter group: "params" and the settings of the optimizer by name."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if key == "betas" and "beta1" in self:
            return (super().__getitem__("beta1"), super().__getitem__("beta2"))
        return super().__getitem__(key)

    def read(self, *keys: str) -> list[Any]:
        """Several settings at once: numbers, or symbolic scalars in a captured step."""
        get = dict.__getitem__ if tls.trace is None else Numbers.__getitem__
        return [get(self, key) for key in keys]

    def __setitem__(self, key: Any, value: Any) -> None:
        if key == "betas":
            self["beta1"], self["beta2"] = value
        else:
            super().__setitem__(key, value)


def number(owner: str, name: str, value: Any, low: float = 0.0, below: float = float("inf")) -> None:
    """Raise unless value is a Python number, low <= value < below."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}")
    if not low <= value < below:
        limits = f"at least {low:g}" if below == float("inf") else f"in [{low:g}, {below:g})"
        raise ValueError(f"{owner}: {name} must be {limits}, got {value!r}")


def switch(owner: str, name: str, value: Any) -> None:
    """Raise unless value is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{owner}: {name} must be True or False, got {value!r}")
