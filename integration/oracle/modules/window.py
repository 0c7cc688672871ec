"""Convolution, pooling and resizing modules."""

from __future__ import annotations

from integration.oracle.inputs import In
from integration.oracle.module_row import ModuleRow

__all__ = ["ROWS"]

ROWS = [
    ModuleRow("nn.Conv2d(4, 6, 3)", (In((2, 4, 7, 6)),)),
    ModuleRow("nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=2, groups=2)", (In((2, 4, 9, 8)),)),
    ModuleRow("nn.Conv2d(4, 6, 3, padding='same', bias=False)", (In((4, 5, 6)),)),
]
