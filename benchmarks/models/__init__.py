"""Networks that are written once and run with either library, and steps of training and inference made of them.

A file is a network: `network(on)`, `optimizer(on, model)`, `batch(on, n)` with inputs and targets, and `loss(on, model,
inputs, targets)`, with `on` the modules of one library. What JAX runs is in `in_jax.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

__all__ = ["MODELS", "inference_step", "library", "training_step"]

MODELS = ("gpt", "cnn", "mlp", "lstm")


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


def training_step(model: str, name: str, compiled: Callable[[Any], Any] | None = None) -> Callable[[], float]:
    """A step of training of a model with the library "lamella" or "torch"; it returns the loss.

    `compiled` is applied to the function that gives the loss (as torch.compile asks), and to the optimizer's step.
    """
    on, of = library(name), importlib.import_module(f"benchmarks.models.{model}")
    on.lib.manual_seed(0)
    network = of.network(on)
    optimizer = of.optimizer(on, network)
    inputs, targets = of.batch(on, of.BATCH)

    def loss_of(inputs: Any, targets: Any) -> Any:
        return of.loss(on, network, inputs, targets)

    update = optimizer.step
    if compiled is not None:
        loss_of, update = compiled(loss_of), compiled(update)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(inputs, targets)
        loss.backward()
        update()
        return float(loss.item())

    return step


def inference_step(
    model: str, name: str, batch: int, compiled: Callable[[Any], Any] | None = None
) -> Callable[[], Any]:
    """A forward pass of a model in evaluation mode, without gradients, on `batch` examples; it returns the scores."""
    on, of = library(name), importlib.import_module(f"benchmarks.models.{model}")
    on.lib.manual_seed(0)
    network = of.network(on).eval()
    inputs, _ = of.batch(on, batch)

    def predict(inputs: Any) -> Any:
        with on.lib.no_grad():
            return network(inputs)

    if compiled is not None:
        predict = compiled(predict)
    return lambda: predict(inputs)
