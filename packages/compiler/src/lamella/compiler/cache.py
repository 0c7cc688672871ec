"""Looking into the per-user cache of compiled code, and emptying it."""

from __future__ import annotations

from lamella.compiler._cache import CacheError, Entry, clear, entries, folder, source

__all__ = ["CacheError", "Entry", "clear", "entries", "folder", "source"]
