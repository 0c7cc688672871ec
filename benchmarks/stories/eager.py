"""Small eager ops, where what is measured is the way from Python to the kernel and back."""

from __future__ import annotations

from typing import Any

from benchmarks._case import Race

__all__ = ["CASES"]

_VALUES = [0.5, -1.0, 2.0, 0.25, 3.0, -0.75, 1.5, 1.0]
_STEP = "((y * x + x) * y).sum().backward(); y.grad = None"


def _ours() -> dict[str, Any]:
    import lamella.tensor as lt

    x = lt.tensor(_VALUES)
    large = lt.zeros(1_000_000) + 1.0
    return {"lib": lt, "x": x, "y": lt.tensor(_VALUES, requires_grad=True), "large": large, "dropout": lt.dropout}


def _torch() -> dict[str, Any]:
    import torch

    x = torch.tensor(_VALUES)
    large = torch.ones(1_000_000)
    return {
        "lib": torch, "x": x, "y": torch.tensor(_VALUES, requires_grad=True), "large": large,
        "dropout": torch.nn.functional.dropout,
    }  # fmt: skip


def _our_step() -> dict[str, Any]:
    import lamella.tensor as lt
    from lamella import nn, optim

    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x, target = lt.randn(32, 8), lt.randint(0, 4, (32,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()

    return {"step": step}


def _torch_step() -> dict[str, Any]:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, target = torch.randn(32, 8), torch.randint(0, 4, (32,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()

    return {"step": step}


CASES = [
    Race("add", "x + x", ours=_ours, torch=_torch, limit=0.75),
    Race("add-grad", "y + x", ours=_ours, torch=_torch, limit=0.65),
    Race("mul-add-grad", "y * x + x", ours=_ours, torch=_torch, limit=0.65),
    Race("forward-backward-4", _STEP, ours=_ours, torch=_torch, limit=0.65),
    Race("mlp-step", "step()", ours=_our_step, torch=_torch_step, limit=0.6),
    Race("rand-8", "lib.rand(8)", ours=_ours, torch=_torch, limit=2.0),
    Race("rand-1e6", "lib.rand(1000000)", ours=_ours, torch=_torch, limit=2.0),
    Race("randn-1e6", "lib.randn(1000000)", ours=_ours, torch=_torch, limit=2.0),
    Race("dropout-1e6", "dropout(large, 0.5)", ours=_ours, torch=_torch, limit=0.6),
]
