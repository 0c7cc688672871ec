"""freeze(): a module for inference, compiled over weights that it holds as constants.

The frozen module is a copy, as the module was when it was frozen: later changes are not seen. Batch
norms are folded into the convolutions and linear layers before them, so results agree within tolerance, not in every
bit. Gradients are not recorded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from lamella.graph import CaptureError, Graph
from lamella.graph import freeze as freeze_graph
from lamella.tensor import no_grad

from ._function import CompiledFunction

__all__ = ["FrozenModule", "freeze"]

Run = Callable[[list[Any]], list[Any]]


def freeze(module: Any, *, dynamic: bool | None = None, backend: str = "c") -> FrozenModule:
    """A module in eval mode as a compiled function of its inputs, its parameters and buffers constants from now on.

    ValueError for a module of which a part is in training mode, TypeError for anything else than a module; `dynamic`
    and `backend` as in `compile`. A call whose program changes state, such as a running statistic, raises CaptureError.
    """
    if not all(hasattr(module, name) for name in ("named_modules", "parameters", "buffers")):
        raise TypeError(f"freeze needs a module, got {type(module).__name__}; compile() takes functions")
    training = [name or type(module).__name__ for name, part in module.named_modules() if part.training]
    if training:
        raise ValueError(f"freeze needs a module in eval mode, {training[0]} is in training mode; call .eval() first")
    return FrozenModule(module, dynamic, backend)


class FrozenModule:
    """What `freeze` returns; it is called like the module, and its results never require grad."""

    def __init__(self, module: Any, dynamic: bool | None, backend: str) -> None:
        own = copy.deepcopy(module)
        self._compiled = CompiledFunction(
            own, backend, True, dynamic, frozen=Frozen([*own.parameters(), *own.buffers()])
        )

    @property
    def compiled(self) -> CompiledFunction:
        """The compiled function behind it, for `explain`."""
        return self._compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result for these inputs, without a history."""
        with no_grad():
            return self._compiled(*args, **kwargs)


class Frozen:
    """The weights of a frozen module, and how programs are compiled over them."""

    def __init__(self, tensors: Iterable[Any]) -> None:
        self._held = {id(t._data): t._data for t in tensors if isinstance(t._data, np.ndarray)}

    def weights(self, tensors: Mapping[int, Any]) -> dict[int, Any]:
        """Those of some tensors that are constants."""
        return {i: t for i, t in tensors.items() if id(t._data) in self._held}

    def compiled(
        self, graph: Graph, tensors: Mapping[int, Any], compile_graph: Callable[[Graph], Run]
    ) -> tuple[Graph, Run]:
        """(the frozen graph, its executable over the inputs of `graph`); `tensors` are the inputs by id.

        CaptureError for a graph with effects.
        """
        if graph.effects:
            raise CaptureError(
                f"a frozen module cannot change anything, and a call of {graph.name} ends in `{graph.effects[0]!r}`: "
                "keep it in eval mode, or compile() it"
            )
        constants = {}
        for i, v in enumerate(graph.inputs):
            older = tensors.get(v.id)
            if older is not None and id(older._data) in self._held:
                constants[i] = self._held[id(older._data)]
        frozen, arrays = freeze_graph(graph, constants)
        return frozen, _FrozenRun(
            compile_graph(frozen), [i for i in range(len(graph.inputs)) if i not in constants], arrays
        )


class _FrozenRun:
    """An executable over the inputs of the graph that was frozen."""

    __slots__ = ("_arrays", "_given", "_run")

    def __init__(self, run: Run, given: list[int], arrays: list[Any]) -> None:
        self._run = run
        self._given = given
        self._arrays = arrays

    def __call__(self, inputs: list[Any]) -> list[Any]:
        return self._run([*[inputs[i] for i in self._given], *self._arrays])

    def explain(self, measure: bool = False) -> str:
        """The account of the executable, if it gives one."""
        explain = getattr(self._run, "explain", None)
        account = "runs on the interpreter" if explain is None else explain(measure)
        return f"frozen over {len(self._arrays)} constants, {account}"
