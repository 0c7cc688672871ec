"""The compiler of functions, found by `interfaces.discover("programs")`: what a module compiled in place runs."""

from lamella.compiler._capture import compile

__all__ = ["compile"]
