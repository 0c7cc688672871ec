"""The derivative and batching rules of tensor's written op set; importing this package registers them."""

from . import batch, jvp, vjp
from ._families import exempt

EXEMPT = exempt()

__all__ = ["EXEMPT", "batch", "jvp", "vjp"]
