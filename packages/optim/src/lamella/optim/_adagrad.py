"""Adagrad (Duchi et al. 2011)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lamella.tensor import Tensor, float32, full_like, zeros
from lamella.tensor.extend import OPS, update_each

from ._group import Group, number, switch
from ._optimizer import Optimizer

__all__ = ["Adagrad"]

_adagrad = OPS["adagrad"]


class Adagrad(Optimizer):
    """p -= lr / (1 + t * lr_decay) * g / (sqrt(s) + eps), s the sum of g*g so far; weight_decay * p is added to g."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        settings["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(params, {**settings, "maximize": maximize})

    def _check(self, settings: Mapping[str, Any]) -> None:
        for name in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            number("Adagrad", name, settings[name])
        switch("Adagrad", "maximize", settings["maximize"])

    def _new_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        return {"step": zeros((), dtype=float32), "sum": full_like(p, group["initial_accumulator_value"])}

    def _update(self) -> None:
        for group in self.param_groups:
            shared = tuple(group.read("lr", "lr_decay", "eps", "weight_decay"))
            update_each(_adagrad, self._rows(group, "sum", "step"), shared)
