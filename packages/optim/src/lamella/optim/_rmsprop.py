"""RMSprop (Tieleman & Hinton 2012), centered as in Graves 2013."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.tensor import Tensor, zeros_like
from lamella.tensor.extend import OPS, update_each

from ._group import Group, number, switch
from ._optimizer import Optimizer

__all__ = ["RMSprop"]

_rmsprop = OPS["rmsprop"]
_rmsprop_momentum = OPS["rmsprop_momentum"]


class RMSprop(Optimizer):
    """p -= lr * g / (sqrt(s) + eps), s a running mean of g*g; weight_decay * p is added to g.

    Centered subtracts the square of the mean of g from s; momentum sums the steps with decay; maximize climbs.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, {**settings, "centered": centered, "maximize": maximize})

    def _check(self, settings: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay", "momentum"):
            number("RMSprop", name, settings[name])
        number("RMSprop", "alpha", settings["alpha"], 0.0, 1.0)
        for name in ("centered", "maximize"):
            switch("RMSprop", name, settings[name])

    def _new_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        state = {"square_avg": zeros_like(p)}
        if group["momentum"] or group["centered"]:
            state |= {"grad_avg": zeros_like(p), "momentum_buffer": zeros_like(p)}
        return state

    def _fill_in(self, have: dict[str, Tensor], entries: dict[str, Tensor]) -> dict[str, Tensor]:
        # PyTorch keeps a count that enters no formula, and only the buffers that are in use
        entries.pop("step", None)
        return {**have, **entries} if entries else entries

    def _update(self) -> None:
        for group in self.param_groups:
            rows = self._rows(group, "square_avg")
            if not rows:
                continue
            lr, alpha, eps, decay, momentum = group.read("lr", "alpha", "eps", "weight_decay", "momentum")
            if "momentum_buffer" in self.state[rows[0][0]]:  # all of a group are alike
                rows = self._rows(group, "square_avg", "grad_avg", "momentum_buffer")
                mode = {"centered": bool(group["centered"])}
                update_each(_rmsprop_momentum, rows, (lr, alpha, eps, decay, momentum), mode)
            elif momentum or group["centered"]:
                raise RuntimeError(
                    "RMSprop: a group had neither momentum nor centered when it was added, so it has no state for "
                    "them; add the group with them"
                )
            else:
                update_each(_rmsprop, rows, (lr, alpha, eps, decay))
