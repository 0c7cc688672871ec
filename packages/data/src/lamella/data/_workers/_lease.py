"""Pools for one pass, or for many: tickets that never repeat, and answers that no pass waits for any more are dropped.

Random-access datasets need one pool, whose workers take any task. Every worker over an iterable is a pool of one: its
next task goes on where its last one stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from lamella.data._protocols import Keys
from lamella.data._workers._task import Done, Pool, Task


@final
class Lease:
    """What a pass has of its pools; with `kept` they stay for the next one."""

    def __init__(self, pools: Sequence[Pool], *, kept: bool) -> None:
        self._pools = pools
        self._next_ticket = 0
        self._first_ticket = 0  # of the pass that holds the lease
        self.kept = kept
        self.idle = False

    def begin(self) -> None:
        """A pass takes the pools: what earlier ones left behind is dropped when it comes."""
        self.idle = False
        self._first_ticket = self._next_ticket

    def submit(self, epoch: int, step: int, indices: Keys, pool: int = 0) -> int:
        """Hand out a task; gives its ticket."""
        ticket = self._next_ticket
        self._next_ticket += 1
        self._pools[pool].submit(Task(ticket, epoch, step, indices))
        return ticket

    def next(self, timeout: float, pool: int = 0) -> Done:
        """The next answer to this pass; RuntimeError after `timeout` seconds (0: no limit)."""
        while True:
            try:
                done = self._pools[pool].next(timeout or None)
            except TimeoutError:
                raise RuntimeError(
                    f"DataLoader timed out after {timeout} seconds without a batch; raise timeout=, or find out what "
                    "the dataset waits for"
                ) from None
            if done.ticket >= self._first_ticket:
                return done

    def finish(self, *, broken: bool = False) -> None:
        """The pass is over, whole or not: the pools wait for the next one, or end."""
        if self.kept and not broken:
            self.idle = True
        else:
            self.close()

    def close(self) -> None:
        """End all workers; may be called again."""
        self.kept = self.idle = False
        for pool in self._pools:
            pool.close()
