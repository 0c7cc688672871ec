"""Minimum cuts against the best of all cuts on small random networks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamella.graph._passes._cut import INFINITE, Network


def price(edges: list[tuple[int, int, float]], early: tuple[bool, ...]) -> float:
    return sum(c for a, b, c in edges if early[a] and not early[b])


@pytest.mark.parametrize("seed", range(30))
def test_a_cut_is_the_smallest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 9))
    net, edges = Network(), []
    for _ in range(count - 2):
        net.vertex()
    for _ in range(int(rng.integers(count, 4 * count))):
        a, b = (int(v) for v in rng.integers(0, count, 2))
        inner = 0 not in (a, b) and 1 not in (a, b)
        capacity = INFINITE if inner and rng.random() < 0.2 else float(rng.integers(0, 9))
        if a != b:
            edges.append((a, b, capacity))
            net.edge(a, b, capacity)
    best = min(price(edges, (True, False, *rest)) for rest in itertools.product((True, False), repeat=count - 2))
    early = tuple(net.cut())
    assert early[0]
    assert not early[1]
    assert price(edges, early) == best


def test_a_cut_that_cannot_be_made_is_refused() -> None:
    net = Network()
    middle = net.vertex()
    net.edge(0, middle, INFINITE)
    net.edge(middle, 1, INFINITE)
    with pytest.raises(ValueError, match="no cut is finite"):
        net.cut()
