"""Where a tensor lives: `cpu` (numpy) or `meta` (no memory)."""

from __future__ import annotations

from typing import Any

__all__ = ["CPU", "META", "Device", "as_device"]

_PLACES: dict[str, Device] = {}


class Device:
    """A place for tensors, by its name, `cpu` or `meta`; equal devices are one object. ValueError for other names."""

    __slots__ = ("kind",)

    kind: str

    def __new__(cls, type: str | Device = "cpu", index: int | None = None) -> Device:
        name = type.kind if isinstance(type, Device) else type
        place = _PLACES.get(name) if isinstance(name, str) else None
        if place is None and name == "cpu:0":
            place = _PLACES["cpu"]
        if place is None or index not in (None, 0):
            given = f"{name!r}" if index is None else f"{name!r} with index {index}"
            raise ValueError(f"unknown device {given}; the devices here are 'cpu' and 'meta'")
        return place

    @property
    def type(self) -> str:
        """The kind of device, as torch names it."""
        return self.kind

    @property
    def index(self) -> int | None:
        """None: there is one device of a kind."""
        return None

    def __repr__(self) -> str:
        return f"device({self.kind!r})"

    def __str__(self) -> str:
        return self.kind

    def __eq__(self, other: object) -> bool:
        return other is self or other == self.kind

    def __hash__(self) -> int:
        return hash(self.kind)

    def __reduce__(self) -> tuple[Any, ...]:
        return (as_device, (self.kind,))


def _place(kind: str) -> Device:
    made = object.__new__(Device)
    made.kind = kind
    _PLACES[kind] = made
    return made


CPU = _place("cpu")
META = _place("meta")


def as_device(device: Any) -> Device:
    """A Device, its name, or None for the CPU; ValueError naming the devices there are."""
    return CPU if device is None or device is CPU else Device(device)
