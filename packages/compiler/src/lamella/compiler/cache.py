"""The compiled objects kept on disk: what there is, where, the C source of each, and how to throw them away."""

from ._cache import CacheError, Entry, clear, folder, source
from ._cache import entries as inspect

__all__ = ["CacheError", "Entry", "clear", "folder", "inspect", "source"]
