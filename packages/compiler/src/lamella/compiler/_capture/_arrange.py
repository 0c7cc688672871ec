"""Which values the pieces of a forked program take from one another, what is alive while each runs, and how a budget is
kept.

While a piece runs, what earlier ones gave is alive as far as any path that the answers so far can lead to needs it
later; beside it lies the plan of the piece, and behind the leaf the plan of the backward beside what the leaf keeps for
it. With a budget the price of a byte rises until the largest of these sums fits, over all paths that share a segment:
first for the pieces of a new path alone, then for all, then for single ones. Each piece is brought down to what is left
for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lamella.graph import Graph

from ._budget import WORTHS, Less, unreachable
from ._pieces import Leaf, Piece, Section, Shape, clean
from ._segments import Path, Segment, Segments, Step

__all__ = ["joined"]

_SMALL = 1024  # bytes of a value that is not let go before its call ends, where there is no budget
_FREE = 1e-6  # a price at which only what costs nothing is computed again
_PRICES = (_FREE, *WORTHS)
_Prices = Mapping[Section, float | None]
_Planner = Callable[[Graph], int]


class _Arrangement:
    """The pieces of some paths at some prices: what each computes, and by path and segment which ids are needed behind
    its answer, by the path itself and by any that the answers so far can lead to.
    """

    def __init__(self, paths: Sequence[Path], prices: _Prices) -> None:
        self.paths = paths
        self.shapes: dict[Section, Shape] = {p.section: p.section.shape((), prices[p.section]) for p in paths}
        later = {p: [self.shapes[p.section].takes] for p in paths}  # of what begins at each segment, the last first
        for depth in reversed(range(max(len(p.segments) for p in paths))):
            through = [p for p in paths if depth < len(p.segments)]
            wanted: dict[Segment, set[int]] = {}
            for p in through:
                wanted.setdefault(p.segments[depth], set()).update(later[p][-1])
            for segment, ids in wanted.items():
                section = segment.section
                self.shapes[section] = section.shape(ids & section.made.keys(), prices[section])
            for p in through:
                segment = p.segments[depth]
                later[p].append(later[p][-1] | self.shapes[segment.section].takes | {segment.number})
        kin: dict[tuple[Segment, tuple[object, ...]], frozenset[int]] = {}
        for p in paths:
            for n, segment in enumerate(p.segments):
                key = segment, p.keys[: n + 1]
                kin[key] = kin.get(key, frozenset()) | later[p][-2 - n]
        self.needed: dict[Path, list[frozenset[int]]] = {}
        self.kept: dict[Path, list[frozenset[int]]] = {}
        for p in paths:
            self.needed[p] = [_made(p, n, later[p][-2 - n]) for n in range(len(p.segments))]
            self.kept[p] = [_made(p, n, kin[s, p.keys[: n + 1]]) for n, s in enumerate(p.segments)]

    def alive(self) -> dict[Section, int]:
        """The most bytes that earlier pieces gave and that are alive while a piece runs."""
        found: dict[Section, int] = {}
        for p in self.paths:
            sections = [*[s.section for s in p.segments], p.section]
            for section, ids in zip(sections, [frozenset[int](), *self.kept[p]], strict=True):
                found[section] = max(found.get(section, 0), sum([p.sizes[i] for i in ids]))
        return found


def _made(path: Path, n: int, ids: frozenset[int]) -> frozenset[int]:
    """Those that the first segments of a path make, up to number n."""
    return frozenset([i for i in ids if path.made_at.get(i, sys.maxsize) <= n])


class _Found(NamedTuple):
    """An arrangement, the most bytes over all its moments, and the graphs that reach that."""

    arrangement: _Arrangement
    prices: _Prices
    path: Path
    bytes: int
    at: Section
    fits: dict[Section, Graph]
    after: Graph | None


def joined(tree: Segments, options: Sequence[Path], planner: _Planner | None, budget: int | None) -> Path:
    """One of the paths, which differ in what they keep for their backward, as a part of the tree; CaptureError where
    not all paths can keep the budget, and then nothing has changed.
    """
    old = tree.paths(options[0].segments[0])
    if planner is None or budget is None:
        [path] = options
        paths = [*old, path]
        arrangement = _Arrangement(paths, dict.fromkeys(_sections(paths)))
        leaf = path.section
        found = _Found(arrangement, {}, path, 0, leaf, {leaf: clean(arrangement.shapes[leaf].graph)}, path.after)
    else:
        found = _Search(planner, budget).best(old, options)
    _commit(found, budget is not None)
    tree.add(found.path)
    return found.path


def _sections(paths: Sequence[Path]) -> list[Section]:
    return list(dict.fromkeys([s for p in paths for s in [*[segment.section for segment in p.segments], p.section]]))


def _commit(found: _Found, has_budget: bool) -> None:
    """Let the paths run as found."""
    arrangement, fits = found.arrangement, found.fits
    leaves = {}
    for p in arrangement.paths:
        fit = fits.get(p.section)
        if fit is None or (p.plan is not None and p.leaf.graph == fit):
            leaves[p] = p.leaf
        else:
            leaves[p] = Leaf(fit, p.compile_graph)
    segments = dict.fromkeys([s for p in arrangement.paths for s in p.segments])
    pieces = {s: s.planned(_piece(s, arrangement.shapes[s.section], fits.get(s.section))) for s in segments}
    for section, price in found.prices.items():
        section.price = price
    least = 1 if has_budget else _SMALL
    for p in arrangement.paths:
        before, steps = frozenset[int](), []
        for segment, kept, needed in zip(p.segments, arrangement.kept[p], arrangement.needed[p], strict=True):
            there = before.union(pieces[segment].shape.gives)
            dead = tuple([i for i in there - kept if p.sizes[i] >= least])
            steps.append(Step(pieces[segment], dead, kept, needed))
            before = kept
        p.plan = tuple(steps), leaves[p]
    if has_budget:
        found.path.after = found.after


def _piece(segment: Segment, shape: Shape, fit: Graph | None) -> Piece:
    return Piece(shape, fit, segment.number, segment.read, segment.kind, segment.compile_graph)


# -- with a budget


class _Search:
    """Looks for prices at which a tree keeps a budget. What is tried does not hang on the budget, only where the search
    ends: so the least that is named can be had.
    """

    def __init__(self, planner: _Planner, budget: int) -> None:
        self._planner = planner
        self._budget = budget
        self._less: dict[int, tuple[Graph, Less]] = {}  # by the graph that it begins with
        self._after: dict[int, Less] = {}
        self._seen: dict[tuple[int, ...], _Found] = {}

    def best(self, old: Sequence[Path], options: Sequence[Path]) -> _Found:
        """The first arrangement that fits; CaptureError naming the least that was reached."""
        if old:
            for path, prices in self._all(old, options):
                found = self._at(old, path, {s: p if s.price is None else s.price for s, p in prices.items()})
                if found.bytes <= self._budget:
                    return found
        tried = []
        for path, prices in self._all(old, options):
            found = self._at(old, path, prices)
            if found.bytes <= self._budget:
                return found
            tried.append(found)
        least = min(tried, key=lambda found: found.bytes)
        while True:
            better = self._single(old, least)
            if better.bytes <= self._budget:
                return better
            if better is least:
                raise unreachable(least.path.graph.name, self._budget, least.bytes)
            least = better

    def _all(self, old: Sequence[Path], options: Sequence[Path]) -> Iterator[tuple[Path, dict[Section, float]]]:
        for path in options:
            for price in _PRICES:
                yield path, dict.fromkeys(_sections([*old, path]), price)

    def _single(self, old: Sequence[Path], least: _Found) -> _Found:
        """The best of what differs in the price of one piece."""
        touching = [p for p in least.arrangement.paths if least.at in _sections([p])]
        best = least
        for section in _sections(touching):
            for price in _PRICES:
                found = self._at(old, least.path, {**least.prices, section: price})
                if found.bytes < best.bytes:
                    best = found
                if found.bytes <= self._budget:
                    return found
        return best

    def _at(self, old: Sequence[Path], path: Path, prices: _Prices) -> _Found:
        arrangement = _Arrangement([*old, path], prices)
        key = id(path), *[id(shape.graph) for shape in arrangement.shapes.values()]
        if key not in self._seen:
            self._seen[key] = self._measured(arrangement, path, prices)
        return self._seen[key]

    def _measured(self, arrangement: _Arrangement, path: Path, prices: _Prices) -> _Found:
        fits: dict[Section, Graph] = {}
        moments: list[tuple[int, Section]] = []
        for section, alive in arrangement.alive().items():
            fits[section], planned = self._within(arrangement.shapes[section].graph, alive)
            moments.append((alive + planned, section))
        after = path.after
        for p in arrangement.paths:
            if p.after is not None:
                less = self._after.setdefault(id(p.after), Less(p.after, self._planner))
                # that of an older path is compiled
                fit, planned = less.within(self._budget - p.held if p is path else sys.maxsize)
                after = fit if p is path else after
                moments.append((p.held + planned, p.section))
        most, at = max(moments, key=lambda moment: moment[0])
        return _Found(arrangement, prices, path, most, at, fits, after)

    def _within(self, graph: Graph, alive: int) -> tuple[Graph, int]:
        """A piece brought down to what is left beside other values, and the bytes that it takes."""
        if id(graph) not in self._less:
            self._less[id(graph)] = graph, Less(clean(graph), self._planner)
        return self._less[id(graph)][1].within(self._budget - alive)
