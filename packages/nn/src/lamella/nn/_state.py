"""Module state as a dict of tensors by dotted name, and back.

Loading looks at everything before it writes anything: every module notes what it found (`take_own`), then one error
lists all mismatches, and the module is as it was; or all is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lamella.tensor import Tensor, no_grad

from ._parameter import Parameter

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["LoadResult", "load_into", "save_own", "state_of", "take_own"]

_EXTRA = "_extra_state"


class LoadResult(NamedTuple):
    """Names that did not meet; both lists are empty after a strict load."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"LoadResult(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    def __str__(self) -> str:
        return repr(self)


def state_of(module: Module, state: dict[str, Any], prefix: str, keep_vars: bool) -> dict[str, Any]:
    """See Module.state_dict."""
    local: dict[str, Any] = {"version": module._version}
    if hasattr(state, "__dict__"):
        state.__dict__.setdefault("_metadata", {})[prefix[:-1]] = local
    for (hook,) in list(module._state_dict_pre_hooks.values()):
        hook(module, prefix, keep_vars)
    module._save_to_state_dict(state, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for (hook,) in list(module._state_dict_hooks.values()):
        if hook(module, state, prefix, local) is not None:
            raise RuntimeError("a hook of state_dict must return None; it may change the dict it was given")
    return state


def _own(module: Module) -> dict[str, Tensor]:
    """Parameters, then persistent buffers."""
    own = {name: p for name, p in module._parameters.items() if p is not None}
    kept = {name: b for name, b in module._buffers.items() if b is not None and name not in module._transient}
    return {**own, **kept}


def _has_extra(module: Module, function: str) -> bool:
    from ._module import Module

    return getattr(type(module), function) is not getattr(Module, function)


def save_own(module: Module, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
    """See Module._save_to_state_dict."""
    for name, value in _own(module).items():
        destination[prefix + name] = value if keep_vars else value.detach()
    if _has_extra(module, "get_extra_state"):
        destination[prefix + _EXTRA] = module.get_extra_state()


class _Load:
    """One load_state_dict: what is to be written, and what does not fit."""

    def __init__(self, metadata: Mapping[str, Any], assign: bool) -> None:
        self.metadata = metadata
        self.assign = assign
        self.writes: list[Callable[[], None]] = []
        self.problems: list[str] = []
        self.result = LoadResult([], [])
        self.post_hooks: list[tuple[Any, Module]] = []

    def walk(self, module: Module, state: dict[str, Any], prefix: str) -> None:
        local = {**self.metadata.get(prefix[:-1], {}), "assign_to_params_buffers": self.assign, "_writes": self.writes}
        missing, unexpected = self.result
        for hook, with_module in list(module._load_state_dict_pre_hooks.values()):
            given = (state, prefix, local, True, missing, unexpected, self.problems)
            hook(*((module, *given) if with_module else given))
        module._load_from_state_dict(state, prefix, local, True, missing, unexpected, self.problems)
        for name, child in module._modules.items():
            if child is not None:
                lead = f"{prefix}{name}."
                self.walk(child, {key: value for key, value in state.items() if key.startswith(lead)}, lead)
        self.post_hooks += [(hook, module) for (hook,) in module._load_state_dict_post_hooks.values()]

    def mismatches(self, strict: bool) -> list[str]:
        found = []
        if strict and self.result.missing_keys:
            found.append(f"missing from the state: {_listed(self.result.missing_keys)}")
        if strict and self.result.unexpected_keys:
            found.append(f"not in the module: {_listed(self.result.unexpected_keys)}")
        return found


def load_into(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> LoadResult:
    """See Module.load_state_dict."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict needs a mapping of names to tensors, got {type(state).__name__}")
    for key in state:
        if not isinstance(key, str):
            raise TypeError(f"load_state_dict needs names that are str, got the key {key!r}")
    load = _Load(getattr(state, "_metadata", None) or {}, assign)
    load.walk(module, dict(state), "")
    if load.problems or (load.mismatches(strict) and not load.post_hooks):
        raise _refusal(module, load.mismatches(strict), load.problems)
    with no_grad():
        for write in load.writes:
            write()
    for hook, owner in load.post_hooks:
        if hook(owner, load.result) is not None:
            raise RuntimeError("a post-hook of load_state_dict must return None; it may change the lists it was given")
    if load.mismatches(strict):
        raise _refusal(module, load.mismatches(strict), [])
    return load.result


def _refusal(module: Module, mismatches: list[str], problems: list[str]) -> RuntimeError:
    advice = "; strict=False accepts missing and unexpected names" if mismatches else ""
    return RuntimeError(
        f"the state does not fit {type(module).__name__}: " + "; ".join([*mismatches, *problems]) + advice
    )


def take_own(
    module: Module,
    state: dict[str, Any],
    prefix: str,
    local: dict[str, Any],
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    problems: list[str],
) -> None:
    """See Module._load_from_state_dict."""
    own = _own(module)
    writes, assign = local["_writes"], local["assign_to_params_buffers"]
    for name, have in own.items():
        key = prefix + name
        if key not in state:
            if strict:
                missing.append(key)
            continue
        value = state[key]
        if not have.shape and getattr(value, "shape", None) == (1,):
            value = value[0]  # how numbers were saved before there were tensors without dims
        problem = _problem(key, have, value)
        if problem is None:
            writes.append(lambda name=name, value=value: _put(module, name, value, assign))
        else:
            problems.append(problem)
    extra = prefix + _EXTRA
    takes_extra = _has_extra(module, "set_extra_state")
    if takes_extra and extra in state:
        writes.append(lambda: module.set_extra_state(state[extra]))
    elif takes_extra and strict:
        missing.append(extra)
    if strict:
        unexpected += [key for key in state if _is_stray(key, prefix, own, module, takes_extra)]


def _is_stray(key: str, prefix: str, own: Mapping[str, Any], module: Module, takes_extra: bool) -> bool:
    if not key.startswith(prefix):
        return False
    name, _, below = key[len(prefix) :].partition(".")
    if below:
        return module._modules.get(name) is None
    return not (takes_extra if name == _EXTRA else name in own)


def _problem(key: str, have: Tensor, new: Any) -> str | None:
    if not isinstance(new, Tensor):
        return f"{key} is a {type(new).__name__}, expected a tensor of shape {have.shape}"
    if new.shape != have.shape:
        return f"{key} has shape {new.shape}, expected {have.shape}"
    if have.dtype.category < new.dtype.category:
        return f"{key} is {new.dtype}, which does not fit {have.dtype}"
    return None


def _put(owner: Module, name: str, value: Tensor, assign: bool) -> None:
    have = owner.__dict__[name]
    if not assign:
        have.copy_(value)
        return
    if isinstance(have, Parameter):
        if not isinstance(value, Parameter):
            value = Parameter(value, bool(have.requires_grad))
        else:
            value.requires_grad_(have.requires_grad)
    setattr(owner, name, value)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
