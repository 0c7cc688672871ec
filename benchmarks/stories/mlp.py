"""An eager training step of a network large enough that matrix products matter: 784-1024-1024-10, batch 256, SGD."""

from __future__ import annotations

from typing import Any

from benchmarks._case import Race
from benchmarks._contest import lazily
from benchmarks.models import training_step
from benchmarks.models.mlp import BATCH

__all__ = ["CASES"]


def _our_product() -> dict[str, Any]:
    import lamella.tensor as lt

    return {"a": lt.randn(BATCH, 1024), "b": lt.randn(1024, 1024)}


def _torch_product() -> dict[str, Any]:
    import torch

    return {"a": torch.randn(BATCH, 1024), "b": torch.randn(1024, 1024)}


_STEP = (training_step, "mlp")

CASES = [
    Race("train-step", "step()", ours=lazily(*_STEP, "lamella"), torch=lazily(*_STEP, "torch"), limit=0.8, unit="ms"),
    # One of the step's products alone: how much of the step's ratio is the BLAS library's doing.
    Race("matmul", "a @ b", ours=_our_product, torch=_torch_product, limit=None, unit="ms"),
]
