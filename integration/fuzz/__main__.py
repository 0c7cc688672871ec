"""`python -m integration.fuzz N [--seed S]`: N random programs, each eager, interpreted and compiled, with gradients.

Prints failures minimised with their seeds, and how often each op stood in a graph. The status is 1 where any failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from lamella.tensor.extend import OPS

from .check import check, minimised, ops_of
from .program import make

__all__ = ["main"]

_EVERY = 50


def main() -> int:
    """Run the programs of the seeds [seed, seed + count)."""
    parser = argparse.ArgumentParser(prog="python -m integration.fuzz", description=__doc__)
    parser.add_argument("count", type=int, help="how many programs")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first one")
    arguments = parser.parse_args()
    failures, families, started = 0, Counter[str](), time.perf_counter()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        program = make(seed)
        families.update(program.families)
        words = check(program)
        if words:
            failures += 1
            small = minimised(program)
            print(
                f"seed {seed}: {words}\n{small.source()}\n  # {small.dtype}, {small.shapes}: {check(small)}", flush=True
            )
        done = seed - arguments.seed + 1
        if done % _EVERY == 0:
            rate = (time.perf_counter() - started) / done
            print(f"{done} programs, {failures} failed, {rate:.2f} s each", flush=True)
    seen = ops_of()
    print(f"seeds {arguments.seed} to {arguments.seed + arguments.count - 1}: {failures} failed")
    print("families: " + ", ".join(f"{name} {n}" for name, n in families.most_common()))
    print(f"ops in graphs: {len(seen)} of {len(OPS)}: " + " ".join(f"{name}:{n}" for name, n in seen.most_common()))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
