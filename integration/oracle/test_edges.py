"""The table of edge behaviour is what PyTorch does today, and holds every case of its generator."""

from __future__ import annotations

import json
import platform
import warnings

import pytest
import torch

from integration.oracle.edges import TABLE, rows, value_of

pytestmark = pytest.mark.oracle

_TABLE = json.loads(TABLE.read_text(encoding="utf-8"))
_SECTIONS = ("shared", "processor", "ours") if platform.machine() in ("x86_64", "AMD64") else ("shared",)


def _theirs(text: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of complex numbers that become real
        return list(value_of(torch, text))


@pytest.mark.parametrize("section", _SECTIONS)
def test_the_table_is_what_the_oracle_does(section: str) -> None:
    rows_of = _TABLE[section]
    wrong = [row[0] for row in rows_of if _theirs(row[0]) != (row[3:5] if section == "ours" else row[1:3])]
    assert wrong == []
    assert section != "ours" or all(row[1:3] != row[3:5] for row in rows_of)


def test_the_table_holds_every_case() -> None:
    assert [(name, row[0]) for name in ("shared", "processor", "ours") for row in _TABLE[name]] == sorted(
        ((section, text) for section, text, _ in rows()), key=lambda r: ("shared", "processor", "ours").index(r[0])
    )
