"""784-1024-1024-10 with ReLU, batch 256, SGD: large enough that matrix products matter."""

from __future__ import annotations

from typing import Any

__all__ = ["BATCH", "WIDTHS", "batch", "loss", "network", "optimizer"]

BATCH = 256
WIDTHS = (784, 1024, 1024, 10)


def network(on: Any) -> Any:
    """The model, with the scores of the classes as its result."""
    nn, (a, b, c, d) = on.nn, WIDTHS
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))


def optimizer(on: Any, model: Any) -> Any:
    """Plain SGD over all parameters."""
    return on.optim.SGD(model.parameters(), lr=1e-2)


def batch(on: Any, n: int) -> tuple[Any, Any]:
    """n rows and their classes."""
    return on.lib.randn(n, WIDTHS[0]), on.lib.randint(0, WIDTHS[-1], (n,))


def loss(on: Any, model: Any, x: Any, labels: Any) -> Any:
    """Cross entropy of the classes."""
    return on.functional.cross_entropy(model(x), labels)
