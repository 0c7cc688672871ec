"""docs/performance.md: one table a story between markers, written from rows; everything else there is written by hand.

A limit that is missed has a line `SHORTFALL story/case wanted got why`, and what could not run has
`UNMEASURED story/case why`; these lines are what --check accepts instead of a met limit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from benchmarks._machine import ROOT
from benchmarks._row import Row

__all__ = ["PAGE", "excused", "table", "update_page"]

PAGE = ROOT / "docs" / "performance.md"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def table(rows: Iterable[Row]) -> str:
    """A Markdown table of rows."""
    lines = ["| case | metric | ours | peer | peer is | ratio | limit | |", "|---|---|---:|---:|---|---:|---:|---|"]
    for row in rows:
        if row.detail:
            continue
        limit = "" if row.limit is None else f"{row.limit:g}"
        lines.append(
            f"| {row.case} | {row.metric} | {_number(row.ours)} {row.unit} | {_number(row.peer)} {row.unit} "
            f"| {row.peer_name} | {row.ratio:.2f} | {limit} | {'' if row.ok else 'missed'} |"
        )
    return "\n".join(lines)


def excused(word: str, story: str, case: str, page: Path = PAGE) -> bool:
    """Whether the page has a line `WORD story/case ...`."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return re.search(rf"^(?:- )?{word} {re.escape(story)}/{re.escape(case)} \S", text, re.MULTILINE) is not None


def update_page(rows: list[Row], page: Path = PAGE) -> None:
    """Replace the tables of the stories that `rows` belong to; SystemExit when the page has no place for one."""
    text = page.read_text(encoding="utf-8")
    for story in dict.fromkeys(row.story for row in rows):
        of_story = [row for row in rows if row.story == story]
        first = of_story[0]
        runs = {(row.date, row.cpu, row.blas, row.commit, row.threads) for row in of_story}
        if len(runs) > 1:
            raise SystemExit(f"the rows of {story!r} come from different runs: {sorted(runs)}; give one run a story")
        busy = max(row.load for row in of_story)
        head = (
            f"{first.date}, {first.cpu}, {first.blas}, {first.threads} threads, commit {first.commit}, "
            f"other programs used at most {busy:.0%} of the processors."
        )
        begin, end = f"<!-- bench {story} begin -->", f"<!-- bench {story} end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{page} has no lines {begin!r} and {end!r}; write them where the table belongs")
        block = f"{begin}\n{head}\n\n{table(of_story)}\n{end}"
        text = pattern.sub(block.replace("\\", r"\\"), text)
    scratch = page.with_name(page.name + ".new")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, page)
