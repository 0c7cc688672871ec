"""Adam (Kingma & Ba 2015), and AdamW, whose weight decay leaves the moments alone (Loshchilov & Hutter 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lamella.tensor import Tensor, float32, zeros, zeros_like
from lamella.tensor.extend import OPS, update

from ._group import Group, number
from ._optimizer import Optimizer

__all__ = ["Adam", "AdamW"]

_adam = OPS["adam"]


class Adam(Optimizer):
    """p -= lr * m / (sqrt(v) + eps), m and v the bias-corrected means of g and g*g; weight_decay * p is added to g."""

    _mode: ClassVar[dict[str, bool]] = {"decoupled": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _check(self, settings: Mapping[str, Any]) -> None:
        owner = type(self).__name__
        for name in ("lr", "eps", "weight_decay"):
            number(owner, name, settings[name])
        betas = settings["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"{owner}: betas must be two numbers, got {betas!r}")
        for i, beta in enumerate(betas):
            number(owner, f"betas[{i}]", beta, 0.0, 1.0)

    def _new_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        return {"step": zeros((), dtype=float32), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def _update(self) -> None:
        op, mode, states = _adam, self._mode, self.state
        for group in self.param_groups:
            lr, beta1, beta2, eps, decay, params = group.read("lr", "beta1", "beta2", "eps", "weight_decay", "params")
            for p in params:
                g = p.grad
                if g is not None:
                    state = states[p]
                    m, v, step = state["exp_avg"], state["exp_avg_sq"], state["step"]
                    update(op, (p, g, m, v, step, lr, beta1, beta2, eps, decay), mode)


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
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
