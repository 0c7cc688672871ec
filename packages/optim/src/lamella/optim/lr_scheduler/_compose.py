"""Schedules made of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lamella.tensor import scalar

from .._optimizer import Optimizer
from ._base import LRScheduler, count

__all__ = ["ChainedScheduler", "SequentialLR"]


def _parts(owner: str, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> list[LRScheduler]:
    for part in schedulers:
        if not isinstance(part, LRScheduler):
            raise TypeError(f"{owner}: every part must be an LRScheduler, got {type(part).__name__}")
        if part.optimizer is not optimizer:
            raise ValueError(f"{owner}: every part must belong to the same optimizer")
    return list(schedulers)


class SequentialLR(LRScheduler):
    """One schedule after the other: the first up to milestones[0], each later one from 0 at its milestone.

    LinearLR, then CosineAnnealingLR, is the usual warmup. The parts serve as formulas: step this schedule, not them.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        parts, starts = _parts("SequentialLR", optimizer, schedulers), list(milestones)
        if not parts or len(starts) != len(parts) - 1:
            raise ValueError(
                f"SequentialLR needs one milestone between two schedules, got {len(starts)} for {len(parts)}"
            )
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


class ChainedScheduler(LRScheduler):
    """All parts at once: each one's formula starts from the rate of the part before; step this schedule, not them.

    Schedules that multiply the rate by a factor so multiply it by the product of their factors.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            raise ValueError("ChainedScheduler needs at least one schedule")
        if optimizer is None:
            optimizer = schedulers[0].optimizer
        self.schedulers = _parts("ChainedScheduler", optimizer, schedulers)
        super().__init__(optimizer)

    def rate(self, base: Any, t: Any, index: int) -> Any:
        """The formulas one into the other."""
        for part in self.schedulers:
            base = part.rate(base, t, index)
        return base
