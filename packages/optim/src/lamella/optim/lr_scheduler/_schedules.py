"""The schedules in closed form; each class is one formula of (initial rate, count)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lamella.tensor import scalar

from .._group import number
from .._optimizer import Optimizer
from ._base import LRScheduler, count

__all__ = [
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR",
    "PolynomialLR", "StepLR",
]  # fmt: skip


def _functions(owner: str, optimizer: Optimizer, given: Any) -> list[Callable[[Any], Any]]:
    """One function a group."""
    groups = len(optimizer.param_groups)
    functions = [given] * groups if callable(given) else list(given)
    if len(functions) != groups or not all(map(callable, functions)):
        raise ValueError(f"{owner} needs a function, or {groups} of them, one a group; got {given!r:.80}")
    return functions


class LambdaLR(LRScheduler):
    """base * f(t), with one function for all groups or one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[Any], Any] | Sequence[Callable[[Any], Any]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = _functions("LambdaLR", optimizer, lr_lambda)
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


class MultiStepLR(LRScheduler):
    """base * gamma ** (how many milestones t has reached)."""

    def __init__(
        self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(count("MultiStepLR", "a milestone", m) for m in milestones)
        number("MultiStepLR", "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """base * gamma ** (number of milestones <= t)."""
        for milestone in self.milestones:
            base = scalar.where(t >= milestone, base * self.gamma, base)
        return base


class ExponentialLR(LRScheduler):
    """base * gamma ** t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        number("ExponentialLR", "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """base * gamma ** t."""
        return base * self.gamma**t


class ConstantLR(LRScheduler):
    """base * factor for total_iters counts, then base."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        number("ConstantLR", "factor", factor)
        self.factor = factor
        self.total_iters = count("ConstantLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """base * factor while t < total_iters."""
        return scalar.where(t < self.total_iters, base * self.factor, base)


class PolynomialLR(LRScheduler):
    """base * (1 - t / total_iters) ** power, 0 from total_iters on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = count("PolynomialLR", "total_iters", total_iters)
        number("PolynomialLR", "power", power)
        self.power = power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """base * (1 - min(t, total_iters) / total_iters) ** power."""
        return base * (1 - scalar.minimum(t, self.total_iters) / self.total_iters) ** self.power


class MultiplicativeLR(LRScheduler):
    """base * f(1) * f(2) * ... * f(t): the one schedule that has to be followed step by step.

    `step()` multiplies the rate in use.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[Any], Any] | Sequence[Callable[[Any], Any]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = _functions("MultiplicativeLR", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def step(self) -> None:
        """Move on by one: the rates in use times their functions of the new count."""
        t = self._numbers["last_epoch"] = self._numbers["last_epoch"] + 1
        for group, function in zip(self.optimizer.param_groups, self.lr_lambdas, strict=True):
            group["lr"] = group["lr"] * function(t)

    def rate(self, base: Any, t: Any, index: int) -> Any:
        """base * prod(f(s) for s in 1..t)."""
        function = self.lr_lambdas[index]
        for s in range(1, int(t) + 1):
            base = base * function(s)
        return base
