"""Schedules that come back: restarts, cycles, and one cycle for a whole training (Smith 2017, 2018)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

from lamella.tensor import scalar

from .._group import number
from .._optimizer import Optimizer
from ._base import LRScheduler, count

__all__ = ["CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR"]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from base to eta_min, over and over, each T_mult times as long as the one before.

    The first takes T_0 counts (Loshchilov & Hutter 2017).
    """

    def __init__(  # noqa: N803 for the names of PyTorch
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,  # noqa: N803
    ) -> None:
        self.T_0 = count("CosineAnnealingWarmRestarts", "T_0", T_0)
        self.T_mult = count("CosineAnnealingWarmRestarts", "T_mult", T_mult)
        number("CosineAnnealingWarmRestarts", "eta_min", eta_min)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """eta_min + (base - eta_min) * (1 + cos(pi * t' / T')) / 2, t' counts since the restart before t."""
        since, length = self._place(t)
        return self.eta_min + (base - self.eta_min) * (1 + scalar.cos(since * math.pi / length)) / 2

    def _place(self, t: Any) -> tuple[Any, Any]:
        if self.T_mult == 1:
            return t % self.T_0, self.T_0

        def begin(n: Any) -> Any:  # of period n: T_0 * (1 + m + ... + m ** (n - 1))
            return self.T_0 * (self.T_mult**n - 1) // (self.T_mult - 1)

        # the logarithm may be off by one at a restart, where the comparison is exact
        n = scalar.log(t * (self.T_mult - 1) / self.T_0 + 1) // math.log(self.T_mult)
        n = scalar.where(t >= begin(n + 1), n + 1, scalar.where(t < begin(n), n - 1, n))
        return t - begin(n), self.T_0 * self.T_mult**n


class _WithMomentum(LRScheduler):
    """Base of schedules that move the momentum against the rate: SGD's momentum, or the first beta of Adam."""

    def __init__(self, optimizer: Optimizer, last_epoch: int, cycle_momentum: bool) -> None:
        owner = type(self).__name__
        self.cycle_momentum = cycle_momentum
        self._key = "beta1" if "betas" in optimizer.defaults else "momentum"
        if cycle_momentum and self._key == "momentum" and "momentum" not in optimizer.defaults:
            raise ValueError(f"{owner}: the optimizer has no momentum to cycle; pass cycle_momentum=False")
        super().__init__(optimizer, last_epoch)

    @abstractmethod
    def momentum(self, t: Any, index: int) -> Any:
        """The momentum of group `index` at count t."""

    def _write(self) -> None:
        super()._write()
        if self.cycle_momentum:
            t = self._numbers["last_epoch"]
            for i, group in enumerate(self.optimizer.param_groups):
                group[self._key] = self.momentum(t, i)


def _each(owner: str, name: str, value: Any, optimizer: Optimizer) -> list[float]:
    """One number a group."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"{owner}: {name} needs a number, or {groups} of them, one a group; got {value!r}")
    for v in values:
        number(owner, name, v)
    return values


class CyclicLR(_WithMomentum):
    """From base_lr up to max_lr and down again, in cycles whose height may shrink (Smith 2017)."""

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[Any], Any] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.base_lrs = _each("CyclicLR", "base_lr", base_lr, optimizer)
        self.max_lrs = _each("CyclicLR", "max_lr", max_lr, optimizer)
        up = count("CyclicLR", "step_size_up", step_size_up)
        down = up if step_size_down is None else count("CyclicLR", "step_size_down", step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"CyclicLR: mode is triangular, triangular2 or exp_range, got {mode!r}")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"CyclicLR: scale_mode is cycle or iterations, got {scale_mode!r}")
        number("CyclicLR", "gamma", gamma)
        self.mode, self.gamma = mode, gamma
        self.scale_fn, self.scale_mode = scale_fn, scale_mode
        self.base_momentums = _each("CyclicLR", "base_momentum", base_momentum, optimizer)
        self.max_momentums = _each("CyclicLR", "max_momentum", max_momentum, optimizer)
        super().__init__(optimizer, last_epoch, cycle_momentum)

    def _height(self, t: Any) -> Any:
        """How far up the cycle t is, in [0, 1], with the scale of its cycle."""
        cycle = 1 + t // self.total_size
        x = 1 + t / self.total_size - cycle
        height = scalar.where(x <= self.step_ratio, x / self.step_ratio, (x - 1) / (self.step_ratio - 1))
        if self.scale_fn is not None:
            return height * self.scale_fn(cycle if self.scale_mode == "cycle" else t)
        if self.mode == "triangular2":
            return height / 2.0 ** (cycle - 1)
        return height * self.gamma**t if self.mode == "exp_range" else height

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """base_lr + (max_lr - base_lr) * height."""
        low = self.base_lrs[index]
        return low + (self.max_lrs[index] - low) * self._height(t)

    def momentum(self, t: Any, index: int) -> Any:
        """max_momentum - (max_momentum - base_momentum) * height."""
        high = self.max_momentums[index]
        return high - (high - self.base_momentums[index]) * self._height(t)


class OneCycleLR(_WithMomentum):
    """One climb to max_lr and one long descent far below where it began, over total_steps (Smith & Topin 2018).

    Further steps stay at the end; outside a captured step they are an error.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
            total_steps = count("OneCycleLR", "epochs", epochs) * count(
                "OneCycleLR", "steps_per_epoch", steps_per_epoch
            )
        self.total_steps = count("OneCycleLR", "total_steps", total_steps)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start is a float in [0, 1], got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy is cos or linear, got {anneal_strategy!r}")
        self.anneal_strategy = anneal_strategy
        peaks = _each("OneCycleLR", "max_lr", max_lr, optimizer)
        low = _each("OneCycleLR", "base_momentum", base_momentum, optimizer)
        high = _each("OneCycleLR", "max_momentum", max_momentum, optimizer)
        rise, end = pct_start * self.total_steps - 1, self.total_steps - 1
        # (last count, rate at its end, momentum at its end) of every phase, from (initial rate, highest momentum)
        self._phases = []
        for peak, least, most in zip(peaks, low, high, strict=True):
            initial = peak / div_factor
            last = initial / final_div_factor
            phases = [(0.0, initial, most), (rise, peak, least)]
            if three_phase:
                phases.append((2 * pct_start * self.total_steps - 2, initial, most))
            self._phases.append([*phases, (end, last, most)])
        super().__init__(optimizer, last_epoch, cycle_momentum)

    def step(self) -> None:
        """Move on by one; ValueError past total_steps."""
        t = self._numbers["last_epoch"]
        if type(t) is int and t + 1 >= self.total_steps + 1:
            raise ValueError(f"OneCycleLR was made for {self.total_steps} steps and is asked for step {t + 1}")
        super().step()

    def _value(self, t: Any, index: int, which: int) -> Any:
        phases = self._phases[index]
        t = scalar.minimum(t, self.total_steps - 1)
        out = None
        for before, after in reversed(list(pairwise(phases))):
            part = (t - before[0]) / (after[0] - before[0]) if after[0] != before[0] else 1.0
            share = (1 - scalar.cos(part * math.pi)) / 2 if self.anneal_strategy == "cos" else part
            value = before[which] + (after[which] - before[which]) * share
            out = value if out is None else scalar.where(t <= after[0], value, out)
        return out

    def rate(self, base: Any, t: Any, index: int) -> Any:  # noqa: ARG002
        """The phase of t, annealed between its two ends."""
        return self._value(t, index, 1)

    def momentum(self, t: Any, index: int) -> Any:
        """The same for the momentum, which falls while the rate rises."""
        return self._value(t, index, 2)
