"""Looking at a saved optimizer state before anything is taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamella.tensor import Tensor

from ._group import Group

if TYPE_CHECKING:
    from ._optimizer import Optimizer

__all__ = ["checked_state"]

_NAMES = ("params", "param_names")


def checked_state(
    optimizer: Optimizer, saved: Any
) -> tuple[list[dict[str, Any]], list[tuple[Tensor, dict[str, Tensor]]]]:
    """(settings per group, [(parameter, its state)]); ValueError or TypeError naming what does not fit."""
    owner = f"{type(optimizer).__name__}.load_state_dict"
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        raise TypeError(f"{owner} needs what state_dict() returned, a dict with 'state' and 'param_groups'")
    groups = saved["param_groups"]
    if len(groups) != len(optimizer.param_groups):
        raise ValueError(
            f"{owner}: the state has {len(groups)} parameter groups, this optimizer {len(optimizer.param_groups)}"
        )
    settings: list[dict[str, Any]] = []
    states: list[tuple[Tensor, dict[str, Tensor]]] = []
    for i, (group, saved_group) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        given = {**optimizer.older, **saved_group}
        params = group["params"]
        if len(given["params"]) != len(params):
            raise ValueError(
                f"{owner}: group {i} has {len(given['params'])} parameters in the state and {len(params)} here"
            )
        known = {*optimizer.defaults, "initial_lr"}
        # PyTorch writes switches that are off here (amsgrad, foreach, ...) or that this class implies
        foreign = {k: v for k, v in given.items() if k not in known and k not in _NAMES}
        unknown = [k for k, v in foreign.items() if v and v != optimizer.implied.get(k)]
        missing = [k for k in optimizer.defaults if k not in given]
        if unknown or missing:
            raise ValueError(
                f"{owner}: the settings of group {i} do not fit: unknown {unknown}, missing {missing}; "
                "was it another optimizer's?"
            )
        settings.append({k: v for k, v in given.items() if k in known})
        optimizer._check(settings[-1])
        loaded = Group(settings[-1])
        for number, p in zip(given["params"], params, strict=True):
            have = optimizer._new_state(p, loaded)
            states.append((p, _entries(optimizer, owner, number, have, saved["state"].get(number, {}))))
    return settings, states


def _entries(
    optimizer: Optimizer, owner: str, number: int, have: dict[str, Tensor], entries: Mapping[str, Any]
) -> dict[str, Tensor]:
    """The entries for a parameter whose state under the loaded settings would start as `have`."""
    entries = optimizer._fill_in(have, {name: value for name, value in entries.items() if value is not None})
    if set(entries) != set(have):
        raise ValueError(f"{owner}: parameter {number} has the state {sorted(entries)}, expected {sorted(have)}")
    for name, value in entries.items():
        if not isinstance(value, Tensor) or value.shape != have[name].shape:
            got = value.shape if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(
                f"{owner}: {name} of parameter {number} is {got}, expected a tensor of shape {have[name].shape}"
            )
    return entries
