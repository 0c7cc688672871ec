"""Finds stories and their cases; a story is a file of `benchmarks/stories`, none is listed anywhere."""

from __future__ import annotations

import importlib
from pathlib import Path

from benchmarks._case import Case

__all__ = ["cases_of", "find_case", "story_names"]

FOLDER = Path(__file__).parent / "stories"


def story_names() -> list[str]:
    """All stories, sorted."""
    return sorted(path.stem.replace("_", "-") for path in FOLDER.glob("[a-z]*.py"))


def cases_of(story: str) -> list[Case]:
    """The cases of a story; SystemExit listing the stories when there is none of that name."""
    if story not in story_names():
        raise SystemExit(f"no story {story!r}; there are: {', '.join(story_names())}")
    module = importlib.import_module(f"benchmarks.stories.{story.replace('-', '_')}")
    return list(module.CASES)


def find_case(story: str, name: str) -> Case:
    """One case by name; SystemExit listing the story's cases when it has none of that name."""
    cases = {case.name: case for case in cases_of(story)}
    if name not in cases:
        raise SystemExit(f"story {story!r} has no case {name!r}; it has: {', '.join(cases)}")
    return cases[name]
