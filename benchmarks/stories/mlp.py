"""An eager training step of a network large enough that matrix products matter: 784-1024-1024-10, batch 256, SGD."""

from __future__ import annotations

from typing import Any

from benchmarks._case import Race

__all__ = ["CASES"]

_WIDTHS = (784, 1024, 1024, 10)
_BATCH = 256


def _ours() -> dict[str, Any]:
    import lamella.tensor as lt
    from lamella import nn, optim

    a, b, c, d = _WIDTHS
    model = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))
    optimizer = optim.SGD(model.parameters(), lr=1e-2)
    x, target = lt.randn(_BATCH, a), lt.randint(0, d, (_BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()

    return {"step": step}


def _torch() -> dict[str, Any]:
    import torch
    from torch import nn

    a, b, c, d = _WIDTHS
    model = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    x, target = torch.randn(_BATCH, a), torch.randint(0, d, (_BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()

    return {"step": step}


def _our_product() -> dict[str, Any]:
    import lamella.tensor as lt

    return {"a": lt.randn(_BATCH, 1024), "b": lt.randn(1024, 1024)}


def _torch_product() -> dict[str, Any]:
    import torch

    return {"a": torch.randn(_BATCH, 1024), "b": torch.randn(1024, 1024)}


CASES = [
    Race("train-step", "step()", ours=_ours, torch=_torch, limit=0.8, unit="ms"),
    # One of the step's products alone: how much of the step's ratio is the BLAS library's doing.
    Race("matmul", "a @ b", ours=_our_product, torch=_torch_product, limit=None, unit="ms"),
]
