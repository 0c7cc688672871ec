"""States of streams: small plain data (numbers, text, lists, dicts), checked when they come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

State: TypeAlias = dict[str, Any]


def read_state(owner: str, state: object, *names: str) -> list[Any]:
    """The entries `names` of a state; ValueError if it is one of another pipeline."""
    if not isinstance(state, Mapping) or set(state) != set(names):
        given = sorted(map(str, state)) if isinstance(state, Mapping) else repr(state)
        raise ValueError(
            f"{owner}: expected a state with {sorted(names)}, got {given}; a state continues only the pipeline that "
            "gave it"
        )
    return [state[name] for name in names]
