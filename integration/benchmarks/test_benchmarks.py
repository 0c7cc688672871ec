"""The benchmark runner without its timings: stories are found, rows keep their word, the page is updated in place."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks._case import Case
from benchmarks._page import excused, table, update_page
from benchmarks._row import Measured, Row, read_rows, write_rows
from benchmarks._stories import cases_of, find_case, story_names

PROMISED = {
    "eager",
    "mlp",
    "import",
    "weight",
    "kernels",
    "compile-time",
    "memory",
    "quickstart",
    "sweep",
    "train",
    "infer",
    "data",
}

ROW = Row(
    story="eager", case="add", metric="time", unit="us", ours=0.5, peer=1.0, peer_name="torch 2.13.0", ratio=0.5,
    limit=0.75, ok=True, threads=2, cpu="a cpu", commit="1234567", blas="a core", date="2026-01-01", load=0.01,
)  # fmt: skip


def test_the_promised_stories_are_there():
    assert set(story_names()) >= PROMISED


@pytest.mark.parametrize("story", sorted(PROMISED))
def test_cases_have_names_of_their_own(story):
    cases = cases_of(story)
    assert cases
    assert all(isinstance(case, Case) for case in cases)
    assert len({case.name for case in cases}) == len(cases)
    assert all(find_case(story, case.name).name == case.name for case in cases)


def test_unknown_names_say_what_there_is():
    with pytest.raises(SystemExit, match=r"no story 'nothing'; there are: .*eager"):
        cases_of("nothing")
    with pytest.raises(SystemExit, match=r"has no case 'nothing'; it has: add"):
        find_case("eager", "nothing")


@pytest.mark.parametrize(
    ("rate", "limit", "met", "ratio", "ok"),
    [
        (False, 0.75, None, 0.5, True),
        (False, 0.4, None, 0.5, False),
        (True, 0.75, None, 2.0, False),
        (False, None, None, 0.5, True),
        (False, 0.4, True, 0.5, True),
    ],
)
def test_ratio_is_below_one_when_better(rate, limit, met, ratio, ok):
    one = Measured(case="c", metric="m", unit="u", ours=1.0, peer=2.0, peer_name="p", limit=limit, rate=rate, met=met)
    assert (one.ratio, one.ok) == (ratio, ok)


def test_rows_survive_their_file(tmp_path: Path):
    path = tmp_path / "rows.json"
    write_rows(path, [ROW])
    assert read_rows(path) == [ROW]
    path.write_text("[{}]")
    with pytest.raises(SystemExit, match="expected a list of rows"):
        read_rows(path)


def test_the_page_keeps_everything_but_its_tables(tmp_path: Path):
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- bench eager begin -->\nold\n<!-- bench eager end -->\nafter\n")
    update_page([ROW], page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert table([ROW]) in text
    assert "old" not in text
    update_page([ROW], page)
    assert page.read_text() == text


def test_the_page_refuses_what_does_not_belong(tmp_path: Path):
    page = tmp_path / "performance.md"
    page.write_text("nothing here\n")
    with pytest.raises(SystemExit, match="has no lines"):
        update_page([ROW], page)
    with pytest.raises(SystemExit, match="different runs"):
        update_page([ROW, dataclasses.replace(ROW, commit="7654321")], page)


def test_a_shortfall_needs_a_reason(tmp_path: Path):
    page = tmp_path / "performance.md"
    page.write_text("- SHORTFALL eager/add 0.75 0.9 the allocator\nSHORTFALL eager/rand-8\n")
    assert excused("SHORTFALL", "eager", "add", page)
    assert not excused("SHORTFALL", "eager", "rand-8", page)
    assert not excused("UNMEASURED", "eager", "add", page)
