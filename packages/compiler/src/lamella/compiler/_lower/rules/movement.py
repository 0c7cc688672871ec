"""Views, and ops that copy elements to other places."""

from __future__ import annotations

from lamella.compiler._lower._emit import Emitter, Rule
from lamella.compiler._lower._refs import Ref


def _alias(e: Emitter, x: Ref) -> Ref:
    return x


def _flip(e: Emitter, x: Ref, *, dims: tuple[int, ...]) -> Ref:
    index = tuple((n - 1, -1, -1) if k in dims else (0, n, 1) for k, n in enumerate(x.shape))
    return e.copy(x.slice(index) if x.root.size and 0 not in x.shape else x)


RULES: dict[str, Rule] = {
    "alias": _alias,
    "detach": _alias,
    "permute": lambda e, x, *, dims: x.permute(dims),
    "expand": lambda e, x, *, shape: x.expand(shape),
    "slice": lambda e, x, *, index: x.slice(index),
    "reshape": lambda e, x, *, shape: e.reshape(x, shape),
    "flip": _flip,
}
