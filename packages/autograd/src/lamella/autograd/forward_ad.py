"""Forward mode with dual tensors in hand, in the calling style of torch.autograd.forward_ad.

`dual_level` opens a level like the transform `jvp` does; `make_dual` makes tensors of it, and ops carry their tangents
along. Outside the level they cannot be used: unpack what is wanted inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from lamella.tensor import Tensor
from lamella.tensor.extend import COMPLEX, FLOAT, Dual, Level, level_of, tls, wrap

from ._transforms import described, opened

__all__ = ["UnpackedDualTensor", "dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """The two parts of a dual tensor; `tangent` is None where nothing that made it had one."""

    primal: Tensor
    tangent: Tensor | None


@contextmanager
def dual_level() -> Iterator[Level]:
    """Context manager: a level of forward mode, in which `make_dual` can be called."""
    if any(level.kind == "jvp" for level in tls.levels):
        raise RuntimeError("dual levels do not nest; use the transform jvp for derivatives of derivatives")
    with opened(Level("jvp")) as level:
        yield level


def _level() -> Level:
    for level in reversed(tls.levels):
        if level.kind == "jvp":
            return level
    raise RuntimeError("dual tensors live in a dual_level(); open one around this call")


def make_dual(tensor: Tensor, tangent: Tensor) -> Tensor:
    """A dual tensor of the open level, from a primal and its tangent; they must have one shape and dtype."""
    level = _level()
    for t in (tensor, tangent):
        if not isinstance(t, Tensor):
            raise TypeError(f"make_dual takes two tensors, got {type(t).__name__}")
    if tensor.dtype.category not in (FLOAT, COMPLEX):
        raise ValueError(f"make_dual needs a floating or complex primal, got {tensor.dtype}")
    if tensor.shape != tangent.shape or tensor.dtype is not tangent.dtype:
        raise ValueError(
            f"make_dual: a tangent must be like its primal, got {described(tensor)} and {described(tangent)}"
        )
    return wrap(Dual(_below(tensor, level), level, _below(tangent, level), False))


def _below(t: Tensor, level: Level) -> Tensor:
    """What a tensor made inside the level holds; RuntimeError for one with a tangent."""
    if level_of(t) is not level:
        return t
    if t._data.tangent is not None:
        raise RuntimeError("make_dual of a tensor that is a dual tensor already; unpack it first")
    below: Tensor = t._data.tensor
    return below


def unpack_dual(tensor: Tensor) -> UnpackedDualTensor:
    """(primal, tangent) of a tensor at the open level."""
    level = _level()
    if not isinstance(tensor, Tensor):
        raise TypeError(f"unpack_dual takes a tensor, got {type(tensor).__name__}")
    tensor.requires_grad  # noqa: B018 - brings a stale view up to date
    if level_of(tensor) is not level:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(tensor._data.tensor, tensor._data.tangent)
