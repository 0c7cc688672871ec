"""How the memory of traced values will lie, which decides whether a reshape is a view or a copy.

An input is row-major or not, as its guard says; what an op makes of row-major operands is row-major; a view lies as
its op lays it over its source. Not known are inputs that are not row-major, results that follow such operands (numpy
keeps their order), and most views where sizes are named.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import numpy as np

from lamella.tensor import Tensor
from lamella.tensor.extend import MetaArray, Op, rule

from ._sizes import plain

__all__ = ["FOLLOWING", "Kept", "Layouts"]

# Opaque ops whose results lie as their operands do.
FOLLOWING = frozenset(
    {
        "adagrad", "adam", "amsgrad", "attention", "attention_grad", "cat", "cross_entropy_grad", "cummax", "cummin",
        "cumprod", "cumsum", "damped_momentum", "gru_layer", "gru_layer_grad", "kthvalue", "logcumsumexp", "lstm_layer",
        "lstm_layer_grad", "rnn_layer", "rnn_layer_grad", "sgd", "view_write",
    }
)  # fmt: skip


class Kept(enum.Enum):
    """What a view op gives: a view, a copy, or either, where the layout is not known."""

    VIEW = 0
    COPY = 1
    EITHER = 2


class Layouts:
    """The layouts of one trace, by storage; storages that are not here are row-major."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}  # id(storage) -> (the storage, an array that lies as it will)
        self._unknown: dict[int, Any] = {}

    def is_row_major(self, t: Tensor) -> bool:
        """Whether a tensor is row-major for certain."""
        data = t._data
        number = id(data)
        if number in self._known or number in self._unknown:
            return False
        return type(data) is MetaArray or bool(data.flags.c_contiguous)

    def is_copied(self, t: Tensor) -> bool:
        """Whether t is known not to be row-major, so that a row-major tensor of its values is a copy."""
        return id(t._data) in self._known

    def made(self, op: Op, args: tuple[Any, ...], out: Any) -> None:
        """Note the layout of what an op that is no view has made of its operands."""
        if (op.spec == "elementwise" or op.spec == "reduce" or op.name in FOLLOWING) and op.name != "copy":
            for a in args:
                if isinstance(a, Tensor) and not self.is_row_major(a):
                    self._unknown[id(out)] = out
                    return

    def viewed(self, op: Op, t: Tensor, params: dict[str, Any], out: MetaArray, named: bool) -> Kept:
        """Whether a view op on t gives a view; notes how it lies. `named` tells that sizes are."""
        source = None if named else self._array(t)
        if source is None:
            return self._unsure(op, t, params, out)
        array = source
        if op.name in ("reshape", "as_strided"):
            try:
                array = np.reshape(source, out.shape if op.name == "reshape" else -1, copy=False)
            except ValueError:
                return Kept.COPY
        if op.name != "reshape":
            array = rule(op, "numpy")(array, **params)
        if not array.flags.c_contiguous:
            self._known[id(out)] = (out, array)
        return Kept.VIEW

    def _unsure(self, op: Op, t: Tensor, params: dict[str, Any], out: MetaArray) -> Kept:
        tidy = self.is_row_major(t)
        # sizes are compared by name: comparing numbers would be a decision to guard
        shape = plain(tuple(t._data.shape))
        if op.name == "reshape" and (tidy or shape != plain(tuple(out.shape))):
            return Kept.VIEW if tidy else Kept.EITHER
        whole = op.name not in ("permute", "slice", "as_strided") and shape == plain(tuple(out.shape))
        if not tidy or not (whole or (op.name == "slice" and _is_run(plain(params["index"]), shape))):
            self._unknown[id(out)] = out
        return Kept.EITHER if op.name == "as_strided" and not tidy else Kept.VIEW

    def _array(self, t: Tensor) -> Any:
        """An array over no memory to speak of that lies as t does, and that nobody reads; None where that is open."""
        found = self._known.get(id(t._data))
        if found is not None:
            return found[1]
        if not self.is_row_major(t):
            return None
        data = t._data
        strides = [data.dtype.itemsize * math.prod(data.shape[d + 1 :]) for d in range(len(data.shape))]
        return np.lib.stride_tricks.as_strided(np.empty(1, data.dtype), data.shape, strides)


def _is_run(index: tuple[Any, ...], shape: tuple[Any, ...]) -> bool:
    """Whether what an index takes of a row-major array lies in one piece: single places along the first dims, a range
    along the next, and everything along the others.
    """
    singles = next((d for d, part in enumerate(index) if isinstance(part, tuple)), len(index))
    if singles < len(index) and index[singles][2] != 1:
        return False
    return all(part == (0, n, 1) for part, n in zip(index[singles + 1 :], shape[singles + 1 :], strict=True))
