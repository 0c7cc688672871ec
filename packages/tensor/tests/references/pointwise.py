"""References in float64 of elementwise ops of complex numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

REFERENCE: dict[str, Callable[..., Any]] = {"conj": np.conjugate}
