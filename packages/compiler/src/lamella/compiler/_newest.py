"""A dict of what was made last: who holds one thing for each set of sizes must not grow with the sizes it meets."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")

MOST = 64


def with_newest(held: Mapping[Key, Item], key: Key, item: Item, most: int = MOST) -> dict[Key, Item]:
    """A new dict with one item more, and without the oldest where there are more than `most`."""
    kept = dict(list(held.items())[-most + 1 :])
    kept[key] = item
    return kept
