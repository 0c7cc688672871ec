"""The loader: orders cut into steps, steps dealt to ranks and workers, and batches of Tensors in an order that is a
function of (seed, epoch, step).
"""

from lamella.data._loader._device import DevicePrefetcher, prefetch_to_device
from lamella.data._loader._fetch import Skipped
from lamella.data._loader._loader import DataLoader
from lamella.data._loader._stall import StallReport

__all__ = ["DataLoader", "DevicePrefetcher", "Skipped", "StallReport", "prefetch_to_device"]
