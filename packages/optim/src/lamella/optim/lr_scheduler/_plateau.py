"""ReduceLROnPlateau: the one schedule that reacts to what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .._group import number
from .._optimizer import Optimizer
from ._base import count

__all__ = ["ReduceLROnPlateau"]

_STATE = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")


class ReduceLROnPlateau:
    """Multiply the rates by factor once a metric has not improved for more than `patience` calls of `step(metric)`.

    An improvement is better than the best by `threshold`, relative ("rel") or absolute ("abs"); after a reduction
    `cooldown` calls do not count, no rate falls below min_lr, and reductions by less than eps are not made. It works
    on measured Python numbers and belongs outside a captured step.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        owner = "ReduceLROnPlateau"
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{owner} needs an optimizer, got {type(optimizer).__name__}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"{owner}: mode is min or max and threshold_mode rel or abs, got {mode!r} and {threshold_mode!r}"
            )
        number(owner, "factor", factor, 0.0, 1.0)
        number(owner, "threshold", threshold)
        number(owner, "eps", eps)
        for name, calls in (("patience", patience), ("cooldown", cooldown)):
            count(owner, name, calls + 1 if type(calls) is int else calls)
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ValueError(f"{owner}: min_lr needs a number, or {groups} of them, one a group; got {min_lr!r}")
        for value in self.min_lrs:
            number(owner, "min_lr", value)
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0

    def _better(self, metric: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * sign * self.best
        if math.isinf(self.best):
            return sign * metric < sign * self.best
        return sign * metric < sign * self.best - margin

    def step(self, metrics: Any) -> None:
        """Look at one measured value (a number or a tensor of one element); ValueError for NaN."""
        metric = float(metrics)
        if math.isnan(metric):
            raise ValueError("ReduceLROnPlateau got NaN as the metric; look at the loss before the schedule does")
        self.last_epoch += 1
        if self._better(metric):
            self.best = metric
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = group["lr"]
            new = max(lr * self.factor, least)
            if lr - new > self.eps:
                group["lr"] = new

    def get_last_lr(self) -> list[float]:
        """The rates in use, one a group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far; the settings belong to the program."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(_STATE):
            raise ValueError(
                f"ReduceLROnPlateau.load_state_dict needs what state_dict() returned, with {_STATE}, "
                f"got {state_dict!r:.80}"
            )
        for name in _STATE:
            setattr(self, name, state_dict[name])
