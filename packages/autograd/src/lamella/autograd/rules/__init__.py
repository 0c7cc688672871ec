"""The derivative and batching rules of tensor's written op set; importing this package registers them."""

from . import batch, jvp, vjp

__all__ = ["batch", "jvp", "vjp"]
