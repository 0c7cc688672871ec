"""The written op set: declarations, shape rules and numpy kernels, one file per family."""

from . import (
    activation,
    composite,
    convolution,
    creation,
    elementwise,
    indexing,
    movement,
    pooling,
    reduction,
    resample,
    scalar,
    scan,
    searching,
    sorting,
    statistics,
    update,
)

__all__ = [
    "activation",
    "composite",
    "convolution",
    "creation",
    "elementwise",
    "indexing",
    "movement",
    "pooling",
    "reduction",
    "resample",
    "scalar",
    "scan",
    "searching",
    "sorting",
    "statistics",
    "update",
]
