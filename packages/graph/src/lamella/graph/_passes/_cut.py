"""Minimum cuts: Dinic's algorithm over arrays of edges."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["INFINITE", "Network"]

INFINITE: Final = float("inf")


class Network:
    """Edges with capacities between vertices 0, 1, ...; vertex 0 is the source, 1 the sink."""

    def __init__(self) -> None:
        self._to: list[int] = []
        self._room: list[float] = []
        self._edges: list[list[int]] = [[], []]

    def vertex(self) -> int:
        """A new vertex."""
        self._edges.append([])
        return len(self._edges) - 1

    def edge(self, a: int, b: int, capacity: float) -> None:
        """An edge from a to b, which takes part in a cut where only a is on the source's side."""
        for start, end, room in ((a, b, capacity), (b, a, 0.0)):
            self._edges[start].append(len(self._to))
            self._to.append(end)
            self._room.append(room)

    def cut(self) -> list[bool]:
        """For each vertex whether a smallest cut leaves it with the source; ValueError where every cut is infinite."""
        while True:
            level = self._levels()
            if level[1] < 0:
                return [n >= 0 for n in level]
            next_edge = [0] * len(self._edges)
            while True:
                path = self._path(level, next_edge)
                if not path:
                    break
                flow = min(self._room[e] for e in path)
                if flow == INFINITE:
                    raise ValueError("no cut is finite: the sink hangs on the source by edges that cannot be cut")
                for e in path:
                    self._room[e] -= flow
                    self._room[e ^ 1] += flow

    def _levels(self) -> list[int]:
        level = [-1] * len(self._edges)
        level[0] = 0
        queue = deque([0])
        while queue:
            at = queue.popleft()
            for e in self._edges[at]:
                if self._room[e] > 0 and level[self._to[e]] < 0:
                    level[self._to[e]] = level[at] + 1
                    queue.append(self._to[e])
        return level

    def _path(self, level: list[int], next_edge: list[int]) -> list[int]:
        """Edges of one way from source to sink along rising levels; empty where there is none left."""
        path: list[int] = []
        at = 0
        while at != 1:
            edges = self._edges[at]
            while next_edge[at] < len(edges):
                e = edges[next_edge[at]]
                if self._room[e] > 0 and level[self._to[e]] == level[at] + 1:
                    break
                next_edge[at] += 1
            else:
                if not path:
                    return []
                dead = path.pop()
                at = self._to[dead ^ 1]
                next_edge[at] += 1
                continue
            path.append(e)
            at = self._to[e]
        return path
