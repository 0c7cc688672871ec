"""A network of three convolutions (3-32-64-128) with BatchNorm, batch 64 x 3 x 32 x 32, SGD with momentum; nothing
compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from benchmarks.models import library

__all__ = ["build"]

_CHANNELS = (3, 32, 64, 128)
_BATCH, _SIZE, _CLASSES = 64, 32, 10


def _model(nn: Any) -> Any:
    layers = []
    for before, after in pairwise(_CHANNELS):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    side = _SIZE >> (len(_CHANNELS) - 1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(_CHANNELS[-1] * side * side, _CLASSES))


def build(name: str) -> Callable[[], float]:
    """One step of training with the library "lamella" or "torch"; it returns the loss."""
    on = library(name)
    on.lib.manual_seed(0)
    model = _model(on.nn)
    optimizer = on.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    images, labels = on.lib.randn(_BATCH, _CHANNELS[0], _SIZE, _SIZE), on.lib.randint(0, _CLASSES, (_BATCH,))

    def step() -> float:
        optimizer.zero_grad()
        loss = on.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step
