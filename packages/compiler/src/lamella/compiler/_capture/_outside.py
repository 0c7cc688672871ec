"""State that a program can reach and that neither the trace nor the walk over Python objects sees: numpy's generators.

Their methods are compiled in a way that shows no call, so their states are compared before and after.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np

from ._explore import Explorer

__all__ = ["Outside"]


class Outside:
    """The states of numpy's generators before a capture."""

    def __init__(self, explorer: Explorer) -> None:
        found = [c for c in explorer.constants if isinstance(c, (np.random.Generator, np.random.RandomState))]
        if "numpy.random" in sys.modules and (explorer.everything or "random" in explorer.names):
            found.append(np.random.mtrand._rand)
        self._generators = [(g, _bits(g).state) for g in found]
        self._before = [pickle.dumps(state) for _, state in self._generators]

    def moved(self) -> bool:
        """Whether one of them has been used."""
        return any(
            pickle.dumps(_bits(g).state) != before
            for (g, _), before in zip(self._generators, self._before, strict=True)
        )

    def restore(self) -> list[str]:
        """Put them back; which were used, in words."""
        if not self.moved():
            return []
        for g, state in self._generators:
            _bits(g).state = state
        return ["a random generator of numpy was used (draw with lamella.tensor, or outside)"]


def _bits(g: Any) -> Any:
    return g.bit_generator if isinstance(g, np.random.Generator) else g._bit_generator
