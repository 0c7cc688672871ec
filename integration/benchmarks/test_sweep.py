"""The sweep without its timings: its rows have names of their own."""

from __future__ import annotations

from benchmarks.sweep import FAMILIES


def test_names_are_distinct():
    names = [row.name for rows in FAMILIES.values() for row in rows]
    assert len(set(names)) == len(names)
