"""Where a training step waits for data, and the one knob to turn.

Per step: how long the loop waited for its batch, how long it computed, and what the workers (or the caller's thread)
did for a batch. The time lost is the wait alone; it is charged to the stages in proportion to what they took.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import final

from lamella.data._workers._task import Timings

STAGES = tuple(stage.name for stage in fields(Timings))
# A wait that is a smaller part of the step than this is not worth a change.
_NEGLIGIBLE = 0.05
# Part of the workers' time that they read: above, more of them are wanted; below, they wait to be asked.
_BUSY = 0.7


@final
@dataclass(frozen=True, slots=True)
class StallReport:
    """Milliseconds per step of the newest pass: `step_ms` in all, `wait_ms` of it waiting for data, `lost_ms` by stage,
    `work_ms` what a batch costs by stage; `busy` is the part of the workers' time that they worked.
    """

    steps: int
    step_ms: float
    wait_ms: float
    lost_ms: dict[str, float]
    work_ms: dict[str, float]
    busy: float
    knob: str

    def __str__(self) -> str:
        if not self.steps:
            return "no step yet: take the report after a pass, or in the middle of one"
        share = self.wait_ms / self.step_ms if self.step_ms else 0.0
        lines = [
            f"{self.steps} steps of {self.step_ms:.3f} ms, {self.wait_ms:.3f} ms of it ({share:.0%}) waiting for data",
            "            lost ms   work ms",
        ]
        lines += [
            f"{stage:<10}{self.lost_ms[stage]:>9.3f} {self.work_ms[stage]:>9.3f}"
            for stage in STAGES
            if self.work_ms[stage] > 0
        ]
        return "\n".join([*lines, self.knob])


@final
class StallClock:
    """Sums of one pass."""

    def __init__(self) -> None:
        self.steps = 0
        self.wait = 0.0
        self.whole = 0.0
        self.work = Timings()

    def add(self, wait: float, whole: float, timings: Timings) -> None:
        """A step: seconds waited, seconds in all, and what its batch took."""
        self.steps += 1
        self.wait += wait
        self.whole += whole
        self.work.add(timings)

    def report(self, workers: str, num_workers: int, pinned: bool) -> StallReport:
        """The means per step."""
        steps = max(self.steps, 1)
        work = {stage: getattr(self.work, stage) for stage in STAGES}
        worked = sum(work.values())
        lost = {stage: self.wait * seconds / worked if worked else 0.0 for stage, seconds in work.items()}
        busy = worked / (self.whole * max(num_workers, 1)) if self.whole else 0.0
        waiting = self.wait / self.whole if self.whole else 0.0
        return StallReport(
            self.steps,
            1e3 * self.whole / steps,
            1e3 * self.wait / steps,
            {stage: 1e3 * seconds / steps for stage, seconds in lost.items()},
            {stage: 1e3 * seconds / steps for stage, seconds in work.items()},
            min(busy, 1.0),
            knob(waiting, work, busy, workers, num_workers, pinned),
        )


def knob(waiting: float, work: dict[str, float], busy: float, workers: str, num_workers: int, pinned: bool) -> str:
    """The one thing to change, for the part of a step that waits, seconds by stage, and how busy the workers are."""
    if waiting < _NEGLIGIBLE:
        return "nothing to turn: data is there when it is asked for"
    worst = max(work, key=lambda stage: work[stage])
    if num_workers == 0:
        return f"turn num_workers up from 0: {worst} then runs beside the step"
    if worst == "copy":
        if pinned:
            return "turn on prefetch_to_device(loader, device, depth=2): copies then run beside the step"
        return "turn on pin_memory=True: copies to the device then run beside the step"
    if worst == "transfer":
        return "turn to workers='thread': batches then need no way between processes"
    if worst == "collate":
        return "give the dataset gather(indices), or make collate_fn cheaper: putting records together takes longest"
    if busy < _BUSY:
        return f"turn prefetch_factor up: {num_workers} workers are idle {1 - busy:.0%} of the time, but not at once"
    if worst == "transform" and workers == "thread":
        return "turn to workers='process': Python code in threads runs one at a time"
    return f"turn num_workers up from {num_workers}: all of them {worst} all the time"
