"""A network of three convolutions (3-32-64-128) with BatchNorm, batch 64 x 3 x 32 x 32, SGD with momentum."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

__all__ = ["BATCH", "batch", "loss", "network", "optimizer"]

BATCH = 64
_CHANNELS = (3, 32, 64, 128)
_SIZE, _CLASSES = 32, 10


def network(on: Any) -> Any:
    """The model, with the scores of the classes as its result."""
    nn, layers = on.nn, []
    for before, after in pairwise(_CHANNELS):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    side = _SIZE >> (len(_CHANNELS) - 1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(_CHANNELS[-1] * side * side, _CLASSES))


def optimizer(on: Any, model: Any) -> Any:
    """SGD with momentum over all parameters."""
    return on.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)


def batch(on: Any, n: int) -> tuple[Any, Any]:
    """n images and their classes."""
    return on.lib.randn(n, _CHANNELS[0], _SIZE, _SIZE), on.lib.randint(0, _CLASSES, (n,))


def loss(on: Any, model: Any, images: Any, labels: Any) -> Any:
    """Cross entropy of the classes."""
    return on.functional.cross_entropy(model(images), labels)
