"""One side of a comparison in a process of its own; run as `python -m benchmarks._worker STORY CASE SIDE`.

It prepares the side, then answers requests, one JSON line each: {"time": [number, blocks], "statement": text} with
seconds a call of a statement for every block of `number` calls, {"call": text} with the value of an expression.
Standard output belongs to the answers: whatever the measured code prints goes to standard error. The garbage collector
stays on, as in a user's program.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import timeit
from typing import TextIO

from benchmarks._machine import THREADS
from benchmarks._stories import find_case

__all__ = ["main"]


def _limit_threads(side: str) -> None:
    if side.startswith("ours"):
        from lamella.tensor import set_num_threads

        set_num_threads(THREADS)
    elif side.startswith("torch"):
        import torch

        torch.set_num_threads(THREADS)


def _answer(channel: TextIO, value: object) -> None:
    channel.write(json.dumps(value) + "\n")
    channel.flush()


def main(story: str, case_name: str, side: str) -> None:
    """Prepare one side of a case and serve its parent until standard input ends."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    case = find_case(story, case_name)
    _limit_threads(side)
    names = {**case.sides[side](), "_gc": gc}
    timers: dict[str, timeit.Timer] = {}
    _answer(channel, "ready")
    for line in sys.stdin:
        request = json.loads(line)
        if "time" in request:
            number, blocks = request["time"]
            statement = request["statement"]
            timer = timers.get(statement)
            if timer is None:
                timer = timers[statement] = timeit.Timer(statement, setup="_gc.enable()", globals=names)
            gc.collect()
            _answer(channel, [timer.timeit(number) / number for _ in range(blocks)])
        else:
            _answer(channel, float(eval(request["call"], names)))


if __name__ == "__main__":
    main(*sys.argv[1:])
