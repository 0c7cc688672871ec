"""EMA: a running average of parameters, for evaluation (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lamella.tensor import Tensor, no_grad, scalar
from lamella.tensor.extend import OPS, Numbers, update_each

from ._group import number

__all__ = ["EMA"]

_ema = OPS["ema"]


class EMA:
    """average = decay * average + (1 - decay) * parameter, for a mapping of names to tensors or an iterable of tensors.

    `update()` after each optimizer step; within `with ema.swapped():` the parameters hold the averages. With `warmup`
    the decay of update n is at most (1 + n) / (10 + n), so that the start does not linger.
    """

    def __init__(
        self, params: Mapping[str, Tensor] | Iterable[Any], decay: float = 0.999, warmup: bool = False
    ) -> None:
        number("EMA", "decay", decay, 0.0, 1.0)
        given = list(params.items()) if isinstance(params, Mapping) else list(params)
        named = [entry if isinstance(entry, tuple) else (str(i), entry) for i, entry in enumerate(given)]
        for name, p in named:
            if not isinstance(p, Tensor) or not p.is_floating_point():
                kind = p.dtype if isinstance(p, Tensor) else type(p).__name__
                raise TypeError(f"EMA averages floating tensors; {name!r} is {kind}")
        self._params: dict[str, Tensor] = dict(named)
        if not named or len(self._params) != len(named):
            raise ValueError(f"EMA needs tensors with distinct names, got {[name for name, _ in named]}")
        self._numbers = Numbers(decay=decay, updates=0)
        self.warmup = warmup
        with no_grad():
            self.averages: dict[str, Tensor] = {name: p.detach().clone() for name, p in named}

    @property
    def decay(self) -> float:
        """What an average keeps of itself at an update; may be set, and no compiled step is captured anew for it."""
        return self._numbers["decay"]  # type: ignore[no-any-return]

    @decay.setter
    def decay(self, value: float) -> None:
        number("EMA", "decay", value, 0.0, 1.0)
        self._numbers["decay"] = value

    @property
    def updates(self) -> int:
        """How many updates there were."""
        return self._numbers["updates"]  # type: ignore[no-any-return]

    def update(self) -> None:
        """Move every average towards its parameter."""
        decay, updates = self.decay, self.updates
        if self.warmup:
            decay = scalar.minimum(decay, (1 + updates) / (10 + updates))
        self._numbers["updates"] = updates + 1
        rows = [(self.averages[name], p.detach()) for name, p in self._params.items()]
        update_each(_ema, rows, (decay,))

    def copy_to(self, params: Mapping[str, Tensor] | None = None) -> None:
        """Write the averages into the parameters, or into others of the same names."""
        target = self._params if params is None else params
        if target.keys() != self.averages.keys():
            raise ValueError(f"EMA.copy_to needs the names {sorted(self.averages)}, got {sorted(target)}")
        with no_grad():
            for name, p in target.items():
                p.copy_(self.averages[name])

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The parameters hold the averages inside, and their own values again after."""
        with no_grad():
            kept = {name: p.detach().clone() for name, p in self._params.items()}
        self.copy_to()
        try:
            yield
        finally:
            with no_grad():
                for name, p in self._params.items():
                    p.copy_(kept[name])

    def state_dict(self) -> dict[str, Any]:
        """{"decay", "updates", "averages": {name: tensor}}; the tensors share memory with these."""
        return {"decay": self.decay, "updates": self.updates, "averages": dict(self.averages)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a saved state; ValueError, and nothing changes, where names or shapes differ."""
        if not isinstance(state_dict, Mapping) or set(state_dict) != {"decay", "updates", "averages"}:
            raise ValueError(f"EMA.load_state_dict needs what state_dict() returned, got {state_dict!r:.80}")
        given = state_dict["averages"]
        wanted = {name: a.shape for name, a in self.averages.items()}
        got = {name: getattr(a, "shape", type(a).__name__) for name, a in given.items()}
        if got != wanted:
            raise ValueError(f"EMA.load_state_dict: the averages are {got}, expected {wanted}")
        self.decay = state_dict["decay"]
        self._numbers["updates"] = int(state_dict["updates"])
        with no_grad():
            for name, a in self.averages.items():
                a.copy_(given[name])
