"""Rows of elementwise ops of complex numbers."""

from __future__ import annotations

import torch

from integration.oracle.inputs import In
from integration.oracle.row import Row

__all__ = ["ROWS"]

ROWS = [Row("conj", torch.conj_physical, (In((7, 9)),), {})]
