"""Command line: `python -m benchmarks STORY... [--case C] [--quick] [--json FILE] [--check]`, or `--report FILE...`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks._bench import Bench
from benchmarks._case import Case, CaseFailed
from benchmarks._machine import IDLE_LIMIT, THREADS, Machine, Watch
from benchmarks._page import PAGE, excused, table, update_page
from benchmarks._row import Measured, Row, read_rows, write_rows
from benchmarks._stories import cases_of, find_case, story_names

__all__ = ["main"]


def main() -> int:
    """Run stories and print their tables; 1 when a case fails, or with --check for a missed limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Lamella beside its peers.")
    parser.add_argument("stories", nargs="*", metavar="STORY", help=f"of: {', '.join(story_names())}; or: all")
    parser.add_argument("--case", action="append", metavar="C", help="only this case (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter blocks: for a look, not for a page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    parser.add_argument("--check", action="store_true", help=f"fail on a missed limit without a line in {PAGE.name}")
    parser.add_argument(
        "--report", nargs="+", type=Path, metavar="FILE", help=f"put the rows of these files into {PAGE}"
    )
    arguments = parser.parse_args()
    if arguments.report:
        update_page([row for path in arguments.report for row in read_rows(path)])
        return 0
    stories = story_names() if arguments.stories == ["all"] else arguments.stories
    if not stories:
        parser.error(f"name a story: {', '.join(story_names())}")
    named = arguments.case or ()
    chosen = [(s, [find_case(s, c) for c in named] or [c for c in cases_of(s) if not c.only_named]) for s in stories]
    machine = Machine.here()
    rows: list[Row] = []
    failed: list[tuple[str, str]] = []
    for story, cases in chosen:
        print(f"{story}: {machine.cpu}, {machine.blas}, {THREADS} threads, commit {machine.commit}", flush=True)
        new = run(machine, Bench(story, arguments.quick), cases, failed)
        print(table(new), flush=True)
        rows += new
    if arguments.json is not None:
        write_rows(arguments.json, rows)
    missed = [(row.story, row.case) for row in rows if not row.ok]
    if arguments.check:
        failed = [(story, name) for story, name in failed if not excused("UNMEASURED", story, name)]
        missed = [(story, name) for story, name in missed if not excused("SHORTFALL", story, name)]
        for story, name in missed:
            print(f"{story}/{name} misses its limit and {PAGE.name} has no SHORTFALL line for it")
    return 1 if failed or (arguments.check and missed) else 0


def run(machine: Machine, bench: Bench, cases: list[Case], failed: list[tuple[str, str]]) -> list[Row]:
    """Measure cases of one story; what could not run is appended to `failed`."""
    rows: list[Row] = []
    for case in cases:
        try:
            found, busy = _least_disturbed(case, bench)
        except CaseFailed as error:
            failed.append((bench.story, case.name))
            print(f"{case.name}: not measured: {error}", flush=True)
            continue
        new = [
            Row(
                story=bench.story, case=one.case, metric=one.metric, unit=one.unit, ours=one.ours, peer=one.peer,
                peer_name=one.peer_name, ratio=one.ratio, limit=one.limit, ok=one.ok, threads=THREADS,
                cpu=machine.cpu, commit=machine.commit, blas=machine.blas, date=machine.date, load=busy,
                detail=one.detail,
            )
            for one in found
        ]  # fmt: skip
        rows.extend(new)
        for row in (row for row in new if not row.detail):
            print(f"  {row.case:24} {row.metric:18} {row.ratio:6.2f}  {'ok' if row.ok else 'MISSED'}", flush=True)
    return rows


def _least_disturbed(case: Case, bench: Bench) -> tuple[list[Measured], float]:
    """The rows of a case and the load of others meanwhile; a disturbed measurement is repeated, the calmest counts."""
    tries: list[tuple[float, list[Measured]]] = []
    for _ in range(1 if bench.quick else 3):
        watch = Watch()
        rows = case.measure(bench)
        tries.append((watch.load(), rows))
        if tries[-1][0] <= IDLE_LIMIT:
            break
    busy, rows = min(tries, key=lambda one: one[0])
    if busy > IDLE_LIMIT:
        print(f"warning: other programs used {busy:.0%} of the processors: {case.name} is off", flush=True)
    return rows, busy


if __name__ == "__main__":
    sys.exit(main())
