"""The recorded graph: looking at it, hooks over several tensors, and what becomes of saved tensors.

`saved_tensors_hooks` are a mode of the forward: every tensor that an op saves inside goes through `pack`, and through
`unpack` each time a backward rule reads it. Tensors that were packed are not watched for writes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lamella.tensor import Device, Tensor
from lamella.tensor.extend import INFERENCE, DecoratingMode, Mode, cell_of, tls, user_location

from ._edges import GradientEdge, get_gradient_edge
from ._engine import WATCHERS, current_walk
from ._hooks import Handle
from ._node import Node
from ._reach import reachable
from .extend import register_hook

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge",
    "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


class saved_tensors_hooks(Mode):
    """Context manager: tensors saved for backward inside are kept as pack_hook(tensor), and read back with
    unpack_hook(what it returned), which must be a tensor of the same shape and dtype.

    Hooks run unrecorded; the innermost pair counts.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        for hook in (pack_hook, unpack_hook):
            if not callable(hook):
                raise TypeError(f"a hook of saved tensors must be callable, got {hook!r}")
        super().__init__()
        self._pair = (pack_hook, unpack_hook)

    def __enter__(self) -> Any:
        if tls.saving_refused is not None:
            raise RuntimeError(tls.saving_refused)
        self._values = {"saving": (*tls.saving, self._pair)}
        return super().__enter__()


def _to_copy(t: Tensor) -> tuple[Device, Tensor]:
    return t.device, t.clone()


def _from_copy(packed: tuple[Device, Tensor]) -> Tensor:
    device, t = packed
    return t if t.device == device else t.to(device)


class save_on_cpu(saved_tensors_hooks):
    """Context manager: what is saved for backward inside is kept as a copy on the CPU, and moved back when it is read.

    A meta tensor has no values to move and is kept as it is. There is no pinned memory: ValueError for pin_memory.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        if pin_memory:
            raise ValueError("pin_memory=True needs a device whose memory can be pinned; this one has none")
        if device_type not in ("cpu", "meta"):
            raise ValueError(f"save_on_cpu moves tensors of the devices 'cpu' and 'meta', got {device_type!r}")
        super().__init__(_to_copy, _from_copy)


class disable_saved_tensors_hooks(DecoratingMode):
    """Context manager and decorator: opening `saved_tensors_hooks` inside raises RuntimeError with this message."""

    def __init__(self, error_message: str) -> None:
        if not isinstance(error_message, str):
            raise TypeError(f"disable_saved_tensors_hooks needs a message, got {type(error_message).__name__}")
        super().__init__(saving_refused=error_message)

    def __enter__(self) -> Any:
        if tls.saving:
            raise RuntimeError(self._values["saving_refused"])
        return super().__enter__()


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """Context manager: what is saved inside is saved as a copy, so that a later write into it is no error."""

    def __init__(self) -> None:
        super().__init__(Tensor.clone, _same)


def _same(t: Tensor) -> Tensor:
    return t


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a write into a tensor's memory that went past it, so that autograd notices; RuntimeError for an
    inference tensor.
    """
    for t in [tensor] if isinstance(tensor, Tensor) else list(tensor):
        if not isinstance(t, Tensor):
            raise TypeError(f"increment_version takes tensors, got {type(t).__name__}")
        if t._flags & INFERENCE:
            raise RuntimeError("a tensor made under inference_mode counts no versions")
        cell = cell_of(t)
        cell.version += 1
        cell.writer = user_location(2)


class _MultiHook:
    """Counts the gradients that came in one walk; the next walk starts anew."""

    def __init__(self, tensors: Sequence[Tensor], fn: Callable[..., Any], once: bool) -> None:
        self.fn = fn
        self.once = once
        # weakly: a node holds its hooks, and these hold us
        self.nodes = [weakref.ref(get_gradient_edge(t).node) for t in tensors]
        self.walk: Any = None
        self.found: list[Tensor | None] = []
        self.missing = 0

    def seen(self, i: int, g: Tensor) -> None:
        walk = current_walk()
        if walk is None or self.walk is None or self.walk() is not walk:
            self.walk = None if walk is None else weakref.ref(walk)
            self.found = [None] * len(self.nodes)
            self.missing = self._expected(walk)
        elif self.once:
            return
        if self.once:
            self.fn(g)
            return
        if self.found[i] is None:
            self.missing -= 1
        self.found[i] = g
        if self.missing == 0:
            found, self.found = self.found, []
            self.fn(found)

    def _expected(self, walk: Any) -> int:
        if self.once or walk is None:
            return -1
        nodes = reachable([edge for edge, _ in walk.roots], walk.needed)
        return sum(node() in nodes for node in self.nodes)


class _Handles(Handle):
    """One handle for several hooks."""

    def __init__(self, handles: list[Handle]) -> None:
        self.handles = handles
        self.id = handles[0].id if handles else -1

    def remove(self) -> None:
        handles, self.handles = self.handles, []
        for handle in handles:
            handle.remove()
        if handles:
            WATCHERS[0] -= 1


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all") -> Handle:
    """Call fn once in each backward: with the list of gradients (None for a tensor it does not reach) when all of
    them are known, or, with mode "any", with the first one.

    Returns a handle with remove(). RuntimeError for a tensor that does not require grad.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"mode of register_multi_grad_hook is 'all' or 'any', got {mode!r}")
    if not callable(fn):
        raise TypeError(f"a hook must be callable, got {fn!r}")
    multi = _MultiHook(tensors, fn, mode == "any")

    def hook(i: int) -> Callable[[Tensor], None]:
        return lambda g: multi.seen(i, g)

    handles = _Handles([register_hook(t, hook(i)) for i, t in enumerate(tensors)])
    WATCHERS[0] += 1
    return handles
