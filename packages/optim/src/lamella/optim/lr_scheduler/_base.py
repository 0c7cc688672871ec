"""LRScheduler: the learning rate of each group as a formula of a step count.

The count and the base rates live in Numbers, and formulas use `lamella.tensor.scalar`, so a captured training step
contains its schedule and never compiles again. A schedule sets the rate; what somebody else wrote into group["lr"] is
overwritten: change "initial_lr".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from lamella.tensor.extend import Numbers

from .._optimizer import Optimizer

__all__ = ["LRScheduler", "count"]


class LRScheduler(ABC):
    """Base of the schedules; call `step()` after the optimizer's. last_epoch=n continues one after n + 1 calls."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        owner = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{owner} needs an optimizer, got {type(optimizer).__name__}")
        if not isinstance(last_epoch, int) or last_epoch < -1:
            raise ValueError(f"{owner}: last_epoch must be an int from -1 on, got {last_epoch!r}")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch != -1 and "initial_lr" not in group:
                raise KeyError(
                    f"{owner}: continuing at {last_epoch} needs 'initial_lr' in group {i}; load the optimizer first"
                )
        self.optimizer = optimizer
        self._numbers = Numbers(last_epoch=last_epoch + 1)
        self._write()

    @abstractmethod
    def rate(self, base: Any, t: Any, index: int) -> Any:
        """The rate of group `index` at count t, from its initial rate.

        Both may be symbolic: use `lamella.tensor.scalar`.
        """

    @property
    def last_epoch(self) -> int:
        """How often `step()` was called."""
        return self._numbers["last_epoch"]  # type: ignore[no-any-return]

    def step(self) -> None:
        """Move on by one and set the rates."""
        self._numbers["last_epoch"] = self._numbers["last_epoch"] + 1
        self._write()

    def get_last_lr(self) -> list[float]:
        """The rates in use, one a group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _write(self) -> None:
        t = self._numbers["last_epoch"]
        for i, group in enumerate(self.optimizer.param_groups):
            dict.setdefault(group, "initial_lr", dict.__getitem__(group, "lr"))  # a group added since joins here
            group["lr"] = self.rate(group["initial_lr"], t, i)

    def state_dict(self) -> dict[str, Any]:
        """The count; formulas belong to the program."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue at a saved count and set the rates."""
        owner = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping) or set(state_dict) != {"last_epoch"}:
            raise ValueError(f"{owner} needs what state_dict() returned, {{'last_epoch': int}}, got {state_dict!r:.80}")
        at = state_dict["last_epoch"]
        if not isinstance(at, int) or isinstance(at, bool) or at < 0:
            raise ValueError(f"{owner}: last_epoch must be a non-negative int, got {at!r}")
        self._numbers["last_epoch"] = at
        self._write()


def count(owner: str, name: str, value: Any) -> int:
    """value if it is a positive int."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{owner}: {name} must be a positive int, got {value!r}")
    return value
