"""Where a tensor lives: `cpu` (numpy) or `meta` (no memory)."""

from __future__ import annotations

from typing import Any

__all__ = ["Device", "as_device"]


class Device:
    """A place for tensors; equal devices are one object."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @property
    def type(self) -> str:
        """The kind of device, as torch names it."""
        return self.kind

    def __repr__(self) -> str:
        return f"device({self.kind!r})"

    def __str__(self) -> str:
        return self.kind

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Device) and other.kind == self.kind) or other == self.kind

    def __hash__(self) -> int:
        return hash(self.kind)


CPU = Device("cpu")
META = Device("meta")


def as_device(device: Any) -> Device:
    """A Device, its name, or None for the CPU; ValueError naming the devices there are."""
    if device is None:
        return CPU
    name = device.kind if isinstance(device, Device) else device
    if name == "cpu":
        return CPU
    if name == "meta":
        return META
    raise ValueError(f"unknown device {device!r}; the devices here are 'cpu' and 'meta'")
