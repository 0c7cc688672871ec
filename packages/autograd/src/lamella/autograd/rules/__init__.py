"""The derivative and batching rules of tensor's written op set; importing this package registers them."""

from . import batch, jvp, vjp
from ._exempt import EXEMPT

__all__ = ["EXEMPT", "batch", "jvp", "vjp"]
