"""Stochastic gradient descent, with momentum as torch writes it (Sutskever et al. 2013)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.tensor import Tensor, zeros_like
from lamella.tensor.extend import OPS, update

from ._group import Group, number
from ._optimizer import Optimizer

__all__ = ["SGD"]

_sgd = OPS["sgd"]
_momentum = OPS["momentum"]


class SGD(Optimizer):
    """p -= lr * (g + weight_decay * p); momentum sums the gradients with decay, and nesterov looks one step ahead."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov})

    def _check(self, settings: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            number("SGD", name, settings[name])
        if not isinstance(settings["nesterov"], bool):
            raise TypeError(f"SGD: nesterov must be True or False, got {settings['nesterov']!r}")
        if settings["nesterov"] and not settings["momentum"]:
            raise ValueError("SGD: nesterov needs a momentum above 0")

    def _new_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        return {"momentum_buffer": zeros_like(p)} if group["momentum"] else {}

    def _update(self) -> None:
        for group in self.param_groups:
            lr, decay, momentum, nesterov, params = group.read("lr", "weight_decay", "momentum", "nesterov", "params")
            mode = {"nesterov": bool(nesterov)}
            for p in params:
                g = p.grad
                if g is None:
                    continue
                state = self.state[p]
                if state:
                    update(_momentum, (p, g, state["momentum_buffer"], lr, momentum, decay), mode)
                elif momentum:
                    raise RuntimeError(
                        "SGD: the momentum of a group was 0 when it was added, so it has no buffers; "
                        "add the group with a momentum"
                    )
                else:
                    update(_sgd, (p, g, lr, decay), {})
