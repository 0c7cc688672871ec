"""Parameter: a tensor that a module registers by itself, with room for attributes of its own.

It is a handle over the memory it was given, not a copy, and a leaf of autograd. It cannot be made inside a transform
or a capture, whose tensors end with them.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, empty
from lamella.tensor.extend import LEVEL, TRACED, VIEW, cell_of, refresh, wrap

__all__ = ["Buffer", "Parameter", "fresh"]


class Parameter(Tensor):
    """A leaf tensor over the memory of `data`.

    Assigned to an attribute of a Module it becomes one of its parameters.
    """

    # no __slots__: a parameter has a __dict__, for marks such as `p.no_decay = True`

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        """TypeError unless data is a tensor; it must be floating for requires_grad=True."""
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter needs a tensor, got {type(data).__name__}; make one with lamella.tensor.tensor(...)"
            )
        _refuse_borrowed(data)
        if data._flags & VIEW and data._view.version != data._cell.version:  # type: ignore[union-attr]
            refresh(data)
        plain = wrap(data._data)
        plain._cell = cell_of(data)
        p: Parameter = plain._as(cls)
        if requires_grad:
            p.requires_grad_()
        return p

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor over the memory of `data`. Assigned to an attribute of a Module it becomes one of its buffers, part of
    the state if it is persistent.
    """

    # no __slots__: it carries `persistent`

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        """TypeError unless data is a tensor."""
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Buffer needs a tensor, got {type(data).__name__}; make one with lamella.tensor.tensor(...)"
            )
        b: Buffer = data.detach()._as(cls)
        b.persistent = persistent
        return b

    persistent: bool


def fresh(shape: tuple[int, ...], dtype: Any = None, device: Any = None) -> Parameter:
    """A new parameter whose memory nobody else knows: it needs no version cell until somebody watches it."""
    data = empty(shape, dtype=dtype, device=device)
    _refuse_borrowed(data)
    p: Parameter = data._as(Parameter)
    p.requires_grad_()
    return p


def _refuse_borrowed(data: Tensor) -> None:
    if data._flags & (LEVEL | TRACED):
        raise RuntimeError("a parameter or module cannot be made inside a transform or a capture; make it outside")
