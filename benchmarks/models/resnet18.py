"""ResNet-18 for images of 64 x 64, batch 8, SGD with momentum: many layers of few kinds."""

from __future__ import annotations

from typing import Any

__all__ = ["BATCH", "batch", "loss", "network", "optimizer"]

BATCH = 8
_WIDTHS = (64, 128, 256, 512)
_SIZE, _CLASSES = 64, 100


def network(on: Any) -> Any:
    """The model, with the scores of the classes as its result."""
    nn = on.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(after)
            self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(after)
            self.relu = nn.ReLU()
            self.down: Any = nn.Identity()
            if stride != 1 or before != after:
                self.down = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + self.down(x))

    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for i, width in enumerate(_WIDTHS):
        layers += [Block(before, width, 1 if i == 0 else 2), Block(width, width, 1)]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, _CLASSES))


def optimizer(on: Any, model: Any) -> Any:
    """SGD with momentum over all parameters."""
    return on.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)


def batch(on: Any, n: int) -> tuple[Any, Any]:
    """n images and their classes."""
    return on.lib.randn(n, 3, _SIZE, _SIZE), on.lib.randint(0, _CLASSES, (n,))


def loss(on: Any, model: Any, images: Any, labels: Any) -> Any:
    """Cross entropy of the classes."""
    return on.functional.cross_entropy(model(images), labels)
