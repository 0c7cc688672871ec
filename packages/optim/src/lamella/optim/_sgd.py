"""Stochastic gradient descent, with momentum as torch writes it (Sutskever et al. 2013)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lamella.tensor import Tensor, float32, zeros, zeros_like
from lamella.tensor.extend import OPS, update_each

from ._group import Group, number, switch
from ._optimizer import Optimizer

__all__ = ["SGD"]

_sgd = OPS["sgd"]
_momentum = OPS["momentum"]
_damped_momentum = OPS["damped_momentum"]


class SGD(Optimizer):
    """p -= lr * (g + weight_decay * p); momentum sums the gradients with decay, and nesterov looks one step ahead.

    Dampening takes a share off every gradient but the first that enters the momentum; maximize climbs instead.
    """

    older: ClassVar[dict[str, Any]] = {"dampening": 0.0, "maximize": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, {**settings, "nesterov": nesterov, "maximize": maximize})

    def _check(self, settings: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            number("SGD", name, settings[name])
        number("SGD", "dampening", settings["dampening"], float("-inf"))
        for name in ("nesterov", "maximize"):
            switch("SGD", name, settings[name])
        if settings["nesterov"] and not (settings["momentum"] and not settings["dampening"]):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening")

    def _new_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        if not group["momentum"]:
            return {}
        state = {"momentum_buffer": zeros_like(p)}
        return {**state, "step": zeros((), dtype=float32)} if group["dampening"] else state

    def _fill_in(self, have: dict[str, Tensor], entries: dict[str, Tensor]) -> dict[str, Tensor]:
        # a state of PyTorch's has no count, and a buffer only after the first step
        if not entries:
            return have
        if "step" in have and "momentum_buffer" in entries:
            entries.setdefault("step", zeros((), dtype=float32) + 1)
        return entries

    def _update(self) -> None:
        for group in self.param_groups:
            rows = self._rows(group)
            if not rows:
                continue
            lr, decay, momentum, dampening = group.read("lr", "weight_decay", "momentum", "dampening")
            mode = {"nesterov": bool(group["nesterov"])}
            state = self.state[rows[0][0]]  # all of a group are alike
            if "step" in state:
                rows = self._rows(group, "momentum_buffer", "step")
                update_each(_damped_momentum, rows, (lr, momentum, dampening, decay), mode)
            elif "momentum_buffer" in state and not dampening:
                update_each(_momentum, self._rows(group, "momentum_buffer"), (lr, momentum, decay), mode)
            elif momentum:
                raise RuntimeError(
                    "SGD: the momentum or dampening of a group was 0 when it was added, so it has no state for it; "
                    "add the group with them"
                )
            else:
                update_each(_sgd, rows, (lr, decay))
