"""Contracts that cross package walls: protocols, frozen records and discovery; standard library only."""

from typing import TYPE_CHECKING

from ._discover import LOADED_NS, MissingPackage, discover, first_party, missing, third_party
from ._on_demand import on_demand

if TYPE_CHECKING:
    from ._protocols import GraphExecutor, Storage
else:  # making a protocol takes a millisecond
    __getattr__ = on_demand(__name__, {"_protocols": ("GraphExecutor", "Storage")})

__version__ = "0.1.0"

__all__ = [
    "LOADED_NS",
    "GraphExecutor",
    "MissingPackage",
    "Storage",
    "__version__",
    "discover",
    "first_party",
    "missing",
    "on_demand",
    "third_party",
]
