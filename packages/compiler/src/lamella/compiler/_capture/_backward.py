"""The compiled backward of a compiled forward: traced once, beside it, and hung on its results at each call.

Residuals are outputs of the forward graph. Beside them a call keeps the versions of the memory that single ops would
have saved (`_saved`), for each result apart: a write before backward is noticed as it is uncompiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamella.autograd import Function, FunctionContext
from lamella.autograd.extend import GraphFreedError, leading_to, walk
from lamella.graph import (
    CaptureError,
    Graph,
    Trace,
    Value,
    bound,
    cse,
    dce,
    fold_constants,
    fold_scalars,
    join_pads,
    run_passes,
    simplify,
)
from lamella.tensor import Tensor
from lamella.tensor.extend import INFERENCE, LEVEL, tls, wrap

from ._again import Again, again_of, differentiated_again, has_hooks
from ._explore import Explorer
from ._fetch import Fetched
from ._results import Results
from ._saved import Place, PlaceOf, Saved, cells_of, lying_in, uses_of

__all__ = ["PASSES", "Backward", "Joint", "Spent", "trace_backward"]

PASSES = (dce, fold_scalars, fold_constants, simplify, join_pads, cse, dce)
Run = Callable[[list[Any]], list[Any]]


class Backward:
    """Cotangents and residuals in, gradients of the fetched tensors `targets` out."""

    __slots__ = ("again", "beside", "first", "graph", "lying", "made", "name", "places", "run", "targets", "watched")

    def __init__(
        self,
        name: str,
        graph: Graph | None,
        run: Run,
        made: list[int],
        targets: list[int],
        first: int = 0,
        lying: Sequence[Place | None] = (),
        watched: Sequence[frozenset[Place]] = (),
        beside: Backward | None = None,
        again: Again | None = None,
    ) -> None:
        self.name = name
        self.graph = graph  # None where going backward raises
        self.run = run
        self.made = made  # which made results carry gradients
        self.targets = targets
        self.first = first  # position of the first residual among the outputs
        self.lying = lying  # for each residual, the memory of a user's that it may share, though no op saved that
        self.places = list(dict.fromkeys(place for places in watched for place in places))
        # for each made result the memory that must not be written before its backward
        self.watched = [tuple([self.places.index(place) for place in places]) for places in watched]
        self.beside = beside  # the backward of other results, which raises
        self.again = again  # how a second derivative is taken

    def connect(self, made: list[Tensor], values: list[Any], fetched: list[Tensor], inputs: Sequence[Any]) -> None:
        """Put tensors with a history in the place of the made results that carry gradients."""
        saved: list[Any] = []
        for i, place in enumerate(self.lying):
            value = values[self.first + i]
            if type(value) is not np.ndarray:
                saved.append(value)  # a number: a seed, an offset, a learning rate
                continue
            if place is not None and np.may_share_memory(value, place.tensor(fetched, made)._data):
                value = value.copy()
            saved.append(wrap(value))
        tensors: list[Tensor | None] = [s for s in saved if isinstance(s, Tensor)]
        residuals = [None if isinstance(s, Tensor) else s for s in saved]
        tensors += [place.witness(fetched, made) for place in self.places]
        once_more = () if self.again is None else [fetched[at] for _, at in self.again.tensors]
        usable = not any(t._flags & INFERENCE for t in once_more)
        numbers = [inputs[at] for _, at in self.again.numbers] if self.again is not None and usable else None
        if self.beside is not None:
            self.beside.connect(made, values, fetched, inputs)
        outs = [made[i] for i in self.made]
        call = _Call(self, residuals, len(tensors), numbers, [(o._data.shape, o._data.dtype) for o in outs])
        if numbers is not None:
            tensors += once_more
        for i, t in zip(
            self.made, CompiledCall.apply(call, tensors, outs, *[fetched[i] for i in self.targets]), strict=True
        ):
            made[i] = t


class _Call(NamedTuple):
    """What a call leaves for its backward beside tensors."""

    program: Backward
    residuals: list[Any]  # those that are numbers; None for tensors
    needed: int  # how many of the saved tensors the compiled backward needs: residuals, then witnesses
    numbers: list[Any] | None  # inputs that are numbers, for a second derivative; None where there can be none
    metas: list[tuple[tuple[int, ...], Any]]  # shapes and dtypes of the results


class CompiledCall(Function):
    """Hangs the compiled backward on results that exist already."""

    @staticmethod
    def forward(ctx: FunctionContext, call: _Call, tensors: list[Tensor | None], outs: list[Tensor], *_: Tensor) -> Any:
        """The results themselves, under handles of their own."""
