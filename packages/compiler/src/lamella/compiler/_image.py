"""What a graph is compiled to, as data: the steps with their places, the host scalars, the results, and which object
holds the kernels.

An image has no addresses, no arrays and no code, so it can be kept on disk; with the graph that it was made from a
process makes a callable of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lamella.compiler._scalars import Row
from lamella.compiler._steps import LibraryCall, PythonStep, Step
from lamella.graph import Graph, TensorType
from lamella.tensor.extend import as_dtype

__all__ = ["ARENA", "Image", "Slot", "View", "numpy_dtype"]

ARENA = 0  # the arena's entry in the table of buffers


class View(NamedTuple):
    """A strided look at an array: an operand of a step that Python does.

    The array has a shape and a storage type, and begins at byte `at` of the arena, or is number `at` of the arrays that
    Python steps handed back ("held"), or of the inputs with the outputs behind them ("array"). `plain` says that it is
    looked at as it lies.
    """

    home: str
    at: int
    dtype: str
    whole: tuple[int, ...]
    plain: bool
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Slot(NamedTuple):
    """A host scalar."""

    number: int


class Image(NamedTuple):
    """A compiled graph.

    Entries of the table of buffers are the arena, the inputs that are tensors, the outputs, and what Python steps hand
    back, in this order. A pick says where a result is: ("array", position among inputs and outputs), ("held", position
    among what was handed back), ("scalar", slot) or ("constant", value).
    """

    object: str  # the key of the object with the kernels; "" where there are none
    kernels: int
    arena_bytes: int
    steps: tuple[Step, ...]
    scalars: tuple[Row, ...]
    outputs: tuple[tuple[tuple[int, ...], str], ...]
    updated: tuple[int, ...]  # inputs that are written where they lie, by position
    picks: tuple[tuple[str, Any], ...]
    errors: tuple[tuple[type[Exception], tuple[str, ...]], ...]  # what a step's code raises
    together: tuple[tuple[int, int], ...] = ()  # launches that run side by side: the first, and how many

    @property
    def objects(self) -> list[str]:
        """The keys of all objects that its code is in, but for the runtime's."""
        homes = [step.home for step in self.steps if isinstance(step, LibraryCall)]
        return [key for key in dict.fromkeys((self.object, *homes)) if key]

    @property
    def held(self) -> list[tuple[tuple[int, ...], str]]:
        """What Python steps hand back, in order."""
        return [result for step in self.steps if isinstance(step, PythonStep) for result in step.results]


def entries_of(graph: Graph) -> list[int | None]:
    """The entry of each input in the table of buffers; None for host scalars."""
    found: list[int | None] = []
    at = ARENA + 1
    for value in graph.inputs:
        tensor = isinstance(value.type, TensorType)
        found.append(at if tensor else None)
        at += tensor
    return found


def numpy_dtype(short: str) -> np.dtype[Any]:
    """The numpy dtype of a storage type's word."""
    return as_dtype(short).numpy
