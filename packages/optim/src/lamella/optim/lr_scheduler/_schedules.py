"""The schedules in closed form; each class is one formula of (initial rate, count)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from lamella.tensor import scalar

from .._group import number
from .._optimizer import Optimizer
from ._base import LRScheduler, count

__all__ = ["CosineAnnealingLR", "LambdaLR", "LinearLR", "SequentialLR", "StepLR"]


class LambdaLR(LRScheduler):
    """base * f(t), with one function for all groups or one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[Any], Any] | Sequence[Callable[[Any], Any]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        functions = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(functions) != groups or not all(map(callable, functions)):
            raise ValueError(f"LambdaLR needs a function, or {groups} of them, one a group; got {lr_lambda!r:.80}")
        self.lr_lambdas = functions
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:
        """base * f(t)."""
        if index >= len(self.lr_lambdas):
            raise ValueError(f"LambdaLR: there is no function for group {index}, which was added after the schedule")
        return base * self.lr_lambdas[index](t)


class StepLR(LRScheduler):
    """base * gamma ** (t // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = count("StepLR", "step_size", step_size)
        number("StepLR", "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """base * gamma ** (t // step_size)."""
        return base * self.gamma ** (t // self.step_size)


class CosineAnnealingLR(LRScheduler):
    """From base at 0 to eta_min at T_max along half a cosine, and up again (Loshchilov & Hutter 2017, no restarts)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803
        self.T_max = count("CosineAnnealingLR", "T_max", T_max)
        number("CosineAnnealingLR", "eta_min", eta_min)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2."""
        return self.eta_min + (base - self.eta_min) * (1 + scalar.cos(t * (math.pi / self.T_max))) / 2


class LinearLR(LRScheduler):
    """base times a factor that goes from start_factor to end_factor in total_iters counts and stays there."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        number("LinearLR", "start_factor", start_factor)
        number("LinearLR", "end_factor", end_factor)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = count("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """base * (start + (end - start) * min(t, total_iters) / total_iters)."""
        part = scalar.minimum(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class SequentialLR(LRScheduler):
    """One schedule after the other: the first up to milestones[0], each later one from 0 at its milestone.

    LinearLR, then CosineAnnealingLR, is the usual warmup. The parts serve as formulas: step this schedule, not them.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        parts, starts = list(schedulers), list(milestones)
        if not parts or len(starts) != len(parts) - 1:
            raise ValueError(
                f"SequentialLR needs one milestone between two schedules, got {len(starts)} for {len(parts)}"
            )
        for part in parts:
            if not isinstance(part, LRScheduler):
                raise TypeError(f"SequentialLR: every part must be an LRScheduler, got {type(part).__name__}")
            if part.optimizer is not optimizer:
                raise ValueError("SequentialLR: every part must belong to the same optimizer")
        for start in starts:
            count("SequentialLR", "a milestone", start)
        if any(b <= a for a, b in pairwise(starts)):
            raise ValueError(f"SequentialLR: milestones must increase, got {starts}")
        self.schedulers = parts
        self.milestones = starts
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:
        """The rate of the part whose turn it is."""
        out = self.schedulers[0].rate(base, t, index)
        for start, part in zip(self.milestones, self.schedulers[1:], strict=True):
            out = scalar.where(t < start, out, part.rate(base, scalar.maximum(t - start, 0), index))
        return out
