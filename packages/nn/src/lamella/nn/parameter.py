"""Parameter, under the module name that users know."""

from ._parameter import Parameter

__all__ = ["Parameter"]
