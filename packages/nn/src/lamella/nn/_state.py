"""Module state as a plain dict of tensors by dotted name, and back.

Loading looks at everything before it writes anything: a state that does not fit raises one error that lists all
mismatches, and the module is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lamella.tensor import Tensor, no_grad

from ._parameter import Parameter

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["LoadResult", "load_into", "state_of"]


class LoadResult(NamedTuple):
    """Names that did not meet; both lists are empty after a strict load."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def _entries(module: Module, prefix: str) -> Iterator[tuple[str, Module, str]]:
    # (dotted name, owner, its own name): parameters, then persistent buffers, then the submodules in order, tied ones
    # under each of their names
    for name, p in module._parameters.items():
        if p is not None:
            yield prefix + name, module, name
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._transient:
            yield prefix + name, module, name
    for name, child in module._modules.items():
        if child is not None:
            yield from _entries(child, f"{prefix}{name}.")


def state_of(module: Module, prefix: str, keep_vars: bool) -> dict[str, Tensor]:
    """See Module.state_dict."""
    state: dict[str, Tensor] = {}
    for key, owner, name in _entries(module, prefix):
        value = owner.__dict__[name]
        state[key] = value if keep_vars else value.detach()
    return state


def load_into(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> LoadResult:
    """See Module.load_state_dict."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict needs a mapping of names to tensors, got {type(state).__name__}")
    entries = list(_entries(module, ""))
    names = {key for key, _, _ in entries}
    result = LoadResult([key for key, _, _ in entries if key not in state], [key for key in state if key not in names])
    problems = []
    if strict and result.missing_keys:
        problems.append(f"missing from the state: {_listed(result.missing_keys)}")
    if strict and result.unexpected_keys:
        problems.append(f"not in the module: {_listed(result.unexpected_keys)}")
    for key, owner, name in entries:
        if key not in state:
            continue
        have, new = owner.__dict__[name], state[key]
        if not isinstance(new, Tensor):
            problems.append(f"{key} is a {type(new).__name__}, expected a tensor of shape {have.shape}")
        elif new.shape != have.shape:
            problems.append(f"{key} has shape {new.shape}, expected {have.shape}")
        elif have.dtype.category < new.dtype.category:
            problems.append(f"{key} is {new.dtype}, which does not fit {have.dtype}")
    if problems:
        advice = (
            "; strict=False accepts missing and unexpected names"
            if strict and (result.missing_keys or result.unexpected_keys)
            else ""
        )
        raise RuntimeError(f"the state does not fit {type(module).__name__}: " + "; ".join(problems) + advice)
    with no_grad():
        for key, owner, name in entries:
            if key in state:
                _put(owner, name, state[key], assign)
    return result


def _put(owner: Module, name: str, value: Tensor, assign: bool) -> None:
    have = owner.__dict__[name]
    if not assign:
        have.copy_(value)
        return
    if isinstance(have, Parameter) and not isinstance(value, Parameter):
        value = Parameter(value, bool(have.requires_grad))
    setattr(owner, name, value)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
