"""A loader's position as a few numbers and texts, and what must be equal for it to mean the same order again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lamella.data._arguments import check_int, check_seed
from lamella.data._loader._source import Progress

VERSION = 1
_OWNER = "DataLoader.load_state_dict"
# What says which order it is: any change refuses the state.
_IDENTITY = ("version", "drop_last", "order", "dataset")


@dataclass(slots=True)
class Place:
    """Where a pass stands: its epoch and progress, and what its order was drawn from."""

    epoch: int = 0
    progress: Progress = field(default_factory=Progress)
    begun: bool = False  # whether a pass over the epoch has been handed out: the next one takes the epoch after it
    drawn: tuple[int, int] | None = None  # (seed, slot) of a generator that this pass has taken
    sampler: Any = None  # the state of a sampler of the user's own when this pass began

    def mark(self) -> Place:
        """The same as it stands now."""
        return Place(self.epoch, self.progress.copy(), self.begun, self.drawn, self.sampler)


def check_state(state: Mapping[str, Any], here: Mapping[str, Any], keys: int | None) -> Place:
    """The place that `state` tells of, if it continues in the loader whose own state is `here`.

    ValueError where it does not. Other ranks or workers are no obstacle, nor another batch size if the ranks together
    still take as many records in a step. `keys`: how many the order has, where that is known.
    """
    if set(state) != set(here):
        raise ValueError(f"{_OWNER}: expected a state with keys {sorted(here)}, got {sorted(map(str, state))}")
    for name in _IDENTITY:
        if state[name] != here[name]:
            _refuse(name, state, here)
    world = check_int(_OWNER, "world", state["world"], 1)
    saved, now = state["batch_size"], here["batch_size"]
    if saved != now and (saved is None or now is None or saved * world != now * here["world"]):
        _refuse("batch_size", state, here)
    most = None if keys is None else -(-keys // min(saved or 1, now or 1))  # steps of a rank that is alone
    step = check_int(_OWNER, "step", state["step"], 0, most)
    position = check_int(_OWNER, "position", state["position"], 0, keys)
    ahead = {check_int(_OWNER, "ahead", number, step): int(reached) for number, reached in state["ahead"]}
    if ahead and (world != here["world"] or saved != now):
        raise ValueError(
            f"{_OWNER}: with in_order=False batches {sorted(ahead)} were given before their turn on one of {world} "
            f"ranks; such a state continues on {world} ranks only, here are {here['world']}"
        )
    drawn = state["drawn"]
    return Place(
        check_int(_OWNER, "epoch", state["epoch"], 0),
        Progress(step, position, ahead, state["stream"]),
        False,
        None if drawn is None else (check_seed(_OWNER, drawn[0]), check_seed(_OWNER, drawn[1])),
        state["sampler"],
    )


def _refuse(name: str, state: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    raise ValueError(
        f"{_OWNER}: {name} was {state[name]!r} when the state was saved and is {here[name]!r} now; the saved order "
        "cannot be continued"
    )
