"""Optimizer: parameter groups, state per parameter, and both as plain values.

State is made when a parameter is added, not at the first step, so that every step is the same program. The layout of
`state_dict` is torch's: parameters are numbered through the groups, and only tensors in it are of a class of ours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from lamella.tensor import Tensor, enable_grad, no_grad

from ._group import Group
from ._load import checked_state

__all__ = ["Optimizer"]


class Optimizer(ABC):
    """Base of the optimizers.

    `params` is an iterable of tensors, of (name, tensor), or of dicts with "params" and settings of their own.
    """

    implied: ClassVar[dict[str, Any]] = {}
    """Settings of PyTorch's class that are always as given here; a saved state may carry them."""
    older: ClassVar[dict[str, Any]] = {"maximize": False}
    """What a state saved before these settings existed means."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, (Tensor, Mapping)):
            raise TypeError(
                f"{type(self).__name__} needs an iterable of tensors or of groups, got one {type(params).__name__}; "
                "put it in a list"
            )
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        given = list(params)
        if not given:
            raise ValueError(f"{type(self).__name__} got no parameters")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    @abstractmethod
    def _check(self, settings: Mapping[str, Any]) -> None:
        """Raise unless the settings of a group are of the right type and range."""

    @abstractmethod
    def _new_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        """The state of a parameter before its first step."""

    @abstractmethod
    def _update(self) -> None:
        """Move every parameter that has a gradient."""

    def _rows(self, group: Group, *names: str) -> list[tuple[Tensor, ...]]:
        """(parameter, its gradient, the named entries of its state) of every parameter with a gradient.

        The gradient is negated where the group maximizes.
        """
        rows = []
        states = self.state
        maximize = group["maximize"]
        for p in group["params"]:
            g = p.grad
            if g is not None:
                state = states[p]
                rows.append((p, -g.detach() if maximize else g, *[state[name] for name in names]))
        return rows

    def _fill_in(self, have: dict[str, Tensor], entries: dict[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG002
        """A saved state with what PyTorch does not save and without what is not kept here; `have` is a fresh one."""
        return entries

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; a closure is called first, and the loss it computes is returned."""
        loss = None
        if closure is not None:
            if not callable(closure):
                raise TypeError(f"step takes a closure to call, or nothing, got {type(closure).__name__}")
            with enable_grad():
                loss = closure()
        self._update()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or overwrite them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach().zero_()

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add tensors with settings of their own; those not given are the optimizer's."""
        owner = type(self).__name__
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise TypeError(f"{owner}: a group is a dict with 'params', got {param_group!r:.80}")
        given = param_group["params"]
        names: list[str] = []
        tensors: list[Tensor] = []
        for entry in [given] if isinstance(given, Tensor) else given:
            if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str):
                names.append(entry[0])
                entry = entry[1]
            if not isinstance(entry, Tensor):
                raise TypeError(f"{owner}: a parameter must be a tensor or (name, tensor), got {type(entry).__name__}")
            if not entry.is_leaf:
                raise ValueError(
                    f"{owner}: a parameter must be a leaf tensor, not the result of an op; "
                    "optimize what it was computed from"
                )
            if not entry.is_floating_point():
                raise TypeError(f"{owner}: a parameter must be floating, got {entry.dtype}")
            tensors.append(entry)
        if names and len(names) != len(tensors):
            raise ValueError(
                f"{owner}: name all parameters of a group or none, got {len(names)} names for {len(tensors)} tensors"
            )
        if len({id(p) for p in tensors}) != len(tensors) or any(p in self.state for p in tensors):
            raise ValueError(f"{owner}: a parameter is given twice; give every tensor once")
        settings = {k: v for k, v in param_group.items() if k != "params"}
        unknown = [k for k in settings if k not in self.defaults and k != "initial_lr"]
        if unknown:
            raise ValueError(
                f"{owner} has no setting {', '.join(map(repr, unknown))}; there are {', '.join(self.defaults)}"
            )
        settings = {**self.defaults, **settings}
        self._check(settings)
        group = Group()
        group["params"] = tensors
        if names:
            group["param_names"] = names
        for key, value in settings.items():
            group[key] = value
        with no_grad():
            fresh = {p: self._new_state(p, group) for p in tensors}
        self.state.update(fresh)
        self.param_groups.append(group)

    # -- state

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: {name: tensor}}, "param_groups": [{setting: value, "params": [number]}]}.

        The tensors share memory with the optimizer's.
        """
        groups: list[dict[str, Any]] = []
        state: dict[int, dict[str, Tensor]] = {}
        for group in self.param_groups:
            first = len(state)
            for p in group["params"]:
                state[len(state)] = {name: value.detach() for name, value in self.state[p].items()}
            plain = {k: group[k] for k in group if k not in ("params", "beta1", "beta2")}
            if "beta1" in group:
                plain["betas"] = group["betas"]
            groups.append({**plain, "params": list(range(first, len(state)))})
        return {"state": {i: entries for i, entries in state.items() if entries}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over settings and state; ValueError, and nothing changes, where groups, parameters or shapes differ."""
        groups, states = checked_state(self, state_dict)
        with no_grad():
            for group, settings in zip(self.param_groups, groups, strict=True):
                for key, value in settings.items():
                    group[key] = value
            for p, entries in states:
                mine = self.state[p]
                for name in mine.keys() - entries.keys():
                    del mine[name]
                for name, value in entries.items():
                    if name in mine:
                        mine[name].copy_(value)
                    else:
                        mine[name] = value.detach().clone()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"group {i}")
            lines += [f"    {key}: {value}" for key, value in dict.items(group) if key not in ("params", "param_names")]
        return "\n".join([*lines, ")"])
