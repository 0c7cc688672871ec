"""Where results lie in memory: what a trace takes for granted, of every op."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from lamella.graph._layouts import FOLLOWING
from lamella.tensor.extend import OPS, rule
from lamella.testing import op_samples


def orders(arrays: tuple[Any, ...]) -> Iterator[list[Any]]:
    """The arrays in every order of memory: all those of one rank, and each on its own."""
    for rank in sorted({a.ndim for a in arrays if isinstance(a, np.ndarray)}):
        chosen = [i for i, a in enumerate(arrays) if isinstance(a, np.ndarray) and a.ndim == rank]
        for order in itertools.permutations(range(rank)):
            for those in (chosen, *([i] for i in chosen)):
                yield [
                    a.transpose(order).copy().transpose(np.argsort(order)) if i in those else copy.copy(a)
                    for i, a in enumerate(arrays)
                ]


def test_what_follows_the_layout_of_its_operands() -> None:
    """Results of other ops are row-major whatever their operands are, and all are where the operands are."""
    following = set()
    for sample in op_samples():
        if sample.op.spec == "view":
            continue
        kind = sample.dtypes[0]
        arrays, params = sample.arrays(kind), sample.params(kind)
        for given in orders(arrays):
            tidy = all(a.flags.c_contiguous for a in given if isinstance(a, np.ndarray))
            out = rule(sample.op, "numpy")(*given, **params)
            for o in out if isinstance(out, tuple) else (out,):
                if not o.flags.c_contiguous:
                    assert not tidy, sample
                    following.add(sample.op_name)
    assert {n for n in following if OPS[n].spec not in ("elementwise", "reduce")} <= FOLLOWING
    assert "cat" in following
    assert "copy" not in following
