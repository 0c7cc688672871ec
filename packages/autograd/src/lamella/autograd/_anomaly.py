"""Anomaly mode: a gradient that is not finite is an error where it appears, and names the line of the forward op.

Values are looked at below all transform levels; a meta tensor and a traced one have none to look at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamella.tensor import Tensor
from lamella.tensor.extend import COMPLEX, FLOAT, LEVEL, TRACED, Mode, describe, from_numpy_dtype, settle_modes, tls

__all__ = [
    "check_gradients", "check_root", "detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
    "set_detect_anomaly",
]  # fmt: skip


def _bad(t: Tensor) -> str | None:
    """What is wrong with the values of a tensor: `nan`, `inf` or nothing."""
    while t._flags & LEVEL:
        data = t._data
        if getattr(data, "tangent", None) is not None and (found := _bad(data.tangent)):
            return found
        t = data.tensor
    array = t._data
    if t._flags & TRACED or type(array) is not np.ndarray:
        return None
    if from_numpy_dtype(array.dtype).category not in (FLOAT, COMPLEX):
        return None
    with np.errstate(all="ignore"):
        if array.dtype.kind == "V":
            array = array.astype(np.float32)
        if np.isfinite(array).all():
            return None
        return "nan" if np.isnan(array).any() else "inf"


def check_gradients(node: Any, grads: Any, wanted: tuple[int, ...]) -> None:
    """RuntimeError for a gradient of a node's operand that is not finite."""
    for i in wanted:
        g = grads[i]
        found = None if g is None else _bad(g)
        if found:
            raise RuntimeError(
                f"the gradient of operand {i} of {node.op_name} holds {found} ({node.name()}); {node.op_name} was "
                f"computed at {describe(node.location)}"
            )


def check_root(t: Tensor) -> None:
    """RuntimeError for a tensor to differentiate whose own value is not finite."""
    found = _bad(t) if tls.anomaly else None
    if found:
        node = t.grad_fn
        made = "a leaf" if node is None else f"the result of {node.op_name}, computed at {describe(node.location)}"
        raise RuntimeError(f"the tensor to differentiate holds {found}; it is {made}")


class set_detect_anomaly(Mode):
    """Turns anomaly mode on or off by a bool: at once when called, until its end as a context manager.

    Ops recorded under it remember their line; a backward under it raises at the first gradient that is not finite,
    unless check_nan is False.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(anomaly=bool(check_nan) if mode else None)
        self._before = tls.anomaly
        self.__enter__()

    def __enter__(self) -> None:
        tls.anomaly = self._values["anomaly"]
        settle_modes()

    def __exit__(self, *exc: object) -> None:
        tls.anomaly = self._before
        settle_modes()


class detect_anomaly(Mode):
    """Context manager: anomaly mode (see `set_detect_anomaly`) for the forward and backward run inside."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(anomaly=bool(check_nan))


def is_anomaly_enabled() -> bool:
    """Whether this thread is in anomaly mode."""
    return tls.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode looks at the values of gradients."""
    return bool(tls.anomaly)
