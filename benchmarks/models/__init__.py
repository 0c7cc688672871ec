"""Training programs that are written once and run with either library: `build(library)` gives the step of one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

__all__ = ["library"]


def library(name: str) -> Any:
    """The modules of "lamella" or "torch" under one set of names: `lib` (functions), `nn`, `functional`, `optim`."""
    if name == "torch":
        import torch

        return SimpleNamespace(lib=torch, nn=torch.nn, functional=torch.nn.functional, optim=torch.optim)
    if name == "lamella":
        import lamella.tensor as lt
        from lamella import nn, optim

        return SimpleNamespace(lib=lt, nn=nn, functional=nn.functional, optim=optim)
    raise ValueError(f"library is 'lamella' or 'torch', got {name!r}")
