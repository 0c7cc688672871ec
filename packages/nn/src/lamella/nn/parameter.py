"""Parameter and Buffer, under the module name that users know."""

from ._parameter import Buffer, Parameter

__all__ = ["Buffer", "Parameter"]
