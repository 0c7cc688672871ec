"""What `to` is asked for: a dtype, a device, flags, in any order by position or by keyword."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._base import TensorBase
from ._device import as_device
from ._dtype import BY_NAME, DType

__all__ = ["destination"]


def destination(args: tuple[Any, ...], dtype: Any, device: Any) -> tuple[Any, Any, list[bool]]:
    """(dtype, device, flags): None for what is not given, the bools among `args` as flags.

    A tensor stands for its dtype and device. TypeError for what is given twice, ValueError for names of neither.
    """
    flags: list[bool] = []
    for a in args:
        if a is True or a is False:
            flags.append(a)
        elif isinstance(a, TensorBase):
            dtype = _once("dtype", dtype, a.dtype)  # type: ignore[attr-defined]
            device = _once("device", device, a.device)  # type: ignore[attr-defined]
        elif isinstance(a, (DType, type, np.dtype)) or (isinstance(a, str) and a in BY_NAME):
            dtype = _once("dtype", dtype, a)
        else:
            try:
                place = None if a is None else as_device(a)
            except ValueError:
                raise ValueError(
                    f"to({a!r}): neither a dtype nor a device; the devices here are 'cpu' and 'meta'"
                ) from None
            device = _once("device", device, place)
    return dtype, None if device is None else as_device(device), flags


def _once(what: str, given: Any, new: Any) -> Any:
    if given is not None and new is not None:
        raise TypeError(f"to() takes one {what}, got {given!r} and {new!r}")
    return given if new is None else new
