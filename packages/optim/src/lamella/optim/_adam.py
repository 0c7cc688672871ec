"""Adam (Kingma & Ba 2015), and AdamW, whose weight decay leaves the moments alone (Loshchilov & Hutter 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lamella.tensor import Tensor, float32, zeros, zeros_like
from lamella.tensor.extend import OPS, update_each

from ._group import Group, number, switch
from ._optimizer import Optimizer

__all__ = ["Adam", "AdamW"]

_adam = OPS["adam"]
_amsgrad = OPS["amsgrad"]


class Adam(Optimizer):
    """p -= lr * m / (sqrt(v) + eps), m and v the bias-corrected means of g and g*g; weight_decay * p is added to g.

    With amsgrad the largest v so far takes its place (Reddi et al. 2018); maximize climbs instead.
    """

    older: ClassVar[dict[str, Any]] = {"amsgrad": False, "maximize": False}
    _mode: ClassVar[dict[str, bool]] = {"decoupled": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, {**settings, "maximize": maximize})

    def _check(self, settings: Mapping[str, Any]) -> None:
        owner = type(self).__name__
        for name in ("lr", "eps", "weight_decay"):
            number(owner, name, settings[name])
        betas = settings["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"{owner}: betas must be two numbers, got {betas!r}")
        for i, beta in enumerate(betas):
            number(owner, f"betas[{i}]", beta, 0.0, 1.0)
        for name in ("amsgrad", "maximize"):
            switch(owner, name, settings[name])

    def _new_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        state = {"step": zeros((), dtype=float32), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        return {**state, "max_exp_avg_sq": zeros_like(p)} if group["amsgrad"] else state

    def _update(self) -> None:
        for group in self.param_groups:
            shared = tuple(group.read("lr", "beta1", "beta2", "eps", "weight_decay"))
            if group["amsgrad"]:
                rows = self._rows(group, "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")
                update_each(_amsgrad, rows, shared, self._mode)
            else:
                update_each(_adam, self._rows(group, "exp_avg", "exp_avg_sq", "step"), shared, self._mode)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself: p *= 1 - lr * weight_decay."""

    implied: ClassVar[dict[str, Any]] = {"decoupled_weight_decay": True}
    _mode: ClassVar[dict[str, bool]] = {"decoupled": True}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
