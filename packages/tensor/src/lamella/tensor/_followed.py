"""What a tensor says about autograd, and asks of it: the members of Tensor that `lamella.autograd` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ._base import TensorBase, cell_of, set_edge
from ._dispatch import dispatch
from ._dtype import COMPLEX, FLOAT, from_numpy_dtype
from ._engine import autograd
from ._op import OPS
from ._state import GRAD, INFERENCE, LEVEL, METADATA, TRACED, VIEW, tls
from ._views import refresh

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Followed"]


class Followed(TensorBase):
    """The members of a tensor that have to do with gradients."""

    __slots__ = ()

    def _edge_now(self) -> Any:
        """The edge, brought up to date where this is a view of memory that was written."""
        if self._flags & VIEW and self._view.version != self._cell.version:  # type: ignore[union-attr]
            refresh(self)
        return self._edge

    @property
    def requires_grad(self) -> Any:
        """Whether autograd follows this tensor; assign to change it on a leaf."""
        if self._flags & VIEW and self._view.version != self._cell.version:  # type: ignore[union-attr]
            refresh(self)
        return self._flags & GRAD != 0

    @requires_grad.setter
    def requires_grad(self, value: Any) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, value: Any = True) -> Tensor:
        """Make this a leaf that collects `.grad`, or stop collecting; TypeError unless floating or complex."""
        me = cast("Tensor", self)
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"requires_grad must be True or False, got {value!r}")
        if value:
            dtype = from_numpy_dtype(self._data.dtype)
            if dtype.category not in (FLOAT, COMPLEX):
                raise TypeError(f"only floating and complex tensors can require grad, this one is {dtype}")
            if self._flags & INFERENCE and not tls.inference:
                raise RuntimeError(
                    "a tensor made under inference_mode cannot require grad outside it; take a clone(), "
                    "or make it under no_grad"
                )
            if self._edge is None:
                METADATA[0] += 1
                set_edge(self, autograd().make_leaf(self))
        elif self._edge is not None:
            if not self.is_leaf:
                raise RuntimeError("requires_grad can be switched off on leaf tensors only; use .detach() on a result")
            METADATA[0] += 1
            set_edge(self, None)
        return me

    @property
    def is_leaf(self) -> Any:
        """Whether no op made it, or none that autograd follows."""
        edge = self._edge_now()
        return edge is None or autograd().is_leaf_edge(edge)

    @property
    def grad_fn(self) -> Any:
        """The node that made it, or None for a leaf."""
        edge = self._edge_now()
        return None if edge is None or autograd().is_leaf_edge(edge) else autograd().node_of(edge)

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` it is; 0 for a leaf."""
        edge = self._edge_now()
        return 0 if edge is None else int(autograd().index_of(edge))

    def is_inference(self) -> bool:
        """Whether it was made under inference_mode, so that it can have no part in a backward."""
        return bool(self._flags & INFERENCE)

    @property
    def _version(self) -> int:
        """How often its memory was written since somebody began to watch; RuntimeError for an inference tensor."""
        if self._flags & INFERENCE:
            raise RuntimeError("a tensor made under inference_mode counts no versions")
        return cell_of(self).version

    @property
    def grad(self) -> Tensor | None:
        """What backward() collected: on a leaf that requires grad, or on a result after retain_grad()."""
        edge = self._edge if not self._flags & VIEW else self._edge_now()
        return None if edge is None else cast("Tensor | None", autograd().get_grad(edge))

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if self._edge is None or not (self.is_leaf or self.retains_grad):
            if value is None:
                return
            raise RuntimeError("only a leaf that requires grad, or a result after retain_grad(), can hold .grad")
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(f".grad must be a tensor or None, got {type(value).__name__}")
            mine, given = self._data, value._data
            if tuple(mine.shape) != tuple(given.shape) or mine.dtype != given.dtype:
                raise ValueError(
                    f".grad must be {from_numpy_dtype(mine.dtype)}{list(mine.shape)}, "
                    f"got {from_numpy_dtype(given.dtype)}{list(given.shape)}"
                )
            if value is self:
                raise RuntimeError("a tensor cannot be its own .grad")
        autograd().set_grad(self._edge, value)

    def retain_grad(self) -> None:
        """Let backward() collect `.grad` on this result of an op too; RuntimeError unless it requires grad."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad() needs a tensor that requires grad")
        autograd().retain_grad(self._edge)

    @property
    def retains_grad(self) -> bool:
        """Whether retain_grad() was asked of this result; False for a leaf, which collects `.grad` anyway."""
        edge = self._edge_now()
        return edge is not None and bool(autograd().retains_grad(edge))

    @property
    def data(self) -> Tensor:
        """The same memory without autograd; assigning replaces the memory."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if self._flags & (LEVEL | VIEW) or value._flags & (LEVEL | TRACED) or tls.trace is not None:
            raise RuntimeError(
                ".data can be assigned on plain tensors outside transforms and captures; use copy_ under no_grad()"
            )
        mine, given = self._data, value._data
        if self._edge is not None and (tuple(mine.shape), mine.dtype) != (tuple(given.shape), given.dtype):
            set_edge(self, autograd().make_leaf(value))
        METADATA[0] += 1
        self._data = given
        # a leaf over that memory, also where value is a view of something
        self._flags = (self._flags & GRAD) | (value._flags & ~(GRAD | VIEW))
        self._cell = cell_of(value)

    def detach(self) -> Tensor:
        """The same memory, not followed by autograd."""
        return cast("Tensor", dispatch(OPS["detach"], (self,)))

    def detach_(self) -> Tensor:
        """Cut this tensor from what made it; returns self."""
        if self._flags & VIEW and self._view.differentiable:  # type: ignore[union-attr]
            raise RuntimeError("a view cannot be cut from its base in place; use detach()")
        set_edge(self, None)
        return cast("Tensor", self)

    def backward(
        self, gradient: Tensor | None = None, retain_graph: Any = None, create_graph: Any = False, inputs: Any = None
    ) -> None:
        """Accumulate d self / d leaf into the leaves' `.grad`.

        Self must have one element unless `gradient` is given.
        """
        autograd().backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Any) -> Any:
        """Call hook(grad) when this tensor's gradient is known; its result, if any, replaces it.

        Returns a handle with remove(). A hook stays with the value it was registered on: a write into the tensor
        gives it a new one.
        """
        return autograd().register_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Any) -> Any:
        """Call hook(tensor) after .grad of this leaf was accumulated. Returns a handle with remove()."""
        return autograd().register_post_accumulate_grad_hook(self, hook)
