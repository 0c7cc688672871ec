"""GradScaler: a loss scale that keeps small gradients of half types above zero (Micikevicius et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

from lamella.tensor import (
    Tensor,
    float32,
    float64,
    isfinite,
    logical_and,
    logical_or,
    no_grad,
    tensor,
    where,
    zeros,
)
from lamella.tensor.extend import tls

from ._group import number
from ._optimizer import Optimizer

__all__ = ["GradScaler"]

_SETTINGS = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")


class GradScaler:
    """Scale the loss, unscale the gradients, skip steps with non-finite ones and adapt the scale.

    `scaler.scale(loss).backward()`, optionally `scaler.unscale_(optimizer)` to clip, `scaler.step(optimizer)`,
    `scaler.update()`. A step with a non-finite gradient is skipped and the scale falls by backoff_factor; after
    growth_interval good steps it grows by growth_factor.
    """

    def __init__(
        self,
        device: str = "cpu",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if device != "cpu":
            raise ValueError(f"GradScaler: the device here is 'cpu', got {device!r}")
        number("GradScaler", "init_scale", init_scale)
        if growth_factor <= 1.0 or not 0.0 < backoff_factor < 1.0:
            raise ValueError(
                "GradScaler: growth_factor lies above 1 and backoff_factor in (0, 1), "
                f"got {growth_factor} and {backoff_factor}"
            )
        if not isinstance(growth_interval, int) or growth_interval < 1:
            raise ValueError(f"GradScaler: growth_interval must be a positive int, got {growth_interval!r}")
        self._enabled = enabled
        self._scale = tensor(float(init_scale), dtype=float64)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = tensor(0)
        # optimizer: whether a gradient was not finite when they were unscaled, since the last update
        self._found: WeakKeyDictionary[Optimizer, Tensor] = WeakKeyDictionary()
        self._stepped: list[Optimizer] = []

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """The factor in use; 1.0 where not enabled."""
        return self._scale.item() if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """A tensor, or a nested list, tuple or dict of them, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, Mapping):
            return {key: self.scale(value) for key, value in outputs.items()}
        if isinstance(outputs, (list, tuple)):
            return type(outputs)([self.scale(value) for value in outputs])
        raise TypeError(f"GradScaler.scale takes tensors or containers of them, got {type(outputs).__name__}")

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, once before each step."""
        if not self._enabled:
            return
        if optimizer in self._found:
            raise RuntimeError("unscale_() was called for this optimizer since the last update(); it runs once a step")
        if optimizer in self._stepped:
            raise RuntimeError("unscale_() is called after step(); call it before")
        with no_grad():
            inverse = self._scale.reciprocal()
            doubt = zeros((), dtype=float32)
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        g = p.grad.detach().mul_(inverse)
                        # infinity times 0 is no number, NaN is none
                        doubt = doubt + (g * 0.0).sum().to(float32)
            self._found[optimizer] = doubt != 0.0

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """Step the optimizer where all gradients are finite; None where the step is skipped."""
        if "closure" in kwargs or args:
            raise RuntimeError("GradScaler.step takes no closure: a closure's gradients would not be unscaled")
        if not self._enabled:
            return optimizer.step(**kwargs)
        if optimizer in self._stepped:
            raise RuntimeError("step() was called for this optimizer since the last update()")
        if optimizer not in self._found:
            self.unscale_(optimizer)
        self._stepped.append(optimizer)
        found = self._found[optimizer]
        if tls.trace is not None:
            return _step_unless(found, optimizer, kwargs)
        return None if found.item() else optimizer.step(**kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale to what the steps since the last update found, or set it."""
        if not self._enabled:
            return
        if isinstance(new_scale, Tensor):
            if new_scale.numel() != 1 or new_scale.requires_grad:
                raise ValueError(
                    "GradScaler: new_scale must be a number or a tensor of one element that does not require grad, "
                    f"got shape {new_scale.shape}"
                )
            self._scale.copy_(new_scale.reshape(()))
        elif new_scale is not None:
            number("GradScaler", "new_scale", new_scale)
            self._scale.fill_(float(new_scale))
        elif not self._found:
            raise RuntimeError("update() finds nothing unscaled since the last one; call step(optimizer) before it")
        else:
            self._adapt(reduce(logical_or, self._found.values()))
        self._found.clear()
        self._stepped.clear()

    def _adapt(self, found: Tensor) -> None:
        """By values of tensors, so that a captured step skips, backs off and grows without being captured anew."""
        grown = self._scale * self._growth_factor
        good = self._growth_tracker + 1
        enough = good == self._growth_interval
        kept = where(logical_and(enough, isfinite(grown)), grown, self._scale)
        self._scale.copy_(where(found, self._scale * self._backoff_factor, kept))
        self._growth_tracker.copy_(where(logical_or(found, enough), 0, good))

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def get_backoff_factor(self) -> float:
        """What the scale falls by."""
        return self._backoff_factor

    def get_growth_interval(self) -> int:
        """How many good steps in a row make it grow."""
        return self._growth_interval

    def state_dict(self) -> dict[str, Any]:
        """The scale, its settings and the count of good steps; empty where not enabled."""
        if not self._enabled:
            return {}
        values = (
            self.get_scale(), self._growth_factor, self._backoff_factor, self._growth_interval,
            self._growth_tracker.item(),
        )  # fmt: skip
        return dict(zip(_SETTINGS, values, strict=True))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a saved state."""
        if not self._enabled:
            return
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(_SETTINGS):
            raise ValueError(
                f"GradScaler.load_state_dict needs what state_dict() of an enabled scaler returned, with {_SETTINGS}, "
                f"got {state_dict!r:.80}"
            )
        self._scale.fill_(float(state_dict["scale"]))
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker.fill_(int(state_dict["_growth_tracker"]))


def _step_unless(found: Tensor, optimizer: Optimizer, kwargs: dict[str, Any]) -> Any:
    """A captured step: taken, and taken back where a gradient was not finite; no value is asked for."""
    moved = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    touched = [t.detach() for p in moved for t in (p, *optimizer.state[p].values())]
    with no_grad():
        before = [t.clone() for t in touched]
        out = optimizer.step(**kwargs)
        for t, old in zip(touched, before, strict=True):
            t.copy_(where(found, old, t))
    return out
