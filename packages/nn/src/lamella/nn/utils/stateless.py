"""A call of a module with other tensors in the place of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lamella.tensor import Tensor

from .._epoch import stamp, tick
from .._module import Module

__all__ = ["functional_call"]

_ABSENT = object()


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with the tensors of one or several dicts, by dotted name, in place of its own.

    What is not named stays; the module is as it was afterwards. With tie_weights a tensor that has several names is
    replaced under all of them. With strict, RuntimeError unless exactly the names of the module are given.
    """
    if not isinstance(module, Module):
        raise TypeError(f"functional_call needs a module, got {type(module).__name__}")
    values = _merged(parameter_and_buffer_dicts)
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, values, tie_weights=tie_weights, strict=strict):
        return module(*given, **({} if kwargs is None else kwargs))


def _merged(dicts: Any) -> dict[str, Tensor]:
    several = [dicts] if isinstance(dicts, Mapping) else dicts
    if not isinstance(several, Sequence) or not all(isinstance(d, Mapping) for d in several):
        raise ValueError(f"functional_call needs a dict of tensors, or a list of dicts, got {type(dicts).__name__}")
    names = [name for d in several for name in d]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(several) > 1 else []
    if twice:
        raise ValueError(f"functional_call: {twice} stand in more than one dict")
    return {name: value for d in several for name, value in d.items()}


@contextmanager
def _reparametrize_module(
    module: Module, parameters_and_buffers: Mapping[str, Tensor], *, tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    for name, value in parameters_and_buffers.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"functional_call needs tensors, got {type(value).__name__} for {name!r}")
    own = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    values = _tied(own, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    if strict:
        _check_names(module, own, values)
    places = [(*_owner(module, name), value) for name, value in values.items()]
    undo: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for owner, name, value in places:
            state = owner.__dict__
            registry = state["_parameters"] if name in state["_parameters"] else state["_buffers"]
            for holder in (state, registry) if name in registry else (state,):
                undo.append((holder, name, holder.get(name, _ABSENT)))
                holder[name] = value
            # a program captured from the module as it was must not run for it now
            undo.append((state, "_epoch", state["_epoch"]))
            stamp(state)
        yield
    finally:
        # nothing has changed in the end: the modules have their old serials back
        for holder, name, old in reversed(undo):
            if old is _ABSENT:
                holder.pop(name, None)
            else:
                holder[name] = old
        tick()  # and programs that were captured meanwhile look again


def _owner(module: Module, dotted: str) -> tuple[Module, str]:
    path, _, name = dotted.rpartition(".")
    return module.get_submodule(path), name


def _tied(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is given, under all names that the tensors it replaces have."""
    alike: dict[int, list[str]] = {}
    for name, tensor in own.items():
        alike.setdefault(id(tensor), []).append(name)
    values = dict(given)
    for name, value in given.items():
        for twin in alike[id(own[name])] if name in own else ():
            if values.setdefault(twin, value) is not value:
                raise ValueError(
                    f"functional_call: {name!r} and {twin!r} are one tensor and got different values; give one of "
                    f"them, or say tie_weights=False"
                )
    return values


def _check_names(module: Module, own: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    found = [
        f"{what}: {', '.join(names)}"
        for what, names in (
            ("not in the module", [name for name in values if name not in own]),
            ("missing", [name for name in own if name not in values]),
        )
        if names
    ]
    if found:
        raise RuntimeError(f"functional_call: the tensors do not fit {type(module).__name__}: {'; '.join(found)}")
